// What is measured, kept for Prometheus: counters, gauges and histograms as swift-metrics asks for
// them, written out in the text exposition format, version 0.0.4.
//
// Invariants: whoever measures resolves a metric once and then touches an atomic number, no
// dictionary and no lock; a name has one type for ever, and a name and labels one series; every
// text in a page is escaped, so no label can break it.

internal import Metrics
internal import Synchronization

/// A factory of metrics that writes itself out as a page for Prometheus.
final class PrometheusRegistry: MetricsFactory {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    fileprivate enum Series: Sendable {
        case counter(PrometheusCounter)
        case gauge(PrometheusGauge)
        case histogram(PrometheusHistogram)
    }

    private struct Family: Sendable {
        let kind: Kind
        /// In order of coming, by labels as they are written.
        var series: [(labels: String, series: Series)] = []
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
    }

    private let state = Mutex(State())

    init() {}

    /// Says what a metric means.
    func describe(_ name: String, _ help: String) {
        state.withLock { $0.help[name] = help }
    }

    // MARK: Making

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let made = series(label, dimensions, .counter) { .counter(PrometheusCounter()) }
        guard case .counter(let counter) = made else { return PrometheusCounter() }
        return counter
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A recorder that aggregates is a histogram of counts, one that does not a gauge.
    func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(label, dimensions, bounds: PrometheusHistogram.counts, perUnit: 1)
    }

    /// A timer is a histogram of seconds.
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, bounds: PrometheusHistogram.times, perUnit: 1e9)
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], bounds: [Double], perUnit: Double
    ) -> PrometheusHistogram {
        let fresh = PrometheusHistogram(bounds: bounds, perUnit: perUnit)
        let made = series(label, dimensions, .histogram) { .histogram(fresh) }
        guard case .histogram(let histogram) = made else { return fresh }
        return histogram
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> PrometheusGauge {
        let made = series(label, dimensions, .gauge) { .gauge(PrometheusGauge()) }
        guard case .gauge(let gauge) = made else { return PrometheusGauge() }
        return gauge
    }

    /// The series of a name and labels. Where the name has another type already, what is made
    /// counts and is shown nowhere: a page with a name of two types is none.
    private func series(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ make: () -> Series
    ) -> Series {
        let name = Exposition.name(label)
        let labels = Exposition.labels(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            guard family.kind == kind else { return make() }
            if let known = family.series.first(where: { $0.labels == labels }) {
                return known.series
            }
            let made = make()
            family.series.append((labels, made))
            state.families[name] = family
            return made
        }
    }

    // MARK: Destroying

    func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for name in state.families.keys {
                state.families[name]?.series.removeAll { $0.series.object === handler }
            }
        }
    }

    // MARK: Writing

    /// Writes every series, families in order of name.
    func write(to page: inout Exposition) {
        let state = state.withLock { $0 }
        for (name, family) in state.families.sorted(by: { $0.key < $1.key })
        where !family.series.isEmpty {
            page.family(name, family.kind, state.help[name])
            for (labels, series) in family.series {
                switch series {
                case .counter(let counter): page.sample(name, labels, counter.count)
                case .gauge(let gauge): page.sample(name, labels, gauge.number)
                case .histogram(let histogram):
                    page.histogram(
                        name, labels, bounds: histogram.bounds.map { $0 / histogram.perUnit },
                        counts: histogram.counts, sum: Double(histogram.sum) / histogram.perUnit)
                }
            }
        }
    }
}

extension PrometheusRegistry.Series {
    fileprivate var object: AnyObject {
        switch self {
        case .counter(let counter): counter
        case .gauge(let gauge): gauge
        case .histogram(let histogram): histogram
        }
    }
}

// MARK: - The numbers

final class PrometheusCounter: CounterHandler, Sendable {
    private let value = Atomic<Int64>(0)

    var count: Int64 { value.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        // A counter never falls.
        if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { value.store(0, ordering: .relaxed) }
}

final class PrometheusGauge: MeterHandler, RecorderHandler, Sendable {
    private let bits = Atomic<UInt64>(0)

