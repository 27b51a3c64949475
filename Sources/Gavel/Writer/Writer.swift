// The writer: the one serial order. Takes commands from the queue, decides them against the state,
// evolves it, and puts the entries into frames for the log.
//
// Invariants: everything here runs on one thread at a time; the state is ahead of the durable log
// by at most the frames in flight and the open one; nobody is answered from here: completions
// travel with the frame that makes them true. No clock is read for any decision: time comes with
// the command; no entropy in a decision (salts follow it); no iteration over a hashed collection.

internal import AuctionDomain
internal import Logging

// A noncopyable struct and not a class: its methods borrow `state` in place, where a class would
// retain and release all of the state's buffers around every call (2 of 7 parts of a bid's time).
struct Writer: ~Copyable {
    private let admission: Admission
    private let pipeline: Pipeline
    private let log: any EventLog
    private let stored: CheckedEntries
    private let sealer: FrameSealer
    private let configuration: Configuration
    private let freeBytes: @Sendable () -> Int
    private let salts: SaltSource

    private var state: State
    private var window: CommandIDWindow
    private var closingGuard: ClosingGuard
    private var frame: FrameBuilder
    private var frameNumber: UInt64
    /// Frames handed over whose entries may not be readable in the log yet, oldest first.
    private var handedOver: ContiguousArray<Frame> = []
    /// How many callers the frame just stored on this thread has answered.
    private var answeredAtOnce = 0
    private var isStorageLow = false
    private var nextStorageCheck: UInt64 = 0

    // Reused from one command to the next.
    private var events = EventList()
    private var links = ContiguousArray<EntryLink>()
    private var decoded = DecodedEntry()
    /// What looking ahead touched, kept so that it is not optimized away. Means nothing.
    private var warmth: UInt64 = 0

    /// With fewer users their names lie in the cache anyhow.
    private static let lookAheadUsersMin = 1 << 14
    /// A frame worth handing over while another is still being flushed: smaller ones wait and
    /// grow, since a commit costs the same for one entry as for hundreds.
    private static let bytesWorthAFlush = 32 << 10
    private static let storageCheckEntries: UInt64 = 4096

    init(
        state: State, window: CommandIDWindow, frameNumber: UInt64, log: any EventLog,
        sealer: FrameSealer, admission: Admission, pipeline: Pipeline,
        configuration: Configuration, freeBytes: @escaping @Sendable () -> Int
    ) {
        self.state = state
        self.window = window
        self.frameNumber = frameNumber
        self.log = log
        stored = CheckedEntries(log)
        self.sealer = sealer
        self.admission = admission
        self.pipeline = pipeline
        self.configuration = configuration
        self.freeBytes = freeBytes
        salts = SaltSource(configuration.salting)
        closingGuard = ClosingGuard(
            isHeld: configuration.closing == .held, clock: configuration.clock,
            lastEntry: state.time)
        frame = FrameBuilder(firstPosition: state.entryCount, capacity: 4096)
        pipeline.holdsClosings = closingGuard.isHeld
    }

    /// Writes the entries that begin every session, before anybody is admitted.
    /// - Returns: what becomes ready when they are durable.
    mutating func open(
        at time: Timestamp, newLedger id: LedgerID?, restored restoration: Restoration?,
        version: String
    ) -> BatchTicket {
        let time = max(time, state.time)
        if let id { write(.createLedger(id), at: time) }
        if let restoration { write(.restoreLedger(restoration), at: time) }
        write(.openEngine(epoch: state.epoch + 1, version: version), at: time)
        let ticket = BatchTicket([], times: nil)
        frame.completions.append(.batch(ticket))
        handOver()
        return ticket
    }

    /// Works until the queue is stopped and empty, or the log fails.
    mutating func run() {
        while pipeline.failure == nil {
            if answeredAtOnce > 1 { admission.linger(for: answeredAtOnce) }
            answeredAtOnce = 0
            let items = admission.take(patience: patience)
            if let jump = closingGuard.check(configuration.clock) {
                configuration.logger.error(
                    "the wall clock jumped; closings are held until confirmed",
                    metadata: ["jump_ns": "\(jump)"])
            }
            if items.isEmpty, configuration.closesByTimer {
                closeDue(at: max(configuration.clock.now(), state.time))
            }
            for item in items { process(item) }
            pipeline.holdsClosings = closingGuard.isHeld
            handOverIfWorthwhile()
            if items.isEmpty, admission.isDrained {
                handOver()
                return
            }
        }
        if let failure = pipeline.failure {
            for completion in frame.completions { completion.fail(failure) }
            frame.completions = []
            // Nobody may wait for a writer that is gone.
            admission.fail(failure)
        }
    }

