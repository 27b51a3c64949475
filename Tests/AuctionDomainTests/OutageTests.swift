// Ends that come while the house cannot be reached: when one is moved and to when, by whom such an
// entry is written, and what stands against one that is not as it should be.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Outages")
struct OutageTests {
    private static let end = TestLedger.start + 60
    private static let since = TestLedger.start + 50

    /// A lot that alice leads with 200 and that an outage of more than 8 s moves by 600 s.
    private func ledger(
        _ rule: OutageRule? = OutageRule(
            longerThanMilliseconds: 8_000, moveMilliseconds: 600_000),
        _ change: (inout AuctionRules) -> Void = { _ in }
    ) -> TestLedger {
        var ledger = TestLedger.prepared()
        var rules = AuctionRules.proxy(opening: 100, step: 10)
        rules.outage = rule
        change(&rules)
        ledger.open(rules: rules)
        ledger.bid("alice", 200)
        return ledger
    }

    private func objection(
        _ ledger: TestLedger, since: Timestamp = since, until: Timestamp, at time: Timestamp? = nil
    ) -> OutageObjection? {
        ledger.state.outageObjection(
            ledger.state.auction("lot")!, since: since, until: until, at: time ?? until)
    }

    @Test("An outage moves an end in it to so long after it, and to the bid nothing happens")
    func moves() {
        var ledger = ledger()
        ledger.endOutage(since: Self.since, until: TestLedger.start + 70)
        #expect(ledger.auction().closesAt == TestLedger.start + 670)
        #expect(ledger.leader() == "alice" && ledger.locked("alice") == 200)
        #expect(ledger.bid("bob", 300, at: (TestLedger.start + 670).justBefore).isAccepted)
        #expect(
            ledger.bid("bob", 400, at: TestLedger.start + 670).rejection?.code == .auctionEnded)
        #expect(ledger.leader() == "bob" && ledger.state.invariantViolations() == [])
        #expect(ledger.state.digest == ledger.state.recomputedDigest())
    }

    @Test("The event is an extension for the reason outage, which no soft close counts")
    func event() {
        let ledger = ledger(OutageRule(moveMilliseconds: 1_000)) {
            $0.softClose = SoftClose(
                windowMilliseconds: 1, extensionMilliseconds: 1, maxExtensions: 1)
        }
        let lot = ledger.state.auction("lot")!
        let until = TestLedger.start + 61
        let outcome = ledger.state.decide(
            .extendOutage(auction: lot, since: Self.since, until: until), by: .system, at: until)
        #expect(
            outcome.events
                == [.auctionExtended(auction: lot, closesAt: until + 1, reason: .outage)])
        var moved = ledger
        moved.endOutage(since: Self.since, until: until)
        #expect(moved.state.extensions(of: lot) == 0)
    }

    @Test("An end may go beyond the latest end of a soft close, and bids then move nothing more")
    func beyondLatestEnd() {
        var ledger = ledger(OutageRule(moveMilliseconds: 600_000)) {
            $0.softClose = SoftClose(
                windowMilliseconds: 600_000, extensionMilliseconds: 600_000,
                latestEnd: TestLedger.start + 90)
        }
        ledger.endOutage(since: Self.since, until: TestLedger.start + 130)
        #expect(ledger.auction().closesAt == TestLedger.start + 730)
        ledger.bid("bob", 300, at: TestLedger.start + 700)
        #expect(ledger.auction().closesAt == TestLedger.start + 730)
    }

    @Test("Without a length of its own an auction lets 5 s pass, and without a move it waits")
    func defaults() {
        for (rule, limit, move) in [
            (nil, 5_000, nil), (OutageRule(moveMilliseconds: 3), 5_000, 3),
            (OutageRule(longerThanMilliseconds: 1), 1, nil),
        ] as [(OutageRule?, Int64, Int64?)] {
            let ledger = ledger(rule)
            let lot = ledger.state.auction("lot")!
            #expect(ledger.state.outageLimit(of: lot) == limit * 1_000_000)
            #expect(ledger.state.outageMove(of: lot) == move.map { $0 * 1_000_000 })
            #expect(ledger.state.rules(of: lot).outage == rule)
            let objection = objection(ledger, until: TestLedger.start + 100)
            #expect(objection == (move == nil ? .movesNothing : nil))
        }
    }

    @Test("An outage counts from one nanosecond more than its limit on")
    func length() {
        let ledger = ledger()
        let limit = Self.since + 8
        #expect(objection(ledger, until: limit) == .tooShort(limitNanoseconds: 8_000_000_000))
        // The end lies beyond that outage, too: it is asked for last.
        let longer = Timestamp(nanoseconds: limit.nanoseconds + 1)
        #expect(objection(ledger, until: longer) == .endOutside(closesAt: Self.end))
        let since = Self.end + -8
        #expect(
            objection(ledger, since: since, until: Self.end)
                == .tooShort(limitNanoseconds: 8_000_000_000))
        #expect(objection(ledger, since: since.justBefore, until: Self.end) == nil)
        #expect(
            objection(ledger, since: Self.end, until: Self.since)
                == .tooShort(limitNanoseconds: 8_000_000_000))
        #expect(objection(ledger, since: .zero, until: .max, at: .max) == nil)
    }

    @Test("An end at the start of an outage is not in it, one at its end is")
    func edges() {
        let ledger = ledger()
        #expect(
            objection(ledger, since: Self.end, until: Self.end + 60)
                == .endOutside(closesAt: Self.end))
        #expect(objection(ledger, since: Self.end.justBefore, until: Self.end + 60) == nil)
        #expect(objection(ledger, since: Self.end + -20, until: Self.end) == nil)
        #expect(
            objection(ledger, since: Self.end + -20, until: Self.end.justBefore)
                == .endOutside(closesAt: Self.end))
        #expect(
            objection(ledger, until: Self.end + 60, at: (Self.end + 60).justBefore) == .notOver)
        #expect(objection(ledger, until: Self.end + 60, at: Self.end + 3_600) == nil)
    }

    @Test("What is finished, and what time does not end, no outage moves")
    func finished() {
        var ledger = ledger()
        ledger.submit(.closeAuction("lot", hammer: true), at: TestLedger.start + 1)
        let position = ledger.auction().closedPosition
        #expect(objection(ledger, until: Self.end + 60) == .finished(position: position))
        var endless = TestLedger.prepared()
        endless.open(
            rules: AuctionRules(outage: OutageRule(moveMilliseconds: 1)), closesAt: nil)
        #expect(objection(endless, until: Self.end) == .endOutside(closesAt: nil))
    }

    @Test("Deciding again takes the entry that the rules give, by the engine, and no other")
    func ruling() {
        let state = ledger().state
        let lot = state.auction("lot")!
        let until = Self.end + 10
        func ruling(
            by actor: CanonicalActor = .system, since: Timestamp = Self.since,
            _ events: EventList? = nil
        ) -> Ruling? {
            let command = CanonicalCommand.extendOutage(auction: lot, since: since, until: until)
            var room = EventList()
            return state.ruling(
                on: command, by: actor, rejection: nil,
                events: events ?? state.decide(command, by: actor, at: until).events, at: until,
                using: &room)
        }
        #expect(ruling() == nil)
        #expect(ruling(by: .operator) == .otherActor)
        #expect(ruling(since: Self.end) == .noOutage(.endOutside(closesAt: Self.end)))
        let right = EventList([
            .auctionExtended(auction: lot, closesAt: until + 600, reason: .outage)
        ])
        #expect(ruling(right) == nil)
        #expect(
            ruling([.auctionExtended(auction: lot, closesAt: until + 601, reason: .outage)])
                == .outcome(.accepted(right)))
        #expect(
            ruling([.auctionExtended(auction: lot, closesAt: until + 600, reason: .operator)])
                == .outcome(.accepted(right)))
        #expect(ruling([]) == .outcome(.accepted(right)))
    }

    @Test("An end that no outage may move is decided without an event")
    func nothing() {
        let ledger = ledger(OutageRule(longerThanMilliseconds: 1))
        let lot = ledger.state.auction("lot")!
        let outcome = ledger.state.decide(
            .extendOutage(auction: lot, since: Self.since, until: Self.end), by: .system,
            at: Self.end)
        #expect(outcome == .accepted([]))
    }

    @Test("A late end moves nobody else: bids on others go on, and on the held one none stands")
    func dueOfOwn() {
        var ledger = ledger()
        ledger.open("other", closesAt: TestLedger.start + 600)
        let state = ledger.state
        let (lot, other) = (state.auction("lot")!, state.auction("other")!)
        let bob = state.user("bob")!
        func ruling(_ command: CanonicalCommand) -> Ruling? {
            state.ruling(onTimeOf: command, by: .operator, at: Self.end)
        }
        for command: (AuctionHandle) -> CanonicalCommand in [
            { .placeBid(auction: $0, bidder: bob, amount: 500) },
            { .buyNow(auction: $0, buyer: bob) }, { .closeAuction($0, hammer: false) },
            { .closeAuction($0, hammer: true) },
        ] {
            #expect(ruling(command(lot)) == .closingDue(lot, closesAt: Self.end))
            #expect(ruling(command(other)) == nil)
        }
        // What waits for nobody's closing.
        #expect(ruling(.extendAuction(lot, closesAt: Self.end + 60)) == nil)
        #expect(ruling(.cancelAuction(lot, reason: "")) == nil)
    }

    @Test("A closing may pass over an auction that ended before: it may be held")
    func passesOver() {
        var ledger = ledger()
        ledger.open("other", closesAt: Self.end + 10)
        let other = ledger.state.auction("other")!
        #expect(
            ledger.state.ruling(onTimeOf: .closeDue(other), by: .system, at: Self.end + 10)
                == nil)
        #expect(
            ledger.state.ruling(onTimeOf: .closeDue(other), by: .system, at: Self.end + 11)
                == .otherTime(Self.end + 10))
    }

    @Test("The story tells an extension by an outage from the operator's")
    func story() {
        let state = ledger().state
        let lot = state.auction("lot")!
        let point = EntryPoint(position: state.entryCount, time: Self.end + 10)
        var steps = AuctionSteps(resuming: lot, in: state)
        let command = CanonicalCommand.extendOutage(
            auction: lot, since: Self.since, until: point.time)
        let outcome = state.decide(command, by: .system, at: point.time)
        let step = steps.next(command, by: .system, outcome: outcome, at: point)
        #expect(step.facts == [.extended(closesAt: point.time + 600, reason: .outage)])
        #expect(step.publicView?.facts == step.facts && step.actor == .system)
        let seen = PublicEntry(command, outcome: outcome, at: point.time)
        #expect(seen?.kind == .extendOutage && seen?.extensionReason == .outage)
        #expect(seen?.closesAt == point.time + 600 && seen?.events == ["auction_extended"])
    }

    @Test("The naive model moves the same ends, holds the others, and lets the operator go on")
    func model() {
        var model = NaiveModel()
        var number: UInt64 = 0
        func take(_ command: Command, at time: Timestamp) -> ModelOutcome {
            number += 1
            let id = CommandID(
                milliseconds: UInt64(time.nanoseconds / 1_000_000), randomHigh: 0,
                randomLow: number)
            return model.submit(command, id: id, by: .operator, at: time)
        }
        let start = TestLedger.start
        _ = take(.registerCurrency(Currency(code: "USD", scale: 2)), at: start)
        for user in ["seller", "bob"] as [UserID] { _ = take(.registerUser(user), at: start) }
        _ = take(
            .charge(user: "bob", currency: "USD", amount: 1_000, reference: "r"), at: start)
        for (lot, rule) in [
            ("moved", OutageRule(moveMilliseconds: 1_000)), ("held", nil),
            ("long", OutageRule(longerThanMilliseconds: 20_000)),
        ] as [(AuctionID, OutageRule?)] {
            let opening = OpenAuction(
                auction: lot, seller: "seller", currency: "USD", closesAt: Self.end,
                rules: AuctionRules(outage: rule))
            #expect(take(.openAuction(opening), at: start) == .accepted)
        }
        let until = Self.since + 20
        model.endOutage(since: Self.since, until: until)
        #expect(model.held == ["held"])
        #expect(model.auction("moved")!.closesAt == until + 1)
        let bid = { Command.placeBid(auction: $0, bidder: "bob", amount: 5) }
        #expect(take(bid("moved"), at: until) == .accepted)
        #expect(take(bid("held"), at: until) == .refused(.closingHeld))
        #expect(take(.buyNow(auction: "held", buyer: "bob"), at: until) == .refused(.closingHeld))
        #expect(take(.closeAuction("held"), at: until) == .refused(.closingHeld))
        #expect(model.auction("long")!.outcome == .noBids)
        var extended = model
        #expect(take(.extendAuction("held", closesAt: until + 60), at: until) == .accepted)
        #expect(take(bid("held"), at: until) == .accepted)
        extended.confirmClosings(at: until)
        #expect(extended.auction("held")!.outcome == .noBids && extended.held.isEmpty)
    }
}
