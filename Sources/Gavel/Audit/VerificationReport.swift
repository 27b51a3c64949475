// What a verification covered and what it found. Never says "clean" about what it did not read.

public import AuctionDomain

/// One thing that is not as it should be.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// The entry at which it shows; nil when it is about the whole.
    public let position: UInt64?
    public let what: String

    public init(position: UInt64?, _ what: String) {
        self.position = position
        self.what = what
    }

    public var description: String {
        position.map { "at position \($0): \(what)" } ?? what
    }
}

/// The result of a verification.
public struct VerificationReport: Hashable, Sendable {
    /// What was covered, one sentence each.
    public var covered: [String] = []
    public var findings: [Finding] = []
    /// Whether everything the level promises was read; a verification that stops at damage is
    /// incomplete, because what lies behind was not seen.
    public var isComplete = false
    public var entries: UInt64 = 0
    public var frames: UInt64 = 0
    /// The Merkle root over the entries covered.
    public var root = Digest.empty
    /// The fingerprint of the state after them.
    public var digest = StateDigest()

    /// Complete and without a finding.
    public var isClean: Bool { isComplete && findings.isEmpty }
}
