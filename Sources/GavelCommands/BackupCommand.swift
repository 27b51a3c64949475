// `gavel backup` and `gavel restore`: verified copies.
//
// Invariant: a copy is reported as done only after it was read back and verified.

import ArgumentParser
import Gavel
import GavelProgram
import Platform

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a ledger, also beside a writer, and verify the copy.",
        discussion: """
              gavel backup /mnt/backup/house-0601 --ledger house

            The copy gets a checkpoint over all its entries, signed with the ledger's key. Prints \
            the root of the copy; keep it elsewhere to know the copy again.
            """)

    @Argument(
        help: ArgumentHelp("Where the copy goes; nothing may be there.", valueName: "dest"),
        transform: folderPath)
    var destination: String

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var mapBytes: MapBytesOption

    func run() throws {
        try requireAbsent(destination)
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        try reader.backup(to: FolderStore(at: destination, mapBytes: mapBytes.mapBytes))
        try printVerified(destination, before: [])
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a ledger from a backup and verify it.",
        discussion: """
              gavel restore /mnt/backup/house-0601 --ledger house --key house.key
              gavel restore house.archive --ledger house --log-key house.vkey

            The ledger's folder must not exist: a restore replaces nothing. The key is not part \
            of a backup: --key copies it into the folder, and without that nothing is written to \
            the ledger before the key is there.

            A checkpoint signed by the ledger's key must cover the backup, so that nobody's \
            forgery goes on under the ledger's name. Which key, --log-key or --key says, or else \
            the log, where it names one. Without a checkpoint, or with one that is cut off, \
            wrongly signed or another's, the restore is refused; --without-checkpoint takes the \
            entries as they are and gives the ledger a new id, name and key. \
            --accept-unsigned keeps the name, and takes over entries behind the checkpoint. Of the \
            checkpoints that are kept in the backup the largest that the key signed counts too.

            Where a checkpoint was signed for entries that the backup does not have, the restore \
            is refused. --accept-loss goes on without them: it lists their positions, writes \
            what was lost into the log, and gives the ledger a new id and name.

              gavel restore house-0601 --ledger house --checkpoint /mnt/copies/house.checkpoint
            """)

    @Argument(
        help: ArgumentHelp(
            "The backup's folder, or a file of `gavel export --format archive`.", valueName: "src"),
        transform: folderPath)
    var source: String

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var mapBytes: MapBytesOption

    @Option(
        help: ArgumentHelp(
            "The newest checkpoint that is known (default: the backup's own).",
            valueName: "file"))
    var checkpoint: String?

    @Option(help: ArgumentHelp("The file of the ledger's key.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "Who must have signed the checkpoint (default: the key of --key, or else the one that "
                + "the log names).", valueName: "vkey|file"))
    var logKey: String?

    @Flag(help: "Go on without signed entries that are missing, under a new name.")
    var acceptLoss = false

    @Flag(
        help: ArgumentHelp(
            "Go on with entries that no checkpoint vouches for, under a new name."))
    var withoutCheckpoint = false

    @Flag(help: "Take over entries behind the checkpoint, which nobody has signed.")
    var acceptUnsigned = false

    func validate() throws {
        guard withoutCheckpoint else { return }
        let others = [
            ("--checkpoint", checkpoint != nil), ("--key", key != nil),
            ("--log-key", logKey != nil), ("--accept-loss", acceptLoss),
            ("--accept-unsigned", acceptUnsigned),
        ]
        if let other = others.first(where: \.1)?.0 {
            throw ValidationError(
                "\(other) cannot stand beside --without-checkpoint, which asks no checkpoint and "
                    + "no key, and gives the ledger new ones.")
        }
    }

    func run() throws {
        try requireAbsent(ledger.path)
        var options = Ledger.RestoreOptions()
        options.checkpointPath = checkpoint
        options.keyPath = key
        options.keys = try logKey.map { try verifierKeys($0) }
        options.acceptsLoss = acceptLoss
        options.acceptsMissingCheckpoint = withoutCheckpoint
        options.acceptsUnsignedEntries = acceptUnsigned
        options.mapBytes = mapBytes.mapBytes
        let loss =
            FileSystem.isDirectory(source) || !isThere(source)
            ? try Ledger.restore(from: source, to: ledger.path, options: options)
            : try restoreArchive(options)
        try printVerified(ledger.path, before: loss.map(fields) ?? unsignedFields())
    }

    /// Which entries were taken over although nobody had signed them.
    private func unsignedFields() throws -> [(name: String, value: String?)] {
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        let signed = try reader.checkpoint()?.checkpoint.size ?? 0
        guard signed < reader.reflects else { return [] }
        return [("unsigned positions", positions(signed..<reader.reflects))]
    }

    private func positions(_ range: Range<UInt64>) -> String {
        "\(range.lowerBound) to \(range.upperBound - 1), "
            + (range.count == 1 ? "1 entry" : "\(range.count) entries")
    }

    private func restoreArchive(_ options: Ledger.RestoreOptions) throws -> Ledger.RestoredLoss? {
        let file = try InputFile(path: source)
        return try Ledger.restore(
            fromArchive: { try file.next($0) }, to: ledger.path, options: options)
    }

    private func fields(_ loss: Ledger.RestoredLoss) -> [(name: String, value: String?)] {
        let lost =
            if loss.checkpointSize == 0 {
                "unknown: no checkpoint said what there was"
            } else if loss.positions.isEmpty {
                "unknown: other entries than these were signed below \(loss.checkpointSize)"
            } else {
                positions(loss.positions)
            }
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
    let report: VerificationReport
    do { report = try verifyLedger(at: path) } catch let error as LedgerError {
        throw Failure(
            ExitStatus(error.code),
            "\(path) is made, but could not be verified: \(error.reason); verify it before it is "
                + "used: \(AdvisedCommand.verify.line(.init(path)))")
    }
    try withOutput(after: "\(path) is made") { output in
        if !fields.isEmpty { printFields(fields, on: output) }
        printReport(report, on: output)
    }
    if let status = report.failureStatus {
        throw Failure(status, "the copy at \(path) is not clean; do not use it")
    }
}
