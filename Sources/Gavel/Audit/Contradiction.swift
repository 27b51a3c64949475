// What verification says of the first entry that the rules do not give: recorded and expected, with
// the names of what they speak of, as a value and as a sentence.

package import AuctionDomain

/// An entry that contradicts the rules, with its names.
package struct Contradiction: Hashable, Sendable {
    /// The entry as recorded, and what the rules give instead.
    package let redecision: Redecision
    package let names: ContradictionNames

    init(_ redecision: Redecision, in state: State) {
        self.redecision = redecision
        var names = ContradictionNames()
        names.take(EntryHandles(of: redecision.recorded), from: state)
        if case .outcome(let outcome) = redecision.ruling {
            let entry = redecision.recorded
            names.take(
                EntryHandles(
                    of: LedgerEntry(
                        position: entry.position, time: entry.time, commandID: entry.commandID,
                        actor: entry.actor, command: entry.command, outcome: outcome, links: [])),
                from: state)
        }
        switch redecision.ruling {
        case .closingDue(let auction, _):
            var handles = EntryHandles()
            handles.auctions.insert(auction)
            names.take(handles, from: state)
        case .outcome, .notDue, .finished, .noOutage, .otherTime, .otherEpoch, .otherActor,
            .refused:
            break
        }
        self.names = names
    }

    /// `by the rules …, recorded is …`: the events that differ, amounts in minor units.
    package var words: String {
        let recorded = redecision.recorded.outcome
        switch redecision.ruling {
        case .outcome(let outcome):
            return "by the rules the outcome is \(words(outcome, beside: recorded)), recorded is "
                + words(recorded, beside: outcome)
        case .notDue(let closesAt):
            return "the auction is closed before its end"
                + (closesAt == nil ? ": time does not end it" : "")
        case .finished(let position):
            return "an auction is closed that was finished at position \(position)"
        case .closingDue(let auction, _):
            return "by the rules \(names.id(of: auction)) would be closed first, which had ended"
        case .noOutage(let objection): return Self.words(objection)
        case .otherTime: return "a closing has another time than its auction's end"
        case .otherEpoch(let epoch): return "epoch \(epoch) is followed by \(epoch &+ 1) only"
        case .otherActor:
            return "what the engine does by itself nobody else does, and it does nothing else"
        case .refused(let refusal): return "the engine refuses such a command: \(refusal.name)"
        }
    }

    private static func words(_ objection: OutageObjection) -> String {
        switch objection {
        case .finished(let position):
            "an outage moves the end of an auction that was finished at position \(position)"
        case .movesNothing: "an outage moves an end, but the auction's rules move none"
        case .tooShort: "an outage moves an end, but was not longer than the rules let pass"
        case .endOutside: "an outage moves an end that did not come while it lasted"
        case .notOver: "an outage moves an end before it is over"
        }
    }

    private func words(_ outcome: Outcome, beside other: Outcome) -> String {
        switch outcome {
        case .rejected(let rejection): return "\(rejection)"
        case .accepted(let events):
            var own = EventList(events.filter { !other.events.contains($0) })
            if own.isEmpty {
                // Nothing of its own: fewer events, or the same in another order.
                if Set(events) != Set(other.events) { return "without that" }
                own = events
            }
            return own.map { words($0) }.joined(separator: " ")
        }
    }

    private func words(_ event: Event) -> String {
        func list(_ fields: (name: String, value: String)...) -> String {
            "\(event.name)(" + fields.map { "\($0.name) \($0.value)" }.joined(separator: ", ") + ")"
        }
        func amount(_ amount: Money) -> String { String(amount.minorUnits) }
        func user(_ user: UserHandle) -> String { names.id(of: user).string }
        switch event {
        case .charged(let payment), .withdrawn(let payment):
            return list(("user", user(payment.user)), ("amount", amount(payment.amount)))
        case .locked(_, let holder, let locked, let held):
            return list(
                ("user", user(holder)), ("amount", amount(locked)), ("held", amount(held)))
        case .refunded(_, let holder, let refunded, let reason):
            return list(
                ("user", user(holder)), ("amount", amount(refunded)), ("reason", "\(reason)"))
        case .settled(_, let winner, let seller, let paid, let fee):
            return list(
                ("winner", user(winner)), ("seller", user(seller)), ("amount", amount(paid)),
                ("fee", amount(fee)))
        case .leadTaken(_, let bidder, let maximum, let price),
            .maximumRaised(_, let bidder, let maximum, let price):
            return list(
                ("bidder", user(bidder)), ("maximum", amount(maximum)), ("price", amount(price)))
        case .bidAbsorbed(_, let bidder, let price):
            return list(("bidder", user(bidder)), ("price", amount(price)))
        case .boughtNow(_, let buyer, let price):
            return list(("buyer", user(buyer)), ("price", amount(price)))
        case .auctionClosed(_, let outcome, let winner, let price):
            return list(
                ("outcome", "\(outcome)"), ("winner", winner.map(user) ?? "none"),
                ("price", amount(price)))
        case .auctionExtended(_, let closesAt, let reason):
            return list(
                ("closes_at_ns", String(closesAt.nanoseconds)), ("reason", "\(reason)"))
        case .closeConfirmed(_, let position, let outcome):
            return list(("position", String(position)), ("outcome", "\(outcome)"))
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .auctionOpened, .auctionCancelled:
            return event.name
        }
    }
}

/// What the handles of a contradicting entry stand for. One that nothing had registered before it
/// shows as its number.
package struct ContradictionNames: Hashable, Sendable, Names {
    private var users: [UserHandle: UserID] = [:]
    private var auctions: [AuctionHandle: AuctionID] = [:]
    private var auctionCurrencies: [AuctionHandle: CurrencyHandle] = [:]
    private var currencies: [CurrencyHandle: Currency] = [:]

    mutating func take(_ handles: EntryHandles, from state: State) {
        for auction in handles.auctions where auction.index < state.auctionCount {
            auctions[auction] = state.id(of: auction)
            auctionCurrencies[auction] = state[auction].currency
            take(state[auction].currency, from: state)
        }
        for user in handles.users where user.index < state.userCount {
            users[user] = state.id(of: user)
        }
        for currency in handles.currencies { take(currency, from: state) }
    }

    private mutating func take(_ currency: CurrencyHandle, from state: State) {
        guard currency.index < state.currencyCount else { return }
        currencies[currency] = state.currency(of: currency)
    }

    package func id(of user: UserHandle) -> UserID {
        users[user] ?? (user == .house ? .house : UserID(unchecked: "user:\(user.rawValue)"))
    }
    package func id(of auction: AuctionHandle) -> AuctionID {
        auctions[auction] ?? AuctionID(unchecked: "auction:\(auction.rawValue)")
    }
    package func currency(of currency: CurrencyHandle) -> Currency {
        currencies[currency]
            ?? Currency(code: CurrencyCode(unchecked: "currency:\(currency.rawValue)"), scale: 0)
    }
    package func currency(of auction: AuctionHandle) -> Currency {
        currency(of: auctionCurrencies[auction] ?? .none)
    }
}
