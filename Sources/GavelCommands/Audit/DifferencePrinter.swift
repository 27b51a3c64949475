// Differences as a table or as JSON, one a line.
//
// Invariant: a row names one field of one thing, and its value on both sides; a thing that is
// missing on a side has no values there.

import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct DifferencePrinter {
    private let format: OutputFormat
    private let before: String
    private let after: String
    private let output: Output
    private var table: Table

    /// How many things differ.
    private(set) var count = 0

    init(_ format: OutputFormat, before: String, after: String, _ output: Output) {
        self.format = format
        self.before = before
        self.after = after
        self.output = output
        table = Table(
            [.left("what"), .left("name"), .left("field"), .right("before"), .right("after")],
            on: output)
    }

    mutating func print(_ difference: StateDifference) throws {
        count += 1
        let thing = Thing(difference)
        guard format == .json else {
            for change in thing.changes {
                try table.row([
                    thing.kind, thing.name, change.field, change.before?.words,
                    change.after?.words,
                ])
            }
            return
        }
        try output.line { object in
            object.field("difference", thing.kind)
            object.field("name", thing.name)
            object.field("currency", thing.currency?.code)
            object.name("changes")
            object.array { array in
                for change in thing.changes {
                    array.object { object in
                        object.field("field", change.field)
                        object.name("before")
                        object.write(change.before)
                        object.name("after")
                        object.write(change.after)
                    }
                }
            }
        }
    }

    mutating func end() throws {
        guard format == .table else { return }
        if count > 0 { try table.print() }
        output.write("\(counted(count, "difference")): before is \(before), after is \(after)\n")
    }
}

/// A value on one side.
private enum Side {
    case text(String)
    case number(UInt64)
    case amount(Money, Currency)

    var words: String {
        switch self {
        case .text(let text): text
        case .number(let number): String(number)
        case .amount(let amount, let currency): amount.formatted(in: currency)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ side: Side?) {
        switch side {
        case nil: null()
        case .text(let text): value(text)
        case .number(let number): value(number)
        case .amount(let amount, _): value(amount)
        }
    }
}

private struct Change {
    let field: String
    let before: Side?
    let after: Side?
}

/// One thing that differs, as rows.
private struct Thing {
    let kind: String
    let name: String
    var currency: Currency?
    var changes: [Change] = []

    init(_ difference: StateDifference) {
        switch difference {
        case .count(let what, let before, let after):
            (kind, name) = ("count", what)
            changes = [Change(field: "number", before: .number(before), after: .number(after))]
        case .currency(let code, let before, let after):
            (kind, name) = ("currency", code.string)
            let scale = (before ?? after)?.scale ?? 0
            currency = Currency(code: code, scale: scale)
            add(
                "scale", before.map { .number(UInt64($0.scale)) },
                after.map { .number(UInt64($0.scale)) })
            add("charged", amount(before?.charged), amount(after?.charged))
            add("withdrawn", amount(before?.withdrawn), amount(after?.withdrawn))
        case .user(let user, let isFirst):
            (kind, name) = ("user", user.string)
            let here = Side.text("registered")
            add("user", isFirst ? here : nil, isFirst ? nil : here)
        case .balance(let user, let currency, let before, let after):
            (kind, name) = ("wallet", user.string)
            self.currency = currency
            add("available", amount(before?.available), amount(after?.available))
            add("locked", amount(before?.locked), amount(after?.locked))
        case .auction(let id, let before, let after):
            (kind, name) = ("auction", id.string)
            currency = (before ?? after)?.view.currency
            addAuction(before, after)
        }
    }

    private func amount(_ amount: Money?) -> Side? {
        amount.flatMap { amount in currency.map { .amount(amount, $0) } }
    }

    private mutating func add(_ field: String, _ before: Side?, _ after: Side?) {
        if before?.words == after?.words { return }
        changes.append(Change(field: field, before: before, after: after))
    }

    private mutating func addAuction(_ before: AuctionFigures?, _ after: AuctionFigures?) {
        func both(_ field: String, _ value: (AuctionFigures) -> Side?) {
            add(field, before.flatMap(value), after.flatMap(value))
        }
        both("status") { .text($0.view.status.jsonName) }
        both("outcome") { $0.view.outcome.map { .text($0.jsonName) } }
        both("price") { amount($0.view.price) }
        both("paid") { amount($0.view.paid) }
        both("leader") { $0.view.leader.map { .text($0.string) } }
        both("maximum") { amount($0.maximum) }
        both("held") { amount($0.held) }
        both("bids") { .number($0.view.bids) }
        both("accepted_bids") { .number($0.view.acceptedBids) }
        both("opens_at") { .text($0.view.opensAt.rfc3339) }
        both("closes_at") { $0.view.closesAt.map { .text($0.rfc3339) } }
        both("extensions") { .number(UInt64($0.view.extensions)) }
        both("reserve_met") { $0.view.isReserveMet.map { .text($0 ? "yes" : "no") } }
        both("buy_now_price") { amount($0.view.buyNowPrice) }
        both("minimum_bid") { amount($0.view.minimumBid) }
        both("seller") { .text($0.view.seller.string) }
        both("title") { .text($0.view.title) }
        both("currency") { .text($0.view.currency.code.string) }
        both("opened_position") { .number($0.view.openedPosition) }
        both("closed_position") { $0.view.closedPosition.map { .number($0) } }
        both("rules") { figures in
            .text(RulesInWords(figures.view.rules, currency: figures.view.currency).all)
        }
    }
}
