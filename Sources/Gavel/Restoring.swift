// A ledger made from a backup, also where people hold signatures over entries that the backup
// does not have.
//
// Invariants: a restore replaces nothing; a ledger keeps its name only where a checkpoint signed by
// its key covers all entries of the backup, or whoever restores says which are taken over unsigned;
// where entries are known to be missing, or nothing is known, it is refused unless that is
// accepted, and then the log says so in an entry, under a new name.

internal import AuctionDomain
public import Logging
internal import Platform
internal import Synchronization

extension Ledger {
    /// What a restore has to go by besides the backup.
    public struct RestoreOptions: Sendable {
        /// The newest checkpoint that is known; nil takes the one in the backup.
        public var checkpointPath: String?
        /// The file of the ledger's key, which is copied into the ledger's folder. Without it the
        /// ledger can be read, and written to once its key is there.
        public var keyPath: String?
        /// Who must have signed the checkpoint, with the keys that follow from those by the
        /// backup's rotations; nil takes the key of `keyPath`, and without one the key that its log
        /// names.
        public var keys: [VerifierKey]?
        /// Goes on although signed entries are missing, under a new name.
        public var acceptsLoss = false
        /// Goes on without any checkpoint, under a new name: nothing then shows that the backup is
        /// the log that was signed.
        public var acceptsMissingCheckpoint = false
        /// Takes over entries that the checkpoint does not cover: anybody may have written them.
        public var acceptsUnsignedEntries = false
        /// How long the log's file may get while it is restored, as ``Configuration/mapBytes``
        /// says; nil for its default, or twice what the backup has.
        public var mapBytes: Int?
        public var logger = Logger(label: "gavel")

        public init() {}
    }
}

extension Ledger {
    /// What a restore gave up.
    public struct RestoredLoss: Hashable, Sendable {
        /// How many entries there are.
        public let entries: UInt64
        /// How many there were by the checkpoint; 0 where there was none.
        public let checkpointSize: UInt64
        /// What the ledger calls itself from now on.
        public let origin: String

        /// The positions that are lost; empty where the entries differ without one knowing where.
        public var positions: Range<UInt64> { entries..<max(entries, checkpointSize) }
    }
}

extension Ledger {
    /// Makes a ledger from a backup.
    /// - Parameters:
    ///   - source: the backup's folder, which is only read.
    ///   - path: the ledger's folder; nothing may be there.
    /// - Returns: what was lost; nil where nothing is known to be.
    /// - Throws: `LedgerError` with `checkpointMismatch` where the backup has no checkpoint, one
    ///   that is not signed by the ledger's key, or one that it cannot live up to, and that is not
    ///   accepted; `keyMismatch`, `alreadyExists`, `damaged`, `heldByWriter` while the backup is
    ///   being written to, or `storage`.
    public static func restore(
        from source: String, to path: String, options: RestoreOptions = RestoreOptions()
    ) throws(LedgerError) -> RestoredLoss? {
        try restore(
            from: FolderStore(at: source), to: FolderStore(at: path, mapBytes: options.mapBytes),
            options: options)
    }

    /// Makes a ledger in any store from a backup in another, as `restore(from:to:options:)` does
    /// with folders.
    /// - Throws: as that one.
    public static func restore(
        from source: any LedgerStore, to target: any LedgerStore,
        options: RestoreOptions = RestoreOptions()
    ) throws(LedgerError) -> RestoredLoss? {
        try restore(from: source, called: source.name, to: target, options: options)
    }

    /// - Parameter name: what the source is called in messages.
    static func restore(
        from source: any LedgerStore, called name: String, to target: any LedgerStore,
        options: RestoreOptions
    ) throws(LedgerError) -> RestoredLoss? {
        if let path = target.folderPath { try requireAbsent(path, called: target.name) }
        // A backup may have been anywhere: it is opened only after it was found sound.
        try source.checkSound()
        do {
            let key = try options.keyPath.map { try LedgerKey.read($0) }
            let reader = try LedgerReader.openAndWait(in: source, logger: options.logger)
            defer { reader.close() }
            let log = reader.reading.log
            let secret = try LedgerSecret.read(in: source)
            /// Copies the log and gives the copy another name before it stands in its place.
            func copyRenamed(without checkpoint: Checkpoint?) throws -> RestoredLoss? {
                var loss: RestoredLoss?
                try target.build(options.logger) { building in
                    try log.copy(to: building)
                    try secret?.write(in: building)
                    loss = try rename(
                        building, entries: reader.reflects, without: checkpoint, options)
                }
                return loss
            }
            if options.acceptsMissingCheckpoint { return try copyRenamed(without: nil) }
            let backup = RestoreSource(reader: reader, store: source, name: name)
            let known = try backup.checkpoints(options, key: key)
            if let missing = try backup.missing(known, options) {
                guard options.acceptsLoss else { throw missing.error }
                return try copyRenamed(without: missing.checkpoint)
            }
            let evidence = try CarriedEvidence(from: source)
            try target.build(options.logger) { building in
                try log.copy(to: building)
                try secret?.write(in: building)
                try evidence.write(to: building)
                try building.write(.checkpoint, known.last!.bytes)
                if let key { try building.write(.key, key.fileBytes) }
            }
            return nil
        } catch {
            throw LedgerError(error, whileBuilding: "restoring \(name)")
        }
    }

