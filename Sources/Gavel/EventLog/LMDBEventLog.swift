// The event log on LMDB, for its one writer: appended to through one transaction a frame. What its
// two tables hold, and how they are read, is LogFileReader's affair.
//
// Invariants: transactions are begun and ended on this log's own queue and never cross an await;
// a commit is two flushes (data, then the page that names it), so a frame reported durable
// survives power loss as far as the disk tells the truth; after a failed commit the log is
// finished: LMDB would go on, but Linux may have dropped the pages that failed to be written, so a
// later success would prove nothing (eventlog research, section 3.4); LMDB keeps no lock file:
// whoever opens the log holds the ledger's `writer` file, or builds the ledger where nobody looks.

internal import AuctionDomain
internal import Dispatch
internal import LMDB
internal import Platform
internal import Synchronization

package final class LMDBEventLog: EventLog {
    private let environment: Environment
    private let frames: IntegerTable
    private let tiles: IntegerTable
    private let reader: LogFileReader
    /// How long the file may get.
    private let mapBytes: Int
    private let queue = DispatchQueue(label: "gavel.log")
    private let state = Mutex(State())

    private struct State {
        var handler: (@Sendable (LogReport) -> Void)?
        /// Set once by the first failure.
        var failure: String?
    }

    /// Opens the log in a folder, or makes it. The caller keeps other writers away.
    /// - Parameters:
    ///   - mapBytes: how long the file may get.
    ///   - resumesCreation: whether a log whose creation was cut short is made anew.
    /// - Throws: `LMDBError`.
    package init(
        at directory: String, creates: Bool, mapBytes: Int = Configuration.mapBytesDefault,
        resumesCreation: Bool = false
    ) throws {
        var configuration = Environment.Configuration.unlocked
        configuration.mapSizeBytes = mapBytes
        configuration.createsDirectory = creates
        configuration.resumesCreation = resumesCreation
        environment = try Environment(at: directory, configuration: configuration)
        frames = try environment.integerTable(named: LogFileReader.framesName, create: creates)
        tiles = try environment.integerTable(named: LogFileReader.tilesName, create: creates)
        reader = try LogFileReader(at: directory)
        self.mapBytes = mapBytes
    }

    /// Checks that the file may still grow by what an opening writes.
    /// - Throws: `LedgerError` with `invalidConfiguration`.
    func checkRoom() throws(LedgerError) {
        guard let storage, storage.usedBytes > mapBytes - Self.openingBytesMax else { return }
        throw LedgerError(
            .invalidConfiguration,
            "mapBytes is \(mapBytes), and the log has \(storage.usedBytes) bytes already: it must "
                + "be at least \(storage.usedBytes + Self.openingBytesMax)")
    }

    /// More than the frame of an opening and the pages above it take.
    private static let openingBytesMax = 256 << 10

    package var entryCount: UInt64 { get throws { try reader.entryCount } }

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
                    try transaction.append(frame.tileRoots, to: tiles)
                }
            }
            handler?(.durable(frame))
        } catch {
            let reason = "\(error)"
            state.withLock { $0.failure = reason }
            handler?(.unknown(frame, reason: reason))
        }
    }

    /// Stores frames that were stored before, in one transaction. Only while nothing is appended.
    func append(stored newFrames: [StoredFrame]) throws {
        try environment.write { transaction in
            for frame in newFrames {
                try withBytes(of: frame.bytes) {
                    try transaction.append(frames, key: frame.firstPosition, value: $0)
                }
                try transaction.append(frame.tileRoots, to: tiles)
            }
        }
    }

    /// Throws away the roots of tiles and stores others, in one transaction: a row of some 60 bytes
    /// for every 256 entries, so that a billion entries stay within LMDB's half a gigabyte.
    /// - Parameter roots: of all tiles, in order of their ends.
    func replaceTiles(by roots: ContiguousArray<TileRoot>) throws {
        try environment.write { transaction in
            try transaction.removeAll(of: tiles)
            try transaction.append(roots, to: tiles)
        }
    }

    package var keepsTileRoots: Bool { true }

    package func tileRoots(endingWith tile: UInt64) throws -> [Digest]? {
        try reader.tileRoots(endingWith: tile)
    }

    package func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        try reader.forEachFrame(from: position, body)
    }

    package func forEachHeader(
        from position: UInt64, _ body: (FrameHeader) throws -> Bool
    ) throws {
        try reader.forEachHeader(from: position, body)
    }

    package func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        try reader.forEachEntry(in: positions, body)
    }

    package var storage: LogStorage? {
        guard var storage = reader.storage else { return nil }
        storage.mapBytes = mapBytes
        return storage
    }

    package var file: LogFileReader? { reader }

    package func drain() {
        // Runs after every append that was made before.
        queue.sync {}
    }

    package func close() {
        reader.close()
        // Nothing is appended any more, and nobody reads through the environment.
        try? environment.close()
    }
}

extension Environment.Configuration {
    /// Of a log: without LMDB's lock file.
    fileprivate static var unlocked: Self {
        Environment.Configuration(maxTables: 4, usesLockFile: false)
    }
}

extension WriteTransaction {
    /// - Parameter roots: in the order of their ends.
    fileprivate func append(_ roots: ContiguousArray<TileRoot>, to tiles: IntegerTable) throws {
        var start = 0
        while start < roots.count {
            // Those that end with one tile are neighbours, the smallest first.
            let tile = roots[start].lastTile
            var value = ByteBuffer(capacity: 64)
            while start < roots.count, roots[start].lastTile == tile {
                value.append(roots[start].hash)
                start += 1
            }
            try value.withBytes { try append(tiles, key: tile, value: $0) }
        }
    }
}

/// A log that is being copied into a folder where nobody looks yet: flushed once, at its end.
struct LogFileCopy {
    private let environment: Environment
    private let frames: IntegerTable
    private let tiles: IntegerTable

    /// So many bytes of values are copied in one transaction, about.
    private static let bytesPerTransaction = 16 << 20

    init(at directory: String, bytesMax: Int) throws {
        var configuration = Environment.Configuration.unlocked
        configuration.mapSizeBytes = bytesMax
        // Durable as a whole or not at all, by `finish`.
        configuration.syncMode = .none
        environment = try Environment(at: directory, configuration: configuration)
        frames = try environment.integerTable(named: LogFileReader.framesName, create: true)
        tiles = try environment.integerTable(named: LogFileReader.tilesName, create: true)
    }

    /// Copies the frames of the first `end` entries, and the roots of the tiles that these fill.
    func append(_ file: DataFileReader, to end: UInt64) throws {
        try append(LogFileReader.framesName, of: file, before: end, to: frames)
        try append(LogFileReader.tilesName, of: file, before: end / TileRoot.leaves, to: tiles)
    }

    private func append(
        _ name: String, of file: DataFileReader, before end: UInt64, to table: IntegerTable
    ) throws {
        var next: UInt64 = 0
        var isDone = false
        while !isDone {
            try environment.write { transaction in
                isDone = true
                var bytesLeft = Self.bytesPerTransaction
                try file.forEach(in: name, fromAtOrBefore: next) { key, value in
                    guard key >= next else { return true }
                    guard key < end else { return false }
                    guard bytesLeft > 0 else {
                        isDone = false
                        return false
                    }
                    try transaction.append(table, key: key, value: value)
                    next = key + 1
                    bytesLeft -= value.byteCount
                    return true
                }
            }
        }
    }

    /// Makes the copy durable, but for the name of its folder.
    func finish() throws {
        try environment.sync()
        try environment.close()
    }
}
