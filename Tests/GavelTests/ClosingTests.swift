// Auctions end by themselves, once, and never because a clock was wrong.

import AuctionDomain
import Gavel
import GavelTesting
import Testing

@Suite("Closing")
struct ClosingTests {
    @Test("Without any traffic an auction still closes, at its end")
    func closesByItself() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            defer { ledger.closeNow() }
            let end = Timestamp(nanoseconds: SystemClock().now().nanoseconds + 3_000_000_000)
            // A machine that is busy for some seconds is no outage here.
            var rules = AuctionRules()
            rules.outage = OutageRule(longerThanMilliseconds: 600_000, moveMilliseconds: nil)
            let commands: [Command] = [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
                .registerUser("alice"),
                .charge(user: "alice", currency: "USD", amount: 500, reference: "r"),
                .openAuction(
                    OpenAuction(
                        auction: "lot-1", seller: "bob", currency: "USD", closesAt: end,
                        rules: rules)),
                .placeBid(auction: "lot-1", bidder: "alice", amount: 70),
            ]
            let receipts = try await ledger.enqueue(
                commands.map { Submission(id: .generate(), command: $0) }
            ).value()
            try #require(receipts.allSatisfy { $0.status == .accepted })
            // The subscription waits; nothing else happens to the ledger. It may have closed by
            // now: a busy machine takes seconds to resume a task.
            var position = try #require(receipts.last?.position) + 1
            for try await run in ledger.subscribe(from: position) {
                position += UInt64(run.count)
                break
            }
            let view = try ledger.auction("lot-1").value
            #expect(view.outcome == .sold && view.winner == "alice" && view.price == 70)
            let closed = try #require(view.closedPosition)
            let closing = try #require(try ledger.entry(at: closed))
            #expect(closing.time == end && closing.commandID == nil)
            #expect(try ledger.usd("bob") == (70, 0))
        }
    }

    @Test("A bid at closes_at is refused, one nanosecond before it is taken")
    func edge() async throws {
        for (nanoseconds, isTaken) in [(Int64(-1), true), (0, false)] {
            let bench = try Bench()
            try await bench.prepare()
            try await bench.open("lot-1", seconds: 60)
            bench.clock.advance(nanoseconds: 60_000_000_000 + nanoseconds)
            let receipt = try await bench.bid("alice", 100)
            #expect((receipt.status == .accepted) == isTaken)
            if !isTaken { #expect(receipt.rejection?.code == .auctionEnded) }
        }
    }

    @Test("A bid admitted before the end and decided after it is taken")
    func admissionCounts() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 60)
        bench.clock.advance(nanoseconds: 60_000_000_000 - 1)
        bench.store.hold()
        // These keep the writer busy behind the held log while the bid waits its turn.
        var tickets: [BatchTicket] = []
        for number in 0..<4 {
            tickets.append(
                try bench.ledger.enqueue([
                    Submission(
                        id: .generate(at: bench.clock.now()),
                        command: .registerUser(UserID(unchecked: "user-\(number)")))
                ]))
        }
        let bid = try bench.ledger.enqueue([
            Submission(
                id: .generate(at: bench.clock.now()),
                command: .placeBid(auction: "lot-1", bidder: "alice", amount: 100))
        ])
        bench.clock.advance(seconds: 10)
        let late = try bench.ledger.enqueue([
            Submission(
                id: .generate(at: bench.clock.now()),
                command: .placeBid(auction: "lot-1", bidder: "carol", amount: 200))
        ])
        bench.store.release()
        await #expect(try bid.value()[0].status == .accepted)
        await #expect(try late.value()[0].rejection?.code == .auctionEnded)
        #expect(try bench.ledger.auction("lot-1").value.winner == "alice")
    }

    @Test("Closing, hammer and confirmation settle once")
    func settlesOnce() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 60)
        _ = try await bench.bid("alice", 100)
        #expect(
            try await bench.submit(.closeAuction("lot-1")).rejection?.code == .auctionNotEnded)
        #expect(try await bench.submit(.closeAuction("lot-1", hammer: true)).status == .accepted)
        bench.clock.advance(seconds: 120)
        try await bench.ledger.tick()
        for hammer in [false, true] {
            let receipt = try await bench.submit(.closeAuction("lot-1", hammer: hammer))
            let position = try #require(receipt.position)
            let events = try #require(try bench.ledger.entry(at: position)).outcome.events
            let closed = try #require(try bench.ledger.auction("lot-1").value.closedPosition)
            #expect(
                events == [
                    .closeConfirmed(
                        auction: AuctionHandle(rawValue: 0), position: closed, outcome: .sold)
                ])
        }
        #expect(try bench.ledger.usd("bob") == (100, 0))
        #expect(try bench.ledger.usd("alice") == (9900, 0))
        #expect(bench.ledger.verify().isClean)
    }

    @Test("Due auctions close in order of end, then of opening")
    func order() async throws {
        let bench = try Bench()
        try await bench.prepare()
        for (auction, seconds) in [("a", 30), ("b", 20), ("c", 30), ("d", 10)] {
            try await bench.open(AuctionID(unchecked: auction), seconds: Int64(seconds))
        }
        let before = bench.ledger.reflects
        bench.clock.advance(seconds: 30)
        try await bench.ledger.tick()
        let order = try bench.ledger.entries(from: before).compactMap { entry in
            entry.command.auction.map { bench.ledger.reading.id(of: $0).string }
        }
        #expect(order == ["d", "b", "a", "c"])
    }

    @Test(
        "While closings are held nothing closes and bids are refused; confirming closes what is due"
    )
    func held() async throws {
        let bench = try Bench { $0.closing = .held }
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 60)
        try await bench.open("lot-2", seconds: 60)
        #expect(try await bench.bid("alice", 100).refusal == .closingHeld)
        bench.clock.advance(seconds: 90)
        try await bench.ledger.tick()
        #expect(try bench.ledger.auction("lot-1").value.status == .open)
        #expect(try await bench.submit(.closeAuction("lot-1")).refusal == .closingHeld)
        let later = Timestamp(nanoseconds: bench.clock.now().nanoseconds + 60_000_000_000)
        try await bench.accept(.extendAuction("lot-2", closesAt: later))
        try await bench.ledger.confirmClosings()
        #expect(try bench.ledger.auction("lot-1").value.outcome == .noBids)
        #expect(try bench.ledger.auction("lot-2").value.status == .open)
        #expect(try await bench.bid("alice", 100, on: "lot-2").status == .accepted)
    }

    @Test("All that ended while closings were held gets a later end; what ends later keeps its own")
    func extendsEnded() async throws {
        let bench = try Bench { $0.closing = .held }
        try await bench.prepare()
        let start = bench.clock.now()
        for (auction, seconds) in [("a", 30), ("b", 20), ("c", 60), ("d", 61)] {
            try await bench.open(AuctionID(unchecked: auction), seconds: Int64(seconds))
        }
        bench.clock.advance(seconds: 60)
        func at(_ seconds: Int64) -> Timestamp {
            Timestamp(nanoseconds: start.nanoseconds + seconds * 1_000_000_000)
        }
        let extended = try await bench.ledger.extendEndedAuctions(since: at(30), to: at(600))
        #expect(extended.map(\.auction) == ["a", "c"])
        #expect(extended.map(\.formerEnd) == [at(30), at(60)])
        #expect(extended.allSatisfy { $0.receipt.status == .accepted })
        try await bench.ledger.confirmClosings()
        for (auction, end) in [("a", 600), ("c", 600), ("d", 61)] as [(AuctionID, Int64)] {
            let view = try bench.ledger.auction(auction).value
            #expect(view.status == .open && view.closesAt == at(end))
        }
        #expect(try bench.ledger.auction("b").value.outcome == .noBids)
        // Nothing is overdue now.
        #expect(try await bench.ledger.extendEndedAuctions(to: at(900)).isEmpty)
    }

    @Test("An extension to a time that has passed is rejected for each, and changes nothing")
    func extendsToThePast() async throws {
        let bench = try Bench { $0.closing = .held }
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 60)
        bench.clock.advance(seconds: 90)
        let end = bench.clock.now()
        let extended = try await bench.ledger.extendEndedAuctions(to: end)
        #expect(extended.map(\.receipt.rejection?.code) == [.closesAtTooEarly])
    }

    @Test(
        "While a wall clock is wrong by far nothing closes and all else goes on",
        arguments: [86_400, -1800])
    func clockJump(_ seconds: Int64) async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 3600)
        let before = bench.ledger.now
        bench.clock.jump(seconds: seconds)
        try await bench.ledger.tick()
        #expect(try await bench.bid("alice", 100).refusal == .closingHeld)
        #expect(try bench.ledger.auction("lot-1").value.status == .open)
        // Everything else goes on, by the time that it was.
        let charge = try await bench.ledger.submit(
            .charge(user: "alice", currency: "USD", amount: 5, reference: "meanwhile"),
            id: .generate(at: before))
        #expect(charge.time == before && bench.ledger.statistics.holdsClosings)
        // The clocks agree again: nobody needs to do anything.
        bench.clock.jump(seconds: -seconds)
        try await bench.ledger.tick()
        #expect(try await bench.bid("alice", 100).status == .accepted)
        bench.clock.jump(seconds: seconds)
        try await bench.ledger.tick()
        #expect(try await bench.bid("alice", 200).refusal == .closingHeld)
        try await bench.ledger.confirmClosings()
        #expect(bench.ledger.now == bench.clock.now())
    }

    @Test("A lot that is closed has ended, although others wait since an outage around its end")
    func closedWithinAnOutage() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let configuration = Bench.configuration(clock)
            var ledger = try await Ledger.open(at: path, configuration: configuration)
            let end = Timestamp(nanoseconds: clock.now().nanoseconds + 60_000_000_000)
            let moves = AuctionRules(outage: OutageRule(moveMilliseconds: 1_000))
            let commands: [Command] = [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
                .registerUser("alice"),
                .openAuction(
                    OpenAuction(auction: "waits", seller: "bob", currency: "USD", closesAt: end)),
                .openAuction(
                    OpenAuction(
                        auction: "moves", seller: "bob", currency: "USD", closesAt: end,
                        rules: moves)),
            ]
            _ = try await ledger.enqueue(
                commands.map { Submission(id: .generate(at: clock.now()), command: $0) }
            ).value()
            for seconds in [3_600, 10] as [Int64] {
                await ledger.close()
                clock.advance(seconds: seconds)
                ledger = try await Ledger.open(at: path, configuration: configuration)
                // Its later end comes while the house is there.
                try await ledger.tick()
                clock.advance(seconds: 2)
                try await ledger.tick()
            }
            #expect(try ledger.auction("waits").value.status == .open)
            #expect(try ledger.auction("moves").value.status == .closed)
            func bid(on auction: AuctionID) async throws -> Receipt {
                try await ledger.submit(
                    .placeBid(auction: auction, bidder: "alice", amount: 5),
                    id: .generate(at: ledger.now))
            }
            #expect(try await bid(on: "waits").refusal == .closingHeld)
            #expect(try await bid(on: "moves").rejection?.code == .auctionEnded)
            await ledger.close()
        }
    }

    @Test("A clock that goes back a little never makes an entry's time fall")
    func clockBackwards() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 3600)
        let first = try await bench.bid("alice", 100)
        bench.clock.jump(seconds: -30)
        let second = try await bench.bid("carol", 200)
        #expect(second.status == .accepted)
        let times = (try #require(first.time), try #require(second.time))
        #expect(times.1 >= times.0)
        #expect(bench.ledger.verify().isClean)
    }

    @Test("A ledger whose last entry lies ahead of the clock is opened with closings held")
    func clockBehindTheLog() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 3600)
        await bench.ledger.close()
        bench.clock.jump(seconds: -1800)
        let reopened = try await Ledger.open(
            in: bench.store, configuration: Bench.configuration(bench.clock))
        let receipt = try await reopened.submit(
            .placeBid(auction: "lot-1", bidder: "alice", amount: 100),
            id: .generate(at: bench.clock.now()))
        #expect(receipt.refusal == .closingHeld)
    }
}
