// Events as sentences, with the figures that led to their amounts.
//
// Invariant: figures of the rules stand beside recorded ones only where both are the same: of an
// entry that contradicts the rules nothing is told but what is recorded.

package import Gavel
import GavelJSON

package struct EventInWords {
    let explanation: Explanation
    let names: Reading

    package init(explanation: Explanation, names: Reading) {
        self.explanation = explanation
        self.names = names
    }

    /// What an event did, without a full stop.
    package func sentence(_ event: Event) -> String {
        if !explanation.isSameToday, let recorded = recorded(event) { return recorded }
        switch event {
        case .ledgerCreated: return "The ledger was created, with the user house"
        case .keyRotated: return "Another key signs checkpoints from here on"
        case .ledgerRestored(let restoration):
            return "The ledger is \(restoration.ledger.hexadecimal) from here on"
        case .engineOpened(let epoch): return "Epoch \(epoch) began"
        case .currencyRegistered(_, let currency): return "\(currency.code) was registered"
        case .userRegistered(_, let user): return "\(user) was registered, with an empty wallet"
        case .charged(let payment):
            return "\(money(payment)) came in for \(id(payment.user))"
        case .withdrawn(let payment):
            return "\(money(payment)) of \(id(payment.user)) went out"
        case .locked, .refunded, .settled: return movement(event)
        case .auctionOpened, .auctionExtended, .auctionClosed, .closeConfirmed,
            .auctionCancelled:
            return life(event)
        case .leadTaken, .maximumRaised, .bidAbsorbed, .boughtNow: return bidding(event)
        }
    }

    // MARK: What contradicts the rules

    /// What is recorded and nothing else; nil where that is what is said of every such event.
    private func recorded(_ event: Event) -> String? {
        switch event {
        case .locked(_, let user, let amount, let held):
            return "\(money(amount)) of \(id(user)) was locked, \(money(held)) in all"
        case .refunded(_, let user, let amount, let reason):
            return "\(money(amount)) went back to \(id(user)); the recorded reason is \(reason)"
        case .settled(_, let winner, let seller, let amount, let fee):
            return "\(id(winner)) paid \(money(amount)); \(id(seller)) got "
                + "\(money(amount - fee)); the house got \(money(fee))"
        case .leadTaken(_, let bidder, let maximum, let price),
            .maximumRaised(_, let bidder, let maximum, let price):
            return "\(id(bidder)) is recorded as leading with \(money(maximum)) at the price of "
                + money(price)
        case .bidAbsorbed(_, let bidder, let price):
            return "The bid of \(id(bidder)) is recorded as absorbed at the price of "
                + money(price)
        case .boughtNow(_, let buyer, let price):
            return "\(id(buyer)) is recorded as buying the lot for \(money(price))"
        case .auctionExtended(_, let closesAt, let reason):
            return "The end is recorded as \(closesAt.rfc3339), for the reason \(reason)"
        case .auctionClosed(_, let outcome, let winner, let price):
            let who = winner.map { " to \(id($0))" } ?? ""
            return "The auction is recorded as \(outcome.jsonName)\(who) at \(money(price))"
        case .closeConfirmed(_, let position, let outcome):
            return "A closing at position \(position) is recorded as confirmed, \(outcome.jsonName)"
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .auctionOpened, .auctionCancelled:
            return nil
        }
    }

    // MARK: Money

    private func movement(_ event: Event) -> String {
        switch event {
        case .locked(_, let user, let amount, let held):
            let all = held == amount ? "" : ", \(money(held)) in all"
            return "\(money(amount)) of \(id(user)) was locked\(all)\(premium(of: held))"
        case .refunded(_, let user, let amount, let reason):
            let because =
                switch reason {
                case .outbid: "another bid leads"
                case .change: "more was held than is paid"
                case .cancelled: "the auction was cancelled"
                case .reserveNotMet: "the reserve was not met"
                case .boughtNow: "somebody bought the lot"
                }
            return "\(money(amount)) went back to \(id(user)): \(because)"
        case .settled(_, let winner, let seller, let amount, let fee):
            return settlement(winner, seller, amount, fee)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .auctionOpened, .leadTaken, .maximumRaised,
            .bidAbsorbed, .boughtNow, .auctionExtended, .auctionClosed, .closeConfirmed,
            .auctionCancelled:
            return event.name
        }
    }

    /// What of a hold is premium, where there is one.
    private func premium(of held: Money) -> String {
        guard let rules = explanation.after?.rules, rules.fees.buyer != .none,
            let maximum = explanation.after?.record.maximum,
            rules.fees.paid(at: maximum) == held
        else { return "" }
        return ": \(money(maximum)) and a premium of \(money(held - maximum))"
    }

    private func settlement(
        _ winner: UserHandle, _ seller: UserHandle, _ amount: Money, _ fee: Money
    ) -> String {
        guard let after = explanation.after else { return "settled" }
        let price = after.record.price
        var words = "\(id(winner)) paid \(money(amount))"
        if amount > price {
            words += ": price \(money(price)) + premium \(money(amount - price))"
        }
        let proceeds = after.rules.fees.proceeds(at: price)
        words += "; \(id(seller)) got \(money(amount - fee))"
        if proceeds < price {
            words += ": price \(money(price)) − fee \(money(price - proceeds))"
        }
        if fee > .zero { words += "; the house got \(money(fee))" }
        return words
    }

    // MARK: The auction's life

    private func life(_ event: Event) -> String {
        switch event {
        case .auctionOpened(_, let opening, let opensAt):
            let end = opening.closesAt.map { " until \($0.rfc3339)" } ?? ""
            let title = opening.title.isEmpty ? "" : ", \u{201C}\(opening.title)\u{201D},"
            return "\(opening.auction)\(title) takes bids from \(opensAt.rfc3339)\(end)"
        case .auctionExtended(_, let closesAt, let reason):
            let old = explanation.before.flatMap { before in
                before.record.endsAt?.rfc3339
            }
            let move = old.map { "\($0) → \(closesAt.rfc3339)" } ?? closesAt.rfc3339
            return "The end is \(move): \(cause(reason))"
        case .auctionClosed(_, let outcome, let winner, let price):
            return closing(outcome, winner, price)
        case .closeConfirmed(_, let position, let outcome):
            return "Nothing new: it was closed at position \(position), \(outcome.jsonName)"
        case .auctionCancelled(let auction): return "\(names.id(of: auction)) was cancelled"
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .leadTaken,
            .maximumRaised, .bidAbsorbed, .boughtNow:
            return event.name
        }
    }

    private func cause(_ reason: ExtensionReason) -> String {
        let rules = explanation.before?.rules
        let words = rules.map { RulesInWords($0, currency: currency) }
        return switch reason {
        case .operator: "the operator said so"
        case .softClose: "soft close, \(words?.softClose ?? "")"
        case .firstBid: "the first bid starts the clock, \(words?.duration ?? "")"
        case .outage: "nobody could bid when it came, \(words?.outage ?? "")"
        }
    }

    private func closing(
        _ outcome: AuctionOutcome, _ winner: UserHandle?, _ price: Money
    ) -> String {
        let reserve = explanation.before?.rules.reservePrice
        switch outcome {
        case .noBids: return "Closed unsold: there was no bid"
        case .reserveNotMet:
            let bound = reserve.map { " the reserve of \(money($0))" } ?? " its reserve"
            return "Closed unsold: the price of \(money(price)) is below\(bound)"
        case .sold:
            let met = reserve.map { ", which meets the reserve of \(money($0))" } ?? ""
            // A sale without a winner is none that these rules decide.
            let winner = winner.map { id($0) } ?? "nobody"
            return "Closed: \(winner) has the lot at \(money(price))\(met)"
        }
    }

    // MARK: Bidding

    private func bidding(_ event: Event) -> String {
        switch event {
        case .leadTaken(_, let bidder, _, let price):
            let former = explanation.before?.leader.map { ", ahead of \(id($0))" } ?? ""
            return "\(id(bidder)) leads\(former); \(newPrice(price))"
        case .maximumRaised(_, let bidder, let maximum, let price):
            let what = explanation.before?.rules.proxy == true ? "maximum" : "bid"
            return "\(id(bidder)) leads still and raised the \(what) to \(money(maximum)); "
                + newPrice(price)
        case .bidAbsorbed(_, _, let price):
            let leader = explanation.before?.leader.map { id($0) } ?? "the leader"
            let maximum = explanation.before.map { money($0.record.maximum) } ?? ""
            return "\(leader) stays ahead, whose maximum of \(maximum) was not passed; "
                + newPrice(price)
        case .boughtNow(_, let buyer, let price):
            return "\(id(buyer)) bought the lot at the buy-now price of \(money(price))"
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .auctionOpened,
            .auctionExtended, .auctionClosed, .closeConfirmed, .auctionCancelled:
            return event.name
        }
    }

    private func newPrice(_ price: Money) -> String {
        let old = explanation.before?.leader == nil ? nil : explanation.before?.record.price
        if old == price { return "the price stays \(money(price))" }
        let move = old.map { "\(money($0)) → \(money(price))" } ?? money(price)
        return "the price is \(move)\(reason().map { ", " + $0 } ?? "")"
    }

    /// Why the price is what it is, with the figures.
    private func reason() -> String? {
        guard let reason = explanation.step?.priceReason, let before = explanation.before else {
            return nil
        }
        let maximum = before.record.maximum
        func step(at price: Money) -> String { money(before.rules.increments.step(at: price)) }
        let leader = before.leader.map { id($0) } ?? "the leader"
        let bid = explanation.step?.amount ?? .zero
        return switch reason {
        case .openingPrice: "the opening price"
        case .bid: "the bid itself"
        case .stepAboveFormerMaximum:
            "a step of \(step(at: maximum)) above \(leader)'s maximum of \(money(maximum))"
        case .ownMaximum:
            "the own maximum: a step of \(step(at: maximum)) above \(leader)'s maximum of "
                + "\(money(maximum)) would be more"
        case .stepAboveAbsorbedBid:
            "a step of \(step(at: bid)) above the bid of \(money(bid))"
        case .leaderMaximum:
            "\(leader)'s maximum: a step of \(step(at: bid)) above the bid of \(money(bid)) "
                + "would be more"
        case .reserve: "the reserve, which this maximum reaches"
        case .buyNow: "the buy-now price"
        }
    }

    // MARK: Short

    private func id(_ user: UserHandle) -> String { names.id(of: user).string }
    private func money(_ amount: Money) -> String { amount.formatted(in: currency) }
    private func money(_ payment: Payment) -> String {
        payment.amount.formatted(in: names.currency(of: payment.currency))
    }
    private var currency: Currency {
        let handle = explanation.after?.record.currency ?? explanation.before?.record.currency
        return handle.map { names.currency(of: $0) } ?? Currency(code: "units", scale: 0)
    }
}
