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
    /// Ignored beside `seller` or `bidder`, which list the newest first.
    public var order: Order

    public init(
        status: AuctionStatus? = nil, seller: UserID? = nil, bidder: UserID? = nil,
        outcome: AuctionOutcome? = nil, isBuyNow: Bool? = nil, isReserveMet: Bool? = nil,
        order: Order = .opening
    ) {
        self.status = status
        self.seller = seller
        self.bidder = bidder
        self.outcome = outcome
        self.isBuyNow = isBuyNow
        self.isReserveMet = isReserveMet
        self.order = order
    }

    /// The filter as the beginning of a cursor.
    var text: String {
        [
            "auctions", order.rawValue, status?.rawValue ?? "", seller?.string ?? "",
            bidder?.string ?? "", outcome.map { String($0.rawValue) } ?? "",
            Self.text(isBuyNow), Self.text(isReserveMet),
        ].joined(separator: "/")
    }

    private static func text(_ flag: Bool?) -> String { flag.map { $0 ? "y" : "n" } ?? "" }
}

extension LedgerQueries {
    /// One auction.
    /// - Throws: `LedgerError` with `unknownName`.
    /// - Complexity: O(1).
    public func auction(_ id: AuctionID) throws(LedgerError) -> Answer<AuctionView> {
        let answer = reading.readState.withLock { state in
            state.state.auction(id).map { Answer(state.auction($0), reflects: state.entryCount) }
        }
        guard let answer else { throw LedgerError(.unknownName, "there is no auction \(id)") }
        return answer
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
        let key = try Cursor.key(cursor, filter: filter.text)
        let page = reading.readState.withLock { state in
            Result { () throws(LedgerError) in
                if filter.order == .endingSoon { state.sortDeadlines() }
                var search = AuctionSearch(state: state, filter: filter, limit: limit)
                return try search.page(from: key)
            }
        }
        return try page.get()
    }
}

/// One walk over a list of auctions.
private struct AuctionSearch {
    static let stepsMax = 100_000

    let state: ReadState
    let filter: AuctionFilter
    let limit: Int
    var items: [AuctionView] = []
    var steps = 0

    init(state: ReadState, filter: AuctionFilter, limit: Int) {
        self.state = state
        self.filter = filter
        self.limit = min(max(limit, 1), pageItemsMax)
    }

    mutating func page(from key: [UInt64]?) throws(LedgerError) -> Page<AuctionView> {
        let next: [UInt64]?
        if let bidder = filter.bidder {
            next = walkBids(of: try user(bidder), from: key)
        } else if let seller = filter.seller {
            next = walkSales(of: try user(seller), from: key)
        } else {
            switch filter.order {
            case .opening: next = walkUp(from: key)
            case .newest: next = walkDown(from: key)
            case .endingSoon: next = walkDeadlines(from: key)
            }
        }
        return Page(
            items: items, cursor: next.map { Cursor.text($0, filter: filter.text) },
            reflects: state.entryCount)
    }

    private func user(_ id: UserID) throws(LedgerError) -> UserHandle {
        guard let user = state.state.user(id) else {
            throw LedgerError(.unknownName, "there is no user \(id)")
        }
        return user
    }

    private var isFull: Bool { items.count >= limit || steps >= Self.stepsMax }

    private mutating func visit(_ auction: AuctionHandle) {
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
        items.append(state.auction(auction))
    }

    private mutating func walkUp(from key: [UInt64]?) -> [UInt64]? {
        var next = key?.first ?? 0
        let count = UInt64(state.state.auctionCount)
        while next < count {
            if isFull { return [next] }
            visit(AuctionHandle(rawValue: UInt32(next)))
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
            visit(AuctionHandle(rawValue: UInt32(next)))
        }
        return nil
    }

    private mutating func walkSales(of seller: UserHandle, from key: [UInt64]?) -> [UInt64]? {
        var next =
            key?.first.map(UInt32.init(truncatingIfNeeded:))
            ?? state.userLists[seller.index].selling
        while next != ReadState.none, Int(next) < state.state.auctionCount {
            if isFull { return [UInt64(next)] }
            visit(AuctionHandle(rawValue: next))
            next = state.auctionLists[Int(next)].selling
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
            visit(node.auction)
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
            visit(key.auction)
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
