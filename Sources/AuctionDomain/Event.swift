// Facts. THE CASES AND THEIR FIELDS ARE THE STORAGE FORMAT: `EntryEncoding` writes them and every
// later version must read them, so a case is never changed, only added.
//
// Invariant: events that move money (`charged`, `withdrawn`, `locked`, `refunded`, `settled`)
// are balanced double entries; all others move none.

/// Why locked money went back to available.
public enum RefundReason: UInt8, Hashable, Sendable, CaseIterable {
    /// Another bid took the lead.
    case outbid = 0
    /// The winner's hold was above what she pays.
    case change = 1
    /// The auction was cancelled.
    case cancelled = 2
    /// The auction closed below its reserve.
    case reserveNotMet = 3
    /// Another took the buy-now price.
    case boughtNow = 4
}

/// Why an auction's end is another one now.
public enum ExtensionReason: UInt8, Hashable, Sendable, CaseIterable {
    /// The operator said so.
    case `operator` = 0
    /// A bid came within the soft close's window.
    case softClose = 1
    /// The first bid started the clock.
    case firstBid = 2
    /// The end came while the house could not be reached.
    case outage = 3
}

/// How an auction ended that was not cancelled.
public enum AuctionOutcome: UInt8, Hashable, Sendable, CaseIterable {
    case sold = 1
    case noBids = 2
    /// There were bids, but none reached the reserve.
    case reserveNotMet = 3
}

/// What one accepted command, or the passing of time, changed.
public enum Event: Hashable, Sendable {
    /// The first event of every log; creates the user `house`.
    case ledgerCreated(LedgerID)
    /// A process opened the ledger for writing; its epoch is one more than the one before.
    case engineOpened(epoch: UInt32)
    /// Another key signs checkpoints from here on.
    indirect case keyRotated(KeyRotation)
    /// The ledger went on from an older copy under a new id.
    indirect case ledgerRestored(Restoration)
    case currencyRegistered(CurrencyHandle, Currency)
    case userRegistered(UserHandle, UserID)

    /// Outside → available.
    case charged(Payment)
    /// Available → outside.
    case withdrawn(Payment)
    /// Available → locked. `held` is the bidder's whole hold on the auction afterwards.
    case locked(auction: AuctionHandle, user: UserHandle, amount: Money, held: Money)
    /// Locked → available, always the user's whole remaining hold on the auction.
    case refunded(
        auction: AuctionHandle, user: UserHandle, amount: Money, reason: RefundReason)
    /// The winner's locked → the seller's available, and of it `fee` → the house's available.
    /// `amount` is all the winner pays: the hammer price and the buyer's premium.
    case settled(
        auction: AuctionHandle, winner: UserHandle, seller: UserHandle, amount: Money, fee: Money)

    /// `opensAt` is the command's, or the entry's time where it gave none.
    indirect case auctionOpened(AuctionHandle, CanonicalOpening, opensAt: Timestamp)
    /// The bidder leads now, with this maximum, and this is the price.
    case leadTaken(auction: AuctionHandle, bidder: UserHandle, maximum: Money, price: Money)
    /// The leader raised the own maximum.
    case maximumRaised(auction: AuctionHandle, bidder: UserHandle, maximum: Money, price: Money)
    /// The leader's maximum was not passed; only the price moved.
    case bidAbsorbed(auction: AuctionHandle, bidder: UserHandle, price: Money)
    /// The auction was sold to that buyer at the buy-now price.
    case boughtNow(auction: AuctionHandle, buyer: UserHandle, price: Money)
    /// The end is later than it was, or known at last.
    case auctionExtended(
        auction: AuctionHandle, closesAt: Timestamp, reason: ExtensionReason)
    /// The auction left `open`; `winner` is nil unless it was sold, `price` what the bidding
    /// reached, zero without bids.
    case auctionClosed(
        auction: AuctionHandle, outcome: AuctionOutcome, winner: UserHandle?, price: Money)
    /// The auction had been closed at that position; nothing changed.
    case closeConfirmed(auction: AuctionHandle, position: UInt64, outcome: AuctionOutcome)
    case auctionCancelled(auction: AuctionHandle)

