// Auctions and entries as anyone may see them, with names.
//
// Invariant: a value of these types cannot hold a secret: there is no place in it for a rejected
// bid, a maximum or a hold, the only initializer that is given rules leaves out a reserve that no
// close has revealed, and nothing in it can be changed afterwards. Whoever writes public bytes
// takes these types and no others, so that the compiler keeps secrets out.

public import AuctionDomain

/// What a row of a market place shows of an auction.
public struct PublicAuction: Hashable, Sendable {
    public let auction: AuctionID
    public let title: String
    public let seller: UserID
    public let currency: Currency
    public let status: Status
    /// Only once closed.
    public let outcome: AuctionOutcome?
    /// What the bidding reached; nil before the first accepted bid.
    public let price: Money?
    /// Who leads, won, or led at the end.
    public let leader: UserID?
    /// Whether the price has reached the reserve; nil where there is none.
    public let isReserveMet: Bool?
    /// The price at which it can be bought now; nil where that is not on offer, or no more.
    public let buyNowPrice: Money?
    /// The least next bid of a challenger; nil once finished, or where none is large enough.
    public let minimumBid: Money?
    /// Accepted bids and purchases.
    public let bids: UInt64
    public let opensAt: Timestamp
    /// After extensions; nil where time does not end it.
    public let closesAt: Timestamp?

    /// The winner, once sold.
    public var winner: UserID? { outcome == .sold ? leader : nil }
    /// Whether nothing will happen to it any more.
    public var isFinished: Bool { status == .closed || status == .cancelled }
}

extension ReadState {
    /// What anyone may see of an auction, in one place for all that shows it.
    /// - Complexity: O(1); no rules are copied.
    func publicAuction(_ auction: AuctionHandle) -> PublicAuction {
        let record = state[auction]
        let hasLeader = record.leader != .none
        return PublicAuction(
            auction: state.id(of: auction), title: titles[auction.index],
            seller: state.id(of: record.seller), currency: state.currency(of: record.currency),
            status: status(of: auction), outcome: record.outcome,
            price: hasLeader ? record.price : nil,
            leader: hasLeader ? state.id(of: record.leader) : nil,
            isReserveMet: state.isReserveMet(on: auction),
            buyNowPrice: state.buyNowPrice(of: auction),
            minimumBid: record.phase == .open ? state.minimumBid(on: auction) : nil,
            bids: record.acceptedBids, opensAt: record.opensAt,
            closesAt: record.endsAt)
    }
}

extension PublicAuction {
    /// Everything about an auction that anyone may see.
    public struct Detail: Hashable, Sendable {
        public let auction: PublicAuction
        /// What the winner paid, the buyer's premium included; nil unless sold.
        public let paid: Money?
        /// How often bids have moved the end.
        public let extensions: UInt32
        /// Without the reserve until the auction was closed.
        public let rules: AuctionRules
        public let openedPosition: UInt64
        /// Where it was closed or cancelled.
        public let closedPosition: UInt64?

        init(_ view: AuctionView) {
            auction = view.row
            paid = view.paid
            extensions = view.extensions
            rules = view.rules.publicView(isClosed: view.status == .closed)
            openedPosition = view.openedPosition
            closedPosition = view.closedPosition
        }
    }
}

extension AuctionView {
    /// What anyone may see: neither rejected bids nor a reserve that the close has not revealed.
    public var publicView: PublicAuction.Detail { PublicAuction.Detail(self) }

    /// A view that knows nothing but what anyone may see, for whoever shows both alike.
    public init(_ open: PublicAuction.Detail) {
        self.init(
            row: open.auction, paid: open.paid, bids: open.auction.bids,
            extensions: open.extensions, rules: open.rules, openedPosition: open.openedPosition,
            closedPosition: open.closedPosition)
    }
}

/// One entry of the log as anyone may see it.
package struct PublicLogEntry: Hashable, Sendable {
    package let position: UInt64
    /// The hash of the entry's bytes as a leaf of the log's tree (RFC 6962 section 2.1).
    package let leaf: LedgerHash
    /// Nil of a blanked entry, of which nothing else is public: neither when it was made, nor by
    /// whom, nor what it is about, nor how long it is.
    package let entry: PublicEntry?
}

extension LedgerQueries {
    /// A run of entries from a position on as anyone may see them, in order: at most `limit`, none
    /// when there are no more.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(limit), each entry hashed.
    package func publicEntries(
        from position: UInt64, limit: Int = pageItemsMax
    ) throws(LedgerError) -> [PublicLogEntry] {
        let end = min(reflects, position.addingClamped(UInt64(max(0, limit))))
        var found: [PublicLogEntry] = []
        guard position < end else { return found }
        do {
            var decoded = DecodedEntry()
            try reading.entries.forEach(in: position..<end) { value, range, position in
                try decoded.decode(value, in: range)
                let entry = decoded.entry
                found.append(
                    PublicLogEntry(
                        position: position, leaf: LedgerHash.leaf(value.extracting(range)),
                        entry: PublicEntry(entry.command, outcome: entry.outcome, at: entry.time)))
                return true
            }
        } catch {
            throw LedgerError(error, while: "reading entries from \(position)")
        }
        return found
    }
}
