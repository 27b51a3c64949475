// What queries answer: plain values with names in place of handles.
//
// Every answer says which position it reflects: `reflects` entries, so the last one is at
// `reflects - 1`.

public import AuctionDomain

extension PublicAuction {
    /// Where an auction stands for whoever looks at it.
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// Open, but bids are not taken yet as of the last entry reflected.
        case scheduled
        case open
        case closed
        case cancelled
    }
}

/// One auction with all that the house knows of it but maxima and holds. What anyone may see in a
/// row can be read as the view's own.
@dynamicMemberLookup
public struct AuctionView: Hashable, Sendable {
    public var row: PublicAuction
    /// What the winner paid, the buyer's premium included; nil unless sold.
    public var paid: Money?
    /// Bids and purchases, rejected ones included.
    public var bids: UInt64
    /// How often bids have moved the end.
    public var extensions: UInt32
    /// With the reserve.
    public var rules: AuctionRules
    public var openedPosition: UInt64
    /// Where it was closed or cancelled.
    public var closedPosition: UInt64?

    /// Bids and purchases, without the rejected ones.
    public var acceptedBids: UInt64 { row.bids }

    public subscript<Value>(dynamicMember member: KeyPath<PublicAuction, Value>) -> Value {
        row[keyPath: member]
    }
}

extension WalletView {
    /// Money a wallet has locked for one auction.
    public struct Hold: Hashable, Sendable {
        public var auction: AuctionID
        public var amount: Money

        public init(auction: AuctionID, amount: Money) {
            self.auction = auction
            self.amount = amount
        }
    }
}

extension WalletView {
    /// One currency of a wallet.
    public struct Balance: Hashable, Sendable {
        public var currency: Currency
        public var available: Money
        public var locked: Money
        /// What makes up `locked`, in order of opening.
        public var holds: [Hold]

        public init(currency: Currency, available: Money, locked: Money, holds: [Hold]) {
            self.currency = currency
            self.available = available
            self.locked = locked
            self.holds = holds
        }
    }
}

/// One user's wallet: a balance for each currency ever moved, in order of currency.
public struct WalletView: Hashable, Sendable {
    public var user: UserID
    public var balances: [Balance]

    public init(user: UserID, balances: [Balance]) {
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