    /// How long there is nothing to do unless someone comes: until the next deadline (or an earlier
    /// end, from which it moved on), but never so long that a jump of the clock goes unnoticed.
    private var patience: Int64? {
        guard configuration.closesByTimer, !closingGuard.isHeld,
            let next = state.nextDeadline
        else { return nil }
        let wait = next.nanoseconds - configuration.clock.now().nanoseconds
        return min(max(wait, 0), 1_000_000_000)
    }

    // MARK: Frames

    private mutating func handOverIfWorthwhile() {
        guard !frame.isEmpty || !frame.completions.isEmpty else { return }
        let inFlight = pipeline.inFlight
        let isWorthAFlush = frame.byteCount >= Self.bytesWorthAFlush
        if inFlight == 0 || isWorthAFlush && inFlight < Pipeline.depth {
            // What a small frame's commit keeps the writer from deciding is soon decided after it.
            let isAtOnce = !isWorthAFlush && configuration.shortcuts.contains(.storeAtOnce)
            let answered = frame.completions.count
            handOver(atOnce: isAtOnce)
            if isAtOnce { answeredAtOnce = answered }
        }
    }

    /// Gives the open frame to the log, waiting while the log is too far behind.
    private mutating func handOver(atOnce: Bool = false) {
        // After a failure nothing is stored any more; `run` answers those who wait.
        if pipeline.failure != nil { return }
        pipeline.takePlace()
        let finished = frame.finish()
        finished.handedOverAt = Uptime.nanoseconds
        let durable = pipeline.durableCount
        handedOver.removeAll { $0.endPosition <= durable }
        if !finished.isEmpty { handedOver.append(finished) }
        let identity = Frame.Identity(
            ledgerID: state.ledgerID!, epoch: state.epoch, number: frameNumber,
            horizon: window.horizon)
        let sealer = sealer
        log.append(finished, atOnce: atOnce) { sealer.seal($0, identity) }
        if !finished.isEmpty { frameNumber += 1 }
    }

    // MARK: Work

    private mutating func process(_ item: Admitted) {
        let time = max(item.time, state.time)
        switch item.work {
        case .one(let submission, let waiter):
            let receipt = submit(submission, handles(of: submission), at: time)
            frame.completions.append(.one(waiter, receipt))
        case .batch(let ticket):
            process(ticket, at: time)
        case .tick(let waiter):
            closeDue(at: time)
            frame.completions.append(.waiter(waiter))
        case .hold(let isHeld, let waiter):
            closingGuard.hold(isHeld)
            closeDue(at: time)
            frame.completions.append(.waiter(waiter))
        case .rotate(let rotation, let waiter):
            write(.rotateKey(rotation), at: time)
            frame.completions.append(.waiter(waiter))
        }
    }

    private mutating func process(_ ticket: BatchTicket, at time: Timestamp) {
        var receipts: [Receipt] = []
        receipts.reserveCapacity(ticket.submissions.count)
        var start = 0
        while start < ticket.submissions.count, pipeline.failure == nil {
            let end = min(start + BidLookUps.countMax, ticket.submissions.count)
            let found = lookUp(ticket.submissions[start..<end])
            warmth &+= found.warmth
            for index in start..<end {
                let time = ticket.times.map { max($0[index], state.time) } ?? time
                let submission = ticket.submissions[index]
                receipts.append(
                    submit(
                        submission, handles(found.handles(index - start), of: submission),
                        at: time))
            }
            start = end
        }
        ticket.receipts = receipts
        frame.completions.append(.batch(ticket))
    }

    private typealias BidHandles = (
        auction: AuctionHandle, bidder: UserHandle, actor: CanonicalActor
    )

    /// Looks up the names of bids and touches what they will read, all before the first is judged.
    private func lookUp(_ submissions: ArraySlice<Submission>) -> BidLookUps {
        guard configuration.shortcuts.contains(.flatBids) else { return BidLookUps() }
        let looksAhead = configuration.shortcuts.contains(.lookAhead)
        let touches = looksAhead && state.userCount >= Self.lookAheadUsersMin
        let first = submissions.startIndex
        return state.lookUp(submissions.count, touches: touches) { place in
            guard case .placeBid(let auction, let bidder, _) = submissions[first + place].command
            else { return nil }
            return (bidder, auction)
        }
    }

    /// Who bids where, for a bid that comes alone.
    private func handles(of submission: Submission) -> BidHandles? {
        guard configuration.shortcuts.contains(.flatBids),
            case .placeBid(let auction, let bidder, _) = submission.command,
            let user = state.user(bidder), let lot = state.auction(auction)
        else { return nil }
        return handles((lot, user), of: submission)
    }

