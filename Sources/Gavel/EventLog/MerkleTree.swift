// The RFC 6962 tree over all entries, reduced to its right edge: enough to go on appending and to
// name the root, 32 bytes for each bit of the size.
//
// Invariant: `edge[i]` is the root of the i-th largest perfect subtree, left to right, so there
// are as many as `size` has one-bits.

internal import Platform

/// The root of a perfect subtree of 256, 65,536, … leaves: of a full tile, in the words of C2SP
/// tlog-tiles, and what the log keeps so that proofs need not hash everything.
package struct TileRoot: Hashable, Sendable {
    /// The leaves under one tile.
    package static let leaves: UInt64 = 256
    /// Two to this power are a tile's leaves.
    package static let levels = 8

    /// The height of the subtree: 8, 16, …
    package let level: Int
    /// Which of its level, from 0.
    package let index: UInt64
    package let hash: LedgerHash

    /// The tile of 256 leaves that the subtree ends with.
    package var lastTile: UInt64 { ((index + 1) << UInt64(level - Self.levels)) - 1 }
}

extension ContiguousArray<TileRoot> {
    /// Calls `body` for each tile of 256 leaves that some of the tiles end with.
    /// - Precondition: the tiles are in the order of their ends.
    func forEachEnd(
        _ body: (_ lastTile: UInt64, _ ending: ArraySlice<TileRoot>) throws -> Void
    ) rethrows {
        var start = 0
        while start < count {
            let last = self[start].lastTile
            let end = self[start...].firstIndex { $0.lastTile != last } ?? count
            try body(last, self[start..<end])
            start = end
        }
    }
}

/// The right edge of a Merkle tree.
package struct MerkleTree: Hashable, Sendable {
    package private(set) var size: UInt64 = 0
    package private(set) var edge: ContiguousArray<LedgerHash> = []

    package init() {}

    /// Takes up an edge that was stored.
    package init(size: UInt64, edge: ContiguousArray<LedgerHash>) throws(LogFault) {
        guard edge.count == size.nonzeroBitCount else {
            throw LogFault("a tree of \(size) leaves cannot have an edge of \(edge.count)")
        }
        self.size = size
        self.edge = edge
    }

    /// Adds an entry.
    /// - Parameter completed: told of each tile that is full now.
    /// - Complexity: two hashes on average.
    mutating func append(
        _ entry: RawSpan, by engine: HashEngine = .fastest, completed: (TileRoot) -> Void = { _ in }
    ) {
        var hash = LedgerHash.leaf(entry, by: engine)
        var rest = size
        var level = 0
        while rest & 1 == 1 {
            hash = LedgerHash.node(edge.removeLast(), hash, by: engine)
            rest >>= 1
            level += 1
            if level % TileRoot.levels == 0 {
                completed(TileRoot(level: level, index: rest, hash: hash))
            }
        }
        edge.append(hash)
        size += 1
    }

    /// Adds entries: the same as adding one after the other, at little more than half the cost.
    /// - Parameters:
    ///   - bytes: the entries, end to end.
    ///   - ends: where each ends in `bytes`, 32 bits each, little endian.
    ///   - completed: told of each tile that is full now, in order of their ends.
    /// - Precondition: the ends ascend from 0 and lie within `bytes`.
    /// - Complexity: two hashes an entry.
    mutating func append(
        entries bytes: RawSpan, ends: RawSpan, by engine: HashEngine = .fastest,
        completed: (TileRoot) -> Void = { _ in }
    ) {
        let count = ends.byteCount / 4
        // A row is not worth making for one.
        guard engine == .instructions, count > 1 else {
            var start = 0
            for index in 0..<count {
                let end = Int(ends.load(UInt32.self, at: 4 * index))
                append(bytes.extracting(start..<end), by: engine, completed: completed)
                start = end
            }
            return
        }
        var row = HashRow()
        var done = 0
        while done < count {
            // Never across a multiple of the capacity: so most rows become one perfect subtree.
            let room = HashRow.capacity - Int(size % UInt64(HashRow.capacity))
            let next = min(count, done + room)
            row.fill(done..<next, of: bytes, ends: ends)
            join(&row, completed)
            done = next
        }
    }

    /// Adds a row of leaves, level by level: at each, the leftmost joins the last of the edge where
    /// that is its neighbour, the others each other, and a right one left over is the edge's.
    private mutating func join(_ row: inout HashRow, _ completed: (TileRoot) -> Void) {
        // The edge up to here is of earlier leaves, what follows was left over on lower levels.
        var earlier = edge.count
        var index = size
        var level = 0
        size += UInt64(row.count)
        while row.count > 0 {
            // A row has fewer leaves than a tile: on such a level it is one node at most.
            if level % TileRoot.levels == 0, level > 0 {
                completed(TileRoot(level: level, index: index, hash: row.first))
            }
            let isRight = index & 1 == 1
            if isRight {
                earlier -= 1
                row.first = LedgerHash.node(edge.remove(at: earlier), row.first)
            }
            if let single = row.joinPairs(isFirstJoined: isRight) {
                edge.insert(single, at: earlier)
            }
            index >>= 1
            level += 1
        }
    }

    /// Adds an entry by its leaf hash.
    mutating func append(leaf: LedgerHash) {
        append(MerkleRun.Subtree(level: 0, root: leaf))
    }

    /// Adds a perfect subtree of 2^level leaves.
    /// - Parameter completed: told of each tile that is full now, in order of their ends.
    /// - Precondition: `size` is a multiple of its leaves.
    mutating func append(
        _ subtree: MerkleRun.Subtree, completed: (TileRoot) -> Void = { _ in }
    ) {
        var (level, hash) = (subtree.level, subtree.root)
        precondition(size & (1 << UInt64(level) - 1) == 0, "a subtree out of its place")
        var rest = size >> UInt64(level)
        size += 1 << UInt64(level)
        while true {
            if level % TileRoot.levels == 0, level > 0 {
                completed(TileRoot(level: level, index: rest, hash: hash))
            }
            guard rest & 1 == 1 else { break }
            hash = LedgerHash.node(edge.removeLast(), hash)
            rest >>= 1
            level += 1
        }
        edge.append(hash)
    }

    /// The root: the hash that commits to every entry and its place.
    /// - Complexity: a hash for each one-bit of the size.
    package var root: LedgerHash {
        guard var hash = edge.last else { return .empty }
        for left in edge.dropLast().reversed() { hash = LedgerHash.node(left, hash) }
        return hash
    }
}
