// Whoever holds a simulated house to its word: reads every durable frame as a reader does, judges
// every entry by the plain model, and every answer by what is durable.
//
// Invariant: nothing is taken from the core's own state but what it tells those who watch it.

internal import AuctionDomain
internal import Gavel
internal import Platform

/// The auditor of one simulation.
struct Auditor {
    private static let second: Int64 = 1_000_000_000
    /// Clocks that are closer than this are not held to differ.
    private static let tolerance = 61 * second
    private static let retention = 3_600 * second
    private static let idAheadMax = 300 * second

    /// Somebody who waits for an answer.
    private struct Pending {
        var submissions: [Submission]
        /// Trusted time when it was asked.
        var askedAt: Int64
        /// Whether closings or single auctions were held when it was decided.
        var mayBeHeld = false
        var mayBeLow = false
        var isRotation = false
    }

    private let defect: PlantedDefect?
    /// The fold of what is durable.
    private(set) var state = State()
    private(set) var model = NaiveModel()
    private(set) var horizon = CommandHorizon()
    /// Every command id in the log, with its place.
    private(set) var ids: [CommandID: UInt64] = [:]
    private var rejections: [UInt64: Rejection] = [:]
    private var firstPositions: [UInt64] = []

    /// What clients sent under each id; an id that was used twice has two.
    private var asked: [CommandID: [Submission]] = [:]
    /// Which of those is in the log.
    private var taken: [CommandID: Submission] = [:]
    private var recent: [Submission] = []
    private var pending: [UInt64: Pending] = [:]
    private var lots = 0
    /// How many entries there were at the last opening.
    private var openedAt: UInt64 = 0

    private var trueTime: Int64 = 0
    private var status = CoreStatus()
    private var trusted: Int64 = 0
    /// The boot clock when trusted time was last led after the wall clock.
    private var readAt: Int64 = 0
    private var isStorageLow = false
    /// How often the clocks were read since there was space again.
    private var ticksWithSpace = 2
    /// Since when an operator holds closings; nil where none does.
    private var heldByOperatorSince: Int64?
    /// Spans of the log's time in which nobody could bid and that nobody has confirmed.
    private var downs: [(since: Int64, until: Int64)] = []
    /// The same, of silences: the process that was silent has said from when until when.
    private var silences: [(since: Int64, until: Int64)] = []
    private var heldSince: Int64?
    /// Whether an operator has just said that the wall clock is right.
    private var mayGoBack = false

    init(defect: PlantedDefect?) { self.defect = defect }

    var durableCount: UInt64 { state.entryCount }

    // MARK: What happens

    mutating func note(trueTime: Int64) { self.trueTime = trueTime }

    mutating func note(storageLow: Bool) {
        isStorageLow = storageLow
        ticksWithSpace = 0
    }

    mutating func ticked() {
        ticksWithSpace += 1
        mayGoBack = false
    }

    mutating func opened(
        lastHeartbeat: Timestamp?, trueTime: Int64, _ status: CoreStatus, boot: Int64
    ) throws(Fault) {
        self.trueTime = trueTime
        self.status = status
        openedAt = durableCount
        readAt = boot
        // Whoever held closings has not said what is to become of what ended meanwhile.
        if let since = heldByOperatorSince { downs.append((since, boot + status.timeOffset)) }
        heldByOperatorSince = nil
        trusted = boot + status.timeOffset
        if let last = lastHeartbeat?.nanoseconds, trusted < last {
            throw Fault("an opening took the time back by \(last - trusted) ns")
        }
        // An operator's word that was lost with the last process takes trusted time back by what it
        // was worth, and from now on somebody is there: what that process said of later is void.
        silences = silences.map { ($0.since, min($0.until, trusted)) }
        if let since = lastHeartbeat?.nanoseconds, trusted > since {
            downs.append((since, trusted))
        }
        heldSince = status.isClockHeld ? trusted : nil
    }

    mutating func wasSilent(since: Int64, until: Int64) { silences.append((since, until)) }

    mutating func operatorHolds() { heldByOperatorSince = heldByOperatorSince ?? trusted }

    var isHeldByOperator: Bool { heldByOperatorSince != nil }

