// What has changed: asked often, by whoever shows many auctions and wallets to many people, and so
// made of nothing but numbers until something has.
//
// Invariant: a mark is read before what it stands for: whoever reads on an unchanged mark misses
// nothing.

package import AuctionDomain
internal import Platform
internal import Synchronization

/// Where an auction or a wallet stood: as long as the mark stays, so does what is shown of it. An
/// auction's tells only of what anyone may see: no rejected command changes it.
package struct ChangeMark: Hashable, Sendable {
    /// An auction's last accepted entry, a wallet's last one; nil for a wallet that no entry has
    /// touched yet.
    package let position: UInt64?
    /// An auction's, which time changes without an entry of its own.
    package let status: AuctionStatus?

    /// How many entries it takes to get there: what the state under the mark reflects at least.
    package var reflects: UInt64 { position.map { $0 + 1 } ?? 0 }
}

/// Auctions that a run of entries has changed for anyone to see.
package struct ChangedAuctions: Hashable, Sendable {
    /// Each once, in the order in which they first changed.
    package let auctions: [AuctionID]
    /// The position after the last accepted entry about them; the first one looked at where there
    /// is none.
    package let changed: UInt64
    /// The position from which to look on.
    package let next: UInt64
    /// Whether the log had no more entries.
    package let isComplete: Bool
}

extension LedgerQueries {
    /// The marks of some auctions, all as of one moment; nil where there is no such auction.
    /// - Complexity: O(1) each, under one lock: ask for some hundreds at a time.
    package func marks(of auctions: [AuctionID]) -> [ChangeMark?] {
        reading.readState.withLock { readState in
            auctions.map { id in
                readState.state.auction(id).map { auction in
                    ChangeMark(
                        position: readState.auctionLists[auction.index].changedPosition,
                        status: readState.status(of: auction))
                }
            }
        }
    }

    /// The marks of some wallets, all as of one moment; nil where there is no such user.
    /// - Complexity: as for auctions.
    package func marks(of wallets: [UserID]) -> [ChangeMark?] {
        reading.readState.withLock { readState in
            wallets.map { id in
                readState.state.user(id).map { user in
                    let position = readState.state[user].lastPosition
                    return ChangeMark(
                        position: position == noPosition ? nil : position, status: nil)
                }
            }
        }
    }

    /// How many entries it takes to get to the last one that has changed an auction for anyone to
    /// see, 0 where none has; and how many there are, as of the same moment.
    /// - Complexity: O(1).
    public var lastChange: (reflects: UInt64, entries: UInt64) {
        reading.readState.withLock { ($0.changedCount, $0.entryCount) }
    }

    /// The auctions that entries from a position on have changed. Rejected ones change nothing.
    /// - Parameters:
    ///   - entriesMax: at most so many entries are looked at.
    ///   - auctionsMax: the search stops before an entry that would change one auction more.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries looked at); an accepted bid costs no allocation.
    package func auctionsChanged(
        from position: UInt64, entriesMax: Int, auctionsMax: Int
    ) throws(LedgerError) -> ChangedAuctions {
        var handles: [AuctionHandle] = []
        var known: Set<AuctionHandle> = []
        let count = reflects
        let end = min(count, position.addingClamped(UInt64(max(0, entriesMax))))
        var (changed, next) = (position, position)
        var last: AuctionHandle?
        try reading.forEach(from: position, to: end) { entry in
            let auction = entry.bid?.auction ?? entry.changedAuction
            if let auction, auction != last, !known.contains(auction) {
                guard handles.count < auctionsMax else { return false }
                known.insert(auction)
                handles.append(auction)
            }
            last = auction ?? last
            next += 1
            if auction != nil { changed = next }
            return true
        }
        let ids = reading.readState.withLock { readState in
            handles.map { readState.state.id(of: $0) }
        }
        return ChangedAuctions(
            auctions: ids, changed: changed, next: next, isComplete: next >= count)
    }
}

extension DecodedEntry {
    /// The auction that the entry has changed, or opened.
    fileprivate var changedAuction: AuctionHandle? {
        rejection == nil ? command.auction(events: events) : nil
    }
}
