// What the engine does for speed changes nothing but speed.

import AuctionDomain
import GavelTesting
import LMDB
import Testing

@testable import Gavel

/// What came of a run: the stored frames, the receipts, and the state after them.
private struct RunResult: Hashable {
    var frames: [[UInt8]] = []
    var receipts: [Receipt] = []
    var digest: StateDigest
}

/// Submits the same steps, in batches, to a new ledger that does without some shortcuts.
private func run(_ steps: [WorkloadStep], with shortcuts: Shortcuts) async throws -> RunResult {
    try await withLedgerPath { path in
        var configuration = Configuration()
        configuration.clock = ManualClock(at: steps[0].time)
        configuration.ledgerID = LedgerID(high: 1, low: 2)
        configuration.closesByTimer = false
        configuration.shortcuts = shortcuts
        let ledger = try Ledger.open(at: path, configuration: configuration)
        var receipts: [Receipt] = []
        for start in stride(from: 0, to: steps.count, by: 500) {
            let batch = steps[start..<min(start + 500, steps.count)]
            let submissions = batch.map {
                Submission(id: $0.id, actor: $0.actor, command: $0.command)
            }
            receipts += try ledger.enqueue(submissions, at: batch.map(\.time)).wait()
        }
        var result = RunResult(receipts: receipts, digest: ledger.digest)
        ledger.close()
        let log = try LMDBEventLog(at: path + "/log", isReadOnly: true, creates: false)
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
        var workload = Workload(seed: 11)
        let steps = (0..<6_000).map { _ in workload.nextStep() }
        let expected = try await run(steps, with: .all)
        #expect(expected.frames.count > 6 && expected.receipts.count == steps.count)
        #expect(expected.receipts.contains { $0.isReplay })
        for (name, shortcut) in Shortcuts.named {
            let result = try await run(steps, with: Shortcuts.all.subtracting(shortcut))
            #expect(result == expected, "without \(name)")
        }
        #expect(try await run(steps, with: []) == expected, "without all of them")
    }

    @Test("Every shortcut has a name")
    func names() {
        #expect(Shortcuts(Shortcuts.named.map(\.shortcut)) == .all)
    }
}
