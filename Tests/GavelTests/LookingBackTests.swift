// Deciding a log again, finding entries by id and time, movements, differences and partings, on
// ledgers in memory.

import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("Looking back")
struct LookingBackTests {
    /// A ledger in memory after some steps of a workload.
    private func run(_ steps: Int, seed: UInt64) async throws -> Bench {
        let bench = try Bench { $0.salting = .fixed(LedgerHash(of: [5])) }
        var workload = Workload(seed: seed)
        bench.clock.advance(to: workload.configuration.start)
        for _ in 0..<steps {
            let step = workload.nextStep()
            bench.clock.advance(to: step.time)
            try await bench.ledger.tick()
            _ = try await bench.ledger.submit(step.command, id: step.id, by: step.actor)
        }
        return bench
    }

    @Test("What the rules of this version decided, they decide again", arguments: [UInt64(5), 6])
    func sameToday(seed: UInt64) async throws {
        let bench = try await run(1500, seed: seed)
        let report = try bench.ledger.redecide { Issue.record("\($0)") }
        #expect(report.isSame && report.lateClosingCount == 0)
        #expect(report.entries == bench.ledger.reflects)
        let past = try bench.ledger.past(.position(100)).redecide { _ in }
        #expect(past.entries == 101)
        await bench.ledger.close()
    }

