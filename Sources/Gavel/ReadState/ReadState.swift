// The state for reading: a second fold of the log, only ever of durable entries, with the lists
// that queries walk.
//
// Invariants: `state` is the fold of the first `entryCount` entries; the lists follow from those
// entries too; nothing here is needed for deciding, so losing it loses nothing.

internal import AuctionDomain

/// Wallets, auctions and lists as of a position.
struct ReadState: Sendable {
    /// What hangs on a user.
    struct UserLists: Hashable, Sendable {
        /// Her newest auction as a seller, or `none`.
        var selling = ReadState.none
        /// Her newest node in `bidders`, or `BidderIndex.none`.
        var bidding = BidderIndex.none
        /// The place of her newest hold, or `none`.
        var holding = ReadState.none
    }

    /// What hangs on an auction: its places on users' lists, and its last change.
    struct AuctionLists: Hashable, Sendable {
        /// The last entry about it that was accepted: what anyone may see stands as of there.
        var changedPosition: UInt64
        /// The same seller's auction before this one, or `none`.
        var selling = ReadState.none
        /// The hold on it; where several have one, one of them.
        var hold = HoldNode()
    }

    /// A hold, and the places of its neighbours on its holder's list.
    struct HoldNode: Hashable, Sendable {
        /// None where there is no hold.
        var holder = UserHandle.none
        var next = ReadState.none
        var previous = ReadState.none
    }

    /// A hold on an auction on which another stands already.
    struct FurtherHold: Hashable, Sendable {
        var auction: AuctionHandle
        var node: HoldNode
    }

    static let none = UInt32.max

    private(set) var state = State()
    private(set) var titles = ChunkedArray<String>()
    private(set) var userLists = ChunkedArray<UserLists>()
    private(set) var auctionLists = ChunkedArray<AuctionLists>()
    private(set) var furtherHolds = ChunkedArray<FurtherHold>()
    /// Unused places among them.
    private var freeHolds = ContiguousArray<UInt32>()
    private(set) var bidders = BidderIndex()
    /// How many entries it takes to get to the last change of any auction: one more than the
    /// greatest `changedPosition`, 0 while there is none.
    private(set) var changedCount: UInt64 = 0
    /// What all wallets hold of each currency, by its handle: kept along, so that nobody adds up
    /// wallets under the lock. The verifier holds it against the wallets.
    private(set) var holdings: [CurrencyHoldings] = []

    // Of the last entry applied.
    private var links = ContiguousArray<EntryLink>()
    /// What `warm` looked at, kept so that looking is not optimized away. Means nothing.
    var warmth: UInt64 = 0
    private var lastBidLinks = BidLinks(
        auction: 0, bidder: 0, refunded: nil, currency: .none)

    var entryCount: UInt64 { state.entryCount }

    init() {}

    /// Brings the deadlines into order, for who walks them.
    mutating func sortDeadlines() { state.sortDeadlines() }

    /// The next open auction whose end is at or before a time.
    mutating func nextDue(at time: Timestamp) -> AuctionHandle? { state.nextDue(at: time) }

    /// Checks that an entry's command can stand next, whatever its outcome: what rules rely on.
    @inline(__always)
    func check(_ entry: DecodedEntry) throws(ImpossibleEntry) {
        try state.check(entry.command, by: entry.actor, at: entry.point)
    }

    /// What the rules give for the next entry, no flat bid, where it says otherwise.
    func ruling(on entry: DecodedEntry, using events: inout EventList) -> Ruling? {
        state.ruling(
            on: entry.command, by: entry.actor, rejection: entry.rejection, events: entry.events,
            at: entry.point.time, using: &events)
    }

    /// Whether an auction had to be closed before a bid on it.
    @inline(__always)
    func rulingOnDue(_ auction: AuctionHandle, at time: Timestamp) -> Ruling? {
        state.rulingOnDue(auction, at: time)
    }

