// `gavel backup` and `gavel restore`: verified copies.
//
// Invariant: a copy is reported as done only after it was read back and verified.

import ArgumentParser
import Gavel

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a ledger, also beside a writer, and verify the copy.",
        discussion: """
              gavel backup /mnt/backup/house-0601 --ledger house

            Prints the root of the copy; keep it elsewhere to know the copy again.
            """)

    @Argument(
        help: ArgumentHelp("Where the copy goes; nothing may be there.", valueName: "dest"),
        transform: folderPath)
    var destination: String

    @OptionGroup var ledger: LedgerOption

    func run() throws {
        try copyVerified(from: ledger.path, to: destination)
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a ledger from a backup and verify it.",
        discussion: """
              gavel restore /mnt/backup/house-0601 --ledger house

            The ledger's folder must not exist: a restore replaces nothing.
            """)

    @Argument(
        help: ArgumentHelp("The backup's folder.", valueName: "src"), transform: folderPath)
    var source: String

    @OptionGroup var ledger: LedgerOption

    func run() throws {
        try copyVerified(from: source, to: ledger.path)
    }
}

/// Copies a ledger, verifies the copy and prints the report.
private func copyVerified(from source: String, to destination: String) throws {
    guard !isThere(destination) else {
        throw Failure(.usage, "\(destination) exists already; a copy replaces nothing")
    }
    let reader = try LedgerReader.open(at: source)
    try reader.backup(to: destination)
    let report = try verifyLedger(at: destination)
    try withOutput { output in printReport(report, on: output) }
    if let status = report.failureStatus {
        throw Failure(status, "the copy at \(destination) is not clean; do not use it")
    }
}
