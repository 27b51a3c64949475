// From an entry to what it says to one user: whom it concerns, and what of it she may be told. (The
// entry itself is shown to its owner alone, who sent the command or for whom it speaks:
// `LedgerQueries.own(_:of:)`.)

public import AuctionDomain
public import Gavel

extension EntryView {
    /// What an entry says to a user.
    ///
    /// An entry concerns who sent its command, for whom that speaks, and whose money or lead it
    /// changes. What ends an auction concerns everybody: its outcome is public, and whoever lost
    /// may hold the house to it.
    /// - Parameter names: what the entry's handles stand for.
    /// - Returns: nil where the entry does not concern the user.
    /// - Complexity: O(events).
    public init?(of entry: LedgerEntry, for viewer: UserID, names: some Names) {
        let maker = ViewMaker(entry: entry, viewer: viewer, names: names)
        guard maker.concernsViewer else { return nil }
        self.init(
            viewer: viewer, position: entry.position, time: entry.time,
            auction: entry.command.auctionID(names: names),
            currency: entry.command.currency(names: names), facts: maker.facts)
    }
}

extension LedgerEvidence {
    /// A signed statement of what an entry says to a user, with the proof of the entry's place. The
    /// entry's own bytes are in it where nothing in them is about others.
    /// - Returns: nil where the entry does not concern the user.
    /// - Throws: as `proof(ofEntryAt:)`, and `EvidenceError.signing`.
    package func statementFile(
        ofEntryAt position: UInt64, for viewer: UserID
    ) throws -> StatementFile? {
        try statementFile(ofEntryAt: position, for: viewer) { entry in
            EntryView(of: entry, for: viewer, names: reading).map { view in
                (view.json, own(entry, of: viewer)?.isWhole ?? false)
            }
        }
    }
}

private struct ViewMaker<EntryNames: Names> {
    let entry: LedgerEntry
    let viewer: UserID
    let names: EntryNames

    private func isViewer(_ user: UserHandle) -> Bool {
        names.id(of: user) == viewer
    }

    // MARK: Whom it concerns

    var concernsViewer: Bool { isOwner || entry.outcome.events.contains { isAboutViewer($0) } }

    /// Whether the viewer sent the command, or it speaks for the viewer.
    private var isOwner: Bool {
        if case .user(let actor) = entry.actor, isViewer(actor) { return true }
        if case .registerUser(let user) = entry.command { return user == viewer }
        return entry.command.user.map(isViewer) ?? false
    }

    private func isAboutViewer(_ event: Event) -> Bool {
        switch event {
        case .charged(let payment), .withdrawn(let payment): isViewer(payment.user)
        case .locked(_, let user, _, _), .refunded(_, let user, _, _): isViewer(user)
        case .settled(_, let winner, let seller, _, _): isViewer(winner) || isViewer(seller)
        case .auctionOpened(_, let opening, _): isViewer(opening.seller)
        case .leadTaken(_, let bidder, _, _), .maximumRaised(_, let bidder, _, _),
            .bidAbsorbed(_, let bidder, _), .boughtNow(_, let bidder, _):
            isViewer(bidder)
        case .userRegistered(_, let user): user == viewer
        case .auctionClosed, .auctionCancelled: true
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .auctionExtended, .closeConfirmed:
            false
        }
    }

    // MARK: What it says

    var facts: [EntryFact] {
        var facts: [EntryFact] = []
        if isOwner, let fact = commandFact { facts.append(fact) }
        switch entry.outcome {
        case .rejected(let rejection):
            var fact = EntryFact(.rejected)
            fact.reason = rejection.code.name
            fact.limit = rejection.code.limitName.map { _ in rejection.limit }
            facts.append(fact)
        case .accepted(let events):
            facts += events.compactMap { self.fact(of: $0) }
        }
        return facts
    }

    /// The viewer's own command, whole.
    private var commandFact: EntryFact? {
        switch entry.command {
        case .registerUser(let user): make(.registerUser) { $0.user = user }
        case .charge(let payment), .withdraw(let payment):
            make(entry.command.isCharge ? .charge : .withdraw) { fact in
                fact.amount = payment.amount
                fact.reference = payment.reference.string
            }
        case .openAuction(let opening):
            make(.openAuction) { fact in
                fact.title = opening.title.isEmpty ? nil : opening.title
                fact.amount = opening.rules.openingPrice
                fact.reserve = opening.rules.reservePrice
                (fact.opensAt, fact.closesAt) = (opening.opensAt, opening.closesAt)
            }
        case .placeBid(_, let bidder, let amount):
            make(.placeBid) { fact in
                fact.user = names.id(of: bidder)
                fact.amount = amount
            }
        case .buyNow(_, let buyer): make(.buyNow) { $0.user = names.id(of: buyer) }
        case .closeAuction: make(.closeAuction)
        case .extendAuction(_, let closesAt): make(.extendAuction) { $0.closesAt = closesAt }
        case .cancelAuction: make(.cancelAuction)
        // No user sends these.
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency:
            nil
        }
    }

