// Rules at their limits: what just holds is taken, what just does not is refused by its field.

import AuctionDomain
import Testing

@Suite("Rules that contradict themselves")
struct RulesValidationTests {
    private static let end = Timestamp(seconds: 1_000)
    private static let longest = Limits.durationMillisecondsMax

    /// The field that a refusal names, or nil.
    private static func field(_ rules: AuctionRules, closesAt: Timestamp? = end) -> String? {
        do {
            try rules.validate(closesAt: closesAt)
            return nil
        } catch {
            return String(error.reason.prefix { $0 != " " })
        }
    }

    private static func softClose(
        window: Int64 = 1, extension length: Int64 = 1, max: UInt32? = nil,
        latest: Timestamp? = nil
    ) -> AuctionRules {
        AuctionRules(
            softClose: SoftClose(
                windowMilliseconds: window, extensionMilliseconds: length, maxExtensions: max,
                latestEnd: latest))
    }

    private static func fees(seller: Fee = .none, buyer: Fee = .none) -> AuctionRules {
        AuctionRules(openingPrice: 100, fees: Fees(seller: seller, buyer: buyer))
    }

    @Test("What just holds is taken")
    func limits() {
        let taken = [
            AuctionRules(openingPrice: .max), AuctionRules(increments: .basisPoints(1)),
            AuctionRules(increments: .basisPoints(10_000)),
            AuctionRules(openingPrice: 100, reservePrice: 100, buyNow: BuyNow(price: 100)),
            AuctionRules(
                reservePrice: 5, buyNow: BuyNow(price: 5, until: .reserveMet)),
            Self.softClose(window: Self.longest, extension: Self.longest, max: 1),
            Self.softClose(latest: Self.end),
            AuctionRules(outage: OutageRule(longerThanMilliseconds: 1, moveMilliseconds: 1)),
            AuctionRules(
                outage: OutageRule(
                    longerThanMilliseconds: Self.longest, moveMilliseconds: Self.longest)),
            Self.fees(seller: Fee(basisPoints: 10_000, minimum: 7, maximum: 7)),
            Self.fees(buyer: Fee(basisPoints: 10_000, maximum: 0)),
            Self.fees(seller: Fee(fixed: .max)),
            Self.fees(buyer: Fee(fixed: Money.max - 100)),
            AuctionRules(buyNow: BuyNow(price: .max), fees: Fees(seller: Fee(fixed: .max))),
        ]
        for rules in taken { #expect(Self.field(rules) == nil, "\(rules)") }
        let clock = AuctionRules(
            softClose: Self.softClose().softClose, durationFromFirstBidMilliseconds: Self.longest)
        #expect(Self.field(clock, closesAt: nil) == nil)
    }

    @Test("What just does not hold is refused by its field")
    func beyond() {
        let refused: [(String, AuctionRules)] = [
            ("rules.opening_price", AuctionRules(openingPrice: 0)),
            ("rules.increments.basis_points", AuctionRules(increments: .basisPoints(0))),
            ("rules.increments.basis_points", AuctionRules(increments: .basisPoints(10_001))),
            ("rules.reserve_price", AuctionRules(openingPrice: 100, reservePrice: 99)),
            ("rules.buy_now_price", AuctionRules(openingPrice: 100, buyNow: BuyNow(price: 99))),
            ("rules.buy_now_price", AuctionRules(reservePrice: 9, buyNow: BuyNow(price: 8))),
            ("rules.buy_now_until", AuctionRules(buyNow: BuyNow(price: 8, until: .reserveMet))),
            ("rules.soft_close.window_ms", Self.softClose(window: 0)),
            ("rules.soft_close.window_ms", Self.softClose(window: Self.longest + 1)),
            ("rules.soft_close.extension_ms", Self.softClose(extension: 0)),
            ("rules.soft_close.extension_ms", Self.softClose(extension: Self.longest + 1)),
            ("rules.soft_close.max_extensions", Self.softClose(max: 0)),
            ("rules.soft_close.latest_end", Self.softClose(latest: Timestamp(seconds: 999))),
            (
                "rules.soft_close.latest_end",
                Self.softClose(latest: Timestamp(nanoseconds: Timestamp.max.nanoseconds + 1))
            ),
            (
                "rules.outage.longer_than_ms",
                AuctionRules(outage: OutageRule(longerThanMilliseconds: 0))
            ),
            (
                "rules.outage.longer_than_ms",
                AuctionRules(outage: OutageRule(longerThanMilliseconds: Self.longest + 1))
            ),
            ("rules.outage.move_ms", AuctionRules(outage: OutageRule(moveMilliseconds: 0))),
            (
                "rules.outage.move_ms",
                AuctionRules(outage: OutageRule(moveMilliseconds: Self.longest + 1))
            ),
            ("rules.fees.seller.basis_points", Self.fees(seller: Fee(basisPoints: 10_001))),
            ("rules.fees.seller.basis_points", Self.fees(seller: Fee(basisPoints: -1))),
            ("rules.fees.buyer.basis_points", Self.fees(buyer: Fee(basisPoints: 10_001))),
            ("rules.fees.buyer.fixed", Self.fees(buyer: Fee(fixed: -1))),
            ("rules.fees.seller.minimum", Self.fees(seller: Fee(minimum: -1))),
            ("rules.fees.seller.maximum", Self.fees(seller: Fee(minimum: 2, maximum: 1))),
            ("rules.fees.seller.maximum", Self.fees(seller: Fee(maximum: -1))),
            ("rules.fees.buyer", Self.fees(buyer: Fee(fixed: Money.max - 99))),
            (
                "rules.fees.buyer",
                AuctionRules(reservePrice: .max, fees: Fees(buyer: Fee(fixed: 1)))
            ),
            (
                "rules.fees.buyer",
                AuctionRules(buyNow: BuyNow(price: .max), fees: Fees(buyer: Fee(fixed: 1)))
            ),
            (
                "rules.duration_from_first_bid_ms",
                AuctionRules(durationFromFirstBidMilliseconds: 1)
            ),
        ]
        for (name, rules) in refused { #expect(Self.field(rules) == name, "\(rules)") }
        for milliseconds in [0, -1, Self.longest + 1] {
            let rules = AuctionRules(durationFromFirstBidMilliseconds: milliseconds)
            #expect(Self.field(rules, closesAt: nil) == "rules.duration_from_first_bid_ms")
        }
        #expect(Self.field(Self.softClose(), closesAt: nil) == "rules.soft_close")
    }
}