    /// Adds who acts to who bids where.
    /// - Returns: nil where it is no bid, a name is not there, or the actor needs a look-up of its
    ///   own: `submitOther` then does everything.
    @inline(__always)
    private func handles(
        _ found: (auction: AuctionHandle, bidder: UserHandle)?, of submission: Submission
    ) -> BidHandles? {
        guard let (auction, bidder) = found else { return nil }
        switch submission.actor {
        case .operator: return (auction, bidder, .operator)
        case .user(let id):
            guard case .placeBid(_, id, _) = submission.command else { return nil }
            return (auction, bidder, .user(bidder))
        case .payment: return nil
        }
    }

    /// Judges one submission.
    /// - Parameter handles: of a bid, where they were found.
    @inline(__always)
    private mutating func submit(
        _ submission: Submission, _ handles: BidHandles?, at time: Timestamp
    ) -> Receipt {
        closeDue(at: time)
        // By the last entry's time, not by this command's: a clock that jumps ahead must not make
        // everybody's ids too old.
        window.advance(to: state.time)
        if let handles, case .placeBid(_, _, let amount) = submission.command, amount >= 1,
            let receipt = submitBid(handles, amount, id: submission.id, at: time)
        {
            return receipt
        }
        return submitOther(submission, at: time)
    }

    /// Judges a new bid whose names were found.
    /// - Returns: nil where anything else is the matter: `submitOther` then does all of it.
    @inline(__always)
    private mutating func submitBid(
        _ handles: BidHandles, _ amount: Money, id: CommandID, at time: Timestamp
    ) -> Receipt? {
        guard window.refusal(of: id, at: time) == nil,
            window.position(of: id, { _ in true }) == nil
        else { return nil }
        checkStorage()
        if isStorageLow || closingGuard.isHeld { return nil }
        let point = EntryPoint(position: state.entryCount, time: time)
        events.removeAll(keepingCapacity: true)
        do {
            guard
                let bid = try state.decideBid(
                    handles.auction, handles.bidder, amount, by: handles.actor, at: time,
                    purchase: &events)
            else { return nil }
            let links = state.evolve(bid, at: point)
            frame.append(
                bid, id: id, actor: handles.actor, at: point, links: links,
                salt: salts.ofCommand(at: point.position))
            if frame.isFull { handOver() }
            window.insert(id, at: point.position)
            return Receipt(acceptedAt: point.position, time: time)
        } catch {
            let command = CanonicalCommand.placeBid(
                auction: handles.auction, bidder: handles.bidder, amount: amount)
            write(command, id: id, by: handles.actor, at: time, rejection: error)
            window.insert(id, at: point.position)
            return Receipt(rejectedAt: point.position, time: time, error)
        }
    }

    private mutating func submitOther(_ submission: Submission, at time: Timestamp) -> Receipt {
        do {
            try refuseByShape(submission, at: time)
            let resolved = resolve(submission)
            if let receipt = try replay(submission.id, resolved) { return receipt }
            let (command, actor) = try resolved.get()
            try refuseByCapacity(command)
            return decide(command, id: submission.id, by: actor, at: time)
        } catch let refusal as Refusal {
            return Receipt(refused: refusal)
        } catch {
            // Reading back an entry of our own log failed: nothing can be promised any more.
            let failure = LedgerError(error, while: "reading a repeated command")
            pipeline.recordFailure(failure)
            return Receipt(refused: .shuttingDown)
        }
    }

    private typealias Resolved = (command: CanonicalCommand, actor: CanonicalActor)

    private func refuseByShape(_ submission: Submission, at time: Timestamp) throws(Refusal) {
        do { try submission.command.validate() } catch { throw .malformed }
        if let refusal = window.refusal(of: submission.id, at: time) { throw refusal }
    }

    private func resolve(_ submission: Submission) -> Result<Resolved, Refusal> {
        do {
            let actor = try state.resolve(submission.actor, of: submission.command)
            return .success((try state.resolve(submission.command), actor))
        } catch {
            return .failure(error)
        }
    }

    private mutating func refuseByCapacity(_ command: CanonicalCommand) throws(Refusal) {
        checkStorage()
        switch command {
        case .placeBid, .buyNow:
            if isStorageLow { throw .storageLow }
            if closingGuard.isHeld { throw .closingHeld }
        case .openAuction:
            if isStorageLow { throw .storageLow }
        case .closeAuction:
            if closingGuard.isHeld { throw .closingHeld }
        default: break
        }
    }

    private mutating func checkStorage() {
        guard state.entryCount >= nextStorageCheck else { return }
        nextStorageCheck = state.entryCount + (isStorageLow ? 1 : Self.storageCheckEntries)
        let isLow = freeBytes() < configuration.freeBytesMin
        if isLow != isStorageLow {
            configuration.logger.warning(
                isLow ? "storage is low: bids and openings are refused" : "storage is enough again")
        }
        isStorageLow = isLow
    }

