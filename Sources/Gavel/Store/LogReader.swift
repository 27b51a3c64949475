// The log of a store, opened for reading or for writing.

internal import Platform

/// The frames of a log, open for reading. Used from any thread.
public protocol LogReader: AnyObject, Sendable {
    /// How many entries are stored now, also those that a writer has appended since this log was
    /// opened; some may not be durable yet.
    var entryCount: UInt64 { get throws }

    /// Calls `body` with each stored frame from the one that holds a position on, until it answers
    /// false. Behind the last entry the last frame is lent again. The bytes are valid within the
    /// call.
    /// - Throws: `LedgerError` or the store's own error where a frame cannot be read; what `body`
    ///   throws.
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws

    /// Calls `body` with the header of each stored frame from the one that holds a position on,
    /// until it answers false. A store that has to fetch frames from afar fetches no more of them
    /// here than it must; by itself this reads whole frames.
    func forEachHeader(from position: UInt64, _ body: (FrameHeader) throws -> Bool) throws

    /// Calls `body` with each entry of a range of positions, as far as there are any, until it
    /// answers false: the header of its frame, bytes, where it lies in them, and its position. The
    /// bytes are valid within the call. By itself this reads whole frames, as `forEachHeader`.
    /// - Throws: `LedgerError` with `damaged`, or the store's own error, where an entry is missing
    ///   before another, or its frame is none; what `body` throws.
    func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws

    /// Whether roots of tiles are stored beside the frames.
    var keepsTileRoots: Bool { get }

    /// The roots that are stored of the tiles of 256, 65,536, … leaves which end with a tile of
    /// 256 leaves.
    /// - Returns: nil when there is no such tile, or the log keeps none.
    func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]?

    /// The same for each of a range of tiles of 256 leaves, in order, as far as there are any. By
    /// itself this asks for each.
    func forEachTile(
        in tiles: Range<UInt64>, _ body: (_ tile: UInt64, _ roots: [LedgerHash]) throws -> Void
    ) throws

    /// The size of the store; nil where it has none to tell, or is closed.
    var storage: LogStorage? { get }

    /// Copies the log into a store that is being built: at least the entries that were there when
    /// the copy began.
    func copy(to store: any LedgerStore) throws

    /// Lets go of the log. Nothing is read any more.
    func close()
}

/// Roots of tiles as they are stored: one row for each tile of 256 leaves that is full.
public struct StoredTiles: Sendable {
    private let roots: ContiguousArray<TileRoot>

    /// - Parameter roots: in order of their ends, those with one end the smallest first.
    package init(_ roots: ContiguousArray<TileRoot>) { self.roots = roots }

    /// Calls `body` for each row, in order.
    /// - Parameter body: gets the number of the tile of 256 leaves, from 0, and the roots of the
    ///   tiles of 256, 65,536, … leaves that end with it.
    public func forEachRow(_ body: (UInt64, [LedgerHash]) throws -> Void) rethrows {
        try roots.forEachEnd { try body($0, $1.map(\.hash)) }
    }
}

extension LogReader {
    public var keepsTileRoots: Bool { false }
    public var storage: LogStorage? { nil }
    public func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? { nil }

    public func forEachTile(
        in tiles: Range<UInt64>, _ body: (_ tile: UInt64, _ roots: [LedgerHash]) throws -> Void
    ) throws {
        for tile in tiles {
            if let roots = try tileRoots(endingWith: tile) { try body(tile, roots) }
        }
    }

    public func copy(to store: any LedgerStore) throws { try copyFrames(to: store) }

    /// Copies frame by frame, each held against the root that it says.
    func copyFrames(to store: any LedgerStore) throws {
        var opening = StoreOpening()
        opening.isBuilding = true
        let copy = try store.openForWriting(opening)
        defer { copy.close() }
        var tree = MerkleTree()
        let count = try entryCount
        while tree.size < count {
            let before = tree.size
            var frames: [SealedFrame] = []
            var bytesLeft = 4 << 20
            try forEachFrame(from: before) { value in
                frames.append(try SealedFrame(following: &tree, value.array()))
                bytesLeft -= value.byteCount
                return tree.size < count && bytesLeft > 0
            }
            guard tree.size > before else {
                throw LogFault("no frame of the log begins at position \(before)")
            }
            try copy.append(frames)
        }
    }

    public func forEachHeader(
        from position: UInt64, _ body: (FrameHeader) throws -> Bool
    ) throws {
        try forEachFrame(from: position) { try body(try FrameHeader($0)) }
    }

    public func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        guard !positions.isEmpty else { return }
        var next = positions.lowerBound
        try forEachFrame(from: next) { value in
            let header = try FrameHeader(value)
            for index in try header.indices(from: next, to: positions.upperBound) {
                let range = try header.range(of: index, value)
                next += 1
                guard try body(header, value, range, next - 1) else { return false }
            }
            return next < positions.upperBound
        }
    }

    /// Reads one entry as it is stored, without looking at its hash: `CheckedEntries` does.
    /// - Returns: nil when there is none at that position.
    package func entry(at position: UInt64) throws -> DecodedEntry? {
        var decoded: DecodedEntry?
        try forEachEntry(in: position..<position.addingClamped(1)) { _, value, range, _ in
            var entry = DecodedEntry()
            try entry.decode(value, in: range)
            decoded = entry
            return false
        }
        return decoded
    }
}

extension FrameHeader {
    /// Hashes the entries into the tree of those before them.
    /// - Throws: `LogFault` where they do not give the root that the frame says.
    func hash(
        _ value: RawSpan, following tree: inout MerkleTree, completed: (TileRoot) -> Void
    ) throws(LogFault) {
        try hash(value, into: &tree, completed: completed)
        guard tree.root == root else {
            throw LogFault(
                "the entries from position \(firstPosition) on do not have the root that their "
                    + "frame says")
        }
    }
}

extension FrameHeader {
    /// Which of the frame's entries lie between two positions, of which there are none before.
    /// - Throws: `LogFault` where the frame begins behind the first of them.
    func indices(from start: UInt64, to end: UInt64) throws(LogFault) -> Range<Int> {
        guard firstPosition <= start else { throw LogFault("entry \(start) is not in the log") }
        // Behind the last entry the last frame is lent.
        guard start < endPosition else { return 0..<0 }
        return Int(start - firstPosition)..<Int(min(end, endPosition) - firstPosition)
    }
}
