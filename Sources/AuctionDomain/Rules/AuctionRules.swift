// The rules of one auction, frozen into its opening entry: what replay uses is always what was
// written there, never today's configuration.
//
// Invariants of a value that passed `validate`: 1 ≤ opening price ≤ reserve ≤ buy-now price, as
// far as they are there; a step is at least 1 at every price; opening, reserve and buy-now price
// can be paid with their premium; what ends or moves the auction can be reached.

/// Until when a seller may cancel. The operator may at any time before the close.
public enum CancelPolicy: UInt8, Hashable, Sendable, CaseIterable {
    case beforeFirstBid = 0
    /// Never.
    case operatorOnly = 1
}

/// The whole rule set of an auction. The default is the plain English auction. All prices are
/// hammer prices: what fees add or take stands beside them.
public struct AuctionRules: Hashable, Sendable {
    public var format: AuctionFormat
    /// The least first bid, and the price a first proxy bid sets.
    public var openingPrice: Money
    /// Whether a bid is the bidder's maximum, spent only as far as the competition asks.
    public var proxy: Bool
    public var increments: Increments
    /// The least the lot is sold for; hidden until the end.
    public var reservePrice: Money?
    public var buyNow: BuyNow?
    public var softClose: SoftClose?
    /// How long after the first accepted bid the auction ends, in place of a fixed end.
    public var durationFromFirstBidMilliseconds: Int64?
    /// What an outage of the house does to the end; nil as `OutageRule()`, which moves nothing.
    public var outage: OutageRule?
    public var fees: Fees
    public var cancelPolicy: CancelPolicy

    public init(
        format: AuctionFormat = .english, openingPrice: Money = 1, proxy: Bool = false,
        increments: Increments = .one, reservePrice: Money? = nil, buyNow: BuyNow? = nil,
        softClose: SoftClose? = nil, durationFromFirstBidMilliseconds: Int64? = nil,
        outage: OutageRule? = nil, fees: Fees = .none, cancelPolicy: CancelPolicy = .beforeFirstBid
    ) {
        self.format = format
        self.openingPrice = openingPrice
        self.proxy = proxy
        self.increments = increments
        self.reservePrice = reservePrice
        self.buyNow = buyNow
        self.softClose = softClose
        self.durationFromFirstBidMilliseconds = durationFromFirstBidMilliseconds
        self.outage = outage
        self.fees = fees
        self.cancelPolicy = cancelPolicy
    }

    /// Checks that the rules make sense together.
    /// - Parameter closesAt: the end the auction is opened with.
    /// - Throws: `MalformedValue` naming the field and the reason.
    public func validate(closesAt: Timestamp?) throws(MalformedValue) {
        try format.rules.validate(self, closesAt: closesAt)
    }

    /// Checks what ends or moves the auction.
    func validateEnd(closesAt: Timestamp?) throws(MalformedValue) {
        if let durationFromFirstBidMilliseconds {
            try validateDuration(
                durationFromFirstBidMilliseconds, field: "rules.duration_from_first_bid_ms")
            guard closesAt == nil else {
                throw MalformedValue(
                    "rules.duration_from_first_bid_ms cannot stand beside closes_at")
            }
        }
        guard let softClose else { return }
        try softClose.validate()
        guard closesAt != nil || durationFromFirstBidMilliseconds != nil else {
            throw MalformedValue(
                "rules.soft_close needs an end: closes_at or rules.duration_from_first_bid_ms")
        }
        if let latestEnd = softClose.latestEnd, let closesAt, latestEnd < closesAt {
            throw MalformedValue("rules.soft_close.latest_end must not lie before closes_at")
        }
    }
}

extension AuctionRules {
    /// The part many auctions share; `State` keeps each distinct value once.
    package var terms: AuctionTerms {
        var softClose = softClose
        softClose?.latestEnd = nil
        return AuctionTerms(
            format: format, proxy: proxy, increments: increments, buyNowUntil: buyNow?.until,
            softClose: softClose,
            durationFromFirstBidMilliseconds: durationFromFirstBidMilliseconds, outage: outage,
            fees: fees, cancelPolicy: cancelPolicy)
    }

    /// The part that differs from lot to lot, beyond the opening price; nil for most auctions.
    package var extras: AuctionExtras? {
        guard reservePrice != nil || buyNow != nil || softClose != nil else { return nil }
        return AuctionExtras(
            reservePrice: reservePrice ?? .zero, buyNowPrice: buyNow?.price ?? .zero,
            latestEnd: softClose?.latestEnd ?? .noEnd)
    }

    /// Puts the parts together again.
    package init(openingPrice: Money, terms: AuctionTerms, extras: AuctionExtras?) {
        self.init(
            format: terms.format, openingPrice: openingPrice, proxy: terms.proxy,
            increments: terms.increments, softClose: terms.softClose,
            durationFromFirstBidMilliseconds: terms.durationFromFirstBidMilliseconds,
            outage: terms.outage, fees: terms.fees, cancelPolicy: terms.cancelPolicy)
        guard let extras else { return }
        reservePrice = extras.reservePrice == .zero ? nil : extras.reservePrice
        buyNow = terms.buyNowUntil.map { BuyNow(price: extras.buyNowPrice, until: $0) }
        softClose?.latestEnd = extras.latestEnd == .noEnd ? nil : extras.latestEnd
    }
}

/// Rules without the numbers that differ from lot to lot.
package struct AuctionTerms: Hashable, Sendable {
    package let format: AuctionFormat
    package let proxy: Bool
    package let increments: Increments
    package let buyNowUntil: BuyNow.Until?
    /// Without its latest end.
    package let softClose: SoftClose?
    package let durationFromFirstBidMilliseconds: Int64?
    package let outage: OutageRule?
    package let fees: Fees
    package let cancelPolicy: CancelPolicy
}

/// The numbers of one lot that only some lots have.
package struct AuctionExtras: Hashable, Sendable {
    /// Zero where there is none.
    package let reservePrice: Money
    /// Zero where there is none.
    package let buyNowPrice: Money
    /// `Timestamp.noEnd` where there is none.
    package let latestEnd: Timestamp
    /// Under which end the auction stands in the deadline queue: `State.deadlines`' own matter.
    var queuedEnd = Timestamp.noEnd
    /// How often bids have moved the end.
    package var extensions: UInt32 = 0

    package init(
        reservePrice: Money, buyNowPrice: Money, latestEnd: Timestamp, extensions: UInt32 = 0
    ) {
        self.reservePrice = reservePrice
        self.buyNowPrice = buyNowPrice
        self.latestEnd = latestEnd
        self.extensions = extensions
    }
}
