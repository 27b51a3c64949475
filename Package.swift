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
        .library(name: "GavelHTTP", targets: ["GavelHTTP"]),
        .executable(name: "gavel", targets: ["gavel-cli"]),
        .executable(name: "gavel-server", targets: ["gavel-server"]),
        .executable(name: "gavel-simulator", targets: ["gavel-simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CLMDB", pkgConfig: "lmdb",
            providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
        .target(name: "CPlatform"),
        .target(
            name: "Platform", dependencies: ["CPlatform"], swiftSettings: strictAndMemorySafe),
        .target(
            name: "LMDB", dependencies: ["CLMDB", "Platform"], swiftSettings: strictAndMemorySafe),
        .target(name: "CSHA256"),
        .target(name: "AuctionDomain", swiftSettings: strictAndMemorySafe),
        .target(
            name: "Gavel",
            dependencies: [
                "AuctionDomain", "CSHA256", "LMDB", "Platform",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelJSON", dependencies: ["AuctionDomain", "Gavel"],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelTesting", dependencies: ["AuctionDomain", "Gavel", "Platform"],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelProgram",
            dependencies: [
                "Gavel", "GavelJSON", "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .target(
            name: "GavelReport", dependencies: ["Gavel", "GavelJSON", "GavelProgram"],
            swiftSettings: strict),
        .target(
            name: "GavelStorm",
            dependencies: [
                "Gavel", "GavelJSON", "GavelProgram", "GavelReport", "LMDB", "Platform",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "GavelCommands",
            dependencies: [
                "Gavel", "GavelJSON", "GavelProgram", "GavelReport", "GavelStorm", "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "gavel-cli", dependencies: ["GavelCommands"], swiftSettings: strict),
        .target(
            name: "GavelHTTP",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelJSON", "LMDB", "Platform",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strictAndMemorySafe),
        .target(
            name: "GavelServerCommands",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelHTTP", "GavelProgram",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "gavel-server", dependencies: ["GavelServerCommands"], swiftSettings: strict),
        .testTarget(name: "PlatformTests", dependencies: ["Platform"], swiftSettings: strict),
        .executableTarget(
            name: "gavel-simulator",
            dependencies: [
                "GavelTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(name: "LMDBTests", dependencies: ["LMDB", "Platform"], swiftSettings: strict),
        .testTarget(
            name: "AuctionDomainTests", dependencies: ["AuctionDomain", "GavelTesting"],
            swiftSettings: strict),
        .testTarget(
            name: "GavelTests",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelJSON", "GavelTesting", "LMDB", "Platform",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GavelJSONTests", dependencies: ["AuctionDomain", "Gavel", "GavelJSON"],
            swiftSettings: strict),
        .testTarget(
            name: "GavelHTTPTests",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelHTTP", "GavelJSON", "GavelProgram",
                "GavelServerCommands", "GavelTesting", "LMDB", "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "Gavel", "GavelCommands", "GavelJSON", "GavelProgram", "GavelReport", "GavelStorm",
                "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "AuctionDomain", "Gavel", "GavelJSON", "GavelTesting",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "FixtureTests",
            dependencies: ["AuctionDomain", "Gavel", "GavelJSON", "GavelTesting"],
            swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
    ]
)
