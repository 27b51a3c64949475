// Auctions in a list: what a row of a market place shows, and where one user stands in each. Lists
// are asked for thousands of times a second, so a row copies no rules.

public import AuctionDomain
internal import Synchronization

/// One auction as a row of a list. What anyone may see of it can be read as the row's own.
@dynamicMemberLookup
public struct AuctionListing: Hashable, Sendable {
    /// All but where one user stands.
    public let publicView: PublicAuction
    /// Where the user asked for stands; nil where she never bid, or nobody was asked for.
    public let standing: Standing?
    /// For the cursor with which a list goes on after this row.
    let handle: AuctionHandle

    public subscript<Value>(dynamicMember member: KeyPath<PublicAuction, Value>) -> Value {
        publicView[keyPath: member]
    }
}

extension AuctionListing {
    /// Where one user stands in an auction that she bid in, or tried to. Nobody else's to see.
    public struct Standing: Hashable, Sendable {
        /// Whether she leads an auction that is still open.
        public var isLeading: Bool
        public var hasWon: Bool
        /// What she has locked for it now.
        public var hold: Money
        /// Her own maximum, while she leads; with it alone nobody can tell what others would pay.
        public var maximum: Money?
    }
}

extension AuctionView {
    /// One auction, and where one user stands in it.
    public struct Overview: Hashable, Sendable {
        public var auction: AuctionView
        public var standing: AuctionListing.Standing?
    }
}

extension LedgerQueries {
    /// A page of auctions as rows, as `auctions(_:after:limit:boundTo:)`.
    /// - Parameter user: whose standing each row has.
    /// - Throws: `LedgerError` with `badCursor` or `unknownName`.
    public func listings(
        _ filter: AuctionFilter = AuctionFilter(), for user: UserID? = nil,
        after cursor: String? = nil, limit: Int = 100, boundTo binding: CursorBinding = .none
    ) throws(LedgerError) -> Page<AuctionListing> {
        let handle = user.flatMap { reading.handle(of: $0) }
        return try search(filter, after: cursor, limit: limit, boundTo: binding) {
            $0.listing($1, for: handle)
        }
    }

    /// One auction as a row, with a user's standing.
    /// - Throws: `LedgerError` with `unknownName`.
    /// - Complexity: O(1).
    public func listing(
        _ id: AuctionID, for user: UserID? = nil
    ) throws(LedgerError) -> Answer<AuctionListing> {
        try reading.answer(about: id) { state, auction in
            state.listing(auction, for: user.flatMap { state.state.user($0) })
        }
    }

    /// One auction, with a user's standing as of the same moment.
    /// - Throws: `LedgerError` with `unknownName`.
    /// - Complexity: O(1).
    public func overview(
        _ id: AuctionID, for user: UserID?
    ) throws(LedgerError) -> Answer<AuctionView.Overview> {
        try reading.answer(about: id) { state, auction in
            AuctionView.Overview(
                auction: state.auction(auction),
                standing: user.flatMap { state.state.user($0) }.flatMap {
                    state.standing(of: $0, in: auction)
                })
        }
    }
}

extension Reading {
    /// The handle of a user; nil where there is none.
    public func handle(of user: UserID) -> UserHandle? {
        readState.withLock { $0.state.user(user) }
    }
}

extension ReadState {
    func listing(_ auction: AuctionHandle, for user: UserHandle?) -> AuctionListing {
        AuctionListing(
            publicView: publicAuction(auction),
            standing: user.flatMap { standing(of: $0, in: auction) }, handle: auction)
    }

    func standing(of user: UserHandle, in auction: AuctionHandle) -> AuctionListing.Standing? {
        guard bidders.contains(user, on: auction) else { return nil }
        let record = state[auction]
        let isLeading = record.leader == user && record.phase == .open
        return AuctionListing.Standing(
            isLeading: isLeading, hasWon: record.leader == user && record.outcome == .sold,
            hold: state.hold(of: user, on: auction),
            maximum: isLeading ? record.maximum : nil)
    }
}
