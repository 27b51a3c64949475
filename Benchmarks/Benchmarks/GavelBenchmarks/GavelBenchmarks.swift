// The suites: what the parts of Gavel cost, through its public door. `swift package benchmark`
// runs them; the limits CI holds them to lie in Thresholds/.
//
// Only times are asked for: without the traits that replace malloc, counts of allocations read 0
// and mean nothing, and instructions are not counted on virtual machines.

import Benchmark

/// How much longer than its threshold a suite may take, in percent, at the 90th percentile. CI runs
/// on other machines than the one that wrote the thresholds, and not alone: what is found is a
/// loop that became quadratic. Nothing is faster by 100 % and more, so faster never fails.
enum Tolerance: Double {
    /// For suites that compute.
    case computing = 400
    /// For suites that wait for a disk or another thread.
    case waiting = 1_900
}

/// A suite's configuration.
func configuration(
    _ tolerance: Tolerance, scalingFactor: BenchmarkScalingFactor = .one,
    maxIterations: Int = 1_000
) -> Benchmark.Configuration {
    .init(
        metrics: [.wallClock], warmupIterations: 3, scalingFactor: scalingFactor,
        maxDuration: .seconds(1), maxIterations: maxIterations,
        thresholds: [.wallClock: BenchmarkThresholds(relative: [.p90: tolerance.rawValue])])
}

let benchmarks: @Sendable () -> Void = {
    addDomainSuites()
    addEngineSuites()
    addReadingSuites()
}
