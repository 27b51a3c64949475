// Explanations as JSON: the entry, what stood, the rules asked, the figures, the balances moved.
//
// Invariants: rules asked and figures are the rules' own, whatever is recorded; amounts are in
// minor units as everywhere; a field that does not apply is null; `because` is the sentence people
// get.

import Gavel
import GavelJSON
import GavelReport

extension JSONWriter {
    /// Writes the fields of an explanation into an object.
    mutating func explanation(
        _ explanation: Explanation, of entry: LedgerEntry, sequel: AuctionSequel?,
        names: Reading
    ) {
        let words = ExplanationInWords(explanation: explanation, names: names)
        field("position", entry.position)
        field("time", entry.time)
        field("id", entry.commandID?.description)
        name("entry")
        self.entry(entry, names: names)
        field("asked", words.request)
        name("stood")
        object { object in
            object.name("auction")
            object.standing(explanation.before, names: names)
            object.name("account")
            if let account = explanation.account {
                object.account(account, names: names)
            } else {
                object.null()
            }
        }
        name("checks")
        checks(explanation.checks)
        name("passed")
        codes(explanation.passed)
        name("refused")
        refusal(explanation, names: names)
        name("not_asked")
        codes(explanation.notAsked)
        field("same_today", explanation.isSameToday)
        name("contradiction")
        contradiction(explanation, names: names)
        name("changes")
        changes(explanation, words, names: names)
        name("after")
        standing(explanation.after, names: names)
        if let sequel {
            field("next_lead_position", sequel.lead?.position)
            field("end_position", sequel.end?.position)
        }
    }

    private mutating func codes(_ codes: [Rejection.Code]) {
        array { array in
            for code in codes {
                array.object { object in
                    object.field("code", code.name)
                    object.field("number", code.rawValue)
                }
            }
        }
    }

    /// Each rule in order of precedence, as it answered.
    private mutating func checks(_ checks: [RuleCheck]) {
        array { array in
            for check in checks {
                array.object { object in
                    object.field("code", check.code.name)
                    object.field("number", check.code.rawValue)
                    let verdict =
                        switch check.verdict {
                        case .passed: "passed"
                        case .refused: "refused"
                        case .notReached: "not_reached"
                        }
                    object.field("verdict", verdict)
                }
            }
        }
    }

    /// What is recorded and what the rules give, where that is something else.
    private mutating func contradiction(_ explanation: Explanation, names: Reading) {
        guard let ruling = explanation.contradiction else { return null() }
        object { object in
            object.name("recorded")
            object.object { $0.outcome(explanation.recorded, names: names) }
            object.name("expected")
            object.object { $0.ruling(ruling, names: names) }
        }
    }

    private mutating func refusal(_ explanation: Explanation, names: Reading) {
        guard let refusing = explanation.refusing else {
            null()
            return
        }
        object { object in
            object.field("code", refusing.name)
            object.field("number", refusing.rawValue)
            let words = RefusalInWords(names: names, explanation: explanation)
            object.field("because", explanation.refusal.map { words.sentence($0) })
            object.name("figures")
            object.object { figures in
                if let refusal = explanation.refusal { figures.figures(refusal, names: names) }
            }
        }
    }

    /// What the rule compared; nothing for rules that compare no numbers or times.
    private mutating func figures(_ figures: RuleFigures, names: Reading) {
        switch figures {
        case .sellerCannotBid(let seller): field("seller", names.id(of: seller))
        case .notPermitted, .buyNowNotOffered: break
        case .userAlreadyRegistered(let user): field("user", names.id(of: user))
        case .currencyAlreadyRegistered(let currency):
            field("currency", names.currency(of: currency).code)
        case .auctionAlreadyOpened(_, let position): field("position", position)
        case .referenceAlreadyUsed(let payment): field("reference", payment.reference)
        case .auctionNotOpen(let opensAt): field("opens_at", opensAt)
        case .auctionEnded(let closesAt, let position):
            field("closes_at", closesAt)
            field("position", position)
        case .auctionCancelled(let position): field("position", position)
        case .auctionAlreadyClosed(let position, let outcome):
            field("position", position)
            field("outcome", outcome?.jsonName)
        case .auctionNotEnded(let closesAt): field("closes_at", closesAt)
        case .auctionHasBids(let count, let leader):
            field("accepted_bids", count)
            field("leader", names.id(of: leader))
        case .closesAtTooEarly(let given, let opensAt, _, let end):
            field("given", given)
            field("opens_at", opensAt)
            field("closes_at", end)
        case .buyNowEnded(let offer, let price, let leader):
            field("buy_now_price", offer.price)
            field("until", offer.until.jsonName)
            field("price", price)
            field("leader", leader.map { names.id(of: $0) })
        case .bidBelowOpening(let amount, let opening):
            field("amount", amount)
            field("opening_price", opening)
        case .bidBelowMinimum(let amount, let minimum, let price, let step):
            field("amount", amount)
            field("minimum", minimum)
            field("price", price)
            field("step", step)
        case .bidNotAboveOwnMaximum(let amount, let maximum):
            field("amount", amount)
            field("maximum", maximum)
        case .exceedsAvailable(let amount, let premium, let held, let needed, let available):
            field("amount", amount)
            field("premium", premium)
            field("held", held)
            field("needed", needed)
            field("available", available)
        case .overflowsTotalCharged(let amount, let charged):
            field("amount", amount)
            field("charged", charged)
        case .overflowsPrice(let price, let step):
            field("price", price)
            field("step", step)
        case .overflowsCurrencies(let count): field("currencies", count)
        }
    }

    private mutating func changes(
        _ explanation: Explanation, _ words: ExplanationInWords, names: Reading
    ) {
        array { array in
            for (explained, change) in zip(explanation.events, words.changes) {
                array.object { object in
                    object.name("event")
                    object.event(explained.event, names: names)
                    object.field("sentence", change.sentence)
                    object.name("balances")
                    object.array { array in
                        for account in explained.accounts {
                            array.object { object in
                                object.name("before")
                                object.account(account.before, names: names)
                                object.name("after")
                                object.account(account.after, names: names)
                            }
                        }
                    }
                }
            }
        }
    }

    private mutating func account(_ account: AccountStanding, names: Reading) {
        object { object in
            object.field("user", names.id(of: account.user))
            object.field("currency", names.currency(of: account.currency).code)
            object.field("available", account.available)
            object.field("locked", account.locked)
        }
    }

    private mutating func standing(_ standing: AuctionStanding?, names: Reading) {
        guard let standing else {
            null()
            return
        }
        let record = standing.record
        object { object in
            object.field("auction", names.id(of: standing.auction))
            object.field("seller", names.id(of: record.seller))
            object.field("currency", names.currency(of: record.currency).code)
            object.field("phase", "\(record.phase)")
            object.field("outcome", record.outcome?.jsonName)
            object.field("opens_at", record.opensAt)
            object.field("closes_at", record.endsAt)
            object.field("leader", standing.leader.map { names.id(of: $0) })
            object.field("price", standing.leader == nil ? nil : record.price)
            object.field("maximum", standing.leader == nil ? nil : record.maximum)
            object.field("held", record.held)
            object.field("step", standing.step)
            object.field("minimum_bid", record.phase == .open ? standing.minimumBid : nil)
            object.field("reserve_met", standing.isReserveMet)
            object.field("buy_now_price", standing.buyNowPrice)
            object.field("accepted_bids", record.acceptedBids)
            object.field("rejected_bids", record.rejectedBids)
            object.field("extensions", standing.extensions)
        }
    }
}
