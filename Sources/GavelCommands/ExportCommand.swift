// `gavel export`: every movement of money, for accountants' tools and for spreadsheets.
//
// Invariants: what is printed comes from the log's events alone, not from the balances that
// queries rest on, so other tools can judge those; entries are printed as they are read, and only
// a balance for each wallet is held.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print every movement of money, for other tools.",
        discussion: """
              gavel export --ledger house --format hledger > house.journal
              gavel export --ledger house --format beancount > house.beancount
              gavel export --ledger house --format csv --wallet alice

            The journals assert the balances of every wallet, so `hledger check` and \
            `bean-check` add up the ledger by themselves. jsonl and csv have a row for each \
            wallet that an event moved, with the balances after it, in minor units.

              gavel export --ledger house --format archive > house.archive

            An archive is the whole log as one file that `gavel restore` takes: for another \
            machine, or a later version. Every hash and proof stays as it is.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("What to print: hledger, beancount, jsonl, csv or archive."))
    var format: ExportFormat

    @Option(
        help: ArgumentHelp(
            "Only what stood in the ledger after the entry at this position, or at this time "
                + "(RFC 3339).", valueName: "position|time"),
        transform: moment)
    var at: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp("Only movements for this auction (jsonl, csv).", valueName: "id"),
        transform: auctionID)
    var auction: AuctionID?

    @Option(
        help: ArgumentHelp("Only movements of this user's wallet (jsonl, csv).", valueName: "user"),
        transform: userID)
    var wallet: UserID?

    func validate() throws {
        if format == .archive, at != nil || auction != nil || wallet != nil {
            throw ValidationError(
                "an archive is the whole log: no --at, --auction or --wallet beside it.")
        }
        if format.isJournal, auction != nil || wallet != nil {
            throw ValidationError(
                "--auction and --wallet cannot stand beside --format \(format.rawValue): a part "
                    + "of the movements has no balances to assert. Expected jsonl or csv.")
        }
    }

    func run() throws {
        let reader = try openReader(at: ledger.path, asOf: at)
        if let auction { _ = try reader.auction(auction) }
        if let wallet { _ = try reader.wallet(wallet) }
        if format == .archive {
            try printArchive(of: reader)
            return
        }
        try withOutput { output in
            var printer = MovementPrinter(format, reader, on: output)
            printer.filter = { [auction, wallet] movement in
                let isAbout = auction == nil || movement.auction.map(reader.reading.id) == auction
                return isAbout && (wallet == nil || reader.reading.id(of: movement.user) == wallet)
            }
            printer.begin()
            try printAll(of: reader, with: &printer)
            try printer.end()
        }
    }

    private func printArchive(of reader: LedgerReader) throws {
        var signed: SignedCheckpoint?
        try withOutput { output in
            signed = try reader.archive {
                output.write($0)
                try output.flushIfFull()
            }
        }
        let size = signed?.checkpoint.size ?? 0
        guard size < reader.reflects else { return }
        let covered =
            size == 0 ? "ends without a checkpoint" : "ends with a checkpoint over \(size)"
        printError(
            "warning: the archive has \(reader.reflects) entries and \(covered): restore asks for "
                + "a newer one, or for --accept-unsigned or --without-checkpoint")
    }

    /// - Throws: `Failure` at the first entry that cannot follow those before it.
    private func printAll(
        of reader: LedgerReader, with printer: inout MovementPrinter
    ) throws {
        var progress = Progress("exporting")
        defer { progress.clear() }
        var fold = MovementFold()
        var position: UInt64 = 0
        while position < reader.reflects {
            let run = try reader.entries(from: position)
            guard !run.isEmpty else {
                throw Failure(.unusable, "entry \(position) is not in the log")
            }
            for entry in run {
                do {
                    let movements = try fold.movements(of: entry, names: reader.reading)
                    try printer.print(entry, movements)
                } catch let error as ImpossibleMovement {
                    throw Failure(
                        .stopped, "entry \(entry.position) cannot be exported: \(error.reason)")
                }
            }
            position += UInt64(run.count)
            progress.show(position, of: reader.reflects)
        }
    }
}

/// What movements are printed as.
enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
    /// A journal for hledger.
    case hledger
    /// A file for beancount.
    case beancount
    /// One object a line.
    case jsonl
    /// RFC 4180, with a header line.
    case csv
    /// The whole log, for `gavel restore`.
    case archive

    /// Whether balances are asserted, which takes all movements.
    var isJournal: Bool { self == .hledger || self == .beancount }
}

/// Prints movements in one of the formats.
private struct MovementPrinter {
    /// Which rows are printed; journals have all.
    var filter: (Movement) -> Bool = { _ in true }
    private let format: ExportFormat
    private let reader: LedgerReader
    private let output: Output
    private var json = JSONWriter()
    private var csv = CSVWriter()
    private var hledger = HledgerJournal()
    private var beancount = BeancountJournal()

    init(_ format: ExportFormat, _ reader: LedgerReader, on output: Output) {
        self.format = format
        self.reader = reader
        self.output = output
    }

    mutating func begin() {
        let comment = "Written by gavel \(Ledger.version), \(reader.asOf)"
        switch format {
        case .hledger: hledger.begin(comment)
        case .beancount: beancount.begin(comment)
        case .csv: csv.movementsHeader()
        case .jsonl, .archive: break
        }
    }

    mutating func print(_ entry: LedgerEntry, _ movements: [Movement]) throws {
        let names = reader.reading
        switch format {
        case .hledger: hledger.entry(entry, movements, names: names)
        case .beancount: beancount.entry(entry, movements, names: names)
        case .csv:
            for movement in movements where filter(movement) {
                csv.movement(movement, of: entry, names: names)
            }
        case .jsonl:
            for movement in movements where filter(movement) {
                json.movement(movement, of: entry, names: names)
                json.newline()
            }
        case .archive: break
        }
        try handOver()
    }

    mutating func end() throws {
        if format == .beancount { beancount.end(names: reader.reading) }
        try handOver()
    }

    /// Moves what was written to the output.
    private mutating func handOver() throws {
        switch format {
        case .hledger:
            output.write(hledger.bytes)
            hledger.removeAll()
        case .beancount:
            output.write(beancount.bytes)
            beancount.removeAll()
        case .csv:
            output.write(csv.bytes)
            csv.removeAll()
        case .jsonl:
            output.write(json.bytes)
            json.removeAll()
        case .archive: break
        }
        try output.flushIfFull()
    }
}
