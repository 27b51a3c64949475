// One line of JSON a run, which `compare` reads.

import BidPlan
import Foundation

/// The result of one run.
struct Report: Encodable {
    var peer: String
    var auctions: Int
    var users: Int
    var clients: Int
    var batch: Int
    var depth: Int
    var seconds: Double
    /// Bids taken and durable within the measured time.
    var bids: Int64
    var bidsPerSecond: Double
    /// Bids that were judged and refused, which only callers who race for a price meet.
    var rejected: Int64
    /// From sending to the durable answer, in milliseconds: of a bid, or of a batch.
    var p50Milliseconds: Double
    var p99Milliseconds: Double

    init(peer: String, plan: BidPlan, load: Load, tally: Tally) {
        self.peer = peer
        auctions = plan.auctions
        users = plan.users
        clients = load.clients
        batch = load.batch
        depth = load.depth
        seconds = load.seconds
        bids = tally.counted
        bidsPerSecond = (Double(tally.counted) / load.seconds * 10).rounded() / 10
        rejected = tally.rejected
        let sorted = tally.latencies.sorted()
        p50Milliseconds = Self.quantile(sorted, 0.5)
        p99Milliseconds = Self.quantile(sorted, 0.99)
    }

    /// The value below which a share of the values lies, in milliseconds with four decimals.
    private static func quantile(_ sorted: [UInt64], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let value = sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        return (Double(value) / 100).rounded() / 10_000
    }

    /// The line.
    func line() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
