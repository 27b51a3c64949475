// The RFC 6962 tree over all entries, reduced to its right edge: enough to go on appending and to
// name the root, 32 bytes for each bit of the size.
//
// Invariant: `edge[i]` is the root of the i-th largest perfect subtree, left to right, so there
// are as many as `size` has one-bits.

internal import LMDB

/// The right edge of a Merkle tree.
package struct MerkleTree: Hashable, Sendable {
    package private(set) var size: UInt64 = 0
    package private(set) var edge: ContiguousArray<Digest> = []

    package init() {}

    /// Takes up an edge that was stored.
    package init(size: UInt64, edge: ContiguousArray<Digest>) throws(LogFault) {
        guard edge.count == size.nonzeroBitCount else {
            throw LogFault("a tree of \(size) leaves cannot have an edge of \(edge.count)")
        }
        self.size = size
        self.edge = edge
    }

    /// Adds an entry.
    /// - Complexity: two hashes on average.
    mutating func append(_ entry: RawSpan, by engine: HashEngine = .fastest) {
        var hash = Digest.leaf(entry, by: engine)
        var rest = size
        while rest & 1 == 1 {
            hash = Digest.node(edge.removeLast(), hash, by: engine)
            rest >>= 1
        }
        edge.append(hash)
        size += 1
    }

    /// Adds entries: the same as adding one after the other, at little more than half the cost.
    /// - Parameters:
    ///   - bytes: the entries, end to end.
    ///   - ends: where each ends in `bytes`, 32 bits each, little endian.
    /// - Precondition: the ends ascend from 0 and lie within `bytes`.
    /// - Complexity: two hashes an entry.
    mutating func append(entries bytes: RawSpan, ends: RawSpan, by engine: HashEngine = .fastest) {
        let count = ends.byteCount / 4
        // A row is not worth making for one.
        guard engine == .instructions, count > 1 else {
            var start = 0
            for index in 0..<count {
                let end = Int(ends.load(UInt32.self, at: 4 * index))
                append(bytes.extracting(start..<end), by: engine)
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
            join(&row)
            done = next
        }
    }

    /// Adds a row of leaves, level by level: at each, the leftmost joins the last of the edge where
    /// that is its neighbour, the others each other, and a right one left over is the edge's.
    private mutating func join(_ row: inout HashRow) {
        // The edge up to here is of earlier leaves, what follows was left over on lower levels.
        var earlier = edge.count
        var index = size
        size += UInt64(row.count)
        while row.count > 0 {
            let isRight = index & 1 == 1
            if isRight {
                earlier -= 1
                row.first = Digest.node(edge.remove(at: earlier), row.first)
            }
            if let single = row.joinPairs(isFirstJoined: isRight) {
                edge.insert(single, at: earlier)
            }
            index >>= 1
        }
    }

    /// The root: the hash that commits to every entry and its place.
    /// - Complexity: a hash for each one-bit of the size.
    package var root: Digest {
        guard var hash = edge.last else { return .empty }
        for left in edge.dropLast().reversed() { hash = Digest.node(left, hash) }
        return hash
    }
}
