// What a witness remembers: of each log the largest checkpoint it has seen. A log that later shows
// fewer entries, or other ones, cannot pass.
//
// The file is `gavel-witness/v1`, and for each log an empty line and the checkpoint file as it was
// last seen, with its signatures: held beside a contradicting one it proves the fraud.
//
// Invariant: a remembered checkpoint is only ever replaced by one that provably goes on from it.

/// The largest checkpoint seen of each log.
///
///     var state = WitnessState()
///     let seen = try state.cosign(checkpoint, proof: proof, by: key, atSeconds: now)
package struct WitnessState: Hashable, Sendable {
    private static let header = "gavel-witness/v1"

    /// One of each origin, in the order in which they came.
    package private(set) var checkpoints: [SignedCheckpoint] = []

    /// A witness that has seen nothing yet.
    package init() {}

    /// Reads a witness's file.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing bytes: [UInt8]) throws(EvidenceError) {
        var lines = LineReader("a witness's file", bytes)
        guard try lines.paragraph().elementsEqual("\(Self.header)\n".utf8) else {
            throw .malformed("a witness's file begins with \(Self.header)")
        }
        while !lines.isAtEnd {
            // Neither the text nor the signatures of a checkpoint hold an empty line.
            let text = try lines.paragraph()
            let signatures = try lines.paragraph()
            let checkpoint = try SignedCheckpoint(parsing: text + [0x0A] + signatures)
            guard latest(of: checkpoint.checkpoint.origin) == nil else {
                throw .malformed(
                    "a witness's file holds two checkpoints of \(checkpoint.checkpoint.origin)")
            }
            checkpoints.append(checkpoint)
        }
    }

    /// The file.
    package var bytes: [UInt8] {
        var bytes = Array("\(Self.header)\n".utf8)
        for checkpoint in checkpoints { bytes += [0x0A] + checkpoint.bytes }
        return bytes
    }

    /// The largest checkpoint seen of a log.
    package func latest(of origin: String) -> SignedCheckpoint? {
        checkpoints.first { isSame($0.checkpoint.origin, origin) }
    }

    /// Checks that a checkpoint goes on from what was seen before.
    /// - Parameter proof: from the size of `latest(of:)`, or from 0 when there is none.
    /// - Throws: `EvidenceError` with `rolledBack`, `forked` or `notProven`.
    package func check(
        _ new: VerifiedCheckpoint, proof: ConsistencyProof
    ) throws(EvidenceError) {
        guard new.size > 0 || new.root == .empty else {
            throw EvidenceError(.forked, "\(new.origin) signed a root for no entries at all")
        }
        let old = latest(of: new.origin)?.checkpoint
        let (oldSize, oldRoot) = (old?.size ?? 0, old?.root ?? .empty)
        guard new.size >= oldSize else {
            throw EvidenceError(
                .rolledBack,
                "\(new.origin) shows \(new.size) entries, but had signed \(oldSize) before: "
                    + "entries were taken away, or an old copy is shown")
        }
        if new.size == oldSize {
            guard new.root == oldRoot else {
                throw EvidenceError(
                    .forked,
                    "\(new.origin) has signed two different histories of \(oldSize) entries: "
                        + "it was rewritten, or shows different people different logs")
            }
            return
        }
        guard proof.oldSize == oldSize, proof.newSize == new.size else {
            throw EvidenceError(
                .notProven,
                "the proof is from \(proof.oldSize) to \(proof.newSize) entries, needed is one "
                    + "from \(oldSize) to \(new.size)")
        }
        guard proof.proves(oldRoot: oldRoot, newRoot: new.root) else {
            throw EvidenceError(
                .forked,
                "it is not proven that the \(new.size) entries of \(new.origin) go on from the "
                    + "\(oldSize) seen before: one of those was changed, or the proof is wrong")
        }
    }

    /// Remembers and cosigns a checkpoint that goes on from what was seen before.
    ///
    /// Store the state durably before the cosigned checkpoint is given to anyone.
    /// - Parameters:
    ///   - proof: from the size of `latest(of:)`, or from 0 when there is none.
    ///   - seconds: now, in seconds since 1970.
    /// - Returns: the checkpoint with the witness's signature.
    /// - Throws: `EvidenceError` with `rolledBack`, `forked`, `notProven` or `signing`; then the
    ///   state is as it was.
    package mutating func cosign(
        _ new: VerifiedCheckpoint, proof: ConsistencyProof, by key: WitnessKey,
        atSeconds seconds: UInt64
    ) throws(EvidenceError) -> SignedCheckpoint {
        try check(new, proof: proof)
        let cosigned = try new.signed.cosigned(by: key, atSeconds: seconds)
        if let index = checkpoints.firstIndex(where: {
            isSame($0.checkpoint.origin, new.origin)
        }) {
            checkpoints[index] = cosigned
        } else {
            checkpoints.append(cosigned)
        }
        return cosigned
    }
}

extension WitnessState {
    /// As `cosign` with a proof, which is made from the log's own nodes.
    /// - Parameter tree: the nodes that the log shows, its tiles for example.
    /// - Throws: `EvidenceError` as `cosign`, and `notProven` when the nodes have another root
    ///   than was signed; what `tree` throws.
    package mutating func cosign(
        _ new: VerifiedCheckpoint, tree: some TreeHashes, by key: WitnessKey,
        atSeconds seconds: UInt64
    ) throws -> SignedCheckpoint {
        let oldSize = latest(of: new.origin)?.checkpoint.size ?? 0
        var proof = try ConsistencyProof(oldSize: oldSize, newSize: new.size, hashes: [])
        if oldSize <= new.size {
            guard try tree.root(ofSize: new.size) == new.root else {
                throw EvidenceError(
                    .notProven,
                    "the nodes that are shown have another root than \(new.origin) signed for "
                        + "\(new.size) entries")
            }
            proof = try ConsistencyProof.make(from: oldSize, to: new.size, in: tree)
        }
        return try cosign(new, proof: proof, by: key, atSeconds: seconds)
    }
}
