// The bytes of an auction's rules, in its opening entry and in snapshots.
//
//      u8   format                     what follows, only where its bit is set:
//      u32  flags                       1  u16 basis points, in place of the table
//      i64  opening price               2  i64 reserve price
//      the table, where bit 1 is not:   3  i64 buy-now price, u8 until
//        u8 rows, {i64 from, i64 step}  4  i64 window ms, i64 extension ms, u8 mode, u8 trigger
//                                       5  u32 most extensions       6  i64 latest end
//                                       7  i64 duration from the first bid, ms
//                                       8  the seller's fee          9  the buyer's fee
//                                      12  u8 cancel policy
//                                      13  i64 an outage's length, ms
//                                      14  i64 the move after an outage, ms
//      bit 0 says proxy; a fee is u16 basis points, i64 fixed, i64 minimum, and i64 maximum where
//      bit 10 (the seller's) or 11 (the buyer's) is set
//
// Invariants: equal rules have equal bytes: what equals its default is not written; an unknown
// flag is refused, so formats to come find room here.

internal import AuctionDomain
internal import Platform

private struct RulesFlags: OptionSet {
    let rawValue: UInt32

    static let proxy = Self(rawValue: 1 << 0)
    static let basisPoints = Self(rawValue: 1 << 1)
    static let reserve = Self(rawValue: 1 << 2)
    static let buyNow = Self(rawValue: 1 << 3)
    static let softClose = Self(rawValue: 1 << 4)
    static let maxExtensions = Self(rawValue: 1 << 5)
    static let latestEnd = Self(rawValue: 1 << 6)
    static let durationFromFirstBid = Self(rawValue: 1 << 7)
    static let sellerFee = Self(rawValue: 1 << 8)
    static let buyerFee = Self(rawValue: 1 << 9)
    static let sellerMaximum = Self(rawValue: 1 << 10)
    static let buyerMaximum = Self(rawValue: 1 << 11)
    static let cancelPolicy = Self(rawValue: 1 << 12)
    static let outage = Self(rawValue: 1 << 13)
    static let outageMove = Self(rawValue: 1 << 14)
    static let known = Self(rawValue: (1 << 15) - 1)

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(of rules: AuctionRules) {
        var isShare = false
        if case .basisPoints = rules.increments { isShare = true }
        let present: [(RulesFlags, Bool)] = [
            (.proxy, rules.proxy), (.basisPoints, isShare),
            (.reserve, rules.reservePrice != nil), (.buyNow, rules.buyNow != nil),
            (.softClose, rules.softClose != nil),
            (.maxExtensions, rules.softClose?.maxExtensions != nil),
            (.latestEnd, rules.softClose?.latestEnd != nil),
            (.durationFromFirstBid, rules.durationFromFirstBidMilliseconds != nil),
            (.sellerFee, rules.fees.seller != .none), (.buyerFee, rules.fees.buyer != .none),
            (.sellerMaximum, rules.fees.seller.maximum != nil),
            (.buyerMaximum, rules.fees.buyer.maximum != nil),
            (.cancelPolicy, rules.cancelPolicy != .beforeFirstBid),
            (.outage, rules.outage != nil),
            (.outageMove, rules.outage?.moveMilliseconds != nil),
        ]
        self = RulesFlags(present.filter(\.1).map(\.0))
    }
}

extension ByteBuffer {
    /// Appends the rules of an auction.
    mutating func appendRules(_ rules: AuctionRules) {
        append(rules.format.rawValue)
        append(RulesFlags(of: rules).rawValue)
        append(rules.openingPrice.minorUnits)
        switch rules.increments {
        case .table(let rows):
            append(UInt8(rows.count))
            for row in rows {
                append(row.from.minorUnits)
                append(row.step.minorUnits)
            }
        case .basisPoints(let share): append(UInt16(share))
        }
        if let reserve = rules.reservePrice { append(reserve.minorUnits) }
        if let offer = rules.buyNow {
            append(offer.price.minorUnits)
            append(offer.until.rawValue)
        }
        if let softClose = rules.softClose {
            append(softClose.windowMilliseconds)
            append(softClose.extensionMilliseconds)
            append(softClose.mode.rawValue)
            append(softClose.trigger.rawValue)
            if let most = softClose.maxExtensions { append(most) }
            if let latest = softClose.latestEnd { append(latest.nanoseconds) }
        }
        if let duration = rules.durationFromFirstBidMilliseconds { append(duration) }
        for fee in [rules.fees.seller, rules.fees.buyer] where fee != .none { appendFee(fee) }
        if rules.cancelPolicy != .beforeFirstBid { append(rules.cancelPolicy.rawValue) }
        if let outage = rules.outage {
            append(outage.longerThanMilliseconds)
            if let move = outage.moveMilliseconds { append(move) }
        }
    }

