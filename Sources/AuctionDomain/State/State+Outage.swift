// Ends that come while the house cannot be reached: whether the engine moves one, and to when.
//
// Invariant: the engine asks `outageObjection` before it writes the entry, and whoever decides a
// log again asks it of the entry: so what is written is what may stand.

/// What speaks against moving an auction's end for an outage.
public enum OutageObjection: Hashable, Sendable {
    /// The auction was finished at that position.
    case finished(position: UInt64)
    /// The auction's rules move no end.
    case movesNothing
    /// The outage lasted no longer than the rules let pass.
    case tooShort(limitNanoseconds: Int64)
    /// The end does not lie in the outage; nil where time does not end the auction.
    case endOutside(closesAt: Timestamp?)
    /// The outage is not over yet.
    case notOver
}

extension State {
    /// How long an outage may last, in nanoseconds, without counting for an auction.
    /// - Complexity: O(1).
    public func outageLimit(of auction: AuctionHandle) -> Int64 {
        let rule = terms[Int(auctions[auction.index].termsIndex)].outage
        return Self.nanoseconds(
            rule?.longerThanMilliseconds ?? OutageRule.longerThanMillisecondsDefault)
    }

    /// How long after an outage, in nanoseconds, an end that fell into it comes; nil where the
    /// rules leave it to the operator.
    /// - Complexity: O(1).
    public func outageMove(of auction: AuctionHandle) -> Int64? {
        terms[Int(auctions[auction.index].termsIndex)].outage?.moveMilliseconds
            .map(Self.nanoseconds)
    }

    private static func nanoseconds(_ milliseconds: Int64) -> Int64 { milliseconds * 1_000_000 }

    /// What speaks against an entry at a time that moves an auction's end for an outage.
    /// - Parameters:
    ///   - since: when the house was last there; an end at that time was not in the outage.
    ///   - until: when it was there again; an end at that time was.
    /// - Returns: nil where the entry may stand.
    /// - Precondition: both times are in range.
    /// - Complexity: O(1).
    public func outageObjection(
        _ auction: AuctionHandle, since: Timestamp, until: Timestamp, at time: Timestamp
    ) -> OutageObjection? {
        let record = auctions[auction.index]
        guard record.phase == .open else { return .finished(position: record.closedPosition) }
        guard outageMove(of: auction) != nil else { return .movesNothing }
        let limit = outageLimit(of: auction)
        guard until.nanoseconds - since.nanoseconds > limit else {
            return .tooShort(limitNanoseconds: limit)
        }
        let end = record.closesAt
        guard end > since, end <= until else {
            return .endOutside(closesAt: end == .noEnd ? nil : end)
        }
        return time >= until ? nil : .notOver
    }

    /// Gives an auction the end that follows an outage. Where the rules give none nothing happens:
    /// the engine writes no such entry, and `ruling` convicts one that another wrote.
    func extendOutage(
        _ auction: AuctionHandle, until: Timestamp, into events: inout EventList
    ) {
        let rule = terms[Int(auctions[auction.index].termsIndex)].outage
        guard let move = rule?.moveMilliseconds else { return }
        events.append(
            .auctionExtended(
                auction: auction, closesAt: until.adding(milliseconds: move), reason: .outage))
    }
}
