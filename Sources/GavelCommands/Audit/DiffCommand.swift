// `gavel audit diff`: what differs between two moments of a ledger, or between two ledgers.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two moments, or between two ledgers.",
        discussion: """
              gavel audit diff --ledger house --from 1000 --until 2025-06-01T00:00:00Z
              gavel audit diff --ledger house --other backup
              gavel audit diff --ledger house --other backup --at 1000

            Counts, currencies, users, wallets and auctions that are not the same, each with what \
            it was and what it is. Between two ledgers also the first position at which their \
            entries are not the same bytes, and each one's entry there; ends with 1 when anything \
            differs and with 0 when nothing does. Two ledgers built from the same history differ \
            in their first entry, which holds the ledger's own id: then the first other position \
            is given as well. For the house and its auditors: it shows maxima and holds.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp("After this entry, or at this time.", valueName: "position|time"),
        transform: moment)
    var from: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp(
            "After this entry, or at this time; the newest when left out.",
            valueName: "position|time"),
        transform: moment)
    var until: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp("The folder of another ledger.", valueName: "dir"),
        transform: folderPath)
    var other: String?

    @Option(
        help: ArgumentHelp(
            "Compare both ledgers after this entry, or at this time.",
            valueName: "position|time"),
        transform: moment)
    var at: LedgerReader.Moment?

    @Option(help: ArgumentHelp("How to print: table or json.", valueName: "format"))
    var format = OutputFormat.table

    func validate() throws {
        if other != nil, from != nil || until != nil {
            throw ValidationError(
                "--from and --until are of one ledger; beside --other give --at.")
        }
        if other == ledger.path {
            throw ValidationError("--other is the same folder as --ledger.")
        }
        if other == nil, from == nil {
            throw ValidationError("Give --from, or --other.")
        }
        if other == nil, at != nil {
            throw ValidationError("--at stands beside --other; of one ledger give --until.")
        }
        guard format != .csv else {
            throw ValidationError("--format must be table or json, not 'csv'.")
        }
    }

    func run() throws {
        if let other { return try compareLedgers(other) }
        let reader = try openReader(at: ledger.path, asOf: until)
        if case .position(let position)? = from, position >= reader.reflects {
            throw Failure(
                .usage,
                "--from \(position) lies after the last entry compared, "
                    + "\(reader.reflects - 1)")
        }
        let before = try reader.past(from ?? .position(0))
        try withOutput { output in
            var printer = DifferencePrinter(format, before: before.asOf, after: reader.asOf, output)
            try before.forEachDifference(to: reader) { try printer.print($0) }
            try printer.end()
        }
    }

    private func compareLedgers(_ path: String) throws {
        let first = try openReader(at: ledger.path, asOf: at)
        let second = try openReader(at: path, asOf: at)
        var hasDifference = false
        try withOutput { output in
            let isFound = try printParting(first, second, path, output)
            var printer = DifferencePrinter(
                format, before: "\(ledger.path) \(first.asOf)", after: "\(path) \(second.asOf)",
                output)
            try first.forEachDifference(to: second) { try printer.print($0) }
            try printer.end()
            hasDifference = isFound || printer.count > 0
        }
        if hasDifference { throw Failure(.finding) }
    }

    // MARK: Where two logs part

    /// - Returns: whether they part.
    private func printParting(
        _ first: LedgerReader, _ second: LedgerReader, _ path: String, _ output: Output
    ) throws -> Bool {
        guard let parting = try first.parting(from: second) else {
            if format == .table {
                output.write(
                    "the logs are the same, \(counted(first.reflects, "entry", "entries"))"
                        + "\n\n")
            }
            return false
        }
        try print(parting, "the logs part", first, second, path, output)
        // Every ledger has an id of its own, in its first entry.
        if parting.position == 0, parting.first?.command != parting.second?.command,
            let next = try first.parting(from: second, startingAt: 1)
        {
            try print(next, "but for the ledgers' ids they part", first, second, path, output)
        }
        return true
    }

    private func print(
        _ parting: LogParting, _ words: String, _ first: LedgerReader, _ second: LedgerReader,
        _ path: String, _ output: Output
    ) throws {
        if format == .json {
            return try output.line { object in
                object.field("difference", "log")
                object.field("position", parting.position)
                object.name("before")
                object.entryOrNull(parting.first, names: first.reading)
                object.name("after")
                object.entryOrNull(parting.second, names: second.reading)
            }
        }
        output.write("\(words) at position \(parting.position)\n")
        for (path, entry, reader) in [
            (ledger.path, parting.first, first), (path, parting.second, second),
        ] {
            var writer = JSONWriter()
            if let entry { writer.entry(entry, names: reader.reading) }
            output.write("  \(path): \(entry == nil ? "no entry" : writer.text)\n")
        }
        output.write("\n")
    }
}

extension JSONWriter {
    fileprivate mutating func entryOrNull(_ entry: LedgerEntry?, names: Reading) {
        if let entry { self.entry(entry, names: names) } else { null() }
    }
}
