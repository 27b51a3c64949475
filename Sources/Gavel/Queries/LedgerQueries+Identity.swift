// Finding an entry by its command's id or by its time, without an index of either.

public import AuctionDomain
internal import Platform

extension LedgerQueries {
    /// The entry of a command, however long ago; nil when no entry has the id.
    ///
    /// An id carries the millisecond at which it was made, and a writer takes an id at most five
    /// minutes before that time by its clock, and by default until an hour after. So the entries
    /// of that span are read first, found by bisection over the frames' times. Where they do not
    /// have the id, the rest of the log is searched: a writer may have kept ids longer.
    /// - Parameter searchesAll: whether to search beyond the span.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries of those 65 minutes); O(entries) where they do not have it.
    public func entry(
        withID id: CommandID, searchesAll: Bool = true
    ) throws(LedgerError) -> LedgerEntry? {
        try entry(withAnyOf: [id], searchesAll: searchesAll)
    }

    /// The first entry with one of some ids that were made in the same millisecond.
    package func entry(
        withAnyOf ids: [CommandID], searchesAll: Bool = true
    ) throws(LedgerError) -> LedgerEntry? {
        guard let id = ids.first, ids.allSatisfy(\.isVersion7) else { return nil }
        let count = reflects
        let milliseconds = Int64(clamping: id.milliseconds)
        let ahead = Int64(CommandIDWindow.futureMillisecondsMax)
        let behind: Int64 = 3_600_000
        let first = try reading.firstPosition(
            notBefore: .clamping(milliseconds: milliseconds - ahead), count: count)
        // The horizon rises in steps, so an id may be taken a little longer than the hour.
        let last = try reading.firstPosition(
            notBefore: .clamping(milliseconds: milliseconds + behind + ahead), count: count)
        // `last` stands in the first frame that ends later; the id may be in that one too.
        let end = min(count, try reading.frameEnd(at: last) ?? count)
        var position = try reading.position(of: ids, from: first, to: end)
        if position == nil, searchesAll {
            position = try reading.position(of: ids, from: 0, to: first)
        }
        if position == nil, searchesAll {
            position = try reading.position(of: ids, from: end, to: count)
        }
        guard let position else { return nil }
        return try reading.decoded(at: position).entry
    }

    /// The position of the first entry at or after a time; nil where there is none.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(log n), and the entries of one frame.
    public func position(notBefore time: Timestamp) throws(LedgerError) -> UInt64? {
        let count = reflects
        let start = try reading.firstPosition(notBefore: time, count: count)
        var found: UInt64?
        try reading.forEach(from: start, to: count) { entry in
            guard entry.point.time >= time else { return true }
            found = entry.point.position
            return false
        }
        return found
    }
}

extension Timestamp {
    /// A time as near as there is one.
    static func clamping(milliseconds: Int64) -> Timestamp {
        let most = Timestamp.max.nanoseconds / 1_000_000
        return Timestamp(milliseconds: Swift.min(Swift.max(0, milliseconds), most))
    }
}

extension Reading {
    /// Where the frame that holds a position ends.
    fileprivate func frameEnd(at position: UInt64) throws(LedgerError) -> UInt64? {
        var end: UInt64?
        do {
            try log.forEachHeader(from: position) { header in
                end = header.endPosition
                return false
            }
        } catch {
            throw LedgerError(error, while: "reading the frame of entry \(position)")
        }
        return end
    }

    /// The position of the first of some ids, looking at nothing but ids.
    fileprivate func position(
        of ids: [CommandID], from start: UInt64, to end: UInt64
    ) throws(LedgerError) -> UInt64? {
        guard start < end else { return nil }
        var found: UInt64?
        do {
            try entries.forEach(in: start..<end) { value, range, position in
                if ids.contains(try EntryLayout.commandID(value, range)) { found = position }
                return found == nil
            }
        } catch {
            throw LedgerError(error, while: "looking for command \(ids[0]) from entry \(start)")
        }
        return found
    }
}
