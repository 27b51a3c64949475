// Histories without an index: an entry names the previous one about the same auction or wallet,
// so a history is walked backwards in the log; forwards it is walked back from its end, or the
// log is read on from the cursor, whichever is the shorter way (`HistoryWalk`).

public import AuctionDomain
internal import Synchronization

extension LedgerQueries {
    /// The entry at a position; nil when it is not reflected yet.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(log n).
    public func entry(at position: UInt64) throws(LedgerError) -> LedgerEntry? {
        guard position < reflects else { return nil }
        return try reading.decoded(at: position).entry
    }

    /// A run of entries from a position on, in order: at most `limit`, none when there are no
    /// more.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    public func entries(
        from position: UInt64, limit: Int = pageItemsMax
    ) throws(LedgerError) -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        try reading.forEach(from: position, to: reflects) { entry in
            if entries.count >= limit { return false }
            entries.append(entry.entry)
            return entries.count < limit
        }
        return entries
    }

    /// A page of the entries that touched an auction or a wallet.
    /// - Parameters:
    ///   - selection: which of them; by default all.
    ///   - cursor: of the page before, of the same question and binding.
    ///   - limit: at most `pageItemsMax`.
    ///   - binding: who asks; the cursor is good for the same alone.
    /// - Throws: `LedgerError` with `unknownName`, `badCursor`, `damaged` or `storage`.
    /// - Complexity: newest first O(limit · log n), with fewer than 64 entries that are not
    ///   selected passed over for each that is, and each longer run of them once. Oldest first up
    ///   to 4,096 selected ones are walked back over so, or else 100,000 entries of the log read,
    ///   so a page may hold fewer than `limit` and still have a cursor.
    public func history(
        of subject: History.Subject, _ direction: History.Direction = .newestFirst,
        selecting selection: History.Selection = .all, after cursor: String? = nil,
        limit: Int = 100, boundTo binding: CursorBinding = .none
    ) throws(LedgerError) -> Page<LedgerEntry> {
        let walk = try HistoryWalk(reading, subject, selection, limit: limit)
        var scope = reading.scope("history", binding)
        subject.add(to: &scope)
        scope.add(direction.rawValue)
        scope.add(selection.rawValue)
        let place = try reading.numbers(in: cursor, count: 1, scope)?[0]
        let found: HistoryWalk.Found
        switch direction {
        case .newestFirst: found = try walk.newestFirst(after: place)
        case .oldestFirst: found = try walk.oldestFirst(after: place)
        }
        return Page(
            items: found.items, cursor: found.place.map { reading.cursor([$0], scope) },
            reflects: walk.count)
    }

    /// Visits every entry about an auction, oldest first, as a step of its story.
    /// - Throws: `LedgerError` as `history`, and what the closure throws.
    /// - Complexity: O(number of its entries · log n).
    public func forEachStep(
        of auction: AuctionID, _ body: (AuctionStep) throws -> Void
    ) throws {
        var steps = AuctionSteps()
        var cursor: String?
        repeat {
            let page = try history(
                of: .auction(auction), .oldestFirst, after: cursor, limit: pageItemsMax)
            for entry in page.items {
                try body(
                    steps.next(
                        entry.command, by: entry.actor, outcome: entry.outcome, at: entry.point))
            }
            cursor = page.cursor
        } while cursor != nil
    }

    /// What became of a command, however long ago; nil when no entry has the id.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: reads the log from five minutes before the time in the id to an hour after
    ///   (the widest retention a writer may have had is a parameter).
    public func outcome(
        of id: CommandID, retentionSeconds: Int = 3600
    ) throws(LedgerError) -> Receipt? {
        // The engine's own entries have none.
        guard id.isVersion7 else { return nil }
        let milliseconds = Int64(clamping: id.milliseconds)
        let window = Int64(CommandIDWindow.futureMillisecondsMax)
        let from = Timestamp.clamping(milliseconds: milliseconds - window)
        // More than a century is as good as for ever.
        let retention = (min(max(0, Int64(retentionSeconds)), 1 << 32) + 1) * 1_000_000_000
        let (last, overflow) = Timestamp.clamping(milliseconds: milliseconds).nanoseconds
            .addingReportingOverflow(retention)
        var receipt: Receipt?
        let start = try reading.firstPosition(notBefore: from, count: reflects)
        try reading.forEach(from: start, to: reflects) { entry in
            if !overflow, entry.point.time.nanoseconds > last { return false }
            guard entry.id == id else { return true }
            receipt = entry.receipt()
            return false
        }
        return receipt
    }
}

extension DecodedEntry {
    /// The receipt that the command got.
    func receipt(isReplay: Bool = false) -> Receipt {
        rejection.map {
            Receipt(rejectedAt: point.position, time: point.time, $0, isReplay: isReplay)
        } ?? Receipt(acceptedAt: point.position, time: point.time, isReplay: isReplay)
    }
}

extension Reading {
    func decoded(at position: UInt64) throws(LedgerError) -> DecodedEntry {
        do {
            guard let entry = try entries.entry(at: position) else {
                throw LogFault("entry \(position) is not in the log")
            }
            return entry
        } catch {
            throw LedgerError(error, while: "reading entry \(position)")
        }
    }

    /// Lends the entries from one position up to another until `body` answers false. Reads in
    /// transactions of bounded length.
    func forEach(
        from start: UInt64, to end: UInt64, _ body: (DecodedEntry) throws -> Bool
    ) throws(LedgerError) {
        guard start < end else { return }
        var next = start
        var entry = DecodedEntry()
        do {
            try entries.forEach(in: start..<end) { value, range, position in
                next = position
                try entry.decode(value, in: range)
                return try body(entry)
            }
        } catch {
            throw LedgerError(error, while: "reading entries from \(next)")
        }
    }

    /// The first position whose frame ends at or after a time, by bisection over positions.
    func firstPosition(notBefore time: Timestamp, count: UInt64) throws(LedgerError) -> UInt64 {
        var low: UInt64 = 0
        var high = count
        do {
            while low < high {
                let middle = low + (high - low) / 2
                var frame: FrameHeader?
                try log.forEachHeader(from: middle) { header in
                    frame = header
                    return false
                }
                guard let frame else { break }
                if frame.lastTime < time {
                    low = min(high, frame.endPosition)
                } else {
                    high = min(middle, frame.firstPosition)
                }
            }
        } catch {
            throw LedgerError(error, while: "looking for a time")
        }
        return low
    }
}
