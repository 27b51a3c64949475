// `gavel log`: the entries, all of them or those about one auction or wallet.
//
// Invariant: entries are printed as they are read; a log of any length needs no more memory than
// a page.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Print entries of the log.",
        discussion: """
              gavel log --ledger house --reverse --limit 20
              gavel log --ledger house --auction lot-1
              gavel log --ledger house --wallet alice --format json

            JSON has the fields of a receipt line, and `by` and `command`. Entries hold \
            everything, also bidders' maxima: they are for the house and its auditors.
            """)

    @OptionGroup var reading: ReadingOptions

    @Option(
        help: ArgumentHelp("Only entries about this auction.", valueName: "id"),
        transform: auctionID)
    var auction: AuctionID?

    @Option(
        help: ArgumentHelp("Only entries that touched this user's wallet.", valueName: "user"),
        transform: userID)
    var wallet: UserID?

    @Option(help: ArgumentHelp("Begin at this position.", valueName: "position"))
    var from: UInt64?

    @Option(help: ArgumentHelp("Print at most so many entries.", valueName: "n"))
    var limit: Int?

    @Flag(help: "The newest first.")
    var reverse = false

    func validate() throws {
        if auction != nil, wallet != nil {
            throw ValidationError("--auction and --wallet cannot stand beside each other.")
        }
        if let limit, limit < 1 {
            throw ValidationError("--limit must be at least 1, not \(limit).")
        }
    }

    func run() throws {
        let reader = try reading.open()
        try withOutput { output in
            var printer = EntryPrinter(reading.format, names: reader.reading, on: output)
            printer.begin()
            var left = limit ?? .max
            try forEachEntry(of: reader) { entry in
                try printer.print(entry)
                left -= 1
                return left > 0
            }
            try printer.end()
        }
    }

    /// Visits the entries asked for until `body` answers false.
    private func forEachEntry(
        of reader: LedgerReader, _ body: (LedgerEntry) throws -> Bool
    ) throws {
        let subject =
            auction.map { History.Subject.auction($0) }
            ?? wallet.map { History.Subject.wallet($0) }
        if let subject {
            try forEachEntry(of: subject, reader, body)
        } else if reverse {
            try forEachEntryBackwards(of: reader, body)
        } else {
            var position = from ?? 0
            while true {
                let run = try reader.entries(from: position, limit: pageSize)
                for entry in run where try !body(entry) { return }
                guard let last = run.last else { return }
                position = last.position + 1
            }
        }
    }

    private func forEachEntryBackwards(
        of reader: LedgerReader, _ body: (LedgerEntry) throws -> Bool
    ) throws {
        let count = reader.reflects
        // Checked before adding: --from may be the largest number there is.
        var end = from.map { $0 < count ? $0 + 1 : count } ?? count
        while end > 0 {
            let start = end - min(end, UInt64(pageSize))
            let run = try reader.entries(from: start, limit: Int(end - start))
            for entry in run.reversed() where try !body(entry) { return }
            end = start
        }
    }

    private func forEachEntry(
        of subject: History.Subject, _ reader: LedgerReader,
        _ body: (LedgerEntry) throws -> Bool
    ) throws {
        var cursor: String?
        repeat {
            let page = try reader.history(
                of: subject, reverse ? .newestFirst : .oldestFirst, after: cursor,
                limit: pageItemsMax)
            for entry in page.items where isPastStart(entry) {
                if try !body(entry) { return }
            }
            cursor = page.cursor
        } while cursor != nil
    }

    private func isPastStart(_ entry: LedgerEntry) -> Bool {
        guard let from else { return true }
        return reverse ? entry.position <= from : entry.position >= from
    }

    private var pageSize: Int { min(limit ?? pageItemsMax, pageItemsMax) }
}

/// Prints entries in one of the formats.
struct EntryPrinter {
    private let format: OutputFormat
    private let names: Reading
    private let output: Output
    private var json = JSONWriter()
    private var csv = CSVWriter()
    private var table: Table

    init(_ format: OutputFormat, names: Reading, on output: Output) {
        self.format = format
        self.names = names
        self.output = output
        table = Table(
            [
                .right("position"), .left("time"), .left("by"), .left("command"),
                .left("auction"), .left("user"), .right("amount"), .left("outcome"),
            ], on: output)
    }

    mutating func begin() {
        guard format == .csv else { return }
        csv.entriesHeader()
        output.write(csv.bytes)
    }

    mutating func print(_ entry: LedgerEntry) throws {
        switch format {
        case .table:
            try table.row(row(entry))
            return
        case .json:
            json.removeAll()
            json.entry(entry, names: names)
            json.newline()
            output.write(json.bytes)
        case .csv:
            csv.removeAll()
            csv.entry(entry, names: names)
            output.write(csv.bytes)
        }
        try output.flushIfFull()
    }

    mutating func end() throws {
        if format == .table { try table.print() }
    }

    private func row(_ entry: LedgerEntry) -> [String?] {
        let subject = EntrySubject(entry.command, names: names)
        let outcome =
            entry.outcome.rejection.map { describeRejection($0, in: subject.currency) }
            ?? "accepted"
        return [
            String(entry.position), entry.time.rfc3339, actorName(of: entry, names: names),
            entry.command.jsonName, subject.auction?.string, subject.user?.string,
            subject.amount.flatMap { amount in
                subject.currency.map { amount.formatted(in: $0) }
            }, outcome,
        ]
    }
}

/// What a command is about.
private struct EntrySubject {
    var auction: AuctionID?
    var user: UserID?
    var amount: Money?
    var currency: Currency?

    init(_ command: CanonicalCommand, names: Reading) {
        auction = command.auction.map { names.id(of: $0) }
        user = command.user.map { names.id(of: $0) }
        currency = command.currency(names: names)
        amount = command.amount
        if case .registerUser(let registered) = command { user = registered }
        if case .openAuction(let opening) = command {
            (auction, amount) = (opening.auction, opening.rules.openingPrice)
        }
    }
}
