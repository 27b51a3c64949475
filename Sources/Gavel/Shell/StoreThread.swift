// The thread that stores: frames come in order, are finished, stored and reported in that order.
//
// Invariants: one frame at a time; after the first failure nothing is stored any more, and every
// later frame is reported the same way.

internal import Dispatch
internal import Synchronization

/// What became of a frame.
enum StoreReport {
    /// The frame, and all before it, survives any crash.
    case durable
    /// It does not, or nobody knows.
    case failed(StoreFailure)
}

/// Hands frames to a store's writer, and reports what became of each.
final class StoreThread: Sendable {
    private let writer: any LogWriter
    private let sealer: FrameSealer
    private let report: @Sendable (Frame, StoreReport) -> Void
    private let queue = DispatchQueue(label: "gavel.store", qos: .userInitiated)
    /// Set by the first failure.
    private let failure = Mutex<StoreFailure?>(nil)

    /// - Parameter report: called on this thread, one call at a time.
    init(
        _ writer: any LogWriter, sealer: FrameSealer,
        reportingTo report: @escaping @Sendable (Frame, StoreReport) -> Void
    ) {
        self.writer = writer
        self.sealer = sealer
        self.report = report
    }

    /// Hands over a frame.
    /// - Parameter atOnce: nothing is under way and the caller has nothing else to do: the frame is
    ///   stored and reported before this returns, which spares whoever waits alone a change of
    ///   threads.
    func append(_ frame: Frame, _ identity: Frame.Identity, atOnce: Bool) {
        if atOnce {
            // Runs on this thread, in the queue's order.
            queue.sync { store(frame, identity) }
        } else {
            queue.async { [self] in store(frame, identity) }
        }
    }

    private func store(_ frame: Frame, _ identity: Frame.Identity) {
        if let failure = failure.withLock({ $0 }) { return report(frame, .failed(failure)) }
        // A frame without entries is a caller waiting for what came before it.
        guard !frame.isEmpty else { return report(frame, .durable) }
        sealer.seal(frame, identity)
        let start = Uptime.nanoseconds
        do {
            try writer.append([SealedFrame(frame)])
        } catch {
            failure.withLock { $0 = error }
            return report(frame, .failed(error))
        }
        frame.flushNanoseconds = Uptime.nanoseconds - start
        report(frame, .durable)
    }

    /// Waits until every frame that was handed over is reported.
    func drain() {
        // Runs after every append that was made before.
        queue.sync {}
    }
}
