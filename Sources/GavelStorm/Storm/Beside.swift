// What a storm has to bear beside it with --beside: snapshots written often, a subscriber that
// follows, and verifications that read the whole log again and again.

import Dispatch
import Gavel
import GavelProgram
import GavelReport
import Synchronization

/// Work beside a storm, from its making until `stop`.
final class Beside: Sendable {
    private struct State {
        var isStopped = false
        var followed: UInt64 = 0
        var verified = 0
        var findings: [Finding] = []
        var failure: (any Error)?
    }

    private let ledger: Ledger
    private let state = Mutex(State())
    private let verifierDone = DispatchSemaphore(value: 0)
    private let follower: Mutex<Task<Void, Never>?>

    init(_ ledger: Ledger) {
        self.ledger = ledger
        follower = Mutex(nil)
        let task = Task { [self] in await follow() }
        follower.withLock { $0 = task }
        DispatchQueue(label: "gavel.storm.verifier", qos: .utility).async { [self] in
            verify()
            verifierDone.signal()
        }
    }

    private func follow() async {
        do {
            for try await run in ledger.subscribe() {
                state.withLock { $0.followed += UInt64(run.count) }
            }
        } catch {
            state.withLock { $0.failure = error }
        }
    }

    private func verify() {
        while !state.withLock({ $0.isStopped }) {
            let report = ledger.verify()
            state.withLock { state in
                state.verified += 1
                state.findings += report.findings
                if !report.isComplete {
                    state.findings.append(Finding(position: nil, "verification is incomplete"))
                }
            }
            // A small ledger would be verified without a pause.
            sleepNanoseconds(10_000_000)
        }
    }

    /// Ends the work once the follower has seen everything.
    /// - Returns: what was done, for the report.
    /// - Throws: `Failure` with `.finding` when a verification beside the storm found something.
    func stop() async throws -> [(name: String, value: String)] {
        let count = ledger.durableCount
        while state.withLock({ $0.followed < count && $0.failure == nil }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        follower.withLock { $0 }?.cancel()
        state.withLock { $0.isStopped = true }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                verifierDone.wait()
                continuation.resume()
            }
        }
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        guard state.findings.isEmpty else {
            throw Failure(
                .finding, "beside the storm, verification found: \(state.findings[0])")
        }
        return [
            ("followed", "\(grouped(state.followed)) entries by a subscriber meanwhile"),
            ("verified", "\(state.verified) times meanwhile, clean"),
        ]
    }
}
