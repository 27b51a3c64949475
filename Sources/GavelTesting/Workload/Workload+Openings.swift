// How a workload draws auctions with their rules and times.

internal import AuctionDomain

extension Workload {
    mutating func makeOpening() -> (actor: LedgerActor, command: Command) {
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
        let actor = generator.chance(perMille: 800) ? LedgerActor.user(seller) : .operator
        return (actor, .openAuction(opening))
    }

    func moved(_ time: Timestamp, by nanoseconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds + nanoseconds)
    }

    mutating func drawOpening() -> Timestamp? {
        switch generator.below(10) {
        case 0...4: nil
        case 5: time
        case 6: moved(time, by: -generator.number(in: 1...10_000_000_000))
        case 7: moved(time, by: 1)
        default: moved(time, by: generator.number(in: 1...8_000_000_000))
        }
    }

    mutating func drawEnd(from opensAt: Timestamp?) -> Timestamp? {
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

    mutating func drawRules(isHuge: Bool) -> AuctionRules {
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
    mutating func addRules(to opening: inout OpenAuction) {
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

    mutating func drawOutageRule() -> OutageRule {
        OutageRule(
            longerThanMilliseconds: generator.number(in: 1...20_000),
            moveMilliseconds: generator.chance(perMille: 600)
                ? generator.number(in: 1...60_000) : nil)
    }

    mutating func drawSoftClose(closesAt: Timestamp?) -> SoftClose {
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

    mutating func drawFee() -> Fee {
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

    mutating func makeExtension() -> (actor: LedgerActor, command: Command) {
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
        let actor = isOperator ? LedgerActor.operator : sellerOrOperator(id)
        return (actor, .extendAuction(id, closesAt: closesAt))
    }
}
