// Deciding again: every recorded command, judged by the rules of this version against the state
// that the log had when it was taken.
//
// Invariants: the state is always the fold of what is recorded, never of what would be decided
// now, so one entry that differs does not make all later ones differ; the log is read from the
// first entry on, without a snapshot; nothing is written.

package import AuctionDomain

/// An entry that the rules of this version would not have written.
package struct Redecision: Hashable, Sendable {
    /// The entry as it is recorded.
    package let recorded: LedgerEntry
    /// What the rules give instead.
    package let ruling: Ruling

    package init(recorded: LedgerEntry, ruling: Ruling) {
        self.recorded = recorded
        self.ruling = ruling
    }
}

/// An auction that was still open when something came after its end.
///
/// The engine closes what is due before it judges the next command, except what it holds for the
/// operator: an auction whose end fell into an outage, or all of them while a clock is in doubt.
/// Whether it held one, the log does not say, so this is a note and no contradiction. A bid on the
/// auction itself, its purchase, or a request to close it is one.
package struct LateClosing: Hashable, Sendable {
    package let auction: AuctionHandle
    package let closesAt: Timestamp
    /// The first entry that found it open after its end: any but the engine's opening, its closings
    /// of what ended earlier, and its extensions for outages.
    package let position: UInt64
    /// The first bid or purchase, of another auction, that was accepted while this one still stood
    /// open; nil where there was none.
    package internal(set) var bidPosition: UInt64?
}

/// What deciding a log again came to.
package struct RedecisionReport: Hashable, Sendable {
    /// At most so many late closings are kept; all are counted.
    package static let lateClosingsMax = 1000

    /// How many entries were decided again.
    package internal(set) var entries: UInt64 = 0
    /// How many of them would come out otherwise.
    package internal(set) var differing: UInt64 = 0
    /// How many auctions were found open after their end.
    package internal(set) var lateClosingCount: UInt64 = 0
    /// The first of them, in the order in which they were found.
    package internal(set) var lateClosings: [LateClosing] = []

    /// Whether every outcome is the one this version's rules give.
    package var isSame: Bool { differing == 0 }
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
    package func redecide(
        progress: (UInt64, UInt64) -> Void = { _, _ in },
        _ body: (Redecision) throws -> Void
    ) throws -> RedecisionReport {
        var (fold, judge) = (ReadState(), RuleJudge())
        let end = reflects
        var failure: (any Error)?
        try reading.forEach(from: 0, to: end) { entry in
            let ruling = try judge.ruling(on: entry, after: &fold)
            try fold.apply(entry)
            if let ruling {
                do { try body(Redecision(recorded: entry.entry, ruling: ruling)) } catch {
                    failure = error
                    return false
                }
            }
            if fold.entryCount % 65_536 == 0 { progress(fold.entryCount, end) }
            return true
        }
        if let failure { throw failure }
        guard fold.entryCount == end else {
            throw LedgerError(.damaged, "the log ends after \(fold.entryCount) entries of \(end)")
        }
        return RedecisionReport(
            entries: fold.entryCount, differing: judge.differing,
            lateClosingCount: judge.lateClosingCount, lateClosings: judge.lateClosings)
    }
}

/// Holds entries against the rules, one after the other, each on the state before it: what
/// verification and deciding again share.
///
/// The state is whoever's fold of the log it is; only entries that can stand where they stand are
/// judged, since the rules rely on that.
struct RuleJudge {
    /// How many entries differ.
    private(set) var differing: UInt64 = 0
    /// How many auctions were found open after their end.
    private(set) var lateClosingCount: UInt64 = 0
    /// The first of them.
    private(set) var lateClosings: [LateClosing] = []

    private var events = EventList()
    /// The last deadline known to have passed unclosed: those up to it are noted already.
    private var lateUntil: DeadlineQueue.Key?
    /// Those of `lateClosings` beside which no bid was accepted yet, by index.
    private var withoutBid: [Int] = []

