// Commands in, receipts out: order, exactly once, refusals, capacity and failure.

import AuctionDomain
import Gavel
import GavelTesting
import Platform
import Synchronization
import Testing

@Suite("Submitting")
struct SubmittingTests {
    @Test("A new ledger begins with its creation and the engine's opening")
    func firstEntries() async throws {
        let bench = try Bench()
        #expect(bench.ledger.reflects == 2)
        let first = try #require(try bench.ledger.entry(at: 0))
        guard case .createLedger = first.command else {
            Issue.record("entry 0 is \(first.command)")
            return
        }
        #expect(first.commandID == nil)
        #expect(try bench.ledger.entry(at: 1)?.outcome.events == [.engineOpened(epoch: 1)])
        #expect(try bench.ledger.entry(at: 2) == nil)
    }

    @Test("A bid that takes the lead refunds the former leader and locks the new one in one entry")
    func takeOver() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1")
        _ = try await bench.bid("alice", 100)
        let receipt = try await bench.bid("carol", 250)
        let position = try #require(receipt.position)
        let entry = try #require(try bench.ledger.entry(at: position))
        let names = entry.outcome.events.map(\.name)
        #expect(names == ["lead_taken", "refunded", "locked"])
        #expect(try bench.ledger.usd("alice") == (10_000, 0))
        #expect(try bench.ledger.usd("carol") == (9750, 250))
    }

    @Test("Receipts of a batch come in its order, one for each command")
    func batches() async throws {
        let bench = try Bench()
        let commands: [Command] = [
            .registerUser("bob"), .registerUser("bob"), .registerUser("eve"),
            .cancelAuction("none"),
            .charge(user: "bob", currency: "USD", amount: 0, reference: "r"),
        ]
        let batch = commands.map {
            Submission(id: .generate(at: bench.clock.now()), command: $0)
        }
        for receipts in await [
            try await bench.ledger.submit(batch),
            try bench.ledger.enqueue(batch.map { Submission(id: $0.id, command: $0.command) })
                .value(),
        ] {
            #expect(
                receipts.map(\.status) == [.accepted, .rejected, .accepted, .refused, .refused])
            #expect(receipts[1].rejection?.code == .userAlreadyRegistered)
            #expect(receipts[3].refusal == .auctionNotFound)
            #expect(receipts[4].refusal == .malformed)
        }
        #expect(bench.ledger.reflects == 5)
    }

    @Test("The same id and content get the first receipt again, accepted or rejected")
    func replays() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1")
        let id = CommandID.generate(at: bench.clock.now())
        let late = CommandID.generate(at: bench.clock.now())
        let bid = Command.placeBid(auction: "lot-1", bidder: "alice", amount: 500)
        let first = try await bench.ledger.submit(bid, id: id)
        let low = Command.placeBid(auction: "lot-1", bidder: "carol", amount: 500)
        let rejected = try await bench.ledger.submit(low, id: late)
        #expect(rejected.rejection == Rejection(.bidBelowMinimum, limit: 501))
        let count = bench.ledger.reflects
        let again = try await bench.ledger.submit(bid, id: id)
        let rejectedAgain = try await bench.ledger.submit(low, id: late)
        #expect(again.isReplay && again.position == first.position && again.time == first.time)
        #expect(rejectedAgain.isReplay && rejectedAgain.rejection == rejected.rejection)
        #expect(bench.ledger.reflects == count)
    }

    @Test("The same id with other content, or from another actor, is refused and changes nothing")
    func reusedID() async throws {
        let bench = try Bench()
        try await bench.prepare()
        let id = CommandID.generate(at: bench.clock.now())
        _ = try await bench.ledger.submit(.registerUser("dora"), id: id)
        let other = try await bench.ledger.submit(.registerUser("emil"), id: id)
        let actor = try await bench.ledger.submit(.registerUser("dora"), id: id, by: .user("dora"))
        let unknown = try await bench.ledger.submit(.closeAuction("nowhere"), id: id)
        #expect(other.refusal == .commandIDReused)
        #expect(actor.refusal == .commandIDReused)
        #expect(unknown.refusal == .commandIDReused)
        #expect(try bench.ledger.wallets().items.map(\.user.string).contains("emil") == false)
    }

    @Test("Who registers herself is answered the same when she repeats it")
    func selfRegistration() async throws {
        let bench = try Bench()
        let id = CommandID.generate(at: bench.clock.now())
        let first = try await bench.ledger.submit(.registerUser("dora"), id: id, by: .user("dora"))
        let again = try await bench.ledger.submit(.registerUser("dora"), id: id, by: .user("dora"))
        #expect(first.status == .accepted)
        #expect(again.isReplay && again.status == .accepted)
    }

    @Test("A repeated command inside one batch is answered once with an entry, once without")
    func repeatsInOneFrame() async throws {
        let bench = try Bench()
        let submission = Submission(
            id: .generate(at: bench.clock.now()), command: .registerUser("dora"))
        let receipts = try await bench.ledger.submit([submission, submission])
        #expect(receipts.map(\.isReplay) == [false, true])
        #expect(receipts[0].position == receipts[1].position)
    }

    @Test("Ids that are no UUID version 7, too old or too far ahead are refused")
    func commandIDs() async throws {
        let bench = try Bench()
        let now = UInt64(bench.clock.now().nanoseconds / 1_000_000)
        func refusal(_ id: CommandID) async throws -> Refusal? {
            try await bench.ledger.submit(.registerUser("dora"), id: id).refusal
        }
        #expect(try await refusal(CommandID(high: 1, low: 2)) == .commandIDMalformed)
        // Nothing is too old by what was before the opening.
        let old = CommandID(milliseconds: now - 3_601_000, randomHigh: 1, randomLow: 1)
        #expect(try await refusal(old) == nil)
        let ahead = CommandID(milliseconds: now + 300_001, randomHigh: 1, randomLow: 1)
        #expect(try await refusal(ahead) == .commandIDInFuture)
        let atTheEdge = CommandID(milliseconds: now + 300_000, randomHigh: 1, randomLow: 1)
        #expect(try await refusal(atTheEdge) == nil)
        bench.clock.advance(seconds: 3_600)
        try await bench.ledger.tick()
        #expect(try await refusal(old) == .commandIDExpired)
        #expect(try await refusal(atTheEdge) == nil)
    }

    @Test("A refusal by the time in an id has both clocks, and the same id is taken later")
    func clocks() async throws {
        let bench = try Bench()
        let start = bench.clock.now()
        func after(_ seconds: Int64) -> Timestamp {
            Timestamp(nanoseconds: start.nanoseconds + seconds * 1_000_000_000)
        }
        let early = CommandID.generate(at: after(-1))
        bench.clock.advance(seconds: 4_000)
        // The ledger goes by its own clock, whatever the machine's says.
        bench.clock.jump(seconds: 86_400)
        try await bench.ledger.tick()
        let now = bench.ledger.now
        #expect(now == after(4_000))
        let ahead = CommandID.generate(at: after(4_301))
        let refused = try await bench.ledger.submit(.registerUser("dora"), id: ahead)
        #expect(refused.refusal == .commandIDInFuture)
        #expect(refused.clocks?.id == after(4_301))
        #expect(refused.clocks?.ledger == now)
        #expect(refused.time == nil && refused.position == nil)
        bench.clock.advance(seconds: 1)
        let taken = try await bench.ledger.submit(.registerUser("dora"), id: ahead)
        #expect(taken.status == .accepted && taken.clocks == nil)
        // Both clocks said a retention ago that it was late already.
        bench.clock.jump(seconds: -86_400)
        bench.clock.advance(seconds: 4_000)
        try await bench.ledger.tick()
        let late = try await bench.ledger.submit(.registerUser("emma"), id: early)
        #expect(late.refusal == .commandIDExpired)
        #expect(late.clocks?.id == after(-1))
        #expect(late.clocks?.ledger == bench.ledger.now)
    }

    /// Registers user-0 to user-11, two seconds apart.
    private func registerTwelve(_ bench: Bench) async throws -> [CommandID] {
        var ids: [CommandID] = []
        for number in 0..<12 {
            bench.clock.advance(seconds: 2)
            ids.append(.generate(at: bench.clock.now()))
            let command = Command.registerUser(UserID(unchecked: "user-\(number)"))
            let receipt = try await bench.ledger.submit(command, id: ids[number])
            #expect(receipt.status == .accepted)
        }
        return ids
    }

    @Test("An id past the horizon is refused even though its entry is in the log")
    func horizon() async throws {
        let bench = try Bench { $0.commandIDsMax = 4 }
        let ids = try await registerTwelve(bench)
        let first = try await bench.ledger.submit(.registerUser("user-0"), id: ids[0])
        #expect(first.refusal == .commandIDExpired)
        let last = try await bench.ledger.submit(.registerUser("user-11"), id: ids[11])
        #expect(last.isReplay)
        // However long ago, the log still knows what became of it.
        #expect(try bench.ledger.outcome(of: ids[0])?.status == .accepted)
    }

    @Test("The horizon and the ids after it survive a restart, also with a larger window")
    func horizonAcrossRestarts() async throws {
        let bench = try Bench { $0.commandIDsMax = 4 }
        let ids = try await registerTwelve(bench)
        await bench.ledger.close()
        let reopened = try await Ledger.open(
            in: bench.store, configuration: Bench.configuration(bench.clock))
        let count = reopened.reflects
        for (number, id) in ids.enumerated() {
            let command = Command.registerUser(UserID(unchecked: "user-\(number)"))
            let receipt = try await reopened.submit(command, id: id)
            #expect(receipt.isReplay || receipt.refusal == .commandIDExpired, "user-\(number)")
        }
        #expect(reopened.reflects == count)
        let last = try await reopened.submit(.registerUser("user-11"), id: ids[11])
        #expect(last.isReplay)
        let first = try await reopened.submit(.registerUser("user-0"), id: ids[0])
        #expect(first.refusal == .commandIDExpired)
    }

    @Test("A full queue refuses and what is refused left no trace")
    func queueFull() async throws {
        let bench = try Bench { $0.queueCommandsMax = 8 }
        bench.store.hold()
        // Two frames fit between the writer and the log; what follows fills the queue.
        var tickets: [BatchTicket] = []
        for number in 0..<64 {
            let batch = (0..<4).map { index in
                Submission(
                    id: .generate(at: bench.clock.now()),
                    command: .registerUser(UserID(unchecked: "u\(number)-\(index)")))
            }
            tickets.append(try bench.ledger.enqueue(batch))
        }
        bench.store.release()
        let receipts = try tickets.flatMap { try $0.wait() }
        let refused = receipts.filter { $0.refusal == .queueFull }.count
        let accepted = receipts.filter { $0.status == .accepted }.count
        #expect(refused > 0)
        #expect(refused + accepted == 256)
        #expect(bench.ledger.reflects == UInt64(2 + accepted))
    }

    @Test("Closing answers what is in the queue and refuses what comes after")
    func gracefulClose() async throws {
        let bench = try Bench()
        let tickets = try (0..<50).map { number in
            try bench.ledger.enqueue([
                Submission(
                    id: .generate(at: bench.clock.now()),
                    command: .registerUser(UserID(unchecked: "user-\(number)")))
            ])
        }
        await bench.ledger.close()
        for ticket in tickets { await #expect(try ticket.value()[0].status == .accepted) }
        let late = try await bench.submit(.registerUser("late"))
        #expect(late.refusal == .shuttingDown)
        #expect(bench.ledger.reflects == 52)
    }

    @Test("Below the low-water mark bids and openings are refused, refunds and closes are not")
    func storageLow() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Bench.configuration(clock)
            let prepared = try await Ledger.open(at: path, configuration: configuration)
            func submit(_ command: Command, to ledger: Ledger) async throws -> Receipt {
                try await ledger.submit(command, id: .generate(at: clock.now()))
            }
            let opening = OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")
            for command: Command in [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
                .registerUser("alice"),
                .charge(user: "alice", currency: "USD", amount: 900, reference: "r"),
                .openAuction(opening),
                .placeBid(auction: "lot-1", bidder: "alice", amount: 100),
            ] {
                #expect(try await submit(command, to: prepared).status == .accepted)
            }
            await prepared.close()
            configuration.freeBytesMin = .max
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            defer { ledger.closeNow() }
            var second = opening
            second.auction = "lot-2"
            #expect(try await submit(.openAuction(second), to: ledger).refusal == .storageLow)
            let bid = Command.placeBid(auction: "lot-1", bidder: "alice", amount: 200)
            #expect(try await submit(bid, to: ledger).refusal == .storageLow)
            let hammer = Command.closeAuction("lot-1", hammer: true)
            #expect(try await submit(hammer, to: ledger).status == .accepted)
            #expect(try ledger.usd("bob").available == 100)
        }
    }
}