    /// Gives the ledger another name, in its log too.
    /// - Parameter checkpoint: what the log cannot live up to; nil where there was none.
    private static func rename(
        _ store: any LedgerStore, entries: UInt64, without checkpoint: Checkpoint?,
        _ options: RestoreOptions
    ) throws -> RestoredLoss {
        var configuration = Configuration()
        configuration.logger = options.logger
        configuration.createsIfMissing = false
        configuration.isBuilding = true
        configuration.mapBytes = options.mapBytes ?? configuration.mapBytes
        // Nothing closes while the ledger is only being restored.
        configuration.closing = .held
        let id = LedgerID.generate()
        configuration.restoration = Restoration(
            ledger: id, checkpointSize: checkpoint?.size ?? 0,
            checkpointRoot: Bytes32((checkpoint?.root ?? .empty).bytes)!)
        try Ledger.openAndWait(in: store, configuration: configuration).closeAndWait()
        return RestoredLoss(
            entries: entries, checkpointSize: checkpoint?.size ?? 0, origin: id.origin)
    }
}

/// A backup, and what its checkpoint is worth.
private struct RestoreSource {
    let reader: LedgerReader
    let store: any LedgerStore
    let name: String

    private static let remedy =
        "give the newest one by --checkpoint, or go on under another name by --without-checkpoint"

    /// The checkpoints to go by, by size: the one that was named, or the backup's own; and where of
    /// those that are kept in the backup a larger one is signed by the same keys, the largest.
    /// - Throws: `LedgerError` with `checkpointMismatch` unless there is one that the ledger's key
    ///   signed; `keyMismatch`; `notFound` where the one that was named is not there.
    func checkpoints(_ options: Ledger.RestoreOptions, key: SigningKey?) throws
        -> [SignedCheckpoint]
    {
        let file =
            options.checkpointPath.map { CheckpointFile(knownAt: $0) }
            ?? CheckpointFile(
                .checkpoint, carriedBy: store, called: "the checkpoint in \(name)")
        guard let signed = try file.read() else {
            if options.checkpointPath != nil {
                throw LedgerError(.notFound, "there is no checkpoint at \(file.name)")
            }
            throw LedgerError(
                .checkpointMismatch,
                "\(name) has no checkpoint, so nothing shows that it is the log that was signed: "
                    + Self.remedy)
        }
        let origin = signed.checkpoint.origin
        let keys = try keys(options, key: key, origin: origin)
        do { _ = try signed.verified(by: keys) } catch {
            throw LedgerError(
                .checkpointMismatch,
                "\(file.name) is not signed by the ledger: \(error.reason); \(Self.remedy)")
        }
        let kept = try CheckpointHistory(in: store).checkpoints
        let larger = kept.last { (try? $0.verified(by: keys, origin: origin)) != nil }
        return [signed].followed(by: larger)
    }

    /// Whose signature counts.
    private func keys(
        _ options: Ledger.RestoreOptions, key: SigningKey?, origin: String
    ) throws -> [VerifierKey] {
        let state = reader.reading.readState.withLock { $0.state }
        let named = try state.signingKey.map { try VerifierKey(named: origin, $0) }
        if let key, let named, key.verifier.publicKey != named.publicKey {
            throw LedgerError(
                .keyMismatch,
                "\(options.keyPath ?? "the key") holds \(key.verifier), but the log of \(name) "
                    + "names \(named) as the one that signs")
        }
        if let keys = options.keys { return try reader.keys(followedFrom: keys) }
        guard let trusted = key?.verifier ?? named else {
            throw LedgerError(
                .checkpointMismatch,
                "no key is known that the checkpoint of \(name) can be checked with: give the "
                    + "ledger's verifier key by --log-key, or its key by --key, or go on under "
                    + "another name by --without-checkpoint")
        }
        return [trusted] + [try state.formerVerifier(named: origin)].compactMap { $0 }
    }

    /// What keeps the ledger from going on under its name: signed entries that are not here.
    /// - Parameter known: at least one checkpoint, by size; the log must live up to each.
    /// - Returns: the checkpoint that it does not live up to, and why.
    /// - Throws: `LedgerError` with `checkpointMismatch` where entries are here that nobody signed.
    func missing(
        _ known: [SignedCheckpoint], _ options: Ledger.RestoreOptions
    ) throws -> (checkpoint: Checkpoint, error: LedgerError)? {
        let size = reader.reflects
        let file = CheckpointFile(.checkpoint, carriedBy: store, called: "the checkpoint")
        let kept = CheckpointFile(
            .keptCheckpoints, carriedBy: store, called: "a checkpoint that is kept in \(name)")
        let tree = LogTree(of: reader.reading.log, size: size)
        let witnessed = CheckpointFile(
            .witnessed, carriedBy: store, called: "the witnessed checkpoint in \(name)")
        var held = known.enumerated().map { ($0 == 0 ? file : kept, $1) }
        if let signed = try witnessed.read() { held.insert((witnessed, signed), at: 0) }
        // The largest first: it says the most of what is missing.
        for (file, signed) in held.reversed() {
            do { try file.check(signed, tree, keys: nil) } catch let error as LedgerError
                where error.code == .checkpointMismatch
            { return (signed.checkpoint, error) }
        }
        let covered = known.last?.checkpoint.size ?? 0
        guard covered == size || options.acceptsUnsignedEntries else {
            throw LedgerError(
                .checkpointMismatch,
                "the largest checkpoint covers \(covered) entries, but \(name) has \(size): "
                    + "nobody signed those from position \(covered) on. Give a newer one by "
                    + "--checkpoint, or take them over as they are by --accept-unsigned")
        }
        return nil
    }
}
