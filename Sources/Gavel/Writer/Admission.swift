// The door: a bounded queue in which a command gets its place and its time in one step.
//
// Invariants: times in the queue never fall below an earlier item's by more than the clock does
// (the writer clamps them); an item is answered exactly once; after `stop` nothing is admitted.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Somebody to be answered once a frame is durable.
enum Completion: Sendable {
    case one(Waiter<Receipt>, Receipt)
    case batch(BatchTicket)
    case waiter(Waiter<Void>)

    func resume() {
        switch self {
        case .one(let waiter, let receipt): waiter.answer(receipt)
        case .batch(let ticket): ticket.finish(.success(()))
        case .waiter(let waiter): waiter.answer(())
        }
    }

    func fail(_ error: LedgerError) {
        switch self {
        case .one(let waiter, _): waiter.fail(error)
        case .batch(let ticket): ticket.finish(.failure(error))
        case .waiter(let waiter): waiter.fail(error)
        }
    }
}

/// A batch on its way: redeem it for the receipts.
public final class BatchTicket: @unchecked Sendable {
    // Sendable without a check: the submissions never change; `receipts` belongs to the writer
    // until `finish`, which orders memory, and to whoever waits after it.

    let submissions: [Submission]
    /// Admission times of their own, for imports; nil takes the clock's.
    let times: [Timestamp]?
    var receipts: [Receipt] = []
    private let done = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State {
        var result: Result<Void, LedgerError>?
        var continuation: CheckedContinuation<Void, any Error>?
    }

    init(_ submissions: [Submission], times: [Timestamp]?) {
        self.submissions = submissions
        self.times = times
        receipts.reserveCapacity(submissions.count)
    }

    func finish(_ result: Result<Void, LedgerError>) {
        let continuation = state.withLock { state in
            state.result = result
            return state.continuation
        }
        done.signal()
        continuation?.resume(with: result.mapError { $0 as any Error })
    }

    /// Answers every command with the same refusal.
    func refuse(_ refusal: Refusal) {
        receipts = submissions.map { _ in Receipt(refused: refusal) }
        finish(.success(()))
    }

    /// Blocks until every command of the batch is durably answered.
    /// - Returns: a receipt for each submission, in order.
    /// - Throws: `LedgerError` with `outcomeUnknown` when a commit failed.
    public func wait() throws(LedgerError) -> [Receipt] {
        done.wait()
        // Left signalled, so that a second call returns as well.
        done.signal()
        if let result = state.withLock({ $0.result }) { try result.get() }
        return receipts
    }

    /// Waits without blocking a thread; otherwise as `wait`. Called at most once.
    public func value() async throws -> [Receipt] {
        try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state in
                if state.result == nil { state.continuation = continuation }
                return state.result
            }
            if let result { continuation.resume(with: result.mapError { $0 as any Error }) }
        }
        return receipts
    }
}

/// One thing for the writer to do, at a time.
struct Admitted: Sendable {
    enum Work: Sendable {
        case one(Submission, Waiter<Receipt>)
        case batch(BatchTicket)
        /// Close what is due, then answer.
        case tick(Waiter<Void>)
        /// Hold closings, or release them.
        case hold(Bool, Waiter<Void>)
        /// Write that another key signs checkpoints.
        indirect case rotate(KeyRotation, Waiter<Void>)
    }
    let time: Timestamp
    let work: Work

    var commandCount: Int {
        if case .batch(let ticket) = work { ticket.submissions.count } else { 1 }
    }

    func fail(_ error: LedgerError) {
        switch work {
        case .one(_, let waiter): waiter.fail(error)
        case .batch(let ticket): ticket.finish(.failure(error))
        case .tick(let waiter), .hold(_, let waiter), .rotate(_, let waiter): waiter.fail(error)
        }
    }
}

/// The queue between callers and the writer.
final class Admission: Sendable {
    enum Answer {
        case admitted, full, stopped
        case failed(LedgerError)
    }

    private struct State {
        var items: ContiguousArray<Admitted> = []
        var commandCount = 0
        var isWriterWaiting = false
        /// `wake` was called while the writer was busy: its next `take` does not wait.
        var isWoken = false
        var isStopped = false
        var failure: LedgerError?
    }

