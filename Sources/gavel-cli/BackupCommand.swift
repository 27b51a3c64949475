// `gavel backup` and `gavel restore`: verified copies.
//
// Invariant: a copy is reported as done only after it was read back and verified.

import ArgumentParser
import Gavel
import LMDB

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
        try requireAbsent(destination)
        let reader = try LedgerReader.open(at: ledger.path)
        try reader.backup(to: destination)
        try printVerified(destination, before: [])
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a ledger from a backup and verify it.",
        discussion: """
              gavel restore /mnt/backup/house-0601 --ledger house
              gavel restore house.archive --ledger house

            The ledger's folder must not exist: a restore replaces nothing. The key is not part \
            of a backup; without --key the ledger signs with a new one.

            Where a checkpoint was signed for entries that the backup does not have, the restore \
            is refused. --accept-loss goes on without them: it lists their positions, writes \
            what was lost into the log, and gives the ledger a new id and name.

              gavel restore house-0601 --ledger house --checkpoint /mnt/copies/house.checkpoint
            """)

    @Argument(
        help: ArgumentHelp(
            "The backup's folder, or a file of gavel export --format archive.", valueName: "src"),
        transform: folderPath)
    var source: String

    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp(
            "The newest checkpoint that is known (default: the backup's own).",
            valueName: "file"))
    var checkpoint: String?

    @Option(help: ArgumentHelp("The file of the ledger's key.", valueName: "file"))
    var key: String?

    @Flag(help: "Go on without signed entries that are missing, under a new name.")
    var acceptLoss = false

    func run() throws {
        try requireAbsent(ledger.path)
        var options = RestoreOptions()
        options.checkpointPath = checkpoint
        options.keyPath = key
        options.acceptsLoss = acceptLoss
        let loss =
            FileSystem.isDirectory(source) || !isThere(source)
            ? try Ledger.restore(from: source, to: ledger.path, options: options)
            : try restoreArchive(options)
        try printVerified(ledger.path, before: loss.map(fields) ?? [])
    }

    private func restoreArchive(_ options: RestoreOptions) throws -> RestoredLoss? {
        let file = try InputFile(path: source)
        return try Ledger.restore(
            fromArchive: { try file.next($0) }, to: ledger.path, options: options)
    }

    private func fields(_ loss: RestoredLoss) -> [(name: String, value: String?)] {
        let positions = loss.positions
        let lost =
            positions.isEmpty
            ? "unknown: other entries than these were signed below \(loss.checkpointSize)"
            : "\(positions.lowerBound) to \(positions.upperBound - 1), "
                + (positions.count == 1 ? "1 entry" : "\(positions.count) entries")
        return [("lost positions", lost), ("new origin", loss.origin)]
    }
}

private func requireAbsent(_ path: String) throws {
    guard !isThere(path) else {
        throw Failure(.usage, "\(path) exists already; a copy replaces nothing")
    }
}

/// Verifies a copy and prints the report.
private func printVerified(
    _ path: String, before fields: [(name: String, value: String?)]
) throws {
    let report = try verifyLedger(at: path)
    try withOutput { output in
        if !fields.isEmpty { printFields(fields, on: output) }
        printReport(report, on: output)
    }
    if let status = report.failureStatus {
        throw Failure(status, "the copy at \(path) is not clean; do not use it")
    }
}
