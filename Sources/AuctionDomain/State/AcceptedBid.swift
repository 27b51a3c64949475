// An accepted bid as one flat value: what most entries of a log are.
//
// Invariants: it says what its events say, no more and no less: `bidAbsorbed`, or `leadTaken` with
// the `refunded` of the former leader and the `locked` of the new one, or `maximumRaised` with its
// `locked`, and behind them at most one `auctionExtended`. A bid that buys at once is none of these
// and stays a list of events. Deciding, evolving, encoding and decoding a flat value instead of a
// list of events takes a third off a bid (decision 0013); `evolve` of the events does the same to a
// state, which tests hold both to.

/// What an accepted bid changed.
@usableFromInline
package struct AcceptedBid: Hashable, Sendable {
    @usableFromInline
    package enum Kind: UInt8, Hashable, Sendable {
        case leadTaken
        case maximumRaised
        case bidAbsorbed

        /// Whether the bidder leads afterwards, with a hold of her own; else the leader's maximum
        /// absorbed the bid. A switch, since `==` of an enum is not inlined in another module.
        @inlinable @inline(__always) package var takesLead: Bool {
            switch self {
            case .leadTaken, .maximumRaised: true
            case .bidAbsorbed: false
            }
        }
    }

    @usableFromInline package let auction: AuctionHandle
    @usableFromInline package let bidder: UserHandle
    /// What was bid; with proxy bidding a maximum.
    @usableFromInline package let maximum: Money
    @usableFromInline package let kind: Kind
    /// The price afterwards.
    @usableFromInline package let price: Money
    /// Whose hold goes back, or `UserHandle.none`.
    @usableFromInline package let refunded: UserHandle
    @usableFromInline package let refund: Money
    /// What the bidder locks now; zero when absorbed.
    @usableFromInline package let locked: Money
    /// The bidder's whole hold afterwards; zero when absorbed.
    @usableFromInline package let held: Money
    /// The new end, where the bid moved it.
    @usableFromInline package var closesAt: Timestamp?
    @usableFromInline package var extensionReason = ExtensionReason.softClose

    /// A bid that the leader's maximum absorbs.
    @inlinable
    package init(absorbed auction: AuctionHandle, bidder: UserHandle, maximum: Money, price: Money)
    {
        self.init(
            auction: auction, bidder: bidder, maximum: maximum, kind: .bidAbsorbed, price: price,
            refunded: .none, refund: .zero, locked: .zero, held: .zero)
    }

    @inlinable @inline(__always)
    package init(
        auction: AuctionHandle, bidder: UserHandle, maximum: Money, kind: Kind, price: Money,
        refunded: UserHandle, refund: Money, locked: Money, held: Money
    ) {
        self.auction = auction
        self.bidder = bidder
        self.maximum = maximum
        self.kind = kind
        self.price = price
        self.refunded = refunded
        self.refund = refund
        self.locked = locked
        self.held = held
    }

    /// How many events it stands for.
    @inlinable @inline(__always) package var eventCount: Int {
        let extending = closesAt == nil ? 0 : 1
        return switch kind {
        case .bidAbsorbed: 1 + extending
        case .maximumRaised: 2 + extending
        case .leadTaken: (refunded == .none ? 2 : 3) + extending
        }
    }

    /// Appends its events, in order.
    package func appendEvents(to events: inout EventList) {
        switch kind {
        case .bidAbsorbed:
            events.append(.bidAbsorbed(auction: auction, bidder: bidder, price: price))
        case .maximumRaised:
            events.append(
                .maximumRaised(auction: auction, bidder: bidder, maximum: maximum, price: price))
            events.append(.locked(auction: auction, user: bidder, amount: locked, held: held))
        case .leadTaken:
            events.append(
                .leadTaken(auction: auction, bidder: bidder, maximum: maximum, price: price))
            if refunded != .none {
                events.append(
                    .refunded(auction: auction, user: refunded, amount: refund, reason: .outbid))
            }
            events.append(.locked(auction: auction, user: bidder, amount: locked, held: held))
        }
        if let closesAt {
            events.append(
                .auctionExtended(auction: auction, closesAt: closesAt, reason: extensionReason))
        }
    }
}

/// The previous entries of the chains that a bid's entry belongs to, and what its money is in.
@usableFromInline
package struct BidLinks: Hashable, Sendable {
    @usableFromInline package let auction: UInt64
    @usableFromInline package let bidder: UInt64
    /// Only where somebody was refunded.
    @usableFromInline package let refunded: UInt64?
    /// Known already where the bid takes effect: nobody has to look the auction up again.
    @usableFromInline package let currency: CurrencyHandle

    @inlinable
    package init(auction: UInt64, bidder: UInt64, refunded: UInt64?, currency: CurrencyHandle) {
        self.auction = auction
        self.bidder = bidder
        self.refunded = refunded
        self.currency = currency
    }
}