    /// The event's name in JSON and tables.
    public var name: String {
        switch self {
        case .ledgerCreated: "ledger_created"
        case .engineOpened: "engine_opened"
        case .keyRotated: "key_rotated"
        case .ledgerRestored: "ledger_restored"
        case .currencyRegistered: "currency_registered"
        case .userRegistered: "user_registered"
        case .charged: "charged"
        case .withdrawn: "withdrawn"
        case .locked: "locked"
        case .refunded: "refunded"
        case .settled: "settled"
        case .auctionOpened: "auction_opened"
        case .leadTaken: "lead_taken"
        case .maximumRaised: "maximum_raised"
        case .bidAbsorbed: "bid_absorbed"
        case .boughtNow: "bought_now"
        case .auctionExtended: "auction_extended"
        case .auctionClosed: "auction_closed"
        case .closeConfirmed: "close_confirmed"
        case .auctionCancelled: "auction_cancelled"
        }
    }
}

// MARK: - Sides of an event

// What an event is to those who ask about one side of it; what it moves is in `Effects`.

/// What a bid or a purchase did.
package struct BidFact: Hashable, Sendable {
    package let kind: PublicBid.Kind
    package let auction: AuctionHandle
    package let bidder: UserHandle
    /// What the bidder offers at most; nil where that changes nothing.
    package let maximum: Money?
    /// The price afterwards.
    package let price: Money

    package init(
        _ kind: PublicBid.Kind, _ auction: AuctionHandle, _ bidder: UserHandle, maximum: Money?,
        price: Money
    ) {
        self.kind = kind
        self.auction = auction
        self.bidder = bidder
        self.maximum = maximum
        self.price = price
    }
}

/// How an auction is over.
package enum AuctionEnd: Hashable, Sendable {
    case closed(AuctionHandle, AuctionOutcome, winner: UserHandle?, price: Money)
    case cancelled(AuctionHandle)
}

extension Event {
    /// What a bid or a purchase did by it; nil where it is of neither.
    package var bidFact: BidFact? {
        switch self {
        case .leadTaken(let auction, let bidder, let maximum, let price):
            BidFact(.leads, auction, bidder, maximum: maximum, price: price)
        case .maximumRaised(let auction, let bidder, let maximum, let price):
            BidFact(.raised, auction, bidder, maximum: maximum, price: price)
        case .bidAbsorbed(let auction, let bidder, let price):
            BidFact(.absorbed, auction, bidder, maximum: nil, price: price)
        case .boughtNow(let auction, let buyer, let price):
            BidFact(.boughtNow, auction, buyer, maximum: price, price: price)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .auctionOpened,
            .auctionExtended, .auctionClosed, .closeConfirmed, .auctionCancelled:
            nil
        }
    }

    /// How an auction is over by it; nil where none is.
    package var end: AuctionEnd? {
        switch self {
        case .auctionClosed(let auction, let outcome, let winner, let price):
            .closed(auction, outcome, winner: winner, price: price)
        case .auctionCancelled(let auction): .cancelled(auction)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .auctionOpened,
            .leadTaken, .maximumRaised, .bidAbsorbed, .boughtNow, .auctionExtended,
            .closeConfirmed:
            nil
        }
    }

    /// The time at which an auction ends from here on, which may be none; nil where the event sets
    /// no such time.
    package var endSet: (auction: AuctionHandle, closesAt: Timestamp?)? {
        switch self {
        case .auctionOpened(let auction, let opening, _): (auction, opening.closesAt)
        case .auctionExtended(let auction, let closesAt, _): (auction, closesAt)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged, .withdrawn, .locked, .refunded, .settled, .leadTaken,
            .maximumRaised, .bidAbsorbed, .boughtNow, .auctionClosed, .closeConfirmed,
            .auctionCancelled:
            nil
        }
    }
}

// MARK: - Outcomes

/// Events in order; `decide` fills one that its caller keeps, so a bid allocates nothing.
public typealias EventList = ContiguousArray<Event>

/// What was decided about a command.
public enum Outcome: Hashable, Sendable {
    case accepted(EventList)
    case rejected(Rejection)

    /// The events; none when rejected.
    public var events: EventList {
        if case .accepted(let events) = self { events } else { [] }
    }
    public var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}
