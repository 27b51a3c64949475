// The walk behind a page of a history: along the links of one auction's or wallet's entries.
//
// A page is made of the entries that count and of no others: where only accepted ones do, nothing
// of a page (its items, its cursor, whether there is one) depends on a rejected entry, so that a
// public page says nothing of rejections. Hence no bound on how many of them a walk back passes;
// instead a long run is passed once, and remembered. A walk forwards looks at so many positions at
// most, which are public.
//
// Invariants: a place is the position of an entry that was shown, or forwards the last one that was
// looked at; a place back is used only where it is an entry of the list; links lead back.

internal import AuctionDomain
internal import Synchronization

/// Runs of entries that do not count, each as the newest of them and the entry before them all; and
/// how far walks back came that were given up.
///
/// Invariants: entries never change, so what was found stays true for ever; only long runs are
/// kept, so that there is one for 64 entries at most; losing any of it costs time alone.
final class Passages: Sendable {
    static let entriesMin = 64
    private static let countMax = 1 << 16

    /// Where each run ends, and where each walk was given up.
    private let ends = Places()
    private let givenUp = Places()

    /// A position for each entry, chain and selection that somebody began with.
    private final class Places: Sendable {
        private struct Start: Hashable {
            let chain: EntryLink.Chain
            let selection: History.Selection
            let position: UInt64
        }

        private let places = Mutex<[Start: UInt64]>([:])

        subscript(
            position: UInt64, chain: EntryLink.Chain, selection: History.Selection
        ) -> UInt64? {
            let start = Start(chain: chain, selection: selection, position: position)
            return places.withLock { $0[start] }
        }

        func note(
            _ place: UInt64, from position: UInt64, _ chain: EntryLink.Chain,
            _ selection: History.Selection
        ) {
            let start = Start(chain: chain, selection: selection, position: position)
            places.withLock { places in
                if places.count >= countMax { places.removeAll() }
                places[start] = place
            }
        }

        var count: Int { places.withLock { $0.count } }
    }

    /// The newest entry before a run that counts, or `noPosition`; nil where no run is known.
    func end(
        from position: UInt64, _ chain: EntryLink.Chain, _ selection: History.Selection
    ) -> UInt64? {
        ends[position, chain, selection]
    }

    func note(
        from position: UInt64, to end: UInt64, _ chain: EntryLink.Chain,
        _ selection: History.Selection
    ) {
        ends.note(end, from: position, chain, selection)
    }

    var count: Int { ends.count }

    /// Where a walk back from an entry that counts was given up; nil where none was.
    func givenUp(
        from position: UInt64, _ chain: EntryLink.Chain, _ selection: History.Selection
    ) -> UInt64? {
        givenUp[position, chain, selection]
    }

    func note(
        from position: UInt64, givenUpAt end: UInt64, _ chain: EntryLink.Chain,
        _ selection: History.Selection
    ) {
        givenUp.note(end, from: position, chain, selection)
    }
}

/// One question about a history.
struct HistoryWalk {
    /// A page oldest first is walked back to while no more entries than these are in its way.
    static let backwardMax = 4096
    /// How many entries a page oldest first looks at before the caller is given what there is.
    static let forwardMax: UInt64 = 100_000

    let reading: Reading
    let chain: EntryLink.Chain
    let selection: History.Selection
    let limit: Int
    /// The newest entry of the chain that may count, and how many entries there are, as of one
    /// moment.
    let head: UInt64
    let count: UInt64
    /// No entry of the chain stands before this position.
    let first: UInt64

    /// Some entries, and where the next page begins: nil where none follows.
    typealias Found = (items: [LedgerEntry], place: UInt64?)

    /// - Throws: `unknownName`.
    init(
        _ reading: Reading, _ subject: History.Subject, _ selection: History.Selection, limit: Int
    ) throws(LedgerError) {
        self.reading = reading
        self.selection = selection
        self.limit = min(max(limit, 1), pageItemsMax)
        let found: Answer<(chain: EntryLink.Chain, first: UInt64, head: UInt64)>
        switch subject {
        case .auction(let id):
            found = try reading.answer(about: id) { state, auction in
                let record = state.state[auction]
                // Whatever comes after the end is no accepted bid, however much it is.
                let head =
                    selection == .acceptedBids
                    ? min(record.lastPosition, record.closedPosition) : record.lastPosition
                return (.auction(auction), record.openedPosition, head)
            }
        case .wallet(let id):
            found = try reading.answer(about: id) { (.wallet($1), 0, $0.state[$1].lastPosition) }
        }
        (chain, first, head) = found.value
        count = found.reflects
    }

