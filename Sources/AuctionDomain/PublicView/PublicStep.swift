// A step of an auction's story as anyone may see it.
//
// Invariant: a value of these types cannot hold a secret: there is no place in it for a rejected
// bid, a maximum, a hold or a reserve, and its only initializer leaves them out.

/// Why the price is what it is, as far as the price itself tells.
///
/// The full `PriceReason` says more: `leader_maximum` that the price *is* the leader's maximum,
/// `reserve` that it is the reserve.
public enum PublicPriceReason: String, Hashable, Sendable, CaseIterable {
    /// The first bid leads at the opening price.
    case openingPrice = "opening_price"
    /// Without proxy bidding the price is the bid.
    case bid
    case buyNow = "buy_now"
    /// Whatever maxima, steps and a reserve have made of it.
    case proxy

    public init(_ reason: PriceReason) {
        self =
            switch reason {
            case .openingPrice: .openingPrice
            case .bid: .bid
            case .buyNow: .buyNow
            case .stepAboveFormerMaximum, .ownMaximum, .stepAboveAbsorbedBid, .leaderMaximum,
                .reserve:
                .proxy
            }
    }
}

/// An accepted entry about an auction as anyone may see it.
public struct PublicStep: Hashable, Sendable {
    public let point: EntryPoint
    public let actor: CanonicalActor
    /// Who bid or bought.
    public let bidder: UserHandle?
    /// What was bid; nil where that is the bidder's secret.
    public let amount: Money?
    /// What happened, in order.
    public let facts: [AuctionFact]
    /// Why the price changed; nil where it did not.
    public let priceReason: PublicPriceReason?
    /// The price after the entry; nil before the first bid.
    public let price: Money?
    /// Who leads, or won, after the entry.
    public let leader: UserHandle?
    /// Whether the price has reached the reserve; nil where there is none.
    public let isReserveMet: Bool?
    /// When it ends, as of the entry; nil where time does not end it.
    public let closesAt: Timestamp?
    /// Whether a bid is a maximum in this auction.
    public let proxy: Bool

    /// - Returns: nil where nothing of the step is public: of a rejected command.
    public init?(_ step: AuctionStep) {
        guard step.rejection == nil else { return nil }
        point = step.point
        actor = step.actor
        bidder = step.bidder
        amount = step.showsAmount ? step.amount : nil
        facts = step.facts
        priceReason = step.priceReason.map { PublicPriceReason($0) }
        price = step.price
        leader = step.leader
        isReserveMet = step.isReserveMet
        closesAt = step.closesAt
        proxy = step.proxy
    }
}

/// An accepted bid or purchase as anyone may see it.
public struct PublicBid: Hashable, Sendable {
    /// What the bid did.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The bidder leads now.
        case leads
        /// The leader raised the own maximum, or without proxy bidding the own bid.
        case raised
        /// The leader's maximum was not passed.
        case absorbed
        case boughtNow = "bought_now"
    }

    public let point: EntryPoint
    public let bidder: UserHandle
    /// What was bid; nil of a purchase, and where it is the bidder's secret.
    public let amount: Money?
    public let kind: Kind
    /// The price after the bid.
    public let price: Money

    /// - Parameter showsAmount: whether anyone may see what was bid in this auction.
    /// - Returns: nil where the entry is no accepted bid.
    public init?(
        _ command: CanonicalCommand, outcome: Outcome, showsAmount: Bool, at point: EntryPoint
    ) {
        guard case .accepted(let events) = outcome, let bid = command.bid,
            let fact = events.lazy.compactMap(\.bidFact).last
        else { return nil }
        (bidder, amount) = (bid.bidder, showsAmount ? bid.amount : nil)
        (kind, price) = (fact.kind, fact.price)
        self.point = point
    }
}
