// Holds of an auction as a set: one in the record, several beside it. No English auction has more
// than one between entries, so the entries here are made by hand.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Holds")
struct HoldTests {
    private static let lot = AuctionHandle(rawValue: 0)
    private static let alice = UserHandle(rawValue: 2)
    private static let bob = UserHandle(rawValue: 3)
    private static let carol = UserHandle(rawValue: 4)

    /// alice leads `lot` with a hold of 100.
    private static func state() -> State {
        var ledger = TestLedger.prepared()
        ledger.open("lot", rules: .proxy(opening: 10))
        ledger.bid("alice", 100)
        return ledger.state
    }

    private static func evolve(_ state: inout State, _ event: Event) throws {
        try state.check(event)
        state.evolve(event, at: EntryPoint(position: state.entryCount, time: state.time))
        #expect(state.recomputedDigest() == state.digest)
    }

    private static func lock(_ user: UserHandle, _ amount: Money, held: Money) -> Event {
        .locked(auction: lot, user: user, amount: amount, held: held)
    }

    private static func refund(_ user: UserHandle, _ amount: Money) -> Event {
        .refunded(auction: lot, user: user, amount: amount, reason: .outbid)
    }

    @Test("Several users have holds on one auction, each its own, and all are found")
    func several() throws {
        var state = Self.state()
        let (lot, alice, bob, carol) = (Self.lot, Self.alice, Self.bob, Self.carol)
        #expect(state.holds(on: lot) == [Hold(user: alice, amount: 100)])
        #expect(state.hold(of: alice, on: lot) == 100 && state.hold(of: bob, on: lot) == 0)
        try Self.evolve(&state, Self.lock(carol, 30, held: 30))
        try Self.evolve(&state, Self.lock(bob, 7, held: 7))
        try Self.evolve(&state, Self.lock(bob, 5, held: 12))
        #expect(
            state.holds(on: lot) == [
                Hold(user: alice, amount: 100), Hold(user: bob, amount: 12),
                Hold(user: carol, amount: 30),
            ])
        #expect(state[lot].held == 142 && state.hold(of: bob, on: lot) == 12)
        // The English format prescribes one, and each wallet has locked what it holds.
        #expect(throws: ImpossibleEntry.self) { try state.checkConsistency(of: lot) }
        #expect(state.invariantViolations().map { $0.prefix(1) } == ["4"])
        try Self.evolve(&state, Self.refund(alice, 100))
        try Self.evolve(&state, Self.refund(carol, 30))
        #expect(state.holds(on: lot) == [Hold(user: bob, amount: 12)] && state[lot].held == 12)
        try Self.evolve(&state, Self.refund(bob, 12))
        #expect(state.holds(on: lot).isEmpty && state[lot].held == 0)
    }

    @Test("Holds that come and go leave a state as it was, whoever came and went between")
    func comeAndGo() throws {
        let before = Self.state()
        var state = before
        try Self.evolve(&state, Self.lock(Self.bob, 7, held: 7))
        try Self.evolve(&state, Self.lock(Self.carol, 8, held: 8))
        try Self.evolve(&state, Self.refund(Self.carol, 8))
        try Self.evolve(&state, Self.refund(Self.bob, 7))
        #expect(state[Self.lot] == before[Self.lot] && state.digest == before.digest)
        #expect(state.invariantViolations() == [])
    }

    @Test("Who holds for which auction is part of the digest, not only how much each holds")
    func digest() throws {
        var ledger = TestLedger.prepared()
        ledger.open("lot")
        ledger.open("other")
        let other = AuctionHandle(rawValue: 1)
        func digest(onLot first: UserHandle, onOther second: UserHandle) throws -> StateDigest {
            var state = ledger.state
            try Self.evolve(&state, Self.lock(first, 7, held: 7))
            try Self.evolve(
                &state, .locked(auction: other, user: second, amount: 7, held: 7))
            return state.digest
        }
        // The wallets are the same, and so is what is held for each auction.
        let one = try digest(onLot: Self.bob, onOther: Self.carol)
        #expect(try digest(onLot: Self.carol, onOther: Self.bob) != one)
        #expect(try digest(onLot: Self.bob, onOther: Self.carol) == one)
    }

    @Test("Nobody is given back, and nobody pays, out of another's hold")
    func othersHolds() throws {
        var ledger = TestLedger.prepared()
        ledger.open("lot", rules: .proxy(opening: 10))
        ledger.open("other")
        ledger.bid("alice", 100)
        // bob has locked enough, but for another auction.
        ledger.bid("bob", 50, on: "other")
        var state = ledger.state
        try Self.evolve(&state, Self.lock(Self.bob, 7, held: 7))
        for event in [
            Self.refund(Self.bob, 8), Self.refund(Self.carol, 1),
            .settled(
                auction: Self.lot, winner: Self.bob, seller: UserHandle(rawValue: 1), amount: 8,
                fee: 0),
            // What is held afterwards is what was held before and what is locked.
            Self.lock(Self.bob, 7, held: 7), Self.lock(Self.carol, 7, held: 14),
        ] {
            #expect(throws: ImpossibleEntry.self, "\(event)") { try state.check(event) }
        }
        try state.check(Self.refund(Self.bob, 7))
    }

    @Test("Cancelling gives every hold back, in order of users")
    func cancelling() throws {
        var state = Self.state()
        try Self.evolve(&state, Self.lock(Self.carol, 30, held: 30))
        try Self.evolve(&state, Self.lock(Self.bob, 7, held: 7))
        let outcome = state.decide(
            .cancelAuction(Self.lot, reason: ""), by: .operator, at: state.time)
        #expect(
            outcome.events == [
                .auctionCancelled(auction: Self.lot),
                .refunded(auction: Self.lot, user: Self.alice, amount: 100, reason: .cancelled),
                .refunded(auction: Self.lot, user: Self.bob, amount: 7, reason: .cancelled),
                .refunded(auction: Self.lot, user: Self.carol, amount: 30, reason: .cancelled),
            ])
        for event in outcome.events { try Self.evolve(&state, event) }
        #expect(state.invariantViolations() == [])
    }

    @Test("A flat bid on an auction with several holds changes them as its events do")
    func flatBid() throws {
        var state = Self.state()
        try Self.evolve(&state, Self.lock(Self.carol, 30, held: 30))
        let bid = AcceptedBid(
            auction: Self.lot, bidder: Self.bob, maximum: 200, kind: .leadTaken, price: 101,
            refunded: Self.alice, refund: 100, locked: 200, held: 200)
        var events = EventList()
        bid.appendEvents(to: &events)
        var (flat, listed) = (state, state)
        let point = EntryPoint(position: state.entryCount, time: state.time)
        _ = flat.evolve(bid, at: point)
        for event in events { listed.evolve(event, at: point) }
        #expect(flat.holds(on: Self.lot) == listed.holds(on: Self.lot))
        #expect(flat.holds(on: Self.lot).map(\.user) == [Self.bob, Self.carol])
        #expect(flat.digest == listed.digest && flat.recomputedDigest() == flat.digest)
    }
}