    /// What an event says to the viewer; nil where it is another's alone, or nobody's.
    private func fact(of event: Event) -> EntryFact? {
        switch event {
        case .charged(let payment): own(payment.user, .charged) { $0.amount = payment.amount }
        case .withdrawn(let payment): own(payment.user, .withdrawn) { $0.amount = payment.amount }
        case .locked(_, let user, let amount, let held):
            own(user, .locked) { ($0.amount, $0.held) = (amount, held) }
        case .refunded(_, let user, let amount, let reason):
            own(user, .refunded) { ($0.amount, $0.reason) = (amount, reason.jsonName) }
        case .settled(_, let winner, let seller, let amount, let fee):
            paid(winner, amount) ?? received(seller, amount, fee)
        case .leadTaken(_, let bidder, let maximum, let price):
            bid(.leadTaken, bidder, maximum: maximum, price: price)
        case .maximumRaised(_, let bidder, let maximum, let price):
            bid(.maximumRaised, bidder, maximum: maximum, price: price)
        case .bidAbsorbed(_, let bidder, let price): bid(.bidAbsorbed, bidder, price: price)
        case .boughtNow(_, let buyer, let price): bid(.boughtNow, buyer, price: price)
        case .auctionOpened(_, _, let opensAt): make(.auctionOpened) { $0.opensAt = opensAt }
        case .auctionExtended(_, let closesAt, let reason):
            make(.auctionExtended) { ($0.closesAt, $0.reason) = (closesAt, reason.jsonName) }
        case .auctionClosed(_, let outcome, let winner, let price):
            make(.auctionClosed) { fact in
                fact.reason = outcome.jsonName
                fact.user = winner.map { names.id(of: $0) }
                fact.price = outcome == .noBids ? nil : price
            }
        case .closeConfirmed(_, _, let outcome):
            make(.closeConfirmed) { $0.reason = outcome.jsonName }
        case .auctionCancelled: make(.auctionCancelled) { $0.reason = cancelReason }
        case .userRegistered(_, let user): make(.userRegistered) { $0.user = user }
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered: nil
        }
    }

    private var cancelReason: String? {
        if case .cancelAuction(_, let reason) = entry.command, !reason.isEmpty {
            reason
        } else {
            nil
        }
    }

    /// Money is told to its owner alone.
    private func own(
        _ user: UserHandle, _ kind: EntryFact.Kind, _ fill: (inout EntryFact) -> Void
    ) -> EntryFact? {
        isViewer(user) ? make(kind, fill) : nil
    }

    private func paid(_ winner: UserHandle, _ amount: Money) -> EntryFact? {
        own(winner, .paid) { fact in
            (fact.amount, fact.price) = (amount, hammerPrice)
            fact.premium = difference(amount, hammerPrice)
        }
    }

    private func received(_ seller: UserHandle, _ amount: Money, _ fee: Money) -> EntryFact? {
        own(seller, .received) { fact in
            (fact.amount, fact.price) = (difference(amount, fee), hammerPrice)
            fact.fee = difference(hammerPrice, fact.amount)
        }
    }

    /// The price is public; the maximum is the bidder's alone.
    private func bid(
        _ kind: EntryFact.Kind, _ bidder: UserHandle, maximum: Money? = nil, price: Money
    ) -> EntryFact {
        make(kind) { fact in
            (fact.user, fact.price) = (names.id(of: bidder), price)
            fact.amount = isViewer(bidder) ? maximum : nil
        }
    }

    /// What the bidding reached, where the entry ends an auction.
    private var hammerPrice: Money? {
        for case .auctionClosed(_, _, _, let price) in entry.outcome.events { return price }
        return nil
    }

    /// - Returns: nil where one is missing, or a forged entry's amounts are too large.
    private func difference(_ whole: Money?, _ part: Money?) -> Money? {
        guard let whole, let part else { return nil }
        let (rest, isTooLarge) = whole.minorUnits.subtractingReportingOverflow(part.minorUnits)
        return isTooLarge ? nil : Money(minorUnits: rest)
    }

    private func make(
        _ kind: EntryFact.Kind, _ fill: (inout EntryFact) -> Void = { _ in }
    ) -> EntryFact {
        var fact = EntryFact(kind)
        fill(&fact)
        return fact
    }
}

extension CanonicalCommand {
    fileprivate var isCharge: Bool { if case .charge = self { true } else { false } }
}
