// The door: a bounded queue in which a command gets its place and its time in one step.
//
// Invariants: an item's moment of the boot clock is never before that of an item ahead of it, and
// never after the moment at which an emptied queue was taken; an item is answered exactly once;
// after `stop` nothing is admitted.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The queue between callers and the core.
final class Admission: Sendable {
    enum Answer {
        case admitted, full, tooLarge, stopped
        case failed(LedgerError)
    }

    private struct State {
        var items: ContiguousArray<CoreItem> = []
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

    /// Gives work a place and a time.
    func admit(_ work: CoreItem.Work, _ asker: Asker) -> Answer {
        var wakes = false
        let answer: Answer = state.withLock { state in
            if let failure = state.failure { return .failed(failure) }
            if state.isStopped { return .stopped }
            let item = CoreItem(boot: clock.uptimeNanoseconds(), work: work, asker: asker)
            let count = item.commandCount
            if count > countMax { return .tooLarge }
            if state.commandCount + count > countMax { return .full }
            append(item, count, &state, &wakes)
            return .admitted
        }
        if wakes { wakeUp.signal() }
        return answer
    }

    /// Gives the core a reading of the clocks, in its place among the commands.
    /// - Returns: the reading.
    @discardableResult
    func admitClocks() -> ClockReading {
        let isSynchronized = clock.isSynchronized
        var wakes = false
        let reading = state.withLock { state in
            let (wall, boot) = clock.both()
            let reading = ClockReading(wall: wall, boot: boot, isSynchronized: isSynchronized)
            if state.failure == nil, !state.isStopped {
                let item = CoreItem(boot: boot, work: .clocks(reading), asker: .none)
                append(item, 0, &state, &wakes)
            }
            return reading
        }
        if wakes { wakeUp.signal() }
        return reading
    }

    private func append(_ item: CoreItem, _ count: Int, _ state: inout State, _ wakes: inout Bool) {
        state.items.append(item)
        waitingCount.store(state.items.count, ordering: .relaxed)
        state.commandCount += count
        wakes = state.isWriterWaiting
        state.isWriterWaiting = false
    }

    /// What was taken of the queue: the items in order, none when woken or out of patience; and the
    /// moment of the boot clock before which nothing more will come.
    typealias Taken = (items: ContiguousArray<CoreItem>, boot: Int64)

    /// Takes everything that waits; for the core's thread.
    /// - Parameter patience: how long to wait for something, in nanoseconds; nil waits until
    ///   there is something or `wake` is called.
    func take(patience: Int64?) -> Taken {
        let (taken, isReady) = takeNow(isLast: false)
        if isReady { return taken }
        if let patience {
            _ = wakeUp.wait(timeout: .now() + .nanoseconds(Int(max(0, patience))))
        } else {
            wakeUp.wait()
        }
        return takeNow(isLast: true).taken
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

    private func takeNow(isLast: Bool) -> (taken: Taken, isReady: Bool) {
        state.withLock { state in
            let isReady = !state.items.isEmpty || state.isWoken || state.isStopped
            state.isWoken = false
            state.isWriterWaiting = !isLast && !isReady
            state.commandCount = 0
            var items = ContiguousArray<CoreItem>()
            swap(&items, &state.items)
            waitingCount.store(0, ordering: .relaxed)
            return ((items, clock.uptimeNanoseconds()), isReady)
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
            var items = ContiguousArray<CoreItem>()
            swap(&items, &state.items)
            return items
        }
        for item in items { item.asker.fail(error) }
        wake()
    }
}
