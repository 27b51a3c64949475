// How a workload draws a command and aims its amounts and times.

internal import AuctionDomain

extension Workload {
    private enum Kind {
        case bid, buyNow, charge, withdraw, open, close, hammer, extend, cancel
        case registerUser, registerCurrency
    }

    /// A command that may well succeed, by somebody who may well give it.
    mutating func makeCommand() -> (actor: Actor, command: Command) {
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
    mutating func makeActor() -> Actor {
        switch generator.below(10) {
        case 0: .payment
        case 1...2: .operator
        default: .user(drawUser())
        }
    }

    private mutating func sellerOrOperator(_ auction: AuctionID) -> Actor {
        guard generator.chance(perMille: 500), let known = model.auctions[auction] else {
            return .operator
        }
        return .user(known.seller)
    }

    /// Mostly a registered user, sometimes one who is still to come, rarely the house.
    private mutating func drawUser() -> UserID {
        let draw = generator.below(1_000)
        if draw < 5 { return .house }
        if draw < 15 || registeredUsers.isEmpty {
            return Self.userName(generator.below(configuration.users))
        }
        return generator.pick(registeredUsers)
    }

    /// Mostly an open auction, else one that ended not long ago.
    private mutating func drawAuction() -> AuctionID {
        let finished = model.finished.suffix(12)
        if model.open.isEmpty || (!finished.isEmpty && generator.chance(perMille: 80)) {
            return finished.isEmpty ? "lot-0" : generator.pick(Array(finished))
        }
        return generator.pick(model.open)
    }

    private mutating func drawCurrency() -> CurrencyCode {
        generator.pick(weighted: [
            (600, CurrencyCode("USD")), (200, "KRW"), (150, Self.hugeCurrency), (50, "EUR"),
        ])
    }

    private mutating func number(_ range: ClosedRange<Int64>) -> Money {
        Money(minorUnits: generator.number(in: range))
    }

    /// An amount a little above or below another, kept within 1 and the largest amount.
    private func shifted(_ amount: Money, by offset: Int64) -> Money {
        let (sum, overflow) = amount.minorUnits.addingReportingOverflow(offset)
        if overflow { return offset > 0 ? .max : 1 }
        return Money(minorUnits: max(1, sum))
    }
}

// MARK: - Bids

extension Workload {
    private enum Aim {
        case minimum, belowMinimum, aboveMinimum, tie, justAboveMaximum, justBelowMaximum
        case stepAboveMaximum, everything, tooMuch, opening, reserve, buyNow, anything, huge
    }

    private mutating func makePurchase(of id: AuctionID) -> (actor: Actor, command: Command) {
        var buyer = drawUser()
        if generator.chance(perMille: 600), let (auction, leader) = leaderAboveBuyNow() {
            return (.user(leader), .buyNow(auction: auction, buyer: leader))
        }
        if let auction = model.auctions[id] {
            if let leader = auction.leader, generator.chance(perMille: 250) { buyer = leader }
            if auction.rules.buyNow == nil, generator.chance(perMille: 800) {
                // Mostly where there is such an offer.
                let offers = model.open.filter { model.auctions[$0]!.rules.buyNow != nil }
                if !offers.isEmpty { return makePurchase(of: generator.pick(offers)) }
            }
        }
        let actor = generator.chance(perMille: 900) ? Actor.user(buyer) : .operator
        return (actor, .buyNow(auction: id, buyer: buyer))
    }

    private mutating func makeBid(on id: AuctionID) -> (actor: Actor, command: Command) {
        guard let auction = model.auctions[id] else {
            let bidder = drawUser()
            return (.user(bidder), .placeBid(auction: id, bidder: bidder, amount: 100))
        }
        var bidder = drawUser()
        if let leader = auction.leader, generator.chance(perMille: 120) { bidder = leader }
        if bidder == auction.seller && generator.chance(perMille: 900) { bidder = drawUser() }
        var amount = bidAmount(on: auction, by: bidder)
        if let leader = auction.leader, let offer = model.buyNowPrice(of: auction),
            generator.chance(perMille: 150)
        {
            // A maximum above an offer that still stands: rare unless aimed at.
            (bidder, amount) = (leader, shifted(offer, by: generator.number(in: 0...50)))
        }
        let actor = generator.chance(perMille: 900) ? Actor.user(bidder) : .operator
        return (actor, .placeBid(auction: id, bidder: bidder, amount: amount))
    }

