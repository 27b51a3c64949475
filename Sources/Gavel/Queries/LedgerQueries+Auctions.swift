// Auctions: one, and lists by status, seller, bidder and end, sellers joined.

public import AuctionDomain
internal import Synchronization

/// A list of auctions in the read state.
private enum AuctionList {
    case opened, newest, deadlines
    case sales(of: UserID)
    case bids(of: UserID)
}

extension AuctionFilter {
    /// The list that is walked.
    fileprivate var list: AuctionList {
        if let bidder = bidder ?? winner { return .bids(of: bidder) }
        if let seller { return .sales(of: seller) }
        return switch order {
        case .opening: .opened
        case .newest: .newest
        case .endingSoon: .deadlines
        }
    }
}

/// The last auction that a walk has looked at: whether it was shown or not, all of it is public.
private struct AuctionPlace {
    let auction: AuctionHandle
    /// In the order of ends the end under which it stood, which may have moved on since.
    var end: Timestamp?

    var numbers: [UInt64] {
        let number = UInt64(auction.rawValue)
        return end.map { [number, UInt64(bitPattern: $0.nanoseconds)] } ?? [number]
    }
}

extension LedgerQueries {
    /// One auction.
    /// - Throws: `LedgerError` with `unknownName`.
    /// - Complexity: O(1).
    public func auction(_ id: AuctionID) throws(LedgerError) -> Answer<AuctionView> {
        try reading.answer(about: id) { $0.auction($1) }
    }

    /// A page of auctions.
    /// - Parameters:
    ///   - cursor: of the page before, of the same filter and binding; nil for the first.
    ///   - limit: at most `pageItemsMax`. A page may hold fewer and still have a cursor: the
    ///     search for rare matches stops after 100,000 auctions, so that no question holds up
    ///     the ledger.
    ///   - binding: who asks; the cursor is good for the same alone.
    /// - Throws: `LedgerError` with `badCursor` or `unknownName`.
    public func auctions(
        _ filter: AuctionFilter = AuctionFilter(), after cursor: String? = nil, limit: Int = 100,
        boundTo binding: CursorBinding = .none
    ) throws(LedgerError) -> Page<AuctionView> {
        try search(filter, after: cursor, limit: limit, boundTo: binding) { $0.auction($1) }
    }

    /// What the cursors of a list belong to.
    private func scope(_ filter: AuctionFilter, _ binding: CursorBinding) -> CursorScope {
        var scope = reading.scope("auctions", binding)
        filter.add(to: &scope)
        return scope
    }

    /// A cursor with which the page after a row starts: for who takes only some rows of a page.
    public func cursor(
        after row: AuctionListing, of filter: AuctionFilter, boundTo binding: CursorBinding = .none
    ) -> String {
        var place = AuctionPlace(auction: row.handle)
        if case .deadlines = filter.list { place.end = row.closesAt ?? .noEnd }
        return reading.cursor(place.numbers, scope(filter, binding))
    }

