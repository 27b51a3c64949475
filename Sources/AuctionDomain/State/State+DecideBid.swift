// Bids and purchases: what is asked of them whatever the format, and what follows from them. Shape
// of each rule as in `State+Decide.swift`; the format's own rules are in `Formats`.

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
        guard
            var bid = try format(of: record).decideBid(
                amount, by: bidder, on: auction, record, in: self, purchase: &purchase)
        else { return nil }
        moveEnd(record, &bid, at: time)
        return bid
    }

    func decidePurchase(
        _ auction: AuctionHandle, _ buyer: UserHandle, by actor: CanonicalActor,
        at time: Timestamp, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        try checkMayBuy(buyer, record, by: actor, at: time)
        try format(of: record).decidePurchase(
            of: auction, record, by: buyer, in: self, into: &events)
    }

    // MARK: Guards

    /// Checks what is asked of every bid and purchase, whatever the format.
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

    /// Checks that a bidder can hold an amount and its premium; who has a hold already has part of
    /// it locked.
    /// - Returns: what is to be held.
    @inline(__always)
    func checkFunds(
        _ amount: Money, of bidder: UserHandle, on auction: AuctionHandle, _ record: AuctionRecord
    ) throws(Rejection) -> Money {
        let available = available(bidder, record.currency)
        let held = hold(of: bidder, on: auction)
        guard let hold = paid(at: amount, in: record), hold - held <= available else {
            throw Rejection(.exceedsAvailable, limit: available)
        }
        return hold
    }

    // MARK: Consequences

    /// Gives back whatever is held for an auction.
    func refundHolds(
        on auction: AuctionHandle, reason: RefundReason, into events: inout EventList
    ) {
        forEachHold(on: auction) { hold in
            events.append(
                .refunded(auction: auction, user: hold.user, amount: hold.amount, reason: reason))
        }
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
