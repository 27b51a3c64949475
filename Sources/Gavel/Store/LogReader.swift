// The log of a store, opened for reading or for writing.

internal import Platform

/// The frames of a log, open for reading. Used from any thread.
public protocol LogReader: AnyObject, Sendable {
    /// How many entries are stored; some may not be durable yet.
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
    func tileRoots(endingWith tile: UInt64) throws -> [Digest]?

    /// The same for each of a range of tiles of 256 leaves, in order, as far as there are any. By
    /// itself this asks for each.
    func forEachTile(
        in tiles: Range<UInt64>, _ body: (_ tile: UInt64, _ roots: [Digest]) throws -> Void
    ) throws

    /// The size of the store; nil where it has none to tell, or is closed.
    var storage: LogStorage? { get }

    /// Copies the log into a store that is being built: at least the entries that were there when
    /// the copy began.
    func copy(to store: any LedgerStore) throws

    /// Lets go of the log. Nothing is read any more.
    func close()
}

/// The log of a store, open for writing: the right to write is this object's until it is closed.
public protocol LogWriter: LogReader {
    /// How many frames may be handed over before the first of them is durable; at least one. Where
    /// it is two, one is finished while the one before is flushed.
    var framesInFlightMax: Int { get }

    /// Stores frames behind all that are there, in one step: all or none. Blocks until they
    /// survive any crash. Called from one thread at a time.
    /// - Throws: see `StoreFailure`.
    func append(_ frames: [SealedFrame]) throws(StoreFailure)

    /// Replaces the roots of all tiles, in one step. Only while nothing is appended.
    func replaceTiles(by tiles: StoredTiles) throws

    /// Tells readers elsewhere how far the log is durable. What they are told may be lost by a
    /// crash.
    func publish(durableCount: UInt64) throws

    /// Tells how often the ledger was opened for writing.
    func publish(epoch: UInt64) throws

    /// Writes that the ledger is alive. A crash may lose the newest heartbeats.
    func publish(_ heartbeat: Heartbeat) throws

    /// The last heartbeat of whoever wrote before; nil where there is none.
    var lastHeartbeat: Heartbeat? { get }

    /// Looks whether this still is the ledger's place, and the right to write this object's. Called
    /// every second, and before anything is signed.
    /// - Throws: `StoreFailure.fenced` where it is not.
    func check() throws(StoreFailure)

    /// The space that is left for the log, in bytes; nil where it is not known.
    var freeBytes: Int? { get }
}

/// Why frames were not stored.
public enum StoreFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Somebody else writes the ledger now, or its place was taken; the frames are not in it.
    case fenced(String)
    /// Nobody knows whether the frames were stored.
    case unknown(String)

    public var description: String {
        switch self {
        case .fenced(let reason), .unknown(let reason): reason
        }
    }
}

/// A frame that is complete and is to be stored (article LogFormat).
public struct SealedFrame: Sendable {
    private enum Source {
        case engine(Frame)
        case bytes([UInt8])
    }

    private let source: Source
    /// The position of its first entry: the key that it is stored under.
    public let firstPosition: UInt64
    /// How many entries the log has once this frame is in it.
    public let endPosition: UInt64
    /// The Merkle root over all entries up to its last one.
    public let root: Digest
    /// The tiles that it completes.
    public let tiles: StoredTiles

    /// - Precondition: the frame is sealed.
    package init(_ frame: Frame) {
        source = .engine(frame)
        firstPosition = frame.firstPosition
        endPosition = frame.endPosition
        root = frame.root
        tiles = StoredTiles(frame.tileRoots)
    }

    /// A frame that was stored before.
    /// - Parameter roots: of the tiles that it completes.
    /// - Throws: `LogFault` where it is no frame.
    package init(stored bytes: [UInt8], completing roots: ContiguousArray<TileRoot>) throws {
        let header = try withBytes(of: bytes) { try FrameHeader($0) }
        source = .bytes(bytes)
        firstPosition = header.firstPosition
        endPosition = header.endPosition
        root = header.root
        tiles = StoredTiles(roots)
    }

    /// The length of the stored value.
    public var byteCount: Int {
        switch source {
        case .engine(let frame): frame.byteCount
        case .bytes(let bytes): bytes.count
        }
    }

    /// Lends the value that is to be stored, part by part.
    public func forEachPart(_ body: (RawSpan) throws -> Void) rethrows {
        switch source {
        case .engine(let frame): try frame.withParts(body)
        case .bytes(let bytes): try withBytes(of: bytes, body)
        }
    }

    /// The value that is to be stored.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        forEachPart { bytes.append(contentsOf: $0.array()) }
        return bytes
    }
}

/// Roots of tiles as they are stored: one row for each tile of 256 leaves that is full.
public struct StoredTiles: Sendable {
    private let roots: ContiguousArray<TileRoot>

    /// - Parameter roots: in order of their ends, those with one end the smallest first.
    package init(_ roots: ContiguousArray<TileRoot>) { self.roots = roots }

    /// Calls `body` for each row, in order.
    /// - Parameter body: gets the number of the tile of 256 leaves, from 0, and the roots of the
    ///   tiles of 256, 65,536, … leaves that end with it.
    public func forEachRow(_ body: (UInt64, [Digest]) throws -> Void) rethrows {
        try roots.forEachEnd { try body($0, $1.map(\.hash)) }
    }
}

extension LogReader {
    public var keepsTileRoots: Bool { false }
    public var storage: LogStorage? { nil }
    public func tileRoots(endingWith tile: UInt64) throws -> [Digest]? { nil }

    public func forEachTile(
        in tiles: Range<UInt64>, _ body: (_ tile: UInt64, _ roots: [Digest]) throws -> Void
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

extension SealedFrame {
    /// A frame that was stored before, which goes on from those before it.
    /// - Throws: `LogFault` when it does not, or has another root than it says.
    package init(following tree: inout MerkleTree, _ bytes: [UInt8]) throws {
        var roots = ContiguousArray<TileRoot>()
        try withBytes(of: bytes) { value in
            let header = try FrameHeader(value)
            guard header.firstPosition == tree.size else {
                throw LogFault(
                    "a frame begins at position \(header.firstPosition), not \(tree.size)")
            }
            try header.hash(value, following: &tree) { roots.append($0) }
        }
        try self.init(stored: bytes, completing: roots)
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