    /// A leader whose hold is more than the offer she can still take.
    private func leaderAboveBuyNow() -> (auction: AuctionID, leader: UserID)? {
        for id in model.open {
            let auction = model.auctions[id]!
            if let price = model.buyNowPrice(of: auction), auction.maximum >= price {
                return (id, auction.leader!)
            }
        }
        return nil
    }

    private mutating func bidAmount(
        on auction: NaiveModel.Auction, by bidder: UserID
    ) -> Money {
        let minimum = Money(
            minorUnits: Int64(clamping: model.minimumBid(on: auction)))
        let held = model.held(by: bidder, for: auction.id)
        let most = shifted(
            model.wallet(bidder, auction.currency).available, by: held.minorUnits)
        let maximum = auction.maximum
        let aim = generator.pick(weighted: [
            (220, Aim.minimum), (60, .belowMinimum), (330, .aboveMinimum), (70, .tie),
            (50, .justAboveMaximum), (40, .justBelowMaximum), (30, .stepAboveMaximum),
            (40, .everything), (40, .tooMuch), (40, .opening), (40, .reserve),
            (model.buyNowPrice(of: auction) == nil || auction.leader == nil ? 10 : 120, .buyNow),
            (60, .anything), (10, .huge),
        ])
        switch aim {
        case .minimum: return minimum
        case .belowMinimum: return shifted(minimum, by: -1)
        case .aboveMinimum: return shifted(minimum, by: generator.number(in: 0...400))
        case .tie: return shifted(maximum, by: 0)
        case .justAboveMaximum: return shifted(maximum, by: 1)
        case .justBelowMaximum: return shifted(maximum, by: -1)
        case .stepAboveMaximum:
            let step = minimum.minorUnits - auction.price.minorUnits
            return shifted(shifted(maximum, by: step), by: generator.number(in: -1...1))
        case .everything: return max(1, affordable(most, on: auction))
        case .tooMuch: return shifted(affordable(most, on: auction), by: 1)
        case .reserve:
            return shifted(
                auction.rules.reservePrice ?? minimum, by: generator.number(in: -1...1))
        case .buyNow:
            return shifted(auction.rules.buyNow?.price ?? minimum, by: generator.number(in: -1...1))
        case .opening:
            return shifted(auction.rules.openingPrice, by: generator.number(in: -1...1))
        case .anything: return number(1...2_000)
        case .huge: return .max
        }
    }
}

extension Workload {
    /// The largest amount that can be paid with its premium.
    private func affordable(_ most: Money, on auction: NaiveModel.Auction) -> Money {
        var low: Int64 = 0
        var high = most.minorUnits
        while low < high {
            let middle = low + (high - low) / 2 + (high - low) % 2
            let paid = model.paid(at: Money(minorUnits: middle), in: auction)
            if paid <= Int128(most.minorUnits) { low = middle } else { high = middle - 1 }
        }
        return Money(minorUnits: low)
    }
}

// MARK: - Payments

extension Workload {
    private mutating func makeCharge() -> (actor: Actor, command: Command) {
        let user = drawUser()
        let currency = drawCurrency()
        var amount = number(1...3_000)
        if currency == Self.hugeCurrency, let totals = model.currencies[currency] {
            let rest = Money.max - totals.charged
            amount = generator.pick([
                1, .max, number(1...100), max(1, rest), shifted(rest, by: 1),
            ])
        } else if generator.chance(perMille: 5) {
            amount = .max
        }
        let actor = generator.chance(perMille: 700) ? Actor.payment : .operator
        let charge = Command.charge(
            user: user, currency: currency, amount: amount, reference: reference(of: user))
        return (actor, charge)
    }

    private mutating func makeWithdrawal() -> (actor: Actor, command: Command) {
        let user = drawUser()
        let currency = drawCurrency()
        let available = model.wallet(user, currency).available
        // The huge amounts stay, or the edge of overflow is soon out of reach.
        let takesAll = generator.chance(perMille: 160) && currency != Self.hugeCurrency
        let takesMore = generator.chance(perMille: 160)
        let amount =
            takesAll
            ? max(1, available) : takesMore ? shifted(available, by: 1) : number(1...400)
        let actor = generator.pick([Actor.user(user), .user(user), .payment, .operator])
        let withdrawal = Command.withdraw(
            user: user, currency: currency, amount: amount, reference: reference(of: user))
        return (actor, withdrawal)
    }

