// An auction's story in pages.
//
// A step follows from all entries before it, by way of a few numbers: price, leader, end, and the
// leader's maximum. A cursor carries them, so that a page costs what its own entries cost however
// long the story is. All are public but the maximum; in its place stands the position of the entry
// that set it, which is public too, and the maximum is read from there again.
//
// Invariant: no cursor holds an amount that the public view does not show.

public import AuctionDomain
internal import Synchronization

extension LedgerQueries {
    /// A page of an auction's story, oldest first: a step for each entry about it.
    /// - Parameters:
    ///   - cursor: of the page before, of the same auction.
    ///   - limit: at most `pageItemsMax`.
    /// - Throws: `LedgerError` with `unknownName`, `badCursor`, `damaged` or `storage`.
    /// - Complexity: that of a page of `history(of:_:after:limit:)`, oldest first.
    public func story(
        of auction: AuctionID, after cursor: String? = nil, limit: Int = 100
    ) throws(LedgerError) -> Page<AuctionStep> {
        let filter = "story/\(auction)"
        var fold = StoryFold()
        if let numbers = try Cursor.key(cursor, filter: filter) {
            fold = try StoryFold(numbers, cursor: cursor!)
        }
        var steps = try resume(fold, of: auction)
        let subject = HistorySubject.auction(auction)
        let places = subject.filter(.oldestFirst)
        let start = fold.position > 0 ? Cursor.text([fold.position], filter: places) : nil
        let page = try history(of: subject, .oldestFirst, after: start, limit: limit)
        let items = page.items.map { entry in
            let point = EntryPoint(position: entry.position, time: entry.time)
            let step = steps.next(
                entry.command, by: entry.actor, outcome: entry.outcome, at: point)
            fold.note(entry, step)
            return step
        }
        if let next = try Cursor.key(page.cursor, filter: places)?.first { fold.position = next }
        return Page(
            items: items,
            cursor: page.cursor == nil ? nil : Cursor.text(fold.numbers, filter: filter),
            reflects: page.reflects)
    }

    /// The steps from where a fold stands.
    private func resume(
        _ fold: StoryFold, of id: AuctionID
    ) throws(LedgerError) -> AuctionSteps {
        let (auction, rules) = try reading.answer(about: id) {
            ($1, $0.state.rules(of: $1))
        }.value
        var maximum = Money.zero
        if let position = fold.maximumPosition {
            guard position < fold.position, position < reflects,
                let set = try reading.decoded(at: position).entry.maximum(in: auction)
            else { throw LedgerError(.badCursor, "the cursor's position sets no maximum") }
            maximum = set
        }
        return AuctionSteps(
            rules: rules, price: fold.price, leader: fold.leader, maximum: maximum,
            closesAt: fold.closesAt)
    }
}

/// What a story has come to before a position.
private struct StoryFold {
    var position: UInt64 = 0
    var price: Money?
    var leader: UserHandle?
    var closesAt: Timestamp?
    /// Where the leader's maximum was set.
    var maximumPosition: UInt64?

    init() {}

    /// Nil stands as 0, everything else as one more than it is.
    var numbers: [UInt64] {
        [
            position, price.map { UInt64($0.minorUnits) + 1 } ?? 0,
            leader.map { UInt64($0.rawValue) + 1 } ?? 0,
            closesAt.map { UInt64($0.nanoseconds) + 1 } ?? 0,
            maximumPosition.map { $0 + 1 } ?? 0,
        ]
    }

    init(_ numbers: [UInt64], cursor: String) throws(LedgerError) {
        // An opened auction is never at position 0, which is the ledger's creation.
        guard numbers.count == 5, numbers[0] > 0, numbers[1] <= UInt64(Int64.max) + 1,
            numbers[2] <= UInt64(UInt32.max), numbers[3] <= UInt64(Int64.max) + 1
        else { throw LedgerError(.badCursor, "\(cursor.debugDescription) is no cursor") }
        position = numbers[0]
        if numbers[1] > 0 { price = Money(minorUnits: Int64(numbers[1] - 1)) }
        if numbers[2] > 0 { leader = UserHandle(rawValue: UInt32(numbers[2] - 1)) }
        if numbers[3] > 0 { closesAt = Timestamp(nanoseconds: Int64(numbers[3] - 1)) }
        if numbers[4] > 0 { maximumPosition = numbers[4] - 1 }
    }

    mutating func note(_ entry: LedgerEntry, _ step: AuctionStep) {
        (price, leader, closesAt) = (step.price, step.leader, step.closesAt)
        if entry.setsMaximum { maximumPosition = entry.position }
    }
}

extension LedgerEntry {
    /// Whether the entry says what its auction's leader offers.
    fileprivate var setsMaximum: Bool {
        outcome.events.contains { event in
            switch event {
            case .leadTaken, .maximumRaised, .boughtNow: true
            default: false
            }
        }
    }

    /// The maximum that the entry sets in an auction; nil where it sets none.
    fileprivate func maximum(in auction: AuctionHandle) -> Money? {
        var maximum: Money?
        for event in outcome.events {
            switch event {
            case .leadTaken(auction, _, let set, _), .maximumRaised(auction, _, let set, _):
                maximum = set
            case .boughtNow(auction, _, let price): maximum = price
            default: break
            }
        }
        return maximum
    }
}
