// Bids through the async path: `Ledger.submit`, many callers at once.
//
// Closed loop: so many callers, each sending its next bid when the last one is answered; latency
// runs from the call. Open loop: each bid is sent at its planned time by a task of its own, and the
// number of callers only bounds how many wait at once; latency runs from the planned time.

import Dispatch
import Gavel
import GavelProgram
import Synchronization

/// Callers that wait for each bid before sending the next.
final class Callers<Source: BidSource & Sendable>: Sendable {
    private struct State {
        var source: Source
        var maker: SubmissionMaker
        var recorder: StormRecorder
        var drawn = 0
        var progress = Progress("storm")
    }

    private let ledger: Ledger
    private let limit: PassLimit
    private let state: Mutex<State>
    private let clock = SystemClock()

    init(
        _ ledger: Ledger, _ source: Source, _ maker: SubmissionMaker, limit: PassLimit,
        recorder: StormRecorder
    ) {
        self.ledger = ledger
        self.limit = limit
        state = Mutex(State(source: source, maker: maker, recorder: recorder))
    }

    /// Runs until the limit is reached.
    /// - Returns: what was recorded, and source and maker as they are then.
    func run(inFlight: Int) async throws -> (StormRecorder, Source, SubmissionMaker) {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<inFlight { group.addTask { try await self.call() } }
            try await group.waitForAll()
        }
        return state.withLock { state in
            state.progress.clear()
            return (state.recorder, state.source, state.maker)
        }
    }

    /// A bid and its receipt.
    private struct Answered {
        let receipt: Receipt
        let kind: BidKind
        let sent: Int64
        let received: Int64
    }

    /// One caller.
    private func call() async throws {
        // What is sent again is this caller's own last bid, which is answered: sent by another it
        // might arrive before the first.
        var last: Submission?
        var answered: Answered?
        while let (drawn, kind) = try recordAndDraw(answered, last) {
            let sent = clock.uptimeNanoseconds()
            let receipt = try await ledger.submit(drawn.command, id: drawn.id)
            answered = Answered(
                receipt: receipt, kind: kind, sent: sent, received: clock.uptimeNanoseconds())
            if kind == .bid { last = drawn }
        }
    }

    /// Counts a receipt and draws the next bid, in one step: the callers share one lock with each
    /// other, and what they wait for it would count as the ledger's time.
    private func recordAndDraw(
        _ answered: Answered?, _ last: Submission?
    ) throws -> (Submission, BidKind)? {
        let milliseconds = UInt64(clock.now().nanoseconds / 1_000_000)
        return try state.withLock { state in
            var now = state.recorder.start
            if let answered {
                now = answered.received
                try state.recorder.record(
                    answered.receipt, answered.kind, from: answered.sent, at: now)
            }
            guard state.drawn < limit.bids, now - state.recorder.start < limit.nanoseconds else {
                return nil
            }
            state.drawn += 1
            state.progress.show(UInt64(state.drawn), of: UInt64(limit.bids))
            var planned = state.source.next()
            while planned.kind == .duplicate || planned.kind == .conflict {
                if let last { return (repeated(last, as: planned.kind), planned.kind) }
                planned = state.source.next()
            }
            return state.maker.submission(planned, at: milliseconds)
        }
    }
}

/// A bid that was answered, again: as it was, or with another amount under the same id.
private func repeated(_ sent: Submission, as kind: BidKind) -> Submission {
    guard kind == .conflict, case .placeBid(let auction, let bidder, let amount) = sent.command
    else { return sent }
    let other = Command.placeBid(
        auction: auction, bidder: bidder, amount: Money(minorUnits: amount.minorUnits + 1))
    return Submission(id: sent.id, command: other)
}

/// Bids that are sent one by one at their planned times.
final class PlannedCallers: Sendable {
    private let ledger: Ledger
    private let plan: [PlannedBid]
    private let recorder: Mutex<StormRecorder>
    private let failure = Mutex<(any Error)?>(nil)
    private let clock = SystemClock()
    private let room: DispatchSemaphore
    private let inFlight: Int
    private let lags = Mutex(LatencyDigest())
    private let lastAnswered = Mutex<Submission?>(nil)

    init(_ ledger: Ledger, _ plan: [PlannedBid], inFlight: Int, recorder: StormRecorder) {
        self.ledger = ledger
        self.plan = plan
        self.inFlight = inFlight
        self.recorder = Mutex(recorder)
        room = DispatchSemaphore(value: inFlight)
    }

    /// Sends on a thread of its own, since it sleeps there.
    func run(
        _ maker: SubmissionMaker
    ) async throws -> (StormRecorder, LatencyDigest, SubmissionMaker) {
        let maker = await withCheckedContinuation { continuation in
            DispatchQueue(label: "gavel.storm.sender", qos: .userInitiated).async { [self] in
                continuation.resume(returning: send(maker))
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return (recorder.withLock { $0 }, lags.withLock { $0 }, maker)
    }

    private func send(_ maker: SubmissionMaker) -> SubmissionMaker {
        var maker = maker
        var progress = Progress("storm")
        defer { progress.clear() }
        let start = recorder.withLock { $0.start }
        for (index, planned) in plan.enumerated() {
            let due = start + Int64(planned.due) * 1_000
            var now = clock.uptimeNanoseconds()
            while now < due {
                sleepNanoseconds(min(due - now, 50_000_000))
                now = clock.uptimeNanoseconds()
            }
            room.wait()
            if failure.withLock({ $0 != nil }) {
                room.signal()
                break
            }
            lags.withLock { $0.record(clock.uptimeNanoseconds() - due) }
            let milliseconds = UInt64(clock.now().nanoseconds / 1_000_000)
            let (submission, kind) = next(planned, &maker, milliseconds)
            Task { await self.submit(submission, kind, due: due) }
            progress.show(UInt64(index), of: UInt64(plan.count))
        }
        // All room is back when everybody is answered.
        for _ in 0..<inFlight { room.wait() }
        for _ in 0..<inFlight { room.signal() }
        return maker
    }

    /// What is sent again was answered before: tasks overtake each other.
    private func next(
        _ planned: PlannedBid, _ maker: inout SubmissionMaker, _ milliseconds: UInt64
    ) -> (Submission, BidKind) {
        guard planned.kind == .duplicate || planned.kind == .conflict else {
            return maker.submission(planned, at: milliseconds)
        }
        if let last = lastAnswered.withLock({ $0 }) {
            return (repeated(last, as: planned.kind), planned.kind)
        }
        // More than anybody has.
        var other = planned
        other.kind = .short
        other.amount = .max / 4
        return maker.submission(other, at: milliseconds)
    }

    private func submit(_ submission: Submission, _ kind: BidKind, due: Int64) async {
        do {
            let receipt = try await ledger.submit(submission.command, id: submission.id)
            let now = clock.uptimeNanoseconds()
            try recorder.withLock { try $0.record(receipt, kind, from: due, at: now) }
            if kind == .bid { lastAnswered.withLock { $0 = submission } }
        } catch {
            failure.withLock { $0 = $0 ?? error }
        }
        room.signal()
    }
}
