// Figures by name, of one run and of several.
//
// Invariant: figures are whole numbers whose names end in their unit.

/// Figures in order.
package struct Figures: Equatable, Sendable {
    private(set) var names: [String] = []
    private(set) var values: [Int64] = []

    package init() {}

    subscript(_ name: String) -> Int64? {
        names.firstIndex(of: name).map { values[$0] }
    }

    /// Adds a figure; one that there is not is left out.
    package mutating func add(_ name: String, _ value: (some BinaryInteger)?) {
        guard let value else { return }
        names.append(name)
        values.append(Int64(clamping: value))
    }

    mutating func add(_ prefix: String, _ quantiles: LatencyQuantiles?) {
        guard let quantiles else { return }
        add("\(prefix)_p50_ns", quantiles.p50)
        add("\(prefix)_p90_ns", quantiles.p90)
        add("\(prefix)_p99_ns", quantiles.p99)
        add("\(prefix)_p999_ns", quantiles.p999)
        add("\(prefix)_max_ns", quantiles.max)
    }
}

/// The middle one of several runs and how far they lie apart.
struct Spread: Equatable, Sendable {
    var median: Int64
    var least: Int64
    var most: Int64

    /// - Precondition: there is at least one value.
    init(_ values: [Int64]) {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median =
            sorted.count % 2 == 1
            ? sorted[middle] : sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2
        least = sorted[0]
        most = sorted[sorted.count - 1]
    }
}

/// Figures of several runs, by name, in the order of the first run.
struct SpreadFigures: Equatable, Sendable {
    private(set) var names: [String] = []
    private(set) var spreads: [Spread] = []

    init(_ runs: [Figures]) {
        for name in runs.first?.names ?? [] {
            names.append(name)
            spreads.append(Spread(runs.compactMap { $0[name] }))
        }
    }

    subscript(_ name: String) -> Spread? { names.firstIndex(of: name).map { spreads[$0] } }
}
