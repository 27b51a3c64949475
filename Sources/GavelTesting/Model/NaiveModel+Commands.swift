// What the plain model does with a command, and with time that passes.

public import AuctionDomain

extension NaiveModel {
    /// Closes what is due, then judges a command and, if nothing speaks against it, does it.
    public mutating func submit(_ step: WorkloadStep) -> ModelOutcome {
        submit(step.command, id: step.id, by: step.actor, at: step.time)
    }

    /// Closes what is due, then judges a command and, if nothing speaks against it, does it.
    public mutating func submit(
        _ command: Command, id: CommandID, by actor: LedgerActor, at time: Timestamp
    ) -> ModelOutcome {
        closeDue(at: time)
        if (try? command.validate()) == nil { return .refused(.malformed) }
        if !id.isVersion7 { return .refused(.commandIDMalformed) }
        if Int128(id.milliseconds) * 1_000_000 > Int128(now.nanoseconds) + Self.idAheadMax {
            return .refused(.commandIDInFuture)
        }
        if let first = usedIDs[id] {
            let isSame = first.actor == actor && first.command == command
            return isSame ? .replayed(first.outcome) : .refused(.commandIDReused)
        }
        if let refusal = missingName(in: command, by: actor) { return .refused(refusal) }
        switch command {
        case .placeBid(let auction, _, _), .buyNow(let auction, _), .closeAuction(let auction, _):
            if held.contains(auction) { return .refused(.closingHeld) }
        case .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .extendAuction,
            .cancelAuction:
            break
        }

        let outcome: ModelOutcome
        if let rejection = perform(command, by: actor) {
            outcome = .rejected(rejection)
            if case .placeBid(let auction, _, _) = command {
                auctions[auction]!.rejectedBids += 1
            }
        } else {
            outcome = .accepted
        }
        usedIDs[id] = UsedID(actor: actor, command: command, outcome: outcome)
        return outcome
    }

    /// Lets time pass: closes every auction whose end has come, by end, then by opening.
    public mutating func closeDue(at time: Timestamp) {
        now = max(now, time)
        while true {
            var next: Auction?
            for id in open where !held.contains(id) {
                let auction = auctions[id]!
                guard let end = auction.closesAt, end <= now else { continue }
                if next == nil || end < next!.closesAt! { next = auction }
            }
            guard let next else { return }
            close(next.id)
        }
    }

    /// The house was out of reach after `since` and is there again at `until`: what ended meanwhile
    /// is not closed. Where the outage was longer than its rules let pass, the end is moved, if
    /// they say by how much, and else waits for the operator.
    public mutating func endOutage(since: Timestamp, until: Timestamp) {
        now = max(now, until)
        let lasted = Int128(until.nanoseconds) - Int128(since.nanoseconds)
        for id in open {
            guard let end = auctions[id]!.closesAt, end > since, end <= until else { continue }
            let rule = auctions[id]!.rules.outage
            if lasted <= Int128(rule?.longerThanMilliseconds ?? 5_000) * 1_000_000 { continue }
            if let move = rule?.moveMilliseconds {
                auctions[id]!.closesAt = time(
                    Int128(until.nanoseconds) + Int128(move) * 1_000_000)
            } else {
                held.insert(id)
            }
        }
    }

    /// Judges a command that is in a log, and does it: what was due and what was refused before it
    /// the log says itself.
    public mutating func judge(
        _ command: Command, by actor: LedgerActor, at time: Timestamp
    ) -> ModelOutcome {
        now = max(now, time)
        guard let rejection = perform(command, by: actor) else { return .accepted }
        if case .placeBid(let auction, _, _) = command { auctions[auction]!.rejectedBids += 1 }
        return .rejected(rejection)
    }

