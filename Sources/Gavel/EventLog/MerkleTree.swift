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
    mutating func append(_ entry: RawSpan) {
        var hash = Digest.leaf(entry)
        var rest = size
        while rest & 1 == 1 {
            hash = Digest.node(edge.removeLast(), hash)
            rest >>= 1
        }
        edge.append(hash)
        size += 1
    }

    /// The root: the hash that commits to every entry and its place.
    /// - Complexity: a hash for each one-bit of the size.
    package var root: Digest {
        guard var hash = edge.last else { return .empty }
        for left in edge.dropLast().reversed() { hash = Digest.node(left, hash) }
        return hash
    }
}
