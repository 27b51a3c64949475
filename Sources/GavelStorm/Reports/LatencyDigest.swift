// Latencies as people read them: a histogram of nanoseconds and the quantiles that are asked for.

import Histogram

/// The quantiles of one distribution, in nanoseconds.
struct LatencyQuantiles: Equatable, Sendable {
    var p50: UInt64
    var p90: UInt64
    var p99: UInt64
    var p999: UInt64
    var max: UInt64

    /// nil where nothing was recorded.
    init?(_ histogram: Histogram<UInt64>) {
        guard histogram.totalCount > 0 else { return nil }
        p50 = histogram.valueAtPercentile(50)
        p90 = histogram.valueAtPercentile(90)
        p99 = histogram.valueAtPercentile(99)
        p999 = histogram.valueAtPercentile(99.9)
        max = histogram.maxRecorded
    }
}

/// A growing histogram for what is not recorded often.
struct LatencyDigest: Sendable {
    private(set) var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

    mutating func record(_ nanoseconds: Int64) {
        histogram.record(UInt64(Swift.max(0, nanoseconds)))
    }

    var count: UInt64 { histogram.totalCount }

    var quantiles: LatencyQuantiles? { LatencyQuantiles(histogram) }
}
