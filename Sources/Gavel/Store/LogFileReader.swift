// The log in a folder, for reading: beside a writer, as somebody who may write nothing, and by the
// writer itself.
//
// `frames` has each frame at its first position; `tiles` at tile n, of 256 leaves, the roots of the
// perfect subtrees of 2⁸, 2¹⁶, … leaves that end with it, 32 bytes each.
//
// Invariants: takes no lock and writes nothing, in the folder or anywhere (decision 0027); gives no
// frame that does not begin where its key says. A frame that was read once is in every later read.

internal import AuctionDomain
internal import LMDB
internal import Platform
internal import Synchronization

/// Reads a log's file.
package final class LogFileReader: LogReader {
    /// Nil once closed.
    private let reader: Mutex<DataFileReader?>

    /// The names of the two tables.
    static let framesName = "frames"
    static let tilesName = "tiles"

    /// Opens the log in a folder.
    /// - Throws: `LMDBError`, with `notFound` where the log's tables were never made.
    package init(at directory: String) throws {
        let file = try DataFileReader(in: directory)
        for name in [Self.framesName, Self.tilesName] where try !file.hasTable(name) {
            throw LMDBError(.notFound, operation: "open", reason: "\(directory): table \(name)")
        }
        reader = Mutex(file)
    }

    /// Opens the log in a folder.
    /// - Returns: nil where it has no entry, or not even its tables.
    /// - Throws: `LMDBError`.
    static func begun(at directory: String) throws -> LogFileReader? {
        do {
            let log = try LogFileReader(at: directory)
            return try log.entryCount > 0 ? log : nil
        } catch let error as LMDBError where error.code == .notFound {
            return nil
        }
    }

    /// Whether nothing was ever committed to the log in a folder; false where it cannot be told.
    static func isUnborn(at directory: String) -> Bool {
        (try? Environment.isUnborn(at: directory)) ?? false
    }

    /// The file, which stays open for as long as somebody reads it.
    private var open: DataFileReader {
        get throws {
            guard let reader = reader.withLock({ $0 }) else {
                throw LMDBError(.closed, operation: "read")
            }
            return reader
        }
    }

    package var entryCount: UInt64 {
        get throws {
            try open.withLast(in: Self.framesName) { key, value in
                try Self.header(value, at: key).endPosition
            } ?? 0
        }
    }

    package func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        try open.forEach(in: Self.framesName, fromAtOrBefore: position) { key, value in
            _ = try Self.header(value, at: key)
            return try body(value)
        }
    }

    package var keepsTileRoots: Bool { true }

    package func tileRoots(endingWith tile: UInt64) throws -> [Digest]? {
        try open.withValue(in: Self.tilesName, at: tile) { value in
            guard value.byteCount % 32 == 0 else {
                throw LogFault("the roots of tile \(tile) are cut short")
            }
            return stride(from: 0, to: value.byteCount, by: 32).map { Digest(value, at: $0) }
        }
    }

    /// A frame's header. The key is the table's word for where the frame stands; both must agree.
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

    package var storage: LogStorage? {
        guard let info = try? open.info else { return nil }
        return LogStorage(
            usedBytes: info.usedBytes, fileBytes: info.fileBytes, mapBytes: info.mapSizeBytes)
    }

    /// Copies the log while it may be written, and flushes the copy: the frames that are there now,
    /// byte for byte, and the roots of the tiles that they fill. Of what comes meanwhile nothing is
    /// in the copy.
    /// - Parameter store: has no log yet.
    /// - Throws: `LMDBError`, `LogFault`.
    package func copy(to store: any LedgerStore) throws {
        guard let path = store.folderPath else { return try copyFrames(to: store) }
        let directory = LedgerFolder(path: path).log
        let file = try open
        // What is there now stays as it is, so that no moment has to be held on to.
        let end = try entryCount
        let copy = try LogFileCopy(
            at: directory, bytesMax: max(Configuration.mapBytesDefault, 2 * file.info.fileBytes))
        try copy.append(file, to: end)
        try copy.finish()
    }

    package func close() {
        reader.withLock { $0 = nil }
    }
}
