// Entries read back for whoever is shown them or goes by them: each is held against its hash before
// anything of it is used.
//
// A log stores no leaf hash, so an entry's is found by way of its tile, the 256 entries that share
// a stored root: all of them are hashed once, held against that root, and their hashes are kept.
// Of the last tile, which has no root yet, the root that its newest frame says is derived. So the
// first entry of a tile costs 256 leaves and every other one of it one leaf.
//
// Invariants: the bytes that are lent are the bytes that were hashed; only verification, opening
// and the comparison of two logs read frames past this, and they derive the roots themselves
// (HouseTests hold who does). A log that keeps no roots of tiles is in memory and is not checked.

internal import AuctionDomain
internal import Platform
internal import Synchronization

/// Reads a log's entries, none that is not what was written.
final class CheckedEntries: Sendable {
    private let log: any LogReader
    private let kept = Mutex(Kept())

    /// The tiles looked at last. Two that fall on one place replace each other: a megabyte at most.
    private struct Kept {
        static let count: UInt64 = 128
        var tiles = [TileLeaves?](repeating: nil, count: Int(Kept.count))
    }

    init(_ log: any LogReader) { self.log = log }

    /// Lends the entries of a range of positions, as far as there are any, until `body` answers
    /// false: bytes, the entry's place in them, and its position.
    /// - Throws: `LogFault` naming the first entry or tile that is not what was written; what
    ///   `body` throws.
    func forEach(
        in positions: Range<UInt64>, _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        var tile: TileLeaves?
        try forEachUnhashed(in: positions) { value, range, position in
            if log.keepsTileRoots { try check(value.extracting(range), at: position, &tile) }
            return try body(value, range, position)
        }
    }

    private func forEachUnhashed(
        in positions: Range<UInt64>, _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        try log.forEachEntry(in: positions) { _, value, range, position in
            try body(value, range, position)
        }
    }

    /// An entry; nil where there is none at that position.
    /// - Throws: as `forEach`, and `LogFault` where the bytes are no entry of this version.
    func entry(at position: UInt64) throws -> DecodedEntry? {
        var entry: DecodedEntry?
        try forEach(in: position..<position.addingClamped(1)) { value, range, _ in
            var decoded = DecodedEntry()
            try decoded.decode(value, in: range)
            entry = decoded
            return false
        }
        return entry
    }

    /// The bytes of some entries, as many as there are.
    /// - Throws: as `forEach`.
    func bytes(in positions: Range<UInt64>) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        try forEach(in: positions) { value, range, _ in
            entries.append(value.extracting(range).array())
            return true
        }
        return entries
    }

    /// Calls `body` with each entry of some kinds before a position, until it answers false.
    /// - Complexity: O(entries before it), all of which are hashed; those of other kinds are
    ///   passed over unread.
    func forEachEntry(
        of kinds: [EntryKind], before end: UInt64, _ body: (LedgerEntry, RawSpan) throws -> Bool
    ) throws {
        var decoded = DecodedEntry()
        try forEach(in: 0..<end) { value, range, _ in
            guard kinds.include(value, range) else { return true }
            try decoded.decode(value, in: range)
            return try body(decoded.entry, value.extracting(range))
        }
    }

    /// As `forEachEntry`, but no entry is held against its hash. This only says where to look: what
    /// is found has to be read again by one of the others before anything of it is used.
    func forEachUnhashed(
        of kinds: [EntryKind], before end: UInt64, _ body: (LedgerEntry) throws -> Bool
    ) throws {
        var decoded = DecodedEntry()
        try forEachUnhashed(in: 0..<end) { value, range, _ in
            guard kinds.include(value, range) else { return true }
            try decoded.decode(value, in: range)
            return try body(decoded.entry)
        }
    }

    /// The leaf hashes of a tile, as many as a log has of it, held against its root. None is kept.
    /// - Throws: `LogFault` where they do not give it.
    static func leaves(
        ofTile number: UInt64, of log: any LogReader
    ) throws -> ContiguousArray<Digest> {
        try TileLeaves(number, of: log, goingOnFrom: nil).leaves
    }

    /// - Parameter tile: the one that the entry before stood in.
    private func check(
        _ bytes: RawSpan, at position: UInt64, _ tile: inout TileLeaves?
    ) throws {
        let number = position / TileRoot.leaves
        let place = Int(position % TileRoot.leaves)
        if tile?.number != number || place >= tile?.leaves.count ?? 0 {
            tile = try self.tile(number, reaching: place)
        }
        guard let tile, place < tile.leaves.count, Digest.leaf(bytes) == tile.leaves[place] else {
            throw LogFault("entry \(position) is not what was hashed when it was written")
        }
    }

    /// - Parameter place: an entry of the tile that must be in it.
    private func tile(_ number: UInt64, reaching place: Int) throws -> TileLeaves {
        let slot = Int(number % Kept.count)
        let known = kept.withLock { $0.tiles[slot] }.flatMap { $0.number == number ? $0 : nil }
        if let known, place < known.leaves.count { return known }
        // Not under the lock: others read other tiles meanwhile, and this one twice does no harm.
        let tile = try TileLeaves(number, of: log, goingOnFrom: known)
        kept.withLock { $0.tiles[slot] = tile }
        return tile
    }
}