    mutating func operatorConfirms() {
        mayGoBack = true
        downs = []
        silences = []
        heldByOperatorSince = nil
        heldSince = nil
    }

    /// Looks at what the core says after it has decided something, before anybody is answered.
    mutating func observe(
        _ now: CoreStatus, boot: Int64, wasHeldMeanwhile: Bool
    ) throws(Fault) {
        let before = status
        status = now
        // A reading leads the time by 1/1000 of what has passed since the one before it.
        let last = trusted - (boot - readAt) / 1_000 - 1
        trusted = boot + now.timeOffset
        if trusted < last, !mayGoBack { throw Fault("the time went back by \(last - trusted) ns") }
        let ahead = now.timeOffset - before.timeOffset
        if ahead > 30 * Self.second, !mayGoBack {
            // It went ahead over a pause that no clock but the wall clock has counted.
            downs.append((trusted - ahead, trusted))
        }
        if ahead != 0 { readAt = boot }
        let mayBeHeld =
            before.holdsClosings || now.holdsClosings || before.outage != nil
            || now.outage != nil || wasHeldMeanwhile
        for number in pending.keys {
            if mayBeHeld { pending[number]!.mayBeHeld = true }
            if isStorageLow || ticksWithSpace < 2 { pending[number]!.mayBeLow = true }
        }
        if now.isClockHeld {
            heldSince = heldSince ?? trusted
        } else if let since = heldSince {
            downs.append((since, trusted))
            heldSince = nil
        }
    }

    /// Looks for what should have closed, while all that was decided is durable.
    func checkQuiet() throws(Fault) {
        if !status.holdsClosings, !isHeldByOperator { try checkNothingIsLate() }
    }

    private func checkNothingIsLate() throws(Fault) {
        for lot in model.open {
            guard let end = model.auction(lot)?.closesAt?.nanoseconds, end <= trusted else {
                continue
            }
            if let outage = status.outage, end <= outage.until.nanoseconds { continue }
            throw Fault("\(lot) ended \(trusted - end) ns ago and is not closed")
        }
    }

    // MARK: Asking and answering

    mutating func asks(_ submissions: [Submission], asker: UInt64) -> UInt64 {
        for submission in submissions {
            if asked[submission.id]?.contains(submission) != true {
                asked[submission.id, default: []].append(submission)
            }
            recent.append(submission)
        }
        if recent.count > 64 { recent.removeFirst(recent.count - 64) }
        pending[asker] = Pending(submissions: submissions, askedAt: trusted)
        return asker
    }

    mutating func asksRotation(_ asker: UInt64) -> UInt64 {
        pending[asker] = Pending(submissions: [], askedAt: trusted, isRotation: true)
        return asker
    }

    /// The process ended: whoever waits never hears anything.
    mutating func lostAskers() { pending = [:] }

    mutating func answered(
        _ answer: CoreAnswer, _ coverage: inout SimulationCoverage
    ) throws(Fault) {
        guard case .number(let number) = answer.asker else { return }
        guard let pending = pending.removeValue(forKey: number) else {
            throw Fault("asker \(number) is answered twice")
        }
        switch answer.content {
        case .receipt(let receipt):
            try check(receipt, pending.submissions[0], pending, &coverage)
        case .receipts(let receipts):
            guard receipts.count == pending.submissions.count else {
                throw Fault("\(pending.submissions.count) commands got \(receipts.count) receipts")
            }
            for (receipt, submission) in zip(receipts, pending.submissions) {
                try check(receipt, submission, pending, &coverage)
            }
        case .done: break
        case .refused:
            guard pending.isRotation else { throw Fault("a command of a client's is an error") }
            coverage.mark("rotation refused")
        }
    }

    private func check(
        _ receipt: Receipt, _ submission: Submission, _ pending: Pending,
        _ coverage: inout SimulationCoverage
    ) throws(Fault) {
        if let refusal = receipt.refusal {
            return try check(refusal, submission, pending, &coverage)
        }
        guard let position = receipt.position, position < durableCount else {
            throw Fault("\(submission.id) is answered before it is durable")
        }
        guard ids[submission.id] == position else {
            throw Fault("\(submission.id) is answered by entry \(position), which is another's")
        }
        guard receipt.rejection == rejections[position] else {
            throw Fault("the receipt of \(submission.id) says something else than the log")
        }
        guard taken[submission.id] == submission else {
            throw Fault("\(submission.id) was used for another command and is answered")
        }
        if receipt.isReplay {
            coverage.mark("replayed")
            if position < openedAt {
                coverage.mark("answered after a restart by the first receipt")
            }
        }
        if receipt.status == .rejected { coverage.mark("rejected") }
    }

