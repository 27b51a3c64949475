// The story of an auction: a reason for every change of the price, and what anyone may read of it.

import AuctionDomain
import Testing

@Suite("The steps of an auction")
struct AuctionStepsTests {
    private func steps(_ ledger: TestLedger) -> [AuctionStep] {
        var steps = AuctionSteps()
        return ledger.entries.filter { entry in
            if case .openAuction = entry.command { true } else { entry.command.auction != nil }
        }.map { entry in
            steps.next(
                entry.command, by: .operator, outcome: entry.outcome,
                at: EntryPoint(position: entry.position, time: entry.time))
        }
    }

    private func ledger(_ change: (inout AuctionRules) -> Void = { _ in }) -> TestLedger {
        var ledger = TestLedger.prepared(recording: true)
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        change(&rules)
        ledger.open(rules: rules)
        return ledger
    }

    @Test("Each change of a proxy auction's price has its reason, and no change has none")
    func reasons() {
        var ledger = ledger()
        ledger.bid("alice", 300)
        ledger.bid("bob", 200)
        ledger.bid("bob", 295)
        ledger.bid("carol", 300)
        ledger.bid("alice", 600)
        let steps = steps(ledger)
        #expect(
            steps.map(\.priceReason) == [
                nil, .openingPrice, .stepAboveAbsorbedBid, .leaderMaximum, nil, nil,
            ])
        #expect(steps.map(\.price) == [nil, 100, 210, 300, 300, 300])
        #expect(steps[4].rejection == Rejection(.bidBelowMinimum, limit: 310))
        #expect(steps[5].facts == [.raised])
    }

    @Test("A challenger leads at a step above the former maximum, or at the own one if less")
    func leads() {
        var ledger = ledger()
        ledger.bid("alice", 300)
        ledger.bid("bob", 305)
        ledger.bid("carol", 900)
        let steps = steps(ledger)
        #expect(steps[2].priceReason == .ownMaximum && steps[2].price == 305)
        #expect(steps[3].priceReason == .stepAboveFormerMaximum && steps[3].price == 315)
        let bob = ledger.state.user("bob")!
        #expect(steps[3].facts == [.leads(over: bob)])
    }

    @Test("Steps are looked up at the losing amount, and a raise is remembered")
    func brackets() {
        var ledger = ledger {
            $0.increments = .table([
                IncrementRow(from: 0, step: 10), IncrementRow(from: 300, step: 50),
            ])
        }
        ledger.bid("alice", 290)
        ledger.bid("alice", 600)
        ledger.bid("bob", 400)
        ledger.bid("carol", 900)
        let last = steps(ledger).suffix(2)
        #expect(last.map(\.price) == [450, 650])
        #expect(
            last.map(\.priceReason) == [.stepAboveAbsorbedBid, .stepAboveFormerMaximum])
        var low = self.ledger {
            $0.increments = .table([
                IncrementRow(from: 0, step: 10), IncrementRow(from: 300, step: 50),
            ])
        }
        low.bid("alice", 600)
        low.bid("carol", 900)
        #expect(steps(low).last?.priceReason == .stepAboveFormerMaximum)
    }

    @Test("A maximum that is exactly the reserve gives the reserve as the reason")
    func exactReserve() {
        var ledger = ledger { $0.reservePrice = 400 }
        ledger.bid("alice", 200)
        ledger.bid("bob", 400)
        #expect(steps(ledger).last?.priceReason == .reserve)
    }

    @Test("The reserve is the reason where a first bid, a challenger or a raise reaches it")
    func reserve() {
        for bids in [
            [("alice", 450)], [("alice", 200), ("alice", 450)], [("alice", 200), ("bob", 450)],
        ] as [[(UserID, Money)]] {
            var ledger = ledger { $0.reservePrice = 400 }
            for (bidder, amount) in bids { ledger.bid(bidder, amount) }
            let last = steps(ledger).last
            #expect(last?.priceReason == .reserve && last?.price == 400)
            #expect(last?.isReserveMet == true)
        }
    }

    @Test("Without proxy bidding the bid is the reason, the leader's too")
    func plain() {
        var ledger = ledger { $0.proxy = false }
        ledger.bid("alice", 300)
        ledger.bid("alice", 310)
        #expect(steps(ledger).map(\.priceReason) == [nil, .bid, .bid])
    }

    @Test("A purchase and its sale are facts of one step, with what was paid")
    func purchase() {
        var ledger = ledger {
            $0.buyNow = BuyNow(price: 500, until: .end)
            $0.fees.buyer = Fee(basisPoints: 1_000)
        }
        ledger.bid("alice", 300)
        ledger.submit(.buyNow(auction: "lot", buyer: "bob"), at: TestLedger.start)
        let bob = ledger.state.user("bob")!
        let last = steps(ledger).last
        #expect(last?.facts == [.boughtNow, .sold(to: bob, paid: 550)])
        #expect(last?.priceReason == .buyNow && last?.leader == bob)
    }

    @Test("Extensions say who moved the end: a late bid, the first bid or the operator")
    func extensions() {
        var ledger = ledger {
            $0.softClose = SoftClose(windowMilliseconds: 60_000, extensionMilliseconds: 90_000)
        }
        ledger.bid("alice", 300)
        ledger.submit(
            .extendAuction("lot", closesAt: TestLedger.start + 500), at: TestLedger.start)
        let facts = steps(ledger).flatMap(\.facts)
        #expect(
            facts.contains(.extended(closesAt: TestLedger.start + 90, reason: .softClose)))
        #expect(
            facts.contains(.extended(closesAt: TestLedger.start + 500, reason: .operator)))
        #expect(steps(ledger).last?.closesAt == TestLedger.start + 500)
    }

    @Test("The public sees neither maxima nor rejected bids, but every plain bid")
    func publicView() {
        var proxy = ledger()
        proxy.bid("alice", 300)
        proxy.bid("bob", 1)
        let views = steps(proxy).map(\.publicView)
        #expect(views[1]?.amount == nil && views[1]?.price == 100)
        #expect(views[2] == nil)
        var plain = ledger { $0.proxy = false }
        plain.bid("alice", 300)
        #expect(steps(plain).map(\.publicView)[1]?.amount == 300)
    }

    @Test("The public reason of a price is none of maxima and reserves, whatever the full one is")
    func publicReasons() {
        for reason in PriceReason.allCases {
            let open = PublicPriceReason(reason)
            switch reason {
            case .openingPrice, .bid, .buyNow: #expect(open.rawValue == reason.rawValue)
            case .stepAboveFormerMaximum, .ownMaximum, .stepAboveAbsorbedBid, .leaderMaximum,
                .reserve:
                #expect(open == .proxy)
            }
        }
        // At 300 the full reason tells that the leader's maximum is 300.
        var ledger = ledger()
        ledger.bid("alice", 300)
        ledger.bid("bob", 299)
        #expect(steps(ledger).last?.priceReason == .leaderMaximum)
        #expect(steps(ledger).last?.publicView?.priceReason == .proxy)
    }
}
