// Ids that are drawn: by a clock and by chance, outside every decision.

public import AuctionDomain

extension CommandID {
    /// A new id: the time and 74 random bits. For callers; the engine itself draws none.
    /// - Parameter time: one before 1970 counts as 1970.
    public static func generate(at time: Timestamp = SystemClock().now()) -> CommandID {
        var generator = SystemRandomNumberGenerator()
        return CommandID(
            milliseconds: UInt64(max(0, time.nanoseconds) / 1_000_000),
            randomHigh: generator.next(), randomLow: generator.next())
    }
}

extension LedgerID {
    static func generate() -> LedgerID {
        var generator = SystemRandomNumberGenerator()
        return LedgerID(high: generator.next(), low: generator.next())
    }
}
