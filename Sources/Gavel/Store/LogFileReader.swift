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

    package func forEachHeader(
        from position: UInt64, _ body: (FrameHeader) throws -> Bool
    ) throws {
        try open.forEachValue(in: Self.framesName, fromAtOrBefore: position) { key, value in
            let head = try value.bytes(in: 0..<min(value.byteCount, FrameLayout.headerBytes))
            return try body(try Self.header(head, of: value, at: key))
        }
    }

    package func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        guard !positions.isEmpty else { return }
        var next = positions.lowerBound
        try open.forEachValue(in: Self.framesName, fromAtOrBefore: next) { key, value in
            let head = try value.bytes(in: 0..<min(value.byteCount, Self.headBytes))
            let header = try Self.header(head, of: value, at: key)
            let indices = try header.indices(from: next, to: positions.upperBound)
            guard !indices.isEmpty else { return true }
            let ranges = try Self.ranges(of: indices, header, value, head)
            let (start, end) = (ranges[0].lowerBound, ranges[ranges.count - 1].upperBound)
            let bytes = try Self.part(
                header.entriesStart + start..<header.entriesStart + end, of: value, head)
            for range in ranges {
                let place = range.lowerBound - start..<range.upperBound - start
                let goesOn = try withBytes(of: bytes) { try body(header, $0, place, next) }
                next += 1
                if !goesOn { return false }
            }
            return next < positions.upperBound
        }
    }

    /// So much of a frame is read at once where a part of it is wanted: all of a small one.
    private static let headBytes = 2048

    /// Where some entries lie behind the first entry's first byte.
    private static func ranges(
        of indices: Range<Int>, _ header: FrameHeader, _ value: StoredValue, _ head: [UInt8]
    ) throws -> [Range<Int>] {
        let first = FrameLayout.headerBytes + 4 * max(0, indices.lowerBound - 1)
        let ends = try part(
            first..<FrameLayout.headerBytes + 4 * indices.upperBound, of: value, head)
        return try withBytes(of: ends) { try header.ranges(of: indices, ends: $0) }
    }

    /// A part of a value of which the first bytes are there already.
    private static func part(
        _ range: Range<Int>, of value: StoredValue, _ head: [UInt8]
    ) throws -> [UInt8] {
        range.upperBound <= head.count ? Array(head[range]) : try value.bytes(in: range)
    }

    package var keepsTileRoots: Bool { true }

    package func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        try open.withValue(in: Self.tilesName, at: tile) { try Self.roots($0, of: tile) }
    }

    package func forEachTile(
        in tiles: Range<UInt64>, _ body: (UInt64, [LedgerHash]) throws -> Void
    ) throws {
        guard !tiles.isEmpty else { return }
        try open.forEach(in: Self.tilesName, fromAtOrBefore: tiles.lowerBound) { tile, value in
            guard tile < tiles.upperBound else { return false }
            if tile >= tiles.lowerBound { try body(tile, Self.roots(value, of: tile)) }
            return tile < tiles.upperBound - 1
        }
    }

    private static func roots(_ value: RawSpan, of tile: UInt64) throws(LogFault) -> [LedgerHash] {
        guard value.byteCount % 32 == 0 else {
            throw LogFault("the roots of tile \(tile) are cut short")
        }
        return stride(from: 0, to: value.byteCount, by: 32).map { LedgerHash(value, at: $0) }
    }

    private static func header(
        _ head: [UInt8], of value: StoredValue, at key: UInt64
    ) throws -> FrameHeader {
        try withBytes(of: head) { try header($0, frameBytes: value.byteCount, at: key) }
    }

    /// A frame's header. The key is the table's word for where the frame stands; both must agree.
    /// - Throws: `LogFault` naming the position.
    static func header(
        _ value: RawSpan, frameBytes: Int? = nil, at key: UInt64
    ) throws -> FrameHeader {
        let header: FrameHeader
        do { header = try FrameHeader(value, frameBytes: frameBytes ?? value.byteCount) } catch {
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
        let chosen = (store as? FolderStore)?.mapBytes
        if let chosen { try FolderLog.checkRoom(for: file.info.usedBytes, in: chosen) }
        let copy = try LogFileCopy(
            at: directory,
            bytesMax: chosen ?? max(Configuration.mapBytesDefault, 2 * file.info.fileBytes))
        try copy.append(file, to: end)
        try copy.finish()
    }

    package func close() {
        reader.withLock { $0 = nil }
    }
}
