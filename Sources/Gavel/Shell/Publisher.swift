// What happens once a frame is durable, in this order: the read state advances, other processes
// are told, the writer gets room, callers get their receipts, subscribers wake up.
//
// Invariant: everything shown anywhere rests on durable entries only.

internal import AuctionDomain
internal import Dispatch
internal import Logging
internal import Platform
internal import Synchronization

/// Publishes frames. Its `report` runs on the store's thread, one call at a time.
final class Publisher: Sendable {
    let reading: Reading
    private let pipeline: Pipeline
    private let admission: Admission
    private let sealer: FrameSealer
    private let snapshots: StoredSnapshots
    private let log: any LogWriter
    private let signer: CheckpointSigner
    private let configuration: Configuration
    private let subscribers = Mutex(Subscribers())
    private let drained = DispatchSemaphore(value: 0)
    private let answerQueue = DispatchQueue(label: "gavel.answers", qos: .userInitiated)
    private let snapshotQueue = DispatchQueue(label: "gavel.snapshot", qos: .utility)
    private let snapshotState: Mutex<SnapshotState>
    private let counted = Mutex(FrameStatistics())

    private struct Subscribers {
        var next: UInt64 = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var isClosed = false
        /// How many followers the closing waits for.
        var draining = 0
    }

    private struct SnapshotState {
        var lastCount: UInt64
        var isWriting = false
        /// What the closing writes: the ids as of the last frame, and how many entries there are.
        var last: (ids: CommandIDWindow, count: UInt64)?
    }

    init(
        reading: Reading, snapshotCount: UInt64, pipeline: Pipeline, admission: Admission,
        sealer: FrameSealer, snapshots: StoredSnapshots, log: any LogWriter,
        signer: CheckpointSigner, configuration: Configuration
    ) {
        self.reading = reading
        self.pipeline = pipeline
        self.admission = admission
        self.sealer = sealer
        self.snapshots = snapshots
        self.log = log
        self.signer = signer
        self.configuration = configuration
        snapshotState = Mutex(SnapshotState(lastCount: snapshotCount))
    }

    func report(_ frame: Frame, _ report: StoreReport) {
        switch report {
        case .durable:
            do {
                try publish(frame)
            } catch {
                fail(frame, LedgerError(error, while: "publishing"))
            }
        case .failed(let failure): fail(frame, LedgerError(failure, while: "a commit failed"))
        }
    }

    private func publish(_ frame: Frame) throws {
        if !frame.isEmpty {
            try reading.readState.withLock { readState in
                var entry = DecodedEntry()
                try frame.withEntries { bytes in
                    _ = try readState.apply(
                        frame.count, in: bytes, using: &entry, shortcuts: configuration.shortcuts,
                        range: { frame.range(of: $0) })
                }
            }
            try log.publish(durableCount: frame.endPosition)
        }
        pipeline.advance(to: frame.endPosition)
        admission.wake()
        if !frame.isEmpty {
            counted.withLock { $0.count(frame) }
            // Before the answers: whoever asks for a checkpoint then gets one with the entry in it.
            signer.note(
                size: frame.endPosition, root: frame.root, holdsClosing: frame.holdsClosing)
        }
        answer(frame.takeAnswers())
        if !frame.isEmpty {
            wakeSubscribers()
        }
        snapshotIfDue(frame.endPosition, frame.takeIDs())
    }

    /// Answers callers: many of them on a thread of its own, so that the log goes on to the next
    /// frame meanwhile.
    private func answer(_ answers: ContiguousArray<CoreAnswer>) {
        guard answers.count >= Self.answersWorthAThread else {
            for answer in answers { answer.release() }
            return
        }
        answerQueue.async { for answer in answers { answer.release() } }
    }

    /// Waking somebody costs about as much as an answer or two hundred.
    private static let answersWorthAThread = 200

    private func fail(_ frame: Frame, _ error: LedgerError) {
        pipeline.fail(error)
        stop(error)
        for answer in frame.takeAnswers() { answer.asker.fail(error) }
    }

    /// Nothing new is decided or followed any more; what is on its way to the disk is still
    /// answered. Any thread.
    func stop(_ error: LedgerError) {
        configuration.logger.critical("the ledger stops", metadata: ["why": "\(error)"])
        pipeline.recordFailure(error)
        admission.fail(error)
        closeSubscriptions()
    }

    /// The live state's size and fingerprint, as of one moment.
    var liveDigest: (count: UInt64, digest: StateDigest) {
        reading.readState.withLock { ($0.entryCount, $0.state.digest) }
    }