    private let state = Mutex(State())
    /// How many items wait: read without the lock by `linger`, and by nothing else.
    private let waitingCount = Atomic<Int>(0)
    private let wakeUp = DispatchSemaphore(value: 0)
    private let clock: any LedgerClock
    let countMax: Int

    init(clock: any LedgerClock, countMax: Int) {
        self.clock = clock
        self.countMax = countMax
    }

    /// How many commands wait.
    var commandCount: Int { state.withLock { $0.commandCount } }

    /// Gives work a place and a time. A batch larger than the queue fits when the queue is empty.
    func admit(_ work: Admitted.Work) -> Answer {
        var wakes = false
        let answer: Answer = state.withLock { state in
            if let failure = state.failure { return .failed(failure) }
            if state.isStopped { return .stopped }
            let item = Admitted(time: clock.now(), work: work)
            let count = item.commandCount
            if state.commandCount > 0, state.commandCount + count > countMax { return .full }
            state.items.append(item)
            waitingCount.store(state.items.count, ordering: .relaxed)
            state.commandCount += count
            wakes = state.isWriterWaiting
            state.isWriterWaiting = false
            return .admitted
        }
        if wakes { wakeUp.signal() }
        return answer
    }

    /// Takes everything that waits; for the writer.
    /// - Parameter patience: how long to wait for something, in nanoseconds; nil waits until
    ///   there is something or `wake` is called.
    /// - Returns: the items in order; none when woken or out of patience.
    func take(patience: Int64?) -> ContiguousArray<Admitted> {
        let (items, isReady) = takeNow(isLast: false)
        if isReady { return items }
        if let patience {
            _ = wakeUp.wait(timeout: .now() + .nanoseconds(Int(max(0, patience))))
        } else {
            wakeUp.wait()
        }
        return takeNow(isLast: true).items
    }

    /// Gives callers who were just answered a moment to come back: for as long as somebody comes
    /// every few microseconds, until as many wait as were answered.
    ///
    /// Without it the first of them gets a commit of her own, and all others wait for two commits
    /// instead of one, for ever after.
    func linger(for count: Int) {
        var seen = 0
        var turnsWithoutNews = 0
        for _ in 0..<Self.lingerTurnsMax {
            let waiting = waitingCount.load(ordering: .relaxed)
            if waiting >= count { return }
            turnsWithoutNews = waiting > seen ? 0 : turnsWithoutNews + 1
            if turnsWithoutNews > Self.lingerTurnsWithoutNews { return }
            seen = waiting
            // Lets the callers run where all processors are taken; else returns at once.
            sched_yield()
        }
    }

    /// A turn takes about half a microsecond where nobody else wants the processor. Waking a thread
    /// takes some tens of microseconds, so that is how long nobody need come; a commit is put off
    /// by less than half of its time at most.
    private static let lingerTurnsMax = 256
    private static let lingerTurnsWithoutNews = 128

    private func takeNow(
        isLast: Bool
    ) -> (items: ContiguousArray<Admitted>, isReady: Bool) {
        state.withLock { state in
            let isReady = !state.items.isEmpty || state.isWoken || state.isStopped
            state.isWoken = false
            state.isWriterWaiting = !isLast && !isReady
            state.commandCount = 0
            var items = ContiguousArray<Admitted>()
            swap(&items, &state.items)
            waitingCount.store(0, ordering: .relaxed)
            return (items, isReady)
        }
    }

    /// Makes the `take` under way, or the next one, return at once.
    func wake() {
        let isWaiting = state.withLock { state in
            let isWaiting = state.isWriterWaiting
            state.isWriterWaiting = false
            state.isWoken = !isWaiting
            return isWaiting
        }
        if isWaiting { wakeUp.signal() }
    }

    /// Admits nothing more; what is in the queue is still worked off.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    /// Whether nothing will ever come any more.
    var isDrained: Bool { state.withLock { $0.isStopped && $0.items.isEmpty } }

    /// Answers everybody, now and later, with an error.
    func fail(_ error: LedgerError) {
        let items = state.withLock { state in
            state.failure = error
            var items = ContiguousArray<Admitted>()
            swap(&items, &state.items)
            return items
        }
        for item in items { item.fail(error) }
        wake()
    }
}
