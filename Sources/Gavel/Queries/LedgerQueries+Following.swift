// What has changed: asked often, by whoever shows many auctions and wallets to many people, and so
// made of nothing but numbers until something has.
//
// Invariant: a mark is read before what it stands for: whoever reads on an unchanged mark misses
// nothing.

public import AuctionDomain
internal import LMDB
internal import Synchronization

/// Where an auction or a wallet stood: as long as the mark stays, so does what is shown of it.
public struct ChangeMark: Hashable, Sendable {
    /// The last entry about it; nil for a wallet that no entry has touched yet.
    public let position: UInt64?
    /// An auction's, which time changes without an entry of its own.
    public let status: AuctionStatus?
}

/// Auctions that a run of entries was about.
public struct TouchedAuctions: Hashable, Sendable {
    /// Each once, in the order in which they were first touched.
    public let auctions: [AuctionID]
    /// The position from which to look on.
    public let next: UInt64
}

extension LedgerQueries {
    /// The marks of some auctions, all as of one moment; nil where there is no such auction.
    /// - Complexity: O(1) each, under one lock: ask for some hundreds at a time.
    public func marks(of auctions: [AuctionID]) -> [ChangeMark?] {
        reading.readState.withLock { readState in
            auctions.map { id in
                readState.state.auction(id).map { auction in
                    ChangeMark(
                        position: readState.state[auction].lastPosition,
                        status: readState.status(of: auction))
                }
            }
        }
    }

    /// The marks of some wallets, all as of one moment; nil where there is no such user.
    /// - Complexity: as for auctions.
    public func marks(of wallets: [UserID]) -> [ChangeMark?] {
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

    /// The auctions that entries from a position on were about.
    /// - Parameters:
    ///   - entriesMax: at most so many entries are looked at.
    ///   - auctionsMax: the search stops before an entry that would be about one auction more.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries looked at); an accepted bid costs no allocation.
    public func auctionsTouched(
        from position: UInt64, entriesMax: Int, auctionsMax: Int
    ) throws(LedgerError) -> TouchedAuctions {
        var handles: [AuctionHandle] = []
        var known: Set<AuctionHandle> = []
        let end = min(reflects, position.addingClamped(UInt64(entriesMax)))
        var next = position
        var last: AuctionHandle?
        try reading.forEach(from: position, to: end) { entry in
            let auction = entry.bid?.auction ?? entry.auction
            if let auction, auction != last, !known.contains(auction) {
                guard handles.count < auctionsMax else { return false }
                known.insert(auction)
                handles.append(auction)
            }
            last = auction ?? last
            next += 1
            return true
        }
        let ids = reading.readState.withLock { readState in
            handles.map { readState.state.id(of: $0) }
        }
        return TouchedAuctions(auctions: ids, next: next)
    }
}

extension DecodedEntry {
    /// The auction the entry is about, or opens.
    fileprivate var auction: AuctionHandle? {
        if let auction = command.auction { return auction }
        guard case .openAuction = command, case .auctionOpened(let auction, _, _)? = events.first
        else { return nil }
        return auction
    }
}