    /// Judges the next entry of a log, which is not applied yet.
    /// - Parameter fold: the entries before it; changed only in the order of its deadlines.
    /// - Returns: nil where the entry is what the rules give.
    /// - Throws: `LogFault` where the entry cannot stand there at all.
    @inline(__always)
    mutating func ruling(
        on entry: DecodedEntry, after fold: inout ReadState
    ) throws(LogFault) -> Ruling? {
        do { try fold.check(entry) } catch {
            throw LogFault("entry \(entry.point.position): \(error.reason)")
        }
        let ruling = decide(entry, fold)
        noteLateClosings(entry, &fold)
        if ruling != nil { differing += 1 }
        return ruling
    }

    @inline(__always)
    private mutating func decide(_ entry: DecodedEntry, _ fold: ReadState) -> Ruling? {
        let milliseconds = UInt64(max(0, entry.point.time.nanoseconds)) / 1_000_000
        if entry.id.milliseconds > milliseconds + CommandIDWindow.futureMillisecondsMax {
            return .refused(.commandIDInFuture)
        }
        if let bid = entry.bid { return decide(bid, entry, fold) }
        return fold.ruling(on: entry, using: &events)
    }

    /// A bid that was accepted, compared as the flat value it is.
    @inline(__always)
    private mutating func decide(
        _ bid: AcceptedBid, _ entry: DecodedEntry, _ fold: ReadState
    ) -> Ruling? {
        if entry.actor == .system { return .otherActor }
        if let ruling = fold.rulingOnDue(bid.auction, at: entry.point.time) { return ruling }
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

    /// Notes every auction that was due before an entry and not closed.
    @inline(__always)
    private mutating func noteLateClosings(_ entry: DecodedEntry, _ fold: inout ReadState) {
        guard let due = fold.nextDue(at: entry.point.time) else { return }
        if !isLate(due, beside: entry, fold) { return }
        noteAllLate(entry, &fold)
        noteBid(entry, fold)
    }

    /// Whether an auction that is due shows by an entry that the engine left it open.
    private func isLate(
        _ due: AuctionHandle, beside entry: DecodedEntry, _ fold: ReadState
    ) -> Bool {
        switch entry.command.engineAct {
        // The engine opens before it closes anything, and moves what an outage moves before it
        // closes the others.
        case .opens, .restores, .extends: false
        // It closes in order of end, and those that end together in order of opening.
        case .closes(let auction): due != auction
        case .creates, .rotates, nil: true
        }
    }

    private mutating func noteAllLate(_ entry: DecodedEntry, _ fold: inout ReadState) {
        fold.sortDeadlines()
        guard let first = fold.state.deadlines.first else { return }
        var limit = DeadlineQueue.Key(
            end: entry.point.time, auction: AuctionHandle(rawValue: .max))
        if case .closes(let auction) = entry.command.engineAct {
            limit = DeadlineQueue.Key(end: fold.state[auction].closesAt, auction: auction)
        }
        let start = max(first, lateUntil ?? first)
        var last = lateUntil
        fold.state.deadlines.forEach(from: start) { key in
            guard key < limit else { return false }
            guard last.map({ key > $0 }) ?? true else { return true }
            last = key
            lateClosingCount += 1
            if lateClosings.count < RedecisionReport.lateClosingsMax {
                withoutBid.append(lateClosings.count)
                lateClosings.append(
                    LateClosing(
                        auction: key.auction, closesAt: key.end, position: entry.point.position))
            }
            return true
        }
        lateUntil = last
    }

    /// Takes note of the first bid or purchase that was accepted while auctions stood open late.
    private mutating func noteBid(_ entry: DecodedEntry, _ fold: ReadState) {
        guard !withoutBid.isEmpty, entry.rejection == nil, let bid = entry.command.bid else {
            return
        }
        let waiting = withoutBid
        withoutBid.removeAll(keepingCapacity: true)
        for index in waiting {
            let late = lateClosings[index]
            guard late.auction != bid.auction else {
                withoutBid.append(index)
                continue
            }
            let record = fold.state[late.auction]
            guard record.phase == .open, record.closesAt == late.closesAt else { continue }
            lateClosings[index].bidPosition = entry.point.position
        }
    }
}
