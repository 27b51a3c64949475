// `gavel benchmark`: how fast this machine runs the engine, durable, with the audit hashing on.
//
// Invariants: a figure that is compared is measured in the same run, on the same disk; a benchmark
// that loses a cent, or gets an answer it must not get, fails.

import ArgumentParser
import GavelStorm

struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Measure the engine on this machine.",
        discussion: """
              gavel benchmark storm
              gavel benchmark verify --ledger house
              gavel benchmark commit

            Ledgers are made in a temporary folder, in $TMPDIR or /tmp, and removed; give \
            --folder to put them on the disk that matters.
            """,
        subcommands: [
            StormCommand.self, ReplayBenchmark.self, VerifyBenchmark.self, OpenBenchmark.self,
            CommitBenchmark.self,
        ])
}

extension ReportFormat: ExpressibleByArgument {}
