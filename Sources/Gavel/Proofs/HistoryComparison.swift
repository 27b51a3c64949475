// Whether two signed heads are of one history: what two people find out when they lay what the
// ledger gave them side by side.
//
// Invariant: `splitView` is said only of two heads that the ledger signed and that cannot both be
// of one log; a proof that leads nowhere is never taken for that.

/// A proof of growth with the signed head that it leads to.
package struct GrowthProof: Hashable, Sendable {
    package let proof: ConsistencyProof
    package let checkpoint: VerifiedCheckpoint

    package init(proof: ConsistencyProof, checkpoint: VerifiedCheckpoint) {
        self.proof = proof
        self.checkpoint = checkpoint
    }
}

/// How two signed heads of a log go together.
package enum HistoryComparison: Hashable, Sendable {
    /// They have the same entries.
    case same
    /// The larger provably goes on from the smaller.
    case growth
    /// The ledger signed both, and no log can have both: the two notes convict it.
    case splitView(VerifiedCheckpoint, VerifiedCheckpoint)
    /// A proof from the first to the second was given, and leads nowhere: it was altered, or the
    /// ledger cannot prove that its log went on.
    case proofFails(VerifiedCheckpoint, VerifiedCheckpoint)
    /// The nodes that were given do not lead to this head: the log that shows them is another one
    /// than was signed, or what it shows was altered.
    case otherNodes(VerifiedCheckpoint)
    /// The sizes differ, and nothing that was given says whether one goes on from the other.
    case cannotTell

    /// Compares two signed heads of one log.
    /// - Parameters:
    ///   - proofs: proofs of growth, from either size or both to one head of whatever size.
    ///   - nodes: what a log shows of its tree; nil where there is no log to ask.
    /// - Throws: `EvidenceError.notProven` where the two are of different logs; what reading
    ///   `nodes` throws.
    package static func compare(
        _ first: VerifiedCheckpoint, _ second: VerifiedCheckpoint, by proofs: [GrowthProof] = [],
        nodes: (any TreeHashes)? = nil
    ) throws -> HistoryComparison {
        guard isSame(first.origin, second.origin) else {
            throw EvidenceError(
                .notProven,
                "\(first.origin) and \(second.origin) are different logs: there is nothing to "
                    + "compare")
        }
        let (old, new) = first.size <= second.size ? (first, second) : (second, first)
        if old.size == new.size || old.size == 0 {
            return relation(of: old, to: new, by: [])
        }
        if let nodes { return try relation(of: old, to: new, in: nodes) }
        let proofs = proofs.filter { isSame($0.checkpoint.origin, old.origin) }
        var failed: HistoryComparison?
        for head in [new] + proofs.map(\.checkpoint) where head.size >= new.size {
            // Both are beginnings of a third: then the smaller is one of the larger.
            let parts = [
                relation(of: old, to: head, by: proofs), relation(of: new, to: head, by: proofs),
            ]
            for part in parts {
                switch part {
                case .splitView: return part
                case .proofFails: failed = failed ?? part
                case .same, .growth, .otherNodes, .cannotTell: break
                }
            }
            if parts.allSatisfy({ $0 == .same || $0 == .growth }) { return .growth }
        }
        return failed ?? .cannotTell
    }

    /// How a head goes together with one that is not smaller.
    private static func relation(
        of old: VerifiedCheckpoint, to new: VerifiedCheckpoint, by proofs: [GrowthProof]
    ) -> HistoryComparison {
        if old.size == new.size { return old.root == new.root ? .same : .splitView(old, new) }
        if old.size == 0 { return old.root == .empty ? .growth : .splitView(old, new) }
        var result = HistoryComparison.cannotTell
        for item in proofs
        where item.proof.oldSize == old.size && item.proof.newSize == new.size
            && item.checkpoint.root == new.root
        {
            if item.proof.proves(oldRoot: old.root, newRoot: new.root) { return .growth }
            // The hashes are nodes of the newer tree, since they lead to its root; and they give
            // the root that its beginning has, which is another one than was signed.
            if item.proof.givesOldRoot,
                item.proof.roots(assuming: old.root)?.new == new.root
            {
                return .splitView(old, new)
            }
            result = .proofFails(old, new)
        }
        return result
    }

    /// How two heads go together by the nodes that a log shows.
    ///
    /// Those of the older tree are not taken on trust because others lead to the newer root: both
    /// roots are derived by one proof, so nodes that were put together convict and acquit nobody.
    private static func relation(
        of old: VerifiedCheckpoint, to new: VerifiedCheckpoint, in nodes: any TreeHashes
    ) throws -> HistoryComparison {
        let proof = try ConsistencyProof.make(from: old.size, to: new.size, in: nodes)
        let roots = proof.roots(assuming: try nodes.root(ofSize: old.size))
        guard let roots, roots.new == new.root else { return .otherNodes(new) }
        return roots.old == old.root ? .growth : .splitView(old, new)
    }
}
