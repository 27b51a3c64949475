// Following the log: every entry once and in order, an end that says why, and readers of another
// process's ledger.

import AuctionDomain
import Foundation
import GavelTesting
import Synchronization
import Testing

@testable import Gavel

extension Ledger {
    /// Registers users, each in a frame of its own or all in one.
    func fill(_ count: Int, _ prefix: String = "user") throws {
        for start in stride(from: 0, to: count, by: 4096) {
            try register(min(4096, count - start), "\(prefix)-\(start)", in: self)
        }
    }
}

@Suite("Following the log")
struct FollowingTests {
    @Test("A subscription gives every entry once, in order: first what is there, then what comes")
    func subscription() async throws {
        let bench = try Bench()
        try await bench.prepare()
        let ledger = bench.ledger
        let follower = Task {
            var positions: [UInt64] = []
            for try await run in ledger.subscribe(from: 3) { positions += run.map(\.position) }
            return positions
        }
        for number in 0..<300 {
            try await bench.accept(.registerUser(UserID(unchecked: "user-\(number)")))
        }
        let last = ledger.reflects
        await ledger.close()
        let positions = try await follower.value
        // Closing may end it early, but never out of order.
        #expect(positions == Array(3..<(3 + UInt64(positions.count))))
        #expect(positions.count <= Int(last) - 3)
    }

    @Test("Cancelling a subscriber's task ends its wait")
    func cancellation() async throws {
        let bench = try Bench()
        let ledger = bench.ledger
        let follower = Task {
            for try await _ in ledger.subscribe(from: ledger.reflects) {}
        }
        try await Task.sleep(for: .milliseconds(50))
        follower.cancel()
        try await follower.value
    }

    @Test(
        "A commit that fails ends followers and projections with that failure, also after closing",
        arguments: [
            (MemoryStore.Fault.unknownAndLost, LedgerError.Code.outcomeUnknown),
            (.unknownButStored, .outcomeUnknown), (.fenced, .fenced),
        ], [false, true])
    func failure(_ fault: (MemoryStore.Fault, LedgerError.Code), draining: Bool) async throws {
        let bench = try Bench()
        try await bench.prepare()
        let ledger = bench.ledger
        let durable = ledger.reflects
        let seen = Mutex<UInt64>(0)
        let waiting = Task {
            for try await run in ledger.subscribe(draining: draining) {
                seen.withLock { $0 += UInt64(run.count) }
            }
        }
        let host = try ProjectionHost(BidCounts(), following: ledger)
        let running = Task { try await host.run(draining: draining) }
        while try seen.withLock({ $0 }) < durable || host.lag > 0 { await Task.yield() }
        bench.store.fail(fault.0)
        await #expect(throws: LedgerError(fault.1, "")) {
            try await bench.submit(.registerUser("dave"))
        }
        await #expect(throws: LedgerError(fault.1, "")) { try await waiting.value }
        await #expect(throws: LedgerError(fault.1, "")) { try await running.value }
        #expect(seen.withLock { $0 } == durable && host.place.position == durable)
        // Whoever comes later hears the same; a draining one gets what is durable first.
        for isClosed in [false, true] {
            if isClosed { await ledger.close() }
            var late = ledger.subscribe(draining: draining).makeAsyncIterator()
            if draining, !isClosed {
                #expect(try await late.next()?.count == Int(durable))
            }
            if !draining {
                await #expect(throws: LedgerError(fault.1, "")) { try await late.next() }
            }
            await #expect(throws: LedgerError(fault.1, "")) { try await host.run() }
        }
    }

    @Test("A draining subscription gives everything durable before it ends; closing waits for it")
    func draining() async throws {
        try await withLedgerPath { path in
            // As long as it takes on a machine that is busy.
            var configuration = Configuration()
            configuration.drainMilliseconds = 600_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            try ledger.fill(5000)
            let count = ledger.reflects
            let (began, signal) = AsyncStream<Void>.makeStream()
            let follower = Task {
                var positions: [UInt64] = []
                for try await run in ledger.subscribe(draining: true) {
                    positions += run.map(\.position)
                    // Closing begins once the first run is there.
                    signal.yield()
                    while !ledger.statistics.isClosed { await Task.yield() }
                    // Time for a closing that does not wait to let go of the log.
                    try await Task.sleep(for: .milliseconds(100))
                }
                return positions
            }
            for await _ in began { break }
            await ledger.close()
            #expect(try await follower.value == Array(0..<count))
        }
    }

    @Test("A draining follower that is too slow ends with an error, and no clean end")
    func tooSlow() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.drainMilliseconds = 0
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            try ledger.fill(3000)
            var slow = ledger.subscribe(draining: true).makeAsyncIterator()
            var plain = ledger.subscribe().makeAsyncIterator()
            #expect(try await slow.next()?.count == Subscription.runEntriesMax)
            #expect(try await plain.next() != nil)
            await ledger.close()
            await #expect(throws: LedgerError(.closed, "")) { try await slow.next() }
            #expect(try await plain.next() == nil)
            // One that begins now can get nothing either.
            var late = ledger.subscribe(draining: true).makeAsyncIterator()
            await #expect(throws: LedgerError(.closed, "")) { try await late.next() }
        }
    }

    @Test("Closing does not wait for a draining follower that has gone, or was cancelled")
    func gone() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.drainMilliseconds = 86_400_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            do {
                var dropped = ledger.subscribe(draining: true).makeAsyncIterator()
                #expect(try await dropped.next() != nil)
            }
            let cancelled = Task {
                for try await _ in ledger.subscribe(draining: true) {}
            }
            cancelled.cancel()
            try await cancelled.value
            await ledger.close()
        }
    }

    @Test("A place of another ledger, or beyond the end, is an error that names both")
    func places() async throws {
        let bench = try Bench()
        try await bench.prepare()
        let ledger = bench.ledger
        let own = try #require(ledger.ledgerID)
        let other = LedgerID(high: own.high, low: ~own.low)
        let end = ledger.reflects
        let strange = [
            Subscription.Place(ledger: other, position: 0),
            Subscription.Place(ledger: other, position: end),
            Subscription.Place(ledger: own, position: end + 1),
            Subscription.Place(ledger: own, position: .max),
        ]
        for place in strange {
            for draining in [false, true] {
                var runs = ledger.subscribe(from: place, draining: draining).makeAsyncIterator()
                let error = await #expect(throws: LedgerError.self) { try await runs.next() }
                #expect(error?.code == .otherHistory)
                let reason = error?.reason ?? ""
                #expect(reason.contains("position \(place.position) of ledger"))
                #expect(reason.contains(place.ledger.hexadecimal))
                #expect(reason.contains(own.hexadecimal) && reason.contains("\(end) entries"))
            }
            #expect(throws: LedgerError(.otherHistory, "")) {
                try ProjectionHost(BidCounts(), from: place, following: ledger)
            }
        }
        var bare = ledger.subscribe(from: end + 1).makeAsyncIterator()
        await #expect(throws: LedgerError(.otherHistory, "")) { try await bare.next() }
        // The end itself is a place.
        var last = ledger.subscribe(from: Subscription.Place(ledger: own, position: end - 1))
            .makeAsyncIterator()
        #expect(try await last.next()?.map(\.position) == [end - 1])
        _ = try ProjectionHost(
            BidCounts(), from: Subscription.Place(ledger: own, position: end), following: ledger)
    }
}

