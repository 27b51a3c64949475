// Threads for work that takes long, shared fairly among those who ask for it.
//
// Whoever asks has a queue of her own, and the queues are served in turn, one piece of work each:
// somebody who asks for much waits behind herself and not in front of others. When all places are
// taken, the newest piece of the longest queue makes room for somebody who has fewer.
//
// Invariants: at most one piece of work a thread runs at a time and at most `waitingMax` wait; a
// queue that is kept holds something; no event loop and no task's thread ever does the work.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

/// Threads that serve callers in turn.
final class FairWorkers: Sendable {
    /// Does the work, or says that it had to make room.
    fileprivate typealias Work = @Sendable (_ isTaken: Bool) -> Void

    fileprivate struct State {
        var queues: [Causer: [Work]] = [:]
        /// Those who wait, the next to be served first.
        var turns: [Causer] = []
        var waiting = 0
        var freeThreads: [DispatchQueue]
    }

    private let waitingMax: Int
    private let state: Mutex<State>
    private let refused = RefusalCount()

    /// - Parameters:
    ///   - name: of the threads, for who looks at them.
    ///   - waitingMax: how many pieces of work may wait in all.
    init(name: String, threads: Int, waitingMax: Int) {
        self.waitingMax = waitingMax
        // Serial queues get threads beyond those that all others share.
        state = Mutex(
            State(
                freeThreads: (0..<max(1, threads)).map {
                    DispatchQueue(label: "gavel.\(name).\($0)", qos: .utility)
                }))
    }

    /// How many pieces of work wait.
    var waitingCount: Int { state.withLock { $0.waiting } }

    /// How many pieces of work were answered `busy`.
    var refusedCount: Int { refused.count }

    /// Runs work when it is its turn.
    /// - Throws: `Problem` with `busy` where there is no place for it; what `work` throws.
    func run<R: Sendable>(
        for causer: Causer, _ work: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            take(for: causer) { isTaken in
                if isTaken {
                    continuation.resume(with: Result { try work() })
                } else {
                    self.refused.add()
                    continuation.resume(
                        throwing: Problem(.busy, "too much that takes long is waiting"))
                }
            }
        }
    }

    private func take(for causer: Causer, _ work: @escaping Work) {
        let (thread, dropped) = state.withLock { state -> (DispatchQueue?, Work?) in
            if let thread = state.freeThreads.popLast() { return (thread, nil) }
            var dropped: Work?
            if state.waiting >= waitingMax {
                dropped = state.makeRoom(for: causer)
                if dropped == nil { return (nil, work) }
            }
            state.append(work, for: causer)
            return (nil, dropped)
        }
        dropped?(false)
        if let thread { thread.async { self.work(on: thread, from: work) } }
    }

    private func work(on thread: DispatchQueue, from first: @escaping Work) {
        var next: Work? = first
        while let work = next {
            work(true)
            next = state.withLock { state in
                let next = state.next()
                if next == nil { state.freeThreads.append(thread) }
                return next
            }
        }
    }
}

extension FairWorkers.State {
    fileprivate mutating func append(_ work: @escaping FairWorkers.Work, for causer: Causer) {
        if queues[causer] == nil { turns.append(causer) }
        queues[causer, default: []].append(work)
        waiting += 1
    }

    /// The oldest piece of work of whoever's turn it is.
    fileprivate mutating func next() -> FairWorkers.Work? {
        guard !turns.isEmpty else { return nil }
        let causer = turns.removeFirst()
        guard var queue = queues.removeValue(forKey: causer), !queue.isEmpty else { return nil }
        let work = queue.removeFirst()
        waiting -= 1
        if !queue.isEmpty {
            queues[causer] = queue
            turns.append(causer)
        }
        return work
    }

    /// Takes away the newest piece of the longest queue.
    /// - Returns: nil where the causer would then have as many places as those who have most.
    fileprivate mutating func makeRoom(for causer: Causer) -> FairWorkers.Work? {
        guard let longest = queues.max(by: { $0.value.count < $1.value.count }),
            longest.value.count > (queues[causer]?.count ?? 0) + 1
        else { return nil }
        waiting -= 1
        return queues[longest.key]?.popLast()
    }
}

/// Counts how often a limit said no.
final class RefusalCount: Sendable {
    private let value = Atomic<Int>(0)

    var count: Int { value.load(ordering: .relaxed) }
    func add() { value.wrappingAdd(1, ordering: .relaxed) }
}
