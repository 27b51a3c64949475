// What a storm is asked to be: plain values, checked once, with the reason for each default.

package import Gavel

/// The arrivals a storm is made of.
package enum Scenario: String, CaseIterable {
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

    /// What it is, for the head of a report.
    package var summary: String {
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
    package var auctions: Int {
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
    package var users: Int {
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
package enum StormPath: String, CaseIterable {
    /// `Ledger.enqueue` and `BatchTicket.wait`, from a thread of the caller's own.
    case batch
    /// `Ledger.submit`, with many callers waiting.
    case async
    case both
}

/// How much of what comes is not an honest bid, in percent of all.
package struct DefectShares: Equatable {
    /// The same id and content again.
    package var duplicates: Int
    /// The same id with other content.
    package var conflicts: Int
    /// Bidders who cannot pay.
    package var short: Int
    /// Bids on auctions that have ended.
    package var late: Int

    package static let none = DefectShares(duplicates: 0, conflicts: 0, short: 0, late: 0)

    package init(duplicates: Int = 5, conflicts: Int = 1, short: Int = 2, late: Int = 1) {
        self.duplicates = duplicates
        self.conflicts = conflicts
        self.short = short
        self.late = late
    }

    package var all: [(name: String, percent: Int)] {
        [
            ("--duplicates", duplicates), ("--conflicts", conflicts), ("--short", short),
            ("--late", late),
        ]
    }
}

/// A storm as asked for.
package struct StormOptions {
    package var scenario = Scenario.r3
    package var seconds: Double?
    package var bids: Int?
    package var path = StormPath.both
    package var batch = 1_000
    /// How many batches a closed loop keeps under way: enough that neither the writer nor the log
    /// ever waits for the generator.
    package var underWay = 16
    package var inFlight = [1, 16, 64, 1_024]
    /// Bids planned a second, open loop.
    package var rate: Int?
    /// The same as a share of the capacity measured first.
    package var load: Double?
    package var auctions: Int
    package var users: Int
    package var defects = DefectShares()
    /// Whether a second pass follows in which every bid is too low.
    package var rejected = false
    package var lone = 500
    package var seed: UInt64 = 1
    package var runs = 1
    package var shortcuts = Shortcuts.all
    /// Whether snapshots, a subscriber and verifications go on beside the storm.
    package var beside = false
    package var history: [String] = []
    /// R2: only so many seconds before the end are played; nil plays the auctions' whole lives.
    package var span: Double?
    package var arrivals: ArrivalModel
    package var arrivalsName: String
    package var folder: String?

    package init(auctions: Int, users: Int, arrivals: ArrivalModel, arrivalsName: String) {
        self.auctions = auctions
        self.users = users
        self.arrivals = arrivals
        self.arrivalsName = arrivalsName
    }

    package var isOpenLoop: Bool { rate != nil || load != nil }

    /// The most bids one plan may hold: 24 bytes each are held in memory, and their times are
    /// microseconds in 32 bits.
    package static let plannedMax = 50_000_000
    package static let secondsMax: Double = 3_600
}
