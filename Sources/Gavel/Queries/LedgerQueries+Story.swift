// An auction's story in pages.
//
// A step follows from all entries before it, by way of a few values: price, leader, end, and the
// leader's maximum. None of them is in a cursor: it says where the page ended and at which entries
// the leader and the end were set, and the values are read from there again. So a page costs what
// its own entries cost however long the story is, and who would forge a cursor could tell nothing
// but positions of the same auction.

public import AuctionDomain

extension LedgerQueries {
    /// A page of an auction's story, oldest first: a step for each entry about it.
    /// - Parameters:
    ///   - acceptedOnly: without the rejected commands: the story as anyone may read it, whose
    ///     pages say nothing of them.
    ///   - cursor: of the page before, of the same question and binding.
    ///   - limit: at most `pageItemsMax`.
    ///   - binding: who asks; the cursor is good for the same alone.
    /// - Throws: `LedgerError` with `unknownName`, `badCursor`, `damaged` or `storage`.
    /// - Complexity: that of a page of `history(of:_:selecting:after:limit:boundTo:)`, oldest
    ///   first.
    public func story(
        of auction: AuctionID, acceptedOnly: Bool = false, after cursor: String? = nil,
        limit: Int = 100, boundTo binding: CursorBinding = .none
    ) throws(LedgerError) -> Page<AuctionStep> {
        let selection = acceptedOnly ? History.Selection.accepted : .all
        let walk = try HistoryWalk(reading, .auction(auction), selection, limit: limit)
        var scope = reading.scope("story", binding)
        scope.add(auction.string)
        scope.add(selection.rawValue)
        var place: StoryPlace?
        var steps = AuctionSteps()
        if let numbers = try reading.numbers(in: cursor, count: StoryPlace.numberCount, scope) {
            let kept = try StoryPlace(numbers)
            place = kept
            steps = try resume(auction, at: kept)
        }
        let found = try walk.oldestFirst(after: place?.looked)
        let items = found.items.map { entry in
            place.note(entry)
            return steps.next(
                entry.command, by: entry.actor, outcome: entry.outcome, at: entry.point)
        }
        if let looked = found.place { place?.looked = looked }
        return Page(
            items: items,
            cursor: found.place == nil ? nil : place.map { reading.cursor($0.numbers, scope) },
            reflects: walk.count)
    }

    /// What an auction had come to at a place, which is checked as if it were forged.
    private func resume(
        _ id: AuctionID, at place: StoryPlace
    ) throws(LedgerError) -> AuctionSteps {
        let (auction, rules, closed) = try reading.answer(about: id) {
            ($1, $0.state.rules(of: $1), $0.state[$1].closedPosition)
        }.value
        let accepted = try HistoryWalk(reading, .auction(id), .accepted, limit: 1)
        let bids = try HistoryWalk(reading, .auction(id), .acceptedBids, limit: 1)
        _ = try accepted.shown(at: place.last)
        guard let end = try accepted.shown(at: place.endSet).end(of: auction) else {
            throw .badCursor
        }
        guard let leadSet = place.leadSet else {
            return AuctionSteps(
                rules: rules, price: nil, leader: nil, maximum: .zero, closesAt: end)
        }
        // After the end nothing moves the price, however many entries there are.
        guard let lead = try accepted.shown(at: leadSet).lead(in: auction),
            let last = try bids.newest(from: min(place.last, closed)), last.position >= leadSet,
            let bid = PublicBid(
                last.command, outcome: last.outcome, showsAmount: rules.showsAmounts, at: last.point
            )
        else { throw .badCursor }
        return AuctionSteps(
            rules: rules, price: bid.price, leader: lead.leader, maximum: lead.maximum,
            closesAt: end)
    }
}

/// Where a page of a story ended.
///
/// Invariant: `endSet` and `leadSet` do not come after `last`, nor `last` after `looked`.
private struct StoryPlace {
    static let numberCount = 4

    /// The last entry that was looked at.
    var looked: UInt64
    /// The last accepted entry about the auction.
    var last: UInt64
    /// Which one set the end, and which one leader and maximum; none before the first bid.
    var endSet: UInt64
    var leadSet: UInt64?

    /// Each position as how far it stands before another, so that cursors stay short.
    var numbers: [UInt64] {
        [looked, looked - last, last - endSet, leadSet.map { last - $0 + 1 } ?? 0]
    }

    /// - Throws: `badCursor` where numbers are no places.
    init(_ numbers: [UInt64]) throws(LedgerError) {
        looked = numbers[0]
        guard numbers[1] <= looked else { throw .badCursor }
        last = looked - numbers[1]
        guard numbers[2] <= last else { throw .badCursor }
        endSet = last - numbers[2]
        guard numbers[3] > 0 else { return }
        guard numbers[3] - 1 <= last else { throw .badCursor }
        leadSet = last - (numbers[3] - 1)
    }

    /// The place after the opening, which is a story's first entry.
    init(opening position: UInt64) {
        (looked, last, endSet) = (position, position, position)
    }
}

extension StoryPlace? {
    /// Takes note of the next entry of the story.
    fileprivate mutating func note(_ entry: LedgerEntry) {
        var place = self ?? StoryPlace(opening: entry.position)
        place.looked = entry.position
        if entry.outcome.rejection == nil {
            place.last = entry.position
            for event in entry.outcome.events {
                if event.endSet != nil { place.endSet = entry.position }
                if event.bidFact?.maximum != nil { place.leadSet = entry.position }
            }
        }
        self = place
    }
}

extension LedgerEntry {
    /// The end that the entry sets for an auction; nil where it sets none.
    fileprivate func end(of auction: AuctionHandle) -> Timestamp?? {
        outcome.events.lazy.compactMap(\.endSet).last { $0.auction == auction }
            .map(\.closesAt)
    }

    /// The leader that the entry sets in an auction, and what she offers; nil where it sets none.
    fileprivate func lead(in auction: AuctionHandle) -> (leader: UserHandle, maximum: Money)? {
        for fact in outcome.events.reversed().lazy.compactMap(\.bidFact)
        where fact.auction == auction {
            if let maximum = fact.maximum { return (fact.bidder, maximum) }
        }
        return nil
    }
}