    // MARK: Pages

    /// A page back from a place, or from the newest entry.
    func newestFirst(after place: UInt64?) throws(LedgerError) -> Found {
        var next = head
        if let place { next = try previous(of: shown(at: place)) }
        var items: [LedgerEntry] = []
        while items.count < limit, let entry = try newest(from: next) {
            items.append(entry)
            next = try previous(of: entry)
        }
        guard items.count == limit, try counts(from: next) else { return (items, nil) }
        return (items, items.last?.position)
    }

    /// A page on from a place, or from the oldest entry.
    func oldestFirst(after place: UInt64?) throws(LedgerError) -> Found {
        if let place, place >= count { throw .badCursor }
        guard let newest = try newest(from: head) else { return ([], nil) }
        let start = max(first, place.map { $0 + 1 } ?? 0)
        if let items = try walkBack(from: newest, to: start) {
            guard items.count > limit else { return (items, nil) }
            return (Array(items[..<limit]), items[limit - 1].position)
        }
        var items: [LedgerEntry] = []
        var last = start
        try reading.forEach(from: start, to: newest.position + 1) { entry in
            last = entry.point.position
            if selection.includes(entry.command, entry.rejection),
                entry.command.chains(events: entry.events).contains(chain)
            {
                items.append(entry.entry)
            }
            return items.count < limit && last - start < Self.forwardMax
        }
        return (items, last >= newest.position ? nil : last)
    }

    /// All entries that count from a position on, oldest first; nil when there are too many.
    private func walkBack(
        from newest: LedgerEntry, to start: UInt64
    ) throws(LedgerError) -> [LedgerEntry]? {
        // Whoever reads a long history page by page asks this for each of them.
        if let end = reading.passages.givenUp(from: newest.position, chain, selection),
            start <= end
        {
            return nil
        }
        var items: [LedgerEntry] = []
        var next: LedgerEntry? = newest
        while let entry = next, entry.position >= start {
            if items.count == Self.backwardMax {
                reading.passages.note(
                    from: newest.position, givenUpAt: entry.position, chain, selection)
                return nil
            }
            items.append(entry)
            next = try self.newest(from: previous(of: entry))
        }
        return items.reversed()
    }

    // MARK: Steps

    /// An entry of the list at a place that came from outside.
    /// - Throws: `badCursor` where the list has no entry there.
    func shown(at place: UInt64) throws(LedgerError) -> LedgerEntry {
        guard place < count else { throw .badCursor }
        let entry = try reading.decoded(at: place).entry
        guard entry.links.contains(where: { $0.chain == chain }),
            selection.includes(entry.command, entry.outcome.rejection)
        else { throw .badCursor }
        return entry
    }

    /// The newest entry that counts, from an entry of the chain on back.
    /// - Complexity: O(entries on the way that do not count), the first time.
    func newest(from start: UInt64) throws(LedgerError) -> LedgerEntry? {
        var next = start
        var passed = 0
        while next != noPosition {
            if selection != .all, let end = reading.passages.end(from: next, chain, selection) {
                next = end
                continue
            }
            let entry = try reading.decoded(at: next).entry
            if selection.includes(entry.command, entry.outcome.rejection) {
                note(passed, from: start, to: next)
                return entry
            }
            passed += 1
            next = try previous(of: entry)
        }
        note(passed, from: start, to: noPosition)
        return nil
    }

    private func counts(from start: UInt64) throws(LedgerError) -> Bool {
        if selection == .all { return start != noPosition }
        return try newest(from: start) != nil
    }

    private func note(_ passed: Int, from start: UInt64, to end: UInt64) {
        guard passed >= Passages.entriesMin else { return }
        reading.passages.note(from: start, to: end, chain, selection)
    }

    private func previous(of entry: LedgerEntry) throws(LedgerError) -> UInt64 {
        let previous = entry.links.first { $0.chain == chain }?.previous ?? noPosition
        guard previous == noPosition || previous < entry.position else {
            throw LedgerError(.damaged, "the links of entry \(entry.position) lead nowhere")
        }
        return previous
    }
}
