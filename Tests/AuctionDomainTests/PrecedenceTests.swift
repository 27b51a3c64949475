// When several rules forbid a command, the first one by declaration in `Rejection.Code` and
// `Refusal` is the answer: relation, state, price, funds, overflow.
//
// Each case breaks two rules at once, then, with the first one mended, only the second: so both
// are shown to apply.

import AuctionDomain
import Testing

@Suite("Precedence")
struct PrecedenceTests {
    /// A command that breaks two rules, and the same with one of them mended.
    struct Case: CustomTestStringConvertible, Sendable {
        let first: Rejection.Code
        let second: Rejection.Code
        var setup: @Sendable (inout TestLedger) -> Void = { _ in }
        /// What breaks both, at a number of seconds after the start.
        let both: Attempt
        /// What breaks only the second.
        let mended: Attempt

        var testDescription: String { "\(first.name) before \(second.name)" }
    }

    struct Attempt: Sendable {
        let command: Command
        let actor: LedgerActor
        var time: Int64 = 1

        init(_ command: Command, by actor: LedgerActor, at time: Int64 = 1) {
            self.command = command
            self.actor = actor
            self.time = time
        }
    }

    private static func bid(
        _ amount: Money, by bidder: UserID = "bob", on auction: AuctionID = "lot"
    ) -> Command {
        .placeBid(auction: auction, bidder: bidder, amount: amount)
    }

    private static func opening(_ auction: AuctionID, closesAt: Timestamp) -> Command {
        .openAuction(
            OpenAuction(
                auction: auction, seller: "seller", currency: "USD", closesAt: closesAt))
    }

    private static func withdrawal(_ amount: Money, _ reference: PaymentReference) -> Command {
        .withdraw(user: "bob", currency: "USD", amount: amount, reference: reference)
    }

    private static func charge(_ amount: Money, _ reference: PaymentReference) -> Command {
        .charge(user: "bob", currency: "USD", amount: amount, reference: reference)
    }

    // In every case: `lot` opens at 100 in steps of 10, ends after 60 s; `later` opens after
    // 30 s; wallets hold 10,000.
    static let cases: [Case] = bids + payments + openings + endings

    private static let bids: [Case] = [
        Case(
            first: .sellerCannotBid, second: .notPermitted,
            both: Attempt(bid(100, by: "seller"), by: .payment),
            mended: Attempt(bid(100), by: .payment)),
        Case(
            first: .sellerCannotBid, second: .auctionEnded,
            both: Attempt(bid(100, by: "seller"), by: .user("seller"), at: 60),
            mended: Attempt(bid(100), by: .user("bob"), at: 60)),
        Case(
            first: .notPermitted, second: .auctionNotOpen,
            both: Attempt(bid(100, on: "later"), by: .user("alice")),
            mended: Attempt(bid(100, on: "later"), by: .user("bob"))),
        Case(
            first: .notPermitted, second: .auctionCancelled,
            setup: { $0.submit(.cancelAuction("lot"), at: TestLedger.start) },
            both: Attempt(bid(100), by: .user("alice")),
            mended: Attempt(bid(100), by: .user("bob"))),
        Case(
            first: .auctionNotOpen, second: .bidBelowOpening,
            both: Attempt(bid(99, on: "later"), by: .user("bob"), at: 29),
            mended: Attempt(bid(99, on: "later"), by: .user("bob"), at: 30)),
        Case(
            first: .auctionEnded, second: .bidBelowMinimum,
            setup: { $0.bid("alice", 200) },
            both: Attempt(bid(209), by: .user("bob"), at: 60),
            mended: Attempt(bid(209), by: .user("bob"), at: 59)),
        Case(
            first: .bidBelowOpening, second: .exceedsAvailable,
            both: Attempt(bid(99, by: "poor"), by: .user("poor")),
            mended: Attempt(bid(100, by: "poor"), by: .user("poor"))),
        Case(
            first: .bidBelowMinimum, second: .exceedsAvailable,
            setup: { $0.bid("alice", 9_995) },
            both: Attempt(bid(10_004), by: .user("bob")),
            mended: Attempt(bid(10_005), by: .user("bob"))),
        Case(
            first: .exceedsAvailable, second: .overflowsPrice,
            setup: { ledger in
                ledger.open("cliff", rules: .plain(opening: 100, step: .max))
                ledger.bid("alice", 100, on: "cliff")
            },
            both: Attempt(bid(10_001, on: "cliff"), by: .user("bob")),
            mended: Attempt(bid(10_000, on: "cliff"), by: .user("bob"))),
    ]