    /// Walks a list of auctions.
    ///
    /// A long search lets go of the read state every few thousand auctions: its page may then show
    /// auctions as of more than one moment, and reflects the first of them. Titles are compared
    /// while nothing is locked; under the lock only their signatures are.
    func search<Item: Sendable>(
        _ filter: AuctionFilter, after cursor: String?, limit: Int,
        boundTo binding: CursorBinding, _ item: (ReadState, AuctionHandle) -> Item
    ) throws(LedgerError) -> Page<Item> {
        let scope = scope(filter, binding)
        let isByEnd = if case .deadlines = filter.list { true } else { false }
        var place = try reading.numbers(in: cursor, count: isByEnd ? 2 : 1, scope)
        let title = filter.titleContains.map { reading.titlePiece($0) }
        let limit = min(max(limit, 1), pageItemsMax)
        var items: [Item] = []
        var steps = 0
        var reflects: UInt64?
        repeat {
            let found = reading.readState.withLock { state in
                Result { () throws(LedgerError) in
                    if isByEnd { state.sortDeadlines() }
                    // More than are wanted where some may turn out to have another title.
                    let wanted = limit - items.count
                    var search = AuctionSearch(
                        state: state, filter: filter, title: title,
                        limit: title == nil ? wanted : max(wanted, candidatesMin))
                    let last = try search.walk(after: place)
                    let candidates = search.found.map { found in
                        Candidate(
                            item: item(state, found.auction),
                            title: title == nil ? "" : state.titles[found.auction.index],
                            place: found)
                    }
                    return (candidates, search.steps, last, state.entryCount)
                }
            }
            let (candidates, looked, last, count) = try found.get()
            place = last?.numbers
            for (index, candidate) in candidates.enumerated()
            where title?.isIn(candidate.title) ?? true {
                items.append(candidate.item)
                guard items.count == limit else { continue }
                if index < candidates.count - 1 { place = candidate.place.numbers }
                break
            }
            steps += looked
            reflects = reflects ?? count
        } while place != nil && items.count < limit && steps < auctionStepsMax
        return Page(
            items: items, cursor: place.map { reading.cursor($0, scope) },
            reflects: reflects ?? 0)
    }
}

/// How many auctions a search looks at before it gives what it has, and how many before it lets
/// others to the read state.
private let auctionStepsMax = 100_000
private let stepsAtOnceMax = 8_192
/// How many auctions whose title may be the right one are taken from the read state at least.
private let candidatesMin = 64

/// An auction that a search has found, but for its title.
private struct Candidate<Item: Sendable>: Sendable {
    let item: Item
    let title: String
    let place: AuctionPlace
}

/// One walk over a list of auctions.
private struct AuctionSearch {
    let state: ReadState
    let filter: AuctionFilter
    let title: TitlePiece?
    let limit: Int
    var found: [AuctionPlace] = []
    var steps = 0

    init(state: ReadState, filter: AuctionFilter, title: TitlePiece?, limit: Int) {
        self.state = state
        self.filter = filter
        self.title = title
        self.limit = limit
        found.reserveCapacity(limit)
    }

    /// Walks on.
    /// - Parameter place: the numbers of the last auction looked at, which may be anything.
    /// - Returns: the last one looked at; nil when there is no more.
    /// - Throws: `badCursor` where the list has no such place; `unknownName`.
    mutating func walk(after place: [UInt64]?) throws(LedgerError) -> AuctionPlace? {
        let last = try place.map { (numbers) throws(LedgerError) in try auction(numbers[0]) }
        switch filter.list {
        case .opened: return walkUp(after: last)
        case .newest: return walkDown(after: last)
        case .deadlines: return try walkDeadlines(after: last, end: place?[1])
        case .sales(let seller): return try walkSales(of: try user(seller), after: last)
        case .bids(let bidder): return try walkBids(of: try user(bidder), after: last)
        }
    }

    /// An auction by a number from outside.
    private func auction(_ number: UInt64) throws(LedgerError) -> AuctionHandle {
        guard number < UInt64(state.state.auctionCount) else { throw .badCursor }
        return AuctionHandle(rawValue: UInt32(number))
    }

    private func user(_ id: UserID) throws(LedgerError) -> UserHandle {
        guard let user = state.state.user(id) else {
            throw LedgerError(.unknownName, "there is no user \(id)")
        }
        return user
    }

    private var isFull: Bool { found.count >= limit || steps >= stepsAtOnceMax }

    private mutating func visit(_ place: AuctionPlace) {
        let auction = place.auction
        steps += 1
        if let status = filter.status, state.status(of: auction) != status { return }
        if let seller = filter.seller, state.state.id(of: state.state[auction].seller) != seller {
            return
        }
        if let outcome = filter.outcome, state.state[auction].outcome != outcome { return }
        if let isBuyNow = filter.isBuyNow,
            isBuyNow != (state.state.buyNowPrice(of: auction) != nil)
        {
            return
        }
        if let isReserveMet = filter.isReserveMet,
            isReserveMet != state.state.isReserveMet(on: auction)
        {
            return
        }
        if let winner = filter.winner {
            let record = state.state[auction]
            guard record.outcome == .sold, state.state.id(of: record.leader) == winner else {
                return
            }
        }
        if let title, !title.mayBeIn(auction) { return }
        found.append(place)
    }

