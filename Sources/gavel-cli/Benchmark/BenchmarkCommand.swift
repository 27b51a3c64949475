// `gavel benchmark`: how fast this machine runs the engine, durable, with the audit hashing on.
//
// Invariants: a figure that is compared is measured in the same run, on the same disk; a benchmark
// that loses a cent, or gets an answer it must not get, fails.

import ArgumentParser
import Platform

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

/// How results are printed.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table
    /// One object.
    case json
}

/// Lends a fresh folder and removes it afterwards, with all that is in it.
/// - Parameter folder: where to make it; nil makes it where temporary files are.
func withBenchmarkFolder<R>(
    in folder: String?, _ body: (String) async throws -> R
) async throws -> R {
    let base: String
    if let folder {
        // A name of its own: whatever else is in the folder stays.
        var number = 1
        while FileSystem.exists("\(folder)/gavel-benchmark-\(number)") { number += 1 }
        base = "\(folder)/gavel-benchmark-\(number)"
        try FileSystem.createDirectory(base)
    } else {
        base = try FileSystem.temporaryDirectory("gavel-benchmark-")
    }
    defer { try? FileSystem.remove(base) }
    return try await body(base)
}