    /// Mostly new; sometimes one that was used before, by this user or by another.
    private mutating func reference(of user: UserID) -> PaymentReference {
        if generator.chance(perMille: 60), let own = lastReference[user] { return own }
        if generator.chance(perMille: 60), let other = lastReference[drawUser()] { return other }
        referencesDrawn += 1
        let reference = PaymentReference(unchecked: "psp/\(referencesDrawn)")
        lastReference[user] = reference
        return reference
    }
}

// MARK: - Auctions

extension Workload {
    private mutating func makeOpening() -> (actor: Actor, command: Command) {
        let seller = drawUser()
        var id = AuctionID(unchecked: "lot-\(auctionsDrawn)")
        if generator.chance(perMille: 40) && !model.opened.isEmpty {
            id = generator.pick(model.opened)
        } else {
            auctionsDrawn += 1
        }
        let currency = drawCurrency()
        let opensAt = drawOpening()
        let closesAt = drawEnd(from: opensAt)
        var opening = OpenAuction(
            auction: id, title: generator.pick(["", "A clock", "Eine Bücherkiste", "시계"]),
            seller: seller, currency: currency, opensAt: opensAt, closesAt: closesAt,
            rules: drawRules(isHuge: currency == Self.hugeCurrency))
        if generator.chance(perMille: 550) {
            let plain = opening.rules
            addRules(to: &opening)
            // Near the largest amount a premium may not fit.
            if (try? opening.rules.validate(closesAt: closesAt)) == nil { opening.rules = plain }
        }
        let actor = generator.chance(perMille: 800) ? Actor.user(seller) : .operator
        return (actor, .openAuction(opening))
    }

    private func moved(_ time: Timestamp, by nanoseconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds + nanoseconds)
    }

    private mutating func drawOpening() -> Timestamp? {
        switch generator.below(10) {
        case 0...4: nil
        case 5: time
        case 6: moved(time, by: -generator.number(in: 1...10_000_000_000))
        case 7: moved(time, by: 1)
        default: moved(time, by: generator.number(in: 1...8_000_000_000))
        }
    }

    private mutating func drawEnd(from opensAt: Timestamp?) -> Timestamp? {
        let first = max(time, opensAt ?? time)
        let draw = generator.below(100)
        if draw < 8 { return nil }
        if draw < 11 { return first }
        if draw < 14 { return moved(first, by: 1) }
        if draw < 30, let other = model.open.last,
            let end = model.auctions[other]!.closesAt, end > first
        {
            // Two ends at one moment: the order of opening decides.
            return end
        }
        return moved(first, by: generator.number(in: 1_000_000_000...120_000_000_000))
    }

    private mutating func drawRules(isHuge: Bool) -> AuctionRules {
        let increments = generator.pick(weighted: [
            (400, Increments.one),
            (300, Self.bracketIncrements),
            (100, .table([IncrementRow(from: 0, step: 50)])),
            (200, .basisPoints(generator.pick([1, 250, 500, 1_000, 10_000]))),
            (150, Self.cliffIncrements),
        ])
        var openingPrice = generator.pick([1, 1, 5, 100, 500, number(1...800)])
        if isHuge && generator.chance(perMille: 600) {
            openingPrice = generator.pick([
                .max, number(.max - 3_000 ... .max), number(1 << 61...1 << 62),
            ])
        }
        return AuctionRules(
            openingPrice: openingPrice, proxy: generator.chance(perMille: 600),
            increments: increments)
    }

