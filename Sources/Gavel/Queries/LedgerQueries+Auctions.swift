// Auctions: one, and lists by status, seller, bidder and end, sellers joined.

public import AuctionDomain
internal import Synchronization

/// Which auctions to list, and in which order.
public struct AuctionFilter: Hashable, Sendable {
    public enum Order: String, Hashable, Sendable, CaseIterable {
        /// As they were opened.
        case opening
        /// The newest first; the order of lists by seller or bidder.
        case newest
        /// Open ones that time will end, the next end first.
        case endingSoon = "ending_soon"
    }

    public var status: AuctionStatus?
    public var seller: UserID?
    /// A user who has bid or bought, or tried to: rejected ones count.
    public var bidder: UserID?
    /// Only closed ones with this outcome.
    public var outcome: AuctionOutcome?
    /// Only those that can, or cannot, be bought now at a buy-now price.
    public var isBuyNow: Bool?
    /// Only those with a reserve that is, or is not, met.
    public var isReserveMet: Bool?
    /// A piece of the title, in upper or lower case. Empty pieces are in every title.
    public var titleContains: String?
    /// Only those this user won.
    public var winner: UserID?
    /// Ignored beside `seller`, `bidder` or `winner`, which list the newest first.
    public var order: Order

    public init(
        status: AuctionStatus? = nil, seller: UserID? = nil, bidder: UserID? = nil,
        outcome: AuctionOutcome? = nil, isBuyNow: Bool? = nil, isReserveMet: Bool? = nil,
        titleContains: String? = nil, winner: UserID? = nil, order: Order = .opening
    ) {
        self.status = status
        self.seller = seller
        self.bidder = bidder
        self.outcome = outcome
        self.isBuyNow = isBuyNow
        self.isReserveMet = isReserveMet
        self.titleContains = titleContains
        self.winner = winner
        self.order = order
    }

    /// The filter as the beginning of a cursor. Names hold no slash and a title's piece stands in
    /// hexadecimal digits, so that two filters never have the same text.
    var text: String {
        var parts = [
            "auctions", order.rawValue, status?.rawValue ?? "", seller?.string ?? "",
            bidder?.string ?? "", outcome.map { String($0.rawValue) } ?? "",
            Self.text(isBuyNow), Self.text(isReserveMet),
        ]
        if titleContains != nil || winner != nil {
            parts.append(winner?.string ?? "")
            parts.append(titleContains.map { "t" + Array($0.utf8).hexadecimal } ?? "")
        }
        return parts.joined(separator: "/")
    }

    private static func text(_ flag: Bool?) -> String { flag.map { $0 ? "y" : "n" } ?? "" }
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
    ///   - cursor: of the page before, of the same filter; nil for the first.
    ///   - limit: at most `pageItemsMax`. A page may hold fewer and still have a cursor: the
    ///     search for rare matches stops after 100,000 auctions, so that no question holds up
    ///     the ledger.
    /// - Throws: `LedgerError` with `badCursor` or `unknownName`.
    public func auctions(
        _ filter: AuctionFilter = AuctionFilter(), after cursor: String? = nil, limit: Int = 100
    ) throws(LedgerError) -> Page<AuctionView> {
        try search(filter, after: cursor, limit: limit) { state, auction, _ in
            state.auction(auction)
        }
    }

