// Reads the clocks once a second, whatever the core's thread is waiting for, writes down that the
// ledger is alive, and looks whether its place is still its own.
//
// Invariants: a reading is admitted before the heartbeat that rests on it is written, so a
// heartbeat never says a later time than the core will know; a ledger that has failed beats no
// more, since nobody can bid on it.

internal import AuctionDomain
internal import Dispatch
internal import Platform
internal import Synchronization

/// The timer beside the core.
final class ClockWatch: Sendable {
    private let admission: Admission
    private let pipeline: Pipeline
    private let log: any LogWriter
    private let bootID: Heartbeat.BootID?
    private let fail: @Sendable (LedgerError) -> Void
    private let queue = DispatchQueue(label: "gavel.clocks", qos: .userInitiated)
    private let timer = Mutex<(any DispatchSourceTimer)?>(nil)

    /// - Parameter fail: ends the ledger, where its place is not its own any more.
    init(
        admission: Admission, pipeline: Pipeline, log: any LogWriter, bootID: Heartbeat.BootID?,
        failingBy fail: @escaping @Sendable (LedgerError) -> Void
    ) {
        self.admission = admission
        self.pipeline = pipeline
        self.log = log
        self.fail = fail
        self.bootID = bootID
    }

    /// Begins to read the clocks by itself.
    func start() {
        timer.withLock { timer in
            let source = DispatchSource.makeTimerSource(queue: queue)
            source.schedule(deadline: .now() + 1, repeating: 1, leeway: .milliseconds(50))
            source.setEventHandler { [weak self] in self?.beat() }
            source.activate()
            timer = source
        }
    }

    /// Reads the clocks once and writes a heartbeat.
    func beat() {
        let reading = admission.admitClocks()
        guard pipeline.failure == nil else { return }
        do { try log.check() } catch {
            return fail(LedgerError(error, while: "looking at the ledger's place"))
        }
        let status = pipeline.status
        let time = Timestamp(nanoseconds: reading.boot &+ status.timeOffset)
        // What cannot be written only makes the next opening take an outage for longer.
        try? log.publish(
            Heartbeat(
                time: time, boot: reading.boot, bootID: bootID,
                outageSince: status.unsettledSince))
    }

    /// Ends reading; returns when no beat is under way.
    func stop() {
        timer.withLock { timer in
            timer?.cancel()
            timer = nil
        }
        queue.sync {}
    }
}
