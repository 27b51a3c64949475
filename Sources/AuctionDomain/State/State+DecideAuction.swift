// The rules of an auction's life: opening, closing, extending, cancelling. Shape of each rule as
// in `State+Decide.swift`.

extension State {
    func decideOpening(
        _ opening: CanonicalOpening, by actor: CanonicalActor, at time: Timestamp,
        into events: inout EventList
    ) throws(Rejection) {
        guard actor == .operator || actor == .user(opening.seller), opening.seller != .house
        else { throw Rejection(.notPermitted) }
        guard auction(opening.auction) == nil else { throw Rejection(.auctionAlreadyOpened) }
        let opensAt = opening.opensAt ?? time
        if let closesAt = opening.closesAt {
            guard closesAt > time, closesAt > opensAt else { throw Rejection(.closesAtTooEarly) }
        }
        let handle = AuctionHandle(rawValue: UInt32(auctions.count))
        events.append(.auctionOpened(handle, opening, opensAt: opensAt))
    }

    func decideClose(
        _ auction: AuctionHandle, hammer: Bool, by actor: CanonicalActor, at time: Timestamp,
        into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        // Anyone may ask for an outcome, also with the word that would have ended the auction;
        // ending an open one is for its seller and the operator.
        if hammer && record.phase == .open && time < record.closesAt {
            guard actor == .operator || actor == .user(record.seller) else {
                throw Rejection(.notPermitted)
            }
        }
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed:
            events.append(
                .closeConfirmed(
                    auction: auction, position: record.closedPosition, outcome: record.outcome!))
            return
        case .open: break
        }
        if time < record.closesAt {
            guard hammer else { throw Rejection(.auctionNotEnded) }
            guard time >= record.opensAt else { throw Rejection(.auctionNotOpen) }
        }
        close(auction, into: &events)
    }

    /// Ends an open auction, as its format says.
    func close(_ auction: AuctionHandle, into events: inout EventList) {
        format(of: auctions[auction.index]).close(auction, in: self, into: &events)
    }

    /// Closes an auction as sold and divides the winner's hold: seller and house are paid, what
    /// is left comes back.
    func sell(
        _ record: AuctionRecord, _ auction: AuctionHandle, to winner: UserHandle, at price: Money,
        held: Money, into events: inout EventList
    ) {
        guard let paid = paid(at: price, in: record) else {
            preconditionFailure("a price that was bid can be paid with its premium")
        }
        let fee = paid - terms[Int(record.termsIndex)].fees.proceeds(at: price)
        events.append(
            .auctionClosed(auction: auction, outcome: .sold, winner: winner, price: price))
        events.append(
            .settled(
                auction: auction, winner: winner, seller: record.seller, amount: paid, fee: fee))
        if held > paid {
            events.append(
                .refunded(auction: auction, user: winner, amount: held - paid, reason: .change))
        }
    }

    func decideExtension(
        _ auction: AuctionHandle, closesAt: Timestamp, by actor: CanonicalActor,
        at time: Timestamp, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        guard actor == .operator else { throw Rejection(.notPermitted) }
        try checkNotFinished(record)
        guard closesAt > record.closesAt, closesAt > time, closesAt > record.opensAt else {
            throw Rejection(.closesAtTooEarly)
        }
        events.append(
            .auctionExtended(auction: auction, closesAt: closesAt, reason: .operator))
    }

    /// The operator may cancel at any time before the close, the seller as the auction's policy
    /// says.
    func decideCancellation(
        _ auction: AuctionHandle, by actor: CanonicalActor, into events: inout EventList
    ) throws(Rejection) {
        let record = auctions[auction.index]
        let policy = terms[Int(record.termsIndex)].cancelPolicy
        guard actor == .operator || actor == .user(record.seller) && policy != .operatorOnly
        else { throw Rejection(.notPermitted) }
        try checkNotFinished(record)
        guard actor == .operator || record.leader == .none else {
            throw Rejection(.auctionHasBids)
        }
        events.append(.auctionCancelled(auction: auction))
        refundHolds(on: auction, reason: .cancelled, into: &events)
    }

    private func checkNotFinished(_ record: AuctionRecord) throws(Rejection) {
        switch record.phase {
        case .cancelled: throw Rejection(.auctionCancelled)
        case .closed: throw Rejection(.auctionAlreadyClosed)
        case .open: break
        }
    }
}
