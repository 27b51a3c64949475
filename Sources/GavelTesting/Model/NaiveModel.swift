// The rules once more, in the plainest words: a model to hold the real ledger against.
//
// Limits and invariants: it shares no code with `State.resolve`, `decide` and `evolve`, only the
// values that go in and come out; it keeps names where the real one keeps handles and lists where
// that one keeps indices; every sum is taken in 128 bits, so nothing here can overflow. It never
// forgets a command id, so it has no `command_id_expired`, and it knows no capacity. It is meant
// to be read beside the rules and found right by looking; speed is no aim.

public import AuctionDomain

/// What the model says about a command.
public enum ModelOutcome: Hashable, Sendable {
    /// It took effect, or confirmed a close.
    case accepted
    /// A rule said no; the command id is used up.
    case rejected(Rejection)
    /// It was not taken; the command id stays free.
    case refused(Refusal)
    /// The command id was used before with the same content; this was its first outcome.
    indirect case replayed(ModelOutcome)
}

/// A ledger of auctions kept in dictionaries and lists.
public struct NaiveModel: Sendable {
    /// A user's money in one currency.
    public struct Balance: Hashable, Sendable {
        public var available: Money = 0
        public var locked: Money = 0
        public init() {}
    }

    /// What came into and went out of the house in one currency.
    public struct Totals: Hashable, Sendable {
        public var scale: UInt8
        public var charged: Money = 0
        public var withdrawn: Money = 0
    }

    /// Money a user has locked for an auction.
    public struct Hold: Hashable, Sendable {
        public var auction: AuctionID
        public var user: UserID
        public var amount: Money
    }

    /// Where an auction stands in its life.
    public enum Phase: Hashable, Sendable { case open, closed, cancelled }

    /// An auction.
    public struct Auction: Hashable, Sendable {
        public var id: AuctionID
        public var seller: UserID
        public var currency: CurrencyCode
        public var rules: AuctionRules
        public var opensAt: Timestamp
        /// Nil where only hammer or cancellation end it.
        public var closesAt: Timestamp?
        public var phase = Phase.open
        /// Only once closed.
        public var outcome: AuctionOutcome?
        /// Leads now, or won.
        public var leader: UserID?
        /// Zero before the first accepted bid, as the two below.
        public var price: Money = 0
        public var maximum: Money = 0
        /// How often bids have moved the end.
        public var extensions = 0
        public var acceptedBids = 0
        public var rejectedBids = 0
    }

    /// A reference is used once per kind of payment and user.
    struct UsedReference: Hashable, Sendable {
        let isCharge: Bool
        let user: UserID
        let reference: PaymentReference
    }

    /// A command id that has an entry.
    struct UsedID: Sendable {
        let actor: LedgerActor
        let command: Command
        let outcome: ModelOutcome
    }

    /// How far a command id's time may lie ahead.
    static let idAheadMax: Int128 = 5 * 60 * 1_000_000_000

    /// The latest time seen; time never falls.
    public internal(set) var now = Timestamp.zero
    /// Every user, and a balance for each currency she ever moved.
    public internal(set) var wallets: [UserID: [CurrencyCode: Balance]] = [.house: [:]]
    public internal(set) var currencies: [CurrencyCode: Totals] = [:]
    public internal(set) var auctions: [AuctionID: Auction] = [:]
    /// All auctions in order of opening.
    public internal(set) var opened: [AuctionID] = []
    /// Those in the phase `open`, scheduled ones included, in order of opening.
    public internal(set) var open: [AuctionID] = []
    /// Closed and cancelled ones, in the order in which they ended.
    public internal(set) var finished: [AuctionID] = []
    public internal(set) var holds: [Hold] = []
    var references: Set<UsedReference> = []
    var usedIDs: [CommandID: UsedID] = [:]
    /// Auctions whose end fell into an outage and was not moved: only the operator ends the wait.
    public internal(set) var held: Set<AuctionID> = []

    /// A ledger just created: no user but the house.
    public init() {}
}

// MARK: - Reading

extension NaiveModel {
    /// An auction by name.
    public func auction(_ id: AuctionID) -> Auction? { auctions[id] }

    /// A user's money in a currency; nothing where she never moved any.
    public func wallet(_ user: UserID, _ currency: CurrencyCode) -> Balance {
        wallets[user]?[currency] ?? Balance()
    }

    /// What a user has locked for an auction.
    public func held(by user: UserID, for auction: AuctionID) -> Money {
        holds.first { $0.user == user && $0.auction == auction }?.amount ?? 0
    }

    /// The least a challenger must bid, in a width that always fits.
    public func minimumBid(on auction: Auction) -> Int128 {
        if auction.leader == nil { return Int128(auction.rules.openingPrice.minorUnits) }
        return Int128(auction.price.minorUnits) + step(of: auction, at: auction.price)
    }

    /// The last row that starts at or below the price; or the share of the price, where a part
    /// of a unit counts as a whole one, and one unit where that is nothing.
    func step(of auction: Auction, at price: Money) -> Int128 {
        switch auction.rules.increments {
        case .table(let rows):
            return Int128(rows.last { $0.from <= price }!.step.minorUnits)
        case .basisPoints(let share):
            let parts = Int128(price.minorUnits) * Int128(share)
            return max(1, parts / 10_000 + (parts % 10_000 == 0 ? 0 : 1))
        }
    }

    /// A side's fee on a hammer price.
    func fee(_ fee: Fee, on price: Int128) -> Int128 {
        var amount = price * Int128(fee.basisPoints) / 10_000 + Int128(fee.fixed.minorUnits)
        if amount < Int128(fee.minimum.minorUnits) { amount = Int128(fee.minimum.minorUnits) }
        if let maximum = fee.maximum, amount > Int128(maximum.minorUnits) {
            amount = Int128(maximum.minorUnits)
        }
        return amount
    }

    /// What a winner pays at a hammer price, or what a bid must hold.
    func paid(at price: Money, in auction: Auction) -> Int128 {
        Int128(price.minorUnits) + fee(auction.rules.fees.buyer, on: Int128(price.minorUnits))
    }

    /// The price at which an auction can be bought, if there is such an offer and nothing has
    /// ended it.
    public func buyNowPrice(of auction: Auction) -> Money? {
        guard let offer = auction.rules.buyNow else { return nil }
        if auction.leader == nil { return offer.price }
        if offer.until == .firstBid { return nil }
        if offer.until == .reserveMet && auction.maximum >= auction.rules.reservePrice! {
            return nil
        }
        return auction.price < offer.price ? offer.price : nil
    }
}