    private static let payments: [Case] = [
        Case(
            first: .notPermitted, second: .referenceAlreadyUsed,
            both: Attempt(charge(1, "start"), by: .user("bob")),
            mended: Attempt(charge(1, "start"), by: .payment)),
        Case(
            first: .referenceAlreadyUsed, second: .overflowsTotalCharged,
            both: Attempt(charge(.max, "start"), by: .payment),
            mended: Attempt(charge(.max, "other"), by: .payment)),
        Case(
            first: .notPermitted, second: .exceedsAvailable,
            both: Attempt(withdrawal(10_001, "out"), by: .user("alice")),
            mended: Attempt(withdrawal(10_001, "out"), by: .user("bob"))),
        Case(
            first: .referenceAlreadyUsed, second: .exceedsAvailable,
            setup: { $0.submit(withdrawal(1, "out"), at: TestLedger.start) },
            both: Attempt(withdrawal(10_000, "out"), by: .user("bob")),
            mended: Attempt(withdrawal(10_000, "other"), by: .user("bob"))),
        Case(
            first: .notPermitted, second: .userAlreadyRegistered,
            both: Attempt(.registerUser("bob"), by: .payment),
            mended: Attempt(.registerUser("bob"), by: .operator)),
        Case(
            first: .notPermitted, second: .currencyAlreadyRegistered,
            both: Attempt(
                .registerCurrency(Currency(code: "USD", scale: 2)), by: .user("bob")),
            mended: Attempt(.registerCurrency(Currency(code: "USD", scale: 2)), by: .operator)),
    ]

    private static let openings: [Case] = [
        Case(
            first: .notPermitted, second: .auctionAlreadyOpened,
            both: Attempt(opening("lot", closesAt: TestLedger.start + 60), by: .user("bob")),
            mended: Attempt(opening("lot", closesAt: TestLedger.start + 60), by: .operator)),
        Case(
            first: .auctionAlreadyOpened, second: .closesAtTooEarly,
            both: Attempt(opening("lot", closesAt: TestLedger.start), by: .operator),
            mended: Attempt(opening("new", closesAt: TestLedger.start), by: .operator)),
        Case(
            first: .notPermitted, second: .closesAtTooEarly,
            both: Attempt(
                .extendAuction("lot", closesAt: TestLedger.start + 60), by: .user("seller")),
            mended: Attempt(
                .extendAuction("lot", closesAt: TestLedger.start + 60), by: .operator)),
        Case(
            first: .auctionAlreadyClosed, second: .closesAtTooEarly,
            both: Attempt(
                .extendAuction("lot", closesAt: TestLedger.start + 60), by: .operator, at: 60),
            mended: Attempt(
                .extendAuction("lot", closesAt: TestLedger.start + 60), by: .operator, at: 59)),
    ]

