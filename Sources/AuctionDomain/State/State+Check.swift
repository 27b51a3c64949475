// Whether an entry can follow a state at all: what `evolve` would trap on, said as a sentence.
//
// A log that these rules wrote always passes. Bytes that were forged and hashed again may not,
// and whoever opens or verifies a ledger must survive them. This is no judgement of rules: that
// is deciding again, an audit of its own.

/// Why an entry cannot stand where it stands.
public struct ImpossibleEntry: Error, Hashable, Sendable {
    public let reason: String
    init(_ reason: String) { self.reason = reason }
}

extension State {
    /// Checks position, time and the names in a command and its actor.
    public func check(
        _ command: CanonicalCommand, by actor: CanonicalActor, at point: EntryPoint
    ) throws(ImpossibleEntry) {
        guard point.position == entryCount else {
            throw ImpossibleEntry("position \(point.position) follows \(entryCount) entries")
        }
        guard point.time >= time else { throw ImpossibleEntry("its time lies before the last") }
        if let auction = command.auction { try check(auction) }
        if let user = command.user { try check(user) }
        if case .user(let user) = actor, user != .none { try check(user) }
        switch command {
        case .charge(let payment), .withdraw(let payment): try check(payment.currency)
        case .openAuction(let opening): try check(opening.currency)
        default: break
        }
        guard (entryCount == 0) == command.isCreation else {
            throw ImpossibleEntry("a log begins with its creation and has no other")
        }
    }

    /// Checks that an event can be evolved now. Events of one entry are checked and evolved in
    /// turn.
    public func check(_ event: Event) throws(ImpossibleEntry) {
        switch event {
        case .locked(let auction, let user, let amount, _):
            try check(amount, in: \.available, of: user, auction)
        case .refunded(let auction, let user, let amount, _):
            try check(amount, in: \.locked, of: user, auction)
            try checkHold(auction, covers: amount)
        case .settled(let auction, let winner, let seller, let amount):
            try check(seller)
            try check(amount, in: \.locked, of: winner, auction)
            try checkHold(auction, covers: amount)
        case .charged(let payment):
            guard payment.amount >= 1,
                self[payment.currency].charged.adding(payment.amount) != nil
            else { throw ImpossibleEntry("a charge overflows its currency's total") }
        case .withdrawn(let payment):
            let available = available(payment.user, payment.currency)
            guard payment.amount >= 1, payment.amount <= available else {
                throw ImpossibleEntry("a withdrawal exceeds what is available")
            }
        case .auctionClosed(let auction, _, let winner, _):
            try checkOpen(auction)
            if winner != .none { try check(winner) }
        case .auctionCancelled(let auction): try checkOpen(auction)
        case .auctionExtended(let auction, let closesAt):
            try checkOpen(auction)
            guard closesAt > self[auction].closesAt || self[auction].closesAt == .noEnd,
                closesAt.isInRange
            else { throw ImpossibleEntry("an extension moves an end forward") }
        case .userRegistered(let handle, let id):
            guard handle.index == userCount, user(id) == nil else {
                throw ImpossibleEntry("a user is registered twice or out of turn")
            }
        case .currencyRegistered(let handle, let currency):
            guard handle.index == currencyCount, self.currency(currency.code) == nil else {
                throw ImpossibleEntry("a currency is registered twice or out of turn")
            }
        case .auctionOpened(let handle, let opening, _):
            guard handle.index == auctionCount, auction(opening.auction) == nil else {
                throw ImpossibleEntry("an auction is opened twice or out of turn")
            }
        case .engineOpened(let epoch):
            guard epoch == self.epoch &+ 1 else {
                throw ImpossibleEntry("epoch \(epoch) follows \(self.epoch)")
            }
        case .leadTaken(let auction, _, _, _), .maximumRaised(let auction, _, _, _),
            .bidAbsorbed(let auction, _, _):
            try checkOpen(auction)
        case .closeConfirmed, .ledgerCreated: break
        }
    }

    private func check(_ auction: AuctionHandle) throws(ImpossibleEntry) {
        guard auction.index < auctionCount else {
            throw ImpossibleEntry("auction \(auction.rawValue) was never opened")
        }
    }

    private func check(_ user: UserHandle) throws(ImpossibleEntry) {
        guard user.index < userCount else {
            throw ImpossibleEntry("user \(user.rawValue) was never registered")
        }
    }

    private func check(_ currency: CurrencyHandle) throws(ImpossibleEntry) {
        guard currency.index < currencyCount else {
            throw ImpossibleEntry("currency \(currency.rawValue) was never registered")
        }
    }

    private func checkOpen(_ auction: AuctionHandle) throws(ImpossibleEntry) {
        guard self[auction].phase == .open else {
            throw ImpossibleEntry("auction \(auction.rawValue) is not open any more")
        }
    }

    private func check(
        _ amount: Money, in half: KeyPath<AccountRecord, Money>, of user: UserHandle,
        _ auction: AuctionHandle
    ) throws(ImpossibleEntry) {
        try check(user)
        guard let index = accountIndex(of: user, in: self[auction].currency),
            amount >= 0, amount <= account(index)[keyPath: half]
        else { throw ImpossibleEntry("user \(user.rawValue) has no \(amount.minorUnits) to move") }
    }

    private func checkHold(
        _ auction: AuctionHandle, covers amount: Money
    ) throws(ImpossibleEntry) {
        guard amount <= self[auction].held else {
            throw ImpossibleEntry("auction \(auction.rawValue) holds less than it gives back")
        }
    }
}

extension CanonicalCommand {
    var isCreation: Bool { if case .createLedger = self { true } else { false } }
}
