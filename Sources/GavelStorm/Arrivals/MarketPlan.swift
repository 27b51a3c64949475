// R2: many proxy auctions that end together, bid on as the measured bidders did.
//
// Invariant: the plan keeps each auction's leader, maximum and price by the rule of proxy bidding
// as long as bids are judged in order and before the end; so an absorbed bid is one because it lies
// between price and maximum, not because something said so.

/// Draws bids of many auctions with one end.
struct MarketPlan {
    /// How often a bid comes to what, of 10,000 with a leader there: 38 take-overs, 50 absorbed
    /// (6.7 of them equal to the maximum), 5 raises, 0.6 refused re-bids, of every 94 measured.
    private enum Mix {
        static let raise = 534
        static let stale = raise + 64
        static let tie = stale + 716
        static let absorbed = tie + 5_050
    }

    private struct Auction {
        var leader = UInt32.max
        var maximum: Int64 = 0
        var price: Int64 = 0
        var bidders: [UInt32] = []
    }

    let cast: StormCast
    private var random: StormRandom
    private var auctions: [Auction]
    /// The poor cannot pay more than this, so prices start above it.
    static let openingPrice: Int64 = 1_000

    init(_ cast: StormCast, seed: UInt64) {
        self.cast = cast
        random = StormRandom(seed: seed)
        auctions = [Auction](repeating: Auction(), count: cast.auctions)
    }

    /// Plans the bids of the last `span` of the auctions' lives, squeezed into `seconds`.
    /// - Parameters:
    ///   - bids: how many in all; nil gives each auction its drawn number, without those before
    ///     `span`.
    ///   - span: in seconds; nil plays the auctions' whole lives.
    mutating func plan(
        bids: Int?, seconds: Double, arrivals: ArrivalModel, span: Double? = nil,
        defects: DefectShares
    ) -> [PlannedBid] {
        let span = min(span ?? arrivals.duration, arrivals.duration)
        var arrived = times(bids, seconds, arrivals, span)
        arrived.sort()
        var plan: [PlannedBid] = []
        plan.reserveCapacity(arrived.count)
        for arrival in arrived {
            plan.append(bid(Int(arrival & 0xFFFF_FFFF), due: UInt32(arrival >> 32), defects))
        }
        addLate(to: &plan, defects.late, end: UInt32(seconds * 1_000_000))
        return plan
    }

    /// Times and auctions, packed so that sorting sorts by time.
    private mutating func times(
        _ bids: Int?, _ seconds: Double, _ arrivals: ArrivalModel, _ span: Double
    ) -> [UInt64] {
        var arrived: [UInt64] = []
        var auction = 0
        let played = arrivals.share(within: span)
        while bids.map({ arrived.count < $0 }) ?? (auction < cast.auctions) {
            for _ in 0..<BidsPerAuction.draw(&random) {
                if let bids, arrived.count >= bids { break }
                let share = random.share()
                // Before the part that is played; a given number is drawn from that part alone.
                if bids == nil, share > played { continue }
                let before = arrivals.secondsToClose(bids == nil ? share : share * played)
                let due = UInt64(max(0, 1 - before / span) * seconds * 1_000_000)
                arrived.append(due << 32 | UInt64(auction % cast.auctions))
            }
            auction += 1
        }
        return arrived
    }

    private mutating func bid(
        _ index: Int, due: UInt32, _ defects: DefectShares
    ) -> PlannedBid {
        let percent = random.below(100)
        var planned = PlannedBid(
            amount: 0, auction: UInt32(index), bidder: 0, due: due, kind: .bid)
        if percent < defects.duplicates {
            planned.kind = .duplicate
        } else if percent < defects.duplicates + defects.conflicts {
            planned.kind = .conflict
        } else if percent < defects.duplicates + defects.conflicts + defects.short {
            planned.kind = .short
            planned.bidder = UInt32(cast.users + random.below(cast.poor))
            planned.amount = max(Self.openingPrice, auctions[index].maximum) + 2
        } else {
            draw(&planned, index)
        }
        return planned
    }

    private mutating func draw(_ bid: inout PlannedBid, _ index: Int) {
        let auction = auctions[index]
        let draw = random.below(10_000)
        let room = auction.maximum - auction.price
        bid.bidder = bidder(of: auction)
        if auction.leader == .max {
            bid.amount = Self.openingPrice + Int64(random.below(5_000))
            lead(bid, index, price: Self.openingPrice)
        } else if draw < Mix.raise {
            bid.bidder = auction.leader
            bid.amount = auction.maximum + 1 + Int64(random.below(500))
            auctions[index].maximum = bid.amount
        } else if draw < Mix.stale {
            bid.bidder = auction.leader
            bid.amount = auction.maximum
            bid.kind = .stale
        } else if draw < Mix.tie, room >= 1 {
            bid.amount = auction.maximum
            auctions[index].price = auction.maximum
        } else if draw < Mix.absorbed, room >= 2 {
            // Low in the room, as most are: the maximum lasts for several of them.
            bid.amount = auction.price + 1 + Int64(random.below(Int(max(1, (room - 1) / 4))))
            auctions[index].price = min(auction.maximum, bid.amount + 1)
        } else {
            bid.amount = auction.maximum + 1 + Int64(random.below(5_000))
            lead(bid, index, price: min(bid.amount, auction.maximum + 1))
        }
    }

    private mutating func lead(_ bid: PlannedBid, _ index: Int, price: Int64) {
        auctions[index].leader = bid.bidder
        auctions[index].maximum = bid.amount
        auctions[index].price = price
        if !auctions[index].bidders.contains(bid.bidder) {
            auctions[index].bidders.append(bid.bidder)
        }
    }

    /// Somebody new with probability 0.49, else somebody who bid here before; not the leader.
    private mutating func bidder(of auction: Auction) -> UInt32 {
        if auction.bidders.count > 1, random.below(100) >= 49 {
            let bidder = auction.bidders[random.below(auction.bidders.count)]
            if bidder != auction.leader { return bidder }
        }
        let bidder = UInt32(random.below(cast.users))
        if bidder != auction.leader { return bidder }
        return bidder == 0 ? 1 : bidder - 1
    }

    /// Bids that come after the end, within a tenth of the storm's time.
    private mutating func addLate(to plan: inout [PlannedBid], _ percent: Int, end: UInt32) {
        let count = plan.count * percent / 100
        let span = max(100, Int(end) / 10)
        let times = (0..<count).map { _ in end + 10 + UInt32(random.below(span)) }.sorted()
        for due in times {
            plan.append(
                PlannedBid(
                    amount: StormCast.fortune / 2, auction: UInt32(random.below(cast.auctions)),
                    bidder: UInt32(random.below(cast.users)), due: due, kind: .late))
        }
    }
}
