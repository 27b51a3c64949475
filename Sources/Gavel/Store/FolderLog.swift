// The log of a folder on LMDB, for its one writer: appended to by one transaction a call. What its
// two tables hold, and how they are read, is LogFileReader's affair.
//
// Invariants: a transaction is begun and ended within one call, on the thread that calls; a commit
// is two flushes (data, then the page that names it), so that what was appended survives power loss
// as far as the disk tells the truth; after a failed commit nothing more is appended: LMDB would go
// on, but Linux may have dropped the pages that failed to be written, so a later success would
// prove nothing; LMDB keeps no lock file: whoever opens the log holds the ledger's `writer` file,
// or builds the ledger where nobody looks.

internal import AuctionDomain
internal import LMDB
internal import Platform
internal import Synchronization

/// Writes a log's file.
final class FolderLog: Sendable {
    private let environment: Environment
    private let frames: IntegerTable
    private let tiles: IntegerTable
    /// What is written is read like any other log.
    let reader: LogFileReader
    /// How long the file may get.
    private let mapBytes: Int
    /// Set once by the first failure.
    private let failure = Mutex<String?>(nil)

    /// Opens the log in a folder, or makes it. The caller keeps other writers away.
    /// - Parameters:
    ///   - mapBytes: how long the file may get.
    ///   - resumesCreation: whether a log whose creation was cut short is made anew.
    /// - Throws: `LMDBError`.
    init(at directory: String, mapBytes: Int, resumesCreation: Bool) throws {
        var configuration = Environment.Configuration.unlocked
        configuration.mapSizeBytes = mapBytes
        configuration.createsDirectory = true
        configuration.resumesCreation = resumesCreation
        environment = try Environment(at: directory, configuration: configuration)
        frames = try environment.integerTable(named: LogFileReader.framesName, create: true)
        tiles = try environment.integerTable(named: LogFileReader.tilesName, create: true)
        reader = try LogFileReader(at: directory)
        self.mapBytes = mapBytes
    }

    /// Checks that the file may still grow by what an opening writes.
    /// - Throws: `LedgerError` with `invalidConfiguration`.
    func checkRoom() throws(LedgerError) {
        guard let storage else { return }
        try Self.checkRoom(for: storage.usedBytes, in: mapBytes)
    }

    /// - Parameter usedBytes: how long the log is already.
    static func checkRoom(for usedBytes: Int, in mapBytes: Int) throws(LedgerError) {
        guard usedBytes > mapBytes - openingBytesMax else { return }
        throw LedgerError(
            .invalidConfiguration,
            "mapBytes (--map-bytes) is \(mapBytes), and the log has \(usedBytes) bytes already: "
                + "it must be at least \(usedBytes + openingBytesMax)")
    }

    /// More than the frame of an opening and the pages above it take.
    private static let openingBytesMax = 256 << 10

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
                    try transaction.append(frame.tiles, to: tiles)
                }
            }
        } catch {
            let reason =
                error as? LMDBError == LMDBError(.mapFull, operation: "append")
                ? "the log's file may not get longer than the \(mapBytes) bytes that mapBytes "
                    + "(--map-bytes) gives it"
                : "\(error)"
            failure.withLock { $0 = reason }
            throw .unknown(reason)
        }
    }

    /// Throws away the roots of tiles and stores others, in one transaction: a row of some 60 bytes
    /// for every 256 entries, so that a billion entries stay within LMDB's half a gigabyte.
    func replaceTiles(by roots: StoredTiles) throws {
        try environment.write { transaction in
            try transaction.removeAll(of: tiles)
            try transaction.append(roots, to: tiles)
        }
    }

    var storage: LogStorage? {
        guard var storage = reader.storage else { return nil }
        storage.mapBytes = mapBytes
        return storage
    }

    func close() {
        reader.close()
        // Nothing is appended any more, and nobody reads through the environment.
        environment.close()
    }
}

extension Environment.Configuration {
    /// Of a log: without LMDB's lock file.
    fileprivate static var unlocked: Self {
        Environment.Configuration(maxTables: 4, usesLockFile: false)
    }
}

extension WriteTransaction {
    fileprivate func append(_ roots: StoredTiles, to tiles: IntegerTable) throws {
        try roots.forEachRow { tile, roots in
            var value = ByteBuffer(capacity: 64)
            for root in roots { value.append(root) }
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
        environment.close()
    }
}
