// Buying at once: when the offer stands, what it costs, and what becomes of everybody's money.

import AuctionDomain
import Testing

@Suite("Buy now")
struct BuyNowTests {
    private func ledger(_ until: BuyNow.Until, reserve: Money? = nil) -> TestLedger {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        rules.buyNow = BuyNow(price: 500, until: until)
        rules.reservePrice = reserve
        ledger.open(rules: rules)
        return ledger
    }

    private func buy(
        _ buyer: UserID, _ ledger: inout TestLedger, by actor: LedgerActor? = nil
    ) -> TestLedger.Answer {
        ledger.submit(
            .buyNow(auction: "lot", buyer: buyer), by: actor ?? .user(buyer), at: ledger.state.time)
    }

    @Test("A purchase locks, closes, sells at exactly the price and pays, all in one entry")
    func purchase() {
        var ledger = ledger(.firstBid)
        let events = buy("bob", &ledger).events
        let lot = ledger.state.auction("lot")!
        let bob = ledger.state.user("bob")!
        let seller = ledger.state.user("seller")!
        #expect(
            Array(events) == [
                .boughtNow(auction: lot, buyer: bob, price: 500),
                .locked(auction: lot, user: bob, amount: 500, held: 500),
                .auctionClosed(auction: lot, outcome: .sold, winner: bob, price: 500),
                .settled(auction: lot, winner: bob, seller: seller, amount: 500, fee: 0),
            ])
        #expect(ledger.available("bob") == 9_500 && ledger.available("seller") == 500)
        #expect(ledger.auction().acceptedBids == 0)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("Of two buyers one has it and the other is told that the auction has ended")
    func twoBuyers() {
        var ledger = ledger(.end)
        #expect(buy("bob", &ledger).isAccepted)
        #expect(buy("carol", &ledger).rejection == Rejection(.auctionEnded))
        #expect(ledger.leader() == "bob" && ledger.available("carol") == 10_000)
    }

