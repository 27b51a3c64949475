// A span in which nobody could bid.

public import AuctionDomain

/// A span of the ledger's time in which nobody could bid.
public struct Outage: Hashable, Sendable {
    public var since: Timestamp
    public var until: Timestamp

    package init(since: Timestamp, until: Timestamp) {
        self.since = since
        self.until = until
    }

    package var nanoseconds: Int64 { until.nanoseconds - since.nanoseconds }
}