    private static let endings: [Case] = [
        Case(
            first: .notPermitted, second: .auctionNotOpen,
            both: Attempt(.closeAuction("later", hammer: true), by: .user("bob")),
            mended: Attempt(.closeAuction("later", hammer: true), by: .user("seller"))),
        Case(
            first: .notPermitted, second: .auctionAlreadyClosed,
            both: Attempt(.cancelAuction("lot"), by: .user("bob"), at: 60),
            mended: Attempt(.cancelAuction("lot"), by: .operator, at: 60)),
        Case(
            first: .notPermitted, second: .auctionCancelled,
            setup: { $0.submit(.cancelAuction("lot"), at: TestLedger.start) },
            both: Attempt(.cancelAuction("lot"), by: .user("bob")),
            mended: Attempt(.cancelAuction("lot"), by: .user("seller"))),
        Case(
            first: .auctionAlreadyClosed, second: .auctionHasBids,
            setup: { $0.bid("alice", 200) },
            both: Attempt(.cancelAuction("lot"), by: .user("seller"), at: 60),
            mended: Attempt(.cancelAuction("lot"), by: .user("seller"), at: 59)),
    ]

    @Test("of two rules broken at once the earlier one answers", arguments: cases)
    func earlierWins(_ tested: Case) {
        #expect(tested.first.rawValue < tested.second.rawValue)
        for (attempt, expected) in [(tested.both, tested.first), (tested.mended, tested.second)] {
            var ledger = TestLedger.prepared()
            ledger.submit(.registerUser("poor"), at: TestLedger.start)
            ledger.open(rules: .plain(opening: 100, step: 10))
            ledger.open(
                "later", rules: .plain(opening: 100, step: 10), opensAt: TestLedger.start + 30)
            tested.setup(&ledger)
            let answer = ledger.submit(
                attempt.command, by: attempt.actor, at: TestLedger.start + attempt.time)
            #expect(answer.rejection?.code == expected)
        }
    }

    @Test("numbers rise in the order of declaration, and none is given twice")
    func numbersRise() {
        let rejections = Rejection.Code.allCases.map(\.rawValue)
        let refusals = Refusal.allCases.map(\.rawValue)
        #expect(rejections == rejections.sorted() && Set(rejections).count == rejections.count)
        #expect(refusals == refusals.sorted() && Set(refusals).count == refusals.count)
        #expect(Set(rejections).isDisjoint(with: refusals))
        #expect(Set(Rejection.Code.allCases.map(\.name)).count == rejections.count)
    }

    @Test("a malformed command is refused before its names are looked up")
    func malformedFirst() {
        var ledger = TestLedger.prepared()
        let bid = Self.bid(0, by: "nobody", on: "nothing")
        #expect(ledger.submit(bid, at: TestLedger.start) == .refused(.malformed))
    }

    @Test("unknown users are named before currencies, and currencies before auctions")
    func existence() {
        var ledger = TestLedger.prepared()
        let start = TestLedger.start
        func charge(_ user: UserID) -> Command {
            .charge(user: user, currency: "XXX", amount: 1, reference: "r")
        }
        #expect(ledger.submit(charge("nobody"), at: start) == .refused(.userNotFound))
        #expect(ledger.submit(charge("bob"), at: start) == .refused(.currencyNotFound))
        #expect(
            ledger.submit(Self.bid(1, by: "nobody", on: "nothing"), at: start)
                == .refused(.userNotFound))
        #expect(
            ledger.submit(Self.bid(1, on: "nothing"), at: start) == .refused(.auctionNotFound))
        let opening = OpenAuction(auction: "new", seller: "nobody", currency: "XXX")
        #expect(ledger.submit(.openAuction(opening), at: start) == .refused(.userNotFound))
        // The actor is a user as well.
        let close = Command.closeAuction("nothing")
        #expect(ledger.submit(close, by: .user("nobody"), at: start) == .refused(.userNotFound))
        #expect(ledger.submit(close, by: .user("bob"), at: start) == .refused(.auctionNotFound))
        // What is refused exists nowhere, though a rule would have rejected it as well.
        let count = ledger.state.entryCount
        #expect(
            ledger.submit(charge("nobody"), by: .user("bob"), at: start)
                == .refused(.userNotFound))
        #expect(ledger.state.entryCount == count)
    }
}
