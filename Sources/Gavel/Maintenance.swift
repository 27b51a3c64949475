// Copies of a ledger, and its read state made anew.

public import Logging
internal import Platform

extension Ledger {
    /// Copies the ledger while it is being written: a consistent state, flushed, and a checkpoint
    /// over all entries of the copy. Verify the copy with `Verifier`.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backUp(log as? LMDBEventLog, folder, to: path, logger) { copy in
            try signer?.checkpoint(ofCopy: copy) { [pipeline] in pipeline.durableCount }
        }
    }

    /// Throws away what can be derived (the read state's snapshots, the roots of tiles) and makes
    /// it anew from the first entry on. No entry is touched. When it fails or is interrupted, the
    /// ledger opens as before, and rebuilding again ends the work.
    /// - Returns: how many entries were replayed.
    /// - Throws: `LedgerError` with `notFound`, `heldByWriter`, `damaged` or `storage`.
    @discardableResult
    public static func rebuild(
        at path: String, logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> UInt64 {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        do {
            let writerFile = try WriterFile.acquire(at: folder.writer)
            defer { writerFile.release() }
            if !folder.wasOpened, try LMDBEventLog.begun(at: folder.log) == nil {
                throw LedgerError.notBegun(folder)
            }
            let log = try LMDBEventLog(at: folder.log, isReadOnly: false, creates: false)
            defer { log.close() }
            let loader = Loader(log: log, snapshots: nil, logger: logger)
            let loaded = try loader.load(upTo: .none)
            guard loaded.readState.entryCount > 0 else { throw LedgerError.notBegun(folder) }
            // Nothing goes before what takes its place is made: whoever is interrupted leaves a
            // ledger that opens, with the old roots or the new ones.
            try log.replaceTiles(by: loaded.tiles)
            try loader.checkTiles(loaded)
            let ids = try loader.commandIDs(loaded, into: .unlimited(from: loaded.horizon))
            try SnapshotFolder(path: folder.snapshots)
                .replaceAll(by: loaded.readState, tree: loaded.tree, ids: ids)
            folder.removeFormerSnapshots(logger)
            return loaded.readState.entryCount
        } catch let held as WriterFile.Held {
            throw LedgerError(held, at: path)
        } catch {
            throw LedgerError(error, while: "rebuilding \(path)")
        }
    }
}

extension LedgerReader {
    /// Copies the ledger, also beside a living writer. Where the ledger's key can be read, the copy
    /// gets a checkpoint over all its entries, else it has the ledger's last one.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists`, `damaged` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backUp(reading.log as? LMDBEventLog, folder, to: path, logger) { copy in
            guard let folder else { return nil }
            return try coveringCheckpoint(ofCopy: copy) {
                try Self.durableCount(of: folder, reading.log)
            }
        }
    }
}

/// Copies a log beside its place and renames it when it is flushed, so that a copy that was
/// interrupted is never taken for one that was not. One that fails is removed.
/// - Parameter adding: puts further files into the copy before it gets its name.
func copyLedger(
    _ log: LMDBEventLog?, to path: String, _ logger: Logger,
    adding: (LedgerFolder) throws -> Void
) throws(LedgerError) {
    guard let log else { throw LedgerError(.storage, "only a ledger in a folder can be copied") }
    try requireAbsent(path)
    let building = LedgerFolder(path: path + ".copying")
    do {
        try building.removeLeftover()
        do {
            try building.beginBuilding()
            try FileSystem.createDirectory(building.log)
            try log.copy(to: building.log)
            try adding(building)
            try FileSystem.syncDirectory(building.path)
            try building.endBuilding(at: path, logger)
        } catch {
            try? building.discard()
            throw error
        }
    } catch {
        throw LedgerError(error, whileBuilding: "copying to \(path)")
    }
}

/// Checks that nothing stands where a ledger is about to be made, not even a link to nothing, and
/// that the place is not inside another ledger's own folders.
func requireAbsent(_ path: String) throws(LedgerError) {
    do {
        guard try FileSystem.kind(of: path, followingLinks: false) == nil else {
            throw LedgerError(.alreadyExists, "\(path) exists already")
        }
        if let ledger = try LedgerFolder.owner(ofNamed: path) {
            throw LedgerError(.alreadyExists, "\(path) belongs to the ledger in \(ledger)")
        }
    } catch {
        throw LedgerError(error, while: "looking at \(path)")
    }
}

/// Makes a backup of a ledger in a folder. The key stays where it is; the secret comes along, so
/// that a restored ledger still knows the calls of before.
/// - Parameter covering: the checkpoint of a copy of the log that has so many entries.
private func backUp(
    _ log: LMDBEventLog?, _ folder: LedgerFolder?, to path: String, _ logger: Logger,
    covering: (LMDBEventLog) throws -> SignedCheckpoint?
) throws(LedgerError) {
    do {
        // Read before the log is copied: the copy then has at least the entries they speak of.
        let evidence = try folder.map { try CarriedEvidence(from: $0) }
        try copyLedger(log, to: path, logger) { building in
            let copy = try LMDBEventLog(at: building.log, isReadOnly: true, creates: false)
            let checkpoint = Result { try covering(copy) }
            copy.close()
            try evidence?.write(to: building)
            if let checkpoint = try checkpoint.get() {
                try CheckpointFile(lastOf: building).write(checkpoint)
            }
            try folder.flatMap { try LedgerSecret.read(in: $0) }?.write(in: building)
        }
    } catch {
        throw LedgerError(error, while: "copying to \(path)")
    }
}

/// What goes with a copy of a log: its checkpoints, byte for byte.
struct CarriedEvidence {
    private let files: [(place: KeyPath<LedgerFolder, String>, bytes: [UInt8])]

    /// Reads what is there.
    init(from folder: LedgerFolder) throws {
        let places: [KeyPath<LedgerFolder, String>] = [
            \.checkpoint, \.witnessed, \.keptCheckpoints,
        ]
        files = try places.compactMap { place in
            let path = folder[keyPath: place]
            return FileSystem.exists(path) ? (place, try FileSystem.readFile(path)) : nil
        }
    }

    /// Puts it into a copy.
    func write(to folder: LedgerFolder) throws {
        for (place, bytes) in files {
            let path = folder[keyPath: place]
            if let parent = FileSystem.parentDirectory(of: path) {
                try FileSystem.createDirectory(parent)
            }
            try FileSystem.writeFileAtomically(path, bytes, mode: 0o644)
        }
    }
}
