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
            try decideBid(auction, bidder, amount, by: actor, at: time, into: &events)
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
        }
    }
}

// MARK: - Registering and paying

extension State {
    private func decideRegistration(
        _ id: UserID, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        // `user(.none)` is the person herself: `resolve` gives it to nobody else.
        guard actor == .operator || actor == .user(.none) else { throw Rejection(.notPermitted) }
        guard user(id) == nil else { throw Rejection(.userAlreadyRegistered) }
        events.append(.userRegistered(UserHandle(rawValue: UInt32(users.count)), id))
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
        guard references.number(of: Self.referenceKey(payment, charge: true)) == nil else {
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
        guard references.number(of: Self.referenceKey(payment, charge: false)) == nil else {
            throw Rejection(.referenceAlreadyUsed)
        }
        let available = available(payment.user, payment.currency)
        guard payment.amount <= available else {
            throw Rejection(.exceedsAvailable, limit: available)
        }
        events.append(.withdrawn(payment))
    }
}

// MARK: - Auctions

extension State {
    private func decideOpening(
        _ opening: CanonicalOpening, by actor: CanonicalActor, at time: Timestamp,
        into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator || actor == .user(opening.seller), opening.seller != .house
        else { throw Rejection(.notPermitted) }
        guard auction(opening.auction) == nil else { throw Rejection(.auctionAlreadyOpened) }
        let opensAt = opening.opensAt ?? time
        if let closesAt = opening.closesAt {
            guard closesAt > time, closesAt > opensAt else { throw Rejection(.closesAtTooEarly) }
        }
        let handle = AuctionHandle(rawValue: UInt32(auctions.count))
        events.append(.auctionOpened(handle, opening, opensAt: opensAt))
    }

    /// The bid that wins, as auctions.md section 3.1 states the proxy rule; without proxy the
    /// price is the bid and the leader must reach price + step like everyone.
    private func decideBid(
        _ auction: AuctionHandle, _ bidder: UserHandle, _ amount: Money,
        by actor: CanonicalActor, at time: Timestamp, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        guard bidder != record.seller else { throw Rejection(.sellerCannotBid) }
        guard actor == .operator || actor == .user(bidder), bidder != .house else {
            throw Rejection(.notPermitted)
        }
        try checkOpen(record, at: time)

        let isLeader = record.leader == bidder
        let proxy = terms[Int(record.termsIndex)].proxy
        var noAmountSuffices = false
        if record.leader == .none {
            guard amount >= record.openingPrice else {
                throw Rejection(.bidBelowOpening, limit: record.openingPrice)
            }
        } else if isLeader && proxy {
            guard amount > record.maximum else {
                throw Rejection(.bidNotAboveOwnMaximum, limit: record.maximum)
            }
        } else if let minimum = record.price.adding(step(of: record, at: record.price)) {
            guard amount >= minimum else { throw Rejection(.bidBelowMinimum, limit: minimum) }
        } else {
            noAmountSuffices = true
        }

        // The bid must be covered in full even when the leader's maximum will absorb it: what
        // pushes a price must be able to pay it. A leader has the old maximum locked already.
        let needed = isLeader ? amount - record.held : amount
        let available = available(bidder, record.currency)
        guard needed <= available else { throw Rejection(.exceedsAvailable, limit: available) }
        if noAmountSuffices { throw Rejection(.overflowsPrice) }

        // From here it succeeds.
        if isLeader {
            events.append(
                .maximumRaised(
                    auction: auction, bidder: bidder, maximum: amount,
                    price: proxy ? record.price : amount))
            events.append(.locked(auction: auction, user: bidder, amount: needed, held: amount))
        } else if proxy && record.leader != .none && amount <= record.maximum {
            // Equal maxima stay with the earlier bid. Sums above the maximum are cut to it, so an
            // overflowing one is too.
            let pushed = amount.adding(step(of: record, at: amount)) ?? .max
            events.append(
                .bidAbsorbed(
                    auction: auction, bidder: bidder, price: min(record.maximum, pushed)))
        } else {
            takeLead(record, auction, bidder, amount, proxy: proxy, into: &events)
        }
    }