@Suite("A log that fails")
struct FailureTests {
    @Test(
        "After a failed commit callers get outcome_unknown, and reopening tells what happened",
        arguments: [MemoryStore.Fault.unknownButStored, .unknownAndLost])
    func unknown(_ fault: MemoryStore.Fault) async throws {
        let bench = try Bench()
        try await bench.prepare()
        bench.store.fail(fault)
        let id = CommandID.generate(at: bench.clock.now())
        await #expect(throws: LedgerError(.outcomeUnknown, "")) {
            try await bench.ledger.submit(.registerUser("dora"), id: id)
        }
        await #expect(throws: LedgerError(.outcomeUnknown, "")) {
            try await bench.submit(.registerUser("emil"))
        }
        // Nothing that is not durable is shown.
        #expect(throws: LedgerError(.unknownName, "")) { try bench.ledger.wallet("dora") }
        await bench.ledger.close()
        let reopened = try await Ledger.open(
            in: bench.store, configuration: Bench.configuration(bench.clock))
        let receipt = try await reopened.submit(.registerUser("dora"), id: id)
        #expect(receipt.status == .accepted)
        #expect(receipt.isReplay == (fault == .unknownButStored))
        #expect(reopened.verify().isClean)
    }

    @Test("A writer that was replaced stops, and nothing of its frame is shown")
    func fenced() async throws {
        let bench = try Bench()
        bench.store.fail(.fenced)
        await #expect(throws: LedgerError(.fenced, "")) {
            try await bench.submit(.registerUser("dora"))
        }
        #expect(bench.ledger.reflects == 2)
    }

    @Test("When an own entry cannot be read back everybody is answered, then and later")
    func unreadable() async throws {
        try await withLedgerPath { path in
            let gate = Gate()
            var configuration = Configuration()
            // So that a command that is sent again is read from the store.
            configuration.shortcuts.remove(.recentFrames)
            let ledger = try Ledger.openAndWait(
                in: FolderStore(at: path), configuration: configuration
            ) { log in
                GatedLog(log, gate)
            }
            let first = Submission(id: .generate(), command: .registerUser("dora"))
            _ = try await ledger.enqueue([first]).value()
            // A second frame, so that the first is no longer among those handed over.
            _ = try await ledger.enqueue([
                Submission(id: .generate(), command: .registerUser("emil"))
            ]).value()
            gate.isUnreadable.store(true, ordering: .releasing)
            let repeated = try ledger.enqueue([first, first])
            #expect(throws: LedgerError(.damaged, "")) { try repeated.wait() }
            await #expect(throws: LedgerError(.damaged, "")) {
                try await ledger.submit(.registerUser("late"), id: .generate())
            }
            await ledger.close()
        }
    }

    @Test("Every caller in flight at a failure gets an answer")
    func everyoneIsAnswered() async throws {
        let bench = try Bench()
        bench.store.fail(.unknownAndLost, afterFrames: 1)
        try await bench.accept(.registerUser("first"))
        let ledger = bench.ledger
        let now = bench.clock.now()
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let command = Command.registerUser(UserID(unchecked: "user-\(number)"))
                    return (try? await ledger.submit(command, id: .generate(at: now))) != nil
                }
            }
            return await group.reduce(into: [true: 0, false: 0]) { $0[$1]! += 1 }
        }
        #expect(outcomes[false]! == 200)
        await ledger.close()
        let reopened = try await Ledger.open(
            in: bench.store, configuration: Bench.configuration(bench.clock))
        #expect(try reopened.wallet("first").value.user == "first")
        #expect(reopened.reflects == 4)
    }
}
