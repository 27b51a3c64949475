// The Merkle tree of a log read back: any node, from the stored roots of full tiles and, below
// them, from the entries.
//
// Invariant: every hash given follows from what is stored, and only entries below `size` have a
// part in it; a tile's leaves are held against its root before one of them is given. Whether the
// roots of higher tiles follow from those below is for verification to say.

/// Reads nodes of a log's tree. Used from one thread.
package final class LogTree: TreeHashes {
    private let log: any LogReader
    /// How many entries, and so leaves, are looked at.
    package let size: UInt64

    /// The leaf hashes of the tile read last.
    private var tile: (number: UInt64, leaves: [LedgerHash])?

    package init(of log: any LogReader, size: UInt64) {
        self.log = log
        self.size = size
    }

    /// The root of the perfect subtree of 2^level leaves that is number `index` of its level.
    /// - Throws: `LogFault` when it does not end within `size`, or the log lacks its entries.
    /// - Complexity: O(256) at most where the log keeps roots of tiles.
    package func hash(level: Int, index: UInt64) throws -> LedgerHash {
        guard level >= 0, level < 64, index < size >> UInt64(level) else {
            throw LogFault("\(size) entries have no subtree \(index) of 2^\(level)")
        }
        guard level >= TileRoot.levels else {
            let first = index << UInt64(level)
            let leaves = try leaves(ofTile: first / TileRoot.leaves)
            let start = Int(first % TileRoot.leaves)
            return perfectRoot(of: Array(leaves[start..<start + 1 << level]))
        }
        if level % TileRoot.levels == 0, let stored = try stored(level, index) { return stored }
        // Neighbours are read together: a proof needs hundreds of them.
        if level > TileRoot.levels, level < 2 * TileRoot.levels, log.keepsTileRoots,
            let roots = try roots(ofTilesUnder: level, index)
        {
            return perfectRoot(of: roots)
        }
        return LedgerHash.node(
            try hash(level: level - 1, index: 2 * index),
            try hash(level: level - 1, index: 2 * index + 1))
    }

    /// The right edge of the tree over the first entries.
    /// - Throws: as `hash`.
    package func tree(of count: UInt64) throws -> MerkleTree {
        var edge = ContiguousArray<LedgerHash>()
        var first: UInt64 = 0
        for level in stride(from: 63, through: 0, by: -1) where count >> UInt64(level) & 1 == 1 {
            edge.append(try hash(level: level, index: first >> UInt64(level)))
            first += 1 << UInt64(level)
        }
        return try MerkleTree(size: count, edge: edge)
    }

    private func stored(_ level: Int, _ index: UInt64) throws -> LedgerHash? {
        let root = TileRoot(level: level, index: index, hash: .empty)
        guard let roots = try log.tileRoots(endingWith: root.lastTile) else { return nil }
        let place = level / TileRoot.levels - 1
        return place < roots.count ? roots[place] : nil
    }

    /// The stored roots of the tiles of 256 leaves under a subtree; nil where one is missing.
    private func roots(ofTilesUnder level: Int, _ index: UInt64) throws -> [LedgerHash]? {
        let count = UInt64(1) << UInt64(level - TileRoot.levels)
        let first = index * count
        var roots: [LedgerHash] = []
        try log.forEachTile(in: first..<first + count) { tile, stored in
            if tile == first + UInt64(roots.count), let root = stored.first { roots.append(root) }
        }
        return roots.count == Int(count) ? roots : nil
    }

    /// The leaf hashes of a tile, as many as lie within `size`.
    private func leaves(ofTile number: UInt64) throws -> [LedgerHash] {
        if let tile, tile.number == number { return tile.leaves }
        let first = number * TileRoot.leaves
        let end = min(first + TileRoot.leaves, size)
        let leaves = Array(
            try CheckedEntries.leaves(ofTile: number, of: log).prefix(Int(end - first)))
        guard first + UInt64(leaves.count) == end else {
            throw LogFault("entry \(first + UInt64(leaves.count)) is not in the log")
        }
        tile = (number, leaves)
        return leaves
    }
}
