// Looking up the names of many bids at once, and touching what the bids will read.
//
// A million wallets fit no cache, and one bid alone waits for memory some ten times, one wait after
// the other: where the name's slot is, the name, the wallet, the leader's wallet. Here each step is
// taken for all bids of a run before the next, in loops so short that the processor has all their
// misses under way at once (decision 0013).
//
// Invariants: what is found is what `user(_:)` and `auction(_:)` find; names stay registered for
// ever, so it holds for all later states; touching changes nothing.

/// What was found for a run of bids.
@usableFromInline
package struct BidLookUps: Sendable {
    /// How many bids are looked up together.
    package static let countMax = 32
    @inlinable static var none: UInt32 { .max }

    @usableFromInline var users = InlineArray<32, UInt32>(repeating: Self.none)
    @usableFromInline var auctions = InlineArray<32, UInt32>(repeating: Self.none)
    /// Means nothing; keeps the touching from being optimized away.
    package fileprivate(set) var warmth: UInt64 = 0

    package init() {}

    /// Who bids where, at a place of the run; nil where it is no bid or a name is not there.
    @inlinable @inline(__always)
    package func handles(_ place: Int) -> (auction: AuctionHandle, bidder: UserHandle)? {
        guard users[place] != Self.none, auctions[place] != Self.none else { return nil }
        return (AuctionHandle(rawValue: auctions[place]), UserHandle(rawValue: users[place]))
    }
}

extension State {
    package func add(user name: NameKey, to hashes: inout NameHashes) {
        hashes.add(name, of: userNames)
    }
    package func add(reference: NameKey, to hashes: inout NameHashes) {
        hashes.add(reference, of: references)
    }

    /// Touches where users' names, and references of payments, stand or will stand.
    /// - Returns: nothing that means anything.
    package func touch(users: NameHashes, references hashes: NameHashes) -> UInt64 {
        userNames.touch(users) &+ references.touch(hashes)
    }

    /// Looks up the names of up to `BidLookUps.countMax` bids.
    /// - Parameters:
    ///   - touches: whether to touch what the bids will read as well.
    ///   - bid: the names at a place; nil where there is no bid.
    package func lookUp(
        _ count: Int, touches: Bool, _ bid: (Int) -> (bidder: UserID, auction: AuctionID)?
    ) -> BidLookUps {
        var found = BidLookUps()
        var bidders = NameRun()
        var lots = NameRun()
        for place in 0..<count {
            guard let (bidder, auction) = bid(place) else { continue }
            bidders.add(bidder.string, at: place, of: userNames)
            lots.add(auction.string, at: place, of: auctionNames)
        }
        found.warmth &+= userNames.find(&bidders, count, touches: touches)
        found.warmth &+= auctionNames.find(&lots, count, touches: touches)
        found.users = bidders.numbers
        found.auctions = lots.numbers
        if touches { touch(&found, count) }
        return found
    }

    @inline(__always)
    private func touch(_ found: inout BidLookUps, _ count: Int) {
        var warmth: UInt64 = 0
        var leaders = InlineArray<32, UInt32>(repeating: .max)
        for place in 0..<count where found.users[place] != .max {
            warmth &+= wallets[Int(found.users[place])].lastPosition
        }
        for place in 0..<count where found.auctions[place] != .max {
            leaders[place] = auctions[Int(found.auctions[place])].leader.rawValue
        }
        for place in 0..<count where leaders[place] != UserHandle.none.rawValue {
            warmth &+= wallets[Int(leaders[place])].lastPosition
        }
        found.warmth &+= warmth
    }
}