    private func check(
        _ refusal: Refusal, _ submission: Submission, _ pending: Pending,
        _ coverage: inout SimulationCoverage
    ) throws(Fault) {
        let idTime = Int64(submission.id.milliseconds) * 1_000_000
        let isRight: Bool
        switch refusal {
        case .commandIDExpired:
            coverage.mark("id expired")
            isRight = idTime < trueTime - Self.retention + Self.tolerance
        case .commandIDInFuture:
            coverage.mark("id in future")
            isRight = idTime > pending.askedAt + Self.idAheadMax - Self.second
        case .commandIDReused:
            coverage.mark("id reused")
            isRight = asked[submission.id]!.count > 1
        case .closingHeld:
            coverage.mark(
                status.outage != nil && !status.holdsClosings
                    ? "bid held by an outage" : "bid held by a clock")
            isRight = pending.mayBeHeld
        case .storageLow:
            coverage.mark("bid held by storage")
            isRight = pending.mayBeLow
        case .userNotFound, .auctionNotFound: isRight = true
        case .malformed, .commandIDMalformed, .currencyNotFound, .queueFull, .shuttingDown,
            .tooManyRejections, .batchTooLarge:
            isRight = false
        }
        if !isRight { throw Fault("\(submission.command) is refused as \(refusal) without reason") }
    }

    // MARK: Reading what is durable

    /// Reads a frame as every reader does, and judges what is in it.
    mutating func read(_ bytes: [UInt8], _ coverage: inout SimulationCoverage) throws(Fault) {
        do {
            try withBytes(of: bytes) { value in
                let header = try FrameHeader(value)
                guard header.firstPosition == state.entryCount else {
                    throw Fault(
                        "a frame begins at \(header.firstPosition) after \(state.entryCount)")
                }
                for index in 0..<header.count {
                    var entry = DecodedEntry()
                    try entry.decode(value, in: try header.range(of: index, value))
                    try judge(entry, &coverage)
                }
                guard header.horizon.milliseconds >= horizon.milliseconds else {
                    throw Fault("the horizon of command ids falls")
                }
                horizon = header.horizon
                firstPositions.append(header.firstPosition)
            }
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault("a reader refuses a frame: \(error)")
        }
    }

    /// One durable entry; nil where there is none.
    func entry(at position: UInt64, in stored: [[UInt8]]) throws(Fault) -> DecodedEntry? {
        guard position < durableCount,
            let frame = firstPositions.lastIndex(where: { $0 <= position })
        else { return nil }
        do {
            return try withBytes(of: stored[frame]) { value in
                let header = try FrameHeader(value)
                var entry = DecodedEntry()
                let index = Int(position - header.firstPosition)
                try entry.decode(value, in: try header.range(of: index, value))
                return entry
            }
        } catch { throw Fault("an entry cannot be read again: \(error)") }
    }

