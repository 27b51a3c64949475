// The suites: what Gavel's parts cost, through its public door.

import Benchmark

let benchmarks: @Sendable () -> Void = {
    Benchmark("placeholder") { _ in }
}
