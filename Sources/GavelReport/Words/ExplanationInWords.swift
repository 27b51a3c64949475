// An explanation in plain sentences: what was asked, what stood, which rule decided, what changed.

package import Gavel
import GavelJSON

package struct ExplanationInWords {
    let explanation: Explanation
    let names: Reading

    package init(explanation: Explanation, names: Reading) {
        self.explanation = explanation
        self.names = names
    }

    private var words: RefusalInWords { RefusalInWords(names: names, explanation: explanation) }

    // MARK: What was asked

    /// Who asked for what.
    package var request: String {
        let who = words.name(explanation.actor)
        switch explanation.command {
        case .createLedger: return "the engine created the ledger"
        case .openEngine(let epoch, let version):
            return "the engine, version \(version), opened the ledger for epoch \(epoch)"
        case .rotateKey(let rotation):
            return "the engine was told to sign checkpoints with the key "
                + "\(rotation.key.hexadecimal) instead of \(rotation.previous.hexadecimal)"
        case .restoreLedger(let restoration):
            return "the ledger went on from an older copy although a checkpoint had been signed "
                + "for \(restoration.checkpointSize) entries"
        case .closeDue(let auction): return "the end of \(names.id(of: auction)) had come"
        case .registerCurrency(let currency):
            return "\(who) asked to register the currency \(currency.code), scale "
                + "\(currency.scale)"
        case .registerUser(let user): return "\(who) asked to register \(user)"
        case .charge(let payment):
            return "\(who) asked to charge \(money(payment)) to \(id(payment.user)), reference "
                + payment.reference.string
        case .withdraw(let payment):
            return "\(who) asked to withdraw \(money(payment)) from \(id(payment.user)), "
                + "reference \(payment.reference)"
        case .openAuction(let opening):
            return "\(who) asked to open \(opening.auction) for \(id(opening.seller))"
        case .placeBid(let auction, let bidder, let amount):
            let upTo = explanation.before?.rules.proxy == true ? "up to " : ""
            return "\(who) asked for a bid of \(upTo)\(money(amount)) by \(id(bidder)) on "
                + names.id(of: auction).string
        case .buyNow(let auction, let buyer):
            return "\(who) asked to buy \(names.id(of: auction)) now for \(id(buyer))"
        case .closeAuction(let auction, let hammer):
            return "\(who) asked "
                + (hammer ? "to let the hammer fall on" : "for the outcome of")
                + " \(names.id(of: auction))"
        case .extendAuction(let auction, let closesAt):
            return "\(who) asked to extend \(names.id(of: auction)) until \(closesAt.rfc3339)"
        case .extendOutage(let auction, let since, let until):
            return "the house was out of reach from \(since.rfc3339) to \(until.rfc3339), and the "
                + "end of \(names.id(of: auction)) had come meanwhile"
        case .cancelAuction(let auction, let reason):
            return "\(who) asked to cancel \(names.id(of: auction))"
                + (reason.isEmpty ? "" : ": \(reason)")
        }
    }

    // MARK: What stood

    /// What stood just before, a sentence each.
    package var standing: [String] {
        var sentences: [String] = []
        if let before = explanation.before { sentences += standing(of: before) }
        if let account = explanation.account { sentences.append(standing(of: account)) }
        return sentences
    }

    private func standing(of auction: AuctionStanding) -> [String] {
        let record = auction.record
        let lot = names.id(of: auction.auction).string
        var sentences = [
            "\(lot), sold by \(id(record.seller)), was \(phase(record)): bids from "
                + record.opensAt.rfc3339
                + (record.endsAt.map { " until \($0.rfc3339)" } ?? "")
                + (auction.extensions > 0 ? ", extended by bids \(auction.extensions)×" : "")
        ]
        guard let leader = auction.leader else {
            if record.phase == .open {
                sentences.append(
                    "There was no bid yet; the first one had to reach the opening price of "
                        + money(record.openingPrice))
            }
            return sentences + offers(auction)
        }
        let verb = record.outcome == .sold ? "had won" : "led"
        let maximum = auction.rules.proxy ? " with a maximum of \(money(record.maximum))" : ""
        sentences.append(
            "\(id(leader)) \(verb) at \(money(record.price))\(maximum), holding "
                + money(record.held))
        if record.phase == .open {
            let sum = "price \(money(record.price)) + step \(money(auction.step))"
            sentences.append(
                auction.minimumBid.map { "The next bid had to reach \(money($0)): \(sum)" }
                    ?? "No bid could be high enough: \(sum)")
        }
        return sentences + offers(auction)
    }

    private func offers(_ auction: AuctionStanding) -> [String] {
        var sentences: [String] = []
        if let reserve = auction.rules.reservePrice, let isMet = auction.isReserveMet {
            sentences.append(
                "The reserve of \(money(reserve)) was \(isMet ? "met" : "not met")")
        }
        if let price = auction.buyNowPrice {
            sentences.append("It could be bought now for \(money(price))")
        }
        return sentences
    }

    private func phase(_ record: AuctionRecord) -> String {
        switch record.phase {
        case .cancelled: "cancelled"
        case .closed: "closed" + (record.outcome.map { ", \($0.jsonName)" } ?? "")
        case .open: explanation.point.time < record.opensAt ? "scheduled" : "open"
        }
    }

    private func standing(of account: AccountStanding) -> String {
        let currency = names.currency(of: account.currency)
        return "\(id(account.user)) had \(account.available.formatted(in: currency)) available "
            + "and \(account.locked.formatted(in: currency)) locked"
    }

    // MARK: Which rule decided

    /// What the rules answer on the state before, a sentence each, whatever is recorded.
    package var verdict: [String] {
        var sentences: [String] = []
        if !explanation.passed.isEmpty {
            sentences.append("Passed: " + list(explanation.passed))
        }
        if let refusing = explanation.refusing {
            let because = explanation.refusal.map { ": \(words.sentence($0))" } ?? ""
            sentences.append("Refused by \(refusing.name) (\(refusing.rawValue))" + because)
        } else if explanation.checks.isEmpty {
            sentences.append("No rule stands against it: it is the engine's own")
        } else {
            sentences.append("Accepted")
        }
        if !explanation.notAsked.isEmpty {
            sentences.append("Not asked any more: " + list(explanation.notAsked))
        }
        return sentences
    }

    /// Where the entry is not what the rules give: what is recorded and what they give, never in
    /// one sentence; empty where it is.
    package var contradiction: [String] {
        guard let ruling = explanation.contradiction else { return [] }
        let auction = explanation.before?.auction
        let currency = auction.map { names.currency(of: $0) }
        return [
            "This entry CONTRADICTS THE RULES",
            "Recorded: \(describeOutcome(explanation.recorded, in: currency))",
            "By the rules: \(describeRuling(ruling, in: currency, names))"
                + difference(from: ruling),
        ]
    }

    /// What differs where both are accepted with events of the same names.
    private func difference(from ruling: Ruling) -> String {
        guard case .outcome(.accepted(let events)) = ruling,
            explanation.recorded.rejection == nil,
            events.map(\.name) == explanation.recorded.events.map(\.name)
        else { return "" }
        let other = zip(events, explanation.recorded.events).filter { $0 != $1 }.map(\.0.name)
        return ", with other figures in " + other.joined(separator: " and ")
            + " (\(AdvisedCommand.redecide.line()) prints them)"
    }

    private func list(_ codes: [Rejection.Code]) -> String {
        codes.map { "\($0.name) (\($0.rawValue))" }.joined(separator: ", ")
    }

    // MARK: What changed

    /// What changed: a sentence for each event, and below it the balances it moved.
    package var changes: [(sentence: String, balances: [String])] {
        let events = EventInWords(explanation: explanation, names: names)
        return explanation.events.map { explained in
            (events.sentence(explained.event), explained.accounts.map { balances($0) })
        }
    }

    private func balances(_ change: AccountChange) -> String {
        let currency = names.currency(of: change.before.currency)
        func move(_ name: String, _ before: Money, _ after: Money) -> String {
            before == after
                ? "\(name) \(before.formatted(in: currency))"
                : "\(name) \(before.formatted(in: currency)) → \(after.formatted(in: currency))"
        }
        return "\(id(change.before.user)): "
            + move("available", change.before.available, change.after.available) + ", "
            + move("locked", change.before.locked, change.after.locked)
    }

    // MARK: Short

    private func id(_ user: UserHandle) -> String { names.id(of: user).string }
    private func money(_ payment: Payment) -> String {
        payment.amount.formatted(in: names.currency(of: payment.currency))
    }
    private func money(_ amount: Money) -> String {
        let handle = explanation.before?.record.currency ?? explanation.after?.record.currency
        return handle.map { amount.formatted(in: names.currency(of: $0)) }
            ?? String(amount.minorUnits)
    }
}

