// The suites: what the parts of Gavel cost, through its public door. `swift package benchmark`
// runs them; the limits CI holds them to lie in Thresholds/.
//
// Only times are asked for: without the traits that replace malloc, counts of allocations read 0
// and mean nothing, and instructions are not counted on virtual machines.

import Benchmark

let benchmarks: @Sendable () -> Void = {
    // CI runs on other machines than the one that wrote the thresholds: only what got slower by
    // several times fails. 100 % and more cannot be undercut, so faster is never an error.
    let loose = BenchmarkThresholds(relative: [.p90: 400])
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], warmupIterations: 3, maxDuration: .seconds(1),
        maxIterations: 1_000, thresholds: [.wallClock: loose, .throughput: loose])
    addDomainSuites()
    addEngineSuites()
    addReadingSuites()
}
