// swift-tools-version: 6.2
// The rooms of Gavel and who may import whom: arrows point down only (DESIGN section 3,
// enforced by Tests/HouseTests). Who embeds builds Gavel and what stands under it, nothing more.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
let strictAndMemorySafe = strict + [.strictMemorySafety()]

let package = Package(
    name: "gavel",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Gavel", targets: ["Gavel"]),
        .library(name: "LMDB", targets: ["LMDB"]),
        .library(name: "GavelJSON", targets: ["GavelJSON"]),
        .library(name: "GavelTesting", targets: ["GavelTesting"]),
        .executable(name: "gavel", targets: ["gavel-cli"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CLMDB", pkgConfig: "lmdb",
            providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
        .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: strictAndMemorySafe),
        .target(name: "CSHA256"),
        .target(name: "AuctionDomain", swiftSettings: strictAndMemorySafe),
        .target(
            name: "Gavel",
            dependencies: [
                "AuctionDomain", "CSHA256", "LMDB",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelJSON", dependencies: ["AuctionDomain", "Gavel"],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelTesting", dependencies: ["AuctionDomain", "Gavel", "LMDB"],
            swiftSettings: strictAndMemorySafe),
        .executableTarget(
            name: "gavel-cli",
            dependencies: [
                "Gavel", "GavelJSON", "LMDB",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict),
        .testTarget(name: "LMDBTests", dependencies: ["LMDB"], swiftSettings: strict),
        .testTarget(
            name: "AuctionDomainTests", dependencies: ["AuctionDomain", "GavelTesting"],
            swiftSettings: strict),
        .testTarget(
            name: "GavelTests",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelJSON", "GavelTesting", "LMDB",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GavelJSONTests", dependencies: ["AuctionDomain", "Gavel", "GavelJSON"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests", dependencies: ["Gavel", "GavelJSON", "gavel-cli"],
            swiftSettings: strict),
        .testTarget(
            name: "DocumentationTests",
            dependencies: ["AuctionDomain", "Gavel", "GavelJSON", "gavel-cli"],
            swiftSettings: strict),
        .testTarget(
            name: "FixtureTests",
            dependencies: ["AuctionDomain", "Gavel", "GavelJSON", "GavelTesting", "gavel-cli"],
            swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
    ]
)
