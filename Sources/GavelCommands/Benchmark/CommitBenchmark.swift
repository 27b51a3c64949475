// `gavel benchmark commit`: the machine's own floor, without the engine.

import ArgumentParser
import GavelStorm

struct CommitBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "What a flush and an LMDB commit cost on this disk.",
        discussion: """
              gavel benchmark commit
              gavel benchmark commit --folder /srv --seconds 10

            No ledger can be faster than this, entry by entry.
            """)

    @Option(help: "How long each run takes.")
    var seconds: Double = 2

    @Option(help: "How many bytes a record has.")
    var bytes = 230

    @Option(help: "How many runs; figures are their medians.")
    var runs = 1

    @Option(help: ArgumentHelp("Where the files are made.", valueName: "dir"))
    var folder: String?

    @Option(help: "How results are printed: table or json.")
    var format = ReportFormat.table

    func validate() throws {
        guard seconds >= 0.05, seconds <= 3_600 else {
            throw ValidationError("--seconds must be 0.05 to 3600, not \(seconds)")
        }
        for (name, value, most) in [("--bytes", bytes, 65_535), ("--runs", runs, 99)]
        where value < 1 || value > most {
            throw ValidationError("\(name) must be 1 to \(most), not \(value)")
        }
    }

    func run() async throws {
        var reports: [Figures] = []
        for number in 1...runs {
            showRun(number, of: runs)
            reports.append(
                try await withBenchmarkFolder(in: folder) { base in
                    try CommitFloor(base, bytes: bytes).measure(seconds: seconds)
                })
        }
        try printFigures("commit", reports, format)
    }
}
