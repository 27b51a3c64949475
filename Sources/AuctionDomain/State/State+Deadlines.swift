// When open auctions end, with as little moving about as possible: in a soft close every bid moves
// an end, and only the last move of an auction matters.
//
// An auction with extras keeps its place in the queue when its end moves on; the place follows when
// it comes up as the first, or when somebody asks for the order of all (`sortDeadlines`).
//
// Invariants: an open auction that has an end stands in the queue once, under that end or an
// earlier one: what is first and not yet due says that nothing is. Under another end than its own
// it stands only with extras, which say under which, and only while `deferredDeadlines` names it;
// those are at most `deferredMax`, so that nobody waits long for the order. Places depend on who
// asked when: they are part of no digest and of no snapshot.

extension State {
    /// As many moves are made within a millisecond or two.
    private static let deferredMax = 1 << 13

    /// The next open auction whose end is at or before a time.
    public mutating func nextDue(at time: Timestamp) -> AuctionHandle? {
        while let first = deadlines.first, first.end <= time {
            if auctions[first.auction.index].closesAt == first.end { return first.auction }
            settleDeadline(of: first.auction)
        }
        return nil
    }

    /// A time before which no open auction ends; nil where time ends none.
    public var nextDeadline: Timestamp? { deadlines.first?.end }

    /// A time before which no open auction ends that does not stand before a place of the queue.
    /// - Complexity: O(log n).
    package func nextDeadline(from start: DeadlineQueue.Key) -> Timestamp? {
        var found: Timestamp?
        deadlines.forEach(from: start) { key in
            found = key.end
            return false
        }
        return found
    }

    /// Brings `deadlines` into the order of the ends.
    /// - Complexity: O(n log m) for n ends that moved since, of m.
    package mutating func sortDeadlines() {
        for auction in deferredDeadlines where auctions[auction.index].phase == .open {
            settleDeadline(of: auction)
        }
        deferredDeadlines.removeAll(keepingCapacity: true)
    }

    /// Puts a stored auction's end among the deadlines, if it is still open and has one.
    package mutating func restoreDeadline(of auction: AuctionHandle) {
        let record = auctions[auction.index]
        guard record.phase == .open, record.closesAt != .noEnd else { return }
        addDeadline(of: auction)
    }

    /// Puts an auction that does not stand there under its end.
    mutating func addDeadline(of auction: AuctionHandle) {
        let record = auctions[auction.index]
        deadlines.insert(.init(end: record.closesAt, auction: auction))
        guard record.extrasIndex != Self.noExtras else { return }
        extras[Int(record.extrasIndex)].queuedEnd = record.closesAt
    }

    /// Takes note of an end that moved.
    @inline(__always)
    mutating func moveDeadline(
        of auction: AuctionHandle, _ extrasIndex: UInt32, from old: Timestamp, to new: Timestamp
    ) {
        if old == .noEnd { return addDeadline(of: auction) }
        let hasExtras = extrasIndex != Self.noExtras
        let queued = hasExtras ? extras[Int(extrasIndex)].queuedEnd : old
        guard hasExtras, queued < new else {
            deadlines.remove(.init(end: queued, auction: auction))
            return addDeadline(of: auction)
        }
        if queued == old { deferDeadline(of: auction) }
    }

    /// Removes an auction, which is as it was when it finished.
    mutating func removeDeadline(of auction: AuctionHandle, _ record: AuctionRecord) {
        guard record.closesAt != .noEnd else { return }
        deadlines.remove(.init(end: queuedEnd(of: record), auction: auction))
    }

    private mutating func deferDeadline(of auction: AuctionHandle) {
        deferredDeadlines.append(auction)
        if deferredDeadlines.count == Self.deferredMax { sortDeadlines() }
    }

    private mutating func settleDeadline(of auction: AuctionHandle) {
        let record = auctions[auction.index]
        let queued = queuedEnd(of: record)
        guard queued != record.closesAt else { return }
        deadlines.remove(.init(end: queued, auction: auction))
        addDeadline(of: auction)
    }

    private func queuedEnd(of record: AuctionRecord) -> Timestamp {
        record.extrasIndex == Self.noExtras
            ? record.closesAt : extras[Int(record.extrasIndex)].queuedEnd
    }
}
