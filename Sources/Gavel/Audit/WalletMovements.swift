// A wallet's movements: what each entry did to its two halves, along the links of its entries.
//
// Invariant: the movements of a wallet, added up from the first one on, are its balances: every
// event that moves money gives each wallet it touches one movement, and others give none.

public import AuctionDomain
internal import Synchronization

extension WalletView {
    /// One movement of a wallet's money in one currency.
    public struct Movement: Hashable, Sendable {
        public typealias Kind = MoneyMovement.Kind

        public let position: UInt64
        public let time: Timestamp
        /// Nil for what the engine did by itself.
        public let commandID: CommandID?
        public let kind: Kind
        /// Nil for payments.
        public let auction: AuctionHandle?
        public let currency: CurrencyHandle
        /// How much was moved; never negative.
        public let amount: Money
        /// What was added to the available half; negative where money left it.
        public let available: Money
        /// What was added to the locked half.
        public let locked: Money
    }
}

extension LedgerQueries {
    /// Visits the movements of a wallet, oldest first.
    /// - Parameter start: the first position of interest.
    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`; what `body` throws.
    /// - Complexity: O(entries of the wallet from `start` on · log n): it goes back along their
    ///   links and then forwards, eight bytes of memory for each.
    public func forEachMovement(
        of user: UserID, from start: UInt64 = 0, _ body: (WalletView.Movement) throws -> Void
    ) throws {
        let (handle, last) = try reading.answer(about: user) {
            ($1, $0.state[$1].lastPosition)
        }.value
        let chain = EntryLink.Chain.wallet(handle)
        for position in try reading.positions(along: chain, from: last, downTo: start).reversed() {
            let entry = try reading.decoded(at: position).entry
            for movement in movements(in: entry, of: handle) { try body(movement) }
        }
    }

    /// What an entry did to a wallet, in order; nothing where it moved none of its money.
    public func movements(in entry: LedgerEntry, of user: UserHandle) -> [WalletView.Movement] {
        entry.outcome.events.flatMap { movements(of: $0, in: entry, for: user) }
    }

    /// One user's wallet as it stood at a past moment: today's, with every movement since undone.
    /// Currencies of which it had nothing then are left out.
    ///
    /// The ledger as of then, `past(_:)`, says the same, and replays everybody's entries for it;
    /// this reads the wallet's own ones only.
    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`.
    /// - Complexity: O(entries of the wallet since the moment · log n).
    public func wallet(
        _ user: UserID, asOf moment: LedgerReader.Moment
    ) throws(LedgerError) -> Answer<WalletView> {
        let now = try reading.answer(about: user) {
            ($1, $0.state[$1].lastPosition, UndoneWallet($0, of: $1))
        }
        var (handle, last, wallet) = now.value
        let end: UInt64
        switch moment {
        case .position(let position): end = min(now.reflects, position.addingClamped(1))
        case .time(let time):
            let later = Timestamp(nanoseconds: time.nanoseconds.addingClamped(1))
            end = min(now.reflects, try position(notBefore: later) ?? now.reflects)
        }
        var damage: LedgerError?
        try reading.forEachBack(along: .wallet(handle), from: last, downTo: end) { entry in
            for movement in movements(in: entry, of: handle).reversed()
            where damage == nil && !wallet.undo(movement) {
                damage = LedgerError(.damaged, "entry \(entry.position) moved too much")
            }
        }
        if let damage { throw damage }
        return Answer(wallet.view(of: user, names: reading), reflects: end)
    }

    /// What an event did to a wallet: nothing, one thing, or two where the winner, the seller and
    /// the house are not three.
    private func movements(
        of event: Event, in entry: LedgerEntry, for user: UserHandle
    ) -> [WalletView.Movement] {
        event.movements.filter { $0.user == user }.map { movement in
            WalletView.Movement(
                position: entry.position, time: entry.time, commandID: entry.commandID,
                kind: movement.kind, auction: movement.auction,
                currency: currency(of: movement),
                amount: movement.amount, available: movement.availableChange,
                locked: movement.lockedChange)
        }
    }

    /// An entry that somebody else's ledger gave may name an auction that this one never had.
    private func currency(of movement: MoneyMovement) -> CurrencyHandle {
        reading.readState.withLock { state in
            if let auction = movement.auction, !state.knows(auction) { return .none }
            return state.state.currency(of: movement.subject)
        }
    }
}

/// A wallet whose movements are taken back, the latest first.
private struct UndoneWallet: Sendable {
    private struct Balance: Sendable {
        let currency: CurrencyHandle
        var available: Money
        var locked: Money
    }

    private struct Hold: Sendable {
        let auction: AuctionHandle
        let currency: CurrencyHandle
        var amount: Money
    }

    private var balances: [Balance]
    private var holds: [Hold]

    init(_ readState: ReadState, of user: UserHandle) {
        let state = readState.state
        balances = state.accounts(of: user).map {
            Balance(currency: $0.currency, available: $0.available, locked: $0.locked)
        }
        holds = readState.holds(of: user).map {
            Hold(
                auction: $0, currency: state[$0].currency, amount: state.hold(of: user, on: $0))
        }
    }

    /// - Returns: false where the wallet never held so much.
    mutating func undo(_ movement: WalletView.Movement) -> Bool {
        guard let index = balances.firstIndex(where: { $0.currency == movement.currency }),
            let available = balances[index].available.adding(.zero - movement.available),
            let locked = balances[index].locked.adding(.zero - movement.locked)
        else { return false }
        balances[index].available = available
        balances[index].locked = locked
        guard let auction = movement.auction, movement.locked != .zero else { return true }
        let place = holds.firstIndex { $0.auction == auction }
        let held = place.map { holds.remove(at: $0).amount } ?? .zero
        guard let amount = held.adding(.zero - movement.locked) else { return false }
        if amount != .zero {
            holds.append(Hold(auction: auction, currency: movement.currency, amount: amount))
        }
        return true
    }

    /// What is left, holds in order of opening.
    func view(of user: UserID, names: some Names) -> WalletView {
        let holds = holds.sorted { $0.auction < $1.auction }
        return WalletView(
            user: user,
            balances: balances.filter { $0.available != .zero || $0.locked != .zero }.map {
                balance in
                WalletView.Balance(
                    currency: names.currency(of: balance.currency), available: balance.available,
                    locked: balance.locked,
                    holds: holds.filter { $0.currency == balance.currency }.map {
                        WalletView.Hold(auction: names.id(of: $0.auction), amount: $0.amount)
                    })
            })
    }
}
