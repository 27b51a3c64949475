// Copies of a ledger, and its read state made anew.

internal import LMDB
public import Logging

extension Ledger {
    /// Copies the ledger while it is being written: a consistent state, flushed. Verify the copy
    /// with `Verifier`.
    /// - Parameter path: the copy's folder; nothing may be there.
    /// - Throws: `LedgerError` with `alreadyExists` or `storage`.
    public func backup(to path: String) throws(LedgerError) {
        try copyLedger(log as? LMDBEventLog, to: path)
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
            try log.rebuildTiles()
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
        try copyLedger(reading.log as? LMDBEventLog, to: path)
    }
}

/// Copies a log beside its place and renames it when it is flushed, so that a copy that was
/// interrupted is never taken for one that was not.
private func copyLedger(_ log: LMDBEventLog?, to path: String) throws(LedgerError) {
    guard let log else { throw LedgerError(.storage, "only a ledger in a folder can be copied") }
    guard !FileSystem.exists(path) else {
        throw LedgerError(.alreadyExists, "\(path) exists already")
    }
    let building = path + ".copying"
    do {
        if FileSystem.exists(building) { try FileSystem.remove(building) }
        try FileSystem.createDirectory(building)
        try FileSystem.createDirectory(LedgerFolder(path: building).log)
        try log.copy(to: LedgerFolder(path: building).log)
        try FileSystem.syncDirectory(building)
        try FileSystem.rename(building, to: path)
    } catch {
        throw LedgerError(error, while: "copying to \(path)")
    }
}
