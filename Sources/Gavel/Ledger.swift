// A ledger, open for writing: the engine's front door.
//
// Invariants: one process, and in it one `Ledger`, writes a folder; a receipt, a query's answer
// and a subscription's run rest on durable entries only; after a failed commit every call answers
// `outcomeUnknown` and only reopening goes on.

public import AuctionDomain
internal import Dispatch
internal import Logging
internal import Platform
internal import Synchronization

/// An event-sourced ledger of wallets and auctions.
///
///     let ledger = try await Ledger.open(at: "/var/lib/house/ledger")
///     let receipt = try await ledger.submit(
///         .placeBid(auction: "lot-1", bidder: "alice", amount: 1500), id: .generate())
///
/// All methods may be called from any thread or task. Order is the order of admission.
public final class Ledger: Sendable {
    /// The engine's version, written into the log at every opening.
    public static let version = "0.1.0"

    let store: any LedgerStore
    /// The store's log, and the right to write it.
    let log: any LogWriter
    let publisher: Publisher
    let pipeline: Pipeline
    let admission: Admission
    let signer: CheckpointSigner
    let logger: Logger
    let clock: any LedgerClock
    private let storeThread: StoreThread
    private let clockWatch: ClockWatch
    /// Whether the clocks decide when auctions close.
    private let isTimed: Bool
    private let engineDone = DispatchSemaphore(value: 0)
    private let lifeCycle = Mutex(LifeCycle.opening)
    private let closed = DispatchSemaphore(value: 0)

    // MARK: Opening

    /// Opens a ledger for writing, or makes one: reads the newest snapshot and replays what came
    /// after it, on a thread of its own.
    /// - Parameter path: the ledger's folder.
    /// - Throws: `LedgerError` with `invalidConfiguration`, `notFound`, `heldByWriter`, `foreign`,
    ///   `newerFormat`, `damaged` or `storage`, and with `checkpointMismatch` or `keyMismatch`
    ///   where the log is not what was signed. No entry is written when it throws, but for the
    ///   engine's own where only the first checkpoint after it could not be written.
    public static func open(
        at path: String, configuration: Configuration = Configuration()
    ) async throws(LedgerError) -> Ledger {
        try await open(in: FolderStore(at: path), configuration: configuration)
    }

    /// Opens a ledger in any store for writing, or makes one there, as `open(at:)` does in a
    /// folder.
    /// - Throws: as `open(at:)`.
    public static func open(
        in store: any LedgerStore, configuration: Configuration = Configuration()
    ) async throws(LedgerError) -> Ledger {
        try await DedicatedThread.run(named: "gavel.open") { () throws(LedgerError) in
            try openAndWait(in: store, configuration: configuration)
        }
    }

    /// As `open(at:)`, for code without tasks: blocks the thread until the ledger is open.
    @available(*, noasync, message: "this blocks a thread: use 'await Ledger.open'")
    public static func openAndWait(
        at path: String, configuration: Configuration = Configuration()
    ) throws(LedgerError) -> Ledger {
        try openAndWait(in: FolderStore(at: path), configuration: configuration)
    }

    /// As `open(in:)`, for code without tasks: blocks the thread until the ledger is open.
    @available(*, noasync, message: "this blocks a thread: use 'await Ledger.open'")
    public static func openAndWait(
        in store: any LedgerStore, configuration: Configuration = Configuration()
    ) throws(LedgerError) -> Ledger {
        try openAndWait(in: store, configuration: configuration) { $0 }
    }

    /// Opens a ledger, lets a closure work with it, and closes it, also where the closure throws.
    ///
    ///     let receipt = try await Ledger.withLedger(at: "house") { ledger in
    ///         try await ledger.submit(.registerUser("alice"), id: .generate())
    ///     }
    ///
    /// - Returns: what the closure returns.
    /// - Throws: as `open(at:)`, and what the closure throws.
    nonisolated(nonsending) public static func withLedger<Value>(
        at path: String, configuration: Configuration = Configuration(),
        _ body: (Ledger) async throws -> Value
    ) async throws -> Value {
        let ledger = try await open(at: path, configuration: configuration)
        let result: Result<Value, any Error>
        do { result = .success(try await body(ledger)) } catch { result = .failure(error) }
        await ledger.close()
        return try result.get()
    }