    /// Applies the next entry after checking that it can follow.
    /// - Throws: `LogFault` with the position; the state is then of no more use.
    @inline(__always)
    mutating func apply(_ entry: DecodedEntry) throws(LogFault) {
        do {
            if let bid = entry.bid {
                try apply(bid, by: entry.actor, at: entry.point)
            } else {
                try applyOther(entry)
            }
        } catch {
            throw LogFault("entry \(entry.point.position): \(error.reason)")
        }
    }

    /// Applies an accepted bid: what `applyOther` does with its events.
    @inline(__always)
    private mutating func apply(
        _ bid: AcceptedBid, by actor: CanonicalActor, at point: EntryPoint
    ) throws(ImpossibleEntry) {
        try state.check(bid, by: actor, at: point)
        let links = state.evolve(bid, at: point)
        lastBidLinks = links
        try state.checkConsistency(of: bid.auction)
        auctionLists[bid.auction.index].changedPosition = point.position
        changedCount = point.position + 1
        if bid.kind.takesLead {
            holdings[links.currency.index].lock(
                bid.locked.minorUnits &- bid.refund.minorUnits)
            if bid.refunded != .none { removeHold(bid.auction, of: bid.refunded) }
            if bid.locked == bid.held { addHold(bid.auction, of: bid.bidder) }
        }
        bidders.note(bid.bidder, on: bid.auction, head: &userLists[bid.bidder.index].bidding)
    }

    private mutating func applyOther(_ entry: DecodedEntry) throws(ImpossibleEntry) {
        let (command, events) = (entry.command, entry.events)
        try state.check(command, by: entry.actor, at: entry.point)
        for event in events {
            try state.check(event)
            state.evolve(event, at: entry.point)
            visit(event)
        }
        if let auction = command.auction { try state.checkConsistency(of: auction) }
        if entry.rejection == nil, let auction = command.auction(events: events) {
            auctionLists[auction.index].changedPosition = entry.point.position
            changedCount = entry.point.position + 1
        }
        links.removeAll(keepingCapacity: true)
        state.finishEntry(
            command, rejected: entry.rejection != nil, events: events, at: entry.point,
            links: &links)
        if let bid = command.bid {
            bidders.note(bid.bidder, on: bid.auction, head: &userLists[bid.bidder.index].bidding)
        }
    }

    /// Whether the entry just applied carries the links it should.
    func hasLinks(_ entry: DecodedEntry) -> Bool {
        if entry.bid != nil { return entry.has(lastBidLinks) }
        return links.map { $0.reach(from: entry.point.position) }.elementsEqual(entry.reaches)
    }

    // MARK: Lists

    private mutating func add(_ auction: AuctionHandle, _ opening: CanonicalOpening) {
        titles.append(opening.title)
        auctionLists.append(
            AuctionLists(
                changedPosition: state.entryCount,
                selling: userLists[opening.seller.index].selling))
        userLists[opening.seller.index].selling = auction.rawValue
    }

    // A place is an auction's number, or one of a further hold with this bit.
    private static let furtherBit: UInt32 = 1 << 31

    private mutating func addHold(_ auction: AuctionHandle, of user: UserHandle) {
        let next = userLists[user.index].holding
        let node = HoldNode(holder: user, next: next)
        var place = auction.rawValue
        if auctionLists[auction.index].hold.holder == .none {
            auctionLists[auction.index].hold = node
        } else if let free = freeHolds.popLast() {
            place = free
            furtherHolds[Int(free & ~Self.furtherBit)] = FurtherHold(auction: auction, node: node)
        } else {
            place = UInt32(furtherHolds.count) | Self.furtherBit
            furtherHolds.append(FurtherHold(auction: auction, node: node))
        }
        userLists[user.index].holding = place
        if next != Self.none { changeNode(next) { $0.previous = place } }
    }

