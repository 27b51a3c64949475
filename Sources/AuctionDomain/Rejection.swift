// The two ways to say no, as numbered values: rejections here, refusals in Refusal.swift.
//
// A rejection is a judged command: an entry of the log, evidence, and its id is used up. A
// refusal is a command not taken at all: no entry, and its id stays free.
//
// PRECEDENCE: refusals before rejections; within each, the order of declaration below. When
// several apply, the first one is the answer. (A cancelled or closed auction is that and nothing
// else, whatever the time; a queue that is full or closed refuses before it looks.) NUMBERS ARE
// THE STORAGE FORMAT and never reused. Last numbers given: refusal 14, rejection 62.

/// A command judged and refused by a rule.
public struct Rejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken.
    public enum Code: UInt16, Hashable, Sendable, CaseIterable {
        // Relation: who may do this to that.
        case sellerCannotBid = 20
        case notPermitted = 21
        // State: what is possible now.
        case userAlreadyRegistered = 22
        case currencyAlreadyRegistered = 23
        case auctionAlreadyOpened = 24
        case referenceAlreadyUsed = 25
        case auctionNotOpen = 30
        case auctionEnded = 31
        case auctionCancelled = 32
        case auctionAlreadyClosed = 33
        case auctionNotEnded = 34
        case auctionHasBids = 35
        case closesAtTooEarly = 36
        case buyNowNotOffered = 37
        case buyNowEnded = 38
        // Price.
        case bidBelowOpening = 40
        case bidBelowMinimum = 41
        case bidNotAboveOwnMaximum = 42
        // Funds.
        case exceedsAvailable = 50
        // Overflow.
        case overflowsTotalCharged = 60
        case overflowsPrice = 61
        case overflowsCurrencies = 62

        /// The code in JSON and tables.
        public var name: String {
            switch self {
            case .sellerCannotBid: "seller_cannot_bid"
            case .notPermitted: "not_permitted"
            case .userAlreadyRegistered: "user_already_registered"
            case .currencyAlreadyRegistered: "currency_already_registered"
            case .auctionAlreadyOpened: "auction_already_opened"
            case .referenceAlreadyUsed: "reference_already_used"
            case .auctionNotOpen: "auction_not_open"
            case .auctionEnded: "auction_ended"
            case .auctionCancelled: "auction_cancelled"
            case .auctionAlreadyClosed: "auction_already_closed"
            case .auctionNotEnded: "auction_not_ended"
            case .auctionHasBids: "auction_has_bids"
            case .closesAtTooEarly: "closes_at_too_early"
            case .buyNowNotOffered: "buy_now_not_offered"
            case .buyNowEnded: "buy_now_ended"
            case .bidBelowOpening: "bid_below_opening"
            case .bidBelowMinimum: "bid_below_minimum"
            case .bidNotAboveOwnMaximum: "bid_not_above_own_maximum"
            case .exceedsAvailable: "exceeds_available"
            case .overflowsTotalCharged: "overflows_total_charged"
            case .overflowsPrice: "overflows_price"
            case .overflowsCurrencies: "overflows_currencies"
            }
        }

        /// The JSON name of the number that goes with the code, if one does.
        public var limitName: String? {
            switch self {
            case .bidBelowOpening, .bidBelowMinimum: "minimum"
            case .bidNotAboveOwnMaximum: "maximum"
            case .exceedsAvailable: "available"
            default: nil
            }
        }
    }

    public let code: Code
    /// The number the command was measured against, in minor units; 0 where the code has none.
    public let limit: Money

    @inlinable public init(_ code: Code, limit: Money = .zero) {
        self.code = code
        self.limit = limit
    }

    public var description: String {
        code.limitName.map { "\(code.name) (\($0) \(limit.minorUnits))" } ?? code.name
    }
}
