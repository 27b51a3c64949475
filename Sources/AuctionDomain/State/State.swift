// Wallets and auctions as the fold of a log: flat records addressed by dense handles.
//
// Invariants (checked by `invariantViolations`): DESIGN section 5, numbers 1 to 5. Every field
// of a user, wallet, currency or auction that an event changes is part of `digest` (invariant 7);
// links, positions, time, epoch and the counters of rejected bids are not, so a rejection, or
// opening the ledger again, leaves the digest as it was (invariant 6).

/// No position: nothing came before. Stands in records that must stay small; never given out.
@inlinable package var noPosition: UInt64 { .max }

/// A user's wallet: 32 bytes, so that a bid touches one cache line of it. The account of the first
/// currency ever moved stands in it, further ones hang on a list.
public struct WalletRecord: Hashable, Sendable {
    package var available: Money
    package var locked: Money
    /// The position of the last entry that touched the wallet, or `noPosition`.
    package var lastPosition: UInt64
    /// The next account's index in `State.furtherAccounts`, or `State.noAccount`.
    package var next: UInt32
    /// `CurrencyHandle.none` before the first movement.
    package var currency: CurrencyHandle

    /// A wallet in which nothing was moved yet.
    package init() {
        available = .zero
        locked = .zero
        lastPosition = noPosition
        next = State.noAccount
        currency = .none
    }
}

/// The two halves of one user's money in one currency.
public struct AccountRecord: Hashable, Sendable {
    public package(set) var available: Money
    public package(set) var locked: Money
    public let user: UserHandle
    /// The user's next account, or `State.noAccount`.
    package var next: UInt32
    public let currency: CurrencyHandle

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
    /// What all holds on this auction come to.
    public package(set) var held: Money
    public package(set) var opensAt: Timestamp
    /// `Timestamp.noEnd` where only hammer or cancellation end it.
    package var closesAt: Timestamp
    /// The position of the opening entry.
    public package(set) var openedPosition: UInt64
    /// The position of the entry that closed or cancelled it, or `noPosition`.
    package var closedPosition: UInt64
    /// The position of the last entry about it.
    package var lastPosition: UInt64
    public package(set) var seller: UserHandle
    /// Leads now, or won; `UserHandle.none` before the first bid.
    package var leader: UserHandle
    /// Who has the one hold on it; `UserHandle.none` where there is none, `UserHandle.several`
    /// where there are more, which then stand in `State.sharedHolds`.
    package var holder: UserHandle
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
        leader: UserHandle = .none, holder: UserHandle = .none, termsIndex: UInt32,
        extrasIndex: UInt32 = State.noExtras,
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
        self.holder = holder
        self.acceptedBids = acceptedBids
        self.rejectedBids = rejectedBids
        self.termsIndex = termsIndex
        self.extrasIndex = extrasIndex
        self.currency = currency
        self.phase = phase
        self.outcome = outcome
    }
}

extension AuctionRecord {
    /// Who leads now, or won; nil before the first accepted bid.
    public var leadingUser: UserHandle? { leader == .none ? nil : leader }
    /// When time ends it; nil where only hammer or cancellation do.
    public var endsAt: Timestamp? { closesAt == .noEnd ? nil : closesAt }
    /// The position of the entry that closed or cancelled it; nil while it is open.
    public var endedPosition: UInt64? { closedPosition == noPosition ? nil : closedPosition }
}

extension Timestamp {
    /// The end of an auction that time does not end. Never given out.
    @inlinable package static var noEnd: Timestamp { Timestamp(nanoseconds: .max) }
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
    package var wallets = ChunkedArray<WalletRecord>()
    /// Accounts beyond the one in the wallet itself.
    package var furtherAccounts = ChunkedArray<AccountRecord>()
    /// Wallets whose own account is in use.
    package var walletAccountCount = 0
    package var auctions = ChunkedArray<AuctionRecord>()
    /// Each distinct set of terms once; most auctions of a house share one.
    package var terms: [AuctionTerms] = []
    package var termsIndex: [AuctionTerms: UInt32] = [:]
    /// What only some auctions have, in order of opening.
    package var extras = ChunkedArray<AuctionExtras>()
    /// The holds on auctions on which more than one user has one.
    package var sharedHolds: [AuctionHandle: HoldList] = [:]
    /// Open auctions that time will close, each under its end or an earlier one: see
    /// `State+Deadlines`.
    package var deadlines = DeadlineQueue()
    /// Auctions that stand in `deadlines` under an earlier end, and some that no longer do.
    var deferredDeadlines = ContiguousArray<AuctionHandle>()

