// The signed head of a log, as C2SP tlog-checkpoint has it: a note of three lines (origin, number
// of entries, root in base64) and, from others, extension lines.
//
// Invariant: a `SignedCheckpoint.Verified` is made by checking a signature and in no other way;
// every proof asks for one, so nothing is ever proven against a root that nobody signed.

public import AuctionDomain

/// What a log says of itself: that it had so many entries, and their root.
public struct Checkpoint: Hashable, Sendable {
    /// The log's name for itself, the same for ever.
    public let origin: String
    /// How many entries the log had.
    public let size: UInt64
    /// The root of the Merkle tree over them (RFC 6962 section 2.1).
    public let root: LedgerHash
    /// Lines that others may add. Never written here, and without meaning.
    public let extensions: [String]

    /// Makes a checkpoint.
    /// - Throws: `EvidenceError.malformed` when the origin may not name a key: the two are the
    ///   same here.
    public init(origin: String, size: UInt64, root: LedgerHash) throws(EvidenceError) {
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
        guard let root = LedgerHash(base64: try lines.line()) else {
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
    /// - Parameter seconds: now, in seconds since 1970: said in a second signature line, a
    ///   timestamped cosignature of the same key (C2SP tlog-cosignature). Nil leaves it out.
    /// - Throws: `EvidenceError.signing`.
    public func signed(
        by key: SigningKey, atSeconds seconds: UInt64? = nil
    ) throws(EvidenceError) -> SignedCheckpoint {
        let signature = try key.signature(of: Array(text.utf8))
        let note = try SignedNote(text: text)
            .adding(SignedNote.Signature(by: key.verifier, bytes: signature))
        let signed = SignedCheckpoint(checkpoint: self, note: note)
        guard let seconds else { return signed }
        return try signed.cosigned(
            by: key.verifier.forCosignatures, atSeconds: seconds, signing: key.signature)
    }
}

/// A checkpoint with signatures that nobody has checked yet.
public struct SignedCheckpoint: Hashable, Sendable {
    /// What it says. Not to be believed before `verified` has said so.
    public let checkpoint: Checkpoint
    package let note: SignedNote

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

    /// When the ledger signed it, in seconds since 1970, as a line in the ledger's own name says;
    /// nil where there is none. Not to be believed before `verified` has said so.
    public var claimedSeconds: UInt64? {
        note.signatures.lazy.filter { isSame($0.name, checkpoint.origin) }
            .compactMap { Cosignature($0)?.seconds }.first
    }

    /// The time of `claimedSeconds`.
    public var claimedTime: Timestamp? { claimedSeconds.map(Timestamp.init(evidenceSeconds:)) }

    /// Checks that a log's key signed, and which witnesses cosigned.
    /// - Parameters:
    ///   - keys: keys of the log: today's, and those before it for older checkpoints.
    ///   - witnesses: keys of witnesses to look for; those that did not cosign are no error. A key
    ///     of the log is no witness.
    ///   - origin: the log's origin; nil where it is the key's name, as with every ledger.
    /// - Throws: `EvidenceError.notSigned` when none of `keys` signed, when any signature of a
    ///   known key is wrong, or when the checkpoint is another log's.
    public func verified(
        by keys: [VerifierKey], witnesses: [VerifierKey] = [], origin: String? = nil
    ) throws(EvidenceError) -> Verified {
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
        let own = signers.map(\.forCosignatures)
        let known = witnesses.filter { witness in
            witness.type == .cosignature
                && !logKeys.contains { $0.publicKey == witness.publicKey }
        }
        return Verified(
            signed: self, signers: signers,
            seconds: try cosignatures(by: own).last?.seconds,
            cosignatures: try cosignatures(by: known))
    }

    /// The cosignatures by some of the known keys.
    /// - Throws: `EvidenceError.notSigned` when one that claims to be theirs is wrong.
    private func cosignatures(
        by keys: [VerifierKey]
    ) throws(EvidenceError) -> [Verified.Witnessing] {
        var found: [Verified.Witnessing] = []
        for signature in note.signatures {
            for key in keys where signature.claims(key) {
                try note.check(signature, by: key)
                guard let cosignature = Cosignature(signature) else { continue }
                found.append(.init(witness: key, seconds: cosignature.seconds))
            }
        }
        return found
    }

    /// Checks that a log's key signed.
    /// - Throws: `EvidenceError.notSigned`.
    public func verified(by key: VerifierKey) throws(EvidenceError) -> Verified {
        try verified(by: [key])
    }
}

extension SignedCheckpoint {
    /// A checkpoint that a known key signed.
    public struct Verified: Hashable, Sendable {
        /// That a witness saw this checkpoint and found that it goes on from what it had seen.
        public struct Witnessing: Hashable, Sendable {
            public let witness: VerifierKey
            /// When, in seconds since 1970, as the witness says.
            public let seconds: UInt64
        }

        public let signed: SignedCheckpoint
        /// The keys of the log that signed it, at least one.
        public let signers: [VerifierKey]
        /// When the log's key signed it, in seconds since 1970, as the ledger says under its
        /// signature; nil where it does not say.
        public let seconds: UInt64?
        /// The known witnesses that cosigned it.
        public let cosignatures: [Witnessing]

        fileprivate init(
            signed: SignedCheckpoint, signers: [VerifierKey], seconds: UInt64?,
            cosignatures: [Witnessing]
        ) {
            self.signed = signed
            self.signers = signers
            self.seconds = seconds
            self.cosignatures = cosignatures
        }

        /// The time of `seconds`.
        public var time: Timestamp? { seconds.map(Timestamp.init(evidenceSeconds:)) }

        public var checkpoint: Checkpoint { signed.checkpoint }
        public var origin: String { checkpoint.origin }
        public var size: UInt64 { checkpoint.size }
        public var root: LedgerHash { checkpoint.root }
    }
}
