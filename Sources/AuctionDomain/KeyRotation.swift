// What the log says about the keys that sign its heads, and about a history that was lost. Pure
// values: nothing here computes a signature or a hash.

/// 32 bytes, as four words, most significant byte first: a public key, a hash, half a signature.
public struct Bytes32: Hashable, Sendable {
    public let words: (UInt64, UInt64, UInt64, UInt64)

    public static let zero = Bytes32(0, 0, 0, 0)

    @inlinable public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        words = (a, b, c, d)
    }

    /// - Returns: nil when there are not 32 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.init(words[0], words[1], words[2], words[3])
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    public static func == (left: Self, right: Self) -> Bool { left.words == right.words }
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// Another key signs checkpoints from here on. The former one signed that, so whoever trusts it
/// can follow.
public struct KeyRotation: Hashable, Sendable {
    /// The Ed25519 public key that signs from the next checkpoint on.
    public let key: Bytes32
    /// The one that signed until now.
    public let previous: Bytes32
    /// By the former key, over the words that the article LogFormat gives: 64 bytes.
    public let signature: (Bytes32, Bytes32)

    public init(key: Bytes32, previous: Bytes32, signature: (Bytes32, Bytes32)) {
        self.key = key
        self.previous = previous
        self.signature = signature
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.key == right.key && left.previous == right.previous
            && left.signature == right.signature
    }
    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

/// A ledger went on from an older copy although entries were known to be lost. It has another
/// name from here on, so that nobody takes the two histories for one.
public struct Restoration: Hashable, Sendable {
    /// The ledger's new id.
    public let ledger: LedgerID
    /// How many entries the log had by the checkpoint that it could not live up to.
    public let checkpointSize: UInt64
    /// The Merkle root of that checkpoint.
    public let checkpointRoot: Bytes32

    public init(ledger: LedgerID, checkpointSize: UInt64, checkpointRoot: Bytes32) {
        self.ledger = ledger
        self.checkpointSize = checkpointSize
        self.checkpointRoot = checkpointRoot
    }
}
