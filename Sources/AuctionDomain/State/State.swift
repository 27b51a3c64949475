// Wallets and auctions as the fold of a log: flat records addressed by dense handles.
//
// Invariants (checked by `invariantViolations`): DESIGN section 5, numbers 1 to 5. Every field
// of a user, wallet, currency or auction that an event changes is part of `digest` (invariant 7);
// links, positions, time, epoch and the counters of rejected bids are not, so a rejection, or
// opening the ledger again, leaves the digest as it was (invariant 6).

/// No position: nothing came before.
public let noPosition = UInt64.max

/// A user: her accounts hang on a list, one for each currency ever moved.
public struct UserRecord: Hashable, Sendable {
    /// The first account's index, or `State.noAccount`.
    public package(set) var firstAccount: UInt32
    /// The position of the last entry that touched the wallet, or `noPosition`.
    public package(set) var lastPosition: UInt64

    package init(firstAccount: UInt32, lastPosition: UInt64) {
        self.firstAccount = firstAccount
        self.lastPosition = lastPosition
    }
}

/// The two halves of one user's money in one currency.
public struct AccountRecord: Hashable, Sendable {
    public package(set) var available: Money
    public package(set) var locked: Money
    public package(set) var user: UserHandle
    /// The user's next account, or `State.noAccount`.
    public package(set) var next: UInt32
    public package(set) var currency: CurrencyHandle

    package init(
        available: Money, locked: Money, user: UserHandle, next: UInt32, currency: CurrencyHandle
    ) {
        self.available = available
        self.locked = locked
        self.user = user
        self.next = next
        self.currency = currency
    }
}

/// A currency and what came in and went out of it.
public struct CurrencyRecord: Hashable, Sendable {
    public package(set) var currency: Currency
    /// Never above `Money.max`, so that no sum of balances can overflow.
    public package(set) var charged: Money
    public package(set) var withdrawn: Money

    package init(currency: Currency, charged: Money, withdrawn: Money) {
        self.currency = currency
        self.charged = charged
        self.withdrawn = withdrawn
    }
}

/// Where an auction stands in its life.
public enum AuctionPhase: UInt8, Hashable, Sendable {
    case open = 0
    case closed = 1
    case cancelled = 2
}

/// One auction.
public struct AuctionRecord: Hashable, Sendable {
    public package(set) var openingPrice: Money
    /// What the bidding reached; zero before the first accepted bid.
    public package(set) var price: Money
    /// The leader's maximum: equal to the price where there is no proxy bidding.
    public package(set) var maximum: Money
    /// What the leader has locked for this auction.
    public package(set) var held: Money
    public package(set) var opensAt: Timestamp
    /// `Timestamp.noEnd` where only hammer or cancellation end it.
    public package(set) var closesAt: Timestamp
    /// The position of the opening entry.
    public package(set) var openedPosition: UInt64
    /// The position of the entry that closed or cancelled it, or `noPosition`.
    public package(set) var closedPosition: UInt64
    /// The position of the last entry about it.
    public package(set) var lastPosition: UInt64
    public package(set) var seller: UserHandle
    /// Leads now, or won; `UserHandle.none` before the first bid.
    public package(set) var leader: UserHandle
    public package(set) var acceptedBids: UInt64
    public package(set) var rejectedBids: UInt64
    package var termsIndex: UInt32
    /// The row in `State.extras`, or `State.noExtras`.
    package var extrasIndex: UInt32
    public package(set) var currency: CurrencyHandle
    public package(set) var phase: AuctionPhase
    /// Only once closed.
    public package(set) var outcome: AuctionOutcome?

    package init(
        openingPrice: Money, price: Money = .zero, maximum: Money = .zero, held: Money = .zero,
        opensAt: Timestamp, closesAt: Timestamp, openedPosition: UInt64,
        closedPosition: UInt64 = noPosition, lastPosition: UInt64 = noPosition,
        acceptedBids: UInt64 = 0, rejectedBids: UInt64 = 0, seller: UserHandle,
        leader: UserHandle = .none, termsIndex: UInt32, extrasIndex: UInt32 = State.noExtras,
        currency: CurrencyHandle, phase: AuctionPhase = .open, outcome: AuctionOutcome? = nil
    ) {
        self.openingPrice = openingPrice
        self.price = price
        self.maximum = maximum
        self.held = held
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.openedPosition = openedPosition
        self.closedPosition = closedPosition
        self.lastPosition = lastPosition
        self.seller = seller
        self.leader = leader
        self.acceptedBids = acceptedBids
        self.rejectedBids = rejectedBids
        self.termsIndex = termsIndex
        self.extrasIndex = extrasIndex
        self.currency = currency
        self.phase = phase
        self.outcome = outcome
    }
}

extension Timestamp {
    /// The end of an auction that time does not end.
    public static let noEnd = Timestamp(nanoseconds: .max)
}