    private mutating func judge(
        _ entry: DecodedEntry, _ coverage: inout SimulationCoverage
    ) throws(Fault) {
        let (point, time) = (entry.point, entry.point.time)
        if time.nanoseconds > trueTime + Self.tolerance {
            throw Fault(
                "entry \(point.position) is stamped \(time.nanoseconds - trueTime) ns ahead")
        }
        if entry.id == .none {
            try judgeOwn(entry, &coverage)
        } else {
            try judgeAsked(entry)
        }
        do {
            try state.check(entry.command, by: entry.actor, at: point)
            for event in entry.events {
                try state.check(event)
                state.evolve(event, at: point)
            }
            if let auction = entry.command.auction { try state.checkConsistency(of: auction) }
        } catch {
            throw Fault("a reader refuses entry \(point.position): \(error.reason)")
        }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            entry.command, rejected: entry.rejection != nil, events: entry.events, at: point,
            links: &links)
    }

    private mutating func judgeAsked(_ entry: DecodedEntry) throws(Fault) {
        let position = entry.point.position
        guard let submission = asked[entry.id]?.first(where: { isSame($0, entry) }) else {
            throw Fault("nobody asked for entry \(position)")
        }
        taken[entry.id] = submission
        if let first = ids[entry.id] {
            throw Fault("\(entry.id) took effect at \(first) and again at \(position)")
        }
        ids[entry.id] = position
        rejections[position] = entry.rejection
        let outcome = model.judge(
            submission.command, by: submission.actor, at: entry.point.time)
        guard outcome == entry.rejection.map({ .rejected($0) }) ?? .accepted else {
            throw Fault(
                "\(submission.command) came out as "
                    + "\(entry.rejection.map { "\($0)" } ?? "accepted"), the model says \(outcome)")
        }
    }

    private func isSame(_ submission: Submission, _ entry: DecodedEntry) -> Bool {
        (try? state.resolve(submission.command)) == entry.command
            && (try? state.resolve(submission.actor, of: submission.command)) == entry.actor
    }

    /// Judges an entry of the engine's own.
    private mutating func judgeOwn(
        _ entry: DecodedEntry, _ coverage: inout SimulationCoverage
    ) throws(Fault) {
        switch entry.command.engineAct {
        case .closes(let handle):
            coverage.mark("closed")
            let lot = state.id(of: handle)
            let auction = model.auction(lot)!
            guard let end = auction.closesAt?.nanoseconds else {
                throw Fault("\(lot) has no end and was closed by time")
            }
            if end > trueTime + Self.tolerance {
                throw Fault("\(lot) was closed \(end - trueTime) ns before its end")
            }
            let limit = (auction.rules.outage?.longerThanMilliseconds ?? 5_000) * 1_000_000
            for down in downs + silences where end > down.since + Self.second && end <= down.until {
                if down.until - down.since > limit + Self.second {
                    throw Fault("\(lot) ended while nobody could bid and was closed unseen")
                }
            }
            guard model.closeOne(lot, at: entry.point.time) else {
                throw Fault("\(lot) was closed and is not open, or before its end")
            }
        case .extends(let handle, let since, let until):
            let lot = state.id(of: handle)
            guard model.moveEnd(of: lot, since: since, until: until) else {
                throw Fault("the end of \(lot) was moved, and its rules do not say so")
            }
        case .creates, .opens, .restores, .rotates: break
        case nil:
            throw Fault("the engine itself wrote \(entry.command)")
        }
    }

    // MARK: The end

    /// Everything is well again and everybody was answered.
    /// - Parameter id: of a charge that nothing speaks against.
    func finish(_ id: CommandID) throws(Fault) {
        guard let position = ids[id], rejections[position] == nil else {
            throw Fault("a charge is not accepted although everything is well")
        }
        if let number = pending.keys.min() { throw Fault("asker \(number) was never answered") }
        try checkNothingIsLate()
        if let first = state.invariantViolations().first { throw Fault(first) }
        if let first = model.differences(from: state).first { throw Fault(first) }
    }

    // MARK: Aiming

    static func user(_ number: Int) -> UserID { UserID(stringLiteral: "u\(number)") }

    mutating func newLot() -> AuctionID {
        lots += 1
        return AuctionID(stringLiteral: "lot-\(lots)")
    }

    func someLot(_ generator: inout SeededGenerator) -> AuctionID? {
        let last = model.open.suffix(6)
        if last.isEmpty { return nil }
        return last[last.startIndex + generator.below(last.count)]
    }

    func amount(toBeat lot: AuctionID) -> Int64 {
        Int64(clamping: model.minimumBid(on: model.auction(lot)!))
    }

    func someAsked(_ generator: inout SeededGenerator) -> Submission? {
        recent.isEmpty ? nil : recent[generator.below(recent.count)]
    }

    /// Whether the end of an open auction comes within the next nanoseconds.
    func hasEnd(within span: Int64) -> Bool {
        nextEnd.map { $0 <= trusted + span } ?? false
    }

    /// The next end of an open auction.
    var nextEnd: Int64? {
        model.open.compactMap { model.auction($0)?.closesAt?.nanoseconds }
            .filter { $0 > trusted }.min()
    }
}
