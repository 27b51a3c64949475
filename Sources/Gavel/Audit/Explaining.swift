// Explaining entries of a log: the state just before each is folded again, and the rules are
// asked there.

public import AuctionDomain
internal import Synchronization

/// What became of an auction after an entry about it, as far as the ledger is reflected.
package struct AuctionSequel: Hashable, Sendable {
    /// The next entry in which somebody took the lead or bought the lot.
    package internal(set) var lead: LedgerEntry?
    /// The entry that closed or cancelled it.
    package internal(set) var end: LedgerEntry?
}

extension LedgerQueries {
    /// Explains an entry of this ledger.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries from the nearest snapshot before the entry on).
    public func explanation(of entry: LedgerEntry) throws(LedgerError) -> Explanation {
        let reader = try past(.before(entry.position))
        guard reader.reflects == entry.position else {
            throw LedgerError(.damaged, "the log ends before entry \(entry.position)")
        }
        let state = reader.reading.readState.withLock { $0.state }
        return try state.explanation(of: entry)
    }

    /// Explains every entry about an auction, oldest first.
    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`; what `body` throws.
    /// - Complexity: O(entries from the nearest snapshot before the auction's opening to its last
    ///   entry): it replays all of them, since a bid may fail for money spent elsewhere.
    public func forEachExplanation(
        of auction: AuctionID, _ body: (LedgerEntry, Explanation) throws -> Void
    ) throws {
        let record = reading.readState.withLock { readState in
            readState.state.auction(auction).map { ($0, readState.state[$0]) }
        }
        guard let (handle, record) = record else {
            throw LedgerError(.unknownName, "there is no auction \(auction)")
        }
        var fold = try past(.before(record.openedPosition)).reading.readState.withLock { $0 }
        let positions = try reading.positions(
            along: .auction(handle), from: record.lastPosition, downTo: record.openedPosition)
        var next = positions.count
        var failure: (any Error)?
        try reading.forEach(from: fold.entryCount, to: record.lastPosition + 1) { decoded in
            if next > 0, decoded.point.position == positions[next - 1] {
                next -= 1
                let entry = decoded.entry
                let explanation = try fold.state.explanation(of: entry)
                do { try body(entry, explanation) } catch {
                    failure = error
                    return false
                }
            }
            try fold.apply(decoded)
            return true
        }
        if let failure { throw failure }
    }

    /// What became of the auction that an entry is about; nil where it is about none.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries about the auction after this one · log n).
    package func sequel(of entry: LedgerEntry) throws(LedgerError) -> AuctionSequel? {
        let chain = entry.links.first { link in
            if case .auction = link.chain { true } else { false }
        }?.chain
        guard let chain, case .auction(let auction) = chain, entry.position < reflects else {
            return nil
        }
        let found = reading.readState.withLock {
            $0.knows(auction) ? $0.state[auction].lastPosition : nil
        }
        guard let last = found else { return nil }
        var sequel = AuctionSequel()
        try reading.forEachBack(along: chain, from: last, downTo: entry.position + 1) { later in
            for event in later.outcome.events {
                switch event.bidFact?.kind {
                case .leads, .boughtNow: sequel.lead = later
                case .raised, .absorbed, nil: break
                }
                if event.end != nil { sequel.end = later }
            }
        }
        return sequel
    }
}

extension State {
    fileprivate func explanation(of entry: LedgerEntry) throws(LedgerError) -> Explanation {
        let point = entry.point
        do {
            return try explanation(
                of: entry.command, by: entry.actor, recorded: entry.outcome, at: point)
        } catch {
            throw LedgerError(.damaged, "entry \(entry.position): \(error.reason)")
        }
    }
}

extension Reading {
    /// Goes back along the links of one auction's or wallet's entries.
    func forEachBack(
        along chain: EntryLink.Chain, from last: UInt64, downTo start: UInt64,
        _ body: (LedgerEntry) -> Void
    ) throws(LedgerError) {
        var next = last
        while next != noPosition, next >= start {
            let entry = try decoded(at: next).entry
            body(entry)
            let previous = entry.links.first { $0.chain == chain }?.previous ?? noPosition
            guard previous == noPosition || previous < next else {
                throw LedgerError(.damaged, "the links of entry \(next) lead nowhere")
            }
            next = previous
        }
    }

    /// The positions of those entries, newest first.
    func positions(
        along chain: EntryLink.Chain, from last: UInt64, downTo start: UInt64
    ) throws(LedgerError) -> [UInt64] {
        var positions: [UInt64] = []
        try forEachBack(along: chain, from: last, downTo: start) { positions.append($0.position) }
        return positions
    }
}
