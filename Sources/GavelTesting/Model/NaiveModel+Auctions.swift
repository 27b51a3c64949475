// Auctions in the plain model: openings, bids, purchases, ends.

internal import AuctionDomain

extension NaiveModel {
    mutating func openAuction(_ opening: OpenAuction, by actor: LedgerActor) -> Rejection? {
        let opensAt = opening.opensAt ?? now
        if actor != .operator && actor != .user(opening.seller) {
            return Rejection(.notPermitted)
        }
        if opening.seller == .house { return Rejection(.notPermitted) }
        if auctions[opening.auction] != nil { return Rejection(.auctionAlreadyOpened) }
        if let end = opening.closesAt, end <= now || end <= opensAt {
            return Rejection(.closesAtTooEarly)
        }

        auctions[opening.auction] = Auction(
            id: opening.auction, seller: opening.seller, currency: opening.currency,
            rules: opening.rules, opensAt: opensAt, closesAt: opening.closesAt)
        opened.append(opening.auction)
        open.append(opening.auction)
        return nil
    }

    /// Who may bid or buy, and when.
    func purchaseRejection(
        on auction: Auction, by bidder: UserID, actor: LedgerActor
    ) -> Rejection? {
        if bidder == auction.seller { return Rejection(.sellerCannotBid) }
        if actor != .operator && actor != .user(bidder) { return Rejection(.notPermitted) }
        if bidder == .house { return Rejection(.notPermitted) }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionEnded) }
        if now < auction.opensAt { return Rejection(.auctionNotOpen) }
        return nil
    }

    /// A rejection where a bidder has not enough for an amount and its premium.
    func fundsRejection(
        of amount: Money, on auction: Auction, by bidder: UserID
    ) -> Rejection? {
        let available = wallet(bidder, auction.currency).available
        let most = sum(held(by: bidder, for: auction.id), available)
        return paid(at: amount, in: auction) > most
            ? Rejection(.exceedsAvailable, limit: available) : nil
    }

    mutating func placeBid(
        on auction: Auction, _ bidder: UserID, _ amount: Money, by actor: LedgerActor
    ) -> Rejection? {
        switch auction.rules.format {
        case .english: placeEnglishBid(on: auction, bidder, amount, by: actor)
        }
    }

    private mutating func placeEnglishBid(
        on auction: Auction, _ bidder: UserID, _ amount: Money, by actor: LedgerActor
    ) -> Rejection? {
        if let rejection = purchaseRejection(on: auction, by: bidder, actor: actor) {
            return rejection
        }
        if let rejection = priceRejection(of: amount, on: auction, by: bidder) {
            return rejection
        }
        if auction.leader == nil, let offer = auction.rules.buyNow, amount >= offer.price {
            if let rejection = fundsRejection(of: offer.price, on: auction, by: bidder) {
                return rejection
            }
            auctions[auction.id]!.acceptedBids += 1
            sell(auction.id, to: bidder, at: offer.price)
            return nil
        }
        if let rejection = fundsRejection(of: amount, on: auction, by: bidder) {
            return rejection
        }
        // Only now, for overflow is the last group of rules: no amount is large enough.
        let competes = auction.leader != nil && !(auction.rules.proxy && auction.leader == bidder)
        if competes && minimumBid(on: auction) > Int128(Int64.max) {
            return Rejection(.overflowsPrice)
        }

        var after = auction
        after.acceptedBids += 1
        if amount > auction.maximum {
            after.leader = bidder
            after.maximum = amount
        }
        after.price = price(after: amount, by: bidder, on: auction)
        if let reserve = auction.rules.reservePrice, after.maximum >= reserve {
            after.price = max(after.price, reserve)
        }
        moveEnd(of: &after, from: auction)
        auctions[auction.id] = after
        if after.leader != auction.leader, let loser = auction.leader {
            setHold(of: loser, for: auction, to: 0)
        }
        setHold(
            of: after.leader!, for: auction, to: money(paid(at: after.maximum, in: auction)))
        return nil
    }

    /// What an accepted bid does to the end.
    func moveEnd(of after: inout Auction, from before: Auction) {
        guard let end = before.closesAt else {
            if before.leader == nil, let wait = before.rules.durationFromFirstBidMilliseconds {
                after.closesAt = time(Int128(now.nanoseconds) + Int128(wait) * 1_000_000)
            }
            return
        }
        guard let rule = before.rules.softClose else { return }
        let left = Int128(end.nanoseconds) - Int128(now.nanoseconds)
        if left > Int128(rule.windowMilliseconds) * 1_000_000 { return }
        if rule.trigger == .priceChange && after.price == before.price { return }
        if rule.trigger == .leadChange && after.leader == before.leader { return }
        if let most = rule.maxExtensions, before.extensions >= Int(most) { return }
        let start = rule.mode == .add ? end : now
        var next = time(
            Int128(start.nanoseconds) + Int128(rule.extensionMilliseconds) * 1_000_000)
        if let latest = rule.latestEnd, next > latest { next = latest }
        if next <= end { return }
        after.closesAt = next
        after.extensions += 1
    }

    /// A time, or the last one there is.
    func time(_ nanoseconds: Int128) -> Timestamp {
        let latest = Int128(Timestamp.max.nanoseconds)
        return Timestamp(nanoseconds: Int64(min(nanoseconds, latest)))
    }

    mutating func buyNow(
        _ auction: Auction, _ buyer: UserID, by actor: LedgerActor
    ) -> Rejection? {
        if let rejection = purchaseRejection(on: auction, by: buyer, actor: actor) {
            return rejection
        }
        if auction.rules.buyNow == nil { return Rejection(.buyNowNotOffered) }
        guard let price = buyNowPrice(of: auction) else { return Rejection(.buyNowEnded) }
        if let rejection = fundsRejection(of: price, on: auction, by: buyer) { return rejection }
        sell(auction.id, to: buyer, at: price)
        return nil
    }

    /// Sells at once: whatever was held for the auction goes back, and the buyer pays.
    mutating func sell(_ id: AuctionID, to buyer: UserID, at price: Money) {
        for hold in holds where hold.auction == id {
            setHold(of: hold.user, for: auctions[id]!, to: 0)
        }
        auctions[id]!.leader = buyer
        auctions[id]!.maximum = price
        auctions[id]!.price = price
        setHold(of: buyer, for: auctions[id]!, to: money(paid(at: price, in: auctions[id]!)))
        close(id)
    }

    func priceRejection(
        of amount: Money, on auction: Auction, by bidder: UserID
    ) -> Rejection? {
        if auction.leader == nil {
            let opening = auction.rules.openingPrice
            return amount < opening ? Rejection(.bidBelowOpening, limit: opening) : nil
        }
        if auction.rules.proxy && auction.leader == bidder {
            return amount <= auction.maximum
                ? Rejection(.bidNotAboveOwnMaximum, limit: auction.maximum) : nil
        }
        let minimum = minimumBid(on: auction)
        guard minimum <= Int128(Int64.max), Int128(amount.minorUnits) < minimum else {
            return nil
        }
        return Rejection(.bidBelowMinimum, limit: money(minimum))
    }

    /// What an accepted bid makes the price: of two maxima the smaller one loses, and the other
    /// pays one step more than that, but never more than it offered.
    func price(after amount: Money, by bidder: UserID, on auction: Auction) -> Money {
        if !auction.rules.proxy { return amount }
        guard let leader = auction.leader else { return auction.rules.openingPrice }
        if leader == bidder { return auction.price }
        let winning = max(amount, auction.maximum)
        let losing = min(amount, auction.maximum)
        let beaten = Int128(losing.minorUnits) + step(of: auction, at: losing)
        return money(min(Int128(winning.minorUnits), beaten))
    }

    mutating func closeAuction(
        _ auction: Auction, hammer: Bool, by actor: LedgerActor
    ) -> Rejection? {
        switch auction.phase {
        case .closed: return nil
        case .cancelled: return Rejection(.auctionCancelled)
        case .open: break
        }
        // What was due is closed by now: this one's end lies ahead.
        if !hammer { return Rejection(.auctionNotEnded) }
        if actor != .operator && actor != .user(auction.seller) {
            return Rejection(.notPermitted)
        }
        if now < auction.opensAt { return Rejection(.auctionNotOpen) }
        close(auction.id)
        return nil
    }

    mutating func close(_ id: AuctionID) {
        let auction = auctions[id]!
        auctions[id]!.phase = .closed
        open.removeAll { $0 == id }
        finished.append(id)
        switch auction.rules.format {
        case .english: closeEnglish(auction)
        }
    }

    private mutating func closeEnglish(_ auction: Auction) {
        let id = auction.id
        guard let winner = auction.leader else {
            auctions[id]!.outcome = .noBids
            return
        }
        setHold(of: winner, for: auction, to: 0)
        if let reserve = auction.rules.reservePrice, auction.price < reserve {
            auctions[id]!.outcome = .reserveNotMet
            return
        }
        auctions[id]!.outcome = .sold
        let price = Int128(auction.price.minorUnits)
        let paid = paid(at: auction.price, in: auction)
        let proceeds = price - min(price, fee(auction.rules.fees.seller, on: price))
        pay(winner, auction.currency, -paid)
        pay(auction.seller, auction.currency, proceeds)
        pay(.house, auction.currency, paid - proceeds)
    }

    /// Moves available money, and makes no balance where there is none to move.
    mutating func pay(_ user: UserID, _ currency: CurrencyCode, _ amount: Int128) {
        if amount != 0 { changeWallet(user, currency, available: amount) }
    }

    mutating func extendAuction(
        _ auction: Auction, to closesAt: Timestamp, by actor: LedgerActor
    ) -> Rejection? {
        if actor != .operator { return Rejection(.notPermitted) }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionAlreadyClosed) }
        // An auction without end ends later than any time.
        guard let end = auction.closesAt, closesAt > end, closesAt > now else {
            return Rejection(.closesAtTooEarly)
        }
        auctions[auction.id]!.closesAt = closesAt
        held.remove(auction.id)
        return nil
    }

    mutating func cancelAuction(_ auction: Auction, by actor: LedgerActor) -> Rejection? {
        let isSeller = actor == .user(auction.seller)
        if actor != .operator && (!isSeller || auction.rules.cancelPolicy == .operatorOnly) {
            return Rejection(.notPermitted)
        }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionAlreadyClosed) }
        if actor != .operator && auction.leader != nil { return Rejection(.auctionHasBids) }

        auctions[auction.id]!.phase = .cancelled
        held.remove(auction.id)
        open.removeAll { $0 == auction.id }
        finished.append(auction.id)
        if let leader = auction.leader { setHold(of: leader, for: auction, to: 0) }
        return nil
    }
}
