// Bids through the synchronous path: batches by `Ledger.enqueue`, receipts by `BatchTicket.wait`.
//
// Closed loop: as fast as the ledger takes them, a few batches under way; latency runs from the
// hand-over. Open loop: batches are made of what is due by the plan, whatever the ledger is doing,
// and latency runs from each bid's planned time, so a stall counts for everybody it kept waiting.

import Dispatch
import Gavel
import GavelProgram
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// When a closed loop ends: at whichever comes first.
struct PassLimit: Equatable {
    var bids: Int
    var seconds: Double

    var nanoseconds: Int64 { Int64(seconds * 1_000_000_000) }
}

/// Sends batches.
struct BatchPath {
    let ledger: Ledger
    let batch: Int
    /// So many batches are handed over and not answered in a closed loop.
    let underWay: Int
    private let clock = SystemClock()

    /// The most commands under way: below what the ledger's queue holds.
    static let commandsMax = 100_000

    init(_ ledger: Ledger, batch: Int, underWay: Int) {
        self.ledger = ledger
        self.batch = batch
        self.underWay = max(1, min(underWay, Self.commandsMax / batch))
    }

    private struct Pending {
        let ticket: BatchTicket
        let kinds: [BidKind]
        let sent: Int64
    }

    /// Runs a closed loop on the calling thread.
    func runClosed(
        _ source: inout some BidSource, _ maker: inout SubmissionMaker, limit: PassLimit,
        into recorder: inout StormRecorder
    ) throws {
        var progress = Progress("storm")
        defer { progress.clear() }
        var pending: [Pending] = []
        var first = 0
        var sent = 0
        while sent < limit.bids {
            let now = clock.uptimeNanoseconds()
            if now - recorder.start > limit.nanoseconds { break }
            pending.append(try hand(over: min(batch, limit.bids - sent), &source, &maker, now))
            sent += pending[pending.count - 1].kinds.count
            if pending.count - first > underWay {
                try settle(pending[first], into: &recorder)
                first += 1
                if first == 1_024 {
                    pending.removeFirst(first)
                    first = 0
                }
                progress.show(UInt64(sent), of: UInt64(limit.bids))
            }
        }
        for batch in pending[first...] { try settle(batch, into: &recorder) }
    }

    private func hand(
        over count: Int, _ source: inout some BidSource, _ maker: inout SubmissionMaker,
        _ now: Int64
    ) throws -> Pending {
        let milliseconds = UInt64(clock.now().nanoseconds / 1_000_000)
        var submissions: [Submission] = []
        submissions.reserveCapacity(count)
        var kinds: [BidKind] = []
        kinds.reserveCapacity(count)
        for _ in 0..<count {
            let (submission, kind) = maker.submission(source.next(), at: milliseconds)
            submissions.append(submission)
            kinds.append(kind)
        }
        return Pending(ticket: try ledger.enqueue(submissions), kinds: kinds, sent: now)
    }

    private func settle(_ pending: Pending, into recorder: inout StormRecorder) throws {
        let receipts = try pending.ticket.wait()
        try recorder.record(
            receipts, pending.kinds, from: pending.sent, at: clock.uptimeNanoseconds())
    }
}

/// Sends a plan at its times.
final class PlannedBatches: Sendable {
    /// What goes out together.
    private struct Sent: Sendable {
        let ticket: BatchTicket
        let kinds: [BidKind]
        let due: [Int64]
        /// Which are bids of the last minute; empty where nobody asks.
        let isLastMinute: [Bool]
    }

    private struct Queue {
        var sent: [Sent] = []
        var isFinished = false
    }

    private let ledger: Ledger
    private let plan: [PlannedBid]
    private let batch: Int
    private let clock = SystemClock()
    private let recorder: Mutex<StormRecorder>
    private let queue = Mutex(Queue())
    private let wakeUp = DispatchSemaphore(value: 0)
    private let underWay = Atomic<Int>(0)
    private let failure = Mutex<(any Error)?>(nil)
    /// By how much the sender was late itself, in nanoseconds: the oldest bid of each batch.
    private let lags = Mutex(LatencyDigest())
    private let isLastMinute: (@Sendable (PlannedBid) -> Bool)?
    /// What is looked at instead of sent.
    private let read: @Sendable (PlannedBid) throws -> Void