@Suite("Following another process's ledger")
struct ReaderFollowingTests {
    @Test("A reader that many tasks refresh at once takes in each entry once")
    func sharedRefresh() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            try ledger.fill(20_000)
            let (count, digest) = (ledger.reflects, ledger.digest)
            await ledger.close()
            // Opened at an early moment, so that there is much to catch up with.
            let reader = try await LedgerReader.open(at: path, asOf: .position(10))
            #expect(reader.reflects == 11)
            let news = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        guard number % 4 == 0 else { return try reader.refresh() ? 1 : 0 }
                        // Others ask meanwhile.
                        for step in UInt64(0)..<50 { _ = try reader.entry(at: step * 7) }
                        return 0
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(news == 1)
            #expect(reader.reflects == count && reader.digest == digest)
            reader.close()
            #expect(throws: LedgerError(.closed, "")) { try reader.refresh() }
        }
    }

    @Test("A reader's followers and projections get what another process writes, until it closes")
    func acrossProcesses() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            try ledger.fill(2500, "first")
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            let host = try ProjectionHost(
                BidCounts(), following: reader, lookingEvery: .milliseconds(2))
            #expect(try host.lag == reader.reflects)
            let running = Task { try await host.run() }
            let seen = Mutex<[UInt64]>([])
            let following = Task {
                for try await run in reader.subscribe(lookingEvery: .milliseconds(2)) {
                    seen.withLock { $0 += run.map(\.position) }
                }
            }
            await #expect(processExitsWith: .success) { [path = path as String] in
                let writer = try await Ledger.open(at: path)
                for number in 0..<50 {
                    _ = try await writer.submit(
                        .registerUser(UserID(unchecked: "later-\(number)")), id: .generate())
                }
                await writer.close()
            }
            // One opening and fifty users more.
            let expected = 2501 + 1 + 1 + 50 as UInt64
            while try seen.withLock({ $0.count }) < Int(expected) || host.lag > 0 {
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(seen.withLock { $0 } == Array(0..<expected))
            #expect(host.place == Subscription.Place(ledger: reader.ledgerID!, position: expected))
            // What a past moment shows is followed to its end.
            var positions: [UInt64] = []
            for try await run in try reader.past(.position(1500)).subscribe() {
                positions += run.map(\.position)
            }
            #expect(positions == Array(0...1500))
            var beyond = reader.subscribe(from: expected + 1).makeAsyncIterator()
            await #expect(throws: LedgerError(.otherHistory, "")) { try await beyond.next() }
            reader.close()
            try await following.value
            try await running.value
            #expect(throws: LedgerError(.closed, "")) { try host.lag }
        }
    }
}