    /// Gives an auction some of what only some auctions have.
    private mutating func addRules(to opening: inout OpenAuction) {
        var rules = opening.rules
        if generator.chance(perMille: 400) {
            rules.reservePrice = shifted(rules.openingPrice, by: generator.number(in: 0...500))
        }
        if generator.chance(perMille: 400) {
            let least = rules.reservePrice ?? rules.openingPrice
            var until = generator.pick([BuyNow.Until.firstBid, .reserveMet, .end, .end])
            if rules.reservePrice == nil && until == .reserveMet { until = .end }
            rules.buyNow = BuyNow(
                price: shifted(least, by: generator.number(in: 0...900)), until: until)
        }
        if opening.closesAt == nil && generator.chance(perMille: 700) {
            rules.durationFromFirstBidMilliseconds = generator.number(in: 1...60_000)
        }
        let hasEnd = opening.closesAt != nil || rules.durationFromFirstBidMilliseconds != nil
        if hasEnd && generator.chance(perMille: 600) {
            rules.softClose = drawSoftClose(closesAt: opening.closesAt)
        }
        if generator.chance(perMille: 400) { rules.fees.seller = drawFee() }
        if generator.chance(perMille: 400) { rules.fees.buyer = drawFee() }
        if generator.chance(perMille: 200) { rules.cancelPolicy = .operatorOnly }
        if generator.chance(perMille: 400) { rules.outage = drawOutageRule() }
        opening.rules = rules
    }

    private mutating func drawOutageRule() -> OutageRule {
        OutageRule(
            longerThanMilliseconds: generator.number(in: 1...20_000),
            moveMilliseconds: generator.chance(perMille: 600)
                ? generator.number(in: 1...60_000) : nil)
    }

    private mutating func drawSoftClose(closesAt: Timestamp?) -> SoftClose {
        var rule = SoftClose(
            windowMilliseconds: generator.number(in: 1...20_000),
            extensionMilliseconds: generator.number(in: 1...20_000),
            mode: generator.pick(SoftClose.Mode.allCases),
            trigger: generator.pick(SoftClose.Trigger.allCases))
        if generator.chance(perMille: 300) {
            rule.maxExtensions = UInt32(generator.number(in: 1...3))
        }
        if generator.chance(perMille: 300) {
            rule.latestEnd = moved(
                closesAt ?? time, by: generator.number(in: 0...30_000_000_000))
        }
        return rule
    }

    private mutating func drawFee() -> Fee {
        var fee = Fee(basisPoints: generator.pick([0, 1, 250, 900, 1_250, 10_000]))
        if generator.chance(perMille: 300) { fee.fixed = number(0...30) }
        if generator.chance(perMille: 300) { fee.minimum = number(0...60) }
        if generator.chance(perMille: 300) {
            fee.maximum = shifted(fee.minimum, by: generator.number(in: 0...80))
        }
        return fee
    }

    /// A table in several brackets, whose edges bids of some hundred units meet often.
    private static let bracketIncrements = Increments.table([
        IncrementRow(from: 0, step: 5), IncrementRow(from: 100, step: 25),
        IncrementRow(from: 500, step: 50), IncrementRow(from: 2_500, step: 250),
    ])

    /// A table that no bid can follow once the price has reached 700.
    private static let cliffIncrements = Increments.table([
        IncrementRow(from: 0, step: 10), IncrementRow(from: 700, step: .max),
    ])

    private mutating func makeExtension() -> (actor: Actor, command: Command) {
        let id = drawAuction()
        let end = model.auctions[id]?.closesAt ?? time
        let closesAt =
            switch generator.below(8) {
            case 0: end
            case 1: moved(end, by: -1)
            case 2: moved(end, by: 1)
            case 3: time
            default: moved(max(end, time), by: generator.number(in: 1...10_000_000_000))
            }
        let isOperator = generator.chance(perMille: 850)
        let actor = isOperator ? Actor.operator : sellerOrOperator(id)
        return (actor, .extendAuction(id, closesAt: closesAt))
    }
}

// MARK: - Bent commands

