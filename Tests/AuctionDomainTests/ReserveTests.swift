// The hidden reserve: who leads below it, how the price meets it, and what the close does.

import AuctionDomain
import Testing

@Suite("Reserve")
struct ReserveTests {
    private static func rules(proxy: Bool = true) -> AuctionRules {
        var rules = proxy ? AuctionRules.proxy(opening: 100, step: 10) : .plain(opening: 100)
        rules.reservePrice = 400
        return rules
    }

    private func ledger(proxy: Bool = true) -> TestLedger {
        var ledger = TestLedger.prepared()
        ledger.open(rules: Self.rules(proxy: proxy))
        return ledger
    }

    private func isMet(_ ledger: TestLedger) -> Bool? {
        ledger.state.isReserveMet(on: ledger.state.auction("lot")!)
    }

    @Test("Bids below the reserve lead, hold and move the price as if there were none")
    func below() {
        var ledger = ledger()
        #expect(isMet(ledger) == false)
        ledger.bid("alice", 399)
        #expect(ledger.auction().price == 100 && ledger.locked("alice") == 399)
        ledger.bid("bob", 300)
        #expect(ledger.auction().price == 310 && ledger.leader() == "alice")
        #expect(isMet(ledger) == false)
    }

    @Test("A first maximum that reaches the reserve makes it the price")
    func first() {
        var ledger = ledger()
        ledger.bid("alice", 400)
        #expect(ledger.auction().price == 400 && isMet(ledger) == true)
    }

    @Test("A challenger's maximum makes it the price where a step above the leader's is less")
    func challenger() {
        var low = ledger()
        low.bid("alice", 250)
        low.bid("bob", 900)
        #expect(low.auction().price == 400)
        var high = ledger()
        high.bid("alice", 395)
        high.bid("bob", 900)
        #expect(high.auction().price == 405)
    }

    @Test("The leader's own raise meets it, though nobody else bid; a second raise moves nothing")
    func raise() {
        var ledger = ledger()
        ledger.bid("alice", 250)
        ledger.bid("alice", 399)
        #expect(ledger.auction().price == 100)
        let events = ledger.bid("alice", 400).events
        #expect(ledger.auction().price == 400 && ledger.locked("alice") == 400)
        let lot = ledger.state.auction("lot")!
        let alice = ledger.state.user("alice")!
        #expect(
            events.first
                == .maximumRaised(auction: lot, bidder: alice, maximum: 400, price: 400))
        ledger.bid("alice", 800)
        #expect(ledger.auction().price == 400)
    }

    @Test("Without proxy bidding the price is the bid, below the reserve and above it")
    func plain() {
        var ledger = ledger(proxy: false)
        ledger.bid("alice", 399)
        #expect(ledger.auction().price == 399 && isMet(ledger) == false)
        ledger.bid("bob", 450)
        #expect(ledger.auction().price == 450 && isMet(ledger) == true)
    }

    @Test("Closing below it sells to nobody and gives the hold back in the same entry")
    func notMet() {
        var ledger = ledger()
        ledger.bid("alice", 399)
        let events = ledger.submit(
            .closeAuction("lot", hammer: true), at: TestLedger.start
        ).events
        let lot = ledger.state.auction("lot")!
        let alice = ledger.state.user("alice")!
        #expect(
            Array(events) == [
                .auctionClosed(auction: lot, outcome: .reserveNotMet, winner: nil, price: 100),
                .refunded(auction: lot, user: alice, amount: 399, reason: .reserveNotMet),
            ])
        #expect(ledger.available("alice") == 10_000 && ledger.locked("alice") == 0)
        #expect(ledger.auction().outcome == .reserveNotMet)
        #expect(ledger.state.paid(for: lot) == nil)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("At the reserve it is sold; without bids it is no_bids, reserve or not")
    func met() {
        var sold = ledger()
        sold.bid("alice", 400)
        sold.closeDue(at: TestLedger.start + 60)
        #expect(sold.auction().outcome == .sold && sold.available("seller") == 400)
        var empty = ledger()
        empty.closeDue(at: TestLedger.start + 60)
        #expect(empty.auction().outcome == .noBids)
    }

    @Test("The public rules show it only once the auction was closed")
    func hidden() {
        let rules = Self.rules()
        #expect(rules.publicView(isClosed: false).reservePrice == nil)
        #expect(rules.publicView(isClosed: true) == rules)
    }
}
