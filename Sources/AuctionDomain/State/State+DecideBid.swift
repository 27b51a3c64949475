// The rules of bidding and buying: who leads, at which price, with what held, until when. Shape
// of each rule as in `State+Decide.swift`.
//
// The proxy rule is auctions.md section 3.1's; without proxy the price is the bid and the leader
// must reach price + step like everyone.

extension State {
    /// Decides a bid.
    /// - Parameter purchase: receives the events of a bid that buys at once.
    /// - Returns: what the bid changed; nil where it bought.
    /// - Throws: the first rule in precedence that the bid breaks.
    @inline(__always)
    package func decideBid(
        _ auction: AuctionHandle, _ bidder: UserHandle, _ amount: Money,
        by actor: CanonicalActor, at time: Timestamp, purchase: inout EventList
    ) throws(Rejection) -> AcceptedBid? {
        let record = auctions[auction.index]
        try checkMayBuy(bidder, record, by: actor, at: time)

        let isLeader = record.leader == bidder
        let proxy = terms[Int(record.termsIndex)].proxy
        var noAmountSuffices = false
        if record.leader == .none {
            guard amount >= record.openingPrice else {
                throw Rejection(.bidBelowOpening, limit: record.openingPrice)
            }
            if case .standing(let price) = buyNowOffer(of: record), amount >= price {
                try decideSale(
                    record, auction, to: bidder, at: price, bid: amount, into: &purchase)
                return nil
            }
        } else if isLeader && proxy {
            guard amount > record.maximum else {
                throw Rejection(.bidNotAboveOwnMaximum, limit: record.maximum)
            }
        } else if let minimum = record.price.adding(step(of: record, at: record.price)) {
            guard amount >= minimum else { throw Rejection(.bidBelowMinimum, limit: minimum) }
        } else {
            noAmountSuffices = true
        }
        // The bid must be covered in full even when the leader's maximum will absorb it: what
        // pushes a price must be able to pay it.
        let hold = try checkFunds(amount, of: bidder, record)
        if noAmountSuffices { throw Rejection(.overflowsPrice) }

        // From here it succeeds.
        var bid: AcceptedBid
        if isLeader {
            let price = priceWithReserve(
                proxy ? record.price : amount, maximum: amount, in: record)
            bid = AcceptedBid(
                auction: auction, bidder: bidder, maximum: amount, kind: .maximumRaised,
                price: price, refunded: .none, refund: .zero, locked: hold - record.held,
                held: hold)
        } else if proxy && record.leader != .none && amount <= record.maximum {
            // Equal maxima stay with the earlier bid. Sums above the maximum are cut to it, so an
            // overflowing one is too.
            let pushed = amount.adding(step(of: record, at: amount)) ?? .max
            bid = AcceptedBid(
                absorbed: auction, bidder: bidder, maximum: amount,
                price: min(record.maximum, pushed))
        } else {
            let price = priceWithReserve(
                priceOfLead(amount, record, proxy: proxy), maximum: amount, in: record)
            bid = AcceptedBid(
                auction: auction, bidder: bidder, maximum: amount, kind: .leadTaken, price: price,
                refunded: record.leader, refund: record.held, locked: hold, held: hold)
        }
        moveEnd(record, &bid, at: time)
        return bid
    }

    func decidePurchase(
        _ auction: AuctionHandle, _ buyer: UserHandle, by actor: CanonicalActor,
        at time: Timestamp, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        try checkMayBuy(buyer, record, by: actor, at: time)
        switch buyNowOffer(of: record) {
        case .never: throw Rejection(.buyNowNotOffered)
        case .ended: throw Rejection(.buyNowEnded)
        case .standing(let price):
            try decideSale(record, auction, to: buyer, at: price, bid: nil, into: &events)
        }
    }

