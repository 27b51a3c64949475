// The event log on LMDB: two tables with integer keys, appended to through one transaction a frame.
// `frames` has each frame at its first position; `tiles` at tile n, of 256 leaves, the roots of the
// perfect subtrees of 2⁸, 2¹⁶, … leaves that end with it, 32 bytes each.
//
// Invariants: transactions are begun and ended on this log's own queue and never cross an await;
// a commit is two flushes (data, then the page that names it), so a frame reported durable
// survives power loss as far as the disk tells the truth; after a failed commit the log is
// finished: LMDB would go on, but Linux may have dropped the pages that failed to be written, so a
// later success would prove nothing (eventlog research, section 3.4).

internal import AuctionDomain
internal import Dispatch
internal import LMDB
internal import Platform
internal import Synchronization

package final class LMDBEventLog: EventLog {
    private let environment: Environment
    private let frames: IntegerTable
    private let tiles: IntegerTable
    private let queue = DispatchQueue(label: "gavel.log")
    private let state = Mutex(State())

    private struct State {
        var handler: (@Sendable (LogReport) -> Void)?
        /// Set once by the first failure.
        var failure: String?
    }

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
    static func begun(at directory: String) throws -> LMDBEventLog? {
        do {
            let log = try LMDBEventLog(at: directory, isReadOnly: true, creates: false)
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

    package func start(reportingTo handler: @escaping @Sendable (LogReport) -> Void) {
        state.withLock { $0.handler = handler }
    }

    package func append(
        _ frame: Frame, atOnce: Bool, seal: @escaping @Sendable (Frame) -> Void
    ) {
        if atOnce {
            // Runs on this thread, in the queue's order.
            queue.sync { store(frame, seal) }
        } else {
            queue.async { self.store(frame, seal) }
        }
    }

    private func store(_ frame: Frame, _ seal: (Frame) -> Void) {
        let (handler, failure) = state.withLock { ($0.handler, $0.failure) }
        if let failure {
            handler?(.unknown(frame, reason: failure))
            return
        }
        do {
            // A frame without entries is a caller waiting for what came before it.
            if !frame.isEmpty {
                seal(frame)
                let start = Uptime.nanoseconds
                defer { frame.flushNanoseconds = Uptime.nanoseconds - start }
                try environment.write { transaction in
                    try transaction.append(
                        frames, key: frame.firstPosition, byteCount: frame.byteCount
                    ) { value in
                        var offset = 0
                        frame.withParts { part in
                            value.copy(part, at: offset)
                            offset += part.byteCount
                        }
                    }
                    try store(frame.tileRoots, in: transaction)
                }
            }
            handler?(.durable(frame))
        } catch {
            let reason = "\(error)"
            state.withLock { $0.failure = reason }
            handler?(.unknown(frame, reason: reason))
        }
    }

    private func store(
        _ roots: ContiguousArray<TileRoot>, in transaction: borrowing WriteTransaction
    ) throws {
        var start = 0
        while start < roots.count {
            // Those that end with one tile are neighbours, the smallest first.
            let tile = roots[start].lastTile
            var value = ByteBuffer(capacity: 64)
            while start < roots.count, roots[start].lastTile == tile {
                value.append(roots[start].hash)
                start += 1
            }
            try value.withBytes { try transaction.append(tiles, key: tile, value: $0) }
        }
    }

    /// Stores frames that were stored before, in one transaction. Only while nothing is appended.
    func append(stored newFrames: [StoredFrame]) throws {
        try environment.write { transaction in
            for frame in newFrames {
                try withBytes(of: frame.bytes) {
                    try transaction.append(frames, key: frame.firstPosition, value: $0)
                }
                try store(frame.tileRoots, in: transaction)
            }
        }
    }

    /// Throws away the roots of tiles and stores others, in one transaction: a row of some 60 bytes
    /// for every 256 entries, so that a billion entries stay within LMDB's half a gigabyte.
    /// - Parameter roots: of all tiles, in order of their ends.
    func replaceTiles(by roots: ContiguousArray<TileRoot>) throws {
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

    /// A consistent copy of the log while it is written.
    package func copy(to directory: String) throws {
        try environment.copy(to: directory, compacting: false)
    }

    package var storage: LogStorage? {
        guard let info = try? environment.info else { return nil }
        return LogStorage(
            usedBytes: info.usedBytes, fileBytes: info.fileBytes, mapBytes: info.mapSizeBytes)
    }

    package func drain() {
        // Runs after every append that was made before.
        queue.sync {}
    }

    package func close() {
        // Otherwise the two would keep each other: who is told reads from this log. Taken out under
        // the lock, let go of behind it.
        _ = state.withLock { $0.handler.take() }
        environment.close()
    }
}
