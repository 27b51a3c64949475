// What queries answer: plain values with names in place of handles.
//
// Every answer says which position it reflects: `reflects` entries, so the last one is at
// `reflects - 1`.

public import AuctionDomain

/// Where an auction stands for whoever looks at it.
public enum AuctionStatus: String, Hashable, Sendable, CaseIterable {
    /// Open, but bids are not taken yet as of the last entry reflected.
    case scheduled
    case open
    case closed
    case cancelled
}

/// One auction, its seller joined.
public struct AuctionView: Hashable, Sendable {
    public var auction: AuctionID
    public var title: String
    public var seller: UserID
    public var currency: Currency
    public var status: AuctionStatus
    /// Only once closed.
    public var outcome: AuctionOutcome?
    /// What the bidding reached; nil before the first accepted bid.
    public var price: Money?
    /// What the winner paid, the buyer's premium included; nil unless sold.
    public var paid: Money?
    /// Who leads an open auction, won a sold one, or led when it closed below its reserve. A
    /// bidder's name is public here; what she was ready to pay is not part of this view.
    public var leader: UserID?
    /// Bids, rejected ones included.
    public var bids: UInt64
    public var acceptedBids: UInt64
    public var opensAt: Timestamp
    /// After extensions; nil where time does not end it.
    public var closesAt: Timestamp?
    /// How often bids have moved the end.
    public var extensions: UInt32
    public var rules: AuctionRules
    /// Whether the price has reached the reserve; nil where there is none.
    public var isReserveMet: Bool?
    /// The price at which it can be bought now; nil where that is not on offer, or no more.
    public var buyNowPrice: Money?
    /// The least next bid of a challenger; nil once finished, or where none is large enough.
    public var minimumBid: Money?
    public var openedPosition: UInt64
    /// Where it was closed or cancelled.
    public var closedPosition: UInt64?

    /// The winner, once sold.
    public var winner: UserID? { outcome == .sold ? leader : nil }

    public init(
        auction: AuctionID, title: String, seller: UserID, currency: Currency,
        status: AuctionStatus, outcome: AuctionOutcome?, price: Money?, paid: Money? = nil,
        leader: UserID?, bids: UInt64, acceptedBids: UInt64, opensAt: Timestamp,
        closesAt: Timestamp?, extensions: UInt32 = 0, rules: AuctionRules,
        isReserveMet: Bool? = nil, buyNowPrice: Money? = nil, minimumBid: Money?,
        openedPosition: UInt64, closedPosition: UInt64?
    ) {
        self.auction = auction
        self.title = title
        self.seller = seller
        self.currency = currency
        self.status = status
        self.outcome = outcome
        self.price = price
        self.paid = paid
        self.leader = leader
        self.bids = bids
        self.acceptedBids = acceptedBids
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.extensions = extensions
        self.rules = rules
        self.isReserveMet = isReserveMet
        self.buyNowPrice = buyNowPrice
        self.minimumBid = minimumBid
        self.openedPosition = openedPosition
        self.closedPosition = closedPosition
    }
}

/// Money a wallet has locked for one auction.
public struct HoldView: Hashable, Sendable {
    public var auction: AuctionID
    public var amount: Money

    public init(auction: AuctionID, amount: Money) {
        self.auction = auction
        self.amount = amount
    }
}

/// One currency of a wallet.
public struct BalanceView: Hashable, Sendable {
    public var currency: Currency
    public var available: Money
    public var locked: Money
    /// What makes up `locked`, in order of opening.
    public var holds: [HoldView]

    public init(currency: Currency, available: Money, locked: Money, holds: [HoldView]) {
        self.currency = currency
        self.available = available
        self.locked = locked
        self.holds = holds
    }
}

/// One user's wallet: a balance for each currency ever moved, in order of currency.
public struct WalletView: Hashable, Sendable {
    public var user: UserID
    public var balances: [BalanceView]

    public init(user: UserID, balances: [BalanceView]) {
        self.user = user
        self.balances = balances
    }
}

/// One page of a longer answer.
public struct Page<Element: Sendable>: Sendable {
    public var items: [Element]
    /// Asks for the next page; nil when this is the last. Carries the query's filters: it is
    /// refused beside others.
    public var cursor: String?
    /// How many entries the answer reflects.
    public var reflects: UInt64

    public init(items: [Element], cursor: String?, reflects: UInt64) {
        self.items = items
        self.cursor = cursor
        self.reflects = reflects
    }
}
