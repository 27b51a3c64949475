// What each command and each event touches and moves, said once: everybody who asks reads it here.
//
// Links, balances, holds, wallets' histories, journals, names and explanations are visitors of this
// table. A new event gets its line here, in the words below, and is then in all of them. A visitor
// is a generic parameter: visiting allocates nothing.
//
// Invariants: a wallet whose money an entry moves is concerned by its command or by the event; the
// order of links is the order in which chains are first concerned, so all of `concerns` is part of
// the log's format. Amounts are taken as they are
// recorded: an event that nobody has checked yet may hold any.

/// A name that an event gives to a handle.
package enum Registration: Hashable, Sendable {
    case user(UserHandle, UserID)
    case currency(CurrencyHandle, Currency)
    case auction(AuctionHandle, CanonicalOpening)
}

/// A handle that stands for a name.
package enum NamedHandle: Hashable, Sendable {
    case user(UserHandle)
    case auction(AuctionHandle)
    case currency(CurrencyHandle)
}

/// Somebody who is told what events and commands touch and move.
///
/// What a visitor does not implement it passes over: that is safe, because new events say what they
/// do in these words and not in new ones.
package protocol EffectVisitor {
    /// Money moves in an account.
    mutating func moves(_ movement: MoneyMovement)
    /// The entry belongs to the history of an auction or of a wallet. May be told twice.
    mutating func concerns(_ chain: EntryLink.Chain)
    /// A name is given to a handle, for ever.
    mutating func registers(_ registration: Registration)
    /// A handle is named, without anything else being done to what it stands for.
    mutating func names(_ handle: NamedHandle)
}

extension EffectVisitor {
    @inlinable package mutating func moves(_ movement: MoneyMovement) {}
    @inlinable package mutating func concerns(_ chain: EntryLink.Chain) {}
    @inlinable package mutating func registers(_ registration: Registration) {}
    @inlinable package mutating func names(_ handle: NamedHandle) {}
}

extension EffectVisitor {
    /// Tells what an event touches and moves, in order.
    @inlinable
    package mutating func visit(_ event: Event) {
        switch event {
        case .ledgerCreated:
            // The house has no name of its own in any entry, and this one is in nobody's history.
            registers(.user(.house, .house))
        case .engineOpened, .keyRotated, .ledgerRestored: break
        case .currencyRegistered(let handle, let currency):
            registers(.currency(handle, currency))
        case .userRegistered(let user, let id):
            registers(.user(user, id))
            concerns(.wallet(user))
        // Who pays in or out or locks is whom the command speaks for, and concerned by that.
        case .charged(let payment): move(.charged(payment.reference), payment)
        case .withdrawn(let payment): move(.withdrawn(payment.reference), payment)
        case .locked(let auction, let user, let amount, let held):
            move(.locked(held: held), of: user, auction, amount)
        case .refunded(let auction, let user, let amount, let reason):
            concerns(.wallet(user))
            move(.refunded(reason), of: user, auction, amount)
        case .settled(let auction, let winner, let seller, let amount, let fee):
            concerns(.wallet(winner))
            move(.paid, of: winner, auction, amount)
            // A fee may be nothing or all. The seller is told of the sale even then.
            concerns(.wallet(seller))
            if amount > fee {
                let proceeds = Money(minorUnits: amount.minorUnits &- fee.minorUnits)
                move(.sold, of: seller, auction, proceeds)
            }
            if fee > .zero {
                concerns(.wallet(.house))
                move(.fee, of: .house, auction, fee)
            }
        case .auctionOpened(let auction, let opening, _):
            registers(.auction(auction, opening))
            concerns(.auction(auction))
            names(.user(opening.seller))
            names(.currency(opening.currency))
        case .leadTaken(let auction, let bidder, _, _),
            .maximumRaised(let auction, let bidder, _, _), .bidAbsorbed(let auction, let bidder, _),
            .boughtNow(let auction, let bidder, _):
            names(.auction(auction))
            names(.user(bidder))
        case .auctionExtended(let auction, _, _), .closeConfirmed(let auction, _, _),
            .auctionCancelled(let auction):
            names(.auction(auction))
        case .auctionClosed(let auction, _, let winner, _):
            names(.auction(auction))
            if let winner { names(.user(winner)) }
        }
    }

    /// Tells what a command names, whatever comes of it: an entry belongs to its auction's history
    /// and to that of whom it speaks for, also when it is rejected.
    @inlinable
    package mutating func visit(_ command: CanonicalCommand) {
        if let auction = command.auction { concerns(.auction(auction)) }
        if let user = command.user { concerns(.wallet(user)) }
        if let currency = command.currency { names(.currency(currency)) }
    }

    /// Tells of a whole entry: its command, then its events.
    @inlinable
    package mutating func visit(_ command: CanonicalCommand, _ events: EventList) {
        visit(command)
        for event in events { visit(event) }
    }

    @inlinable @inline(__always)
    package mutating func move(_ kind: MoneyMovement.Kind, _ payment: Payment) {
        names(.user(payment.user))
        names(.currency(payment.currency))
        moves(
            MoneyMovement(
                kind, of: payment.user, for: .payment(payment.currency), payment.amount))
    }

    @inlinable @inline(__always)
    package mutating func move(
        _ kind: MoneyMovement.Kind, of user: UserHandle, _ auction: AuctionHandle, _ amount: Money
    ) {
        names(.user(user))
        names(.auction(auction))
        moves(MoneyMovement(kind, of: user, for: .auction(auction), amount))
    }
}

// MARK: - Small questions to the table

extension Event {
    /// What it moves, in order, for reports: a visitor that is told needs no list.
    package var movements: [MoneyMovement] {
        var list = MovementList()
        list.visit(self)
        return list.movements
    }
}

private struct MovementList: EffectVisitor {
    var movements: [MoneyMovement] = []
    mutating func moves(_ movement: MoneyMovement) { movements.append(movement) }
}

extension CanonicalCommand {
    /// The auction that an entry is about: the one its command names, or that it opens.
    package func auction(events: EventList) -> AuctionHandle? {
        if let auction { return auction }
        var opened = OpenedAuction()
        for event in events { opened.visit(event) }
        return opened.auction
    }
}

private struct OpenedAuction: EffectVisitor {
    var auction: AuctionHandle?
    mutating func concerns(_ chain: EntryLink.Chain) {
        switch chain {
        case .auction(let concerned): auction = auction ?? concerned
        case .wallet: break
        }
    }
}
