// The steps of one auction's price: each entry about it, in words.

package import Gavel
import GavelJSON

/// Turns steps into rows.
package struct StepInWords {
    let currency: Currency
    let names: Reading

    package init(currency: Currency, names: Reading) {
        self.currency = currency
        self.names = names
    }

    package func row(_ step: AuctionStep) -> [String?] {
        [
            String(step.point.position), step.point.time.rfc3339, who(step),
            step.amount?.formatted(in: currency), what(step),
            step.price?.formatted(in: currency), step.priceReason.map(describe),
        ]
    }

    package func row(_ step: PublicStep) -> [String?] {
        [
            String(step.point.position), step.point.time.rfc3339,
            who(step.bidder, step.actor), step.amount?.formatted(in: currency),
            describe(step.facts, proxy: step.proxy, price: step.price),
            step.price?.formatted(in: currency), step.priceReason.map(describe),
        ]
    }

    /// Who bid, or else who acted.
    package func who(_ step: AuctionStep) -> String { who(step.bidder, step.actor) }

    private func who(_ bidder: UserHandle?, _ actor: CanonicalActor) -> String {
        bidder.map { names.id(of: $0).string } ?? actorName(actor, names: names)
    }

    /// What happened.
    package func what(_ step: AuctionStep) -> String {
        step.rejection.map { "rejected: " + describeRejection($0, in: currency) }
            ?? describe(step.facts, proxy: step.proxy, price: step.price)
    }

    private func describe(_ facts: [AuctionFact], proxy: Bool, price: Money?) -> String {
        facts.map { describe($0, proxy: proxy, price: price) }.joined(separator: "; ")
    }

    private func describe(_ fact: AuctionFact, proxy: Bool, price: Money?) -> String {
        switch fact {
        case .opened(let opensAt, let closesAt):
            "opened, bids from \(opensAt.rfc3339)"
                + (closesAt.map { " until \($0.rfc3339)" } ?? "")
        case .leads(let former):
            "leads" + (former.map { ", ahead of \(names.id(of: $0))" } ?? "")
        case .raised: proxy ? "raises the own maximum" : "raises the own bid"
        case .absorbed(let leader): "absorbed, \(names.id(of: leader)) stays ahead"
        case .boughtNow: "buys now"
        case .extended(let closesAt, .firstBid): "first bid: ends at \(closesAt.rfc3339)"
        case .extended(let closesAt, .softClose): "soft close: ends at \(closesAt.rfc3339)"
        case .extended(let closesAt, .outage): "outage: ends at \(closesAt.rfc3339)"
        case .extended(let closesAt, .operator): "extended until \(closesAt.rfc3339)"
        case .sold(let winner, let paid):
            "closed, sold to \(names.id(of: winner))"
                + (paid == price ? "" : ", who pays \(paid.formatted(in: currency))")
        case .closed(let outcome): "closed, \(outcome.jsonName)"
        case .closeConfirmed(let position, let outcome):
            "closing at position \(position) confirmed, \(outcome.jsonName)"
        case .cancelled(let reason): "cancelled" + (reason.isEmpty ? "" : ": \(reason)")
        }
    }

    private func describe(_ reason: PublicPriceReason) -> String {
        switch reason {
        case .openingPrice: describe(PriceReason.openingPrice)
        case .bid: describe(PriceReason.bid)
        case .buyNow: describe(PriceReason.buyNow)
        case .proxy: "proxy bidding"
        }
    }

    private func describe(_ reason: PriceReason) -> String {
        switch reason {
        case .openingPrice: "the opening price"
        case .bid: "the bid"
        case .stepAboveFormerMaximum: "a step above the former maximum"
        case .ownMaximum: "the own maximum, less than a step above the former"
        case .stepAboveAbsorbedBid: "a step above the absorbed bid"
        case .leaderMaximum: "the leader's maximum, less than a step above the bid"
        case .reserve: "the reserve, which a maximum reaches"
        case .buyNow: "the buy-now price"
        }
    }
}

/// Who stands behind an entry, for tables.
package func actorName(of entry: LedgerEntry, names: some Names) -> String {
    switch LedgerActor(of: entry, names: names) {
    case nil: "system"
    case .operator: "operator"
    case .payment: "payment"
    case .user(let user): user.string
    }
}

/// A rejection with its limit in decimals: `bid_below_minimum (minimum 16.00 USD)`.
package func describeRejection(_ rejection: Rejection, in currency: Currency?) -> String {
    guard let limitName = rejection.code.limitName, let currency else {
        return rejection.code.name
    }
    return "\(rejection.code.name) (\(limitName) \(rejection.limit.formatted(in: currency)))"
}
