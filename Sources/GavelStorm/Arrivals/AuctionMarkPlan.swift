// R6: AuctionMark's transaction mix on a ledger ("AuctionMark-L").
//
// Kept from AuctionMark (cmu-db/benchbase): the weights of GetItem 45, GetUserInfo 10, NewBid 20,
// NewItem 10, NewPurchase 5; 10,000 users; opening prices Zipf(1…999, 1.25); balances
// Zipf(100…10,000); durations of 1 to 9 days, 5.4 on average; 1 real second = 600 virtual ones;
// bids up to 1.25 % above the price. Changed: comments, feedback and item texts (10 of 100) are no
// entries of a ledger and left out; auctions close by their end; half of the bids go to auctions
// that end within 10 virtual hours, as AuctionMark means to (its code gives 5 %); arrivals are open
// loop; a bid locks funds and refunds; a purchase is the settlement from the lock, and where none
// is due an auction is hammered.

/// The plan of an AuctionMark-L run.
struct AuctionMarkPlan {
    static let virtualSecondsPerSecond: Double = 600
    private static let endingSoonVirtualSeconds: Double = 36_000
    private static let days = 1.0...9.0

    /// When each auction there at the beginning ends, in microseconds from then.
    let ends: [UInt32]
    let openingPrices: [Int64]
    /// What each wallet holds, in units of 100.
    let balances: [Int64]
    let plan: [PlannedBid]
    /// When each auction that the plan opens ends, by number from `ends.count` on.
    let laterEnds: [UInt32]

    private struct Item {
        var price: Int64
        var end: UInt32
        var isTaken = false
    }

    init(
        _ cast: StormCast, count: Int, perSecond rate: Double, defects: DefectShares, seed: UInt64
    ) {
        var maker = Maker(cast, defects, seed)
        var times = StormRandom(seed: seed ^ 0x5EED)
        var time = 0.0
        var plan: [PlannedBid] = []
        plan.reserveCapacity(count)
        for _ in 0..<count {
            time += times.gap() / rate * 1_000_000
            plan.append(maker.next(at: UInt32(min(time, Double(UInt32.max)))))
        }
        self.plan = plan
        ends = maker.items.prefix(cast.auctions).map(\.end)
        laterEnds = maker.items.dropFirst(cast.auctions).map(\.end)
        openingPrices = maker.openingPrices
        balances = maker.balances
    }

    /// Draws the plan in order of time.
    private struct Maker {
        let cast: StormCast
        let defects: DefectShares
        var random: StormRandom
        var items: [Item] = []
        var openingPrices: [Int64] = []
        var balances: [Int64] = []
        /// Numbers of auctions by their end, the soonest last; those of the beginning only.
        var bySoonest: [UInt32] = []

        init(_ cast: StormCast, _ defects: DefectShares, _ seed: UInt64) {
            self.cast = cast
            self.defects = defects
            random = StormRandom(seed: seed)
            for _ in 0..<cast.users { balances.append(Int64(99 + random.zipf(9_901, exponent: 2))) }
            for _ in 0..<cast.auctions {
                // Somewhere in its life at the beginning.
                addItem(from: 0, remaining: random.share())
            }
            bySoonest = (0..<UInt32(cast.auctions)).sorted {
                items[Int($0)].end > items[Int($1)].end
            }
        }

        mutating func addItem(from time: UInt32, remaining: Double) {
            // The mean of two draws: near the bell AuctionMark draws from.
            let middle = (random.share() + random.share()) / 2
            let days = min(AuctionMarkPlan.days.upperBound, 1 + middle * 8.8)
            let seconds = days * 86_400 * remaining / AuctionMarkPlan.virtualSecondsPerSecond
            let price = Int64(random.zipf(999, exponent: 1.25)) * 100
            // At least a quarter of a second: an auction cannot be opened with an end in the past.
            let end = Double(time) + max(250_000, seconds * 1_000_000)
            items.append(Item(price: price, end: UInt32(min(end, Double(UInt32.max)))))
            openingPrices.append(price)
        }

        mutating func next(at time: UInt32) -> PlannedBid {
            while let soonest = bySoonest.last, items[Int(soonest)].end <= time {
                bySoonest.removeLast()
            }
            let draw = random.below(90)
            var planned = PlannedBid(
                amount: 0, auction: UInt32(random.below(items.count)),
                bidder: UInt32(random.below(cast.users)), due: time, kind: .readAuction)
            if draw < 45 { return planned }
            if draw < 55 {
                planned.kind = .readWallet
            } else if draw < 75 {
                bid(&planned, at: time)
            } else if draw < 85 {
                planned.kind = .open
                planned.auction = UInt32(items.count)
                addItem(from: time, remaining: 1)
                planned.amount = items[items.count - 1].price
            } else {
                purchase(&planned, at: time)
            }
            return planned
        }

        private mutating func bid(_ planned: inout PlannedBid, at time: UInt32) {
            let percent = random.below(100)
            let late = defects.duplicates + defects.conflicts + defects.late
            if percent < defects.duplicates {
                planned.kind = .duplicate
            } else if percent < defects.duplicates + defects.conflicts {
                planned.kind = .conflict
            } else if percent < late {
                planned.kind = .late
                planned.auction = StormCast.endedBase + UInt32(random.below(cast.ended))
                planned.amount = 1_000_000
            } else {
                honestBid(&planned, at: time)
            }
        }

        private mutating func honestBid(_ planned: inout PlannedBid, at time: UInt32) {
            planned.kind = .bid
            let soon = UInt32(
                AuctionMarkPlan.endingSoonVirtualSeconds / AuctionMarkPlan.virtualSecondsPerSecond
                    * 1_000_000)
            let count = bySoonest.count
            if random.below(2) == 0, count > 0 {
                // The last of `bySoonest` end first; as many as end within the ten virtual hours.
                let first = bySoonest.firstSoon { items[Int($0)].end < time &+ soon }
                if first < count {
                    planned.auction = bySoonest[first + random.below(count - first)]
                }
            }
            let index = Int(planned.auction)
            let price = items[index].price
            planned.amount = price + 1 + Int64(random.below(Int(max(1, price / 80))))
            items[index].price = planned.amount
            if items[index].isTaken || items[index].end <= time { planned.kind = .late }
        }

        private mutating func purchase(_ planned: inout PlannedBid, at time: UInt32) {
            planned.kind = .hammer
            while let soonest = bySoonest.popLast() {
                if items[Int(soonest)].isTaken { continue }
                items[Int(soonest)].isTaken = true
                planned.auction = soonest
                return
            }
            let index = Int(planned.auction)
            // Asking again for an outcome is answered with it.
            items[index].isTaken = true
        }
    }
}

extension [UInt32] {
    /// The first place from which on all satisfy a condition that holds at the end, if at all.
    fileprivate func firstSoon(_ holds: (UInt32) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