    private func takeLead(
        _ record: AuctionRecord, _ auction: AuctionHandle, _ bidder: UserHandle, _ amount: Money,
        proxy: Bool, into events: inout EventList
    ) {
        let price: Money
        if !proxy {
            price = amount
        } else if record.leader == .none {
            price = record.openingPrice
        } else {
            let step = step(of: record, at: record.maximum)
            price = min(amount, record.maximum.adding(step) ?? .max)
        }
        events.append(
            .leadTaken(auction: auction, bidder: bidder, maximum: amount, price: price))
        if record.leader != .none {
            events.append(
                .refunded(
                    auction: auction, user: record.leader, amount: record.held, reason: .outbid))
        }
        events.append(.locked(auction: auction, user: bidder, amount: amount, held: amount))
    }

    /// Refuses what needs an auction that takes bids at a time: open in [opens_at, closes_at).
    private func checkOpen(_ record: AuctionRecord, at time: Timestamp) throws(Rejection) {
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed: throw Rejection(.auctionEnded)
        case .open: break
        }
        guard time >= record.opensAt else { throw Rejection(.auctionNotOpen) }
        guard time < record.closesAt else { throw Rejection(.auctionEnded) }
    }

    private func decideClose(
        _ auction: AuctionHandle, hammer: Bool, by actor: CanonicalActor, at time: Timestamp,
        into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        // Anyone may ask for an outcome, also with the word that would have ended the auction;
        // ending an open one is for its seller and the operator.
        if hammer && record.phase == .open && time < record.closesAt {
            guard actor == .operator || actor == .user(record.seller) else {
                throw Rejection(.notPermitted)
            }
        }
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed:
            events.append(
                .closeConfirmed(
                    auction: auction, position: record.closedPosition, outcome: record.outcome!))
            return
        case .open: break
        }
        if time < record.closesAt {
            guard hammer else { throw Rejection(.auctionNotEnded) }
            guard time >= record.opensAt else { throw Rejection(.auctionNotOpen) }
        }
        close(auction, into: &events)
    }

    /// Ends an open auction: the winner pays the price out of the hold and the rest comes back in
    /// the same entry, or there was no bid. Nothing here can fail: the hold covers the price.
    private func close(_ auction: AuctionHandle, into events: inout EventList) {
        let record = auctions[auction.index]
        guard record.leader != .none else {
            events.append(
                .auctionClosed(auction: auction, outcome: .noBids, winner: .none, price: .zero))
            return
        }
        events.append(
            .auctionClosed(
                auction: auction, outcome: .sold, winner: record.leader, price: record.price))
        events.append(
            .settled(
                auction: auction, winner: record.leader, seller: record.seller,
                amount: record.price))
        let change = record.held - record.price
        if change > .zero {
            events.append(
                .refunded(
                    auction: auction, user: record.leader, amount: change, reason: .change))
        }
    }

    private func decideExtension(
        _ auction: AuctionHandle, closesAt: Timestamp, by actor: CanonicalActor,
        at time: Timestamp, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        guard actor == .operator else { throw Rejection(.notPermitted) }
        try checkNotFinished(record)
        guard closesAt > record.closesAt, closesAt > time, closesAt > record.opensAt else {
            throw Rejection(.closesAtTooEarly)
        }
        events.append(.auctionExtended(auction: auction, closesAt: closesAt))
    }

    /// The seller may cancel before the first bid, the operator at any time before the close.
    private func decideCancellation(
        _ auction: AuctionHandle, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        guard actor == .operator || actor == .user(record.seller) else {
            throw Rejection(.notPermitted)
        }
        try checkNotFinished(record)
        guard actor == .operator || record.leader == .none else {
            throw Rejection(.auctionHasBids)
        }
        events.append(.auctionCancelled(auction: auction))
        if record.leader != .none {
            events.append(
                .refunded(
                    auction: auction, user: record.leader, amount: record.held,
                    reason: .cancelled))
        }
    }

    private func checkNotFinished(_ record: AuctionRecord) throws(Rejection) {
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed: throw Rejection(.auctionAlreadyClosed)
        case .open: break
        }
    }
}
