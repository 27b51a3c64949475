// What may be wrong with evidence: keys, signed notes, checkpoints, proofs.
//
// Invariant: everything here reads what strangers wrote. Whatever it is, the answer is a value or
// an `EvidenceError`, never a trap.

/// Evidence that cannot be read, or does not prove what it should.
public struct EvidenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can react to.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The text is not of the expected form.
        case malformed
        /// No known key signed it, or a signature of a known key is wrong.
        case notSigned = "not_signed"
        /// The proof does not lead to the signed root.
        case notProven = "not_proven"
        /// The evidence proves entries, but lacks one that the others need to be understood.
        case incomplete
        /// A log shows fewer entries than it had signed before.
        case rolledBack = "rolled_back"
        /// A log has signed two histories of which neither goes on from the other.
        case forked
        /// The key could not sign, or what it was to sign could not be read again.
        case signing
    }

    public let code: Code
    /// What is wrong with what, as a sentence without a full stop.
    public let reason: String

    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Errors are equal when their codes are.
    public static func == (left: Self, right: Self) -> Bool { left.code == right.code }
    public func hash(into hasher: inout Hasher) { hasher.combine(code) }

    public var description: String { "\(code.rawValue): \(reason)" }

    /// A text that is not of the expected form.
    static func malformed(_ reason: String) -> EvidenceError { EvidenceError(.malformed, reason) }
}