    @Test("Auctions found open after their end are noted once each, and are no difference")
    func heldClosings() async throws {
        let bench = try Bench { $0.closing = .held }
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 60)
        try await bench.open("lot-2", seconds: 120)
        bench.clock.advance(seconds: 90)
        try await bench.accept(.registerUser("dora"), .registerUser("emil"))
        bench.clock.advance(seconds: 90)
        try await bench.accept(.registerUser("finn"))
        try await bench.ledger.confirmClosings()
        try await bench.accept(.registerUser("gina"))
        let report = try bench.ledger.redecide { Issue.record("\($0)") }
        let found = report.lateClosings.map { bench.ledger.reading.id(of: $0.auction) }
        #expect(report.isSame && report.lateClosingCount == 2 && found == ["lot-1", "lot-2"])
        let entry = try #require(try bench.ledger.entry(at: report.lateClosings[0].position))
        #expect(entry.command == .registerUser("dora"))
        await bench.ledger.close()
    }

    @Test("Every command id leads to its entry, within its hour or beyond it")
    func identity() async throws {
        let bench = try await run(400, seed: 7)
        let ledger = bench.ledger
        var found = 0
        for position in 0..<ledger.reflects {
            guard let entry = try ledger.entry(at: position), let id = entry.commandID else {
                continue
            }
            found += 1
            #expect(try ledger.entry(withID: id) == entry)
        }
        #expect(found > 200)
        let none = CommandID(milliseconds: 1_700_000_000_000, randomHigh: 1, randomLow: 2)
        #expect(try ledger.entry(withID: none) == nil)
        #expect(try ledger.entry(withID: .none) == nil)
        await ledger.close()
    }

    @Test("An id older than the hour, which a longer retention took, is found by the full search")
    func oldIdentity() async throws {
        let bench = try Bench { $0.commandIDRetentionSeconds = 86_400 }
        try await bench.accept(.registerUser("alice"))
        let id = CommandID.generate(at: bench.clock.now())
        bench.clock.advance(seconds: 6 * 3600)
        try await bench.accept(.registerUser("carol"))
        bench.clock.advance(seconds: 3600)
        let receipt = try await bench.ledger.submit(.registerUser("bob"), id: id)
        #expect(receipt.status == .accepted)
        #expect(try bench.ledger.entry(withID: id, searchesAll: false) == nil)
        #expect(try bench.ledger.entry(withID: id)?.position == receipt.position)
        await bench.ledger.close()
    }

    @Test("The first position at a time is the one a scan finds")
    func positions() async throws {
        let bench = try await run(200, seed: 8)
        let ledger = bench.ledger
        let entries = try ledger.entries(from: 0)
        for entry in entries {
            let first = entries.first { $0.time >= entry.time }?.position
            #expect(try ledger.position(notBefore: entry.time) == first)
        }
        let after = Timestamp(nanoseconds: ledger.lastEntryTime.nanoseconds + 1)
        #expect(try ledger.position(notBefore: after) == nil)
        #expect(try ledger.position(notBefore: .zero) == 0)
        await ledger.close()
    }

    @Test("Movements add up to the balances of every wallet, from any position on")
    func movements() async throws {
        let bench = try await run(1500, seed: 9)
        let ledger = bench.ledger
        let start = ledger.reflects / 2
        let before = try ledger.past(.before(start))
        for wallet in try ledger.wallets(limit: 1000).items {
            for start in [0, start] {
                var sums: [CurrencyCode: (Money, Money)] = [:]
                let opening = start == 0 ? nil : try? before.wallet(wallet.user).value
                for balance in opening?.balances ?? [] {
                    sums[balance.currency.code] = (balance.available, balance.locked)
                }
                try ledger.forEachMovement(of: wallet.user, from: start) { movement in
                    let code = ledger.reading.currency(of: movement.currency).code
                    let sum = sums[code] ?? (0, 0)
                    sums[code] = (sum.0 + movement.available, sum.1 + movement.locked)
                }
                for balance in wallet.balances {
                    let sum = try #require(sums[balance.currency.code])
                    #expect(sum == (balance.available, balance.locked), "\(wallet.user)")
                }
                #expect(sums.count == wallet.balances.count)
            }
        }
        #expect(throws: LedgerError(.unknownName, "")) {
            try ledger.forEachMovement(of: "nobody") { _ in }
        }
        await ledger.close()
    }

    @Test("States differ in what happened between them, and a state not from itself")
    func differences() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1")
        let before = try bench.ledger.past(.position(bench.ledger.reflects - 1))
        _ = try await bench.bid("alice", 700)
        var found: [StateDifference] = []
        before.forEachDifference(to: bench.ledger) { found.append($0) }
        #expect(found.count == 3)
        let usd = Currency(code: "USD", scale: 2)
        #expect(
            found.contains(
                .balance(
                    "alice", usd, BalanceFigures(available: 10_000, locked: 0),
                    BalanceFigures(available: 9_300, locked: 700))))
        guard case .auction("lot-1", let one?, let two?) = found.last else {
            Issue.record("\(found)")
            return
        }
        #expect(one.view.price == nil && two.view.price == 700 && two.held == 700)
        before.forEachDifference(to: before) { Issue.record("\($0)") }
        var back: [StateDifference] = []
        bench.ledger.forEachDifference(to: before) { back.append($0) }
        #expect(back.count == 3)
        await bench.ledger.close()
    }

    @Test("Logs part at their first entry that differs, however they are cut into frames")
    func parting() async throws {
        let bench = try await run(300, seed: 10)
        let frames = bench.store.frames
        let whole = RecutLog(frames: frames)
        let joined = RecutLog(frames: [try Self.joined(frames)])
        #expect(joined.frames[0].count > frames[0].count)
        let (one, two) = (try Self.reader(whole), try Self.reader(joined))
        #expect(try one.parting(from: two) == nil && two.parting(from: one) == nil)
        let short = try one.past(.position(99))
        let parting = try #require(try short.parting(from: two))
        #expect(parting.position == 100 && parting.first == nil)
        #expect(parting.second == (try one.entry(at: 100)))
        let other = try await run(299, seed: 10)
        let third = try Self.reader(RecutLog(frames: other.store.frames))
        // Each ledger has drawn an id of its own.
        #expect(try one.parting(from: third)?.position == 0)
        let later = try #require(try one.parting(from: third, startingAt: 1))
        #expect(later.position == third.reflects && later.second == nil)
        await bench.ledger.close()
        await other.ledger.close()
    }

    static func reader(_ log: RecutLog) throws -> LedgerReader {
        try LedgerReader(
            log: log, snapshots: nil, store: nil, limit: .none, logger: Bench.logger)
    }

    /// All entries in one frame.
    private static func joined(_ frames: [[UInt8]]) throws -> [UInt8] {
        var builder = FrameBuilder(firstPosition: 0, capacity: 1 << 20)
        var identity: Frame.Identity?
        for frame in frames {
            try withBytes(of: frame) { value in
                let header = try FrameHeader(value)
                identity = Frame.Identity(
                    ledgerID: header.ledgerID, epoch: header.epoch, number: 0,
                    horizon: header.horizon)
                var entry = DecodedEntry()
                for index in 0..<header.count {
                    try entry.decode(value, in: try header.range(of: index, value))
                    let plain = entry.entry
                    builder.append(
                        plain.command, id: entry.id, actor: plain.actor, at: entry.point,
                        rejection: entry.rejection, events: entry.events, links: plain.links,
                        salt: entry.salt)
                }
            }
        }
        let frame = builder.finish()
        var tree = MerkleTree()
        frame.seal(try #require(identity), tree: &tree)
        var bytes: [UInt8] = []
        frame.withParts { bytes.append(contentsOf: $0.array()) }
        return bytes
    }
}

/// Frames as given, as a log to read.
final class RecutLog: LogReader {
    let frames: [[UInt8]]
    init(frames: [[UInt8]]) { self.frames = frames }

    var entryCount: UInt64 {
        get throws {
            try withBytes(of: frames[frames.count - 1]) { try FrameHeader($0).endPosition }
        }
    }
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        for frame in frames {
            let isBefore = try withBytes(of: frame) { try FrameHeader($0).endPosition <= position }
            if isBefore { continue }
            guard try withBytes(of: frame, body) else { return }
        }
        // Behind the last entry the last frame is lent, as the stored log does.
        if try entryCount <= position { _ = try withBytes(of: frames[frames.count - 1], body) }
    }
    func close() {}
}