    private mutating func decide(
        _ command: CanonicalCommand, id: CommandID, by actor: CanonicalActor, at time: Timestamp
    ) -> Receipt {
        let position = state.entryCount
        events.removeAll(keepingCapacity: true)
        do {
            try state.decide(command, by: actor, at: time, into: &events)
            write(command, id: id, by: actor, at: time, rejection: nil)
            window.insert(id, at: position)
            return Receipt(acceptedAt: position, time: time)
        } catch {
            write(command, id: id, by: actor, at: time, rejection: error)
            window.insert(id, at: position)
            return Receipt(rejectedAt: position, time: time, error)
        }
    }

    /// Closes every auction whose end has come, as system entries in order of (end, opening). An
    /// entry's time is the end it was due: what jitter a timer has is nobody's business.
    private mutating func closeDue(at time: Timestamp) {
        guard !closingGuard.isHeld else { return }
        while let auction = state.nextDue(at: time) {
            write(.closeDue(auction), at: max(state.time, state[auction].closesAt))
        }
    }

    /// Decides and writes a command of the engine's own.
    private mutating func write(_ command: CanonicalCommand, at time: Timestamp) {
        events.removeAll(keepingCapacity: true)
        do {
            try state.decide(command, by: .system, at: time, into: &events)
        } catch {
            preconditionFailure("the engine's own command was rejected: \(error)")
        }
        write(command, id: .none, by: .system, at: time, rejection: nil)
    }

    /// Evolves the state by `events` and encodes the entry.
    private mutating func write(
        _ command: CanonicalCommand, id: CommandID, by actor: CanonicalActor, at time: Timestamp,
        rejection: Rejection?
    ) {
        let point = EntryPoint(position: state.entryCount, time: time)
        for event in events { state.evolve(event, at: point) }
        links.removeAll(keepingCapacity: true)
        state.finishEntry(
            command, rejected: rejection != nil, events: events, at: point, links: &links)
        let salt =
            id == .none ? salts.ofEngine(at: point.position) : salts.ofCommand(at: point.position)
        frame.append(
            command, id: id, actor: actor, at: point, rejection: rejection, events: events,
            links: links, salt: salt)
        if events.contains(where: \.isClosing), rejection == nil { frame.holdsClosing = true }
        if frame.isFull { handOver() }
    }
}

// MARK: - Repeated commands

extension Writer {
    /// The first receipt again, if the id is in the log.
    /// - Throws: `Refusal.commandIDReused` when the content is another; whatever reading throws.
    private mutating func replay(
        _ id: CommandID, _ resolved: Result<Resolved, Refusal>
    ) throws -> Receipt? {
        var first = DecodedEntry()
        swap(&first, &decoded)
        defer { swap(&first, &decoded) }
        let position = try window.position(of: id) { position in
            try read(&first, at: position)
            return first.id == id
        }
        guard position != nil else { return nil }
        // What cannot be resolved now was never taken before: names stay registered for ever.
        guard case .success(let repeated) = resolved, repeated.command == first.command,
            repeated.actor == first.actor
        else { throw Refusal.commandIDReused }
        return first.receipt(isReplay: true)
    }

    /// Reads an entry that may be in the open frame, in one handed over, or in the log.
    private func read(_ entry: inout DecodedEntry, at position: UInt64) throws {
        if position >= frame.firstPosition {
            return try frame.withEntry(at: position) { try entry.decode($0, in: $1) }
        }
        if let frame = handedOver.first(where: { $0.endPosition > position }),
            frame.firstPosition <= position
        {
            return try frame.withEntry(at: position) { try entry.decode($0, in: $1) }
        }
        guard let first = try stored.entry(at: position) else {
            throw LogFault("entry \(position) is not in the log")
        }
        entry = first
    }
}

extension Event {
    /// Whether an auction is over by it.
    fileprivate var isClosing: Bool {
        switch self {
        case .auctionClosed, .auctionCancelled: true
        default: false
        }
    }
}

/// Where a writer lives between being made and being run.
final class WriterThread: @unchecked Sendable {
    // Sendable without a check: after `open` only the thread inside `run` touches the writer.
    private var writer: Writer

    init(_ writer: consuming Writer) { self.writer = writer }

    func open(
        at time: Timestamp, newLedger id: LedgerID?, restored restoration: Restoration?,
        version: String
    ) -> BatchTicket {
        writer.open(at: time, newLedger: id, restored: restoration, version: version)
    }

    func run() { writer.run() }
}

/// Completes frames on the log's thread: the tree grows in the order of the log.
final class FrameSealer: @unchecked Sendable {
    // Sendable without a check: `tree` is touched by the log's one thread only.

    /// The tree up to the last sealed frame.
    private(set) var tree: MerkleTree

    private let engine: HashEngine

    init(tree: MerkleTree, engine: HashEngine) {
        self.tree = tree
        self.engine = engine
    }

    func seal(_ frame: Frame, _ identity: Frame.Identity) {
        frame.seal(identity, tree: &tree, by: engine)
    }
}
