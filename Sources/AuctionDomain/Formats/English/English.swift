// The English auction: open ascending bids, the highest wins, with proxy bidding or without, with a
// hidden reserve and an offer to buy at once where the rules have them.
//
// Invariants between entries: the leader has the one hold, which covers the maximum and its
// premium; the reserve is met exactly if the price has reached it, for a price jumps to the reserve
// as soon as a maximum reaches it.

/// The format `english`. Its parts stand in the files beside this one.
enum English: FormatRules {
    static func validate(_ rules: AuctionRules, closesAt: Timestamp?) throws(MalformedValue) {
        guard rules.openingPrice >= 1 else {
            throw MalformedValue(
                "rules.opening_price must be at least 1, not \(rules.openingPrice.minorUnits)")
        }
        try rules.increments.validate()
        try validatePrices(rules)
        try rules.validateEnd(closesAt: closesAt)
        try rules.outage?.validate()
        try rules.fees.seller.validate("seller")
        try rules.fees.buyer.validate("buyer")
        let prices = [
            ("opening_price", rules.openingPrice), ("reserve_price", rules.reservePrice),
            ("buy_now_price", rules.buyNow?.price),
        ]
        for (name, price) in prices {
            guard let price, rules.fees.paid(at: price) == nil else { continue }
            throw MalformedValue(
                "rules.fees.buyer overflows: rules.\(name) \(price.minorUnits) and its premium "
                    + "are more than \(Int64.max)")
        }
    }

    private static func validatePrices(_ rules: AuctionRules) throws(MalformedValue) {
        if let reserve = rules.reservePrice, reserve < rules.openingPrice {
            throw MalformedValue(
                "rules.reserve_price must be at least rules.opening_price "
                    + "\(rules.openingPrice.minorUnits), not \(reserve.minorUnits)")
        }
        guard let buyNow = rules.buyNow else { return }
        guard buyNow.price >= rules.openingPrice else {
            throw MalformedValue(
                "rules.buy_now_price must be at least rules.opening_price "
                    + "\(rules.openingPrice.minorUnits), not \(buyNow.price.minorUnits)")
        }
        if let reserve = rules.reservePrice, buyNow.price < reserve {
            throw MalformedValue(
                "rules.buy_now_price must be at least rules.reserve_price "
                    + "\(reserve.minorUnits), not \(buyNow.price.minorUnits)")
        }
        if buyNow.until == .reserveMet && rules.reservePrice == nil {
            throw MalformedValue("rules.buy_now_until reserve_met needs rules.reserve_price")
        }
    }

    // MARK: What stands between entries

    @inline(__always)
    static func hasRightHolds(
        _ record: AuctionRecord, of auction: AuctionHandle, in state: State
    ) -> Bool {
        record.holder == record.leader
            && (record.leader == .none || isCovered(record, state))
    }

    /// Whether the leader's hold is the maximum and its premium, for a price that is not below the
    /// opening price and shows a reserve that is met.
    @inline(__always)
    private static func isCovered(_ record: AuctionRecord, _ state: State) -> Bool {
        let reserve = state.reserve(of: record) ?? .zero
        return state.paid(at: record.maximum, in: record) == record.held
            && record.maximum >= record.price && record.price >= record.openingPrice
            && (record.maximum >= reserve) == (record.price >= reserve)
    }

    static func minimumBid(_ record: AuctionRecord, in state: State) -> Money? {
        guard record.leader != .none else { return record.openingPrice }
        return record.price.adding(state.step(of: record, at: record.price))
    }

    static func isReserveMet(_ record: AuctionRecord, in state: State) -> Bool? {
        state.reserve(of: record).map { record.price >= $0 }
    }

    // MARK: What is told

    /// With proxy bidding a bid is a maximum, and the bidder's secret.
    static func showsAmounts(_ rules: AuctionRules) -> Bool { !rules.proxy }

    /// The reserve is hidden until the auction was closed.
    static func publicView(of rules: AuctionRules, isClosed: Bool) -> AuctionRules {
        var rules = rules
        if !isClosed { rules.reservePrice = nil }
        return rules
    }

    static func priceReason(
        of event: Event, bid amount: Money?, in story: AuctionSteps
    ) -> PriceReason? {
        guard let fact = event.bidFact else { return nil }
        let rules = story.rules
        switch fact.kind {
        case .leads: return reasonOfLead(fact.maximum ?? .zero, price: fact.price, story)
        case .raised: return rules.proxy ? .reserve : .bid
        case .absorbed:
            guard story.leader != nil else { return nil }
            let pushed = amount.flatMap { $0.adding(rules.increments.step(at: $0)) }
            return fact.price == pushed ? .stepAboveAbsorbedBid : .leaderMaximum
        case .boughtNow: return .buyNow
        }
    }

    private static func reasonOfLead(
        _ maximum: Money, price: Money, _ story: AuctionSteps
    ) -> PriceReason {
        let rules = story.rules
        guard rules.proxy else { return .bid }
        guard story.leader != nil else {
            return price == rules.openingPrice ? .openingPrice : .reserve
        }
        let beaten = story.maximum.adding(rules.increments.step(at: story.maximum)) ?? .max
        if price == beaten { return .stepAboveFormerMaximum }
        return price == maximum && beaten > maximum ? .ownMaximum : .reserve
    }
}
