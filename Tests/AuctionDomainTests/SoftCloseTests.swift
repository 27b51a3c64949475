// Ends that bids move: windows to the nanosecond, both modes, all triggers, all caps; and the clock
// that the first bid starts.

import AuctionDomain
import Testing

@Suite("Soft close")
struct SoftCloseTests {
    private static let end = TestLedger.start + 600

    private func ledger(
        _ softClose: SoftClose, proxy: Bool = true, closesAt: Timestamp? = end
    ) -> TestLedger {
        var ledger = TestLedger.prepared()
        var rules = proxy ? AuctionRules.proxy(opening: 100, step: 10) : .plain(opening: 100)
        rules.softClose = softClose
        ledger.open(rules: rules, closesAt: closesAt)
        return ledger
    }

    private static func rule(
        _ mode: SoftClose.Mode = .reset, _ trigger: SoftClose.Trigger = .acceptedBid,
        extension seconds: Int64 = 120, max: UInt32? = nil, latest: Timestamp? = nil
    ) -> SoftClose {
        SoftClose(
            windowMilliseconds: 120_000, extensionMilliseconds: seconds * 1000, mode: mode,
            trigger: trigger, maxExtensions: max, latestEnd: latest)
    }

    @Test("Reset: a bid within the window leaves the extension; at its edge that moves nothing")
    func reset() {
        var ledger = ledger(Self.rule())
        ledger.bid("alice", 200, at: Self.end + -121)
        ledger.bid("bob", 300, at: Self.end + -120)
        #expect(ledger.auction().closesAt == Self.end)
        let events = ledger.bid("alice", 400, at: Self.end + -119).events
        let lot = ledger.state.auction("lot")!
        #expect(
            events.last
                == .auctionExtended(auction: lot, closesAt: Self.end + 1, reason: .softClose))
        #expect(ledger.auction().closesAt == Self.end + 1)
        #expect(ledger.state.extensions(of: lot) == 1)
    }

    @Test("Add: the end moves by the extension, from exactly the window on")
    func add() {
        var ledger = ledger(Self.rule(.add, extension: 30))
        ledger.bid("alice", 200, at: (Self.end + -120).justBefore)
        #expect(ledger.auction().closesAt == Self.end)
        ledger.bid("bob", 300, at: Self.end + -120)
        #expect(ledger.auction().closesAt == Self.end + 30)
        // 149 s are left now.
        ledger.bid("alice", 400, at: Self.end + -119)
        #expect(ledger.auction().closesAt == Self.end + 30)
        ledger.bid("bob", 500, at: Self.end + -90)
        #expect(ledger.auction().closesAt == Self.end + 60)
    }

    @Test("A bid a nanosecond before the end moves it, one at the end is late, also after moves")
    func edge() {
        var ledger = ledger(Self.rule())
        #expect(ledger.bid("alice", 200, at: Self.end.justBefore).isAccepted)
        let moved = ledger.auction().closesAt
        #expect(moved == Timestamp(nanoseconds: Self.end.nanoseconds - 1) + 120)
        #expect(ledger.bid("bob", 300, at: moved).rejection == Rejection(.auctionEnded))
        #expect(ledger.auction().outcome == .sold)
    }

    @Test("Where the extension is longer than the window, reset moves every bid within it")
    func longExtension() {
        var ledger = ledger(Self.rule(extension: 300))
        ledger.bid("alice", 200, at: Self.end + -120)
        #expect(ledger.auction().closesAt == Self.end + 180)
    }

    /// What a raise, two absorbed bids that move the price, and a take-over do.
    private func moves(_ trigger: SoftClose.Trigger) -> [Bool] {
        var ledger = ledger(Self.rule(.add, trigger))
        ledger.bid("alice", 200)
        var time = Self.end + -60
        let bids: [(UserID, Money)] = [
            ("alice", 300), ("bob", 200), ("bob", 300), ("carol", 310),
        ]
        return bids.map { bidder, amount in
            let before = ledger.auction().closesAt
            #expect(ledger.bid(bidder, amount, at: time).isAccepted)
            let moved = ledger.auction().closesAt != before
            if moved { time = ledger.auction().closesAt + -60 }
            return moved
        }
    }

    @Test("Triggers: any accepted bid, a change of the price, a change of the lead")
    func triggers() {
        #expect(moves(.acceptedBid) == [true, true, true, true])
        #expect(moves(.priceChange) == [false, true, true, true])
        #expect(moves(.leadChange) == [false, false, false, true])
    }

    @Test("A rejected bid moves nothing")
    func rejected() {
        var ledger = ledger(Self.rule(.add))
        #expect(ledger.bid("alice", 99, at: Self.end + -1).rejection != nil)
        #expect(ledger.auction().closesAt == Self.end)
    }

    @Test("No end is later than latest_end, and a move of nothing counts as none")
    func latestEnd() {
        var ledger = ledger(Self.rule(.add, latest: Self.end + 150))
        ledger.bid("alice", 200, at: Self.end + -1)
        #expect(ledger.auction().closesAt == Self.end + 120)
        ledger.bid("alice", 300, at: Self.end + 100)
        #expect(ledger.auction().closesAt == Self.end + 150)
        let events = ledger.bid("alice", 400, at: Self.end + 149).events
        #expect(!events.contains { if case .auctionExtended = $0 { true } else { false } })
        #expect(ledger.state.extensions(of: ledger.state.auction("lot")!) == 2)
    }

    @Test("Bids move the end so many times and no more; the operator's extensions do not count")
    func maxExtensions() {
        var ledger = ledger(Self.rule(max: 1))
        let longer = Self.end + 300
        #expect(
            ledger.submit(.extendAuction("lot", closesAt: longer), at: TestLedger.start)
                .isAccepted)
        ledger.bid("alice", 200, at: longer + -60)
        #expect(ledger.auction().closesAt == longer + 60)
        ledger.bid("alice", 300, at: longer + 59)
        #expect(ledger.auction().closesAt == longer + 60)
    }

    @Test("The operator may extend beyond latest_end; bids then move nothing")
    func operatorExtends() {
        var ledger = ledger(Self.rule(.add, latest: Self.end + 10))
        let longer = Self.end + 300
        ledger.submit(.extendAuction("lot", closesAt: longer), at: TestLedger.start)
        ledger.bid("alice", 200, at: longer + -1)
        #expect(ledger.auction().closesAt == longer)
    }

    @Test("A purchase moves no end")
    func purchase() {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules()
        rules.softClose = Self.rule(.add)
        rules.buyNow = BuyNow(price: 500)
        ledger.open(rules: rules, closesAt: Self.end)
        let events = ledger.submit(
            .buyNow(auction: "lot", buyer: "bob"), at: Self.end + -1
        ).events
        #expect(events.count == 4 && ledger.auction().closesAt == Self.end)
    }

    // MARK: The clock that the first bid starts

    @Test("Without an end nothing closes; the first accepted bid sets it; the next does not")
    func duration() {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        rules.durationFromFirstBidMilliseconds = 60_000
        ledger.open(rules: rules, closesAt: nil)
        let first = TestLedger.start + 86_400
        #expect(ledger.bid("alice", 99, at: first).rejection != nil)
        #expect(ledger.auction().closesAt == .noEnd)
        let events = ledger.bid("alice", 100, at: first).events
        let lot = ledger.state.auction("lot")!
        #expect(
            events.last
                == .auctionExtended(auction: lot, closesAt: first + 60, reason: .firstBid))
        ledger.bid("bob", 200, at: first + 59)
        #expect(ledger.auction().closesAt == first + 60)
        #expect(ledger.bid("alice", 300, at: first + 60).rejection == Rejection(.auctionEnded))
        #expect(ledger.leader() == "bob" && ledger.auction().outcome == .sold)
    }

    @Test("The bid that starts the clock does not move the end as well; the next one may")
    func durationAndSoftClose() {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        rules.durationFromFirstBidMilliseconds = 60_000
        rules.softClose = Self.rule(.add)
        ledger.open(rules: rules, closesAt: nil)
        ledger.bid("alice", 100)
        #expect(ledger.auction().closesAt == TestLedger.start + 60)
        ledger.bid("bob", 200)
        #expect(ledger.auction().closesAt == TestLedger.start + 180)
        #expect(ledger.state.extensions(of: ledger.state.auction("lot")!) == 1)
    }

    @Test("An end never lies beyond the last time there is")
    func lastTime() {
        let late = Timestamp(nanoseconds: Timestamp.max.nanoseconds - 1_000_000_000)
        var ledger = TestLedger.prepared()
        var rules = AuctionRules()
        rules.durationFromFirstBidMilliseconds = Limits.durationMillisecondsMax
        ledger.open(rules: rules, closesAt: nil)
        #expect(ledger.bid("alice", 100, at: late).isAccepted)
        #expect(ledger.auction().closesAt == .max)
        // A minute fits into the number of nanoseconds, but not into the years.
        var shorter = TestLedger.prepared()
        rules.durationFromFirstBidMilliseconds = 60_000
        shorter.open(rules: rules, closesAt: nil)
        #expect(shorter.bid("alice", 100, at: late).isAccepted)
        #expect(shorter.auction().closesAt == .max)
    }
}
