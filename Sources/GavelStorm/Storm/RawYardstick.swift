// What LMDB alone does with the same bytes on the same disk in the same run: the yardsticks beside
// which a storm's figures mean something.

import Gavel
import LMDB
import Platform

/// A throw-away LMDB environment that is appended to, as fully durable as the ledger's.
final class RawYardstick {
    /// Bytes of a take-over's entry.
    static let entryBytes = 114
    /// Records a commit, as the batch path hands bids over.
    static let recordsPerCommit = 1_000

    private let path: String
    private let environment: Environment
    private let table: IntegerTable
    private let clock = SystemClock()
    private var nextKey: UInt64 = 0

    init(in base: String) throws {
        path = base + "/raw"
        environment = try Environment(at: path)
        table = try environment.integerTable(named: "records", create: true)
    }

    deinit {
        environment.close()
        try? FileSystem.remove(path)
    }

    /// Appends entries, one value each, for so many seconds.
    /// - Returns: entries a second.
    func append(seconds: Double) throws -> Double {
        let record = [UInt8](repeating: 7, count: Self.entryBytes)
        let start = clock.uptimeNanoseconds()
        var (count, elapsed) = (0, Int64(0))
        while elapsed < Int64(seconds * 1_000_000_000) {
            try environment.write { transaction in
                for _ in 0..<Self.recordsPerCommit {
                    try withBytes(of: record) {
                        try transaction.append(table, key: nextKey, value: $0)
                    }
                    nextKey += 1
                }
            }
            count += Self.recordsPerCommit
            elapsed = clock.uptimeNanoseconds() - start
        }
        return Double(count) * 1_000_000_000 / Double(elapsed)
    }

    /// Commits one value.
    func commit(_ value: RawSpan) throws {
        try environment.write { try $0.append(table, key: nextKey, value: value) }
        nextKey += 1
    }

    /// Commits values of these sizes at these times, one a commit.
    /// - Parameter frames: ascending by time, in nanoseconds.
    /// - Returns: how long after its time each was durable.
    func commit(_ frames: [FrameWalk.Frame]) throws -> LatencyDigest {
        var latencies = LatencyDigest()
        guard let first = frames.first else { return latencies }
        let value = [UInt8](repeating: 7, count: frames.map(\.byteCount).max() ?? 0)
        let start = clock.uptimeNanoseconds() + 5_000_000
        for frame in frames {
            let due = start + (frame.nanoseconds - first.nanoseconds)
            let wait = due - clock.uptimeNanoseconds()
            if wait > 0 { sleepNanoseconds(wait) }
            try withBytes(of: value) { try commit($0.extracting(0..<frame.byteCount)) }
            latencies.record(clock.uptimeNanoseconds() - due)
        }
        return latencies
    }
}

extension StormRun {
    /// Puts the batch path just measured beside raw LMDB appending the same entries.
    mutating func compareWithRawAppend() throws {
        let raw = try RawYardstick(in: base).append(seconds: 1)
        amendLastPass { pass in
            let written = pass.positions.upperBound - pass.positions.lowerBound
            guard let elapsed = pass.figures["elapsed_ns"] else { return }
            let ours = Double(written) * 1_000_000_000 / Double(elapsed)
            pass.figures.add("raw_append_per_second", Int64(raw))
            pass.figures.add("percent_of_raw_append", Int64(ours * 100 / raw))
        }
    }

    /// Puts each planned pass beside raw commits of the same frames at the same times.
    mutating func compareWithRawCommits(_ walk: FrameWalk) throws {
        for pass in report.passes where pass.loop == .open && !pass.positions.isEmpty {
            let latencies = try RawYardstick(in: base).commit(walk.frames(pass.positions))
            var raw = PassReport(
                name: "raw-\(pass.name)", what: "LMDB alone, the same frames at the same times",
                path: "lmdb", loop: .lone)
            raw.figures.add("sent", latencies.count)
            raw.figures.add("latency", latencies.quantiles)
            add(raw)
        }
    }
}
