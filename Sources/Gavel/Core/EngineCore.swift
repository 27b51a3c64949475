// The core: the one serial order, as a value that is stepped. It is given commands with the moment
// they came, the clocks, and what is known of the store; it decides, evolves the state and puts the
// entries into frames.
//
// Invariants: no thread, lock, file or clock is touched here, so the same inputs give the same
// frames and answers; the state is ahead of the durable log by at most the frames that were taken
// and the open one; an answer travels with the frame that makes it true; no entropy in a decision
// (salts follow it); no iteration over a hashed collection; nothing is put into a frame that the
// reader of the log would refuse.

package import AuctionDomain

/// The engine's decisions, one step at a time.
///
///     core.receive(items, at: boot)
///     while true {
///         switch core.decide() {
///         case .frameIsFull: store(core.takeFrame())
///         case .needs(let position): core.supply(entry(position), at: position)
///         case .idle, .failed: …
///         }
///     }
///
/// A noncopyable struct and not a class: its methods borrow `state` in place, where a class would
/// retain and release all of the state's buffers around every call (2 of 7 parts of a bid's time).
package struct EngineCore: ~Copyable {
    /// What the core is started with and does not change.
    package struct Settings: Sendable {
        package var shortcuts = Shortcuts.all
        package var salting = Salting.drawn
        /// Whether auctions are closed by trusted time; otherwise only by the times of commands.
        package var closesByTime = true
        /// Whether the clocks go on by themselves, so that a silence of theirs means that nobody
        /// was there.
        package var clocksPass = true
        package var freeBytesMin = 0
        /// How many frames may be on their way to the store.
        package var framesInFlightMax = 2
        /// Whether what is written is held against the reader's checks first: always, but where a
        /// simulation is to find what comes of it.
        package var checksEntries = true

        package init() {}
    }

    let settings: Settings
    let salts: SaltSource

    var state: State
    var window: CommandIDWindow
    var time: TrustedTime
    var frame: FrameBuilder
    private var frameNumber: UInt64
    var recent: RecentFrames

    /// Since when an operator holds closings; nil where none does.
    private var heldByOperatorSince: Timestamp?
    /// The outage whose auctions wait for an operator, or for their move.
    var outage: Outage?
    /// Whether an operator has looked at it: nothing waits any more, but moves are still made.
    var isOutageConfirmed = false
    /// Since when the last outage was that nobody waits for any more, and how many entries must be
    /// durable for that to be true after a crash as well.
    var endedOutage: (since: Timestamp, count: UInt64)?
    /// Every auction that is due and stands before this in the queue of deadlines is held.
    var firstUnheld = DeadlineQueue.Key.first
    /// The last moment of the boot clock at which somebody was there.
    private var lastSeen: Int64

    private var nextStorageCheck: UInt64
    /// The bytes of all frames that were taken, and of those that are durable.
    private var takenBytes = 0
    private var durableBytes = 0
    /// Free space is looked at again when so many bytes are in frames.
    private var nextLookAt = Int.max
    /// By the last look at free space, it is low when so many bytes are in frames.
    private var lowAt = Int.max
    /// Whether the last look at free space found it low.
    private var wasStorageLow = false

    // What was received and is not decided yet.
    private var items: ContiguousArray<CoreItem> = []
    private var nextItem = 0
    package private(set) var boot: Int64
    /// How far the batch at `nextItem` is decided.
    private var receipts: [Receipt] = []
    /// The entry that was asked for.
    var supplied: (position: UInt64, entry: DecodedEntry?)?

    var notices: [CoreNotice] = []
    /// Why nothing is decided any more; nil while it is.
    package private(set) var failure: String?

    // Reused from one command to the next.
    var events = EventList()
    var links = ContiguousArray<EntryLink>()
    var decoded = DecodedEntry()
    /// What looking ahead touched, kept so that it is not optimized away. Means nothing.
    private var warmth: UInt64 = 0

    /// A frame worth storing while another is still being flushed: smaller ones wait and grow,
    /// since a commit costs the same for one entry as for hundreds.
    private static let bytesWorthAFlush = 32 << 10
    private static let storageCheckEntries: UInt64 = 4096
    /// Free space is looked at no more often than after so many bytes: a look is a system call.
    private static let looksApartBytes = 64 << 10
    /// Clocks that were silent for longer than this were silent because nobody was there.
    package static let silenceMax: Int64 = 5_000_000_000

    /// - Parameters:
    ///   - window: the ids of recent commands in the log.
    ///   - frameNumber: of the next frame.
    ///   - closing: what becomes of auctions whose end has come.
    ///   - reading: the clocks now.
    ///   - heartbeat: of whoever ran the ledger last; nil where nobody wrote one.
    package init(
        state: State, window: CommandIDWindow, frameNumber: UInt64, settings: Settings,
        closing: Configuration.Closing, reading: ClockReading, bootID: Heartbeat.BootID?,
        heartbeat: Heartbeat?
    ) {
        self.state = state
        self.window = window
        self.frameNumber = frameNumber
        self.settings = settings
        salts = SaltSource(settings.salting)
        recent = RecentFrames(keepsDurable: settings.shortcuts.contains(.recentFrames))
        let lastEntry = state.entryCount == 0 ? nil : state.time
        time = TrustedTime(
            reading, bootID: bootID, heartbeat: heartbeat, lastEntry: lastEntry)
        lastSeen = reading.boot
        boot = reading.boot
        heldByOperatorSince = closing == .held ? time.at(boot: reading.boot) : nil
        nextStorageCheck = state.entryCount
        frame = FrameBuilder(firstPosition: state.entryCount, capacity: 4096)
        guard settings.closesByTime,
            let since = heartbeat?.outageSince ?? heartbeat?.time ?? lastEntry
        else { return }
        note(Outage(since: since, until: time.at(boot: boot)))
        switch closing {
        case .automatic: break
        case .confirmed: confirm()
        // Whoever holds closings has come to look at what ended.
        case .held: notices = []
        }
        if time.isHeld { notices.append(.clockHeld(gap: time.gap)) }
    }

    /// Writes the entries that begin every session, before anything is received.
    /// - Parameters:
    ///   - id: of a ledger that is new; nil where there is one.
    ///   - version: of the engine.
    ///   - asker: who waits until they are durable.
    package mutating func open(
        newLedger id: LedgerID?, restored restoration: Restoration?, version: String, asker: Asker
    ) {
        // The last entry's time: an opening says nothing about when it was, so a clock that is
        // wrong while nobody does anything leaves nothing in the log.
        let start = state.entryCount == 0 ? time.at(boot: boot) : state.time
        do throws(Stop) {
            if let id { try writeOwn(.createLedger(id), at: start) }
            if let restoration { try writeOwn(.restoreLedger(restoration), at: start) }
            try writeOwn(.openEngine(epoch: state.epoch &+ 1, version: version), at: start)
        } catch { stop(error) }
        frame.answers.append(CoreAnswer(asker: asker, content: .done))
    }

    // MARK: Inputs

    /// Takes items in the order of admission. Only when everything before is decided.
    /// - Parameter boot: the boot clock, at which nothing earlier can come any more.
    package mutating func receive(_ items: consuming ContiguousArray<CoreItem>, at boot: Int64) {
        self.items = items
        nextItem = 0
        self.boot = boot
    }

    /// Whether free space should be looked at again: after a number of entries, and when half of
    /// what was free may be used up.
    package var wantsFreeBytes: Bool {
        state.entryCount >= nextStorageCheck || framedBytes >= nextLookAt
    }

    /// The bytes of everything that was put into frames. A store takes somewhat more for it: it
    /// fills whole pages.
    private var framedBytes: Int { takenBytes + frame.byteCount }

    /// Whether bids and openings are refused, so that what frees money can still be written. Known
    /// without a look at the store, which comes only between two frames.
    @inline(__always)
    var isStorageLow: Bool { framedBytes >= lowAt }

    /// Takes how many bytes are free where the ledger is.
    package mutating func note(freeBytes: Int) {
        nextStorageCheck = state.entryCount + Self.storageCheckEntries
        // What is on its way to the store will take its space from them.
        let left = freeBytes - settings.freeBytesMin.addingClamped(framedBytes - durableBytes)
        let isLow = left < 0
        if isLow != wasStorageLow {
            notices.append(
                .storage(
                    isLow: isLow, freeBytes: freeBytes, freeBytesMin: settings.freeBytesMin))
        }
        wasStorageLow = isLow
        lowAt = isLow ? 0 : framedBytes.addingClamped(left).addingClamped(1)
        nextLookAt = isLow ? .max : framedBytes.addingClamped(max(left / 2, Self.looksApartBytes))
    }

    /// Takes an entry that was needed; nil where the log has none at that position.
    package mutating func supply(_ entry: DecodedEntry?, at position: UInt64) {
        supplied = (position, entry)
    }

    /// Takes how many entries are durable: they can be read from the store.
    package mutating func note(durable count: UInt64) {
        durableBytes += recent.note(durable: count)
        if let ended = endedOutage, ended.count <= count { endedOutage = nil }
    }

    // MARK: Outputs

    /// Whether there is something to store, and nothing speaks for waiting until there is more.
    /// - Parameter inFlight: how many frames are on their way.
    package func isWorthStoring(inFlight: Int) -> Bool {
        guard !isOpenFrameEmpty else { return false }
        return inFlight == 0 || isLarge && inFlight < settings.framesInFlightMax
    }

    /// Whether the open frame is large enough to be stored beside another.
    package var isLarge: Bool { frame.byteCount >= Self.bytesWorthAFlush }

    /// Whether the open frame has neither entries nor answers.
    package var isOpenFrameEmpty: Bool { frame.isEmpty && frame.answers.isEmpty }

    /// How many answers the open frame carries.
    package var answerCount: Int { frame.answers.count }

    /// Ends the open frame: whoever takes it stores it, and all before it first.
    /// - Parameter carriesIDs: whether the window of command ids goes along, as of the frame's end.
    ///   A copy that shares its buckets: it costs the core as much as there are buckets, once.
    package mutating func takeFrame(
        carriesIDs: Bool = false
    ) -> (frame: Frame, identity: Frame.Identity) {
        let finished = frame.finish()
        if carriesIDs { finished.carry(window) }
        let identity = Frame.Identity(
            ledgerID: state.ledgerID!, epoch: state.epoch, number: frameNumber,
            horizon: window.horizon)
        if !finished.isEmpty {
            recent.append(finished)
            takenBytes += finished.byteCount
            frameNumber += 1
        }
        return (finished, identity)
    }

    /// When there is something to do although nobody comes, by the boot clock; nil for never.
    package var wakesAt: Int64? {
        guard settings.closesByTime, !holdsClosings, let next = nextDeadline else { return nil }
        return boot &+ max(0, next.nanoseconds - time.at(boot: boot).nanoseconds)
    }

    /// A time before which no auction is to be closed.
    private var nextDeadline: Timestamp? {
        outage == nil ? state.nextDeadline : state.nextDeadline(from: firstUnheld)
    }

    /// What there is to say since the last call.
    package mutating func takeNotices() -> [CoreNotice] {
        var some: [CoreNotice] = []
        swap(&some, &notices)
        return some
    }

    package var status: CoreStatus {
        var status = CoreStatus()
        status.holdsClosings = holdsClosings
        status.isClockHeld = time.isHeld
        status.clockGap = time.gap
        status.timeOffset = time.at(boot: 0).nanoseconds
        status.outage = isOutageConfirmed ? nil : outage
        // What ends while an operator holds closings waits for an operator, also after a restart.
        status.unsettledSince = earlier(
            earlier(outage?.since, endedOutage?.since),
            earlier(time.heldFrom, heldByOperatorSince))
        return status
    }

    /// The earlier of two times that may not be there.
    private func earlier(_ one: Timestamp?, _ other: Timestamp?) -> Timestamp? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    /// Whoever waits for what was not decided or not stored, in no order.
    package mutating func takeAskers() -> [Asker] {
        var askers = frame.answers.map(\.asker)
        frame.answers = []
        askers += items[nextItem...].map(\.asker)
        items = []
        nextItem = 0
        return askers
    }

    // MARK: Deciding

    /// Decides what was received, as far as one frame takes it.
    package mutating func decide() -> CoreProgress {
        do throws(Stop) {
            if let failure { throw Stop.impossible(failure) }
            while nextItem < items.count {
                if frame.isFull { throw Stop.frameIsFull }
                try process(items[nextItem])
                nextItem += 1
            }
            items = []
            nextItem = 0
            try closeDueByTime()
            return .idle
        } catch {
            return stop(error)
        }
    }

    @discardableResult
    private mutating func stop(_ why: Stop) -> CoreProgress {
        switch why {
        case .frameIsFull: return .frameIsFull
        case .needs(let position): return .needs(position: position)
        case .impossible(let reason):
            failure = failure ?? reason
            return .failed(reason: reason)
        }
    }

    /// Why deciding stopped short.
    enum Stop: Error {
        case frameIsFull
        case needs(position: UInt64)
        /// Something that the reader of the log would refuse came out of a decision.
        case impossible(String)
    }

    private mutating func process(_ item: CoreItem) throws(Stop) {
        see(item.boot)
        let trusted = time.at(boot: item.boot)
        switch item.work {
        case .one(let submission):
            try closeDue(at: trusted)
            let receipt = try submit(
                submission, handles(of: submission), at: max(trusted, state.time))
            answer(item.asker, .receipt(receipt))
        case .batch(let submissions, let times):
            try process(submissions, times, at: trusted)
            var some: [Receipt] = []
            swap(&some, &receipts)
            answer(item.asker, .receipts(some))
        case .clocks(let reading):
            take(reading)
        case .tick:
            try closeDue(at: trusted)
            answer(item.asker, .done)
        case .hold(let isHeld):
            if !isHeld { confirm() }
            heldByOperatorSince = isHeld ? heldByOperatorSince ?? trusted : nil
            try closeDue(at: time.at(boot: item.boot))
            answer(item.asker, .done)
        case .rotate(let rotation):
            answer(item.asker, try rotate(rotation, at: max(trusted, state.time)))
        }
    }

    private mutating func answer(_ asker: Asker, _ content: CoreAnswer.Content) {
        frame.answers.append(CoreAnswer(asker: asker, content: content))
    }

    private mutating func process(
        _ submissions: [Submission], _ times: [Timestamp]?, at trusted: Timestamp
    ) throws(Stop) {
        if receipts.isEmpty { receipts.reserveCapacity(submissions.count) }
        while receipts.count < submissions.count {
            let start = receipts.count
            let end = min(start + BidLookUps.countMax, submissions.count)
            let found = lookUp(submissions[start..<end])
            warmth &+= found.warmth
            for index in start..<end {
                let trusted = times.map { given(time: $0[index]) } ?? trusted
                try closeDue(at: trusted)
                let submission = submissions[index]
                receipts.append(
                    try submit(
                        submission, handles(found.handles(index - start), of: submission),
                        at: max(trusted, state.time)))
                if frame.isFull, receipts.count < submissions.count { throw .frameIsFull }
            }
        }
    }

    // MARK: Time

    /// Whether nothing closes and nobody may bid.
    var holdsClosings: Bool {
        heldByOperatorSince != nil || settings.closesByTime && time.isHeld
    }

    /// The time of a command that comes with one: there is no other clock then.
    @inline(__always)
    private mutating func given(time: Timestamp) -> Timestamp {
        window.advance(
            boot: time.nanoseconds, wall: time, trusted: time, lastEntry: state.time)
        return time
    }

    /// Takes note that somebody was there, and of a silence before it.
    @inline(__always)
    mutating func see(_ boot: Int64) {
        if boot - lastSeen > Self.silenceMax { endSilence(boot) }
        if boot > lastSeen { lastSeen = boot }
    }

    private mutating func endSilence(_ boot: Int64) {
        guard settings.closesByTime, settings.clocksPass else { return }
        note(Outage(since: time.at(boot: lastSeen), until: time.at(boot: boot)))
    }

    private mutating func take(_ reading: ClockReading) {
        switch time.advance(to: reading) {
        case .held(let gap): notices.append(.clockHeld(gap: gap))
        case .agreed(let outage):
            notices.append(.clocksAgree)
            note(outage)
        case .wentAhead(let outage): note(outage)
        case nil: break
        }
        // Also while nothing is written: space may be free again.
        nextStorageCheck = state.entryCount
        window.advance(
            boot: reading.boot, wall: reading.wall, trusted: time.at(boot: reading.boot),
            lastEntry: state.time)
    }

    /// Goes on after somebody has looked at what is held.
    private mutating func confirm() {
        time.accept()
        isOutageConfirmed = true
        firstUnheld = .first
    }
}