    @Test("Every other hold comes back in the same entry")
    func refund() {
        var ledger = ledger(.end)
        ledger.bid("alice", 400)
        let events = buy("bob", &ledger).events
        let lot = ledger.state.auction("lot")!
        let alice = ledger.state.user("alice")!
        #expect(
            events.contains(
                .refunded(auction: lot, user: alice, amount: 400, reason: .boughtNow)))
        #expect(ledger.locked("alice") == 0 && ledger.available("alice") == 10_000)
    }

    @Test("A leader buys out of the hold: she locks what is missing or gets the rest back")
    func leaderBuys() {
        var less = ledger(.end)
        less.bid("alice", 400)
        let events = buy("alice", &less).events
        let lot = less.state.auction("lot")!
        let alice = less.state.user("alice")!
        #expect(
            events.contains(.locked(auction: lot, user: alice, amount: 100, held: 500)))
        #expect(less.available("alice") == 9_500 && less.locked("alice") == 0)

        // A hold of exactly the price: nothing is locked and nothing comes back.
        var same = ledger(.end)
        same.bid("alice", 400)
        same.bid("alice", 500)
        #expect(buy("alice", &same).events.count == 3)

        var more = ledger(.end)
        more.bid("alice", 400)
        more.bid("alice", 800)
        let change = buy("alice", &more).events
        #expect(!change.contains { if case .locked = $0 { true } else { false } })
        #expect(
            change.last == .refunded(auction: lot, user: alice, amount: 300, reason: .change))
        #expect(more.available("alice") == 9_500 && more.auction().price == 500)
    }

    @Test("Until first_bid: the first bid ends the offer, a rejected one does not")
    func untilFirstBid() {
        var ledger = ledger(.firstBid)
        ledger.bid("alice", 99)
        #expect(ledger.state.buyNowPrice(of: ledger.state.auction("lot")!) == 500)
        ledger.bid("alice", 100)
        #expect(buy("bob", &ledger).rejection == Rejection(.buyNowEnded))
    }

    @Test("Until reserve_met: a maximum at the reserve ends the offer, one below does not")
    func untilReserveMet() {
        var ledger = ledger(.reserveMet, reserve: 300)
        ledger.bid("alice", 299)
        #expect(ledger.state.buyNowPrice(of: ledger.state.auction("lot")!) == 500)
        ledger.bid("alice", 300)
        #expect(buy("bob", &ledger).rejection == Rejection(.buyNowEnded))
    }

    @Test("Until end: maxima above it do not end the offer, a price that reaches it does")
    func untilEnd() {
        var ledger = ledger(.end)
        ledger.bid("alice", 400)
        ledger.bid("alice", 900)
        ledger.bid("bob", 489)
        #expect(ledger.auction().price == 499)
        #expect(ledger.state.buyNowPrice(of: ledger.state.auction("lot")!) == 500)
        ledger.bid("bob", 509)
        #expect(ledger.auction().price == 519)
        #expect(buy("bob", &ledger).rejection == Rejection(.buyNowEnded))
    }

    @Test("A finished auction offers nothing")
    func finished() {
        var ledger = ledger(.end)
        let lot = ledger.state.auction("lot")!
        #expect(ledger.state.buyNowPrice(of: lot) == 500)
        ledger.submit(.cancelAuction("lot"), at: TestLedger.start)
        #expect(ledger.state.buyNowPrice(of: lot) == nil)
    }

    @Test("A price that is exactly the buy-now price has reached it")
    func priceReachesIt() {
        var ledger = ledger(.end)
        ledger.bid("alice", 400)
        ledger.bid("alice", 900)
        ledger.bid("bob", 490)
        #expect(ledger.auction().price == 500)
        #expect(buy("bob", &ledger).rejection == Rejection(.buyNowEnded))
    }

    @Test("A first bid at the price buys at the price; one below is a bid; a later one too")
    func firstBid() {
        var at = ledger(.end)
        let events = at.bid("alice", 700).events
        let lot = at.state.auction("lot")!
        let alice = at.state.user("alice")!
        #expect(
            Array(events.prefix(2)) == [
                .leadTaken(auction: lot, bidder: alice, maximum: 700, price: 500),
                .boughtNow(auction: lot, buyer: alice, price: 500),
            ])
        #expect(at.auction().price == 500 && at.auction().acceptedBids == 1)
        #expect(at.available("alice") == 9_500 && at.auction().outcome == .sold)
        var exactly = ledger(.end)
        exactly.bid("alice", 500)
        #expect(exactly.auction().outcome == .sold && exactly.auction().price == 500)
        #expect(exactly.state.buyNowPrice(of: lot) == nil)
        var below = ledger(.end)
        below.bid("alice", 499)
        #expect(below.auction().phase == .open)
        below.bid("bob", 600)
        #expect(below.auction().phase == .open && below.auction().price == 509)
    }

    @Test("A first bid above the price needs money for the price only")
    func firstBidFunds() {
        var ledger = ledger(.end)
        #expect(ledger.bid("alice", 50_000).isAccepted)
        var poor = TestLedger.prepared(wallets: [("alice", 499)])
        var rules = AuctionRules()
        rules.buyNow = BuyNow(price: 500)
        poor.open(rules: rules)
        #expect(
            poor.bid("alice", 500).rejection == Rejection(.exceedsAvailable, limit: 499))
        #expect(buy("alice", &poor).rejection == Rejection(.exceedsAvailable, limit: 499))
    }

    @Test("Who may not bid may not buy; where there is no offer there is none")
    func refused() {
        var ledger = ledger(.end)
        #expect(buy("seller", &ledger).rejection == Rejection(.sellerCannotBid))
        #expect(buy("bob", &ledger, by: .user("alice")).rejection == Rejection(.notPermitted))
        #expect(buy("bob", &ledger, by: .payment).rejection == Rejection(.notPermitted))
        #expect(buy("house", &ledger, by: .operator).rejection == Rejection(.notPermitted))
        #expect(buy("bob", &ledger, by: .operator).isAccepted)
        var plain = TestLedger.prepared()
        plain.open(opensAt: TestLedger.start + 10)
        #expect(buy("bob", &plain).rejection == Rejection(.auctionNotOpen))
        plain.closeDue(at: TestLedger.start + 10)
        let later = plain.submit(
            .buyNow(auction: "lot", buyer: "bob"), at: TestLedger.start + 10)
        #expect(later.rejection == Rejection(.buyNowNotOffered))
        let atEnd = plain.submit(
            .buyNow(auction: "lot", buyer: "bob"), at: TestLedger.start + 60)
        #expect(atEnd.rejection == Rejection(.auctionEnded))
    }
}
