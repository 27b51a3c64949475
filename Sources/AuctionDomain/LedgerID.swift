// The identity of a ledger.

/// A ledger's name for itself: 128 random bits, drawn once at creation.
public struct LedgerID: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
