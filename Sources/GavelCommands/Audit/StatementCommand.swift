// `gavel audit statement`: what a wallet or an auction looked like at a moment, and how it came
// there.

import ArgumentParser
import Gavel
import GavelProgram
import GavelReport

struct StatementCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statement",
        abstract: "Print the statement of a wallet or an auction at any moment.",
        discussion: """
              gavel audit statement --ledger house --wallet alice
              gavel audit statement --ledger house --wallet alice --from 2025-03-01T00:00:00Z \
            --until 2025-03-31T23:59:59Z --currency USD --format csv
              gavel audit statement --ledger house --auction lot-1 --until 1200

            A wallet's statement has the opening balance, every movement with the balance after \
            it, the closing balance, and what is locked for which auction. It is added up from \
            the entries and compared with the state that queries rest on; where they disagree it \
            says so and ends with 1. An auction's has its state, each entry about it with what \
            its leader held, and the hold at the end.

            --from is the first position, or time, of the period; --until the last. JSON has one \
            object a line, CSV one table; both give amounts in minor units and name the kind of \
            each row. For the house and its auditors: it shows maxima and holds.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("The wallet of this user.", valueName: "user"), transform: userID)
    var wallet: UserID?

    @Option(help: ArgumentHelp("This auction.", valueName: "id"), transform: auctionID)
    var auction: AuctionID?

    @Option(
        help: ArgumentHelp(
            "The first entry, or time, of the period.", valueName: "position|time"),
        transform: moment)
    var from: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp("The last entry, or time, of the period.", valueName: "position|time"),
        transform: moment)
    var until: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp("Only this currency of the wallet.", valueName: "code"),
        transform: currencyCode)
    var currency: CurrencyCode?

    @Option(help: ArgumentHelp("How to print: table, json or csv.", valueName: "format"))
    var format = OutputFormat.table

    func validate() throws {
        guard (wallet == nil) != (auction == nil) else {
            throw ValidationError("A statement is of one: give --wallet or --auction.")
        }
        if auction != nil, currency != nil {
            throw ValidationError("--currency cannot stand beside --auction, which has one.")
        }
    }

    func run() throws {
        let reader = try openReader(at: ledger.path, asOf: until)
        let start = try firstPosition(reader)
        try withOutput { output in
            if let wallet {
                if let currency { try checkCurrency(currency, reader) }
                var statement = WalletStatement(
                    of: wallet, in: currency, from: start, reader, format, on: output)
                try statement.print()
            } else if let auction {
                var statement = AuctionStatement(
                    of: auction, from: start, reader, format, on: output)
                try statement.print()
            }
        }
    }

    private func firstPosition(_ reader: LedgerReader) throws -> UInt64 {
        switch from {
        case nil: return 0
        case .position(let position):
            guard position < reader.reflects else {
                throw Failure(
                    .usage,
                    "--from: the period has no position \(position); it ends after "
                        + "\(counted(reader.reflects, "entry", "entries"))")
            }
            return position
        case .time(let time):
            // A period in which nothing happened is one: its balances are those at its end.
            return try reader.position(notBefore: time) ?? reader.reflects
        }
    }

    private func checkCurrency(_ code: CurrencyCode, _ reader: LedgerReader) throws {
        guard reader.hasCurrency(code) else {
            throw Failure(.usage, "there is no currency \(code)")
        }
    }
}

/// Reads a currency's code.
@Sendable func currencyCode(_ text: String) throws -> CurrencyCode {
    do { return try CurrencyCode(text) } catch { throw ArgumentProblem(error.reason) }
}
