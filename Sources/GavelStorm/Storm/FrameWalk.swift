// How a pass was written: the frames of the log by entries and bytes, read from the log itself
// after the run. A frame stands under the position of its first entry (LogFormat), and each was
// flushed before its receipts went out; so their number is that of group commits.

import LMDB
import Platform

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
    /// A frame's size and the time of its last entry.
    struct Frame: Equatable, Sendable {
        let byteCount: Int
        let nanoseconds: Int64
    }

    /// Where a frame's header says the time of its last entry (LogFormat).
    private static let timeOffset = 56

    private var firsts: [UInt64] = []
    private var all: [Frame] = []
    private let end: UInt64

    /// - Parameter entries: how many entries the log holds.
    init(ledger path: String, entries: UInt64) throws {
        end = entries
        let file = try DataFileReader(in: path + "/log")
        try file.forEach(in: "frames", fromAtOrBefore: 0) { key, value in
            firsts.append(key)
            all.append(
                Frame(
                    byteCount: value.byteCount,
                    nanoseconds: value.load(Int64.self, at: Self.timeOffset)))
            return true
        }
    }

    /// The frames that begin within a stretch of positions.
    func frames(_ range: Range<UInt64>) -> [Frame] { Array(all[places(range)]) }

    private func places(_ range: Range<UInt64>) -> Range<Int> {
        let low = firsts.firstIndex { $0 >= range.lowerBound } ?? firsts.count
        let high = firsts.firstIndex { $0 >= range.upperBound } ?? firsts.count
        return low..<max(low, high)
    }

    /// How the frames that begin within a stretch of positions were written.
    func figures(_ range: Range<UInt64>) -> FrameFigures {
        let places = places(range)
        guard !places.isEmpty else { return FrameFigures() }
        return FrameFigures(
            firsts: Array(firsts[places]), sizes: all[places].map(\.byteCount),
            end: places.upperBound < firsts.count ? firsts[places.upperBound] : end)
    }
}
