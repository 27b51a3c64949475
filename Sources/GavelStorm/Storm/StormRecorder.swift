// What became of what was sent: counts, latencies, and both over the time line of the pass.
//
// Invariants: every receipt is held against what its bid may come to, and one that does not fit
// ends the benchmark as a finding; memory is bounded: the time line has at most `bucketsMax` parts,
// which are joined two by two when a pass outlasts them.

import Gavel
import GavelProgram
import Histogram

/// Counts of receipts.
struct ReceiptCounts: Equatable, Sendable {
    var accepted: UInt64 = 0
    var rejected: UInt64 = 0
    /// First receipts again, accepted or rejected.
    var replayed: UInt64 = 0
    var refused: UInt64 = 0
    /// Looked at, not sent.
    var reads: UInt64 = 0

    var all: UInt64 { accepted + rejected + replayed + refused }

    static func + (left: Self, right: Self) -> Self {
        ReceiptCounts(
            accepted: left.accepted + right.accepted, rejected: left.rejected + right.rejected,
            replayed: left.replayed + right.replayed, refused: left.refused + right.refused,
            reads: left.reads + right.reads)
    }
}

/// One stretch of the time line.
struct TimelinePart: Sendable {
    var counts = ReceiptCounts()
    /// Of a fixed range: growing one costs more than recording thousands of values.
    var latency = Histogram<UInt32>(
        highestTrackableValue: StormRecorder.latencyMax, numberOfSignificantValueDigits: .two)
}

/// The answer did not fit the question.
struct UnexpectedReceipt: Error {
    let kind: BidKind
    let receipt: Receipt
}

/// Collects one pass.
struct StormRecorder: Sendable {
    static let bucketsMax = 240
    private static let firstBucketNanoseconds: Int64 = 5_000_000
    /// The highest latency that is told apart: an hour.
    static let latencyMax: UInt64 = 3_600_000_000_000

    /// Uptime at which the pass began.
    private(set) var start: Int64
    private(set) var last: Int64
    private(set) var counts = ReceiptCounts()
    private(set) var latency = Histogram<UInt64>(
        highestTrackableValue: StormRecorder.latencyMax, numberOfSignificantValueDigits: .three)
    /// Of what was read, where something is.
    private(set) var readLatency = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    /// Of bids within the last virtual minute of their auction, where a scenario has one.
    private(set) var lastMinuteLatency = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    private(set) var parts: [TimelinePart] = []
    private(set) var bucketNanoseconds = StormRecorder.firstBucketNanoseconds
    /// By the numbers of rejections and refusals.
    private(set) var codes = [UInt64](repeating: 0, count: 128)
    /// Which rejections an honest bid may meet, by number.
    private let mayMeet: [Bool]
    /// Whether bids are judged in the order they were drawn in.
    private let isOrdered: Bool

    /// - Parameter honest: what an honest bid may be rejected with: nothing where bids are judged
    ///   in the order they were drawn in.
    init(startingAt start: Int64, honest: Set<Rejection.Code>, isOrdered: Bool = true) {
        self.start = start
        self.isOrdered = isOrdered
        last = start
        var mayMeet = [Bool](repeating: false, count: 128)
        for code in honest { mayMeet[Int(code.rawValue)] = true }
        self.mayMeet = mayMeet
    }

    /// Counts a batch whose receipts came at one time and had been handed over at another.
    mutating func record(
        _ receipts: [Receipt], _ kinds: [BidKind], from sent: Int64, at now: Int64
    ) throws(UnexpectedReceipt) {
        let before = counts
        for index in receipts.indices { try count(receipts[index], kinds[index]) }
        let taken = UInt64(max(0, now - sent))
        latency.record(taken, count: UInt64(receipts.count))
        let part = part(at: now)
        parts[part].latency.record(taken, count: UInt32(receipts.count))
        add(counts, less: before, to: part)
        last = max(last, now)
    }

    /// Counts a batch of a plan: latency runs from each bid's planned time.
    mutating func record(
        _ receipts: [Receipt], _ kinds: [BidKind], due: [Int64], at now: Int64
    ) throws(UnexpectedReceipt) {
        let before = counts
        let part = part(at: now)
        for index in receipts.indices {
            try count(receipts[index], kinds[index])
            let taken = UInt64(max(0, now - due[index]))
            latency.record(taken)
            parts[part].latency.record(taken)
        }
        add(counts, less: before, to: part)
        last = max(last, now)
    }