    var frameStatistics: FrameStatistics { counted.withLock { $0 } }
    /// How many entries the newest snapshot holds.
    var snapshotCount: UInt64 { snapshotState.withLock { $0.lastCount } }
    var freeBytesMin: Int { configuration.freeBytesMin }

    // MARK: Subscribers

    /// Waits until more than `count` entries are durable, the ledger closes, or the task is
    /// cancelled.
    func waitForEntries(after count: UInt64) async {
        let id = subscribers.withLock { subscribers in
            subscribers.next += 1
            return subscribers.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = subscribers.withLock { subscribers in
                    let waits =
                        !subscribers.isClosed && !Task.isCancelled
                        && pipeline.durableCount <= count
                    if waits { subscribers.waiting.append((id, continuation)) }
                    return waits
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            let continuation = subscribers.withLock { subscribers in
                subscribers.waiting.firstIndex { $0.id == id }.map {
                    subscribers.waiting.remove(at: $0).continuation
                }
            }
            continuation?.resume()
        }
    }

    private func wakeSubscribers() {
        let waiting = subscribers.withLock { subscribers in
            var waiting: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
            swap(&waiting, &subscribers.waiting)
            return waiting
        }
        for subscriber in waiting { subscriber.continuation.resume() }
    }

    func closeSubscriptions() {
        subscribers.withLock { $0.isClosed = true }
        wakeSubscribers()
    }

    var isClosed: Bool { subscribers.withLock { $0.isClosed } }

    /// Has the closing wait until a follower lets go; nil where it is too late for that.
    func holdForDraining() -> DrainHold? {
        let isHeld = subscribers.withLock { subscribers in
            if !subscribers.isClosed { subscribers.draining += 1 }
            return !subscribers.isClosed
        }
        guard isHeld else { return nil }
        return DrainHold { [self] in
            let isLast = subscribers.withLock { subscribers in
                subscribers.draining -= 1
                return subscribers.isClosed && subscribers.draining == 0
            }
            if isLast { drained.signal() }
        }
    }

    /// Waits for the followers that are draining, for a while. Once subscriptions are closed.
    private func waitForDraining() {
        guard subscribers.withLock({ $0.draining > 0 }) else { return }
        let milliseconds = configuration.drainMilliseconds
        if drained.wait(timeout: .now() + .milliseconds(milliseconds)) == .timedOut {
            configuration.logger.warning(
                "followers did not drain in time",
                metadata: ["drain-milliseconds": "\(milliseconds)"])
        }
    }

    // MARK: Snapshots

    /// Writes a snapshot where one is due and the frame carries the ids; asks for them where it
    /// does not, and the snapshot is then of a later frame.
    private func snapshotIfDue(_ count: UInt64, _ ids: CommandIDWindow?) {
        let interval = UInt64(max(1, configuration.snapshotIntervalEntries))
        let isDue = snapshotState.withLock { state in
            state.last = ids.map { ($0, count) }
            guard !state.isWriting, count >= state.lastCount + interval else { return false }
            if ids != nil {
                state.isWriting = true
                state.last = nil
            }
            return true
        }
        guard isDue else { return }
        // The copy shares its chunks with the live state; the tree is that of this very frame,
        // since the store's thread is here.
        guard let ids else { return pipeline.askForIDs() }
        write(reading.readState.withLock { $0 }, sealer.tree, ids)
    }

    private func write(_ copy: ReadState, _ tree: MerkleTree, _ ids: CommandIDWindow) {
        snapshotQueue.async { [self] in
            let written = BackgroundThread.run {
                Result { try snapshots.write(copy, tree: tree, ids: ids) }
            }
            if case .failure(let error) = written {
                // The log has everything; only the next opening takes longer.
                configuration.logger.warning(
                    "a snapshot was not written", metadata: ["why": "\(error)"])
            }
            snapshotState.withLock { state in
                state.lastCount = copy.entryCount
                state.isWriting = false
            }
        }
    }

    /// Writes a last snapshot unless there is one of this very state. Called once the log has
    /// reported everything.
    /// - Parameter isRunning: whether the ledger was ever open: otherwise nothing is new.
    func finish(isRunning: Bool) {
        answerQueue.sync {}
        snapshotQueue.sync {}
        let copy = reading.readState.withLock { $0 }
        let (lastCount, last) = snapshotState.withLock { ($0.lastCount, $0.last) }
        if isRunning, lastCount < copy.entryCount, pipeline.failure == nil, let last,
            last.count == copy.entryCount
        {
            write(copy, sealer.tree, last.ids)
            snapshotQueue.sync {}
        }
        closeSubscriptions()
        waitForDraining()
    }
}
