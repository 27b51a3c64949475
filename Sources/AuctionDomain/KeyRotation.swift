// What the log says about the keys that sign its heads. A pure value: nothing here computes a
// signature or a hash.

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
