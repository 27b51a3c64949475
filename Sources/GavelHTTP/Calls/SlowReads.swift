// Reads that may take long: pages found by reading the log on, wallets of long ago, titles looked
// through. They run on threads of their own, so that however many are asked for, the tasks of all
// other calls go on, and in turn for those who ask, so that nobody waits for another's many.
//
// Invariant: at most two run at a time and at most `waitingMax` wait; more are answered `busy`.

internal import Gavel

/// Where slow reads run.
final class SlowReads: Sendable {
    private let workers: FairWorkers

    init(waitingMax: Int = 32) {
        workers = FairWorkers(name: "slow-reads", threads: 2, waitingMax: waitingMax)
    }

    /// How many reads wait for a thread.
    var waitingCount: Int { workers.waitingCount }

    /// How many reads were answered `busy`.
    var refusedCount: Int { workers.refusedCount }

    /// Runs a read when it is the causer's turn.
    /// - Throws: `Problem` with `busy`; what `body` throws.
    func run<R: Sendable>(
        for causer: Causer, _ body: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await workers.run(for: causer, body)
    }
}
