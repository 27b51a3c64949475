// The digest and the consistency of an auction: what two folds must agree on, to the last rule.

import AuctionDomain
import Testing

@Suite("What two folds agree on")
struct DigestTests {
    private func digest(_ rules: AuctionRules, closesAt: Timestamp? = nil) -> StateDigest {
        var ledger = TestLedger.prepared()
        ledger.open(rules: rules, closesAt: closesAt)
        return ledger.state.digest
    }

    @Test("Two openings that differ in any one rule have different digests")
    func everyRuleCounts() {
        let end = TestLedger.start + 60
        func soft(_ change: (inout SoftClose) -> Void = { _ in }) -> AuctionRules {
            var softClose = SoftClose(windowMilliseconds: 5, extensionMilliseconds: 6)
            change(&softClose)
            return AuctionRules(softClose: softClose)
        }
        let fee = Fee(basisPoints: 7, fixed: 8, minimum: 9, maximum: 10)
        let ended = [
            AuctionRules(), AuctionRules(openingPrice: 2), AuctionRules(proxy: true),
            AuctionRules(increments: .basisPoints(1)), AuctionRules(increments: .basisPoints(2)),
            AuctionRules(increments: .table([IncrementRow(from: 0, step: 2)])),
            AuctionRules(reservePrice: 5), AuctionRules(reservePrice: 6),
            AuctionRules(buyNow: BuyNow(price: 5)), AuctionRules(buyNow: BuyNow(price: 6)),
            AuctionRules(buyNow: BuyNow(price: 5, until: .end)),
            soft(), soft { $0.windowMilliseconds = 4 }, soft { $0.extensionMilliseconds = 4 },
            soft { $0.mode = .add }, soft { $0.trigger = .leadChange },
            soft { $0.maxExtensions = 1 }, soft { $0.latestEnd = end },
            AuctionRules(fees: Fees(seller: fee)), AuctionRules(fees: Fees(buyer: fee)),
            AuctionRules(fees: Fees(seller: Fee(basisPoints: 7))),
            AuctionRules(fees: Fees(seller: Fee(fixed: 7))),
            AuctionRules(fees: Fees(seller: Fee(minimum: 7))),
            AuctionRules(fees: Fees(seller: Fee(basisPoints: 7, maximum: 7))),
            AuctionRules(cancelPolicy: .operatorOnly),
            AuctionRules(outage: OutageRule()),
            AuctionRules(outage: OutageRule(moveMilliseconds: 7)),
            AuctionRules(outage: OutageRule(longerThanMilliseconds: 7)),
        ]
        let endless = [
            AuctionRules(), AuctionRules(durationFromFirstBidMilliseconds: 1),
            AuctionRules(durationFromFirstBidMilliseconds: 2),
        ]
        let digests =
            ended.map { digest($0, closesAt: end) } + endless.map { digest($0) }
        #expect(Set(digests).count == ended.count + endless.count)
    }

    /// An auction with a reserve of 400 and a premium of a tenth, in which alice leads with 300.
    private func ledger() -> (state: State, lot: AuctionHandle, alice: UserHandle) {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        rules.reservePrice = 400
        rules.fees.buyer = Fee(basisPoints: 1_000)
        ledger.open(rules: rules)
        ledger.bid("alice", 300)
        return (ledger.state, ledger.state.auction("lot")!, ledger.state.user("alice")!)
    }

    @Test("A lead whose price or hold does not fit the rules is inconsistent")
    func inconsistentLeads() throws {
        let (state, lot, alice) = ledger()
        try state.checkConsistency(of: lot)
        // A price above the maximum, one below the opening, one below a reserve that the maximum
        // reaches, one at a reserve that it does not reach, and a maximum the hold does not cover.
        for (maximum, price) in [(300, 301), (300, 99), (300, 400), (299, 100)]
            as [(Money, Money)]
        {
            var forged = state
            let point = EntryPoint(position: forged.entryCount, time: forged.time)
            forged.evolve(
                .maximumRaised(auction: lot, bidder: alice, maximum: maximum, price: price),
                at: point)
            #expect(throws: ImpossibleEntry.self, "\(maximum) \(price)") {
                try forged.checkConsistency(of: lot)
            }
            #expect(!forged.invariantViolations().isEmpty)
        }
        var unmet = state
        let point = EntryPoint(position: unmet.entryCount, time: unmet.time)
        unmet.evolve(
            .maximumRaised(auction: lot, bidder: alice, maximum: 500, price: 110), at: point)
        unmet.evolve(.locked(auction: lot, user: alice, amount: 220, held: 550), at: point)
        #expect(throws: ImpossibleEntry.self) { try unmet.checkConsistency(of: lot) }
        #expect(!unmet.invariantViolations().isEmpty)
    }

    @Test("An outcome that the reserve or the bids contradict breaks an invariant")
    func wrongOutcomes() {
        for outcome in [AuctionOutcome.sold, .noBids] {
            var (state, lot, alice) = ledger()
            let point = EntryPoint(position: state.entryCount, time: state.time)
            state.evolve(
                .auctionClosed(auction: lot, outcome: outcome, winner: alice, price: 100),
                at: point)
            state.evolve(
                .refunded(auction: lot, user: alice, amount: 330, reason: .change), at: point)
            #expect(!state.invariantViolations().isEmpty, "\(outcome)")
        }
        var (state, lot, alice) = ledger()
        let point = EntryPoint(position: state.entryCount, time: state.time)
        state.evolve(
            .auctionClosed(auction: lot, outcome: .reserveNotMet, winner: nil, price: 100),
            at: point)
        #expect(throws: ImpossibleEntry.self) { try state.checkConsistency(of: lot) }
        state.evolve(
            .refunded(auction: lot, user: alice, amount: 330, reason: .reserveNotMet), at: point)
        #expect(state.invariantViolations() == [])
    }
}
