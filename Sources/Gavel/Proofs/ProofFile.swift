// A proof as a file that can be checked without the log, as C2SP tlog-proof has it:
//
//      c2sp.org/tlog-proof@v1
//      extra BASE64                  optional; here the entry's bytes
//      index POSITION
//      BASE64                        a line for each hash, from the leaf up
//                                    an empty line
//      the checkpoint file
//
// Invariant: a file that was read is written byte for byte as it was.

/// One entry's place in a log, with the log's signed head.
package struct ProofFile: Hashable, Sendable {
    static let header = "c2sp.org/tlog-proof@v1"

    /// What goes with the proof, the entry's bytes where a ledger wrote it. No signature covers
    /// it by itself: it says something only once it is proven to be the entry.
    package let extra: [UInt8]?
    package let proof: InclusionProof
    /// Not checked yet.
    package let checkpoint: SignedCheckpoint

    package init(extra: [UInt8]?, proof: InclusionProof, checkpoint: SignedCheckpoint) {
        self.extra = extra
        self.proof = proof
        self.checkpoint = checkpoint
    }

    /// Reads a proof file.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing bytes: [UInt8]) throws(EvidenceError) {
        var lines = LineReader("a proof file", bytes)
        guard try lines.line().elementsEqual(Self.header.utf8) else {
            throw .malformed("a proof file begins with \(Self.header)")
        }
        let part = try ProofPart(&lines)
        extra = part.extra
        proof = part.proof
        checkpoint = try SignedCheckpoint(parsing: lines.rest)
    }

    /// The file.
    package var bytes: [UInt8] {
        Array("\(Self.header)\n\(ProofPart(extra: extra, proof: proof).text)".utf8)
            + checkpoint.bytes
    }

    /// Checks an entry that is known from elsewhere.
    /// - Returns: the checkpoint that it is proven in.
    /// - Throws: `EvidenceError` with `notSigned` or `notProven`.
    package func verify(
        entry: [UInt8], by keys: [VerifierKey]
    ) throws(EvidenceError) -> VerifiedCheckpoint {
        let verified = try checkpoint.verified(by: keys)
        try proof.verify(entry: entry, in: verified)
        return verified
    }
}

/// What a proof file says of one entry, without the checkpoint.
struct ProofPart: Hashable, Sendable {
    let extra: [UInt8]?
    let proof: InclusionProof

    init(extra: [UInt8]?, proof: InclusionProof) {
        self.extra = extra
        self.proof = proof
    }

    /// Reads the lines up to and with the empty one.
    init(_ lines: inout LineReader) throws(EvidenceError) {
        if let text = try lines.value(after: "extra") {
            guard let extra = Base64.decode(text) else {
                throw .malformed("\(lines.what)'s extra line is not base64")
            }
            self.extra = extra
        } else {
            extra = nil
        }
        let index = try lines.number(after: "index")
        proof = try InclusionProof(index: index, hashes: try lines.hashes())
    }

    /// The lines up to and with the empty one.
    var text: String {
        let first = extra.map { "extra \(Base64.encode($0))\n" } ?? ""
        return "\(first)index \(proof.index)\n\(proof.hashes.evidenceLines)\n"
    }
}
