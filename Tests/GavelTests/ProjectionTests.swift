// An embedder's projections: in place, each entry once, bound to one ledger.

import AuctionDomain
import GavelTesting
import Synchronization
import Testing

@testable import Gavel

/// Counts accepted bids by bidder, and holds against its own count that no entry comes twice.
struct BidCounts: Projection {
    var position: UInt64 = 0
    var counts: [UserID: Int] = [:]

    mutating func apply(_ run: [LedgerEntry], names: Reading) {
        for entry in run {
            precondition(entry.position == position)
            if case .placeBid(_, let bidder, _) = entry.command, entry.outcome.rejection == nil {
                counts[names.id(of: bidder), default: 0] += 1
            }
            position += 1
        }
    }
}

/// Tells whenever its rows had to be copied to be changed.
private struct CountedCopies: Projection {
    final class Rows: Sendable {
        let positions: Mutex<[UInt64]>
        init(_ positions: [UInt64] = []) { self.positions = Mutex(positions) }
    }

    var rows = Rows()
    var copies = 0

    mutating func apply(_ run: [LedgerEntry], names: Reading) {
        if !isKnownUniquelyReferenced(&rows) {
            rows = Rows(rows.positions.withLock { $0 })
            copies += 1
        }
        rows.positions.withLock { $0 += run.map(\.position) }
    }
}

/// Refuses the entry at a position, once, in the middle of a run.
private struct Failing: Projection {
    struct Refused: Error {}
    let refuses: UInt64?
    var counts = BidCounts()

    mutating func apply(_ run: [LedgerEntry], names: Reading) throws {
        for entry in run {
            if entry.position == refuses { throw Refused() }
            counts.apply([entry], names: names)
        }
    }
}

@Suite("Projections")
struct ProjectionTests {
    private func bidding() async throws -> Bench {
        let bench = try Bench()
        try await bench.prepare(money: 100_000)
        try await bench.open("lot-1")
        for amount in 1...20 {
            _ = try await bench.bid(
                amount % 2 == 0 ? "alice" : "carol", Money(minorUnits: Int64(amount)))
        }
        return bench
    }

    /// Waits until a projection has applied everything.
    private func caughtUp<Value>(_ host: ProjectionHost<Value>) async throws {
        while try host.lag > 0 { await Task.yield() }
    }

    @Test("A projection catches up, follows, tells its lag, is stored and goes on, and is rebuilt")
    func lifeCycle() async throws {
        let bench = try await bidding()
        let host = try ProjectionHost(BidCounts(), following: bench.ledger)
        #expect(try host.lag == bench.ledger.reflects)
        let running = Task { try await host.run() }
        try await caughtUp(host)
        #expect(try host.read { $0.counts } == ["alice": 10, "carol": 10])
        let stored = try host.stored()
        #expect(stored.place.position == bench.ledger.reflects)
        #expect(stored.place.ledger == bench.ledger.ledgerID)
        _ = try await bench.bid("carol", 21)
        try await caughtUp(host)
        #expect(try host.read { $0.counts["carol"] } == 11)
        running.cancel()
        try await running.value

        let resumed = try ProjectionHost(
            stored.value, from: stored.place, following: bench.ledger)
        #expect(try resumed.lag == 1)
        let again = Task { try await resumed.run() }
        try await caughtUp(resumed)
        #expect(try resumed.read { $0.counts } == ["alice": 10, "carol": 11])
        // A rebuild puts a value in place under the one that runs, which goes on from there.
        try await resumed.rebuild(from: BidCounts())
        _ = try await bench.bid("alice", 22)
        try await caughtUp(resumed)
        #expect(try resumed.read { $0.counts } == ["alice": 11, "carol": 11])
        await bench.ledger.close()
        try await again.value
        #expect(try resumed.lag == 0)
    }

    @Test("A run changes the projection where it lies; only what is kept of it costs a copy")
    func inPlace() async throws {
        let bench = try Bench()
        let host = try ProjectionHost(CountedCopies(), following: bench.ledger)
        let running = Task { try await host.run() }
        for number in 0..<60 {
            try await bench.accept(.registerUser(UserID(unchecked: "user-\(number)")))
            try await caughtUp(host)
            #expect(try host.read { $0.rows.positions.withLock { $0.count } } > number)
        }
        #expect(try host.read { $0.copies } == 0)
        let kept = try host.stored()
        try await bench.accept(.registerUser("after"))
        try await caughtUp(host)
        #expect(try host.read { $0.copies } == 1)
        let positions = kept.value.rows.positions.withLock { $0 }
        #expect(positions == Array(0..<kept.place.position))
        running.cancel()
        try await running.value
    }

    @Test("A projection is run by one call at a time: a second one is refused, and can come after")
    func oneRun() async throws {
        let bench = try await bidding()
        let host = try ProjectionHost(BidCounts(), following: bench.ledger)
        let calls = (0..<8).map { _ in Task { try await host.run() } }
        try await caughtUp(host)
        _ = try await bench.bid("carol", 21)
        try await caughtUp(host)
        await #expect(throws: LedgerError(.alreadyRunning, "")) { try await host.run() }
        for call in calls { call.cancel() }
        var refused = 0
        for call in calls {
            do { try await call.value } catch let error as LedgerError {
                #expect(error.code == .alreadyRunning)
                refused += 1
            }
        }
        // A call that began cancelled may have ended before the next one.
        #expect(refused <= 7)
        #expect(try host.read { $0.counts } == ["alice": 10, "carol": 11])
        await bench.ledger.close()
        try await host.run()
    }

    @Test("A projection that throws is read no more, and a rebuild mends it")
    func throwing() async throws {
        let bench = try await bidding()
        let host = try ProjectionHost(Failing(refuses: 12), following: bench.ledger)
        for _ in 0..<2 {
            await #expect(throws: Failing.Refused.self) { try await host.run() }
            #expect(throws: Failing.Refused.self) { try host.read { $0.counts.position } }
            #expect(throws: Failing.Refused.self) { try host.stored() }
        }
        #expect(host.place.position == 0)
        await #expect(throws: Failing.Refused.self) {
            try await host.rebuild(from: Failing(refuses: 12))
        }
        try await host.rebuild(from: Failing(refuses: nil))
        #expect(try host.lag == 0)
        #expect(try host.read { $0.counts.counts } == ["alice": 10, "carol": 10])
    }

    @Test("Rebuilding beside a run under load leaves the fold of the log, whichever is in place")
    func rebuildBesideRun() async throws {
        let bench = try await bidding()
        let ledger = bench.ledger
        let host = try ProjectionHost(BidCounts(), following: ledger)
        let running = Task { try await host.run(draining: true) }
        let rebuilding = Task {
            for _ in 0..<20 { try await host.rebuild(from: BidCounts()) }
        }
        for amount in 21...220 {
            _ = try await bench.bid(
                amount % 2 == 0 ? "alice" : "carol", Money(minorUnits: Int64(amount)))
        }
        try await rebuilding.value
        await ledger.close()
        try await running.value
        #expect(try host.lag == 0 && host.place.position == ledger.reflects)
        #expect(try host.read { $0.counts } == ["alice": 110, "carol": 110])
    }
}
