// What the engine does for speed changes nothing but speed.

import AuctionDomain
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// What came of a run: the stored frames, the receipts, and the state after them.
private struct RunResult: Hashable {
    var frames: [[UInt8]] = []
    var receipts: [Receipt] = []
    var digest: StateDigest
}

/// Submits the same steps, in batches, to a new ledger that does without some shortcuts.
private func run(
    _ steps: [WorkloadStep], with shortcuts: Shortcuts, _ salting: Salting
) async throws -> RunResult {
    try await withLedgerPath { path in
        var configuration = Configuration()
        configuration.clock = ManualClock(at: steps[0].time)
        configuration.ledgerID = LedgerID(high: 1, low: 2)
        configuration.closesByTimer = false
        configuration.shortcuts = shortcuts
        configuration.salting = salting
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        var receipts: [Receipt] = []
        for start in stride(from: 0, to: steps.count, by: 500) {
            let batch = steps[start..<min(start + 500, steps.count)]
            let submissions = batch.map {
                Submission(id: $0.id, actor: $0.actor, command: $0.command)
            }
            await receipts += try ledger.enqueue(submissions, at: batch.map(\.time)).value()
        }
        var result = RunResult(receipts: receipts, digest: ledger.digest)
        await ledger.close()
        let log = try FolderStore(at: path).openForReading()
        defer { log.close() }
        try log.forEachFrame(from: 0) { value in
            result.frames.append(value.array())
            return true
        }
        return result
    }
}

@Suite("Shortcuts")
struct ShortcutTests {
    @Test("Without any one of them, and without all, a run has the same bytes, answers and digest")
    func sameBytes() async throws {
        let salting = Salting.fixed(LedgerHash(of: [1]))
        var workload = Workload(seed: 11)
        let steps = (0..<6_000).map { _ in workload.nextStep() }
        let expected = try await run(steps, with: .all, salting)
        #expect(expected.frames.count > 6 && expected.receipts.count == steps.count)
        #expect(expected.receipts.contains { $0.isReplay })
        for (name, shortcut) in Shortcuts.named {
            let result = try await run(steps, with: Shortcuts.all.subtracting(shortcut), salting)
            #expect(result == expected, "without \(name)")
        }
        #expect(try await run(steps, with: [], salting) == expected, "without all of them")
    }

    @Test("The salted entries of an import are the same bytes with and without shortcuts")
    func saltedBytes() async throws {
        var workload = Workload(seed: 12)
        let steps = (0..<2_000).map { _ in workload.nextStep() }
        let salting = Salting.imported(LedgerHash(of: [1]))
        let expected = try await run(steps, with: .all, salting)
        #expect(try await run(steps, with: [], salting) == expected)
        #expect(try await run(steps, with: .all, .none).frames != expected.frames)
    }

    @Test("Looking ahead at names that are about to be registered survives whatever bytes come")
    func newNames() async throws {
        let bench = try Bench()
        try await bench.accept(.registerCurrency(Currency(code: "USD", scale: 2)))
        // More than are looked ahead for, with names that fit a key and names that do not.
        let users = (0..<17_000).map { number in
            UserID(unchecked: "u\(number)-" + String(repeating: "x", count: number % 20))
        }
        let commands = users.flatMap { user -> [Command] in
            [
                .registerUser(user),
                .charge(user: user, currency: "USD", amount: 5, reference: "once"),
            ]
        }
        for start in stride(from: 0, to: commands.count, by: 1_000) {
            let batch = commands[start..<start + 1_000].map {
                Submission(id: .generate(at: bench.clock.now()), command: $0)
            }
            let receipts = try await bench.ledger.submit(Array(batch))
            #expect(receipts.allSatisfy { $0.status == .accepted })
        }
        let report = bench.ledger.verify()
        #expect(report.isComplete && report.findings.isEmpty)
        var (fold, entry) = (ReadState(), DecodedEntry())
        var last: [UInt8] = []
        try bench.log.forEachFrame(from: 0) { value in
            let header = try FrameHeader(value)
            _ = try fold.apply(header.count, in: value, using: &entry) {
                index throws(LogFault) in try header.range(of: index, value)
            }
            last = value.array(in: try header.range(of: header.count - 1, value))
            return true
        }
        #expect(fold.state.digest == bench.ledger.digest)
        // As a charge, and as a registration, with each byte changed and cut off anywhere.
        for kind in [EntryKind.charge, .registerUser] {
            for place in 40..<last.count {
                for value: UInt8 in [0, 1, 15, 16, 255] {
                    var bytes = last
                    (bytes[0], bytes[place]) = (kind.rawValue, value)
                    for length in [place, bytes.count] {
                        withBytes(of: bytes) { bytes in
                            var copy = fold
                            #expect(throws: LogFault.self) {
                                _ = try copy.apply(
                                    1, in: bytes.extracting(0..<length), using: &entry,
                                    range: { _ in 0..<length })
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("Every shortcut has a name")
    func names() {
        #expect(Shortcuts(Shortcuts.named.map(\.shortcut)) == .all)
    }
}
