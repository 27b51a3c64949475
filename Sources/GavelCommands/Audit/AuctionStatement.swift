// An auction's statement: how it stands, each entry about it with what was held after it, and the
// hold at the end.
//
// Invariant: what was held is added up from the entries; where that is not what the ledger says
// at the end, the statement ends with an error.

import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct AuctionStatement {
    private let id: AuctionID
    private let start: UInt64
    private let reader: LedgerReader
    private let format: OutputFormat
    private let output: Output
    private var table: Table

    /// Who holds how much; nil where nobody does.
    private var hold: (user: UserHandle, amount: Money)?

    init(
        of id: AuctionID, from start: UInt64, _ reader: LedgerReader, _ format: OutputFormat,
        on output: Output
    ) {
        self.id = id
        self.start = start
        self.reader = reader
        self.format = format
        self.output = output
        table = Table(
            [
                .right("position"), .left("time"), .left("by"), .right("amount"),
                .left("what happened"), .right("price"), .left("leader"), .right("held"),
            ], on: output)
    }

    /// - Throws: `Failure` with `finding` where the hold does not add up; `LedgerError`.
    mutating func print() throws {
        let view = try reader.auction(id).value
        try begin(view)
        var steps = AuctionSteps()
        let words = StepInWords(currency: view.currency, names: reader.reading)
        try reader.forEachEntry(about: id) { entry in
            let point = entry.point
            let step = steps.next(
                entry.command, by: entry.actor, outcome: entry.outcome, at: point)
            follow(entry.outcome.events)
            if entry.position >= start { try print(step, words, view.currency) }
        }
        try end(view)
    }

    private mutating func follow(_ events: EventList) {
        for movement in events.lazy.flatMap(\.movements) {
            switch movement.kind {
            case .locked(let held): hold = (movement.user, held)
            case .refunded, .paid:
                guard let held = hold else { break }
                let amount = movement.amount
                hold = held.amount > amount ? (held.user, held.amount - amount) : nil
            case .charged, .withdrawn, .sold, .fee: break
            }
        }
    }

    // MARK: Printing

    private func begin(_ view: AuctionView) throws {
        switch format {
        case .table:
            printAuction(view, on: output)
            output.write("\n")
        case .json:
            try output.line { object in
                object.field("row", "auction")
                object.name("auction")
                object.auction(view)
            }
        case .csv:
            try output.csvRow([
                "row", "position", "time", "by", "amount", "what", "price", "leader", "held",
                "currency",
            ])
        }
    }

    private mutating func print(
        _ step: AuctionStep, _ words: StepInWords, _ currency: Currency
    ) throws {
        let by = words.who(step)
        let leader = step.leader.map { reader.reading.id(of: $0) }
        switch format {
        case .table:
            try table.row([
                String(step.point.position), step.point.time.rfc3339, by,
                step.amount?.formatted(in: currency), words.what(step),
                step.price?.formatted(in: currency), leader?.string,
                hold?.amount.formatted(in: currency),
            ])
        case .json:
            try output.line { object in
                object.field("row", "step")
                object.name("step")
                object.step(step, names: reader.reading)
                object.field("held", hold?.amount ?? .zero)
                object.field("held_by", hold.map { reader.reading.id(of: $0.user) })
            }
        case .csv:
            try output.csvRow([
                "step", String(step.point.position), step.point.time.rfc3339, by,
                step.amount.map { String($0.minorUnits) }, words.what(step),
                step.price.map { String($0.minorUnits) }, leader?.string,
                hold.map { String($0.amount.minorUnits) }, currency.code.string,
            ])
        }
    }

    private mutating func end(_ view: AuctionView) throws {
        let holder = hold.map { reader.reading.id(of: $0.user) }
        switch format {
        case .table:
            try table.print()
            let words = hold.map { hold in
                "\(holder?.string ?? "") holds \(hold.amount.formatted(in: view.currency))"
            }
            output.write("\(words ?? "nobody holds anything"), \(reader.asOf)\n")
        case .json:
            try output.line { object in
                object.field("row", "hold")
                object.field("auction", id)
                object.field("user", holder)
                object.field("currency", view.currency.code)
                object.field("amount", hold?.amount ?? .zero)
            }
        case .csv:
            try output.csvRow([
                "hold", nil, nil, nil, hold.map { String($0.amount.minorUnits) }, nil, nil,
                holder?.string, nil, view.currency.code.string,
            ])
        }
        let held = try heldByFold(view)
        guard held == hold?.amount ?? .zero else {
            throw Failure(
                .finding,
                "the entries about \(id) add up to a hold of "
                    + "\((hold?.amount ?? .zero).formatted(in: view.currency)), but the ledger "
                    + "has \(held.formatted(in: view.currency))")
        }
    }

    /// What the wallet of its leader holds for it.
    private func heldByFold(_ view: AuctionView) throws -> Money {
        guard let leader = view.leader else { return .zero }
        let holds = try reader.wallet(leader).value.balances.flatMap(\.holds)
        return holds.first { $0.auction == id }?.amount ?? .zero
    }
}

extension LedgerReader {
    /// Visits the entries about an auction, oldest first.
    func forEachEntry(
        about auction: AuctionID, _ body: (LedgerEntry) throws -> Void
    ) throws {
        var cursor: String?
        repeat {
            let page = try history(
                of: .auction(auction), .oldestFirst, after: cursor, limit: pageItemsMax)
            try page.items.forEach(body)
            cursor = page.cursor
        } while cursor != nil
    }

    /// Whether a currency is registered.
    func hasCurrency(_ code: CurrencyCode) -> Bool {
        reading.currencies.contains { $0.code == code }
    }
}
