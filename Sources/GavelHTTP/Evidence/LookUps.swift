// Look-ups that may read millions of entries: one after the other on a thread of their own.
//
// Invariant: at most `waitingMax` wait; more are told to come back, so that nobody's questions
// pile up.

internal import Dispatch
internal import Synchronization

/// A short queue for long reads.
final class LookUps: Sendable {
    private static let waitingMax = 16
    private let queue = DispatchQueue(label: "gavel.lookups", qos: .utility)
    private let waiting = Mutex(0)

    /// Runs `body` off the pool of tasks.
    /// - Throws: `busy`, and what `body` throws.
    func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        let hasRoom = waiting.withLock { waiting in
            guard waiting < Self.waitingMax else { return false }
            waiting += 1
            return true
        }
        guard hasRoom else { throw Problem(.busy, "others are looking for commands now") }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                let result = Result { try body() }
                self.waiting.withLock { $0 -= 1 }
                continuation.resume(with: result)
            }
        }
    }
}
