// The steps of one auction's price: each entry about it, in words.

import Gavel
import GavelJSON

/// Prints a row for every entry about an auction, oldest first.
func printSteps(of view: AuctionView, _ reader: LedgerReader, on output: Output) throws {
    var table = Table(
        [
            .right("position"), .left("time"), .left("by"), .right("amount"),
            .left("what happened"), .right("price"),
        ], on: output)
    var steps = AuctionSteps(view: view, names: reader.reading)
    var cursor: String?
    repeat {
        let page = try reader.history(
            of: .auction(view.auction), .oldestFirst, after: cursor, limit: pageItemsMax)
        for entry in page.items { try table.row(steps.next(entry)) }
        cursor = page.cursor
    } while cursor != nil
    try table.print()
}

/// Turns entries into rows and remembers the price between them.
private struct AuctionSteps {
    private let currency: Currency
    private let rules: AuctionRules
    private let names: Reading
    private var price: Money?
    private var leader: UserHandle?

    init(view: AuctionView, names: Reading) {
        currency = view.currency
        rules = view.rules
        self.names = names
    }

    mutating func next(_ entry: LedgerEntry) -> [String?] {
        let what =
            switch entry.outcome {
            case .rejected(let rejection): describe(rejection)
            case .accepted(let events): describe(events, of: entry.command)
            }
        return [
            String(entry.position), entry.time.rfc3339, bidder(of: entry),
            amount(of: entry.command)?.formatted(in: currency), what,
            price?.formatted(in: currency),
        ]
    }

    /// Who bid; for everything else, who acted.
    private func bidder(of entry: LedgerEntry) -> String {
        if case .placeBid(_, let bidder, _) = entry.command { return names.id(of: bidder).string }
        return actorName(of: entry, names: names)
    }

    private func amount(of command: CanonicalCommand) -> Money? {
        if case .placeBid(_, _, let amount) = command { amount } else { nil }
    }

    private func describe(_ rejection: Rejection) -> String {
        "rejected: " + describeRejection(rejection, in: currency)
    }

    private mutating func describe(
        _ events: EventList, of command: CanonicalCommand
    ) -> String {
        events.compactMap { describe($0, of: command) }.joined(separator: "; ")
    }

    /// What an event did to the auction; nil where another event of the entry says it.
    private mutating func describe(_ event: Event, of command: CanonicalCommand) -> String? {
        switch event {
        case .auctionOpened(_, let opening, let opensAt):
            let end = opening.closesAt.map { " until \($0.rfc3339)" } ?? ""
            return "opened, bids from \(opensAt.rfc3339)\(end)"
        case .leadTaken(_, let bidder, _, let price):
            let former = leader.map { ", ahead of \(names.id(of: $0))" } ?? ""
            (leader, self.price) = (bidder, price)
            return "leads\(former)"
        case .maximumRaised(_, let bidder, _, let price):
            (leader, self.price) = (bidder, price)
            return rules.proxy ? "raises the own maximum" : "raises the own bid"
        case .bidAbsorbed(_, _, let price):
            self.price = price
            return "absorbed" + (leader.map { ", \(names.id(of: $0)) stays ahead" } ?? "")
        case .auctionExtended(_, let closesAt):
            return "extended until \(closesAt.rfc3339)"
        case .auctionClosed(_, .sold, let winner, let price):
            self.price = price
            return "closed, sold to \(names.id(of: winner))"
        case .auctionClosed(_, let outcome, _, _):
            return "closed, \(outcome.jsonName)"
        case .closeConfirmed(_, let position, let outcome):
            return "closing at position \(position) confirmed, \(outcome.jsonName)"
        case .auctionCancelled:
            guard case .cancelAuction(_, let reason) = command, !reason.isEmpty else {
                return "cancelled"
            }
            return "cancelled: \(reason)"
        case .ledgerCreated, .engineOpened, .currencyRegistered, .userRegistered, .charged,
            .withdrawn, .locked, .refunded, .settled:
            return nil
        }
    }
}

/// Who stands behind an entry, for tables.
func actorName(of entry: LedgerEntry, names: Reading) -> String {
    switch Actor(of: entry, names: names) {
    case nil: "system"
    case .operator: "operator"
    case .payment: "payment"
    case .user(let user): user.string
    }
}

/// A rejection with its limit in decimals: `bid_below_minimum (minimum 16.00 USD)`.
func describeRejection(_ rejection: Rejection, in currency: Currency?) -> String {
    guard let limitName = rejection.code.limitName, let currency else {
        return rejection.code.name
    }
    return "\(rejection.code.name) (\(limitName) \(rejection.limit.formatted(in: currency)))"
}
