// The fold: how an event changes a state. Used alike on what was just decided and on what the
// log says; it judges nothing. A change that would break an invariant traps: such a log was not
// written by these rules, and `audit verify` names the place before the fold is asked.

extension State {
    /// Applies one event of the entry at a point.
    public mutating func evolve(_ event: Event, at point: EntryPoint) {
        visit(event)
        switch event {
        case .leadTaken(let auction, let bidder, let maximum, let price):
            setLead(auction, bidder, maximum: maximum, price: price)
            countAcceptedBid(auction)
        case .bidAbsorbed(let auction, _, let price):
            setPrice(auction, price)
            countAcceptedBid(auction)
        case .maximumRaised(let auction, let bidder, let maximum, let price):
            setLead(auction, bidder, maximum: maximum, price: price)
            countAcceptedBid(auction)
        case .auctionOpened(let handle, let opening, let opensAt):
            evolveOpening(handle, opening, opensAt: opensAt, at: point)
        case .boughtNow(let auction, let buyer, let price):
            setLead(auction, buyer, maximum: price, price: price)
        case .auctionExtended(let auction, let closesAt, let reason):
            setEnd(auction, closesAt)
            if reason == .softClose { countExtension(auction) }
        case .auctionClosed(let auction, let outcome, _, _):
            finish(auction, as: .closed, outcome: outcome, at: point)
        case .auctionCancelled(let auction):
            finish(auction, as: .cancelled, outcome: nil, at: point)
        // Of these, what they move is all there is to them.
        case .locked, .refunded, .settled, .charged, .withdrawn: break
        case .closeConfirmed: break
        case .userRegistered(let handle, let id): register(handle, id)
        case .currencyRegistered(let handle, let currency): register(handle, currency)
        case .ledgerCreated(let id):
            ledgerID = id
            register(.house, .house)
        case .engineOpened(let epoch): self.epoch = epoch
        case .keyRotated(let rotation):
            signingKey = rotation.key
            formerKey = rotation.previous
        case .ledgerRestored(let restoration):
            // Another name, and so another key: nobody follows from one history to the other.
            ledgerID = restoration.ledger
            signingKey = nil
            formerKey = nil
        }
    }
}

// MARK: - Registering and paying

extension State {
    private mutating func register(_ handle: UserHandle, _ id: UserID) {
        precondition(handle.index == wallets.count, "user handles are dense")
        userNames.insert(id.string)
        wallets.append(WalletRecord())
        digest.add(.user, handle.index, field: Field.name, StateDigest.of(id.string))
    }

    private mutating func register(_ handle: CurrencyHandle, _ currency: Currency) {
        precondition(handle.index == currencies.count, "currency handles are dense")
        currencies.append(
            CurrencyRecord(currency: currency, charged: .zero, withdrawn: .zero))
        digest.add(
            .currency, handle.index, field: Field.name,
            StateDigest.of(currency.code.string) &+ UInt64(currency.scale))
    }

    private mutating func use(_ reference: PaymentReference, of user: UserHandle, charge: Bool) {
        let key = Self.referenceKey(user, reference, charge: charge)
        let number = references.insert(key)
        digest.add(.reference, number, field: Field.name, StateDigest.of(key))
    }
}

// MARK: - Money

extension State: EffectVisitor {
    /// Moves money as an event says.
    package mutating func moves(_ movement: MoneyMovement) {
        let (user, amount) = (movement.user, movement.amount)
        let currency = currency(of: movement.subject)
        switch movement.kind {
        case .charged(let reference): use(reference, of: user, charge: true)
        case .withdrawn(let reference): use(reference, of: user, charge: false)
        case .locked, .refunded, .paid, .sold, .fee: break
        }
        if movement.comesIn, account(of: user, in: currency) == nil { addAccount(user, currency) }
        change(
            user, currency, available: movement.availableChange, locked: movement.lockedChange)
        switch (movement.kind, movement.subject) {
        case (.charged, _): countCharged(amount, currency)
        case (.withdrawn, _): countWithdrawn(amount, currency)
        case (.locked(let held), .auction(let auction)): setHold(of: user, on: auction, to: held)
        case (.refunded, .auction(let auction)), (.paid, .auction(let auction)):
            setHold(of: user, on: auction, to: hold(of: user, on: auction) - amount)
        case (.sold, _), (.fee, _), (_, .payment): break
        }
    }

