// A witness's word on a checkpoint, as C2SP tlog-cosignature version 1 has it: an 8-byte time in
// seconds, big endian, and an Ed25519 signature over
//
//      cosignature/v1
//      time SECONDS
//      the checkpoint's text
//
// It means: of all checkpoints of that log the witness had seen by then, this is the largest, and
// all others are prefixes of it.

/// A cosignature, read but not checked.
struct Cosignature: Hashable, Sendable {
    /// When it was made, in seconds since 1970.
    let seconds: UInt64
    let signature: [UInt8]

    /// - Returns: nil where the bytes are not 8 of time and 64 of signature.
    init?(_ signature: SignedNote.Signature) {
        guard signature.bytes.count == 72 else { return nil }
        seconds = signature.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        guard seconds <= UInt64(Int64.max) else { return nil }
        self.signature = Array(signature.bytes.dropFirst(8))
    }

    func isValid(for text: String, by key: VerifierKey) -> Bool {
        key.isSignature(signature, of: Self.message(text, seconds))
    }

    static func message(_ text: String, _ seconds: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(seconds)\n\(text)".utf8)
    }
}

extension SignedCheckpoint {
    /// The checkpoint with a witness's signature. What may be signed so is for `WitnessState` to
    /// say, which alone calls this.
    func cosigned(
        by key: WitnessKey, atSeconds seconds: UInt64
    ) throws(EvidenceError) -> SignedCheckpoint {
        guard seconds <= UInt64(Int64.max) else {
            throw EvidenceError(.signing, "\(seconds) is not a time")
        }
        let signature = try key.key.signature(of: Cosignature.message(note.text, seconds))
        let time = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> (56 - 8 * UInt64($0))) }
        return SignedCheckpoint(
            checkpoint: checkpoint,
            note: try note.adding(
                SignedNote.Signature(by: key.verifier, bytes: time + signature)))
    }
}
