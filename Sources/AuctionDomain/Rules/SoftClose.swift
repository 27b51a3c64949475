// Ends that move while people still bid, so that nobody wins by being too late to be answered.
//
// Two families (auctions.md 3.6): `reset` sets the end to the bid's time + extension, `add` to the
// old end + extension. Either never moves an end backwards. The default, any accepted bid and
// reset, is what MaxSold's recorded sales do with window and extension of 120 s.

/// When and how far a bid moves the end.
public struct SoftClose: Hashable, Sendable {
    /// From where the extension counts.
    public enum Mode: UInt8, Hashable, Sendable, CaseIterable {
        /// From the bid: end = max(end, time of the bid + extension).
        case reset = 0
        /// From the end: end = end + extension.
        case add = 1
    }

    /// What a bid must do to move the end.
    public enum Trigger: UInt8, Hashable, Sendable, CaseIterable {
        /// Nothing but be accepted; a leader's raise and an absorbed bid count too.
        case acceptedBid = 0
        /// Change the visible price.
        case priceChange = 1
        /// Take the lead.
        case leadChange = 2
    }

    /// A bid with no more than this left until the end may move it.
    public var windowMilliseconds: Int64
    public var extensionMilliseconds: Int64
    public var mode: Mode
    public var trigger: Trigger
    /// How often bids may move the end; nil means without bound.
    public var maxExtensions: UInt32?
    /// No bid moves the end beyond this; nil means without bound.
    public var latestEnd: Timestamp?

    public init(
        windowMilliseconds: Int64, extensionMilliseconds: Int64, mode: Mode = .reset,
        trigger: Trigger = .acceptedBid, maxExtensions: UInt32? = nil, latestEnd: Timestamp? = nil
    ) {
        self.windowMilliseconds = windowMilliseconds
        self.extensionMilliseconds = extensionMilliseconds
        self.mode = mode
        self.trigger = trigger
        self.maxExtensions = maxExtensions
        self.latestEnd = latestEnd
    }

    /// The end after a bid at a time, before any limit on the number of extensions.
    /// - Returns: nil where the bid does not move it.
    func newEnd(after time: Timestamp, end: Timestamp) -> Timestamp? {
        guard end.nanoseconds - time.nanoseconds <= windowMilliseconds * 1_000_000 else {
            return nil
        }
        let base = mode == .reset ? time : end
        let moved = min(base.adding(milliseconds: extensionMilliseconds), latestEnd ?? .max)
        return moved > end ? moved : nil
    }

    func validate() throws(MalformedValue) {
        try validateDuration(windowMilliseconds, field: "rules.soft_close.window_ms")
        try validateDuration(extensionMilliseconds, field: "rules.soft_close.extension_ms")
        if maxExtensions == 0 {
            throw MalformedValue("rules.soft_close.max_extensions must be at least 1, not 0")
        }
        if let latestEnd, !latestEnd.isInRange {
            throw MalformedValue("rules.soft_close.latest_end must lie in the years 1970 to 2261")
        }
    }
}

func validateDuration(_ milliseconds: Int64, field: String) throws(MalformedValue) {
    guard milliseconds >= 1, milliseconds <= Limits.durationMillisecondsMax else {
        throw MalformedValue(
            "\(field) must be 1 to \(Limits.durationMillisecondsMax), not \(milliseconds)")
    }
}