    /// How many entries the state reflects; the next entry's position.
    public package(set) var entryCount: UInt64 = 0
    /// The time of the last entry.
    public package(set) var time = Timestamp.zero
    /// The ledger's id; nil before the first entry.
    public package(set) var ledgerID: LedgerID?
    /// The key that signs checkpoints, once the log has named one: the first stands outside it.
    public package(set) var signingKey: Bytes32?
    /// The one that signed before it.
    public package(set) var formerKey: Bytes32?
    /// How often the ledger was opened for writing.
    public package(set) var epoch: UInt32 = 0
    /// The fingerprint of everything that events changed.
    public package(set) var digest = StateDigest()

    /// The empty state before the first entry.
    public init() {}
}

// MARK: - Reading

extension State {
    public var userCount: Int { wallets.count }
    /// How many pairs of user and currency ever moved.
    public var accountCount: Int { walletAccountCount + furtherAccounts.count }
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

    public subscript(user: UserHandle) -> WalletRecord { wallets[user.index] }
    public subscript(auction: AuctionHandle) -> AuctionRecord { auctions[auction.index] }
    public subscript(currency: CurrencyHandle) -> CurrencyRecord { currencies[currency.index] }

    /// The currency in which money moves.
    /// - Precondition: an auction that it moves for is open or was.
    package func currency(of subject: MoneyMovement.Subject) -> CurrencyHandle {
        switch subject {
        case .payment(let currency): currency
        case .auction(let auction): auctions[auction.index].currency
        }
    }

    /// A user's account in a currency, or nil when she never moved any of it.
    /// - Complexity: O(currencies the user ever moved).
    @inline(__always)
    public func account(of user: UserHandle, in currency: CurrencyHandle) -> AccountRecord? {
        let wallet = wallets[user.index]
        if wallet.currency == currency { return Self.account(user, wallet) }
        return furtherAccountIndex(from: wallet.next, in: currency).map { furtherAccounts[$0] }
    }

    /// The place of an account on a user's list.
    func furtherAccountIndex(from first: UInt32, in currency: CurrencyHandle) -> Int? {
        var index = first
        while index != Self.noAccount {
            let account = furtherAccounts[Int(index)]
            if account.currency == currency { return Int(index) }
            index = account.next
        }
        return nil
    }

    static func account(_ user: UserHandle, _ wallet: WalletRecord) -> AccountRecord {
        AccountRecord(
            available: wallet.available, locked: wallet.locked, user: user, next: wallet.next,
            currency: wallet.currency)
    }

    /// A user's accounts, in order of currency.
    public func accounts(of user: UserHandle) -> [AccountRecord] {
        let wallet = wallets[user.index]
        guard wallet.currency != .none else { return [] }
        var found = [Self.account(user, wallet)]
        var index = wallet.next
        while index != Self.noAccount {
            found.append(furtherAccounts[Int(index)])
            index = furtherAccounts[Int(index)].next
        }
        return found.sorted { $0.currency < $1.currency }
    }

    /// The money a user can spend in a currency.
    @inline(__always)
    public func available(_ user: UserHandle, _ currency: CurrencyHandle) -> Money {
        account(of: user, in: currency)?.available ?? .zero
    }

    /// What makes a payment reference unique: kind and user stand before it.
    static func referenceKey(
        _ user: UserHandle, _ reference: PaymentReference, charge: Bool
    ) -> String {
        "\(charge ? "c" : "w")\(user.rawValue) \(reference.string)"
    }

    /// The beginning of a charge's key among the references, to which the reference is appended.
    package static func chargeKey(_ user: UserHandle) -> NameKey {
        var key = NameKey()
        _ = key.append(UInt8(ascii: "c"))
        var digits = InlineArray<10, UInt8>(repeating: 0)
        var (rest, count) = (user.rawValue, 0)
        repeat {
            digits[count] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            count += 1
        } while rest > 0
        for index in (0..<count).reversed() { _ = key.append(digits[index]) }
        _ = key.append(UInt8(ascii: " "))
        return key
    }
}
