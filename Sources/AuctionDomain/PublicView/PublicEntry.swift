// One entry of the log as anyone may see it, without the entries before it.
//
// Invariant: no maximum, no hold, no fee, no reserve, no payment and no rejected command has a
// place in it. Of these, and of what is no auction's, there is no `PublicEntry` at all: all that
// anyone may see of such an entry is its position and its leaf's hash. The price is public:
// without proxy bidding it is the bid itself.

/// What anyone may see of an accepted command about an auction.
public struct PublicEntry: Hashable, Sendable {
    /// The commands that are public once accepted.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case openAuction = "open_auction"
        case placeBid = "place_bid"
        case buyNow = "buy_now"
        case closeAuction = "close_auction"
        case closeDue = "close_due"
        case extendAuction = "extend_auction"
        case cancelAuction = "cancel_auction"
        case extendOutage = "extend_outage"

        init?(_ command: CanonicalCommand) {
            switch command {
            case .openAuction: self = .openAuction
            case .placeBid: self = .placeBid
            case .buyNow: self = .buyNow
            case .closeAuction: self = .closeAuction
            case .closeDue: self = .closeDue
            case .extendAuction: self = .extendAuction
            case .cancelAuction: self = .cancelAuction
            case .extendOutage: self = .extendOutage
            case .createLedger, .openEngine, .rotateKey, .restoreLedger, .registerCurrency,
                .registerUser, .charge, .withdraw:
                return nil
            }
        }
    }

    public let kind: Kind
    public let time: Timestamp
    public let auction: AuctionHandle
    /// The names of the events that are public, in order.
    public private(set) var events: [String] = []
    /// Of an opening: what is offered, by whom, and when bids are taken.
    public private(set) var title: String?
    public private(set) var seller: UserHandle?
    public private(set) var opensAt: Timestamp?
    /// Who bid or bought.
    public private(set) var bidder: UserHandle?
    /// The price after the entry, where the entry says it.
    public private(set) var price: Money?
    /// The end, where the entry set one.
    public private(set) var closesAt: Timestamp?
    /// Why the end was moved.
    public private(set) var extensionReason: ExtensionReason?
    /// Of a closing.
    public private(set) var outcome: AuctionOutcome?
    public private(set) var winner: UserHandle?
    /// What the winner paid, the premium included.
    public private(set) var paid: Money?
    /// Why the auction was cancelled, in the words of who did.
    public private(set) var cancelReason: String?

    /// - Returns: nil where nothing of the entry is public.
    public init?(_ command: CanonicalCommand, outcome: Outcome, at time: Timestamp) {
        guard case .accepted(let events) = outcome, let kind = Kind(command) else { return nil }
        guard let auction = command.auction(events: events) else { return nil }
        (self.kind, self.time, self.auction) = (kind, time, auction)
        for event in events where take(event) { self.events.append(event.name) }
        if case .cancelAuction(_, let reason) = command { cancelReason = reason }
    }

    /// Takes up what is public of an event.
    /// - Returns: whether its name is.
    private mutating func take(_ event: Event) -> Bool {
        switch event {
        case .leadTaken(_, let bidder, _, let price), .maximumRaised(_, let bidder, _, let price),
            .bidAbsorbed(_, let bidder, let price), .boughtNow(_, let bidder, let price):
            (self.bidder, self.price) = (bidder, price)
        case .auctionExtended(_, let closesAt, let reason):
            (self.closesAt, extensionReason) = (closesAt, reason)
        case .auctionClosed(_, let outcome, let winner, let price):
            self.outcome = outcome
            self.winner = winner
            self.price = outcome == .noBids ? nil : price
        case .closeConfirmed(_, _, let outcome):
            self.outcome = outcome
        case .settled(_, _, _, let amount, _):
            paid = amount
            return false
        case .auctionOpened(_, let opening, let opensAt):
            (title, seller) = (opening.title, opening.seller)
            (self.opensAt, closesAt) = (opensAt, opening.closesAt)
        case .auctionCancelled: break
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded:
            return false
        }
        return true
    }
}

extension Event {
    /// Whether a user may see the event: it is about her own money or bid, or public as a whole.
    package func isOpen(to user: UserHandle) -> Bool {
        switch self {
        case .charged(let payment), .withdrawn(let payment): payment.user == user
        case .locked(_, let holder, _, _), .refunded(_, let holder, _, _): holder == user
        // The fee follows from the price and the auction's rules, which are public.
        case .settled(_, let winner, let seller, _, _): winner == user || seller == user
        case .auctionOpened(_, let opening, _): opening.seller == user
        case .leadTaken(_, let bidder, _, _), .maximumRaised(_, let bidder, _, _): bidder == user
        case .userRegistered(let registered, _): registered == user
        case .bidAbsorbed, .boughtNow, .auctionExtended, .auctionClosed, .closeConfirmed,
            .auctionCancelled, .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored,
            .currencyRegistered:
            true
        }
    }
}
