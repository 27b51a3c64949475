// Any of the files that evidence comes in, told apart by its first line: what people keep is a
// file, and they need not know of which sort.

/// A file of evidence of whichever sort, read but not checked.
package enum EvidenceFile: Hashable, Sendable {
    /// An entry with its names: `gavel audit prove`.
    case entry(EvidenceBundle)
    /// One entry's place alone: `gavel audit prove --alone`, C2SP tlog-proof.
    case proof(ProofFile)
    /// A leaf's place, as a service gives it to anyone: `/log/proof/inclusion`.
    case place(LeafProof)
    /// What an entry says to one user: `gavel audit prove --for`.
    case statement(StatementFile)
    /// That the log went on from an earlier size: `gavel audit prove --from`.
    case growth(ConsistencyProof, SignedCheckpoint)
    /// A signed head alone.
    case checkpoint(SignedCheckpoint)

    /// Reads a file of any sort.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing bytes: [UInt8]) throws(EvidenceError) {
        switch FirstLine(of: bytes) {
        case .entry: self = .entry(try EvidenceBundle(parsing: bytes))
        case .statement: self = .statement(try StatementFile(parsing: bytes))
        case .proof: self = .proof(try ProofFile(parsing: bytes))
        case .growth:
            let (proof, checkpoint) = try ConsistencyProof.parse(bytes)
            self = .growth(proof, checkpoint)
        case nil:
            do {
                self = .checkpoint(try SignedCheckpoint(parsing: bytes))
            } catch {
                throw .malformed(
                    "it begins like no file of evidence, and is no checkpoint: \(error.reason)")
            }
        }
    }

    /// What a file of evidence begins with; a plain checkpoint has no first line of its own.
    enum FirstLine {
        case entry, statement, proof, growth

        /// - Parameter bytes: a file, or its beginning.
        /// - Returns: nil where they begin with none of these.
        init?(of bytes: [UInt8]) {
            guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
            switch String(decoding: bytes[..<end], as: UTF8.self) {
            case EvidenceBundle.header: self = .entry
            case StatementFile.header: self = .statement
            case ProofFile.header: self = .proof
            case _:
                var lines = LineReader("a file of evidence", bytes)
                guard (try? lines.number(after: ConsistencyProof.firstWord)) != nil else {
                    return nil
                }
                self = .growth
            }
        }
    }

    /// The signed head that all of it stands under. Not checked yet.
    package var checkpoint: SignedCheckpoint {
        switch self {
        case .entry(let bundle): bundle.checkpoint
        case .proof(let file): file.checkpoint
        case .place(let proof): proof.checkpoint
        case .statement(let file): file.checkpoint
        case .growth(_, let checkpoint), .checkpoint(let checkpoint): checkpoint
        }
    }

    /// The file's sort in words: "the evidence of an entry".
    package var words: String {
        switch self {
        case .entry: "the evidence of an entry"
        case .proof: "a proof of an entry's place"
        case .place: "a proof of a leaf's place"
        case .statement: "a signed statement"
        case .growth: "a proof of growth"
        case .checkpoint: "a checkpoint"
        }
    }

    /// Checks all that the file proves by itself. A proof of growth is checked no further than its
    /// checkpoint: whether it starts from an older one shows only beside that.
    /// - Throws: `EvidenceError`, also `incomplete` for a proof of an entry that is not in it.
    package func check(
        by keys: [VerifierKey], witnesses: [VerifierKey] = []
    ) throws(EvidenceError) -> CheckedFile {
        switch self {
        case .entry(let bundle): return .entry(try bundle.check(by: keys, witnesses: witnesses))
        case .statement(let file):
            return .statement(try file.check(by: keys, witnesses: witnesses))
        case .proof(let file):
            let verified = try file.checkpoint.verified(by: keys, witnesses: witnesses)
            guard let bytes = file.extra else {
                throw EvidenceError(
                    .incomplete,
                    "it says where an entry stands, but the entry's bytes are not in it")
            }
            try file.proof.verify(entry: bytes, in: verified)
            return .proof(verified, try LedgerEntry(evidence: bytes, at: file.proof.index))
        case .place(let proof):
            return .place(try proof.check(by: keys, witnesses: witnesses), proof)
        case .growth(let proof, let checkpoint):
            return .growth(try checkpoint.verified(by: keys, witnesses: witnesses), proof)
        case .checkpoint(let checkpoint):
            return .checkpoint(try checkpoint.verified(by: keys, witnesses: witnesses))
        }
    }
}

/// What a file of evidence has proven.
package enum CheckedFile: Sendable {
    case entry(CheckedEvidence)
    /// The entry's handles have no names here.
    case proof(VerifiedCheckpoint, LedgerEntry)
    /// Which entry the leaf is, its bytes would tell.
    case place(VerifiedCheckpoint, LeafProof)
    case statement(CheckedStatement)
    /// The signed head; the proof still wants the older one.
    case growth(VerifiedCheckpoint, ConsistencyProof)
    case checkpoint(VerifiedCheckpoint)

    /// The signed head that all of it stands under.
    package var checkpoint: VerifiedCheckpoint {
        switch self {
        case .entry(let checked): checked.checkpoint
        case .statement(let checked): checked.checkpoint
        case .proof(let checkpoint, _), .place(let checkpoint, _), .growth(let checkpoint, _),
            .checkpoint(let checkpoint):
            checkpoint
        }
    }

    /// The proof of growth that leads to the head, in a file that holds one.
    package var growth: GrowthProof? {
        if case .growth(let checkpoint, let proof) = self {
            GrowthProof(proof: proof, checkpoint: checkpoint)
        } else {
            nil
        }
    }
}

/// Where a leaf stands, without the entry: for whoever has the entry, or its hash, from elsewhere.
package struct LeafProof: Hashable, Sendable {
    /// The entry's hash as a leaf.
    package let leaf: Digest
    package let proof: InclusionProof
    /// Not checked yet.
    package let checkpoint: SignedCheckpoint

    package init(leaf: Digest, proof: InclusionProof, checkpoint: SignedCheckpoint) {
        self.leaf = leaf
        self.proof = proof
        self.checkpoint = checkpoint
    }

    /// Checks that the leaf stands at its position.
    /// - Throws: `EvidenceError` with `notSigned` or `notProven`.
    package func check(
        by keys: [VerifierKey], witnesses: [VerifierKey] = []
    ) throws(EvidenceError) -> VerifiedCheckpoint {
        let verified = try checkpoint.verified(by: keys, witnesses: witnesses)
        try proof.verify(leaf: leaf, under: verified.checkpoint)
        return verified
    }
}
