// That a log only grew: the hashes that show a smaller tree to be the beginning of a larger one
// (RFC 6962 section 2.1.2), checked as RFC 9162 section 2.1.4.2 says.
//
// As a file it is what C2SP tlog-witness has a log send to a witness: a line `old SIZE`, a line of
// base64 for each hash, an empty line, and the newer checkpoint.

/// A proof that the first `oldSize` of `newSize` entries are still the same.
package struct ConsistencyProof: Hashable, Sendable {
    package let oldSize: UInt64
    package let newSize: UInt64
    package let hashes: [Digest]

    /// - Throws: `EvidenceError.malformed` when there are more hashes than any proof has.
    package init(oldSize: UInt64, newSize: UInt64, hashes: [Digest]) throws(EvidenceError) {
        try checkProofLength(hashes.count)
        self.oldSize = oldSize
        self.newSize = newSize
        self.hashes = hashes
    }

    /// Makes the proof between two sizes of a tree.
    /// - Throws: `EvidenceError.notProven` when the older is the larger; what `tree` throws.
    /// - Complexity: O(log² size) subtrees at most.
    package static func make(
        from oldSize: UInt64, to newSize: UInt64, in tree: some TreeHashes
    ) throws -> ConsistencyProof {
        guard oldSize <= newSize else {
            throw EvidenceError(.notProven, "\(newSize) entries do not go on from \(oldSize)")
        }
        var hashes: [Digest] = []
        if oldSize > 0, oldSize < newSize {
            var range = 0..<newSize
            // Whether the old tree's part in the range is the whole old tree: its root is known.
            var isWhole = true
            while oldSize != range.upperBound {
                let split = range.lowerBound + splitPoint(range.count64)
                if oldSize <= split {
                    hashes.append(try tree.root(of: split..<range.upperBound))
                    range = range.lowerBound..<split
                } else {
                    hashes.append(try tree.root(of: range.lowerBound..<split))
                    range = split..<range.upperBound
                    isWhole = false
                }
            }
            if !isWhole { hashes.append(try tree.root(of: range)) }
        }
        return try ConsistencyProof(
            oldSize: oldSize, newSize: newSize, hashes: hashes.reversed())
    }

    /// Checks that a log's newer head goes on from its older one.
    /// - Throws: `EvidenceError.notProven` when the proof is of other sizes or logs, or leads to
    ///   other roots.
    package func verify(
        from old: VerifiedCheckpoint, to new: VerifiedCheckpoint
    ) throws(EvidenceError) {
        guard isSame(old.origin, new.origin) else {
            throw EvidenceError(
                .notProven, "\(old.origin) and \(new.origin) are different logs")
        }
        for (end, size, given) in [
            ("starts from", oldSize, old.size), ("leads to", newSize, new.size),
        ] where size != given {
            throw EvidenceError(
                .notProven,
                "the proof \(end) \(size) entries, but the checkpoint that was given there is over "
                    + "\(given)")
        }
        guard proves(oldRoot: old.root, newRoot: new.root) else {
            throw EvidenceError(
                .notProven,
                "it is not proven that the \(new.size) entries of \(new.origin) go on from "
                    + "\(old.size) signed before")
        }
    }

    /// Whether the hashes lead to both roots.
    package func proves(oldRoot: Digest, newRoot: Digest) -> Bool {
        if oldSize == 0, newSize > 0 { return hashes.isEmpty && oldRoot == .empty }
        guard let roots = roots(assuming: oldRoot) else { return false }
        return roots.old == oldRoot && roots.new == newRoot
    }

    /// Whether the hashes do not depend on the older root, but give it: those of a tree that is no
    /// single perfect subtree do.
    package var givesOldRoot: Bool {
        oldSize > 0 && oldSize < newSize && oldSize.nonzeroBitCount > 1
    }

    /// The roots that the hashes lead to.
    /// - Parameter oldRoot: of the older tree; not looked at where `givesOldRoot`.
    /// - Returns: nil where there are not as many hashes as the sizes ask for, and where a proof
    ///   from no entries at all leads nowhere.
    package func roots(assuming oldRoot: Digest) -> (old: Digest, new: Digest)? {
        guard oldSize <= newSize else { return nil }
        if oldSize == newSize { return hashes.isEmpty ? (oldRoot, oldRoot) : nil }
        guard oldSize > 0, !hashes.isEmpty else { return nil }
        var path = hashes[...]
        // The old tree is one perfect subtree: the proof does not repeat its root.
        let first = givesOldRoot ? path.popFirst() : oldRoot
        guard let first else { return nil }
        let shift = UInt64(oldSize.trailingZeroBitCount)
        var place = (oldSize - 1) >> shift
        var last = (newSize - 1) >> shift
        var (old, new) = (first, first)
        for hash in path {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                old = Digest.node(hash, old)
                new = Digest.node(hash, new)
                while place & 1 == 0, place > 0 {
                    place >>= 1
                    last >>= 1
                }
            } else {
                new = Digest.node(new, hash)
            }
            place >>= 1
            last >>= 1
        }
        return last == 0 ? (old, new) : nil
    }
}

extension ConsistencyProof {
    /// What a consistency file begins with; the old size stands behind it.
    static let firstWord = "old"

    /// Reads a consistency file: the proof, and the newer checkpoint, not checked yet.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package static func parse(
        _ bytes: [UInt8]
    ) throws(EvidenceError) -> (proof: ConsistencyProof, checkpoint: SignedCheckpoint) {
        var lines = LineReader("a consistency proof", bytes)
        let oldSize = try lines.number(after: Self.firstWord)
        let hashes = try lines.hashes()
        let checkpoint = try SignedCheckpoint(parsing: lines.rest)
        return (
            try ConsistencyProof(
                oldSize: oldSize, newSize: checkpoint.checkpoint.size, hashes: hashes), checkpoint
        )
    }

    /// The consistency file.
    /// - Parameter checkpoint: the newer checkpoint, of `newSize` entries.
    package func fileBytes(with checkpoint: SignedCheckpoint) -> [UInt8] {
        Array("\(Self.firstWord) \(oldSize)\n\(hashes.evidenceLines)\n".utf8) + checkpoint.bytes
    }
}

extension [Digest] {
    /// A line of base64 for each.
    var evidenceLines: String { map { "\($0.base64)\n" }.joined() }
}
