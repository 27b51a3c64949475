// The rules of an auction in JSON.
//
//     {"format":"english","opening_price":100,"proxy":true,"increments":[{"from":0,"step":5}],
//      "reserve_price":500,"buy_now_price":900,"buy_now_until":"reserve_met",
//      "soft_close":{"window_ms":120000,"extension_ms":120000,"mode":"reset",
//       "trigger":"accepted_bid","max_extensions":10,"latest_end":"2026-05-01T20:00:00Z"},
//      "outage":{"longer_than_ms":5000,"move_ms":600000},
//      "fees":{"seller":{"basis_points":1000},"buyer":{"basis_points":900,"minimum":50}},
//      "cancel_policy":"before_first_bid"}
//
// Invariants: a field stands in a list of known ones exactly if it is read and written here; every
// field is optional unless the object makes no sense without it; what equals its default is left
// out where commands are written, and stands where answers are.

public import AuctionDomain

private enum RulesFields {
    static let rules = [
        "format", "opening_price", "proxy", "increments", "reserve_price", "buy_now_price",
        "buy_now_until", "soft_close", "duration_from_first_bid_ms", "outage", "fees",
        "cancel_policy",
    ]
    static let row = ["from", "step"]
    static let share = ["basis_points"]
    static let softClose = [
        "window_ms", "extension_ms", "mode", "trigger", "max_extensions", "latest_end",
    ]
    static let outage = ["longer_than_ms", "move_ms"]
    static let fees = ["seller", "buyer"]
    static let fee = ["basis_points", "fixed", "minimum", "maximum"]
}

// MARK: - Reading

extension FieldReader {
    func rulesIfPresent(_ name: String) throws(CommandError) -> AuctionRules? {
        guard let object = try objectIfPresent(name, known: RulesFields.rules) else { return nil }
        var rules = AuctionRules()
        if let format = try object.wordIfPresent("format", as: AuctionFormat.self) {
            rules.format = format
        }
        if let price = try object.moneyIfPresent("opening_price") { rules.openingPrice = price }
        if let proxy = try object.boolIfPresent("proxy") { rules.proxy = proxy }
        if let increments = try object.increments() { rules.increments = increments }
        rules.reservePrice = try object.moneyIfPresent("reserve_price")
        rules.buyNow = try object.buyNow()
        rules.softClose = try object.softClose()
        rules.durationFromFirstBidMilliseconds =
            try object.integerIfPresent("duration_from_first_bid_ms")
        rules.outage = try object.outage()
        if let fees = try object.objectIfPresent("fees", known: RulesFields.fees) {
            rules.fees.seller = try fees.fee("seller")
            rules.fees.buyer = try fees.fee("buyer")
        }
        if let policy = try object.wordIfPresent("cancel_policy", as: CancelPolicy.self) {
            rules.cancelPolicy = policy
        }
        return rules
    }

    private func increments() throws(CommandError) -> Increments? {
        guard let value = ifPresent("increments") else { return nil }
        switch value {
        case .array(let rows): return .table(try table(rows))
        case .object:
            let object = try objectIfPresent("increments", known: RulesFields.share)
            return .basisPoints(Int(clamping: try object!.integer("basis_points")))
        default:
            throw wrong("increments", value, "an array of rows or an object with basis_points")
        }
    }

    private func table(_ values: [JSONValue]) throws(CommandError) -> [IncrementRow] {
        var rows: [IncrementRow] = []
        rows.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            let place = "\(prefix)increments[\(index)]"
            guard case .object(let members) = value else {
                throw CommandError(
                    "\(place) must be an object with from and step, not \(value.found)")
            }
            let row = try FieldReader(
                members, prefix: place + ".", of: place, known: RulesFields.row)
            rows.append(IncrementRow(from: try row.money("from"), step: try row.money("step")))
        }
        return rows
    }

    private func buyNow() throws(CommandError) -> BuyNow? {
        let until = try wordIfPresent("buy_now_until", as: BuyNow.Until.self)
        guard let price = try moneyIfPresent("buy_now_price") else {
            guard until == nil else {
                throw CommandError("\(prefix)buy_now_until needs \(prefix)buy_now_price")
            }
            return nil
        }
        return BuyNow(price: price, until: until ?? .firstBid)
    }

    private func softClose() throws(CommandError) -> SoftClose? {
        guard let object = try objectIfPresent("soft_close", known: RulesFields.softClose) else {
            return nil
        }
        var softClose = SoftClose(
            windowMilliseconds: try object.integer("window_ms"),
            extensionMilliseconds: try object.integer("extension_ms"))
        if let mode = try object.wordIfPresent("mode", as: SoftClose.Mode.self) {
            softClose.mode = mode
        }
        if let trigger = try object.wordIfPresent("trigger", as: SoftClose.Trigger.self) {
            softClose.trigger = trigger
        }
        if let most = try object.integerIfPresent("max_extensions") {
            // Checked here and not left to `validate`: it must not become another number on the
            // way there.
            guard let count = UInt32(exactly: most), count >= 1 else {
                throw object.wrong(
                    "max_extensions", .integer(most), "1 to \(UInt32.max)")
            }
            softClose.maxExtensions = count
        }
        softClose.latestEnd = try object.timeIfPresent("latest_end")
        return softClose
    }

    private func outage() throws(CommandError) -> OutageRule? {
        guard let object = try objectIfPresent("outage", known: RulesFields.outage) else {
            return nil
        }
        let longerThan = try object.integerIfPresent("longer_than_ms")
        let move = try object.integerIfPresent("move_ms")
        guard longerThan != nil || move != nil else {
            throw CommandError("\(prefix)outage must have longer_than_ms or move_ms")
        }
        return OutageRule(
            longerThanMilliseconds: longerThan ?? OutageRule.longerThanMillisecondsDefault,
            moveMilliseconds: move)
    }

    private func fee(_ name: String) throws(CommandError) -> Fee {
        guard let object = try objectIfPresent(name, known: RulesFields.fee) else { return .none }
        return Fee(
            basisPoints: Int(clamping: try object.integerIfPresent("basis_points") ?? 0),
            fixed: try object.moneyIfPresent("fixed") ?? 0,
            minimum: try object.moneyIfPresent("minimum") ?? 0,
            maximum: try object.moneyIfPresent("maximum"))
    }
}

