// One thing a storm sends, small enough to plan millions of them ahead.
//
// Invariant: `amount` is fixed when the bid is drawn, in the order in which bids are sent; so what
// must become of it is known before it is sent.

/// What is sent, and with it what may become of it.
enum BidKind: UInt8, CaseIterable {
    /// An honest bid.
    case bid
    /// The same id and content as an earlier one.
    case duplicate
    /// The id of an earlier one with another amount.
    case conflict
    /// By somebody who cannot pay.
    case short
    /// On an auction that has ended.
    case late
    /// Below the price.
    case low
    /// The leader's own, not above the own maximum.
    case stale
    /// The outcome of an auction, asked for after its end.
    case close
    /// An auction ended by the hammer.
    case hammer
    /// A new auction.
    case open
    /// An auction is looked at; nothing is sent.
    case readAuction
    /// A wallet with its auctions is looked at; nothing is sent.
    case readWallet

    var isRead: Bool { self == .readAuction || self == .readWallet }
}

/// A bid, or another command, as drawn.
struct PlannedBid: Equatable {
    var amount: Int64
    /// Which auction, by number.
    var auction: UInt32
    /// Which user, by number.
    var bidder: UInt32
    /// When it is to be sent, in microseconds from the beginning.
    var due: UInt32 = 0
    var kind: BidKind
}

/// Who and what there is to draw from. Numbers of users: first those with money, then `poor` ones.
/// Numbers of auctions: from 0 on those that take bids, from `endedBase` on those that have ended.
struct StormCast: Equatable {
    static let endedBase: UInt32 = 1 << 31

    var users: Int
    var auctions: Int
    var poor: Int { 16 }
    var ended: Int { 16 }

    /// All wallets start with this much, far above any price a storm reaches.
    static let fortune: Int64 = 1_000_000_000_000
}

/// Draws bids without end.
protocol BidSource {
    /// The next bid; its time is left at 0.
    mutating func next() -> PlannedBid
}

/// Hot lots: every honest bid is one above the one before it on its auction, by somebody drawn.
struct TakeoverSource: BidSource {
    private let cast: StormCast
    private let honestFrom: Int
    private let limits: (duplicate: Int, conflict: Int, short: Int, late: Int)
    private var random: StormRandom
    /// The last amount on each auction.
    private(set) var prices: [Int64]
    private var leaders: [UInt32]

    init(_ cast: StormCast, _ defects: DefectShares, seed: UInt64) {
        self.cast = cast
        let duplicate = defects.duplicates
        let conflict = duplicate + defects.conflicts
        let short = conflict + defects.short
        limits = (duplicate, conflict, short, short + defects.late)
        honestFrom = limits.late
        random = StormRandom(seed: seed)
        prices = [Int64](repeating: 0, count: cast.auctions)
        leaders = [UInt32](repeating: .max, count: cast.auctions)
    }

    mutating func next() -> PlannedBid {
        let draw = random.next()
        let auction = Self.scale(draw & 0xFFFF_FFFF, cast.auctions)
        let percent = honestFrom == 0 ? 0 : Int((draw >> 40) % 100)
        let other = random.next()
        if percent < honestFrom { return defect(percent, auction, other) }
        var bidder = UInt32(Self.scale(other >> 32, cast.users))
        // A leader who outbids herself would be a raise, not a take-over.
        if bidder == leaders[auction] { bidder = bidder == 0 ? 1 : bidder - 1 }
        leaders[auction] = bidder
        prices[auction] += 1
        return PlannedBid(
            amount: prices[auction], auction: UInt32(auction), bidder: bidder, kind: .bid)
    }

    private func defect(_ percent: Int, _ auction: Int, _ draw: UInt64) -> PlannedBid {
        let kind: BidKind =
            percent < limits.duplicate
            ? .duplicate
            : percent < limits.conflict ? .conflict : percent < limits.short ? .short : .late
        let poor = UInt32(cast.users + Self.scale(draw >> 32, cast.poor))
        let ended = StormCast.endedBase + UInt32(Self.scale(draw & 0xFFFF_FFFF, cast.ended))
        // Two above the last bid, and more than the poor have.
        return PlannedBid(
            amount: prices[auction] + 2, auction: kind == .late ? ended : UInt32(auction),
            bidder: poor, kind: kind)
    }

    /// A number below `count` from 32 random bits.
    @inline(__always)
    private static func scale(_ bits: UInt64, _ count: Int) -> Int {
        Int((bits &* UInt64(count)) >> 32)
    }
}

/// Bids that are all too low, on auctions that stand at `prices` or above.
struct LowSource: BidSource {
    private let cast: StormCast
    private var random: StormRandom

    init(_ cast: StormCast, seed: UInt64) {
        self.cast = cast
        random = StormRandom(seed: seed)
    }

    mutating func next() -> PlannedBid {
        let draw = random.next()
        return PlannedBid(
            amount: 1, auction: UInt32(((draw & 0xFFFF_FFFF) * UInt64(cast.auctions)) >> 32),
            bidder: UInt32(((draw >> 32) * UInt64(cast.users)) >> 32), kind: .low)
    }
}

/// Any source with the times of independent arrivals at a rate: what a hot lot would see.
func poissonPlan(
    _ source: inout some BidSource, count: Int, perSecond rate: Double, seed: UInt64
) -> [PlannedBid] {
    var random = StormRandom(seed: seed)
    var plan: [PlannedBid] = []
    plan.reserveCapacity(count)
    var time = 0.0
    for _ in 0..<count {
        time += random.gap() / rate * 1_000_000
        var bid = source.next()
        bid.due = UInt32(min(time, Double(UInt32.max)))
        plan.append(bid)
    }
    return plan
}