    /// Walks a list of auctions.
    ///
    /// A long search lets go of the read state every few thousand auctions: its page may then show
    /// auctions as of more than one moment, and reflects the first of them. Titles are compared
    /// while nothing is locked; under the lock only their signatures are.
    func search<Item: Sendable>(
        _ filter: AuctionFilter, after cursor: String?, limit: Int,
        _ item: (ReadState, AuctionHandle, SearchKey) -> Item
    ) throws(LedgerError) -> Page<Item> {
        var key = try Cursor.key(cursor, filter: filter.text)
        let title = filter.titleContains.map { reading.titlePiece($0) }
        let limit = min(max(limit, 1), pageItemsMax)
        var items: [Item] = []
        var steps = 0
        var reflects: UInt64?
        repeat {
            let found = reading.readState.withLock { state in
                Result { () throws(LedgerError) in
                    if filter.order == .endingSoon { state.sortDeadlines() }
                    // More than are wanted where some may turn out to have another title.
                    let wanted = limit - items.count
                    var search = AuctionSearch(
                        state: state, filter: filter, title: title,
                        limit: title == nil ? wanted : max(wanted, candidatesMin))
                    let next = try search.next(from: key)
                    let candidates = search.found.map { found in
                        Candidate(
                            item: item(state, found.auction, found.next),
                            title: title == nil ? "" : state.titles[found.auction.index],
                            next: found.next)
                    }
                    return (candidates, search.steps, next, state.entryCount)
                }
            }
            let (candidates, looked, next, count) = try found.get()
            key = next
            for (index, candidate) in candidates.enumerated()
            where title?.isIn(candidate.title) ?? true {
                items.append(candidate.item)
                guard items.count == limit else { continue }
                if index < candidates.count - 1 { key = candidate.next.numbers }
                break
            }
            steps += looked
            reflects = reflects ?? count
        } while key != nil && items.count < limit && steps < auctionStepsMax
        return Page(
            items: items, cursor: key.map { Cursor.text($0, filter: filter.text) },
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
    let next: SearchKey
}

/// Where a walk goes on after an item.
struct SearchKey: Hashable, Sendable {
    var first: UInt64
    var second: UInt64?
    /// Nothing comes after the item.
    static let none = SearchKey(first: .max)

    init(first: UInt64, second: UInt64? = nil) {
        self.first = first
        self.second = second
    }

    var numbers: [UInt64] { second.map { [first, $0] } ?? [first] }
}

/// One walk over a list of auctions.
private struct AuctionSearch {
    let state: ReadState
    let filter: AuctionFilter
    let title: TitlePiece?
    let limit: Int
    var found: [(auction: AuctionHandle, next: SearchKey)] = []
    var steps = 0

    init(state: ReadState, filter: AuctionFilter, title: TitlePiece?, limit: Int) {
        self.state = state
        self.filter = filter
        self.title = title
        self.limit = limit
        found.reserveCapacity(limit)
    }

    /// Walks on.
    /// - Returns: where to go on; nil when there is no more.
    mutating func next(from key: [UInt64]?) throws(LedgerError) -> [UInt64]? {
        if let bidder = filter.bidder ?? filter.winner {
            return walkBids(of: try user(bidder), from: key)
        }
        if let seller = filter.seller { return walkSales(of: try user(seller), from: key) }
        return switch filter.order {
        case .opening: walkUp(from: key)
        case .newest: walkDown(from: key)
        case .endingSoon: walkDeadlines(from: key)
        }
    }

    private func user(_ id: UserID) throws(LedgerError) -> UserHandle {
        guard let user = state.state.user(id) else {
            throw LedgerError(.unknownName, "there is no user \(id)")
        }
        return user
    }

    private var isFull: Bool { found.count >= limit || steps >= stepsAtOnceMax }

    private mutating func visit(_ auction: AuctionHandle, next: SearchKey) {
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
        found.append((auction, next))
    }

    private mutating func walkUp(from key: [UInt64]?) -> [UInt64]? {
        var next = key?.first ?? 0
        let count = UInt64(state.state.auctionCount)
        while next < count {
            if isFull { return [next] }
            visit(AuctionHandle(rawValue: UInt32(next)), next: SearchKey(first: next + 1))
            next += 1
        }
        return nil
    }

    private mutating func walkDown(from key: [UInt64]?) -> [UInt64]? {
        let count = UInt64(state.state.auctionCount)
        var next = min(key?.first ?? count, count)
        while next > 0 {
            if isFull { return [next] }
            next -= 1
            visit(AuctionHandle(rawValue: UInt32(next)), next: SearchKey(first: next))
        }
        return nil
    }

    private mutating func walkSales(of seller: UserHandle, from key: [UInt64]?) -> [UInt64]? {
        var next =
            key?.first.map(UInt32.init(truncatingIfNeeded:))
            ?? state.userLists[seller.index].selling
        while next != ReadState.none, Int(next) < state.state.auctionCount {
            if isFull { return [UInt64(next)] }
            let following = state.auctionLists[Int(next)].selling
            visit(AuctionHandle(rawValue: next), next: SearchKey(first: UInt64(following)))
            next = following
        }
        return nil
    }

    private mutating func walkBids(of bidder: UserHandle, from key: [UInt64]?) -> [UInt64]? {
        var next =
            key?.first.map(UInt32.init(truncatingIfNeeded:))
            ?? state.userLists[bidder.index].bidding
        while next != BidderIndex.none, Int(next) < state.bidders.nodes.count {
            let node = state.bidders.nodes[Int(next)]
            guard node.user == bidder else { return nil }
            if isFull { return [UInt64(next)] }
            visit(node.auction, next: SearchKey(first: UInt64(node.next)))
            next = node.next
        }
        return nil
    }

    private mutating func walkDeadlines(from key: [UInt64]?) -> [UInt64]? {
        var start = DeadlineQueue.Key(end: .zero, auction: AuctionHandle(rawValue: 0))
        if let key, key.count == 2 {
            start = DeadlineQueue.Key(
                end: Timestamp(nanoseconds: Int64(clamping: key[0])),
                auction: AuctionHandle(rawValue: UInt32(truncatingIfNeeded: key[1])))
        }
        var next: [UInt64]?
        state.state.deadlines.forEach(from: start) { key in
            if isFull {
                next = [UInt64(key.end.nanoseconds), UInt64(key.auction.rawValue)]
                return false
            }
            visit(
                key.auction,
                next: SearchKey(
                    first: UInt64(key.end.nanoseconds), second: UInt64(key.auction.rawValue) + 1))
            return true
        }
        return next
    }
}

extension ReadState {
    /// Scheduled is open, seen before its time.
    func status(of auction: AuctionHandle) -> AuctionStatus {
        let record = state[auction]
        return switch record.phase {
        case .cancelled: .cancelled
        case .closed: .closed
        case .open: state.time < record.opensAt ? .scheduled : .open
        }
    }

    func auction(_ auction: AuctionHandle) -> AuctionView {
        let record = state[auction]
        let status = status(of: auction)
        let isFinished = record.phase != .open
        return AuctionView(
            auction: state.id(of: auction), title: titles[auction.index],
            seller: state.id(of: record.seller), currency: state.currency(of: record.currency),
            status: status, outcome: record.outcome,
            price: record.leader == .none ? nil : record.price, paid: state.paid(for: auction),
            leader: record.leader == .none ? nil : state.id(of: record.leader),
            bids: record.acceptedBids + record.rejectedBids, acceptedBids: record.acceptedBids,
            opensAt: record.opensAt, closesAt: record.closesAt == .noEnd ? nil : record.closesAt,
            extensions: state.extensions(of: auction), rules: state.rules(of: auction),
            isReserveMet: state.isReserveMet(on: auction),
            buyNowPrice: state.buyNowPrice(of: auction),
            minimumBid: isFinished ? nil : state.minimumBid(on: auction),
            openedPosition: record.openedPosition,
            closedPosition: record.closedPosition == noPosition ? nil : record.closedPosition)
    }
}