extension [EntryKind] {
    /// Whether an entry is of one of these: its kind is its first byte.
    fileprivate func include(_ value: RawSpan, _ range: Range<Int>) -> Bool {
        let kind = value.load(UInt8.self, at: range.lowerBound)
        return contains { $0.rawValue == kind }
    }
}

/// The leaf hashes of one tile, all of them or those that are there yet.
private struct TileLeaves: Sendable {
    private(set) var number: UInt64
    private(set) var leaves = ContiguousArray<Digest>()
    /// Over all entries up to these; of a full tile nil, whose stored root says enough.
    private var tree: MerkleTree?

    private var first: UInt64 { number * TileRoot.leaves }

    /// Hashes a tile's entries and holds them against its root.
    /// - Parameter known: the same tile when it had fewer entries.
    init(_ number: UInt64, of log: any LogReader, goingOnFrom known: TileLeaves?) throws {
        self.number = number
        if let known { self = known }
        guard let frame = try hashEntries(of: log), log.keepsTileRoots else { return }
        // Asked for after the entries were read: a writer stores both together.
        if leaves.count == Int(TileRoot.leaves) {
            tree = nil
            guard let root = try log.tileRoots(endingWith: number)?.first else {
                throw LogFault(
                    "no root is stored of the entries from \(first) to "
                        + "\(first + TileRoot.leaves - 1): "
                        + "\(AdvisedCommand.rebuild.line()) makes it anew")
            }
            guard perfectRoot(of: Array(leaves)) == root else {
                throw fault("the root that is stored of them")
            }
            return
        }
        var tree = try known?.tree ?? LogTree(of: log, size: first).tree(of: first)
        for leaf in leaves.dropFirst(Int(tree.size - first)) { tree.append(leaf: leaf) }
        guard tree.size == frame.endPosition, tree.root == frame.root else {
            throw fault("the root that their last frame says")
        }
        self.tree = tree
    }

    /// Adds the leaf hashes of the tile's entries behind those that are there.
    /// - Returns: the header of the last frame that has some of them.
    private mutating func hashEntries(of log: any LogReader) throws -> FrameHeader? {
        var last: FrameHeader?
        try log.forEachEntry(
            in: first + UInt64(leaves.count)..<first + TileRoot.leaves
        ) { header, value, range, _ in
            last = header
            leaves.append(Digest.leaf(value.extracting(range)))
            return true
        }
        return last
    }

    private func fault(_ root: String) -> LogFault {
        LogFault(
            "the entries from \(first) to \(first + UInt64(max(1, leaves.count)) - 1) do not give "
                + "\(root): one of them, or the root, is not what was written: "
                + "\(AdvisedCommand.verify.line()) finds which")
    }
}
