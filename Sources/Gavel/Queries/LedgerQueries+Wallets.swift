// Wallets: what a user can spend, what is locked, and for which auctions.

public import AuctionDomain
internal import Synchronization

extension WalletView {
    /// A wallet together with the auctions its holds are for: one consistent picture.
    public struct Overview: Hashable, Sendable {
        public var wallet: WalletView
        /// The auctions with a hold, in order of opening.
        public var auctions: [AuctionView]
    }
}

/// The most items a page may have.
public let pageItemsMax = 1000

extension LedgerQueries {
    /// How many entries an answer given now would reflect.
    public var reflects: UInt64 { reading.readState.withLock { $0.entryCount } }

    /// The time of the last entry reflected.
    public var lastEntryTime: Timestamp { reading.readState.withLock { $0.state.time } }

    /// The fingerprint of the state reflected.
    public var digest: StateDigest { reading.readState.withLock { $0.state.digest } }

    /// One user's wallet.
    /// - Throws: `LedgerError` with `unknownName`.
    /// - Complexity: O(currencies and holds of the user).
    public func wallet(_ user: UserID) throws(LedgerError) -> Answer<WalletView> {
        try reading.answer(about: user) { $0.wallet($1) }
    }

    /// One user's wallet with the auctions its holds are for, as of one position.
    /// - Throws: `LedgerError` with `unknownName`.
    public func overview(_ user: UserID) throws(LedgerError) -> Answer<WalletView.Overview> {
        try reading.answer(about: user) { state, handle in
            WalletView.Overview(
                wallet: state.wallet(handle),
                auctions: state.holds(of: handle).map { state.auction($0) })
        }
    }

    /// Wallets in order of registration, those without a movement included.
    /// - Parameters:
    ///   - cursor: of the page before, with the same binding; nil for the first.
    ///   - limit: at most `pageItemsMax`.
    ///   - binding: who asks; the cursor is good for the same alone.
    /// - Throws: `LedgerError` with `badCursor`.
    public func wallets(
        after cursor: String? = nil, limit: Int = 100, boundTo binding: CursorBinding = .none
    ) throws(LedgerError) -> Page<WalletView> {
        let scope = reading.scope("wallets", binding)
        // The last wallet shown.
        let last = try reading.numbers(in: cursor, count: 1, scope)?[0]
        let limit = min(max(limit, 1), pageItemsMax)
        let page = reading.readState.withLock { state -> Page<WalletView>? in
            let count = state.state.userCount
            if let last, last >= UInt64(count) { return nil }
            let start = last.map { Int($0) + 1 } ?? 0
            let end = min(count, start + limit)
            let items = (start..<end).map { state.wallet(UserHandle(rawValue: UInt32($0))) }
            return Page(
                items: items, cursor: end >= count ? nil : reading.cursor([UInt64(end - 1)], scope),
                reflects: state.entryCount)
        }
        guard let page else { throw .badCursor }
        return page
    }
}

extension ReadState {
    /// The auctions a user has a hold on, in order of opening.
    func holds(of user: UserHandle) -> [AuctionHandle] {
        var holds: [AuctionHandle] = []
        var next = userLists[user.index].holding
        while next != Self.none {
            let found = hold(at: next)
            holds.append(found.auction)
            next = found.node.next
        }
        return holds.sorted()
    }

    func wallet(_ user: UserHandle) -> WalletView {
        let holds = holds(of: user)
        let balances = state.accounts(of: user).map { account in
            WalletView.Balance(
                currency: state.currency(of: account.currency), available: account.available,
                locked: account.locked,
                holds: holds.filter { state[$0].currency == account.currency }.map {
                    WalletView.Hold(auction: state.id(of: $0), amount: state.hold(of: user, on: $0))
                })
        }
        return WalletView(user: state.id(of: user), balances: balances)
    }
}
