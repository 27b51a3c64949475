// `gavel benchmark replay` and `open`, and what they share with `verify`: one thing each, a few
// times.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelStorm
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
                try measure(what, at: try await StormRun.makeLedger(in: base, bids: bids), body)
            }
            return
        }
        try measure(what, at: ledger, body)
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
        try printFigures(what, runs, format)
    }
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
            let newest = try LedgerReader.openAndWait(at: path)
            defer { newest.close() }
            let start = SystemClock().uptimeNanoseconds()
            let state = try replayed(newest)
            let elapsed = SystemClock().uptimeNanoseconds() - start
            guard state.digest == newest.digest else {
                throw Failure(
                    .finding, "replaying gives digest \(state.digest), queries \(newest.digest)")
            }
            let count = state.entryCount
            figures.add("entries", count)
            figures.add("elapsed_ns", elapsed)
            figures.add("entries_per_second", perSecond(count, elapsed))
        }
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
            let reader = try LedgerReader.openAndWait(at: path)
            let elapsed = SystemClock().uptimeNanoseconds() - start
            figures.add("entries", reader.reflects)
            figures.add("elapsed_ns", elapsed)
            reader.close()
        }
    }
}
