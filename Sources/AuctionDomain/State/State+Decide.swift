// The rules: what a command does to a state at a time. Pure: the same three give the same answer
// on every machine, and nothing is changed here.
//
// Each rule has the same shape: guards in the documented precedence (relation, state, price,
// funds, overflow), then "from here it succeeds", then the events.

extension State {
    /// Decides a command.
    /// - Returns: the events in order, or the rejection.
    public func decide(
        _ command: CanonicalCommand, by actor: CanonicalActor, at time: Timestamp
    ) -> Outcome {
        var events = EventList()
        do {
            try decide(command, by: actor, at: time, into: &events)
            return .accepted(events)
        } catch {
            return .rejected(error)
        }
    }

    /// Decides a command without allocating.
    /// - Parameter events: receives the events; untouched when a rule refuses.
    /// - Throws: the first rule in precedence that the command breaks.
    public func decide(
        _ command: CanonicalCommand, by actor: CanonicalActor, at time: Timestamp,
        into events: inout EventList
    ) throws(Rejection) {
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            try decideBid(auction, bidder, amount, by: actor, at: time, purchase: &events)?
                .appendEvents(to: &events)
        case .buyNow(let auction, let buyer):
            try decidePurchase(auction, buyer, by: actor, at: time, into: &events)
        case .closeAuction(let auction, let hammer):
            try decideClose(auction, hammer: hammer, by: actor, at: time, into: &events)
        case .closeDue(let auction):
            close(auction, into: &events)
        case .charge(let payment):
            try decideCharge(payment, by: actor, into: &events)
        case .withdraw(let payment):
            try decideWithdrawal(payment, by: actor, into: &events)
        case .openAuction(let opening):
            try decideOpening(opening, by: actor, at: time, into: &events)
        case .extendAuction(let auction, let closesAt):
            try decideExtension(auction, closesAt: closesAt, by: actor, at: time, into: &events)
        case .extendOutage(let auction, _, let until):
            extendOutage(auction, until: until, into: &events)
        case .cancelAuction(let auction, _):
            try decideCancellation(auction, by: actor, into: &events)
        case .registerUser(let id):
            try decideRegistration(id, by: actor, into: &events)
        case .registerCurrency(let currency):
            try decideRegistration(currency, by: actor, into: &events)
        case .createLedger(let id):
            events.append(.ledgerCreated(id))
        case .openEngine(let epoch, _):
            events.append(.engineOpened(epoch: epoch))
        case .rotateKey(let rotation):
            events.append(.keyRotated(rotation))
        case .restoreLedger(let restoration):
            events.append(.ledgerRestored(restoration))
        }
    }
}

// MARK: - Registering and paying

extension State {
    private func decideRegistration(
        _ id: UserID, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator || actor == .registrant else { throw Rejection(.notPermitted) }
        guard user(id) == nil else { throw Rejection(.userAlreadyRegistered) }
        events.append(.userRegistered(UserHandle(rawValue: UInt32(wallets.count)), id))
    }

    private func decideRegistration(
        _ currency: Currency, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator else { throw Rejection(.notPermitted) }
        guard self.currency(currency.code) == nil else {
            throw Rejection(.currencyAlreadyRegistered)
        }
        guard currencies.count < Limits.currenciesMax else {
            throw Rejection(.overflowsCurrencies)
        }
        let handle = CurrencyHandle(rawValue: UInt16(currencies.count))
        events.append(.currencyRegistered(handle, currency))
    }

    private func decideCharge(
        _ payment: Payment, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator || actor == .payment else { throw Rejection(.notPermitted) }
        guard isUnused(payment, charge: true) else {
            throw Rejection(.referenceAlreadyUsed)
        }
        // Bounding what ever came in bounds every balance and every sum of balances: no refund,
        // close or settlement can overflow after this.
        guard self[payment.currency].charged.adding(payment.amount) != nil else {
            throw Rejection(.overflowsTotalCharged)
        }
        events.append(.charged(payment))
    }

    private func decideWithdrawal(
        _ payment: Payment, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator || actor == .payment || actor == .user(payment.user) else {
            throw Rejection(.notPermitted)
        }
        guard isUnused(payment, charge: false) else {
            throw Rejection(.referenceAlreadyUsed)
        }
        let available = available(payment.user, payment.currency)
        guard payment.amount <= available else {
            throw Rejection(.exceedsAvailable, limit: available)
        }
        events.append(.withdrawn(payment))
    }

    /// A reference is used once per user and kind of payment, for ever.
    private func isUnused(_ payment: Payment, charge: Bool) -> Bool {
        let key = Self.referenceKey(payment.user, payment.reference, charge: charge)
        return references.number(of: key) == nil
    }
}
