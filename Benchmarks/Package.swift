// swift-tools-version: 6.2
// Measurements of Gavel from outside: this package sees the root package's products only, as an
// embedder does. Its two halves are the suites (`swift package benchmark`) and the peers that do
// the same bids without Gavel (`compare-baselines`, run by `./compare`). Nothing here is built by
// the root package, which keeps needing no more than liblmdb.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "gavel-benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [
        // Named, so that the folder the repository was cloned into does not matter.
        .package(name: "gavel", path: ".."),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Without its traits: they replace malloc and the reference counting of the runtime, which
        // would be measured along.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .systemLibrary(
            name: "CPostgreSQL", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]),
        .target(
            name: "BidPlan", dependencies: [.product(name: "GavelTesting", package: "gavel")],
            swiftSettings: strict),
        .executableTarget(
            name: "compare-baselines",
            dependencies: [
                "BidPlan", "CPostgreSQL", "CSQLite",
                .product(name: "GavelTesting", package: "gavel"),
                .product(name: "Gavel", package: "gavel"),
                .product(name: "LMDB", package: "gavel"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "http-storm",
            dependencies: [
                .product(name: "Gavel", package: "gavel"),
                .product(name: "GavelHTTP", package: "gavel"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "http-load",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "GavelBenchmarks",
            dependencies: [
                "BidPlan",
                .product(name: "Gavel", package: "gavel"),
                .product(name: "GavelTesting", package: "gavel"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/GavelBenchmarks",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ]
)
