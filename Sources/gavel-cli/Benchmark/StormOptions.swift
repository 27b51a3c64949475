// What a storm is asked to be: plain values, checked once, with the reason for each default.

import ArgumentParser
import Gavel

/// The arrivals a storm is made of.
enum Scenario: String, CaseIterable, ExpressibleByArgument {
    /// A recorded history, at full speed.
    case r1 = "R1"
    /// Many auctions that end in one instant; bids as real bidders place them, compressed in time.
    case r2 = "R2"
    /// Hot lots: every bid takes the lead. Adversarial; not observed in data.
    case r3 = "R3"
    /// Soft closes: ends that move with the bids, in chains.
    case r4 = "R4"
    /// All auctions due in one instant.
    case r5 = "R5"
    /// A mix of reading, bidding, opening and buying as in AuctionMark, on a ledger.
    case r6 = "R6"

    init?(argument: String) { self.init(rawValue: argument.uppercased()) }

    /// What it is, for the head of a report.
    var summary: String {
        switch self {
        case .r1: "a recorded history at full speed"
        case .r2: "auctions that end in one instant, arrivals as measured, compressed in time"
        case .r3: "hot lots: every bid takes the lead (adversarial, not observed in data)"
        case .r4: "soft closes that move with the bids"
        case .r5: "all auctions due in one instant"
        case .r6: "AuctionMark-L: reading, bidding, opening, buying"
        }
    }

    /// How many auctions, where nothing else is asked for.
    var auctions: Int {
        switch self {
        case .r1: 0
        case .r2: 10_000
        case .r3: 1
        case .r4: 1_000
        case .r5: 100_000
        case .r6: 20_000
        }
    }

    /// How many wallets, where nothing else is asked for.
    var users: Int {
        switch self {
        case .r1: 0
        case .r2: 1_000_000
        case .r3, .r4: 1_000
        case .r5: 100_000
        case .r6: 10_000
        }
    }
}

/// Which of the engine's doors bids go through.
enum StormPath: String, CaseIterable, ExpressibleByArgument {
    /// `Ledger.enqueue` and `BatchTicket.wait`, from a thread of the caller's own.
    case batch
    /// `Ledger.submit`, with many callers waiting.
    case async
    case both
}

/// How much of what comes is not an honest bid, in percent of all.
struct DefectShares: Equatable {
    /// The same id and content again.
    var duplicates = 5
    /// The same id with other content.
    var conflicts = 1
    /// Bidders who cannot pay.
    var short = 2
    /// Bids on auctions that have ended.
    var late = 1

    static let none = DefectShares(duplicates: 0, conflicts: 0, short: 0, late: 0)

    var all: [(name: String, percent: Int)] {
        [
            ("--duplicates", duplicates), ("--conflicts", conflicts), ("--short", short),
            ("--late", late),
        ]
    }
}

/// A storm as asked for.
struct StormOptions {
    var scenario = Scenario.r3
    var seconds: Double?
    var bids: Int?
    var path = StormPath.both
    var batch = 1_000
    /// How many batches a closed loop keeps under way: enough that neither the writer nor the log
    /// ever waits for the generator.
    var underWay = 16
    var inFlight = [1, 16, 64, 1_024]
    /// Bids planned a second, open loop.
    var rate: Int?
    /// The same as a share of the capacity measured first.
    var load: Double?
    var auctions: Int
    var users: Int
    var defects = DefectShares()
    /// Whether a second pass follows in which every bid is too low.
    var rejected = false
    var lone = 500
    var seed: UInt64 = 1
    var runs = 1
    var shortcuts = Shortcuts.all
    /// Whether snapshots, a subscriber and verifications go on beside the storm.
    var beside = false
    var history: [String] = []
    /// R2: only so many seconds before the end are played; nil plays the auctions' whole lives.
    var span: Double?
    var arrivals: ArrivalModel
    var arrivalsName: String
    var folder: String?

    var isOpenLoop: Bool { rate != nil || load != nil }

    /// The most bids one plan may hold: 24 bytes each are held in memory, and their times are
    /// microseconds in 32 bits.
    static let plannedMax = 50_000_000
    static let secondsMax: Double = 3_600
}
