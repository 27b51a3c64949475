// How a workload draws a command, and who gives it.

internal import AuctionDomain

extension Workload {
    private enum Kind {
        case bid, buyNow, charge, withdraw, open, close, hammer, extend, cancel
        case registerUser, registerCurrency
    }

    /// A command that may well succeed, by somebody who may well give it.
    mutating func makeCommand() -> (actor: LedgerActor, command: Command) {
        // Who stands at an edge of time bids, or asks what became of the auction.
        if let focus, generator.chance(perMille: 800) {
            if generator.chance(perMille: 50) { return makePurchase(of: focus) }
            return generator.chance(perMille: 800)
                ? makeBid(on: focus) : (makeActor(), .closeAuction(focus))
        }
        let weights = configuration.weights
        let lacksAuctions = model.open.count < configuration.openAuctions
        let kind = generator.pick(weighted: [
            (weights.bid, Kind.bid), (weights.buyNow, .buyNow), (weights.charge, .charge),
            (weights.withdraw, .withdraw),
            (weights.open * (lacksAuctions ? 3 : 1), .open), (weights.close, .close),
            (weights.hammer, .hammer), (weights.extend, .extend), (weights.cancel, .cancel),
            (weights.registerUser, .registerUser),
            (weights.registerCurrency, .registerCurrency),
        ])
        switch kind {
        case .bid: return makeBid(on: drawAuction())
        case .buyNow: return makePurchase(of: drawAuction())
        case .charge: return makeCharge()
        case .withdraw: return makeWithdrawal()
        case .open: return makeOpening()
        case .close: return (makeActor(), .closeAuction(drawAuction()))
        case .hammer:
            let auction = drawAuction()
            return (sellerOrOperator(auction), .closeAuction(auction, hammer: true))
        case .extend: return makeExtension()
        case .cancel:
            let auction = drawAuction()
            let reason = generator.pick(["", "withdrawn by the seller", "damaged in store"])
            return (sellerOrOperator(auction), .cancelAuction(auction, reason: reason))
        case .registerUser:
            let user =
                generator.chance(perMille: 50)
                ? UserID.house : Self.userName(generator.below(configuration.users))
            let isSelf = generator.chance(perMille: 700)
            return (isSelf ? .user(user) : .operator, .registerUser(user))
        case .registerCurrency:
            return (.operator, .registerCurrency(generator.pick(Self.currencies)))
        }
    }

    /// Anyone at all.
    mutating func makeActor() -> LedgerActor {
        switch generator.below(10) {
        case 0: .payment
        case 1...2: .operator
        default: .user(drawUser())
        }
    }

    mutating func sellerOrOperator(_ auction: AuctionID) -> LedgerActor {
        guard generator.chance(perMille: 500), let known = model.auctions[auction] else {
            return .operator
        }
        return .user(known.seller)
    }

    /// Mostly a registered user, sometimes one who is still to come, rarely the house.
    mutating func drawUser() -> UserID {
        let draw = generator.below(1_000)
        if draw < 5 { return .house }
        if draw < 15 || registeredUsers.isEmpty {
            return Self.userName(generator.below(configuration.users))
        }
        return generator.pick(registeredUsers)
    }

    /// Mostly an open auction, else one that ended not long ago.
    mutating func drawAuction() -> AuctionID {
        let finished = model.finished.suffix(12)
        if model.open.isEmpty || (!finished.isEmpty && generator.chance(perMille: 80)) {
            return finished.isEmpty ? "lot-0" : generator.pick(Array(finished))
        }
        return generator.pick(model.open)
    }

    mutating func drawCurrency() -> CurrencyCode {
        generator.pick(weighted: [
            (600, CurrencyCode("USD")), (200, "KRW"), (150, Self.hugeCurrency), (50, "EUR"),
        ])
    }

    mutating func number(_ range: ClosedRange<Int64>) -> Money {
        Money(minorUnits: generator.number(in: range))
    }

    /// An amount a little above or below another, kept within 1 and the largest amount.
    func shifted(_ amount: Money, by offset: Int64) -> Money {
        let (sum, overflow) = amount.minorUnits.addingReportingOverflow(offset)
        if overflow { return offset > 0 ? .max : 1 }
        return Money(minorUnits: max(1, sum))
    }
}
