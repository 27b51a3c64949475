// What becomes of an end that comes while nobody can bid, because the house's machine is down.
//
// Without this rule the engine leaves such an auction open until the operator has decided; with
// `move_ms` the seller and the bidders know beforehand what will happen (decision 0031).

/// When an outage counts for an auction, and by how much it moves the end. It says at least one of
/// the two.
public struct OutageRule: Hashable, Sendable {
    /// How long an outage may last and count for nothing, where no rule says otherwise: 5,000 ms.
    public static let longerThanMillisecondsDefault: Int64 = 5_000

    /// An outage counts only if it lasted longer than this.
    public var longerThanMilliseconds: Int64
    /// How long after an outage an end that fell into it comes; nil leaves the end to the operator.
    public var moveMilliseconds: Int64?

    public init(
        longerThanMilliseconds: Int64 = OutageRule.longerThanMillisecondsDefault,
        moveMilliseconds: Int64? = nil
    ) {
        self.longerThanMilliseconds = longerThanMilliseconds
        self.moveMilliseconds = moveMilliseconds
    }

    func validate() throws(MalformedValue) {
        try validateDuration(longerThanMilliseconds, field: "rules.outage.longer_than_ms")
        if let moveMilliseconds {
            try validateDuration(moveMilliseconds, field: "rules.outage.move_ms")
        }
    }
}
