// `gavel benchmark replay` and `open`, and what they share with `verify`: one thing each, a few
// times.

import ArgumentParser
import Gavel
import GavelJSON
import Platform

/// What these commands share.
struct LedgerBenchmarkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The ledger to measure on, which is only read; without it one is made.",
            valueName: "dir"),
        transform: folderPath)
    var ledger: String?

    @Option(help: "How many bids the ledger has that is made.")
    var bids = 300_000

    @Option(help: "How many runs; figures are their medians.")
    var runs = 3

    @Option(help: ArgumentHelp("Where the temporary ledger is made.", valueName: "dir"))
    var folder: String?

    @Option(help: "How results are printed: table or json.")
    var format = ReportFormat.table

    func validate() throws {
        for (name, value, most) in [("--bids", bids, 100_000_000), ("--runs", runs, 99)]
        where value < 1 || value > most {
            throw ValidationError("\(name) must be 1 to \(most), not \(value)")
        }
    }

    /// Measures something on the ledger, or on a copy made for this.
    func measure(
        _ what: String, _ body: (String, inout Figures) throws -> Void
    ) async throws {
        guard let ledger else {
            try await withBenchmarkFolder(in: folder) { base in
                try await makeLedger(base)
                try measure(what, at: base + "/ledger", body)
            }
            return
        }
        try measure(what, at: ledger, body)
    }

    private func makeLedger(_ base: String) async throws {
        var options = StormOptions(
            auctions: 1_000, users: 10_000, arrivals: try .sevenDays(), arrivalsName: "")
        options.bids = bids
        options.path = .batch
        options.lone = 0
        var run = StormRun(options, base: base)
        _ = try await run.run()
    }

    private func measure(
        _ what: String, at path: String, _ body: (String, inout Figures) throws -> Void
    ) throws {
        var runs: [Figures] = []
        for number in 1...self.runs {
            showRun(number, of: self.runs)
            var figures = Figures()
            try body(path, &figures)
            runs.append(figures)
        }
        try printFigures(what, SpreadFigures(runs), runs: self.runs, format)
    }
}

/// Prints figures as lines of a name and a value, or as one object.
func printFigures(
    _ what: String, _ figures: SpreadFigures, runs: Int, _ format: ReportFormat
) throws {
    try withOutput { output in
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object { object in
                object.field("benchmark", what)
                object.field("runs", runs)
                object.name("machine")
                object.texts(StormReport.thisMachine)
                object.name("figures")
                object.value(figures)
            }
            writer.newline()
            output.write(writer.bytes)
        case .table:
            let fields = zip(figures.names, figures.spreads).map { name, spread in
                (name: figureName(name), value: Optional(figureText(name, spread, runs: runs)))
            }
            printFields(fields, on: output)
        }
    }
}

/// A figure's name without its unit.
private func figureName(_ name: String) -> String {
    var name = name
    if name.hasSuffix("_ns") { name.removeLast(3) }
    return name.replacing("_per_second", with: "/s").replacing("_", with: " ")
}

private func figureText(_ name: String, _ spread: Spread, runs: Int) -> String {
    func text(_ value: Int64) -> String {
        name.hasSuffix("_ns") ? spanText(UInt64(max(0, value))) : grouped(value)
    }
    return text(spread.median)
        + (runs > 1 ? " [\(text(spread.least))..\(text(spread.most))]" : "")
}

struct ReplayBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "How fast the log is folded from the first entry on.",
        discussion: """
              gavel benchmark replay
              gavel benchmark replay --ledger house

            Entries are read and folded by `evolve` alone, as `gavel audit replay` does; hashes \
            are the business of `verify`.
            """)

    @OptionGroup var options: LedgerBenchmarkOptions

    func run() async throws {
        try await options.measure("replay") { path, figures in
            let newest = try LedgerReader.open(at: path)
            defer { newest.close() }
            let start = SystemClock().uptimeNanoseconds()
            let count = try replayAll(newest)
            let elapsed = SystemClock().uptimeNanoseconds() - start
            figures.add("entries", count)
            figures.add("elapsed_ns", elapsed)
            figures.add("entries_per_second", perSecond(count, elapsed))
        }
    }

    /// Folds all entries by `evolve`.
    private func replayAll(_ reader: LedgerReader) throws -> UInt64 {
        var progress = Progress("replaying")
        defer { progress.clear() }
        var state = State()
        var fold = EntryFold()
        while state.entryCount < reader.reflects {
            let run = try reader.entries(from: state.entryCount, limit: 10_000)
            guard !run.isEmpty else {
                throw Failure(.unusable, "entry \(state.entryCount) is not in the log")
            }
            for entry in run { try fold.apply(entry, to: &state) }
            progress.show(state.entryCount, of: reader.reflects)
        }
        guard state.digest == reader.digest else {
            throw Failure(
                .finding, "replaying gives digest \(state.digest), queries \(reader.digest)")
        }
        return state.entryCount
    }
}

struct OpenBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "How long it takes until a ledger can be asked.",
        discussion: """
              gavel benchmark open
              gavel benchmark open --ledger house

            Opens for reading: loads the newest snapshot, then replays what came after it.
            """)

    @OptionGroup var options: LedgerBenchmarkOptions

    func run() async throws {
        try await options.measure("open") { path, figures in
            let start = SystemClock().uptimeNanoseconds()
            let reader = try LedgerReader.open(at: path)
            let elapsed = SystemClock().uptimeNanoseconds() - start
            figures.add("entries", reader.reflects)
            figures.add("elapsed_ns", elapsed)
            reader.close()
        }
    }
}
