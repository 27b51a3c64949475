// Which auctions are asked for.

public import AuctionDomain

/// Which auctions to list, and in which order.
public struct AuctionFilter: Hashable, Sendable {
    public enum Order: String, Hashable, Sendable, CaseIterable {
        /// As they were opened.
        case opening
        /// The newest first; the order of lists by seller or bidder.
        case newest
        /// Open ones that time will end, the next end first.
        case endingSoon = "ending_soon"
    }

    public var status: PublicAuction.Status?
    public var seller: UserID?
    /// A user who has bid or bought, or tried to: rejected ones count.
    public var bidder: UserID?
    /// Only closed ones with this outcome.
    public var outcome: AuctionOutcome?
    /// Only those that can, or cannot, be bought now at a buy-now price.
    public var isBuyNow: Bool?
    /// Only those with a reserve that is, or is not, met.
    public var isReserveMet: Bool?
    /// A piece of the title, in upper or lower case. Empty pieces are in every title.
    public var titleContains: String?
    /// Only those this user won.
    public var winner: UserID?
    /// Ignored beside `seller`, `bidder` or `winner`, which list the newest first.
    public var order: Order

    public init(
        status: PublicAuction.Status? = nil, seller: UserID? = nil, bidder: UserID? = nil,
        outcome: AuctionOutcome? = nil, isBuyNow: Bool? = nil, isReserveMet: Bool? = nil,
        titleContains: String? = nil, winner: UserID? = nil, order: Order = .opening
    ) {
        self.status = status
        self.seller = seller
        self.bidder = bidder
        self.outcome = outcome
        self.isBuyNow = isBuyNow
        self.isReserveMet = isReserveMet
        self.titleContains = titleContains
        self.winner = winner
        self.order = order
    }

    func add(to scope: inout CursorScope) {
        scope.add(order.rawValue)
        scope.add(status?.rawValue)
        scope.add(seller?.string)
        scope.add(bidder?.string)
        scope.add(outcome.map { String($0.rawValue) })
        scope.add(isBuyNow.map(String.init))
        scope.add(isReserveMet.map(String.init))
        scope.add(winner?.string)
        scope.add(titleContains)
    }
}
