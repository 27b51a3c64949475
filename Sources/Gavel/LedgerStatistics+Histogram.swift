// How often values of which size occurred.

extension LedgerStatistics {
    /// How often values of which size occurred: a count for each power of two.
    public struct Histogram: Hashable, Sendable {
        /// `counts[n]` values were at most 2ⁿ and more than the power before it; the last takes all
        /// that is larger.
        public private(set) var counts: [UInt64]
        /// The sum of all values.
        public private(set) var sum: UInt64 = 0

        /// - Parameter powers: how many powers of two have a count of their own, from 2⁰ on.
        init(powers: Int) { counts = Array(repeating: 0, count: powers + 1) }

        /// How many values occurred.
        public var count: UInt64 { counts.reduce(0, +) }

        mutating func record(_ value: UInt64) {
            // The bits of the value before it: 2ⁿ itself belongs to n.
            let power = value <= 1 ? 0 : 64 - (value - 1).leadingZeroBitCount
            counts[min(power, counts.count - 1)] += 1
            sum &+= value
        }
    }
}