/// What became of an auction after an entry, in words.
package func describe(_ sequel: AuctionSequel, of auction: AuctionID, names: Reading) -> [String] {
    var sentences: [String] = []
    for event in sequel.lead?.outcome.events ?? [] {
        guard let lead = sequel.lead else { break }
        let place = "at position \(lead.position), \(lead.time.rfc3339)"
        guard let fact = event.bidFact else { continue }
        let price = fact.price.formatted(in: names.currency(of: fact.auction))
        let bidder = names.id(of: fact.bidder)
        switch fact.kind {
        case .leads: sentences.append("\(bidder) took the lead at \(price) \(place)")
        case .boughtNow: sentences.append("\(bidder) bought it now for \(price) \(place)")
        case .raised, .absorbed: break
        }
    }
    for event in sequel.end?.outcome.events ?? [] {
        guard let end = sequel.end else { break }
        let place = "at position \(end.position), \(end.time.rfc3339)"
        switch event.end {
        case .closed(let handle, let outcome, let winner, let price):
            let sale = winner.map { winner in
                ", to \(names.id(of: winner)) at "
                    + price.formatted(in: names.currency(of: handle))
            }
            sentences.append("\(auction) was closed \(place): \(outcome.jsonName)\(sale ?? "")")
        case .cancelled: sentences.append("\(auction) was cancelled \(place)")
        case nil: break
        }
    }
    return sentences
}
