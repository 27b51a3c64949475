// How a workload aims bids and purchases.

internal import AuctionDomain

extension Workload {
    private enum Aim {
        case minimum, belowMinimum, aboveMinimum, tie, justAboveMaximum, justBelowMaximum
        case stepAboveMaximum, everything, tooMuch, opening, reserve, buyNow, anything, huge
    }

    mutating func makePurchase(of id: AuctionID) -> (actor: LedgerActor, command: Command) {
        var buyer = drawUser()
        if generator.chance(perMille: 600), let (auction, leader) = leaderAboveBuyNow() {
            return (.user(leader), .buyNow(auction: auction, buyer: leader))
        }
        if let auction = model.auctions[id] {
            if let leader = auction.leader, generator.chance(perMille: 250) { buyer = leader }
            if auction.rules.buyNow == nil, generator.chance(perMille: 800) {
                // Mostly where there is such an offer.
                let offers = model.open.filter { model.auctions[$0]!.rules.buyNow != nil }
                if !offers.isEmpty { return makePurchase(of: generator.pick(offers)) }
            }
        }
        let actor = generator.chance(perMille: 900) ? LedgerActor.user(buyer) : .operator
        return (actor, .buyNow(auction: id, buyer: buyer))
    }

    mutating func makeBid(on id: AuctionID) -> (actor: LedgerActor, command: Command) {
        guard let auction = model.auctions[id] else {
            let bidder = drawUser()
            return (.user(bidder), .placeBid(auction: id, bidder: bidder, amount: 100))
        }
        var bidder = drawUser()
        if let leader = auction.leader, generator.chance(perMille: 120) { bidder = leader }
        if bidder == auction.seller && generator.chance(perMille: 900) { bidder = drawUser() }
        var amount = bidAmount(on: auction, by: bidder)
        if let leader = auction.leader, let offer = model.buyNowPrice(of: auction),
            generator.chance(perMille: 150)
        {
            // A maximum above an offer that still stands: rare unless aimed at.
            (bidder, amount) = (leader, shifted(offer, by: generator.number(in: 0...50)))
        }
        let actor = generator.chance(perMille: 900) ? LedgerActor.user(bidder) : .operator
        return (actor, .placeBid(auction: id, bidder: bidder, amount: amount))
    }

    /// A leader whose hold is more than the offer she can still take.
    func leaderAboveBuyNow() -> (auction: AuctionID, leader: UserID)? {
        for id in model.open {
            let auction = model.auctions[id]!
            if let price = model.buyNowPrice(of: auction), auction.maximum >= price {
                return (id, auction.leader!)
            }
        }
        return nil
    }

    mutating func bidAmount(
        on auction: NaiveModel.Auction, by bidder: UserID
    ) -> Money {
        let minimum = Money(
            minorUnits: Int64(clamping: model.minimumBid(on: auction)))
        let held = model.held(by: bidder, for: auction.id)
        let most = shifted(
            model.wallet(bidder, auction.currency).available, by: held.minorUnits)
        let maximum = auction.maximum
        let aim = generator.pick(weighted: [
            (220, Aim.minimum), (60, .belowMinimum), (330, .aboveMinimum), (70, .tie),
            (50, .justAboveMaximum), (40, .justBelowMaximum), (30, .stepAboveMaximum),
            (40, .everything), (40, .tooMuch), (40, .opening), (40, .reserve),
            (model.buyNowPrice(of: auction) == nil || auction.leader == nil ? 10 : 120, .buyNow),
            (60, .anything), (10, .huge),
        ])
        switch aim {
        case .minimum: return minimum
        case .belowMinimum: return shifted(minimum, by: -1)
        case .aboveMinimum: return shifted(minimum, by: generator.number(in: 0...400))
        case .tie: return shifted(maximum, by: 0)
        case .justAboveMaximum: return shifted(maximum, by: 1)
        case .justBelowMaximum: return shifted(maximum, by: -1)
        case .stepAboveMaximum:
            let step = minimum.minorUnits - auction.price.minorUnits
            return shifted(shifted(maximum, by: step), by: generator.number(in: -1...1))
        case .everything: return max(1, affordable(most, on: auction))
        case .tooMuch: return shifted(affordable(most, on: auction), by: 1)
        case .reserve:
            return shifted(
                auction.rules.reservePrice ?? minimum, by: generator.number(in: -1...1))
        case .buyNow:
            return shifted(auction.rules.buyNow?.price ?? minimum, by: generator.number(in: -1...1))
        case .opening:
            return shifted(auction.rules.openingPrice, by: generator.number(in: -1...1))
        case .anything: return number(1...2_000)
        case .huge: return .max
        }
    }
}

extension Workload {
    /// The largest amount that can be paid with its premium.
    func affordable(_ most: Money, on auction: NaiveModel.Auction) -> Money {
        var low: Int64 = 0
        var high = most.minorUnits
        while low < high {
            let middle = low + (high - low) / 2 + (high - low) % 2
            let paid = model.paid(at: Money(minorUnits: middle), in: auction)
            if paid <= Int128(most.minorUnits) { low = middle } else { high = middle - 1 }
        }
        return Money(minorUnits: low)
    }
}
