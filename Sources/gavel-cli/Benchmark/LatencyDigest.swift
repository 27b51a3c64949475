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

/// A span of time with a unit that fits: three figures that mean something.
func spanText(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case ..<1_000: "\(nanoseconds) ns"
    case ..<1_000_000: decimal(nanoseconds, 1_000) + " µs"
    case ..<1_000_000_000: decimal(nanoseconds, 1_000_000) + " ms"
    default: decimal(nanoseconds, 1_000_000_000) + " s"
    }
}

/// A quotient with as many decimals as make three figures.
private func decimal(_ value: UInt64, _ unit: UInt64) -> String {
    let whole = value / unit
    let thousandths = value % unit * 1_000 / unit
    if whole >= 100 { return "\(whole)" }
    if whole >= 10 { return "\(whole).\(thousandths / 100)" }
    let hundredths = thousandths / 10
    return "\(whole).\(hundredths < 10 ? "0" : "")\(hundredths)"
}

/// A count with a comma before each three digits.
func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number)
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0, text != "-" { text += "," }
        text.append(digit)
    }
    return text
}