    private mutating func removeHold(_ auction: AuctionHandle, of user: UserHandle) {
        let isFirst = auctionLists[auction.index].hold.holder == user
        guard let place = isFirst ? auction.rawValue : furtherPlace(auction, of: user) else {
            return
        }
        let node = hold(at: place).node
        if node.previous == Self.none {
            userLists[user.index].holding = node.next
        } else {
            changeNode(node.previous) { $0.next = node.next }
        }
        if node.next != Self.none { changeNode(node.next) { $0.previous = node.previous } }
        changeNode(place) { $0.holder = .none }
        if !isFirst { freeHolds.append(place) }
    }

    /// Where a user's hold stands that is not the auction's first.
    /// - Complexity: O(the user's holds).
    private func furtherPlace(_ auction: AuctionHandle, of user: UserHandle) -> UInt32? {
        var place = userLists[user.index].holding
        while place != Self.none {
            let found = hold(at: place)
            if found.auction == auction, place & Self.furtherBit != 0 { return place }
            place = found.node.next
        }
        return nil
    }

    /// The hold at a place of a user's list.
    @inline(__always)
    func hold(at place: UInt32) -> FurtherHold {
        place & Self.furtherBit == 0
            ? FurtherHold(
                auction: AuctionHandle(rawValue: place), node: auctionLists[Int(place)].hold)
            : furtherHolds[Int(place & ~Self.furtherBit)]
    }

    @inline(__always)
    private mutating func changeNode(_ place: UInt32, _ body: (inout HoldNode) -> Void) {
        if place & Self.furtherBit == 0 {
            auctionLists.update(Int(place)) { body(&$0.hold) }
        } else {
            furtherHolds.update(Int(place & ~Self.furtherBit)) { body(&$0.node) }
        }
    }

    // MARK: Taking up a stored state

    /// Takes up a state that was stored, with the lists that cannot be derived from it.
    /// - Parameter changed: each auction's last change.
    init(
        state: State, titles: ChunkedArray<String>, changed: [UInt64],
        bids: [(UserHandle, AuctionHandle)]
    ) {
        self.state = state
        self.titles = titles
        holdings = state.sumOfHoldings()
        changedCount = changed.max().map { $0 + 1 } ?? 0
        for _ in 0..<state.userCount { userLists.append(UserLists()) }
        for index in 0..<state.auctionCount {
            let auction = AuctionHandle(rawValue: UInt32(index))
            let record = state[auction]
            auctionLists.append(
                AuctionLists(
                    changedPosition: changed[index],
                    selling: userLists[record.seller.index].selling))
            userLists[record.seller.index].selling = auction.rawValue
            for hold in state.holds(on: auction) { addHold(auction, of: hold.user) }
        }
        var heads = ChunkedArray<UserLists>()
        swap(&heads, &userLists)
        bidders = BidderIndex(bids) { user, number in
            heads.update(user.index) { lists in
                defer { lists.bidding = number }
                return lists.bidding
            }
        }
        swap(&heads, &userLists)
    }
}

extension ReadState: EffectVisitor {
    /// Keeps lists and holdings along with an event that the state has just taken.
    mutating func moves(_ movement: MoneyMovement) {
        let currency = state.currency(of: movement.subject)
        holdings[currency.index].add(
            available: movement.availableChange, locked: movement.lockedChange)
        guard let auction = movement.auction else { return }
        switch movement.kind {
        case .locked(let held): if held == movement.amount { addHold(auction, of: movement.user) }
        case .refunded, .paid:
            if state.hold(of: movement.user, on: auction) == .zero {
                removeHold(auction, of: movement.user)
            }
        case .charged, .withdrawn, .sold, .fee: break
        }
    }

    mutating func registers(_ registration: Registration) {
        switch registration {
        case .user: userLists.append(UserLists())
        case .currency: holdings.append(CurrencyHoldings())
        case .auction(let auction, let opening): add(auction, opening)
        }
    }
}
