// The bids that everybody is measured with: who bids on which lot, drawn from a seed.
//
// Invariant: a planned bid never comes from the lot's leader, in whatever order the lanes of a
// plan are worked off: lanes have no user in common, and within a lane two bids in a row on a lot
// come from different users. So with the price before plus one as its amount every bid is taken,
// refunds one wallet and locks another: no peer gets away with less work than the next.

internal import GavelTesting

/// A storm of bids over some lots by some users.
public struct BidPlan: Hashable, Sendable {
    /// How many lots take the bids; 1 is the hot lot.
    public let auctions: Int
    /// How many users bid, each with a wallet of her own.
    public let users: Int
    public let seed: UInt64

    /// What every wallet starts with, in minor units: more than any run can bid.
    public static let fundsMinorUnits: Int64 = 1_000_000_000_000

    public init(auctions: Int, users: Int, seed: UInt64) {
        self.auctions = auctions
        self.users = users
        self.seed = seed
    }

    /// What all wallets hold together.
    public var totalMinorUnits: Int64 { Int64(users) * Self.fundsMinorUnits }
}

/// A bid without its amount, which is the lot's price plus one.
public struct PlannedBid: Hashable, Sendable {
    /// From 0 up to and not including the plan's `auctions`.
    public let auction: Int
    /// From 0 up to and not including the plan's `users`.
    public let bidder: Int
}

/// One client's share of a plan, without an end.
public struct BidLane: Sendable {
    private let plan: BidPlan
    private let lane: Int
    private let lanes: Int
    private var generator: SeededGenerator
    /// By lot, the turn of the user who bid on it last from this lane; -1 for nobody.
    private var lastTurns: [Int32]

    /// - Precondition: each lane has at least two users.
    public init(_ plan: BidPlan, lane: Int, of lanes: Int) {
        precondition(plan.users / lanes >= 2, "a lane needs two users who overbid each other")
        self.plan = plan
        self.lane = lane
        self.lanes = lanes
        generator = SeededGenerator(seed: plan.seed &+ UInt64(lane) &* 0xD6E8_FEB8_6659_FD93)
        lastTurns = [Int32](repeating: -1, count: plan.auctions)
    }

    /// The next bid of the lane.
    public mutating func next() -> PlannedBid {
        let auction = plan.auctions == 1 ? 0 : generator.below(plan.auctions)
        let turns = plan.users / lanes
        var turn = generator.below(turns)
        if turn == Int(lastTurns[auction]) { turn = (turn + 1) % turns }
        lastTurns[auction] = Int32(turn)
        return PlannedBid(auction: auction, bidder: turn * lanes + lane)
    }
}