    /// Opens a ledger whose log is seen through another: for tests that hold back or fail.
    package static func openAndWait(
        in store: any LedgerStore, configuration: Configuration,
        wrapping: (any LogWriter) -> any LogWriter
    ) throws(LedgerError) -> Ledger {
        try configuration.check()
        do {
            let log = wrapping(try store.openForWriting(configuration.storeOpening))
            do {
                return try Ledger(store: store, log: log, configuration: configuration)
            } catch {
                // Closed already where the ledger came far enough to close itself.
                log.close()
                throw error
            }
        } catch {
            // Nothing was submitted yet of which somebody could ask what became of it.
            throw LedgerError(error, whileBuilding: "opening \(store.name)")
        }
    }

    private init(
        store: any LedgerStore, log: any LogWriter, configuration: Configuration
    ) throws {
        let snapshots = StoredSnapshots(store: store)
        let loader = Loader(log: log, snapshots: snapshots, logger: configuration.logger)
        let (loaded, window) = try loader.load { configuration.emptyWindow(from: $0) }
        try loader.checkTiles(loaded)
        let state = loaded.readState.state
        let isNew = state.entryCount == 0
        let newID = isNew ? configuration.ledgerID ?? .generate() : nil
        // Before anything is written.
        let signer = try Self.signer(store, loaded, log, newID: newID, configuration)
        let secret =
            try configuration.secret
            ?? LedgerSecret.open(in: store, isNew: isNew, logger: configuration.logger)
        let clock = configuration.clock
        let bootID = clock.bootID.flatMap(Heartbeat.BootID.init)
        var settings = configuration.coreSettings
        settings.framesInFlightMax = log.framesInFlightMax
        let pipeline = Pipeline(
            durableCount: state.entryCount, framesInFlightMax: log.framesInFlightMax)
        let admission = Admission(clock: clock, countMax: configuration.queueCommandsMax)
        let sealer = FrameSealer(
            tree: loaded.tree,
            engine: configuration.shortcuts.contains(.hashInstructions) ? .fastest : .library)
        let reading = Reading(readState: loaded.readState, log: log, secret: secret)
        let publisher = Publisher(
            reading: reading,
            snapshotCount: loaded.snapshotCount, pipeline: pipeline,
            admission: admission, sealer: sealer, snapshots: snapshots, log: log,
            signer: signer, configuration: configuration)
        self.store = store
        self.log = log
        logger = configuration.logger
        self.clock = clock
        self.signer = signer
        self.admission = admission
        self.publisher = publisher
        self.pipeline = pipeline
        isTimed = configuration.closesByTimer
        storeThread = StoreThread(log, sealer: sealer) { publisher.report($0, $1) }
        clockWatch = ClockWatch(
            admission: admission, pipeline: pipeline, log: log, bootID: bootID
        ) { [weak publisher] in publisher?.stop($0) }
        // From here on `close` ends what was started, also where this throws.
        signer.onContradiction { [weak publisher] in publisher?.stop($0) }
        let engine = EngineThread(
            EngineCore(
                state: state, window: window, frameNumber: isNew ? 0 : loaded.frameNumber + 1,
                settings: settings, closing: configuration.closing,
                reading: admission.admitClocks(), bootID: bootID, heartbeat: log.lastHeartbeat),
            log: log, stored: reading.entries, storeThread: storeThread, admission: admission,
            pipeline: pipeline, configuration: configuration)
        do {
            // Makes durable whatever an earlier crash left in the page cache, before any answer.
            let opening = try engine.open(
                newLedger: newID, restored: configuration.restoration,
                version: configuration.engineVersion)
            _ = try opening.wait()
            try log.publish(epoch: UInt64(state.epoch) + 1)
            let done = engineDone
            try DedicatedThread.start(named: "gavel.writer") {
                engine.run()
                done.signal()
            }
            lifeCycle.withLock { $0 = .running }
            // Signed before anybody is admitted: a ledger with a key always has a checkpoint.
            try signer.signNow()
        } catch {
            closeNow()
            throw error
        }
        if configuration.closesByTimer {
            clockWatch.beat()
            if clock.passesByItself { clockWatch.start() }
        }
    }

