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
        if case .user(let user) = actor { try check(user) }
        if let currency = command.currency { try check(currency) }
        if case .extends(_, let since, let until) = command.engineAct {
            guard since.isInRange, until.isInRange else {
                throw ImpossibleEntry("an outage lies outside of all times")
            }
        }
        guard (entryCount == 0) == command.isCreation else {
            throw ImpossibleEntry("a log begins with its creation and has no other")
        }
    }

    /// Checks that an event can be evolved now. Events of one entry are checked and evolved in
    /// turn.
    public func check(_ event: Event) throws(ImpossibleEntry) {
        switch event {
        case .locked(let auction, let user, let amount, let held):
            try check(amount, isLocked: false, of: user, auction)
            try check(held, is: hold(of: user, on: auction), and: amount)
        case .refunded(let auction, let user, let amount, _):
            try check(amount, isLocked: true, of: user, auction)
            try checkHold(of: user, on: auction, covers: amount)
        case .settled(let auction, let winner, let seller, let amount, let fee):
            try check(seller)
            guard fee >= 0, fee <= amount else {
                throw ImpossibleEntry("a settlement's fee is not part of its amount")
            }
            try check(amount, isLocked: true, of: winner, auction)
            try checkHold(of: winner, on: auction, covers: amount)
        case .charged(let payment):
            try check(payment.user)
            try check(payment.currency)
            guard payment.amount >= 1,
                self[payment.currency].charged.adding(payment.amount) != nil
            else { throw ImpossibleEntry("a charge overflows its currency's total") }
        case .withdrawn(let payment):
            try check(payment.user)
            try check(payment.currency)
            let available = available(payment.user, payment.currency)
            guard payment.amount >= 1, payment.amount <= available else {
                throw ImpossibleEntry("a withdrawal exceeds what is available")
            }
        case .auctionClosed(let auction, _, let winner, _):
            try checkOpen(auction)
            if let winner { try check(winner) }
        case .auctionCancelled(let auction): try checkOpen(auction)
        case .auctionExtended(let auction, let closesAt, let reason):
            try checkOpen(auction)
            let end = self[auction].closesAt
            guard reason == .firstBid ? end == .noEnd : closesAt > end, closesAt.isInRange else {
                throw ImpossibleEntry("an extension moves an end forward")
            }
            guard reason != .softClose || extras(of: self[auction]) != nil else {
                throw ImpossibleEntry("a bid moves an end that bids cannot move")
            }
        case .userRegistered(let handle, let id):
            guard handle.index == userCount, user(id) == nil else {
                throw ImpossibleEntry("a user is registered twice or out of turn")
            }
        case .currencyRegistered(let handle, let currency):
            guard handle.index == currencyCount, self.currency(currency.code) == nil else {
                throw ImpossibleEntry("a currency is registered twice or out of turn")
            }
        case .auctionOpened(let handle, let opening, _):
            try check(opening.seller)
            try check(opening.currency)
            guard (try? opening.rules.validate(closesAt: opening.closesAt)) != nil else {
                throw ImpossibleEntry("an auction's rules are malformed")
            }
            guard handle.index == auctionCount, auction(opening.auction) == nil else {
                throw ImpossibleEntry("an auction is opened twice or out of turn")
            }
        case .engineOpened(let epoch):
            guard epoch == self.epoch &+ 1 else {
                throw ImpossibleEntry("epoch \(epoch) follows \(self.epoch)")
            }
        case .keyRotated(let rotation):
            guard rotation.previous == signingKey ?? rotation.previous,
                rotation.key != rotation.previous
            else { throw ImpossibleEntry("a key is replaced that does not sign") }
        case .ledgerRestored(let restoration):
            guard restoration.ledger != ledgerID else {
                throw ImpossibleEntry("a restored ledger keeps its id")
            }
        case .leadTaken(let auction, let bidder, _, _),
            .maximumRaised(let auction, let bidder, _, _), .bidAbsorbed(let auction, let bidder, _),
            .boughtNow(let auction, let bidder, _):
            try checkOpen(auction)
            try check(bidder)
        case .ledgerCreated:
            guard userCount == 0 else { throw ImpossibleEntry("a ledger is created twice") }
        case .closeConfirmed: break
        }
    }

    /// Checks an accepted bid's whole entry: what `check` of its command and events does.
    @inline(__always)
    package func check(
        _ bid: AcceptedBid, by actor: CanonicalActor, at point: EntryPoint
    ) throws(ImpossibleEntry) {
        guard point.position == entryCount, point.time >= time, entryCount > 0,
            bid.auction.index < auctions.count, bid.bidder.index < wallets.count
        else {
            return try checkEach(bid, by: actor, at: point)
        }
        if case .user(let user) = actor { try check(user) }
        try checkOpen(bid.auction)
        if bid.kind.takesLead {
            let currency = auctions[bid.auction.index].currency
            if bid.refunded != .none {
                try check(bid.refund, isLocked: true, of: bid.refunded, currency)
                try checkHold(of: bid.refunded, on: bid.auction, covers: bid.refund)
            }
            try check(bid.locked, isLocked: false, of: bid.bidder, currency)
            let own = hold(of: bid.bidder, on: bid.auction)
            let before = bid.refunded == bid.bidder ? own - bid.refund : own
            try check(bid.held, is: before, and: bid.locked)
        }
        if let closesAt = bid.closesAt {
            try check(
                .auctionExtended(
                    auction: bid.auction, closesAt: closesAt, reason: bid.extensionReason))
        }
    }

    /// Says which of the checks of a bid's command failed.
    private func checkEach(
        _ bid: AcceptedBid, by actor: CanonicalActor, at point: EntryPoint
    ) throws(ImpossibleEntry) {
        try check(
            .placeBid(auction: bid.auction, bidder: bid.bidder, amount: bid.maximum), by: actor,
            at: point)
        throw ImpossibleEntry("a bid comes before everything")
    }

    /// Checks that an auction is whole after an entry about it: what closing relies on.
    public func checkConsistency(of auction: AuctionHandle) throws(ImpossibleEntry) {
        guard hasRightHolds(auction) else {
            throw ImpossibleEntry("auction \(auction.rawValue) and its hold do not fit together")
        }
    }

    @inline(__always)
    private func check(_ auction: AuctionHandle) throws(ImpossibleEntry) {
        guard auction.index < auctionCount else {
            throw ImpossibleEntry("auction \(auction.rawValue) was never opened")
        }
    }

    @inline(__always)
    private func check(_ user: UserHandle) throws(ImpossibleEntry) {
        guard user.index < userCount else {
            throw ImpossibleEntry("user \(user.rawValue) was never registered")
        }
    }

    @inline(__always)
    private func check(
        _ held: Money, is before: Money, and locked: Money
    ) throws(ImpossibleEntry) {
        guard held.minorUnits == before.minorUnits &+ locked.minorUnits else {
            throw ImpossibleEntry("a hold is not what was held before and what is locked")
        }
    }

    private func check(_ currency: CurrencyHandle) throws(ImpossibleEntry) {
        guard currency.index < currencyCount else {
            throw ImpossibleEntry("currency \(currency.rawValue) was never registered")
        }
    }

    @inline(__always)
    private func checkOpen(_ auction: AuctionHandle) throws(ImpossibleEntry) {
        try check(auction)
        guard auctions[auction.index].phase == .open else {
            throw ImpossibleEntry("auction \(auction.rawValue) is not open any more")
        }
    }

    private func check(
        _ amount: Money, isLocked: Bool, of user: UserHandle, _ auction: AuctionHandle
    ) throws(ImpossibleEntry) {
        try check(auction)
        try check(amount, isLocked: isLocked, of: user, self[auction].currency)
    }

    @inline(__always)
    private func check(
        _ amount: Money, isLocked: Bool, of user: UserHandle, _ currency: CurrencyHandle
    ) throws(ImpossibleEntry) {
        try check(user)
        guard let account = account(of: user, in: currency), amount >= 0,
            amount <= (isLocked ? account.locked : account.available)
        else { throw ImpossibleEntry("user \(user.rawValue) has no \(amount.minorUnits) to move") }
    }

    @inline(__always)
    private func checkHold(
        of user: UserHandle, on auction: AuctionHandle, covers amount: Money
    ) throws(ImpossibleEntry) {
        guard amount <= hold(of: user, on: auction) else {
            throw ImpossibleEntry("auction \(auction.rawValue) holds less than it gives back")
        }
    }

    /// Whether an auction has the holds that it should have between entries: those that its format
    /// prescribes while it is open, and none afterwards.
    @inline(__always)
    func hasRightHolds(_ auction: AuctionHandle) -> Bool {
        let record = auctions[auction.index]
        return record.phase == .open
            ? format(of: record).hasRightHolds(record, of: auction, in: self)
            : record.holder == .none
    }
}

extension CanonicalCommand {
    var isCreation: Bool { if case .createLedger = self { true } else { false } }
}
