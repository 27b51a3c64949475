// Copies of a ledger, and its read state made anew.

public import Logging
internal import Platform

extension Ledger {
    /// Copies the ledger while it is being written: a consistent state, flushed, and a checkpoint
    /// over all entries of the copy. Verify the copy with `Verifier`.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backup(to: FolderStore(at: path))
    }

    /// Copies the ledger into another store, as `backup(to:)` does into a folder.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to copy: any LedgerStore) throws(LedgerError) {
        try backUp(log, of: store, to: copy, logger) { copy in
            try signer.checkpoint(ofCopy: copy) { [pipeline] in pipeline.durableCount }
        }
    }

    /// Throws away what can be derived (the read state's snapshots, the roots of tiles) and makes
    /// it anew from the first entry on. No entry is touched. When it fails or is interrupted, the
    /// ledger opens as before, and rebuilding again ends the work.
    /// - Parameter mapBytes: as ``Configuration/mapBytes``.
    /// - Returns: how many entries were replayed.
    /// - Throws: `LedgerError` with `notFound`, `heldByWriter`, `damaged`, `storage`, or
    ///   `invalidConfiguration` where `mapBytes` is less than the log's file has already.
    @discardableResult
    public static func rebuild(
        at path: String, mapBytes: Int = Configuration.mapBytesDefault,
        logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> UInt64 {
        try rebuild(FolderStore(at: path), mapBytes: mapBytes, logger: logger)
    }

    /// Rebuilds a ledger in any store, as `rebuild(at:)` does one in a folder.
    /// - Throws: as `rebuild(at:)`.
    @discardableResult
    public static func rebuild(
        _ store: any LedgerStore, mapBytes: Int = Configuration.mapBytesDefault,
        logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> UInt64 {
        do {
            var opening = StoreOpening()
            opening.mapBytes = mapBytes
            opening.createsIfMissing = false
            opening.logger = logger
            let log = try store.openForWriting(opening)
            defer { log.close() }
            let loader = Loader(log: log, snapshots: nil, logger: logger)
            let (loaded, ids) = try loader.load { .unlimited(from: $0) }
            // Nothing goes before what takes its place is made: whoever is interrupted leaves a
            // ledger that opens, with the old roots or the new ones.
            try log.replaceTiles(by: StoredTiles(loaded.tiles))
            try loader.checkTiles(loaded)
            try StoredSnapshots(store: store)
                .replaceAll(by: loaded.readState, tree: loaded.tree, ids: ids)
            return loaded.readState.entryCount
        } catch {
            throw LedgerError(error, while: "rebuilding \(store.name)")
        }
    }
}

extension LedgerReader {
    /// Copies the ledger, also beside a living writer. Where the ledger's key can be read, the copy
    /// gets a checkpoint over all its entries, else it has the ledger's last one.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backup(to: FolderStore(at: path))
    }

    /// Copies the ledger into another store, as `backup(to:)` does into a folder.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to copy: any LedgerStore) throws(LedgerError) {
        guard let store else {
            throw LedgerError(.storage, "a ledger as of a past moment cannot be copied")
        }
        try backUp(reading.log, of: store, to: copy, logger) { copy in
            try coveringCheckpoint(ofCopy: copy) { try store.durableCount(reading.log) }
        }
    }
}

/// Checks that nothing stands where a ledger is about to be made, not even a link to nothing, and
/// that the place is not inside another ledger's own folders.
/// - Parameter name: what the place is called in messages; nil for its path.
func requireAbsent(_ path: String, called name: String? = nil) throws(LedgerError) {
    let name = name ?? path
    guard !name.isEmpty else { throw .emptyPath }
    do {
        guard try FileSystem.kind(of: path, followingLinks: false) == nil else {
            throw LedgerError(.alreadyExists, "\(name) exists already")
        }
        if let ledger = try LedgerFolder.owner(ofNamed: path) {
            throw LedgerError(.alreadyExists, "\(name) belongs to the ledger in \(ledger)")
        }
    } catch {
        throw LedgerError(error, while: "looking at \(name)")
    }
}

/// Makes a backup of a ledger. The key stays where it is; the secret comes along, so that a
/// restored ledger still knows the calls of before.
/// - Parameter covering: the checkpoint of a copy of the log that has so many entries.
private func backUp(
    _ log: any LogReader, of store: any LedgerStore, to copy: any LedgerStore, _ logger: Logger,
    covering: (any LogReader) throws -> SignedCheckpoint?
) throws(LedgerError) {
    do {
        // Read before the log is copied: the copy then has at least the entries they speak of.
        let evidence = try CarriedEvidence(from: store)
        try copy.build(logger) { building in
            try log.copy(to: building)
            let copied = try building.openForReading()
            let checkpoint = Result { try covering(copied) }
            copied.close()
            try evidence.write(to: building)
            if let checkpoint = try checkpoint.get() {
                try building.write(.checkpoint, checkpoint.bytes)
            }
            try copiedSecret(of: store, logger)?.write(in: building)
        }
    } catch {
        throw LedgerError(error, whileBuilding: "copying to \(copy.name)")
    }
}

/// The secret that a backup carries; nil where there is none, or where whoever copies may not read
/// it, as an auditor may not.
private func copiedSecret(
    of store: any LedgerStore, _ logger: Logger
) throws -> LedgerSecret? {
    do { _ = try store.read(.secret) } catch let error as FileError where error.isAccessDenied {
        logger.warning(
            """
            the backup is without the ledger's secret, which may not be read: a ledger that is \
            restored from it does not know its clients' former calls again
            """,
            metadata: ["secret": "\(store.place(of: .secret))"])
        return nil
    } catch {
        // A missing one is none, and whatever else is wrong is said below.
    }
    return try LedgerSecret.read(in: store)
}

/// What goes with a copy of a log: its checkpoints, byte for byte.
struct CarriedEvidence {
    private let records: [(record: StoreRecord, bytes: [UInt8])]

    /// Reads what is there.
    init(from store: any LedgerStore) throws {
        let carried: [StoreRecord] = [.checkpoint, .witnessed, .keptCheckpoints]
        records = try carried.compactMap { record in
            try store.read(record).map { (record, $0) }
        }
    }

    /// Puts it into a copy.
    func write(to store: any LedgerStore) throws {
        for (record, bytes) in records { try store.write(record, bytes) }
    }
}