/// Where an entry stands: what `evolve` may use besides the event.
public struct EntryPoint: Hashable, Sendable {
    public let position: UInt64
    public let time: Timestamp
    @inlinable public init(position: UInt64, time: Timestamp) {
        self.position = position
        self.time = time
    }
}

/// The state of a ledger after some number of entries.
public struct State: Sendable {
    package static let noAccount = UInt32.max
    package static let noExtras = UInt32.max

    package var userNames = NameTable()
    package var auctionNames = NameTable()
    /// Payment references used, each as kind, user and reference.
    package var references = NameTable()
    package var currencies: [CurrencyRecord] = []
    package var users = ChunkedArray<UserRecord>()
    package var accounts = ChunkedArray<AccountRecord>()
    package var auctions = ChunkedArray<AuctionRecord>()
    /// Each distinct set of terms once; most auctions of a house share one.
    package var terms: [AuctionTerms] = []
    package var termsIndex: [AuctionTerms: UInt32] = [:]
    /// What only some auctions have, in order of opening.
    package var extras = ChunkedArray<AuctionExtras>()
    /// Open auctions that time will close.
    public package(set) var deadlines = DeadlineQueue()

    /// How many entries the state reflects; the next entry's position.
    public package(set) var entryCount: UInt64 = 0
    /// The time of the last entry.
    public package(set) var time = Timestamp.zero
    /// The ledger's id; nil before the first entry.
    public package(set) var ledgerID: LedgerID?
    /// How often the ledger was opened for writing.
    public package(set) var epoch: UInt32 = 0
    /// The fingerprint of everything that events changed.
    public package(set) var digest = StateDigest()

    /// The empty state before the first entry.
    public init() {}
}

// MARK: - Taking up a stored state

extension State {
    /// Puts a stored auction's end among the deadlines, if it is still open and has one.
    package mutating func restoreDeadline(of auction: AuctionHandle) {
        let record = auctions[auction.index]
        guard record.phase == .open, record.closesAt != .noEnd else { return }
        deadlines.insert(.init(end: record.closesAt, auction: auction))
    }
}

// MARK: - Reading

extension State {
    public var userCount: Int { users.count }
    public var accountCount: Int { accounts.count }
    public var auctionCount: Int { auctions.count }
    public var currencyCount: Int { currencies.count }

    /// - Complexity: O(1) expected, as for the two below (currencies: O(number of currencies)).
    public func user(_ id: UserID) -> UserHandle? {
        userNames.number(of: id.string).map { UserHandle(rawValue: UInt32($0)) }
    }
    public func auction(_ id: AuctionID) -> AuctionHandle? {
        auctionNames.number(of: id.string).map { AuctionHandle(rawValue: UInt32($0)) }
    }
    public func currency(_ code: CurrencyCode) -> CurrencyHandle? {
        currencies.firstIndex { $0.currency.code == code }.map {
            CurrencyHandle(rawValue: UInt16($0))
        }
    }

    public func id(of user: UserHandle) -> UserID {
        UserID(unchecked: userNames.name(user.index))
    }
    public func id(of auction: AuctionHandle) -> AuctionID {
        AuctionID(unchecked: auctionNames.name(auction.index))
    }

    public subscript(user: UserHandle) -> UserRecord { users[user.index] }
    public subscript(auction: AuctionHandle) -> AuctionRecord { auctions[auction.index] }
    public subscript(currency: CurrencyHandle) -> CurrencyRecord { currencies[currency.index] }
    public func account(_ index: Int) -> AccountRecord { accounts[index] }

    /// The index of a user's account in a currency, or nil when she never moved any of it.
    /// - Complexity: O(currencies the user ever moved).
    @inline(__always)
    public func accountIndex(of user: UserHandle, in currency: CurrencyHandle) -> Int? {
        var index = users[user.index].firstAccount
        while index != Self.noAccount {
            let account = accounts[Int(index)]
            if account.currency == currency { return Int(index) }
            index = account.next
        }
        return nil
    }

    /// A user's accounts, in order of currency.
    public func accounts(of user: UserHandle) -> [AccountRecord] {
        var found: [AccountRecord] = []
        var index = users[user.index].firstAccount
        while index != Self.noAccount {
            found.append(accounts[Int(index)])
            index = accounts[Int(index)].next
        }
        return found.sorted { $0.currency < $1.currency }
    }

    /// The money a user can spend in a currency.
    public func available(_ user: UserHandle, _ currency: CurrencyHandle) -> Money {
        accountIndex(of: user, in: currency).map { accounts[$0].available } ?? .zero
    }

    /// The next open auction whose end is at or before a time.
    public func nextDue(at time: Timestamp) -> AuctionHandle? {
        guard let first = deadlines.first, first.end <= time else { return nil }
        return first.auction
    }

    /// What makes a payment reference unique: kind and user stand before it.
    static func referenceKey(_ payment: Payment, charge: Bool) -> String {
        "\(charge ? "c" : "w")\(payment.user.rawValue) \(payment.reference.string)"
    }
}