    private mutating func countCharged(_ amount: Money, _ currency: CurrencyHandle) {
        currencies[currency.index].charged = currencies[currency.index].charged + amount
        digest.add(
            .currency, currency.index, field: Field.charged, from: 0, to: amount.minorUnits)
    }

    private mutating func countWithdrawn(_ amount: Money, _ currency: CurrencyHandle) {
        currencies[currency.index].withdrawn = currencies[currency.index].withdrawn + amount
        digest.add(
            .currency, currency.index, field: Field.withdrawn, from: 0, to: amount.minorUnits)
    }
}

// MARK: - Accounts

extension State {
    private mutating func addAccount(_ user: UserHandle, _ currency: CurrencyHandle) {
        if wallets[user.index].currency == .none {
            wallets[user.index].currency = currency
            walletAccountCount += 1
        } else {
            furtherAccounts.append(
                AccountRecord(
                    available: .zero, locked: .zero, user: user,
                    next: wallets[user.index].next, currency: currency))
            wallets[user.index].next = UInt32(furtherAccounts.count - 1)
        }
        digest.add(
            .account, Self.number(of: user, currency), field: Field.owner,
            UInt64(user.rawValue) << 16 | UInt64(currency.rawValue) + 1)
    }

    /// Changes both halves of an account that must be there because money was moved in it before.
    @inline(__always)
    private mutating func change(
        _ user: UserHandle, _ currency: CurrencyHandle, available: Money, locked: Money
    ) {
        let isOwn = wallets.update(user.index) { wallet in
            guard wallet.currency == currency else { return false }
            Self.change(&wallet.available, &wallet.locked, available, locked)
            return true
        }
        if !isOwn { changeFurther(user, currency, available, locked) }
        count(user, currency, available: available, locked: locked)
    }

    private mutating func changeFurther(
        _ user: UserHandle, _ currency: CurrencyHandle, _ available: Money, _ locked: Money
    ) {
        guard let index = furtherAccountIndex(from: wallets[user.index].next, in: currency) else {
            preconditionFailure("money moves in an account that does not exist")
        }
        furtherAccounts.update(index) { account in
            Self.change(&account.available, &account.locked, available, locked)
        }
    }

    @inline(__always)
    private static func change(
        _ available: inout Money, _ locked: inout Money, _ addedAvailable: Money,
        _ addedLocked: Money
    ) {
        available = available + addedAvailable
        locked = locked + addedLocked
        precondition(available >= .zero, "available is never negative")
        precondition(locked >= .zero, "locked is never negative")
    }

    /// Counts what was moved into the digest.
    @inline(__always)
    private mutating func count(
        _ user: UserHandle, _ currency: CurrencyHandle, available: Money, locked: Money
    ) {
        var delta = StateDigest.Delta()
        delta.add(field: Field.available, from: 0, to: available.minorUnits)
        delta.add(field: Field.locked, from: 0, to: locked.minorUnits)
        digest.add(.account, Self.number(of: user, currency), delta)
    }
}

// MARK: - Accepted bids

