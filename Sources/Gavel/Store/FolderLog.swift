// The log of a folder, on LMDB: two tables with integer keys, appended to by one transaction a
// call. `frames` has each frame at its first position; `tiles` at tile n, of 256 leaves, the roots
// of the perfect subtrees of 2⁸, 2¹⁶, … leaves that end with it, 32 bytes each.
//
// Invariants: a transaction is begun and ended within one call, on the thread that calls; a commit
// is two flushes (data, then the page that names it), so that what was appended survives power loss
// as far as the disk tells the truth; after a failed commit nothing more is appended: LMDB would go
// on, but Linux may have dropped the pages that failed to be written, so a later success would
// prove nothing.

internal import AuctionDomain
internal import LMDB
internal import Platform
internal import Synchronization

package final class FolderLog: LogReader {
    private let environment: Environment
    private let frames: IntegerTable
    private let tiles: IntegerTable
    /// Set once by the first failure.
    private let failure = Mutex<String?>(nil)

    /// The names of the two tables.
    static let framesName = "frames"
    static let tilesName = "tiles"

    /// Opens the log in a folder.
    /// - Parameter resumesCreation: whether a log whose creation was cut short is made anew.
    /// - Throws: `LMDBError`.
    package init(
        at directory: String, isReadOnly: Bool, creates: Bool, resumesCreation: Bool = false
    ) throws {
        var configuration = Environment.Configuration()
        configuration.isReadOnly = isReadOnly
        configuration.createsDirectory = creates
        configuration.maxTables = 4
        configuration.resumesCreation = resumesCreation
        environment = try Environment(at: directory, configuration: configuration)
        frames = try environment.integerTable(named: Self.framesName, create: creates)
        tiles = try environment.integerTable(named: Self.tilesName, create: creates)
    }

    /// Whether nothing was ever committed to the log in a folder; false where it cannot be told.
    static func isUnborn(at directory: String) -> Bool {
        (try? Environment.isUnborn(at: directory)) ?? false
    }

    /// Opens the log in a folder for reading.
    /// - Returns: nil where it has no entry, or not even its tables.
    /// - Throws: `LMDBError`.
    static func begun(at directory: String) throws -> FolderLog? {
        do {
            let log = try FolderLog(at: directory, isReadOnly: true, creates: false)
            return try log.entryCount > 0 ? log : nil
        } catch let error as LMDBError where error.code == .notFound {
            return nil
        }
    }

    package var entryCount: UInt64 {
        get throws {
            try environment.read { transaction in
                try transaction.withLast(in: frames) { key, value in
                    try Self.header(value, at: key).endPosition
                } ?? 0
            }
        }
    }

    /// Stores frames behind all that are there, in one transaction.
    /// - Throws: `StoreFailure.unknown` where the commit failed, and ever after that.
    func append(_ newFrames: [SealedFrame]) throws(StoreFailure) {
        if let failure = failure.withLock({ $0 }) { throw .unknown(failure) }
        do {
            try environment.write { transaction in
                for frame in newFrames {
                    try transaction.append(
                        frames, key: frame.firstPosition, byteCount: frame.byteCount
                    ) { value in
                        var offset = 0
                        frame.forEachPart { part in
                            value.copy(part, at: offset)
                            offset += part.byteCount
                        }
                    }
                    try store(frame.tiles, in: transaction)
                }
            }
        } catch {
            let reason = "\(error)"
            failure.withLock { $0 = reason }
            throw .unknown(reason)
        }
    }

    private func store(
        _ roots: StoredTiles, in transaction: borrowing WriteTransaction
    ) throws {
        try roots.forEachRow { tile, roots in
            var value = ByteBuffer(capacity: 64)
            for root in roots { value.append(root) }
            try value.withBytes { try transaction.append(tiles, key: tile, value: $0) }
        }
    }

    /// Throws away the roots of tiles and stores others, in one transaction: a row of some 60 bytes
    /// for every 256 entries, so that a billion entries stay within LMDB's half a gigabyte.
    func replaceTiles(by roots: StoredTiles) throws {
        try environment.write { transaction in
            try transaction.removeAll(of: tiles)
            try store(roots, in: transaction)
        }
    }

    package var keepsTileRoots: Bool { true }

    package func tileRoots(endingWith tile: UInt64) throws -> [Digest]? {
        try environment.read { transaction in
            try transaction.withValue(tiles, at: tile) { value in
                guard value.byteCount % 32 == 0 else {
                    throw LogFault("the roots of tile \(tile) are cut short")
                }
                return stride(from: 0, to: value.byteCount, by: 32).map { Digest(value, at: $0) }
            }
        }
    }

    package func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        try environment.read { transaction in
            let start = try transaction.withValue(atOrBefore: position, in: frames) { key, _ in key
            }
            try transaction.forEach(in: frames, from: start ?? position) { key, value in
                _ = try Self.header(value, at: key)
                return try body(value)
            }
        }
    }

    /// A frame's header. The key is LMDB's word for where the frame stands; both must agree.
    /// - Throws: `LogFault` naming the position.
    static func header(_ value: RawSpan, at key: UInt64) throws -> FrameHeader {
        let header: FrameHeader
        do { header = try FrameHeader(value) } catch {
            throw LogFault(
                "the frame at position \(key): \(error.reason)",
                isNewerFormat: error.isNewerFormat)
        }
        guard header.firstPosition == key else {
            throw LogFault("the frame at \(key) says it begins at \(header.firstPosition)")
        }
        return header
    }

    /// A consistent copy while the log is written: page by page where the copy is in a folder.
    package func copy(to store: any LedgerStore) throws {
        guard let path = store.folderPath else { return try copyFrames(to: store) }
        let directory = LedgerFolder(path: path).log
        try FileSystem.createDirectory(directory)
        try environment.copy(to: directory, compacting: false)
    }

    package var storage: LogStorage? {
        guard let info = try? environment.info else { return nil }
        return LogStorage(
            usedBytes: info.usedBytes, fileBytes: info.fileBytes, mapBytes: info.mapSizeBytes)
    }

    package func close() {
        // A reader under way keeps the map: the environment is closed with its last reference.
        try? environment.close()
    }
}