    /// Sells at the buy-now price: all in one entry, so of two buyers one has it.
    /// - Parameter bid: the amount where a first bid reached the price.
    private func decideSale(
        _ record: AuctionRecord, _ auction: AuctionHandle, to buyer: UserHandle,
        at price: Money, bid: Money?, into events: inout EventList
    ) throws(Rejection) {
        let hold = try checkFunds(price, of: buyer, record)

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
            refundLeader(record, auction, reason: .boughtNow, into: &events)
        }
        if held < hold {
            events.append(
                .locked(auction: auction, user: buyer, amount: hold - held, held: hold))
            held = hold
        }
        sell(record, auction, to: buyer, at: price, held: held, into: &events)
    }

    // MARK: Guards

    private func checkMayBuy(
        _ bidder: UserHandle, _ record: AuctionRecord, by actor: CanonicalActor,
        at time: Timestamp
    ) throws(Rejection) {
        guard bidder != record.seller else { throw Rejection(.sellerCannotBid) }
        guard actor == .operator || actor == .user(bidder), bidder != .house else {
            throw Rejection(.notPermitted)
        }
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed: throw Rejection(.auctionEnded)
        case .open: break
        }
        guard time >= record.opensAt else { throw Rejection(.auctionNotOpen) }
        guard time < record.closesAt else { throw Rejection(.auctionEnded) }
    }

    /// Checks that a bidder can hold an amount and its premium; a leader has part of it locked
    /// already.
    /// - Returns: what is to be held.
    @inline(__always)
    private func checkFunds(
        _ amount: Money, of bidder: UserHandle, _ record: AuctionRecord
    ) throws(Rejection) -> Money {
        let available = available(bidder, record.currency)
        let held = record.leader == bidder ? record.held : .zero
        guard let hold = paid(at: amount, in: record), hold - held <= available else {
            throw Rejection(.exceedsAvailable, limit: available)
        }
        return hold
    }

    // MARK: Consequences

    /// The price at which a bid above the leader's maximum leads, but for the reserve.
    private func priceOfLead(_ amount: Money, _ record: AuctionRecord, proxy: Bool) -> Money {
        guard proxy else { return amount }
        guard record.leader != .none else { return record.openingPrice }
        let step = step(of: record, at: record.maximum)
        return min(amount, record.maximum.adding(step) ?? .max)
    }

    func refundLeader(
        _ record: AuctionRecord, _ auction: AuctionHandle, reason: RefundReason,
        into events: inout EventList
    ) {
        guard record.leader != .none else { return }
        events.append(
            .refunded(
                auction: auction, user: record.leader, amount: record.held, reason: reason))
    }

    /// Starts the clock at the first bid, or moves the end where a bid comes within the soft
    /// close's window. The bid that starts the clock does not move the end as well.
    @inline(__always)
    private func moveEnd(_ record: AuctionRecord, _ bid: inout AcceptedBid, at time: Timestamp) {
        if record.closesAt == .noEnd {
            startClock(record, &bid, at: time)
        } else if record.extrasIndex != Self.noExtras {
            extendSoftly(record, &bid, at: time)
        }
    }

    private func extendSoftly(
        _ record: AuctionRecord, _ bid: inout AcceptedBid, at time: Timestamp
    ) {
        guard let extras = extras(of: record),
            var softClose = terms[Int(record.termsIndex)].softClose
        else { return }
        softClose.latestEnd = extras.latestEnd
        let triggers =
            switch softClose.trigger {
            case .acceptedBid: true
            case .priceChange: bid.price != record.price
            case .leadChange: bid.kind == .leadTaken
            }
        guard triggers, extras.extensions < softClose.maxExtensions ?? .max,
            let end = softClose.newEnd(after: time, end: record.closesAt)
        else { return }
        bid.closesAt = end
        bid.extensionReason = .softClose
    }

    private func startClock(
        _ record: AuctionRecord, _ bid: inout AcceptedBid, at time: Timestamp
    ) {
        guard record.leader == .none,
            let duration = terms[Int(record.termsIndex)].durationFromFirstBidMilliseconds
        else { return }
        bid.closesAt = time.adding(milliseconds: duration)
        bid.extensionReason = .firstBid
    }
}