    /// Counts one receipt.
    mutating func record(
        _ receipt: Receipt, _ kind: BidKind, from due: Int64, at now: Int64
    ) throws(UnexpectedReceipt) {
        let before = counts
        try count(receipt, kind)
        let taken = UInt64(max(0, now - due))
        latency.record(taken)
        let part = part(at: now)
        parts[part].latency.record(taken)
        add(counts, less: before, to: part)
        last = max(last, now)
    }

    /// Counts something looked at.
    mutating func recordRead(from due: Int64, at now: Int64) {
        counts.reads += 1
        readLatency.record(UInt64(max(0, now - due)))
        last = max(last, now)
    }

    /// Counts a bid of the last minute once more.
    mutating func recordLastMinute(_ nanoseconds: Int64) {
        lastMinuteLatency.record(UInt64(max(0, nanoseconds)))
    }

    // MARK: Counting

    @inline(__always)
    private mutating func count(_ receipt: Receipt, _ kind: BidKind) throws(UnexpectedReceipt) {
        if kind == .bid, receipt.status == .accepted, !receipt.isReplay {
            counts.accepted += 1
        } else {
            try countOther(receipt, kind)
        }
    }

    @inline(never)
    private mutating func countOther(
        _ receipt: Receipt, _ kind: BidKind
    ) throws(UnexpectedReceipt) {
        guard fits(receipt, kind) else {
            throw UnexpectedReceipt(kind: kind, receipt: receipt)
        }
        if receipt.isReplay {
            counts.replayed += 1
            return
        }
        switch receipt.status {
        case .accepted: counts.accepted += 1
        case .rejected:
            counts.rejected += 1
            codes[Int(receipt.rejection?.code.rawValue ?? 0)] += 1
        case .refused:
            counts.refused += 1
            codes[Int(receipt.refusal?.rawValue ?? 0)] += 1
        }
    }

    /// Whether a bid of a kind may have come to this.
    private func fits(_ receipt: Receipt, _ kind: BidKind) -> Bool {
        let rejected = receipt.rejection?.code
        let honest = rejected.map { mayMeet[Int($0.rawValue)] } ?? (receipt.status == .accepted)
        let isOver = rejected == .auctionEnded || rejected == .auctionAlreadyClosed
        switch kind {
        case .duplicate: return receipt.isReplay
        case .conflict: return receipt.refusal == .commandIDReused
        case _ where receipt.isReplay: return false
        case .bid: return honest
        case .short: return rejected == .exceedsAvailable || rejected != nil && honest
        case .late: return isOver
        case .low: return rejected == .bidBelowMinimum || rejected == .bidBelowOpening
        case .stale:
            return rejected == .bidNotAboveOwnMaximum || honest && (rejected != nil || !isOrdered)
        case .close, .open: return receipt.status == .accepted
        case .hammer: return receipt.status == .accepted || isOver
        case .readAuction, .readWallet: return false
        }
    }

    private mutating func add(_ now: ReceiptCounts, less before: ReceiptCounts, to part: Int) {
        parts[part].counts.accepted += now.accepted - before.accepted
        parts[part].counts.rejected += now.rejected - before.rejected
        parts[part].counts.replayed += now.replayed - before.replayed
        parts[part].counts.refused += now.refused - before.refused
    }

    // MARK: The time line

    private mutating func part(at now: Int64) -> Int {
        var index = Int(max(0, now - start) / bucketNanoseconds)
        while index >= Self.bucketsMax {
            joinPairs()
            index = Int(max(0, now - start) / bucketNanoseconds)
        }
        while parts.count <= index { parts.append(TimelinePart()) }
        return index
    }

    private mutating func joinPairs() {
        parts = Self.joined(parts)
        bucketNanoseconds *= 2
    }

    static func joined(_ parts: [TimelinePart]) -> [TimelinePart] {
        stride(from: 0, to: parts.count, by: 2).map { first in
            var joined = parts[first]
            if first + 1 < parts.count {
                joined.counts = joined.counts + parts[first + 1].counts
                joined.latency.add(parts[first + 1].latency)
            }
            return joined
        }
    }

    /// Counts by code, those that occurred, by number.
    var namedCodes: [(name: String, count: UInt64)] {
        codes.enumerated().filter { $0.element > 0 }.map { number, count in
            let number = UInt16(number)
            let name =
                Rejection.Code(rawValue: number)?.name ?? Refusal(rawValue: number)?.name
                ?? "code_\(number)"
            return (name, count)
        }
    }
}
