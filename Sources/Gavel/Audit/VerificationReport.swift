// What a verification covered and what it found. Never says "clean" about what it did not read:
// the level stands beside the word, and what the level leaves out is listed.

public import AuctionDomain

/// How much of a ledger is verified.
public enum VerificationLevel: String, Hashable, Sendable, CaseIterable, Comparable {
    /// The frames' headers, the stored roots of tiles and the checkpoint: milliseconds. Finds a log
    /// that was cut or replaced; a changed entry not reliably: only in the last tile.
    case heads
    /// Every entry's bytes, hashed up to each frame's root. Finds whatever was changed, moved or
    /// taken away after it was hashed.
    case records
    /// Also what the entries mean: the fold, the invariants, links, command ids, snapshots. Finds
    /// an entry that cannot follow those before it, though it is hashed correctly.
    case fold
    /// Also every command decided again by the rules, on the state it was decided on. Finds an
    /// outcome that the rules do not give: a price, a fee, a winner, a rejection, a closing.
    case rules

    /// The most there is.
    public static var full: VerificationLevel { .rules }

    /// The level of a name: a level's own, or `full`.
    public init?(name: String) {
        if name == "full" { self = .full } else { self.init(rawValue: name) }
    }

    /// Whether a level covers less than another.
    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .heads: 0
        case .records: 1
        case .fold: 2
        case .rules: 3
        }
    }
}

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
    public let level: VerificationLevel
    /// What was covered, one sentence each.
    public var covered: [String] = []
    /// What was not, one sentence each.
    public var notCovered: [String] = []
    /// In the order of the log; the first is where it diverges.
    public var findings: [Finding] = []
    /// The first entry whose outcome the rules do not give, as recorded and as they give it; nil
    /// where there is none, and below level `rules`.
    package internal(set) var contradiction: Contradiction?
    /// Whether everything the level promises was read; a verification that stops at damage is
    /// incomplete, because what lies behind was not seen.
    public var isComplete = false
    public var entries: UInt64 = 0
    public var frames: UInt64 = 0
    /// The Merkle root over the entries covered; at level `heads` the one that the last frame says.
    public var root = Digest.empty
    /// The fingerprint of the state after them; nil below level `fold`.
    public var digest: StateDigest?

    public init(level: VerificationLevel) { self.level = level }

    /// What no level can see in a log alone.
    static let commandsNotCovered =
        "whether the commands are those that were sent: one that was changed or made up and then "
        + "decided by the rules is found only by a receipt, a checkpoint or a witness kept "
        + "elsewhere"

    /// Complete at its level and without a finding.
    public var isClean: Bool { isComplete && findings.isEmpty }

    /// The first position at which the log is not what it should be; nil where no finding has one.
    public var firstDivergence: UInt64? { findings.lazy.compactMap(\.position).first }
}