// MARK: - Writing

extension JSONWriter {
    /// Writes the rules of an auction.
    /// - Parameter isComplete: whether the fields that have their defaults stand too; what an
    ///   auction does not have is then null. (`outage` is left out: entries are printed with
    ///   their rules, and how one was printed before there was that rule stays.)
    public mutating func rules(_ rules: AuctionRules, isComplete: Bool) {
        object { object in
            object.field("format", rules.format.jsonName)
            object.field("opening_price", rules.openingPrice)
            if isComplete || rules.proxy { object.field("proxy", rules.proxy) }
            if isComplete || rules.increments != .one {
                object.name("increments")
                object.increments(rules.increments)
            }
            if isComplete || rules.reservePrice != nil {
                object.field("reserve_price", rules.reservePrice)
            }
            if isComplete || rules.buyNow != nil {
                object.field("buy_now_price", rules.buyNow?.price)
                object.field("buy_now_until", rules.buyNow?.until.jsonName)
            }
            object.softClose(rules.softClose, isComplete: isComplete)
            if isComplete || rules.durationFromFirstBidMilliseconds != nil {
                object.field("duration_from_first_bid_ms", rules.durationFromFirstBidMilliseconds)
            }
            if let outage = rules.outage { object.outage(outage, isComplete: isComplete) }
            object.fees(rules.fees, isComplete: isComplete)
            if isComplete || rules.cancelPolicy != .beforeFirstBid {
                object.field("cancel_policy", rules.cancelPolicy.jsonName)
            }
        }
    }

    private mutating func increments(_ increments: Increments) {
        switch increments {
        case .table(let rows):
            array { array in
                for row in rows {
                    array.object { object in
                        object.field("from", row.from)
                        object.field("step", row.step)
                    }
                }
            }
        case .basisPoints(let share):
            object { $0.field("basis_points", share) }
        }
    }

    private mutating func softClose(_ softClose: SoftClose?, isComplete: Bool) {
        guard let softClose else {
            if isComplete { field("soft_close", nil as String?) }
            return
        }
        name("soft_close")
        object { object in
            object.field("window_ms", softClose.windowMilliseconds)
            object.field("extension_ms", softClose.extensionMilliseconds)
            object.field("mode", softClose.mode.jsonName)
            object.field("trigger", softClose.trigger.jsonName)
            if isComplete || softClose.maxExtensions != nil {
                object.field("max_extensions", softClose.maxExtensions)
            }
            if isComplete || softClose.latestEnd != nil {
                object.field("latest_end", softClose.latestEnd)
            }
        }
    }

    private mutating func outage(_ outage: OutageRule, isComplete: Bool) {
        name("outage")
        object { object in
            object.field("longer_than_ms", outage.longerThanMilliseconds)
            if isComplete || outage.moveMilliseconds != nil {
                object.field("move_ms", outage.moveMilliseconds)
            }
        }
    }

    private mutating func fees(_ fees: Fees, isComplete: Bool) {
        guard fees != .none else {
            if isComplete { field("fees", nil as String?) }
            return
        }
        name("fees")
        object { object in
            for (name, fee) in [("seller", fees.seller), ("buyer", fees.buyer)]
            where isComplete || fee != .none {
                object.name(name)
                object.fee(fee, isComplete: isComplete)
            }
        }
    }

    private mutating func fee(_ fee: Fee, isComplete: Bool) {
        object { object in
            object.field("basis_points", fee.basisPoints)
            if isComplete || fee.fixed != 0 { object.field("fixed", fee.fixed) }
            if isComplete || fee.minimum != 0 { object.field("minimum", fee.minimum) }
            if isComplete || fee.maximum != nil { object.field("maximum", fee.maximum) }
        }
    }
}
