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
    /// What was bid; nil with proxy bidding, where it is a maximum.
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
        amount = step.proxy ? nil : step.amount
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
    /// What was bid; nil of a purchase, and with proxy bidding, where it is a maximum.
    public let amount: Money?
    public let kind: Kind
    /// The price after the bid.
    public let price: Money

    /// - Parameter proxy: whether a bid is a maximum in this auction.
    /// - Returns: nil where the entry is no accepted bid.
    public init?(
        _ command: CanonicalCommand, outcome: Outcome, proxy: Bool, at point: EntryPoint
    ) {
        guard case .accepted(let events) = outcome else { return nil }
        switch command {
        case .placeBid(_, let bidder, let amount):
            (self.bidder, self.amount) = (bidder, proxy ? nil : amount)
        case .buyNow(_, let buyer): (bidder, amount) = (buyer, nil)
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger,
            .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .closeAuction,
            .extendAuction, .cancelAuction, .extendOutage:
            return nil
        }
        var found: (kind: Kind, price: Money)?
        for event in events { found = Self.effect(of: event) ?? found }
        guard let found else { return nil }
        (kind, price) = found
        self.point = point
    }

    private static func effect(of event: Event) -> (kind: Kind, price: Money)? {
        switch event {
        case .leadTaken(_, _, _, let price): (.leads, price)
        case .maximumRaised(_, _, _, let price): (.raised, price)
        case .bidAbsorbed(_, _, let price): (.absorbed, price)
        case .boughtNow(_, _, let price): (.boughtNow, price)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .auctionOpened,
            .auctionExtended, .auctionClosed, .closeConfirmed, .auctionCancelled:
            nil
        }
    }
}