    /// Opens the key and holds the log against the last checkpoint, before anything is written.
    private static func signer(
        _ store: any LedgerStore, _ loaded: Loaded, _ log: any LogWriter, newID: LedgerID?,
        _ configuration: Configuration
    ) throws -> CheckpointSigner {
        let state = loaded.readState.state
        let tree = LogTree(of: log, size: state.entryCount)
        let restoration = configuration.restoration
        let signed = try CheckpointFile(lastOf: store).read()
        let place = LedgerKey(store: store, state: state, logger: configuration.logger)
        if signed == nil, restoration == nil, place.needsCheckpoint {
            throw LedgerError.removedCheckpoint(store)
        }
        let opened = try place.open(
            id: restoration?.ledger ?? newID ?? state.ledgerID!, signed: signed,
            isRenamed: restoration != nil, configuration)
        let key = opened.key
        let former = try state.formerVerifier(named: key.verifier.name)
        let keys = [key.verifier] + [former].compactMap { $0 }
        if let signed { try place.check(signed, tree, opened: opened, keys: keys) }
        let witnessed = CheckpointFile(witnessedOf: store)
        if let signed = try witnessed.read() { try witnessed.check(signed, tree, keys: nil) }
        if let path = configuration.checkpointCopyPath {
            try CheckpointFile(copyAt: path, of: store)
                .checkCopy(origin: key.verifier.name, tree, keys: keys)
        }
        // Before the first entry, so that no log is ever without its key.
        if state.entryCount == 0, opened.isNew { try place.prepare(key) }
        return CheckpointSigner(
            in: store, log: log, key: opened, former: former, signed: signed,
            configuration: configuration)
    }

    // MARK: Closing

    /// Where a ledger stands between being made and being gone.
    private enum LifeCycle {
        /// Nothing of the engine runs yet.
        case opening
        case running
        case closing
        case closed
    }

    /// Answers what is in the queue, writes a snapshot and lets go of the folder. Returns when all
    /// of that is done, whoever began it; later calls do nothing. New commands are refused as
    /// `shuttingDown` meanwhile. A query under way reads on to the end of a frame or some, which is
    /// waited for; what has to read the log after that throws `closed`.
    public func close() async {
        await DedicatedThread.run(named: "gavel.close") { self.closeNow() }
    }

    /// The same, for code without tasks: blocks the thread until the ledger is closed.
    @available(*, noasync, message: "this blocks a thread: use 'await close()'")
    public func closeAndWait() { closeNow() }

    /// Closes it where `await` cannot stand, as in `deinit` or a test's `defer`.
    package func closeNow() {
        let before = lifeCycle.withLock { state in
            let before = state
            if state == .opening || state == .running { state = .closing }
            return before
        }
        switch before {
        case .closed: return
        case .closing: break
        case .opening, .running:
            stop(isRunning: before == .running)
            lifeCycle.withLock { $0 = .closed }
            closed.signal()
        }
        closed.wait()
        // Left signalled for whoever else waits.
        closed.signal()
    }

    private func stop(isRunning: Bool) {
        clockWatch.stop()
        if isRunning, isTimed { clockWatch.beat() }
        admission.stop()
        if isRunning { engineDone.wait() }
        storeThread.drain()
        publisher.finish(isRunning: isRunning)
        signer.finish(isSigning: isRunning && pipeline.failure == nil)
        publisher.reading.entries.close()
        log.close()
    }

    deinit { closeNow() }

    // MARK: Submitting

    /// Submits one command and waits until it is judged and durable.
    /// - Parameters:
    ///   - id: a UUID version 7 of the caller's own. Submitting again under the same id is safe.
    ///   - actor: who stands behind the command.
    /// - Returns: the receipt; rejections and refusals are receipts too, `shuttingDown` after
    ///   `close` among them.
    /// - Throws: `LedgerError` with `outcomeUnknown` when a commit failed.
    public func submit(
        _ command: Command, id: CommandID, by actor: LedgerActor = .operator
    ) async throws -> Receipt {
        let submission = Submission(id: id, actor: actor, command: command)
        do { try command.validate() } catch { return Receipt(refused: .malformed) }
        return try await Waiter<Receipt>.wait { waiter in
            switch admission.admit(.one(submission), .receipt(waiter)) {
            case .admitted: break
            case .full, .tooLarge: waiter.answer(Receipt(refused: .queueFull))
            case .stopped: waiter.answer(Receipt(refused: .shuttingDown))
            case .failed(let error): waiter.fail(error)
            }
        }
    }

