// What a store must do to append: the contract, what it is given, and how it may fail.

internal import Platform

/// The log of a store, open for writing: the right to write is this object's until it is closed.
public protocol LogWriter: LogReader {
    /// How many frames may be handed over before the first of them is durable; at least one. Where
    /// it is two, one is finished while the one before is flushed.
    var framesInFlightMax: Int { get }

    /// Stores frames behind all that are there, in one step: all or none. Blocks until they
    /// survive any crash. Called from one thread at a time.
    /// - Throws: see `StoreFailure`; also once this log is closed, and nothing is stored then.
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
    public let root: LedgerHash
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
