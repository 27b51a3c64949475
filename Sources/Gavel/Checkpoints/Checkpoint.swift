// The signed head of a log, as C2SP tlog-checkpoint has it: a note of three lines (origin, number
// of entries, root in base64) and, from others, extension lines.
//
// Invariant: a `VerifiedCheckpoint` is made by checking a signature and in no other way; every
// proof asks for one, so nothing is ever proven against a root that nobody signed.

/// What a log says of itself: that it had so many entries, and their root.
public struct Checkpoint: Hashable, Sendable {
    /// The log's name for itself, the same for ever.
    public let origin: String
    /// How many entries the log had.
    public let size: UInt64
    /// The root of the Merkle tree over them (RFC 6962 section 2.1).
    public let root: Digest
    /// Lines that others may add. Never written here, and without meaning.
    public let extensions: [String]

    /// Makes a checkpoint.
    /// - Throws: `EvidenceError.malformed` when the origin may not name a key: the two are the
    ///   same here.
    public init(origin: String, size: UInt64, root: Digest) throws(EvidenceError) {
        try checkKeyName(origin)
        self.origin = origin
        self.size = size
        self.root = root
        extensions = []
    }

    /// Reads the text of a checkpoint, its last line end included.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    public init(parsing text: String) throws(EvidenceError) {
        var lines = LineReader("a checkpoint", Array(text.utf8))
        origin = try validText(try lines.line(), "a checkpoint's origin")
        guard !origin.isEmpty else { throw .malformed("a checkpoint has no origin") }
        guard let size = UInt64(evidence: try lines.line()) else {
            throw .malformed("a checkpoint's second line is not the number of entries")
        }
        self.size = size
        guard let root = Digest(base64: try lines.line()) else {
            throw .malformed("a checkpoint's third line is not a root hash in base64")
        }
        self.root = root
        var extensions: [String] = []
        while !lines.isAtEnd {
            let line = try lines.line()
            guard !line.isEmpty else { throw .malformed("a checkpoint holds an empty line") }
            extensions.append(try validText(line, "a checkpoint's extension line"))
        }
        self.extensions = extensions
    }

    /// The text that is signed.
    public var text: String {
        let lines = [origin, String(size), root.base64] + extensions
        return lines.joined(separator: "\n") + "\n"
    }

    /// Signs the checkpoint.
    ///
    /// Only a size whose entries are durable may be signed, and never one that does not go on from
    /// what was signed before: two signed checkpoints that contradict each other prove fraud.
    /// - Throws: `EvidenceError.signing`.
    public func signed(by key: SigningKey) throws(EvidenceError) -> SignedCheckpoint {
        let signature = try key.signature(of: Array(text.utf8))
        let note = try SignedNote(text: text)
            .adding(SignedNote.Signature(by: key.verifier, bytes: signature))
        return SignedCheckpoint(checkpoint: self, note: note)
    }
}

/// A checkpoint with signatures that nobody has checked yet.
public struct SignedCheckpoint: Hashable, Sendable {
    /// What it says. Not to be believed before `verified` has said so.
    public let checkpoint: Checkpoint
    public let note: SignedNote

    /// Reads a checkpoint file.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    public init(parsing bytes: [UInt8]) throws(EvidenceError) {
        note = try SignedNote(parsing: bytes)
        checkpoint = try Checkpoint(parsing: note.text)
    }

    init(checkpoint: Checkpoint, note: SignedNote) {
        self.checkpoint = checkpoint
        self.note = note
    }

    /// The checkpoint file, byte for byte as it was read.
    public var bytes: [UInt8] { note.bytes }

    /// Checks that a log's key signed, and which witnesses cosigned.
    /// - Parameters:
    ///   - keys: keys of the log: today's, and those before it for older checkpoints.
    ///   - witnesses: keys of witnesses to look for; those that did not cosign are no error.
    ///   - origin: the log's origin; nil where it is the key's name, as with every ledger.
    /// - Throws: `EvidenceError.notSigned` when none of `keys` signed, when any signature of a
    ///   known key is wrong, or when the checkpoint is another log's.
    public func verified(
        by keys: [VerifierKey], witnesses: [VerifierKey] = [], origin: String? = nil
    ) throws(EvidenceError) -> VerifiedCheckpoint {
        let logKeys = keys.filter { $0.type == .signature }
        guard !logKeys.isEmpty else {
            throw EvidenceError(
                .notSigned, "expected the verifier key of a ledger, not that of a witness")
        }
        let signers = try note.verify(by: logKeys)
        for signer in signers where !isSame(checkpoint.origin, origin ?? signer.name) {
            throw EvidenceError(
                .notSigned,
                "the checkpoint is of \(checkpoint.origin), not of \(origin ?? signer.name)")
        }
        var cosignatures: [VerifiedCheckpoint.Witnessing] = []
        let known = witnesses.filter { $0.type == .cosignature }
        for signature in note.signatures {
            for witness in known where signature.claims(witness) {
                try note.check(signature, by: witness)
                guard let cosignature = Cosignature(signature) else { continue }
                cosignatures.append(.init(witness: witness, seconds: cosignature.seconds))
            }
        }
        return VerifiedCheckpoint(signed: self, signers: signers, cosignatures: cosignatures)
    }

    /// Checks that a log's key signed.
    /// - Throws: `EvidenceError.notSigned`.
    public func verified(by key: VerifierKey) throws(EvidenceError) -> VerifiedCheckpoint {
        try verified(by: [key])
    }
}

/// A checkpoint that a known key signed.
public struct VerifiedCheckpoint: Hashable, Sendable {
    /// That a witness saw this checkpoint and found that it goes on from what it had seen.
    public struct Witnessing: Hashable, Sendable {
        public let witness: VerifierKey
        /// When, in seconds since 1970, as the witness says.
        public let seconds: UInt64
    }

    public let signed: SignedCheckpoint
    /// The keys of the log that signed it, at least one.
    public let signers: [VerifierKey]
    /// The known witnesses that cosigned it.
    public let cosignatures: [Witnessing]

    fileprivate init(
        signed: SignedCheckpoint, signers: [VerifierKey], cosignatures: [Witnessing]
    ) {
        self.signed = signed
        self.signers = signers
        self.cosignatures = cosignatures
    }

    public var checkpoint: Checkpoint { signed.checkpoint }
    public var origin: String { checkpoint.origin }
    public var size: UInt64 { checkpoint.size }
    public var root: Digest { checkpoint.root }
}
