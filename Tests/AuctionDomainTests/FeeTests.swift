// Fees: the formula, what a bid must hold, and that the parts of every sale sum exactly.

import AuctionDomain
import Testing

@Suite("Fees")
struct FeeTests {
    @Test("A fee is the share rounded down plus the fixed part, between minimum and maximum")
    func formula() {
        #expect(Fee(basisPoints: 900).amount(on: 250) == 22)
        #expect(Fee(basisPoints: 1).amount(on: 9_999) == 0)
        #expect(Fee(basisPoints: 1).amount(on: 10_000) == 1)
        #expect(Fee(basisPoints: 10_000).amount(on: .max) == .max)
        #expect(Fee(basisPoints: 900, fixed: 5).amount(on: 250) == 27)
        #expect(Fee(basisPoints: 900, fixed: 5, minimum: 28).amount(on: 250) == 28)
        #expect(Fee(basisPoints: 900, fixed: 5, minimum: 20, maximum: 26).amount(on: 250) == 26)
        #expect(Fee(fixed: .max).amount(on: 1) == .max)
        #expect(Fee(basisPoints: 10_000, fixed: 1).amount(on: .max) == .max)
        #expect(Fee(basisPoints: 10_000, fixed: .max).amount(on: 5) == .max)
        #expect(Fee.none.amount(on: .max) == 0)
    }

    @Test("The seller's proceeds are never less than nothing, the buyer's sum never overflows")
    func edges() {
        let fees = Fees(seller: Fee(minimum: 30), buyer: Fee(fixed: 1))
        #expect(fees.proceeds(at: 29) == 0 && fees.proceeds(at: 30) == 0)
        #expect(fees.proceeds(at: 31) == 1)
        #expect(fees.paid(at: .max) == nil)
        #expect(fees.paid(at: Money(minorUnits: .max - 1)) == .max)
    }

    private func ledger(_ fees: Fees, wallets: [(UserID, Money)]? = nil) -> TestLedger {
        var ledger =
            wallets.map { TestLedger.prepared(wallets: $0) } ?? TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 20, step: 10)
        rules.fees = fees
        ledger.open(rules: rules)
        return ledger
    }

    private static let fees = Fees(
        seller: Fee(basisPoints: 1_000, minimum: 30), buyer: Fee(basisPoints: 900))

    @Test("A bid holds its premium, a sale pays seller and house, and the rest comes back")
    func sale() {
        var ledger = ledger(Self.fees)
        ledger.bid("alice", 1_000)
        #expect(ledger.locked("alice") == 1_090)
        ledger.bid("bob", 240)
        #expect(ledger.auction().price == 250)
        let events = ledger.submit(
            .closeAuction("lot", hammer: true), at: TestLedger.start
        ).events
        let lot = ledger.state.auction("lot")!
        let alice = ledger.state.user("alice")!
        let seller = ledger.state.user("seller")!
        #expect(
            Array(events) == [
                .auctionClosed(auction: lot, outcome: .sold, winner: alice, price: 250),
                .settled(auction: lot, winner: alice, seller: seller, amount: 272, fee: 52),
                .refunded(auction: lot, user: alice, amount: 818, reason: .change),
            ])
        #expect(ledger.available("seller") == 220 && ledger.available("house") == 52)
        #expect(ledger.available("alice") == 9_728)
        #expect(ledger.state.paid(for: lot) == 272)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("Where the seller's fee is more than the price the house gets it all")
    func feeAbovePrice() {
        var ledger = ledger(Self.fees)
        ledger.bid("alice", 20)
        ledger.closeDue(at: TestLedger.start + 60)
        // The premium on 20 is 1; nothing was ever moved for the seller.
        #expect(ledger.available("house") == 21 && ledger.available("seller") == 0)
        #expect(ledger.state.accounts(of: ledger.state.user("seller")!).isEmpty)
    }

    @Test("The premium must be covered too, to the last unit; a raise needs the difference")
    func funds() {
        var ledger = ledger(Self.fees, wallets: [("alice", 1_089), ("bob", 1_090)])
        #expect(
            ledger.bid("alice", 1_000).rejection == Rejection(.exceedsAvailable, limit: 1_089))
        #expect(ledger.bid("bob", 500).isAccepted)
        #expect(ledger.locked("bob") == 545)
        #expect(
            ledger.bid("bob", 1_001).rejection == Rejection(.exceedsAvailable, limit: 545))
        #expect(ledger.bid("bob", 1_000).isAccepted)
        #expect(ledger.locked("bob") == 1_090 && ledger.available("bob") == 0)
        // What will be absorbed must be covered as well.
        #expect(ledger.bid("alice", 999).isAccepted)
        #expect(ledger.locked("alice") == 0)
    }

    @Test("A bid whose premium is more than there can be is more than anybody has")
    func overflow() {
        var ledger = ledger(Self.fees)
        #expect(
            ledger.bid("alice", .max).rejection == Rejection(.exceedsAvailable, limit: 10_000))
    }

    @Test("A buy-now price is a hammer price: the premium comes on top")
    func purchase() {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules()
        rules.fees = Self.fees
        rules.buyNow = BuyNow(price: 500)
        ledger.open(rules: rules)
        ledger.submit(.buyNow(auction: "lot", buyer: "bob"), at: TestLedger.start)
        #expect(ledger.available("bob") == 9_455)
        #expect(ledger.available("seller") == 450 && ledger.available("house") == 95)
    }

    @Test("Below the reserve nobody pays a fee")
    func reserveNotMet() {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules()
        rules.fees = Self.fees
        rules.reservePrice = 1_000
        ledger.open(rules: rules)
        ledger.bid("alice", 999)
        #expect(ledger.locked("alice") == 1_088)
        ledger.closeDue(at: TestLedger.start + 60)
        #expect(ledger.available("alice") == 10_000 && ledger.available("house") == 0)
    }
}
