// The thread that drives the core: it takes from the queue, lets the core decide, and hands frames
// to the store's thread. The core decides everything; what is here waits, reads and stores.
//
// Invariants: everything here runs on one thread at a time; after a failure nothing is stored any
// more, and everybody who waits is told.

internal import AuctionDomain
internal import Logging

/// Runs a core until it is told to stop.
final class EngineThread: @unchecked Sendable {
    // Sendable without a check: after `open` only the thread inside `run` touches it.

    private var core: EngineCore
    private let admission: Admission
    private let pipeline: Pipeline
    private let log: any LogWriter
    private let stored: CheckedEntries
    private let storeThread: StoreThread
    private let shortcuts: Shortcuts
    private let logger: Logger
    /// How many callers the frame just stored on this thread has answered.
    private var answeredAtOnce = 0

    init(
        _ core: consuming EngineCore, log: any LogWriter, stored: CheckedEntries,
        storeThread: StoreThread,
        admission: Admission, pipeline: Pipeline, configuration: Configuration
    ) {
        self.core = core
        self.log = log
        self.stored = stored
        self.storeThread = storeThread
        self.admission = admission
        self.pipeline = pipeline
        shortcuts = configuration.shortcuts
        logger = configuration.logger
    }

    /// Stores the entries that begin every session, before anybody is admitted.
    /// - Returns: what becomes ready when they are durable.
    func open(
        newLedger id: LedgerID?, restored restoration: Restoration?, version: String
    ) throws -> BatchTicket {
        let ticket = BatchTicket()
        core.open(newLedger: id, restored: restoration, version: version, asker: .batch(ticket))
        if let failure = core.failure { throw LogFault(failure) }
        say()
        store()
        return ticket
    }

    /// Works until the queue is stopped and empty, or the log fails.
    func run() {
        while pipeline.failure == nil {
            if answeredAtOnce > 1 { admission.linger(for: answeredAtOnce) }
            answeredAtOnce = 0
            let taken = admission.take(patience: patience)
            let isIdle = taken.items.isEmpty
            core.receive(taken.items, at: taken.boot)
            guard decide() else { break }
            say()
            storeIfWorthwhile()
            if isIdle, admission.isDrained {
                // For the snapshot that the closing writes.
                pipeline.askForIDs()
                store()
                return
            }
        }
        if let failure = pipeline.failure {
            for asker in core.takeAskers() { asker.fail(failure) }
            // Nobody may wait for a thread that is gone.
            admission.fail(failure)
        }
    }

    /// How long there is nothing to do unless someone comes, in nanoseconds.
    private var patience: Int64? {
        guard let wakesAt = core.wakesAt else { return nil }
        // The semaphore's clock stands still while a machine sleeps; the boot clock does not.
        return min(max(wakesAt - core.boot, 0), 1_000_000_000)
    }

    /// Lets the core decide what it was given.
    /// - Returns: false when nothing more can be decided.
    private func decide() -> Bool {
        while true {
            core.note(durable: pipeline.durableCount)
            if core.wantsFreeBytes { core.note(freeBytes: log.freeBytes ?? .max) }
            switch core.decide() {
            case .idle: return true
            case .frameIsFull:
                if !store() { return false }
            case .needs(let position):
                do { core.supply(try stored.entry(at: position), at: position) } catch {
                    // An entry of our own log cannot be read: nothing can be promised any more.
                    pipeline.recordFailure(
                        LedgerError(error, while: "reading a repeated command"))
                    return false
                }
            case .failed(let reason):
                pipeline.recordFailure(
                    LedgerError(.damaged, "nothing was written that could not be read: \(reason)"))
                return false
            }
        }
    }

    /// Passes on what the core has to say.
    private func say() {
        let status = core.status
        if pipeline.status != status { pipeline.status = status }
        for notice in core.takeNotices() { notice.log(to: logger) }
    }

    private func storeIfWorthwhile() {
        guard core.isWorthStoring(inFlight: pipeline.inFlight) else { return }
        // What a small frame's commit keeps the core from deciding is soon decided after it.
        let isAtOnce = !core.isLarge && shortcuts.contains(.storeAtOnce)
        let answered = core.answerCount
        store(atOnce: isAtOnce)
        if isAtOnce { answeredAtOnce = answered }
    }

    /// Gives the open frame to the log, waiting while the log is too far behind.
    /// - Returns: false after a failure, when nothing is stored any more.
    @discardableResult
    private func store(atOnce: Bool = false) -> Bool {
        if pipeline.failure != nil { return false }
        let carriesIDs = pipeline.takePlace()
        let (frame, identity) = core.takeFrame(carriesIDs: carriesIDs)
        frame.handedOverAt = Uptime.nanoseconds
        storeThread.append(frame, identity, atOnce: atOnce)
        return true
    }
}

extension CoreNotice {
    /// Says it to the people who run the ledger.
    fileprivate func log(to logger: Logger) {
        switch self {
        case .clockHeld(let gap):
            logger.error(
                "the wall clock and the ledger's time are apart; closings and bids are held",
                metadata: ["wall_clock_ahead_seconds": "\(Double(gap) / 1e9)"])
        case .clocksAgree:
            logger.notice("the wall clock and the ledger's time agree again")
        case .outage(let outage, let held, let moved):
            logger.warning(
                "auctions ended while nobody could bid",
                metadata: [
                    "since": "\(outage.since.utcText)", "until": "\(outage.until.utcText)",
                    "seconds": "\(Double(outage.nanoseconds) / 1e9)",
                    "held_until_confirmed": "\(held)", "moved_by_their_rules": "\(moved)",
                ])
        case .storage(let isLow, let free, let least):
            let figures: Logger.Metadata = [
                "free_bytes": "\(free)", "free_bytes_min": "\(least)",
            ]
            if isLow {
                logger.warning(
                    "storage is low: bids and openings are refused", metadata: figures)
            } else {
                logger.notice("storage is enough again", metadata: figures)
            }
        }
    }
}
