// The frames that the core gave away last, where the entries of commands sent again are found.
//
// What is not durable yet can be read nowhere else. What is durable is kept for speed alone: a
// caller who sends a command again mostly does so at once, and an entry that is read from the store
// is first held against the hashes of the 256 entries around it.

/// Frames in the order of their positions, without gaps.
struct RecentFrames {
    /// Oldest first. Those at the front are durable.
    private var frames: ContiguousArray<Frame> = []
    private var durableCount = 0
    private var durableBytes = 0
    private let keepsDurable: Bool

    /// Durable frames are kept up to these: what 500 ledgers of a process can each afford.
    private static let durableBytesMax = 1 << 20
    private static let durableCountMax = 256

    /// - Parameter keepsDurable: whether durable frames are kept for a while.
    init(keepsDurable: Bool) { self.keepsDurable = keepsDurable }

    mutating func append(_ frame: Frame) { frames.append(frame) }

    /// Takes how many entries are durable.
    /// - Returns: the bytes of the frames that became durable by it.
    mutating func note(durable count: UInt64) -> Int {
        var bytes = 0
        while durableCount < frames.count, frames[durableCount].endPosition <= count {
            bytes += frames[durableCount].byteCount
            durableCount += 1
        }
        durableBytes += bytes
        if bytes > 0 { dropOldest() }
        return bytes
    }

    /// Drops durable frames once there are too many, half of what may be kept at a time: frames
    /// are moved in memory then.
    private mutating func dropOldest() {
        guard
            !keepsDurable || durableBytes > Self.durableBytesMax
                || durableCount > Self.durableCountMax
        else { return }
        var count = 0
        while count < durableCount,
            !keepsDurable || durableBytes > Self.durableBytesMax / 2
                || durableCount - count > Self.durableCountMax / 2
        {
            durableBytes -= frames[count].byteCount
            count += 1
        }
        frames.removeFirst(count)
        durableCount -= count
    }

    /// The frame that holds an entry; nil where none of these does.
    /// - Complexity: O(log frames).
    func frame(with position: UInt64) -> Frame? {
        guard let first = frames.first, first.firstPosition <= position else { return nil }
        var (low, high) = (0, frames.count)
        while low < high {
            let middle = (low + high) / 2
            if frames[middle].endPosition <= position { low = middle + 1 } else { high = middle }
        }
        return low < frames.count ? frames[low] : nil
    }
}
