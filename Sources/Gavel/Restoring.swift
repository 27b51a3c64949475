// A ledger made from a backup, also where people hold signatures over entries that the backup
// does not have.
//
// Invariants: a restore replaces nothing; where entries are known to be missing it is refused
// unless the loss is accepted, and then the log says so in an entry, under a new name.

internal import AuctionDomain
internal import LMDB
public import Logging

/// What a restore has to go by besides the backup.
public struct RestoreOptions: Sendable {
    /// The newest checkpoint that is known; nil takes the one in the backup.
    public var checkpointPath: String?
    /// The file of the ledger's key. Without it the ledger makes a new one at the first writing.
    public var keyPath: String?
    /// Goes on although signed entries are missing, under a new name.
    public var acceptsLoss = false
    public var logger = Logger(label: "gavel")

    public init() {}
}

/// What a restore gave up.
public struct RestoredLoss: Hashable, Sendable {
    /// How many entries there are.
    public let entries: UInt64
    /// How many there were by the checkpoint.
    public let checkpointSize: UInt64
    /// What the ledger calls itself from now on.
    public let origin: String

    /// The positions that are lost; empty where the entries differ without one knowing where.
    public var positions: Range<UInt64> { entries..<max(entries, checkpointSize) }
}

extension Ledger {
    /// Makes a ledger from a backup.
    /// - Parameters:
    ///   - source: the backup's folder, which is only read.
    ///   - path: the ledger's folder; nothing may be there.
    /// - Returns: what was lost; nil where nothing is known to be.
    /// - Throws: `LedgerError` with `checkpointMismatch` where the backup cannot live up to the
    ///   checkpoint and the loss is not accepted, `alreadyExists`, `damaged`, `heldByWriter` while
    ///   the backup is being written to, or `storage`.
    public static func restore(
        from source: String, to path: String, options: RestoreOptions = RestoreOptions()
    ) throws(LedgerError) -> RestoredLoss? {
        let (from, to) = (LedgerFolder(path: source), LedgerFolder(path: path))
        // A backup may have been anywhere: LMDB opens it only after its pages were found sound.
        try Verifier.checkStructure(at: source)
        do {
            let file = CheckpointFile(path: options.checkpointPath ?? from.checkpoint)
            let signed = try file.read()
            if options.checkpointPath != nil, signed == nil {
                throw LedgerError(.notFound, "there is no checkpoint at \(file.path)")
            }
            let key = try options.keyPath.map { try LedgerKey.read($0) }
            let reader = try LedgerReader.open(at: source, logger: options.logger)
            defer { reader.close() }
            let tree = LogTree(of: reader.reading.log, size: reader.reflects)
            let problem = signed.flatMap { signed in
                do {
                    try file.check(signed, tree, keys: nil)
                    return nil as (any Error)?
                } catch { return error }
            }
            if let problem, !options.acceptsLoss { throw problem }
            let secret = try LedgerSecret.read(in: from)
            try copyLedger(reader.reading.log as? LMDBEventLog, to: path) { building in
                try secret?.write(in: building)
                guard problem == nil else { return }
                if let signed { try CheckpointFile(path: building.checkpoint).write(signed) }
                if let key {
                    try FileSystem.writeFileAtomically(
                        building.key, Array(key.fileText.utf8), mode: 0o600)
                }
            }
            guard problem != nil, let signed else { return nil }
            return try acceptLoss(of: signed.checkpoint, tree.size, in: to, options)
        } catch {
            throw LedgerError(error, while: "restoring \(source)")
        }
    }

    private static func acceptLoss(
        of checkpoint: Checkpoint, _ entries: UInt64, in folder: LedgerFolder,
        _ options: RestoreOptions
    ) throws -> RestoredLoss {
        var configuration = Configuration()
        configuration.logger = options.logger
        configuration.createsIfMissing = false
        // Nothing closes while the ledger is only being restored.
        configuration.closing = .held
        let id = LedgerID.generate()
        configuration.restoration = Restoration(
            ledger: id, checkpointSize: checkpoint.size,
            checkpointRoot: Bytes32(checkpoint.root.bytes)!)
        try Ledger.open(at: folder.path, configuration: configuration).close()
        return RestoredLoss(
            entries: entries, checkpointSize: checkpoint.size, origin: id.origin)
    }
}