    private mutating func appendFee(_ fee: Fee) {
        append(UInt16(fee.basisPoints))
        append(fee.fixed.minorUnits)
        append(fee.minimum.minorUnits)
        if let maximum = fee.maximum { append(maximum.minorUnits) }
    }
}

extension ByteReader {
    /// Reads the rules of an auction, which may still contradict each other.
    mutating func rules(_ bytes: RawSpan) throws(LogFault) -> AuctionRules {
        let format: AuctionFormat = try enumeration(bytes)
        let flags = RulesFlags(rawValue: try integer(UInt32.self, bytes))
        guard flags.isSubset(of: .known) else {
            throw LogFault("unknown rules flags \(flags.rawValue)")
        }
        var rules = AuctionRules(format: format, openingPrice: try money(bytes))
        rules.proxy = flags.contains(.proxy)
        rules.increments =
            flags.contains(.basisPoints)
            ? .basisPoints(Int(try integer(UInt16.self, bytes))) : try table(bytes)
        if flags.contains(.reserve) { rules.reservePrice = try money(bytes) }
        if flags.contains(.buyNow) {
            rules.buyNow = BuyNow(price: try money(bytes), until: try enumeration(bytes))
        }
        if flags.contains(.softClose) { rules.softClose = try softClose(flags, bytes) }
        if flags.contains(.durationFromFirstBid) {
            rules.durationFromFirstBidMilliseconds = try integer(Int64.self, bytes)
        }
        if flags.contains(.sellerFee) {
            rules.fees.seller = try fee(hasMaximum: flags.contains(.sellerMaximum), bytes)
        }
        if flags.contains(.buyerFee) {
            rules.fees.buyer = try fee(hasMaximum: flags.contains(.buyerMaximum), bytes)
        }
        if flags.contains(.cancelPolicy) { rules.cancelPolicy = try enumeration(bytes) }
        if flags.contains(.outage) {
            rules.outage = OutageRule(
                longerThanMilliseconds: try integer(Int64.self, bytes),
                moveMilliseconds: flags.contains(.outageMove)
                    ? try integer(Int64.self, bytes) : nil)
        }
        guard RulesFlags(of: rules) == flags else {
            throw LogFault("rules flags \(flags.rawValue) do not fit the rules")
        }
        return rules
    }

    private mutating func table(_ bytes: RawSpan) throws(LogFault) -> Increments {
        var rows: [IncrementRow] = []
        for _ in 0..<(try integer(UInt8.self, bytes)) {
            rows.append(IncrementRow(from: try money(bytes), step: try money(bytes)))
        }
        return .table(rows)
    }

    private mutating func softClose(
        _ flags: RulesFlags, _ bytes: RawSpan
    ) throws(LogFault) -> SoftClose {
        SoftClose(
            windowMilliseconds: try integer(Int64.self, bytes),
            extensionMilliseconds: try integer(Int64.self, bytes),
            mode: try enumeration(bytes), trigger: try enumeration(bytes),
            maxExtensions: flags.contains(.maxExtensions)
                ? try integer(UInt32.self, bytes) : nil,
            latestEnd: flags.contains(.latestEnd) ? try time(bytes) : nil)
    }

    private mutating func fee(hasMaximum: Bool, _ bytes: RawSpan) throws(LogFault) -> Fee {
        Fee(
            basisPoints: Int(try integer(UInt16.self, bytes)), fixed: try money(bytes),
            minimum: try money(bytes), maximum: hasMaximum ? try money(bytes) : nil)
    }
}
