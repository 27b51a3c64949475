// Copies of a ledger, and its read state made anew.

internal import LMDB
public import Logging

extension Ledger {
    /// Copies the ledger while it is being written: a consistent state, flushed. Verify the copy
    /// with `Verifier`.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backUp(log as? LMDBEventLog, folder, to: path)
    }

    /// Throws away what can be derived (the read state's snapshots, the roots of tiles) and makes
    /// it anew from the first entry on. No entry is touched.
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
            if FileSystem.exists(folder.projections) {
                try FileSystem.remove(folder.projections)
            }
            let log = try LMDBEventLog(at: folder.log, isReadOnly: false, creates: false)
            defer { log.close() }
            let snapshots = try SnapshotStore(at: folder.projections, isReadOnly: false)
            defer { snapshots.close() }
            let loader = Loader(log: log, snapshots: nil, logger: logger)
            let loaded = try loader.load(upTo: .none)
            try log.replaceTiles(by: loaded.tiles)
            try loader.checkTiles(loaded)
            try snapshots.write(loaded.readState, tree: loaded.tree)
            return loaded.readState.entryCount
        } catch let held as WriterFile.Held {
            throw LedgerError(held, at: path)
        } catch {
            throw LedgerError(error, while: "rebuilding \(path)")
        }
    }
}

extension LedgerReader {
    /// Copies the ledger, also beside a living writer.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try backUp(reading.log as? LMDBEventLog, folder, to: path)
    }
}

/// Copies a log beside its place and renames it when it is flushed, so that a copy that was
/// interrupted is never taken for one that was not.
/// - Parameter adding: puts further files into the copy before it gets its name.
func copyLedger(
    _ log: LMDBEventLog?, to path: String,
    adding: (LedgerFolder) throws -> Void
) throws(LedgerError) {
    guard let log else { throw LedgerError(.storage, "only a ledger in a folder can be copied") }
    guard !FileSystem.exists(path) else {
        throw LedgerError(.alreadyExists, "\(path) exists already")
    }
    let building = LedgerFolder(path: path + ".copying")
    do {
        if FileSystem.exists(building.path) { try FileSystem.remove(building.path) }
        try FileSystem.createDirectory(building.path)
        try FileSystem.createDirectory(building.log)
        try log.copy(to: building.log)
        try adding(building)
        try FileSystem.syncDirectory(building.path)
        try FileSystem.rename(building.path, to: path)
    } catch {
        throw LedgerError(error, while: "copying to \(path)")
    }
}

/// Makes a backup of a ledger in a folder. The key stays where it is; the secret comes along, so
/// that a restored ledger still knows the calls of before.
private func backUp(
    _ log: LMDBEventLog?, _ folder: LedgerFolder?, to path: String
) throws(LedgerError) {
    do {
        // Read before the log is copied: the copy then has at least the entries they speak of.
        let checkpoint = try folder.flatMap { try readIfThere($0.checkpoint) }
        let witnessed = try folder.flatMap { try readIfThere($0.witnessed) }
        try copyLedger(log, to: path) { building in
            for (path, bytes) in [
                (building.checkpoint, checkpoint), (building.witnessed, witnessed),
            ] {
                if let bytes { try FileSystem.writeFileAtomically(path, bytes, mode: 0o644) }
            }
            try folder.flatMap { try LedgerSecret.read(in: $0) }?.write(in: building)
        }
    } catch {
        throw LedgerError(error, while: "copying to \(path)")
    }
}

private func readIfThere(_ path: String) throws -> [UInt8]? {
    FileSystem.exists(path) ? try FileSystem.readFile(path) : nil
}
