// That an entry is in a log: the hashes from its leaf to the root (RFC 6962 section 2.1.1),
// checked as RFC 9162 section 2.1.3.2 says.
//
// Invariant: outside this module an inclusion is only ever checked against a `VerifiedCheckpoint`.

internal import Platform

/// A path from a leaf to the root.
package struct InclusionProof: Hashable, Sendable {
    /// The position of the entry.
    package let index: UInt64
    /// From the leaf's sibling up to the root's child.
    package let hashes: [Digest]

    /// - Throws: `EvidenceError.malformed` when there are more hashes than any proof has.
    package init(index: UInt64, hashes: [Digest]) throws(EvidenceError) {
        try checkProofLength(hashes.count)
        self.index = index
        self.hashes = hashes
    }

    /// Makes the proof for an entry in the tree of the first `size` entries.
    /// - Throws: `EvidenceError.notProven` when the tree has no such entry; what `tree` throws.
    /// - Complexity: O(log² size) subtrees at most.
    package static func make(
        index: UInt64, size: UInt64, in tree: some TreeHashes
    ) throws -> InclusionProof {
        guard index < size else {
            throw EvidenceError(.notProven, "\(size) entries hold none at position \(index)")
        }
        var hashes: [Digest] = []
        var range = 0..<size
        while range.count64 > 1 {
            let split = range.lowerBound + splitPoint(range.count64)
            if index < split {
                hashes.append(try tree.root(of: split..<range.upperBound))
                range = range.lowerBound..<split
            } else {
                hashes.append(try tree.root(of: range.lowerBound..<split))
                range = split..<range.upperBound
            }
        }
        return try InclusionProof(index: index, hashes: hashes.reversed())
    }

    /// Checks that an entry is in a log.
    /// - Parameters:
    ///   - entry: the entry's bytes, as stored.
    ///   - checkpoint: the log's head, with its signature checked.
    /// - Throws: `EvidenceError.notProven` when the path does not lead from the entry at this
    ///   position to the checkpoint's root.
    package func verify(
        entry: [UInt8], in checkpoint: VerifiedCheckpoint
    ) throws(EvidenceError) {
        try verify(entry: entry, under: checkpoint.checkpoint)
    }

    /// As `verify(entry:in:)`, under a head whose signature is checked later.
    func verify(entry: [UInt8], under checkpoint: Checkpoint) throws(EvidenceError) {
        try verify(leaf: Digest(leaf: entry), under: checkpoint)
    }

    /// As `verify(entry:in:)`, of an entry of which only the hash is known.
    func verify(leaf: Digest, under checkpoint: Checkpoint) throws(EvidenceError) {
        guard root(fromLeaf: leaf, size: checkpoint.size) == checkpoint.root else {
            throw EvidenceError(
                .notProven,
                "the entry is not proven to stand at position \(index) of the "
                    + "\(checkpoint.size) entries that \(checkpoint.origin) signed")
        }
    }

    /// The root that the path leads to.
    /// - Returns: nil where the path has not the length that index and size ask for.
    package func root(fromLeaf leaf: Digest, size: UInt64) -> Digest? {
        guard index < size else { return nil }
        var place = index
        var last = size - 1
        var root = leaf
        for hash in hashes {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                root = Digest.node(hash, root)
                // A node without a neighbour is its own parent: up to where it has one.
                while place & 1 == 0, place > 0 {
                    place >>= 1
                    last >>= 1
                }
            } else {
                root = Digest.node(root, hash)
            }
            place >>= 1
            last >>= 1
        }
        return last == 0 ? root : nil
    }
}

extension Range<UInt64> {
    var count64: UInt64 { upperBound - lowerBound }
}

extension Digest {
    /// The leaf hash of an entry: SHA-256(0x00 ‖ entry).
    package init(leaf entry: [UInt8]) {
        self = withBytes(of: entry) { Digest.leaf($0) }
    }
}
