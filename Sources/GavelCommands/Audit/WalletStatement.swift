// A wallet's statement: opening balance, movements, closing balance, holds.
//
// Invariants: rows are printed as they are read; the closing balance is the ledger's own only if
// the movements add up to it, otherwise the statement ends with an error.

import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct WalletStatement {
    private let user: UserID
    /// Only this one; nil for all.
    private let currency: CurrencyCode?
    private let start: UInt64
    private let reader: LedgerReader
    private let format: OutputFormat
    private let output: Output
    private var table: Table

    init(
        of user: UserID, in currency: CurrencyCode?, from start: UInt64, _ reader: LedgerReader,
        _ format: OutputFormat, on output: Output
    ) {
        self.user = user
        self.currency = currency
        self.start = start
        self.reader = reader
        self.format = format
        self.output = output
        table = Table(
            [
                .right("position"), .left("time"), .left("what"), .left("auction"),
                .right("amount"), .right("available"), .right("locked"),
            ], on: output)
    }

    /// - Throws: `Failure` with `finding` where it does not add up; `LedgerError`.
    mutating func print() throws {
        let closing = try reader.wallet(user).value.sortedByCurrency
        var running = RunningBalances(
            opening: try openingWallet(), currencies: closing.balances.map(\.currency))
        begin()
        for balance in running.balances where isWanted(balance.currency) {
            try print(balance, as: "opening", "opening balance")
        }
        try reader.forEachMovement(of: user, from: start) { movement in
            let currency = reader.reading.currency(of: movement.currency)
            let after = try running.add(movement, in: currency)
            if isWanted(currency) { try print(movement, after: after) }
        }
        for balance in running.balances where isWanted(balance.currency) {
            try print(balance, as: "closing", "closing balance")
        }
        try end(closing)
        if let disagreement = running.disagreement(with: closing) {
            throw Failure(.finding, disagreement)
        }
    }

    /// The wallet before the period; nil where it begins with the ledger, or before the user.
    private func openingWallet() throws -> WalletView? {
        guard start > 0 else { return nil }
        let before = try reader.past(.before(start))
        do {
            return try before.wallet(user).value
        } catch  where error.code == .unknownName {
            return nil
        }
    }

    private func isWanted(_ currency: Currency) -> Bool {
        self.currency.map { $0 == currency.code } ?? true
    }

    // MARK: Printing

    private func begin() {
        switch format {
        case .table:
            printFields(
                [("statement", user.string), ("period", reader.period(from: start))],
                on: output)
            output.write("\n")
        case .json: break
        case .csv:
            var csv = CSVWriter()
            csv.row([
                "row", "position", "time", "id", "what", "detail", "auction", "currency",
                "amount", "available", "locked",
            ])
            output.write(csv.bytes)
        }
    }

    private mutating func print(
        _ balance: RunningBalances.Balance, as row: String, _ words: String
    ) throws {
        let currency = balance.currency
        switch format {
        case .table:
            try table.row([
                nil, nil, words, nil, nil, balance.available.formatted(in: currency),
                balance.locked.formatted(in: currency),
            ])
        case .json:
            try output.line { object in
                object.field("row", row)
                object.field("user", user)
                object.field("currency", currency.code)
                object.field("scale", currency.scale)
                object.field("available", balance.available)
                object.field("locked", balance.locked)
            }
        case .csv:
            try output.csvRow([
                row, nil, nil, nil, nil, nil, nil, currency.code.string, nil,
                String(balance.available.minorUnits), String(balance.locked.minorUnits),
            ])
        }
    }

    private mutating func print(
        _ movement: WalletView.Movement, after balance: RunningBalances.Balance
    ) throws {
        let currency = balance.currency
        let auction = movement.auction.map { reader.reading.id(of: $0) }
        switch format {
        case .table:
            try table.row([
                String(movement.position), movement.time.rfc3339,
                movement.words(in: currency), auction?.string,
                movement.amount.formatted(in: currency), balance.available.formatted(in: currency),
                balance.locked.formatted(in: currency),
            ])
        case .json:
            try output.line { object in
                object.field("row", "movement")
                object.field("user", user)
                object.field("position", movement.position)
                object.field("time", movement.time)
                object.field("id", movement.commandID?.description)
                object.field("what", movement.kind.jsonName)
                object.field("detail", movement.detail)
                object.field("auction", auction)
                object.field("currency", currency.code)
                object.field("amount", movement.amount)
                object.field("available", balance.available)
                object.field("locked", balance.locked)
            }
        case .csv:
            try output.csvRow([
                "movement", String(movement.position), movement.time.rfc3339,
                movement.commandID?.description, movement.kind.jsonName, movement.detail,
                auction?.string,
                currency.code.string, String(movement.amount.minorUnits),
                String(balance.available.minorUnits), String(balance.locked.minorUnits),
            ])
        }
    }

    private mutating func end(_ closing: WalletView) throws {
        let balances = closing.balances.filter { isWanted($0.currency) }
        if format == .table {
            try table.print()
            try printHolds(of: balances, on: output)
            output.write("\(user), \(reader.asOf)\n")
            return
        }
        for balance in balances {
            for hold in balance.holds {
                if format == .json {
                    try output.line { object in
                        object.field("row", "hold")
                        object.field("user", user)
                        object.field("auction", hold.auction)
                        object.field("currency", balance.currency.code)
                        object.field("amount", hold.amount)
                    }
                } else {
                    try output.csvRow([
                        "hold", nil, nil, nil, nil, nil, hold.auction.string,
                        balance.currency.code.string, String(hold.amount.minorUnits), nil, nil,
                    ])
                }
            }
        }
    }

    private func printHolds(of balances: [WalletView.Balance], on output: Output) throws {
        guard balances.contains(where: { !$0.holds.isEmpty }) else { return }
        output.write("\n")
        var holds = Table([.left("locked for"), .right("amount")], on: output)
        for balance in balances {
            for hold in balance.holds {
                try holds.row([hold.auction.string, hold.amount.formatted(in: balance.currency)])
            }
        }
        try holds.print()
    }
}

extension WalletView.Movement {
    /// What the kind's name leaves open: a payment's reference, a refund's reason.
    fileprivate var detail: String? { kind.reference?.string ?? kind.reason?.jsonName }
}

extension LedgerReader {
    /// A period in words.
    func period(from start: UInt64) -> String {
        guard reflects > start else { return "empty, \(asOf)" }
        return "positions \(start) to \(reflects - 1), until \(lastEntryTime.rfc3339)"
    }
}
