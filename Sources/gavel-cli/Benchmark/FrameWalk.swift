// How a pass was written: the frames of the log by entries and bytes, read from the log itself
// after the run. A frame stands under the position of its first entry (LogFormat), and each was
// flushed before its receipts went out; so their number is that of group commits.

import LMDB

/// The frames of a stretch of the log.
struct FrameFigures: Equatable, Sendable {
    var frames: UInt64 = 0
    var entries: UInt64 = 0
    /// The frames' own bytes, without the pages' slack.
    var bytes: UInt64 = 0
    var entriesMedian: UInt64 = 0
    var entriesMax: UInt64 = 0

    init() {}

    /// - Parameters:
    ///   - firsts: the first positions of the frames, ascending.
    ///   - sizes: of each frame, in bytes.
    ///   - end: the position after the last frame.
    init(firsts: [UInt64], sizes: [Int], end: UInt64) {
        guard let first = firsts.first else { return }
        var counts: [UInt64] = []
        for (index, position) in firsts.enumerated() {
            counts.append((index + 1 < firsts.count ? firsts[index + 1] : end) - position)
        }
        counts.sort()
        frames = UInt64(firsts.count)
        entries = end - first
        bytes = UInt64(sizes.reduce(0, +))
        entriesMedian = counts[counts.count / 2]
        entriesMax = counts[counts.count - 1]
    }
}

/// All frames of a ledger nobody has open.
struct FrameWalk {
    private var firsts: [UInt64] = []
    private var sizes: [Int] = []
    private let end: UInt64

    /// - Parameter entries: how many entries the log holds.
    init(ledger path: String, entries: UInt64) throws {
        end = entries
        let environment = try Environment(
            at: path + "/log",
            configuration: Environment.Configuration(isReadOnly: true, createsDirectory: false))
        defer { try? environment.close() }
        let table = try environment.integerTable(named: "frames", create: false)
        (firsts, sizes) = try environment.read { transaction in
            var firsts: [UInt64] = []
            var sizes: [Int] = []
            try transaction.forEach(in: table) { key, value in
                firsts.append(key)
                sizes.append(value.byteCount)
                return true
            }
            return (firsts, sizes)
        }
    }

    /// The frames that begin within a stretch of positions.
    func figures(_ range: Range<UInt64>) -> FrameFigures {
        let low = firsts.firstIndex { $0 >= range.lowerBound } ?? firsts.count
        let high = firsts.firstIndex { $0 >= range.upperBound } ?? firsts.count
        guard low < high else { return FrameFigures() }
        return FrameFigures(
            firsts: Array(firsts[low..<high]), sizes: Array(sizes[low..<high]),
            end: high < firsts.count ? firsts[high] : end)
    }
}
