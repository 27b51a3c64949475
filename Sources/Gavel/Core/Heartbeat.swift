// What a writer leaves behind of when it was last there.

public import AuctionDomain

/// What a running ledger writes down once a second, so that the next opening knows how long nobody
/// was there.
public struct Heartbeat: Hashable, Sendable {
    /// Trusted time, and the boot clock at that moment.
    public var time: Timestamp
    public var boot: Int64
    /// Which run of the machine the boot clock counts from; nil where the system does not say.
    public var bootID: BootID?
    /// Since when an outage lasted whose auctions still wait for an operator; nil where none do.
    public var outageSince: Timestamp?

    public init(time: Timestamp, boot: Int64, bootID: BootID?, outageSince: Timestamp?) {
        self.time = time
        self.boot = boot
        self.bootID = bootID
        self.outageSince = outageSince
    }
}

extension Heartbeat {
    /// 16 bytes without a meaning of their own.
    public struct BootID: Hashable, Sendable {
        public var high: UInt64
        public var low: UInt64

        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// - Returns: nil where there are not 16 bytes.
        public init?(_ bytes: [UInt8]) {
            guard bytes.count == 16 else { return nil }
            func word(_ start: Int) -> UInt64 {
                bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
            }
            self.init(high: word(0), low: word(8))
        }
    }
}