extension Workload {
    /// One of the shapes that `Command.validate` refuses.
    mutating func makeMalformed() -> Command {
        let user = drawUser()
        let auction = drawAuction()
        let long = String(repeating: "x", count: Limits.titleBytesMax + 1)
        let tooLate = Timestamp(nanoseconds: Timestamp.max.nanoseconds + 1)
        var opening = OpenAuction(
            auction: "lot-malformed", seller: user, currency: "USD", opensAt: time, closesAt: time)
        switch generator.below(13) {
        case 0: return .placeBid(auction: auction, bidder: user, amount: 0)
        case 1: return .placeBid(auction: auction, bidder: user, amount: number(.min / 2 ... -1))
        case 2: return .charge(user: user, currency: "USD", amount: 0, reference: "malformed")
        case 3: return .withdraw(user: user, currency: "USD", amount: -1, reference: "malformed")
        case 4: return .registerCurrency(Currency(code: "USD", scale: Currency.scaleMax + 1))
        case 5: return .cancelAuction(auction, reason: long)
        case 6: return .extendAuction(auction, closesAt: tooLate)
        // closes_at is not after opens_at.
        case 7: return .openAuction(opening)
        case 8: opening.title = long
        case 9: opening.rules.openingPrice = 0
        case 10, 11: return .openAuction(makeContradictory(opening))
        default:
            opening.rules.increments = generator.pick([
                .table([]), .table([IncrementRow(from: 1, step: 1)]),
                .table([IncrementRow(from: 0, step: 0)]),
                .table([IncrementRow(from: 0, step: 1), IncrementRow(from: 0, step: 2)]),
                .basisPoints(0), .basisPoints(10_001),
            ])
        }
        opening.closesAt = nil
        return .openAuction(opening)
    }

    /// Rules that cannot all hold.
    private mutating func makeContradictory(_ plain: OpenAuction) -> OpenAuction {
        var opening = plain
        opening.closesAt = nil
        opening.rules.openingPrice = 100
        let window = SoftClose(windowMilliseconds: 1_000, extensionMilliseconds: 1_000)
        switch generator.below(17) {
        case 0: opening.rules.reservePrice = 99
        case 1: opening.rules.buyNow = BuyNow(price: 99)
        case 2:
            opening.rules.reservePrice = 200
            opening.rules.buyNow = BuyNow(price: 199)
        case 3: opening.rules.buyNow = BuyNow(price: 100, until: .reserveMet)
        case 4: opening.rules.softClose = window
        case 5:
            opening.closesAt = moved(time, by: 2)
            opening.rules.softClose = window
            opening.rules.softClose?.latestEnd = moved(time, by: 1)
        case 6:
            opening.closesAt = moved(time, by: 1)
            opening.rules.durationFromFirstBidMilliseconds = 1_000
        case 7: opening.rules.durationFromFirstBidMilliseconds = 0
        case 8: opening.rules.fees.seller.basisPoints = 10_001
        case 9: opening.rules.fees.buyer.basisPoints = -1
        case 10: opening.rules.fees.seller.fixed = -1
        case 11: opening.rules.fees.buyer = Fee(minimum: 2, maximum: 1)
        case 12: opening.rules.fees.buyer.fixed = .max
        case 13: opening.rules.outage = OutageRule(longerThanMilliseconds: 0)
        case 14: opening.rules.outage = OutageRule(moveMilliseconds: .max)
        case 15:
            opening.rules.durationFromFirstBidMilliseconds = 1_000
            opening.rules.softClose = window
            opening.rules.softClose?.maxExtensions = 0
        default:
            opening.rules.durationFromFirstBidMilliseconds = 1_000
            opening.rules.softClose = window
            opening.rules.softClose?.windowMilliseconds = 0
        }
        opening.opensAt = nil
        return opening
    }

    /// The same with one of its names replaced by one that nobody ever registers.
    mutating func withUnknownName(_ command: Command) -> Command {
        let first = generator.chance(perMille: 500)
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            return .placeBid(
                auction: first ? "lot-unknown" : auction, bidder: first ? bidder : "nobody",
                amount: amount)
        case .charge(let user, let currency, let amount, let reference):
            return .charge(
                user: first ? user : "nobody", currency: first ? "XXX" : currency,
                amount: amount, reference: reference)
        case .withdraw(let user, let currency, let amount, let reference):
            return .withdraw(
                user: first ? user : "nobody", currency: first ? "XXX" : currency,
                amount: amount, reference: reference)
        case .openAuction(var opening):
            if first { opening.currency = "XXX" } else { opening.seller = "nobody" }
            return .openAuction(opening)
        case .buyNow(let auction, let buyer):
            return .buyNow(
                auction: first ? "lot-unknown" : auction, buyer: first ? buyer : "nobody")
        case .closeAuction(_, let hammer): return .closeAuction("lot-unknown", hammer: hammer)
        case .extendAuction(_, let closesAt):
            return .extendAuction("lot-unknown", closesAt: closesAt)
        case .cancelAuction(_, let reason): return .cancelAuction("lot-unknown", reason: reason)
        case .registerUser, .registerCurrency: return command
        }
    }
}