    private mutating func walkUp(after last: AuctionHandle?) -> AuctionPlace? {
        var last = last
        for number in (last.map { $0.index + 1 } ?? 0)..<state.state.auctionCount {
            if isFull { return last.map { AuctionPlace(auction: $0) } }
            let auction = AuctionHandle(rawValue: UInt32(number))
            visit(AuctionPlace(auction: auction))
            last = auction
        }
        return nil
    }

    private mutating func walkDown(after last: AuctionHandle?) -> AuctionPlace? {
        var last = last
        for number in (0..<(last?.index ?? state.state.auctionCount)).reversed() {
            if isFull { return last.map { AuctionPlace(auction: $0) } }
            let auction = AuctionHandle(rawValue: UInt32(number))
            visit(AuctionPlace(auction: auction))
            last = auction
        }
        return nil
    }

    private mutating func walkSales(
        of seller: UserHandle, after last: AuctionHandle?
    ) throws(LedgerError) -> AuctionPlace? {
        var last = last
        var next = state.userLists[seller.index].selling
        if let last {
            guard state.state[last].seller == seller else { throw .badCursor }
            next = state.auctionLists[last.index].selling
        }
        while next != ReadState.none {
            if isFull { return last.map { AuctionPlace(auction: $0) } }
            let auction = AuctionHandle(rawValue: next)
            visit(AuctionPlace(auction: auction))
            (last, next) = (auction, state.auctionLists[auction.index].selling)
        }
        return nil
    }

    private mutating func walkBids(
        of bidder: UserHandle, after last: AuctionHandle?
    ) throws(LedgerError) -> AuctionPlace? {
        var last = last
        var next = state.userLists[bidder.index].bidding
        if let last {
            guard let node = state.bidders.node(of: bidder, on: last) else { throw .badCursor }
            next = node.next
        }
        while next != BidderIndex.none {
            if isFull { return last.map { AuctionPlace(auction: $0) } }
            let node = state.bidders.nodes[Int(next)]
            visit(AuctionPlace(auction: node.auction))
            (last, next) = (node.auction, node.next)
        }
        return nil
    }

    private mutating func walkDeadlines(
        after last: AuctionHandle?, end: UInt64?
    ) throws(LedgerError) -> AuctionPlace? {
        var start = DeadlineQueue.Key(end: .zero, auction: AuctionHandle(rawValue: 0))
        if let last, let end {
            let end = Timestamp(nanoseconds: Int64(bitPattern: end))
            // Ends only ever move on: the auction stood there, or somebody made the place up.
            let now = state.state[last].closesAt
            guard now != .noEnd, end <= now else { throw .badCursor }
            start = DeadlineQueue.Key(end: end, auction: AuctionHandle(rawValue: last.rawValue + 1))
        }
        var place: AuctionPlace?
        var goesOn = false
        state.state.deadlines.forEach(from: start) { key in
            goesOn = isFull
            if goesOn { return false }
            let visited = AuctionPlace(auction: key.auction, end: key.end)
            visit(visited)
            place = visited
            return true
        }
        return goesOn ? place : nil
    }
}

extension ReadState {
    /// Scheduled is open, seen before its time.
    func status(of auction: AuctionHandle) -> PublicAuction.Status {
        let record = state[auction]
        return switch record.phase {
        case .cancelled: .cancelled
        case .closed: .closed
        case .open: state.time < record.opensAt ? .scheduled : .open
        }
    }

    func auction(_ auction: AuctionHandle) -> AuctionView {
        let record = state[auction]
        return AuctionView(
            row: publicAuction(auction), paid: state.paid(for: auction),
            bids: record.acceptedBids + record.rejectedBids,
            extensions: state.extensions(of: auction), rules: state.rules(of: auction),
            openedPosition: record.openedPosition,
            closedPosition: record.endedPosition)
    }
}
