// The ends of open auctions in the order in which they close: by end, then by opening.
//
// Invariant: the keys are strictly ascending over all chunks, no chunk is empty (but a sole
// first one) and none holds more than `chunkMax`.

/// A sorted set of (end, auction).
public struct DeadlineQueue: Sendable {
    public struct Key: Hashable, Comparable, Sendable {
        public let end: Timestamp
        public let auction: AuctionHandle
        public init(end: Timestamp, auction: AuctionHandle) {
            self.end = end
            self.auction = auction
        }
        public static func < (left: Self, right: Self) -> Bool {
            left.end == right.end ? left.auction < right.auction : left.end < right.end
        }

        /// Before every end.
        package static var first: Self { Self(end: .zero, auction: AuctionHandle(rawValue: 0)) }
        /// Behind this one and before every other that is.
        package var next: Self {
            Self(end: end, auction: AuctionHandle(rawValue: auction.rawValue &+ 1))
        }
    }

    /// Small enough that an insertion moves at most a kibibyte, as every bid of a soft close does;
    /// large enough that a million auctions are some twenty thousand chunks.
    private static let chunkMax = 64
    private var chunks: ContiguousArray<ContiguousArray<Key>> = [[]]
    public private(set) var count = 0

    public init() {}

    public var first: Key? { chunks[0].first }

    /// - Complexity: O(log n + `chunkMax`).
    mutating func insert(_ key: Key) {
        let chunk = chunkIndex(for: key)
        let place = Self.lowerBound(key, in: chunks[chunk])
        chunks[chunk].insert(key, at: place)
        count += 1
        guard chunks[chunk].count > Self.chunkMax else { return }
        let upper = ContiguousArray(chunks[chunk][(Self.chunkMax / 2)...])
        chunks[chunk].removeSubrange((Self.chunkMax / 2)...)
        chunks.insert(upper, at: chunk + 1)
    }

    /// Removes a key that is there.
    mutating func remove(_ key: Key) {
        let chunk = chunkIndex(for: key)
        let place = Self.lowerBound(key, in: chunks[chunk])
        precondition(
            place < chunks[chunk].count && chunks[chunk][place] == key,
            "an open auction's end must be in the deadline queue")
        chunks[chunk].remove(at: place)
        count -= 1
        if chunks[chunk].isEmpty && chunks.count > 1 { chunks.remove(at: chunk) }
    }

    /// Calls `body` with the keys from `start` on, in order, until it answers false.
    public func forEach(from start: Key, _ body: (Key) -> Bool) {
        let firstChunk = chunkIndex(for: start)
        var place = Self.lowerBound(start, in: chunks[firstChunk])
        for chunk in firstChunk..<chunks.count {
            while place < chunks[chunk].count {
                if !body(chunks[chunk][place]) { return }
                place += 1
            }
            place = 0
        }
    }

    /// The chunk in which a key stands or would stand: the first whose last key is not below it,
    /// or the last one.
    private func chunkIndex(for key: Key) -> Int {
        var low = 0
        var high = chunks.count - 1
        while low < high {
            let middle = (low + high) / 2
            if let last = chunks[middle].last, last < key {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private static func lowerBound(_ key: Key, in keys: ContiguousArray<Key>) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
