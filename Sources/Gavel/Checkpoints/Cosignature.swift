// A witness's word on a checkpoint, as C2SP tlog-cosignature version 1 has it: an 8-byte time in
// seconds, big endian, and an Ed25519 signature over
//
//      cosignature/v1
//      time SECONDS
//      the checkpoint's text
//
// It means: of all checkpoints of that log the witness had seen by then, this is the largest, and
// all others are prefixes of it. By the log's own key it says when the log signed; the first line
// keeps the two kinds of signature apart, so that one key may make both.

package import AuctionDomain

extension Timestamp {
    /// The time of a signature, or the last one there is where it says a later one.
    package init(evidenceSeconds seconds: UInt64) {
        let most = UInt64(Timestamp.max.nanoseconds / 1_000_000_000)
        self.init(seconds: Int64(min(seconds, most)))
    }

    /// The whole seconds since 1970 that a signature of this time says.
    package var evidenceSeconds: UInt64 { UInt64(Swift.max(0, nanoseconds / 1_000_000_000)) }
}

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
        try cosigned(by: key.verifier, atSeconds: seconds, signing: key.key.signature)
    }

    /// The checkpoint with a timestamped signature.
    /// - Parameters:
    ///   - key: a key for cosignatures.
    ///   - signing: signs bytes with its private half.
    func cosigned(
        by key: VerifierKey, atSeconds seconds: UInt64,
        signing: ([UInt8]) throws(EvidenceError) -> [UInt8]
    ) throws(EvidenceError) -> SignedCheckpoint {
        guard seconds <= UInt64(Int64.max) else {
            throw EvidenceError(.signing, "\(seconds) is not a time")
        }
        let signature = try signing(Cosignature.message(note.text, seconds))
        let time = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> (56 - 8 * UInt64($0))) }
        return SignedCheckpoint(
            checkpoint: checkpoint,
            note: try note.adding(SignedNote.Signature(by: key, bytes: time + signature)))
    }
}
