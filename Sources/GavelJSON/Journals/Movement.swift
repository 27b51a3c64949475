// What entries did to wallets: each event that moves money as changes of single wallets, with the
// balances after each.
//
// Invariants: within one entry the changes and what came from outside sum to zero; balances are
// sums of changes alone, taken from the log and from nothing else; none is ever negative.

public import AuctionDomain
public import Gavel

/// What one event changed in one wallet, and how that wallet stood afterwards.
public struct Movement: Hashable, Sendable {
    /// The event's name: `charged`, `withdrawn`, `locked`, `refunded` or `settled`.
    public let event: String
    /// The auction it was for; nil for payments.
    public let auction: AuctionHandle?
    public let user: UserHandle
    public let currency: Currency
    public let availableChange: Money
    public let lockedChange: Money
    /// What the user could spend afterwards.
    public let available: Money
    /// What the user had locked afterwards, for all auctions.
    public let locked: Money
    /// What the payment provider calls the payment; nil where there was none.
    public let reference: PaymentReference?

    /// How much moved, without a sign.
    public var amount: Money {
        let moved = availableChange == .zero ? lockedChange : availableChange
        return moved < .zero ? .zero - moved : moved
    }

    /// Whether the money came from or went to the outside.
    public var isPayment: Bool { auction == nil }
}

/// An entry that cannot follow those before it.
public struct ImpossibleMovement: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with it, as one sentence without a full stop.
    public let reason: String
    public var description: String { reason }
}

/// Adds up movements, entry by entry from the first one on.
///
///     var fold = MovementFold()
///     for entry in try reader.entries(from: 0) {
///         for movement in try fold.movements(of: entry, names: reader.reading) { … }
///     }
///
/// Holds a balance for each wallet and currency that ever moved, and nothing of the entries.
public struct MovementFold: Sendable {
    private var balances: [AccountKey: Balance] = [:]
    private var currencies = RegisteredCurrencies()

    public init() {}

    /// The movements of the next entry, in the order of its events. A settlement moves up to three
    /// wallets, one movement each: the winner's, the seller's, the house's.
    /// - Throws: `ImpossibleMovement` when a balance would become negative or too large, or its
    ///   currency was not registered before.
    public mutating func movements(
        of entry: LedgerEntry, names: some Names
    ) throws(ImpossibleMovement) -> [Movement] {
        var movements: [Movement] = []
        for event in entry.outcome.events {
            currencies.visit(event)
            for movement in event.movements {
                movements.append(try move(Change(movement, names: names), event, names: names))
            }
        }
        return movements
    }

    private mutating func move(
        _ change: Change, _ event: Event, names: some Names
    ) throws(ImpossibleMovement) -> Movement {
        guard currencies.codes.contains(change.currency.code) else {
            throw ImpossibleMovement(
                reason: "\(event.name) moves money of a currency that was never registered")
        }
        let key = AccountKey(user: change.user, currency: change.currency.code)
        let before = balances[key] ?? Balance(available: .zero, locked: .zero)
        guard let available = before.available.adding(change.available), available >= .zero,
            let locked = before.locked.adding(change.locked), locked >= .zero
        else {
            throw ImpossibleMovement(
                reason: "\(event.name) leaves \(names.id(of: change.user)) with no balance "
                    + "that can be")
        }
        balances[key] = Balance(available: available, locked: locked)
        return Movement(
            event: event.name, auction: change.auction, user: change.user,
            currency: change.currency, availableChange: change.available,
            lockedChange: change.locked, available: available, locked: locked,
            reference: change.reference)
    }
}

/// One currency of one wallet.
struct AccountKey: Hashable {
    var user: UserHandle
    var currency: CurrencyCode
}

private struct Balance {
    var available: Money
    var locked: Money
}

/// What a movement changes in one wallet, with the names of its currency.
private struct Change {
    var auction: AuctionHandle?
    var user: UserHandle
    var currency: Currency
    var available: Money = .zero
    var locked: Money = .zero
    var reference: PaymentReference?

    init(_ movement: MoneyMovement, names: some Names) {
        switch movement.subject {
        case .payment(let currency): self.currency = names.currency(of: currency)
        case .auction(let auction): currency = names.currency(of: auction)
        }
        switch movement.kind {
        case .charged(let reference), .withdrawn(let reference): self.reference = reference
        case .locked, .refunded, .paid, .sold, .fee: break
        }
        (auction, user) = (movement.auction, movement.user)
        (available, locked) = (movement.availableChange, movement.lockedChange)
    }
}

/// The currencies that events register.
private struct RegisteredCurrencies: EffectVisitor {
    var codes: Set<CurrencyCode> = []

    mutating func registers(_ registration: Registration) {
        switch registration {
        case .currency(_, let currency): codes.insert(currency.code)
        case .user, .auction: break
        }
    }
}
