// The English rules of bidding and buying: who leads, at which price, with what held. Shape of each
// rule as in `State+Decide.swift`.
//
// The proxy rule is auctions.md section 3.1's; without proxy the price is the bid and the leader
// must reach price + step like everyone.

extension English {
    @inline(__always)
    static func decideBid(
        _ amount: Money, by bidder: UserHandle, on auction: AuctionHandle, _ record: AuctionRecord,
        in state: State, purchase: inout EventList
    ) throws(Rejection) -> AcceptedBid? {
        let isLeader = record.leader == bidder
        let proxy = state.terms[Int(record.termsIndex)].proxy
        var noAmountSuffices = false
        if record.leader == .none {
            guard amount >= record.openingPrice else {
                throw Rejection(.bidBelowOpening, limit: record.openingPrice)
            }
            if case .standing(let price) = state.buyNowOffer(of: record), amount >= price {
                try decideSale(
                    of: auction, record, to: bidder, at: price, bid: amount, in: state,
                    into: &purchase)
                return nil
            }
        } else if isLeader && proxy {
            guard amount > record.maximum else {
                throw Rejection(.bidNotAboveOwnMaximum, limit: record.maximum)
            }
        } else if let minimum = minimumBid(record, in: state) {
            guard amount >= minimum else { throw Rejection(.bidBelowMinimum, limit: minimum) }
        } else {
            noAmountSuffices = true
        }
        // The bid must be covered in full even when the leader's maximum will absorb it: what
        // pushes a price must be able to pay it.
        let hold = try state.checkFunds(amount, of: bidder, on: auction, record)
        if noAmountSuffices { throw Rejection(.overflowsPrice) }

        // From here it succeeds.
        if isLeader {
            let price = priceWithReserve(
                proxy ? record.price : amount, maximum: amount, record, state)
            return AcceptedBid(
                auction: auction, bidder: bidder, maximum: amount, kind: .maximumRaised,
                price: price, refunded: .none, refund: .zero, locked: hold - record.held,
                held: hold)
        }
        if proxy && record.leader != .none && amount <= record.maximum {
            // Equal maxima stay with the earlier bid. Sums above the maximum are cut to it, so an
            // overflowing one is too.
            let pushed = amount.adding(state.step(of: record, at: amount)) ?? .max
            return AcceptedBid(
                absorbed: auction, bidder: bidder, maximum: amount,
                price: min(record.maximum, pushed))
        }
        let price = priceWithReserve(
            priceOfLead(amount, record, state, proxy: proxy), maximum: amount, record, state)
        return AcceptedBid(
            auction: auction, bidder: bidder, maximum: amount, kind: .leadTaken, price: price,
            refunded: record.leader, refund: record.held, locked: hold, held: hold)
    }

    /// The price at which a bid above the leader's maximum leads, but for the reserve.
    private static func priceOfLead(
        _ amount: Money, _ record: AuctionRecord, _ state: State, proxy: Bool
    ) -> Money {
        guard proxy else { return amount }
        guard record.leader != .none else { return record.openingPrice }
        let step = state.step(of: record, at: record.maximum)
        return min(amount, record.maximum.adding(step) ?? .max)
    }

    /// The visible price once a maximum leads: the reserve where only that one reaches it.
    @inline(__always)
    private static func priceWithReserve(
        _ price: Money, maximum: Money, _ record: AuctionRecord, _ state: State
    ) -> Money {
        guard let reserve = state.reserve(of: record), maximum >= reserve else { return price }
        return max(price, reserve)
    }

    // MARK: Buying

    static func decidePurchase(
        of auction: AuctionHandle, _ record: AuctionRecord, by buyer: UserHandle, in state: State,
        into events: inout EventList
    ) throws(Rejection) {
        switch state.buyNowOffer(of: record) {
        case .never: throw Rejection(.buyNowNotOffered)
        case .ended: throw Rejection(.buyNowEnded)
        case .standing(let price):
            try decideSale(
                of: auction, record, to: buyer, at: price, bid: nil, in: state, into: &events)
        }
    }

    /// Sells at the buy-now price: all in one entry, so of two buyers one has it.
    /// - Parameter bid: the amount where a first bid reached the price.
    private static func decideSale(
        of auction: AuctionHandle, _ record: AuctionRecord, to buyer: UserHandle,
        at price: Money, bid: Money?, in state: State, into events: inout EventList
    ) throws(Rejection) {
        let hold = try state.checkFunds(price, of: buyer, on: auction, record)

        // From here it succeeds.
        if let bid {
            events.append(
                .leadTaken(auction: auction, bidder: buyer, maximum: bid, price: price))
        }
        events.append(.boughtNow(auction: auction, buyer: buyer, price: price))
        var held = Money.zero
        if record.leader == buyer {
            held = record.held
        } else {
            state.refundHolds(on: auction, reason: .boughtNow, into: &events)
        }
        if held < hold {
            events.append(
                .locked(auction: auction, user: buyer, amount: hold - held, held: hold))
            held = hold
        }
        state.sell(record, auction, to: buyer, at: price, held: held, into: &events)
    }

    static func buyNowPrice(_ record: AuctionRecord, in state: State) -> Money? {
        guard case .standing(let price) = state.buyNowOffer(of: record) else { return nil }
        return price
    }

    // MARK: Closing

    /// The winner pays out of the hold and the rest comes back in the same entry, or all of it
    /// where the reserve was not met.
    static func close(_ auction: AuctionHandle, in state: State, into events: inout EventList) {
        let record = state.auctions[auction.index]
        guard record.leader != .none else {
            events.append(
                .auctionClosed(auction: auction, outcome: .noBids, winner: nil, price: .zero))
            return
        }
        if let reserve = state.reserve(of: record), record.price < reserve {
            events.append(
                .auctionClosed(
                    auction: auction, outcome: .reserveNotMet, winner: nil, price: record.price))
            state.refundHolds(on: auction, reason: .reserveNotMet, into: &events)
            return
        }
        state.sell(
            record, auction, to: record.leader, at: record.price, held: record.held,
            into: &events)
    }
}
