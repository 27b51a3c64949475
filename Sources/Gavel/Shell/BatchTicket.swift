// A batch that was handed over, and its receipts once they are durable.
//
// Invariant: it is finished exactly once; everybody who waits gets the same answer.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

/// A batch on its way: redeem it for the receipts.
public final class BatchTicket: Sendable {
    private typealias Answer = Result<[Receipt], LedgerError>

    private let done = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State {
        var answer: Answer?
        var waiting: [CheckedContinuation<Answer, Never>] = []
    }

    init() {}

    /// Answers everybody who waits for the batch, now and later. Called once.
    func finish(_ answer: Result<[Receipt], LedgerError>) {
        let waiting = state.withLock { state in
            state.answer = answer
            defer { state.waiting = [] }
            return state.waiting
        }
        done.signal()
        for continuation in waiting { continuation.resume(returning: answer) }
    }

    /// Blocks until every command of the batch is durably answered.
    /// - Returns: a receipt for each submission, in order.
    /// - Throws: `LedgerError` with `outcomeUnknown` when a commit failed.
    @available(*, noasync, message: "this blocks a thread: use 'value()'")
    public func wait() throws(LedgerError) -> [Receipt] {
        done.wait()
        // Left signalled, so that a second call returns as well.
        done.signal()
        guard let answer = state.withLock({ $0.answer }) else { return [] }
        return try answer.get()
    }

    /// Waits without blocking a thread; otherwise as `wait`. Any number of tasks may wait.
    public func value() async throws(LedgerError) -> [Receipt] {
        let answer = await withCheckedContinuation { continuation in
            let answer = state.withLock { state in
                if state.answer == nil { state.waiting.append(continuation) }
                return state.answer
            }
            if let answer { continuation.resume(returning: answer) }
        }
        return try answer.get()
    }
}
