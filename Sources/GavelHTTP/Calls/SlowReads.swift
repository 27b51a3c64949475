// Reads that may take long: pages found by reading the log on, wallets of long ago. They run on
// threads of their own, so that however many are asked for, the tasks of all other calls go on.
//
// Invariant: at most two run at a time and at most `waitingMax` wait; more are answered `busy`.

internal import Dispatch
internal import Gavel
internal import Synchronization

/// Where slow reads run.
final class SlowReads: Sendable {
    private let queues = [
        DispatchQueue(label: "gavel.slow-reads.1", qos: .utility),
        DispatchQueue(label: "gavel.slow-reads.2", qos: .utility),
    ]
    private let waitingMax: Int
    /// How many wait or run on each queue.
    private let waiting = Mutex<[Int]>([0, 0])

    init(waitingMax: Int = 32) { self.waitingMax = waitingMax }

    /// Runs a read on the queue with less to do.
    /// - Throws: `Problem` with `busy`; what `body` throws.
    func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        let queue = waiting.withLock { waiting -> Int? in
            guard waiting[0] + waiting[1] < waitingMax else { return nil }
            let queue = waiting[0] <= waiting[1] ? 0 : 1
            waiting[queue] += 1
            return queue
        }
        guard let queue else { throw Problem(.busy, "too many long reads are waiting") }
        return try await withCheckedThrowingContinuation { continuation in
            queues[queue].async {
                let result = Result { try body() }
                self.waiting.withLock { $0[queue] -= 1 }
                continuation.resume(with: result)
            }
        }
    }
}