    /// Submits commands in order and waits until all are judged and durable.
    /// - Returns: a receipt for each, in order.
    /// - Throws: as `submit(_:id:by:)`.
    public func submit(_ batch: [Submission]) async throws -> [Receipt] {
        try await enqueue(batch).value()
    }

    /// Hands a batch over without waiting: the path for embedders with a thread of their own, who
    /// keep a few tickets under way. Redeem the ticket with `wait`.
    ///
    ///     let ticket = try ledger.enqueue(bids)
    ///     let receipts = try ticket.wait()
    ///
    /// - Throws: `LedgerError` with `outcomeUnknown` when the ledger has failed.
    public func enqueue(_ batch: [Submission]) throws(LedgerError) -> BatchTicket {
        try enqueue(batch, times: nil)
    }

    /// Hands over a batch whose commands have times of their own; for imports.
    package func enqueue(
        _ batch: [Submission], at times: [Timestamp]
    ) throws(LedgerError) -> BatchTicket {
        try enqueue(batch, times: times)
    }

    private func enqueue(
        _ batch: [Submission], times: [Timestamp]?
    ) throws(LedgerError) -> BatchTicket {
        let ticket = BatchTicket()
        func refuse(_ refusal: Refusal) {
            ticket.finish(.success(batch.map { _ in Receipt(refused: refusal) }))
        }
        switch admission.admit(.batch(batch, times: times), .batch(ticket)) {
        case .admitted: break
        case .full: refuse(.queueFull)
        case .tooLarge: refuse(.batchTooLarge)
        case .stopped: refuse(.shuttingDown)
        case .failed(let error): throw error
        }
        return ticket
    }

    // MARK: Closing auctions

    /// Closes what is due now. The engine does this by itself; a manual clock needs to be told.
    public func tick() async throws {
        clockWatch.beat()
        try await control(.tick)
    }

    /// Lets auctions close again after closings were held: by configuration, since the clocks were
    /// apart, or since auctions ended in an outage. What is due closes at once; extend it first if
    /// it should not. Where the clocks are apart the ledger goes by the wall clock from here on.
    public func confirmClosings() async throws {
        clockWatch.beat()
        try await control(.hold(false))
        // A crash from here on must not make auctions wait that were confirmed.
        clockWatch.beat()
    }

    /// Writes that another key signs checkpoints from the next one on.
    /// - Throws: `LedgerError` with `keyMismatch` where the key that it replaces does not sign any
    ///   more; nothing is written then.
    package func rotate(_ rotation: KeyRotation) async throws {
        try await control(.rotate(rotation))
    }

    /// Stops closing until `confirmClosings`; bids are refused meanwhile. What ends in that time
    /// waits for an operator, as after an outage, also where the ledger is opened anew before
    /// anybody has confirmed.
    public func holdClosings() async throws {
        try await control(.hold(true))
        // The next opening must know of it, also after a crash from here on.
        clockWatch.beat()
    }

    private func control(_ work: CoreItem.Work) async throws {
        try await Waiter<Void>.wait { waiter in
            switch admission.admit(work, .done(waiter)) {
            case .admitted: break
            case .full, .tooLarge: waiter.fail(LedgerError(.storage, "the queue is full"))
            case .stopped: waiter.fail(LedgerError(.closed, "the ledger is closed"))
            case .failed(let error): waiter.fail(error)
            }
        }
    }

    // MARK: Position

    /// What time it is by the ledger's clock: trusted time (article Time), by which auctions close
    /// and entries are stamped.
    public var now: Timestamp {
        Timestamp(nanoseconds: clock.uptimeNanoseconds() &+ pipeline.status.timeOffset)
    }

    /// Why the ledger has stopped for good; nil while it has not.
    public var failure: LedgerError? { pipeline.failure }

    /// How many entries are durable: the position after the last one shown anywhere.
    public var durableCount: UInt64 { pipeline.durableCount }
}