    init(
        _ ledger: Ledger, _ plan: [PlannedBid], batch: Int, recorder: StormRecorder,
        isLastMinute: (@Sendable (PlannedBid) -> Bool)? = nil,
        read: @escaping @Sendable (PlannedBid) throws -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.plan = plan
        self.batch = batch
        self.recorder = Mutex(recorder)
        self.isLastMinute = isLastMinute
        self.read = read
    }

    /// Sends on the calling thread and receives on another until all is answered.
    /// - Returns: what was recorded, and how late the sender was.
    func run(_ maker: inout SubmissionMaker) throws -> (StormRecorder, LatencyDigest) {
        let received = DispatchSemaphore(value: 0)
        DispatchQueue(label: "gavel.storm.receipts", qos: .userInitiated).async { [self] in
            receive()
            received.signal()
        }
        let sending = Result { try send(&maker) }
        queue.withLock { $0.isFinished = true }
        wakeUp.signal()
        received.wait()
        try sending.get()
        if let failure = failure.withLock({ $0 }) { throw failure }
        return (recorder.withLock { $0 }, lags.withLock { $0 })
    }

    // MARK: Sending

    private func send(_ maker: inout SubmissionMaker) throws {
        var progress = Progress("storm")
        defer { progress.clear() }
        let start = recorder.withLock { $0.start }
        var next = 0
        while next < plan.count, failure.withLock({ $0 == nil }) {
            let now = clock.uptimeNanoseconds()
            let due = start + Int64(plan[next].due) * 1_000
            if due > now {
                sleepNanoseconds(min(due - now, 50_000_000))
                continue
            }
            if underWay.load(ordering: .relaxed) > BatchPath.commandsMax {
                // The ledger is behind: who waits here is late from the planned time on.
                sleepNanoseconds(100_000)
                continue
            }
            lags.withLock { $0.record(now - due) }
            next = try sendDue(from: next, start, now, &maker)
            progress.show(UInt64(next), of: UInt64(plan.count))
        }
    }

    /// Sends one batch of what is due.
    private func sendDue(
        from first: Int, _ start: Int64, _ now: Int64, _ maker: inout SubmissionMaker
    ) throws -> Int {
        let milliseconds = UInt64(clock.now().nanoseconds / 1_000_000)
        var submissions: [Submission] = []
        var kinds: [BidKind] = []
        var due: [Int64] = []
        var flags: [Bool] = []
        var next = first
        while next < plan.count, submissions.count < batch {
            let planned = plan[next]
            let time = start + Int64(planned.due) * 1_000
            if time > now { break }
            next += 1
            if planned.kind.isRead {
                try read(planned)
                recorder.withLock { $0.recordRead(from: time, at: clock.uptimeNanoseconds()) }
                continue
            }
            let (submission, kind) = maker.submission(planned, at: milliseconds)
            submissions.append(submission)
            kinds.append(kind)
            due.append(time)
            if let isLastMinute { flags.append(isLastMinute(planned)) }
        }
        guard !submissions.isEmpty else { return next }
        underWay.wrappingAdd(submissions.count, ordering: .relaxed)
        let sent = Sent(
            ticket: try ledger.enqueue(submissions), kinds: kinds, due: due, isLastMinute: flags)
        queue.withLock { $0.sent.append(sent) }
        wakeUp.signal()
        return next
    }

    // MARK: Receiving

    private func receive() {
        while true {
            wakeUp.wait()
            let (sent, isFinished) = queue.withLock { queue in
                let sent = queue.sent
                queue.sent.removeAll(keepingCapacity: true)
                return (sent, queue.isFinished)
            }
            for batch in sent {
                do {
                    try settle(batch)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
                underWay.wrappingSubtract(batch.kinds.count, ordering: .relaxed)
            }
            if isFinished, queue.withLock({ $0.sent.isEmpty }) { return }
        }
    }

    private func settle(_ batch: Sent) throws {
        let receipts = try batch.ticket.wait()
        let now = clock.uptimeNanoseconds()
        try recorder.withLock { recorder in
            try recorder.record(receipts, batch.kinds, due: batch.due, at: now)
            for (index, isLastMinute) in batch.isLastMinute.enumerated() where isLastMinute {
                recorder.recordLastMinute(now - batch.due[index])
            }
        }
    }
}

/// Sleeps; may take some tens of microseconds more.
func sleepNanoseconds(_ nanoseconds: Int64) {
    var time = timespec(
        tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    nanosleep(&time, nil)
}
