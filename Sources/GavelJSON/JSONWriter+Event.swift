// Events as JSON: one shape for each case, all fields always present, null where a fact has no
// value (an unsold lot's winner). Names stand in place of handles; the handles themselves, which
// mean nothing outside the ledger, are left out.

public import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes events as an array, in order.
    public mutating func events(_ events: EventList, names: some Names) {
        array { array in
            for event in events { array.event(event, names: names) }
        }
    }

    /// Writes one event as an object:
    ///
    ///     {"event":"locked","auction":"lot-1","user":"alice","currency":"USD","amount":1500,
    ///      "held":1500}
    public mutating func event(_ event: Event, names: some Names) {
        object { object in
            object.field("event", event.name)
            object.ledgerFields(of: event, names: names)
            object.moneyFields(of: event, names: names)
            object.auctionFields(of: event, names: names)
        }
    }

    // One function for each group of cases; each writes nothing for the cases of the others.

    private mutating func ledgerFields(of event: Event, names: some Names) {
        switch event {
        case .ledgerCreated(let ledger):
            field("ledger", ledger.hexadecimal)
        case .engineOpened(let epoch):
            field("epoch", epoch)
        case .keyRotated(let rotation):
            field("key", rotation.key.hexadecimal)
        case .ledgerRestored(let restoration):
            field("ledger", restoration.ledger.hexadecimal)
        case .currencyRegistered(_, let currency):
            field("currency", currency.code)
            field("scale", currency.scale)
        case .userRegistered(_, let user):
            field("user", user)
        case .charged, .withdrawn, .locked, .refunded, .settled, .auctionOpened, .leadTaken,
            .maximumRaised, .bidAbsorbed, .boughtNow, .auctionExtended, .auctionClosed,
            .closeConfirmed,
            .auctionCancelled:
            break
        }
    }

    private mutating func moneyFields(of event: Event, names: some Names) {
        switch event {
        case .charged(let payment), .withdrawn(let payment):
            field("user", names.id(of: payment.user))
            field("currency", names.currency(of: payment.currency).code)
            field("amount", payment.amount)
            field("reference", payment.reference)
        case .locked(let auction, let user, let amount, let held):
            field("auction", names.id(of: auction))
            field("user", names.id(of: user))
            field("currency", names.currency(of: auction).code)
            field("amount", amount)
            field("held", held)
        case .refunded(let auction, let user, let amount, let reason):
            field("auction", names.id(of: auction))
            field("user", names.id(of: user))
            field("currency", names.currency(of: auction).code)
            field("amount", amount)
            field("reason", reason.jsonName)
        case .settled(let auction, let winner, let seller, let amount, let fee):
            field("auction", names.id(of: auction))
            field("winner", names.id(of: winner))
            field("seller", names.id(of: seller))
            field("currency", names.currency(of: auction).code)
            field("amount", amount)
            field("fee", fee)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .auctionOpened, .leadTaken, .maximumRaised, .bidAbsorbed, .boughtNow,
            .auctionExtended,
            .auctionClosed, .closeConfirmed, .auctionCancelled:
            break
        }
    }

    private mutating func auctionFields(of event: Event, names: some Names) {
        switch event {
        case .auctionOpened(_, let opening, let opensAt):
            openingFields(opening, opensAt: opensAt, names: names)
        case .leadTaken(let auction, let bidder, let maximum, let price),
            .maximumRaised(let auction, let bidder, let maximum, let price):
            field("auction", names.id(of: auction))
            field("bidder", names.id(of: bidder))
            field("currency", names.currency(of: auction).code)
            field("maximum", maximum)
            field("price", price)
        case .bidAbsorbed(let auction, let bidder, let price):
            field("auction", names.id(of: auction))
            field("bidder", names.id(of: bidder))
            field("currency", names.currency(of: auction).code)
            field("price", price)
        case .boughtNow(let auction, let buyer, let price):
            field("auction", names.id(of: auction))
            field("buyer", names.id(of: buyer))
            field("currency", names.currency(of: auction).code)
            field("price", price)
        case .auctionExtended(let auction, let closesAt, let reason):
            field("auction", names.id(of: auction))
            field("closes_at", closesAt)
            field("reason", reason.jsonName)
        case .auctionClosed(let auction, let outcome, let winner, let price):
            field("auction", names.id(of: auction))
            field("outcome", outcome.jsonName)
            field("winner", winner.map { names.id(of: $0) })
            field("currency", names.currency(of: auction).code)
            field("price", outcome == .noBids ? nil : price)
        case .closeConfirmed(let auction, let position, let outcome):
            field("auction", names.id(of: auction))
            field("position", position)
            field("outcome", outcome.jsonName)
        case .auctionCancelled(let auction):
            field("auction", names.id(of: auction))
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged,
            .withdrawn, .locked, .refunded, .settled:
            break
        }
    }

    private mutating func openingFields(
        _ opening: CanonicalOpening, opensAt: Timestamp, names: some Names
    ) {
        field("auction", opening.auction)
        field("title", opening.title)
        field("seller", names.id(of: opening.seller))
        field("currency", names.currency(of: opening.currency).code)
        field("opens_at", opensAt)
        field("closes_at", opening.closesAt)
        name("rules")
        rules(opening.rules, isComplete: true)
    }
}
