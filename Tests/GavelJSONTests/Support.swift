// What the tests of GavelJSON share: one small cast of names, and a seeded source of numbers.

import AuctionDomain
import Gavel

/// Handles stand for fixed names, so that expected texts can be written out.
struct Cast: Names {
    static let usd = Currency(code: "USD", scale: 2)
    static let house = UserHandle(rawValue: 0)
    static let alice = UserHandle(rawValue: 1)
    static let bob = UserHandle(rawValue: 2)
    /// A user who is named like a role.
    static let namedOperator = UserHandle(rawValue: 3)
    static let lot = AuctionHandle(rawValue: 0)
    static let dollars = CurrencyHandle(rawValue: 0)

    func id(of user: UserHandle) -> UserID {
        ["house", "alice", "bob", "operator"][Int(user.rawValue)]
    }
    func id(of auction: AuctionHandle) -> AuctionID { ["lot-1"][Int(auction.rawValue)] }
    func currency(of currency: CurrencyHandle) -> Currency { [Self.usd][Int(currency.rawValue)] }
    func currency(of auction: AuctionHandle) -> Currency { [Self.usd][Int(auction.rawValue)] }
}

/// SplitMix64: the same seed gives the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Every command in every variant that has its own text, as written by hand.
let commandSamples: [(text: String, command: Command)] = [
    (
        #"{"command":"register_currency","currency":"USD","scale":2}"#,
        .registerCurrency(Currency(code: "USD", scale: 2))
    ),
    (#"{"command":"register_user","user":"alice"}"#, .registerUser("alice")),
    (
        #"{"command":"charge","user":"alice","currency":"USD","amount":50000,"#
            + #""reference":"psp/1#a"}"#,
        .charge(user: "alice", currency: "USD", amount: 50000, reference: "psp/1#a")
    ),
    (
        #"{"command":"withdraw","user":"alice","currency":"USD","amount":9223372036854775807,"#
            + #""reference":"psp-124"}"#,
        .withdraw(user: "alice", currency: "USD", amount: .max, reference: "psp-124")
    ),
    (
        #"{"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD"}"#,
        .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD"))
    ),
    (
        #"{"command":"open_auction","auction":"lot-1","title":"A \"clock\", \\ 1\t€","#
            + #""seller":"bob","currency":"USD","opens_at":"2026-03-01T12:00:00.000Z","#
            + #""closes_at":"2026-03-01T12:00:01.000000001Z","#
            + #""rules":{"format":"english","opening_price":100,"proxy":true,"#
            + #""increments":[{"from":0,"step":5},{"from":100,"step":10}]}}"#,
        .openAuction(
            OpenAuction(
                auction: "lot-1", title: "A \"clock\", \\ 1\t€", seller: "bob", currency: "USD",
                opensAt: Timestamp(seconds: 1_772_366_400),
                closesAt: Timestamp(nanoseconds: 1_772_366_401_000_000_001),
                rules: AuctionRules(
                    openingPrice: 100, proxy: true,
                    increments: Increments.table([
                        IncrementRow(from: 0, step: 5), IncrementRow(from: 100, step: 10),
                    ]))))
    ),
    (
        #"{"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD","#
            + #""rules":{"format":"english","opening_price":100}}"#,
        .openAuction(
            OpenAuction(
                auction: "lot-1", seller: "bob", currency: "USD",
                rules: AuctionRules(openingPrice: 100)))
    ),
    (
        #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":1500}"#,
        .placeBid(auction: "lot-1", bidder: "alice", amount: 1500)
    ),
    (
        #"{"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD","#
            + #""closes_at":"1970-01-01T00:00:01.000Z","#
            + #""rules":{"format":"english","opening_price":100,"#
            + #""increments":{"basis_points":500},"reserve_price":200,"buy_now_price":300,"#
            + #""buy_now_until":"reserve_met","soft_close":{"window_ms":1,"extension_ms":2,"#
            + #""mode":"add","trigger":"lead_change","max_extensions":3,"#
            + #""latest_end":"1970-01-01T00:00:02.000Z"},"#
            + #""outage":{"longer_than_ms":5000,"move_ms":4},"#
            + #""fees":{"seller":{"basis_points":1000,"fixed":1,"minimum":2,"maximum":3},"#
            + #""buyer":{"basis_points":0,"minimum":5}},"cancel_policy":"operator_only"}}"#,
        .openAuction(
            OpenAuction(
                auction: "lot-1", seller: "bob", currency: "USD",
                closesAt: Timestamp(seconds: 1),
                rules: AuctionRules(
                    openingPrice: 100, increments: .basisPoints(500), reservePrice: 200,
                    buyNow: BuyNow(price: 300, until: .reserveMet),
                    softClose: SoftClose(
                        windowMilliseconds: 1, extensionMilliseconds: 2, mode: .add,
                        trigger: .leadChange, maxExtensions: 3, latestEnd: Timestamp(seconds: 2)),
                    outage: OutageRule(moveMilliseconds: 4),
                    fees: Fees(
                        seller: Fee(basisPoints: 1000, fixed: 1, minimum: 2, maximum: 3),
                        buyer: Fee(minimum: 5)),
                    cancelPolicy: .operatorOnly)))
    ),
    (
        #"{"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD","#
            + #""rules":{"format":"english","opening_price":1,"#
            + #""duration_from_first_bid_ms":86400000,"outage":{"longer_than_ms":7}}}"#,
        .openAuction(
            OpenAuction(
                auction: "lot-1", seller: "bob", currency: "USD",
                rules: AuctionRules(
                    durationFromFirstBidMilliseconds: 86_400_000,
                    outage: OutageRule(longerThanMilliseconds: 7))))
    ),
    (
        #"{"command":"buy_now","auction":"lot-1","buyer":"alice"}"#,
        .buyNow(auction: "lot-1", buyer: "alice")
    ),
    (#"{"command":"close_auction","auction":"lot-1"}"#, .closeAuction("lot-1")),
    (
        #"{"command":"close_auction","auction":"lot-1","hammer":true}"#,
        .closeAuction("lot-1", hammer: true)
    ),
    (
        #"{"command":"extend_auction","auction":"lot-1","closes_at":"1970-01-01T00:00:00.001Z"}"#,
        .extendAuction("lot-1", closesAt: Timestamp(milliseconds: 1))
    ),
    (#"{"command":"cancel_auction","auction":"lot-1"}"#, .cancelAuction("lot-1")),
    (
        #"{"command":"cancel_auction","auction":"lot-1","reason":"lost\u0001"}"#,
        .cancelAuction("lot-1", reason: "lost\u{1}")
    ),
]