    /// Closes one auction, as a log says.
    /// - Returns: false where it is not open, or its end has not come.
    public mutating func closeOne(_ id: AuctionID, at time: Timestamp) -> Bool {
        now = max(now, time)
        guard let auction = auctions[id], auction.phase == .open, let end = auction.closesAt,
            end <= now
        else { return false }
        held.remove(id)
        close(id)
        return true
    }

    /// Moves one auction's end for an outage, as a log says.
    /// - Returns: false where its rules do not say so.
    public mutating func moveEnd(
        of id: AuctionID, since: Timestamp, until: Timestamp
    ) -> Bool {
        now = max(now, until)
        let lasted = Int128(until.nanoseconds) - Int128(since.nanoseconds)
        guard let auction = auctions[id], auction.phase == .open, let end = auction.closesAt,
            end > since, end <= until, let rule = auction.rules.outage,
            let move = rule.moveMilliseconds,
            lasted > Int128(rule.longerThanMilliseconds) * 1_000_000
        else { return false }
        auctions[id]!.closesAt = self.time(Int128(until.nanoseconds) + Int128(move) * 1_000_000)
        return true
    }

    /// The operator lets the auctions that an outage left open end.
    public mutating func confirmClosings(at time: Timestamp) {
        held = []
        closeDue(at: time)
    }

    /// The first unknown name: users before currencies before auctions.
    func missingName(in command: Command, by actor: LedgerActor) -> Refusal? {
        var users: [UserID] = []
        var currency: CurrencyCode?
        var auction: AuctionID?
        switch command {
        case .registerUser, .registerCurrency: break
        case .charge(let user, let code, _, _), .withdraw(let user, let code, _, _):
            users.append(user)
            currency = code
        case .openAuction(let opening):
            users.append(opening.seller)
            currency = opening.currency
        case .placeBid(let id, let bidder, _), .buyNow(let id, let bidder):
            users.append(bidder)
            auction = id
        case .closeAuction(let id, _), .extendAuction(let id, _), .cancelAuction(let id, _):
            auction = id
        }
        // Who registers herself is the only one who may act before she exists.
        if case .user(let id) = actor, command != .registerUser(id) { users.append(id) }
        if users.contains(where: { wallets[$0] == nil }) { return .userNotFound }
        if let currency, currencies[currency] == nil { return .currencyNotFound }
        if let auction, auctions[auction] == nil { return .auctionNotFound }
        return nil
    }

    /// Does a command whose names all exist.
    /// - Returns: the first rule that forbids it; then nothing was changed.
    mutating func perform(_ command: Command, by actor: LedgerActor) -> Rejection? {
        switch command {
        case .registerCurrency(let currency):
            if actor != .operator { return Rejection(.notPermitted) }
            if currencies[currency.code] != nil { return Rejection(.currencyAlreadyRegistered) }
            currencies[currency.code] = Totals(scale: currency.scale)
            return nil
        case .registerUser(let user):
            if actor != .operator && actor != .user(user) { return Rejection(.notPermitted) }
            if wallets[user] != nil { return Rejection(.userAlreadyRegistered) }
            wallets[user] = [:]
            return nil
        case .charge(let user, let currency, let amount, let reference):
            return charge(user, currency, amount, reference, by: actor)
        case .withdraw(let user, let currency, let amount, let reference):
            return withdraw(user, currency, amount, reference, by: actor)
        case .openAuction(let opening): return openAuction(opening, by: actor)
        case .placeBid(let auction, let bidder, let amount):
            return placeBid(on: auctions[auction]!, bidder, amount, by: actor)
        case .buyNow(let auction, let buyer): return buyNow(auctions[auction]!, buyer, by: actor)
        case .closeAuction(let id, let hammer):
            return closeAuction(auctions[id]!, hammer: hammer, by: actor)
        case .extendAuction(let id, let closesAt):
            return extendAuction(auctions[id]!, to: closesAt, by: actor)
        case .cancelAuction(let id, _): return cancelAuction(auctions[id]!, by: actor)
        }
    }
}
