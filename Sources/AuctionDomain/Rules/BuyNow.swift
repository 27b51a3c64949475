// The offer to sell at once at a fixed price, beside the bidding.

/// A price at which the first to take it has the lot.
public struct BuyNow: Hashable, Sendable {
    /// What ends the offer before the auction ends; houses differ (auctions.md 3.4).
    public enum Until: UInt8, Hashable, Sendable, CaseIterable {
        /// The first accepted bid.
        case firstBid = 0
        /// A maximum that reaches the reserve.
        case reserveMet = 1
        /// Only a price that has reached the offer's, or the auction's end.
        case end = 2
    }

    /// The hammer price of a purchase.
    public var price: Money
    public var until: Until

    public init(price: Money, until: Until = .firstBid) {
        self.price = price
        self.until = until
    }
}