extension State {
    /// Applies an accepted bid as its whole entry: what `evolve` of its events and `finishEntry`
    /// do, with each record looked up once.
    /// - Returns: the entry's links.
    @inline(__always)
    package mutating func evolve(_ bid: AcceptedBid, at point: EntryPoint) -> BidLinks {
        begin(point)
        let isLead = bid.kind.takesLead
        var delta = StateDigest.Delta()
        var oldEnd = Timestamp.noEnd
        var extrasIndex = Self.noExtras
        var holdIsTaken = true
        let (currency, previous) = auctions.update(bid.auction.index) { record in
            let previous = record.lastPosition
            record.lastPosition = point.position
            record.acceptedBids += 1
            delta.add(field: Field.bids, 1)
            delta.add(
                field: Field.price, from: record.price.minorUnits, to: bid.price.minorUnits)
            record.price = bid.price
            if isLead { holdIsTaken = Self.setLead(bid, in: &record, &delta) }
            if let closesAt = bid.closesAt {
                oldEnd = record.closesAt
                extrasIndex = record.extrasIndex
                record.closesAt = closesAt
                delta.add(
                    field: Field.end, from: oldEnd.nanoseconds, to: closesAt.nanoseconds)
                if bid.extensionReason == .softClose { delta.add(field: Field.extensions, 1) }
            }
            return (record.currency, previous)
        }
        digest.add(.auction, bid.auction.index, delta)
        if !holdIsTaken { takeHold(bid) }
        let bidderPrevious = touch(bid.bidder, currency, locking: bid.locked, at: point)
        var refundedPrevious: UInt64?
        if bid.refunded != .none {
            refundedPrevious = touch(bid.refunded, currency, locking: .zero - bid.refund, at: point)
        }
        if let closesAt = bid.closesAt {
            if bid.extensionReason == .softClose {
                extras.update(Int(extrasIndex)) { $0.extensions += 1 }
            }
            moveDeadline(of: bid.auction, extrasIndex, from: oldEnd, to: closesAt)
        }
        return BidLinks(
            auction: previous, bidder: bidderPrevious, refunded: refundedPrevious,
            currency: currency)
    }

    /// Sets leader and maximum, and the hold where the bidder's takes the place of the only one.
    /// - Returns: false where it does not, and `takeHold` is to be asked.
    @inline(__always)
    private static func setLead(
        _ bid: AcceptedBid, in record: inout AuctionRecord, _ delta: inout StateDigest.Delta
    ) -> Bool {
        delta.add(
            field: Field.leader, from: Int64(record.leader.rawValue &+ 1),
            to: Int64(bid.bidder.rawValue &+ 1))
        delta.add(
            field: Field.maximum, from: record.maximum.minorUnits, to: bid.maximum.minorUnits)
        record.leader = bid.bidder
        record.maximum = bid.maximum
        let isOnly =
            bid.refunded == .none
            ? record.holder == bid.bidder || record.holder == .none
            : record.holder == bid.refunded && record.held == bid.refund
        guard isOnly, bid.held != .zero else { return false }
        delta.add(
            field: Field.held,
            Hold.fingerprint(bid.bidder, bid.held)
                &- Hold.fingerprint(record.holder, record.held))
        record.holder = bid.bidder
        record.held = bid.held
        return true
    }

    /// Changes the holds as the bid's events do.
    private mutating func takeHold(_ bid: AcceptedBid) {
        if bid.refunded != .none {
            let held = hold(of: bid.refunded, on: bid.auction)
            setHold(of: bid.refunded, on: bid.auction, to: held - bid.refund)
        }
        setHold(of: bid.bidder, on: bid.auction, to: bid.held)
    }

    /// Moves money within a wallet and makes an entry the last of its chain.
    /// - Returns: the chain's previous entry.
    @inline(__always)
    private mutating func touch(
        _ user: UserHandle, _ currency: CurrencyHandle, locking amount: Money,
        at point: EntryPoint
    ) -> UInt64 {
        let (isOwn, previous) = wallets.update(user.index) { wallet in
            let previous = wallet.lastPosition
            wallet.lastPosition = point.position
            guard wallet.currency == currency else { return (false, previous) }
            Self.change(&wallet.available, &wallet.locked, .zero - amount, amount)
            return (true, previous)
        }
        // Somebody whose bid was absorbed may have moved no money of this currency, or none left.
        guard amount != .zero else { return previous }
        if !isOwn { changeFurther(user, currency, .zero - amount, amount) }
        count(user, currency, available: .zero - amount, locked: amount)
        return previous
    }
}

