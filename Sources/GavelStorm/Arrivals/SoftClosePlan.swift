// R4: lots with staggered ends whose soft close is driven by chains of bids.
//
// MaxSold sale 103293: 735 bids on 152 lots, 17 % of the lots extended, an extended lot 3.3 times
// on average and 14 at most, a reset of 120 s. The last ten minutes of each lot are played,
// squeezed so that they take `life` seconds; a lot that is not extended gets its bids before the
// window opens, so that extensions come from the chains alone and their number is known beforehand.

/// The ends and bids of a sale with soft closes.
struct SoftClosePlan {
    private static let minutesPlayed: Double = 600
    private static let windowPlayed: Double = 120
    private static let bidsPerLot: Double = 735 / 152
    private static let chainMax = 14

    /// When each lot is to end, in microseconds from the beginning.
    let ends: [UInt32]
    let bids: [PlannedBid]
    /// Window and extension alike.
    let windowMilliseconds: Int64
    /// How many times the chains extend their lots when every bid is on time.
    let extensions: Int
    let lotsExtended: Int

    /// - Parameter seconds: until the last scheduled end.
    init(_ cast: StormCast, seconds: Double, seed: UInt64) {
        var random = StormRandom(seed: seed)
        let life = seconds / 2 * 1_000_000
        let window = life * Self.windowPlayed / Self.minutesPlayed
        windowMilliseconds = Int64(max(1, window / 1_000))
        var (ends, bids): ([UInt32], [PlannedBid]) = ([], [])
        var (extensions, lotsExtended) = (0, 0)
        for lot in 0..<cast.auctions {
            // Staggered evenly over the second half.
            let end = life + life * Double(lot + 1) / Double(cast.auctions)
            ends.append(UInt32(end))
            var times = Self.earlyTimes(end, life, window, &random)
            if random.below(100) < 17 {
                let chain = Self.chainTimes(end, Double(windowMilliseconds) * 1_000, &random)
                times += chain
                extensions += chain.count
                lotsExtended += 1
            }
            for (index, time) in times.enumerated() {
                // Neighbours differ, so each bid takes the lead.
                let bidder = (lot * 7 + index) % cast.users
                bids.append(
                    PlannedBid(
                        amount: Int64(index + 1), auction: UInt32(lot), bidder: UInt32(bidder),
                        due: UInt32(time), kind: .bid))
            }
        }
        self.ends = ends
        self.extensions = extensions
        self.lotsExtended = lotsExtended
        self.bids = bids.sorted {
            ($0.due, $0.auction, $0.amount) < ($1.due, $1.auction, $1.amount)
        }
    }

    /// Before the window: as many of the shares of the last ten minutes as lie there.
    private static func earlyTimes(
        _ end: Double, _ life: Double, _ window: Double, _ random: inout StormRandom
    ) -> [Double] {
        let shares = ArrivalModel.softCloseTail
        var times: [Double] = []
        let count = max(1, Int(bidsPerLot * 2 * random.share()))
        for _ in 0..<count {
            // 17 % of bids come in the last 2 minutes, 34 % in 5, 38 % in 10.
            let share = shares[1].share + random.share() * (shares[3].share - shares[1].share)
            let inFive = share < shares[2].share
            let (low, high) = inFive ? (shares[1], shares[2]) : (shares[2], shares[3])
            let part = (share - low.share) / (high.share - low.share)
            let before = low.seconds + part * (high.seconds - low.seconds)
            // A little ahead of the window, so that a late sender does not extend.
            times.append(end - max(window * 1.05, before / minutesPlayed * life * 0.999))
        }
        return times.sorted()
    }

    /// Each bid lies in the window before the end that the bid before it set.
    private static func chainTimes(
        _ end: Double, _ window: Double, _ random: inout StormRandom
    ) -> [Double] {
        var end = end
        var times: [Double] = []
        repeat {
            let time = end - window * (0.3 + 0.5 * random.share())
            times.append(time)
            end = time + window
            // Continues with probability 0.7: 3.3 extensions on average.
        } while times.count < chainMax && random.below(1_000) < 697
        return times
    }
}
