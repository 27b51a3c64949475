// Deciding again: every recorded command, judged by the rules of this version against the state
// that the log had when it was taken.
//
// Invariants: the state is always the fold of what is recorded, never of what would be decided
// now, so one entry that differs does not make all later ones differ; the log is read from the
// first entry on, without a snapshot; nothing is written.

public import AuctionDomain

/// An entry whose outcome would be another one today.
public struct Redecision: Hashable, Sendable {
    /// What the rules of this version say about a recorded command.
    public enum Today: Hashable, Sendable {
        case outcome(Outcome)
        /// The engine would not have closed the auction yet: its end lies after the entry's time.
        case notDue(closesAt: Timestamp)
        /// The engine would have closed another auction first, whose end came before.
        case notNext(AuctionHandle)
        /// The engine would have given the closing this time: the end, or the time of the entry
        /// before where that is later.
        case otherTime(Timestamp)
        /// The ledger had this epoch before the entry, so it does not open that one.
        case otherEpoch(UInt32)
    }

    /// The entry as it is recorded.
    public let recorded: LedgerEntry
    public let today: Today
}

/// An auction that was still open when something came after its end. The engine closes what is
/// due before it judges the next command, unless closings are held; whether they were, the log
/// does not say.
public struct LateClosing: Hashable, Sendable {
    public let auction: AuctionHandle
    public let closesAt: Timestamp
    /// The first entry that found it open after its end.
    public let position: UInt64
}

/// What deciding a log again came to.
public struct RedecisionReport: Hashable, Sendable {
    /// At most so many late closings are kept; all are counted.
    public static let lateClosingsMax = 1000

    /// How many entries were decided again.
    public internal(set) var entries: UInt64 = 0
    /// How many of them would come out otherwise.
    public internal(set) var differing: UInt64 = 0
    /// How many auctions were found open after their end.
    public internal(set) var lateClosingCount: UInt64 = 0
    /// The first of them, in the order in which they were found.
    public internal(set) var lateClosings: [LateClosing] = []

    /// Whether every outcome is the one this version's rules give.
    public var isSame: Bool { differing == 0 }
}

extension LedgerQueries {
    /// Decides every entry reflected again, from the first one on, and reports each whose outcome
    /// would be another one today. Writing goes on meanwhile; works beside a writer.
    /// - Parameters:
    ///   - progress: told from time to time how many of how many entries are done.
    ///   - body: told each entry that differs, in order.
    /// - Throws: `LedgerError` with `damaged` or `storage`; what `body` throws.
    /// - Complexity: O(entries); about a million a second on one core.
    @discardableResult
    public func redecide(
        progress: (UInt64, UInt64) -> Void = { _, _ in },
        _ body: (Redecision) throws -> Void
    ) throws -> RedecisionReport {
        var run = RedecisionRun()
        let end = reflects
        var failure: (any Error)?
        try reading.forEach(from: 0, to: end) { entry in
            if let differing = try run.next(entry) {
                do { try body(differing) } catch {
                    failure = error
                    return false
                }
            }
            if run.entryCount % 65_536 == 0 { progress(run.entryCount, end) }
            return true
        }
        if let failure { throw failure }
        guard run.entryCount == end else {
            throw LedgerError(
                .damaged, "the log ends after \(run.entryCount) entries of \(end)")
        }
        return run.report
    }
}

/// One pass over a log.
private struct RedecisionRun {
    private(set) var report = RedecisionReport()
    private var fold = ReadState()
    private var events = EventList()
    /// The last deadline known to have passed unclosed: those up to it are reported already.
    private var lateUntil: DeadlineQueue.Key?

    var entryCount: UInt64 { fold.entryCount }

    /// Judges the next entry and then applies it as it is recorded.
    mutating func next(_ entry: DecodedEntry) throws(LogFault) -> Redecision? {
        // `apply` would find it as well, but the rules may trap on what cannot stand here.
        do { try check(entry) } catch {
            throw LogFault("entry \(entry.point.position): \(error.reason)")
        }
        let today = decide(entry)
        noteLateClosings(entry)
        try fold.apply(entry)
        report.entries += 1
        guard let today else { return nil }
        report.differing += 1
        return Redecision(recorded: entry.entry, today: today)
    }

    private func check(_ entry: DecodedEntry) throws(ImpossibleEntry) {
        if let bid = entry.bid {
            try fold.state.check(bid, by: entry.actor, at: entry.point)
        } else {
            try fold.state.check(entry.command, by: entry.actor, at: entry.point)
        }
    }

    /// - Returns: nil where today's outcome is the recorded one.
    @inline(__always)
    private mutating func decide(_ entry: DecodedEntry) -> Redecision.Today? {
        if let bid = entry.bid { return decide(bid, entry) }
        let (command, recorded) = (entry.command, entry.rejection)
        if let today = decideTiming(command, at: entry.point.time) { return today }
        events.removeAll(keepingCapacity: true)
        do {
            try fold.state.decide(
                command, by: entry.actor, at: entry.point.time, into: &events)
            let isSame = recorded == nil && entry.events == events
            return isSame ? nil : .outcome(.accepted(events))
        } catch {
            return recorded == error ? nil : .outcome(.rejected(error))
        }
    }

    /// A bid that was accepted, compared as the flat value it is.
    @inline(__always)
    private mutating func decide(
        _ bid: AcceptedBid, _ entry: DecodedEntry
    ) -> Redecision.Today? {
        events.removeAll(keepingCapacity: true)
        do {
            let decided = try fold.state.decideBid(
                bid.auction, bid.bidder, bid.maximum, by: entry.actor, at: entry.point.time,
                purchase: &events)
            if decided == bid { return nil }
            decided?.appendEvents(to: &events)
            return .outcome(.accepted(events))
        } catch {
            return .outcome(.rejected(error))
        }
    }

    /// What the engine itself decides before the rules: when to close, and which epoch opens.
    private mutating func decideTiming(
        _ command: CanonicalCommand, at time: Timestamp
    ) -> Redecision.Today? {
        switch command {
        case .openEngine(let epoch, _):
            return epoch == fold.state.epoch &+ 1 ? nil : .otherEpoch(fold.state.epoch)
        case .closeDue(let auction):
            let end = fold.state[auction].closesAt
            if end > time { return .notDue(closesAt: end) }
            if let next = fold.nextDue(at: time), next != auction { return .notNext(next) }
            let expected = max(fold.state.time, end)
            return time == expected ? nil : .otherTime(expected)
        default:
            return nil
        }
    }

    /// Notes every auction that was due before an entry and not closed.
    @inline(__always)
    private mutating func noteLateClosings(_ entry: DecodedEntry) {
        guard fold.nextDue(at: entry.point.time) != nil else { return }
        if case .closeDue = entry.command { return }
        // The engine opens before it closes anything.
        switch entry.command {
        case .openEngine, .restoreLedger: return
        default: break
        }
        fold.sortDeadlines()
        guard let first = fold.state.deadlines.first else { return }
        let start = max(first, lateUntil ?? first)
        var last = lateUntil
        fold.state.deadlines.forEach(from: start) { key in
            guard key.end <= entry.point.time else { return false }
            guard last.map({ key > $0 }) ?? true else { return true }
            last = key
            report.lateClosingCount += 1
            if report.lateClosings.count < RedecisionReport.lateClosingsMax {
                report.lateClosings.append(
                    LateClosing(
                        auction: key.auction, closesAt: key.end, position: entry.point.position))
            }
            return true
        }
        lateUntil = last
    }
}