// MARK: - Auctions

extension State {
    private mutating func evolveOpening(
        _ handle: AuctionHandle, _ opening: CanonicalOpening, opensAt: Timestamp,
        at point: EntryPoint
    ) {
        precondition(handle.index == auctions.count, "auction handles are dense")
        auctionNames.insert(opening.auction.string)
        let closesAt = opening.closesAt ?? .noEnd
        let terms = intern(opening.rules.terms)
        auctions.append(
            AuctionRecord(
                openingPrice: opening.rules.openingPrice, opensAt: opensAt, closesAt: closesAt,
                openedPosition: point.position, seller: opening.seller, termsIndex: terms,
                extrasIndex: keep(opening.rules.extras), currency: opening.currency))
        if closesAt != .noEnd { addDeadline(of: handle) }
        digest.add(
            .auction, handle.index, field: Field.opening,
            Self.openingFingerprint(opening, opensAt: opensAt))
        digest.add(
            .auction, handle.index, field: Field.end, from: 0, to: closesAt.nanoseconds)
    }

    private mutating func keep(_ extras: AuctionExtras?) -> UInt32 {
        guard let extras else { return Self.noExtras }
        self.extras.append(extras)
        return UInt32(self.extras.count - 1)
    }

    private mutating func countExtension(_ auction: AuctionHandle) {
        extras[Int(auctions[auction.index].extrasIndex)].extensions += 1
        digest.add(.auction, auction.index, field: Field.extensions, 1)
    }

    private mutating func intern(_ terms: AuctionTerms) -> UInt32 {
        if let index = termsIndex[terms] { return index }
        let index = UInt32(self.terms.count)
        self.terms.append(terms)
        termsIndex[terms] = index
        return index
    }

    private mutating func setLead(
        _ auction: AuctionHandle, _ bidder: UserHandle, maximum: Money, price: Money
    ) {
        let old = auctions[auction.index]
        auctions[auction.index].leader = bidder
        auctions[auction.index].maximum = maximum
        digest.add(
            .auction, auction.index, field: Field.leader,
            from: Int64(old.leader.rawValue &+ 1), to: Int64(bidder.rawValue &+ 1))
        digest.add(
            .auction, auction.index, field: Field.maximum,
            from: old.maximum.minorUnits, to: maximum.minorUnits)
        setPrice(auction, price)
    }

    private mutating func setPrice(_ auction: AuctionHandle, _ price: Money) {
        let old = auctions[auction.index].price
        auctions[auction.index].price = price
        digest.add(
            .auction, auction.index, field: Field.price,
            from: old.minorUnits, to: price.minorUnits)
    }

    private mutating func countAcceptedBid(_ auction: AuctionHandle) {
        auctions[auction.index].acceptedBids += 1
        digest.add(.auction, auction.index, field: Field.bids, 1)
    }

    private mutating func setEnd(_ auction: AuctionHandle, _ closesAt: Timestamp) {
        let old = auctions[auction.index].closesAt
        auctions[auction.index].closesAt = closesAt
        moveDeadline(
            of: auction, auctions[auction.index].extrasIndex, from: old, to: closesAt)
        digest.add(
            .auction, auction.index, field: Field.end,
            from: old.nanoseconds, to: closesAt.nanoseconds)
    }

    private mutating func finish(
        _ auction: AuctionHandle, as phase: AuctionPhase, outcome: AuctionOutcome?,
        at point: EntryPoint
    ) {
        let record = auctions[auction.index]
        precondition(record.phase == .open, "an auction leaves open once")
        auctions[auction.index].phase = phase
        auctions[auction.index].outcome = outcome
        auctions[auction.index].closedPosition = point.position
        removeDeadline(of: auction, record)
        digest.add(
            .auction, auction.index, field: Field.phase,
            UInt64(phase.rawValue) << 8 | UInt64(outcome?.rawValue ?? 0))
    }
}