    var number: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, found) = bits.weakCompareExchange(
                expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }
}

/// Counts values by bounds that are fixed when it is made.
final class PrometheusHistogram: TimerHandler, RecorderHandler, Sendable {
    /// Times, in nanoseconds: from half a millisecond to ten seconds.
    static let times: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ].map { $0 * 1e9 }
    /// Counts of things: powers of four.
    static let counts: [Double] = (0..<10).map { Double(1 << (2 * $0)) }

    let bounds: [Double]
    /// How many of what is recorded make one of what is shown.
    let perUnit: Double
    private let limits: [Int64]
    private let inBuckets = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }
    private let total = Atomic<Int64>(0)

    /// - Parameter bounds: at most 15, rising.
    init(bounds: [Double], perUnit: Double) {
        precondition(bounds.count < 16, "at most 15 bounds")
        self.bounds = bounds
        self.perUnit = perUnit
        limits = bounds.map { Int64($0) }
    }

    /// How many values each bound took, and the last what is larger.
    var counts: [UInt64] {
        (0...limits.count).map { inBuckets[$0].load(ordering: .relaxed) }
    }
    var sum: Int64 { total.load(ordering: .relaxed) }

    func record(_ value: Int64) {
        var place = 0
        while place < limits.count, value > limits[place] { place += 1 }
        inBuckets[place].wrappingAdd(1, ordering: .relaxed)
        total.wrappingAdd(value, ordering: .relaxed)
    }

    func record(_ value: Double) {
        record(value.isFinite ? Int64(min(max(value, -1e18), 1e18)) : 0)
    }

    func recordNanoseconds(_ duration: Int64) { record(duration) }
}

// MARK: - The page

/// A page of metrics while it is written.
struct Exposition: Sendable {
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// A name that Prometheus takes: other characters become underscores.
    static func name(_ label: String) -> String {
        var name = String(
            label.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_", ":": Character(scalar)
                default: "_"
                }
            })
        if name.first?.isNumber ?? true { name = "_" + name }
        return name
    }

    /// Labels as they stand between a name and its value; empty without any.
    static func labels(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{"
            + labels.map { label, value in
                let name = Self.name(label).replacing(":", with: "_")
                return "\(name)=\"\(escaped(value, quotes: true))\""
            }.joined(separator: ",") + "}"
    }

    /// Begins a family. Its samples must follow.
    mutating func family(_ name: String, _ kind: PrometheusRegistry.Kind, _ help: String?) {
        if let help { text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n" }
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: String = "", _ value: some BinaryInteger) {
        text += "\(name)\(labels) \(value)\n"
    }

    mutating func sample(_ name: String, _ labels: String = "", _ value: Double) {
        text += "\(name)\(labels) \(Self.number(value))\n"
    }

    /// A family of one sample.
    mutating func single(
        _ name: String, _ kind: PrometheusRegistry.Kind, _ help: String, _ value: Double
    ) {
        family(name, kind, help)
        sample(name, "", value)
    }

    /// The samples of a histogram.
    /// - Parameter counts: for each bound those not counted for an earlier one, and at the end
    ///   those above all bounds.
    mutating func histogram(
        _ name: String, _ labels: String = "", bounds: [Double], counts: [UInt64], sum: Double
    ) {
        // `{a="b"}` becomes `{a="b",`, nothing becomes `{`.
        let prefix = labels.isEmpty ? "{" : labels.dropLast() + ","
        var total: UInt64 = 0
        for (place, count) in counts.enumerated() {
            total += count
            let bound = place < bounds.count ? Self.number(bounds[place]) : "+Inf"
            text += "\(name)_bucket\(prefix)le=\"\(bound)\"} \(total)\n"
        }
        text += "\(name)_sum\(labels) \(Self.number(sum))\n"
        text += "\(name)_count\(labels) \(total)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
