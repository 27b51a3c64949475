// What leaves the house does not depend on what it hides.
//
// Pairs of histories are drawn whose public transcripts are equal and whose hidden things are not;
// both are lived, and everything that anyone may call, every stream and the operations listener
// answer byte for byte the same, for anyone and for a signed-in stranger.
//
// GAVEL_SEED=n compares the one pair of that seed; GAVEL_CAMPAIGN=14 compares fourteen times as
// many, 504, as CI does.

import Foundation
import GavelTesting
import Synchronization
import Testing

@testable import GavelHTTP

@Suite("Non-interference")
struct NonInterferenceTests {
    /// How many pairs are compared, and in how many tests that run side by side.
    private static let pairs = 36 * (number("GAVEL_CAMPAIGN") ?? 1)
    private static let parts: UInt64 = 2

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap(UInt64.init)
    }

    /// The first thing that the worlds of a pair do not show alike; nil where there is none.
    private static func difference(
        _ pair: WorldPair, in store: SharedStore, leak: PlantedLeak? = nil
    ) async throws -> String? {
        let first = try await World(pair, in: store, leak: leak)
        try await first.run(pair.first)
        let second = try await World(pair, in: store, leak: leak)
        try await second.run(pair.second)
        for (one, other) in zip(first.seen, second.seen) where one != other {
            return describe(one, other)
        }
        guard first.seen.count == second.seen.count else {
            return "\(first.seen.count) things were seen, and \(second.seen.count)"
        }
        return nil
    }

    /// Where two observations differ, with a little around it.
    private static func describe(_ one: Observation, _ other: Observation) -> String {
        guard one.what == other.what else { return "\(one.what), and \(other.what)" }
        let common = zip(one.text, other.text).prefix { $0 == $1 }.count
        let excerpts = [one, other].map { observation in
            String(observation.text.dropFirst(max(0, common - 60)).prefix(200)).debugDescription
        }
        return "\(one.what): \(excerpts[0]) and \(excerpts[1])"
    }

    private static func record(_ difference: String, between pair: WorldPair) {
        let things = pair.differences.map(\.rawValue).joined(separator: ", ")
        Issue.record("GAVEL_SEED=\(pair.seed), which hides \(things): \(difference)")
    }

    @Test(
        "Worlds that differ in hidden things only answer every call alike",
        arguments: 0..<parts)
    func pairs(part: UInt64) async throws {
        let store = try SharedStore()
        var found: [HiddenThing: Int] = [:]
        if let seed = Self.number("GAVEL_SEED") {
            guard part == 0 else { return }
            let pair = try #require(WorldPair(seed: seed))
            let difference = try await Self.difference(pair, in: store)
            if let difference { Self.record(difference, between: pair) }
            return
        }
        var seed = part
        var compared: UInt64 = 0
        while compared < Self.pairs / Self.parts {
            defer { seed += Self.parts }
            guard let pair = WorldPair(seed: seed) else { continue }
            compared += 1
            for thing in pair.differences { found[thing, default: 0] += 1 }
            let difference = try await Self.difference(pair, in: store)
            if let difference { return Self.record(difference, between: pair) }
        }
        // Every kind of hidden thing was exchanged, where there are enough pairs for that.
        guard compared >= 200 else { return }
        for thing in HiddenThing.allCases {
            #expect(found[thing, default: 0] > 0, "no \(thing.rawValue)")
        }
    }

    @Test("A planted leak is found", arguments: PlantedLeak.allCases)
    func plantedLeak(leak: PlantedLeak) async throws {
        let store = try SharedStore()
        for seed in leak.firstSeed..<leak.firstSeed + 400 {
            guard let pair = WorldPair(seed: seed) else { continue }
            if try await Self.difference(pair, in: store, leak: leak) != nil { return }
        }
        Issue.record("nothing was found")
    }

    @Test("Every operation of the contract has a line in the table of calls, and none else has")
    func everyOperation() {
        let ids = Set(AuctionService.routes.map(\.operation.id))
        #expect(Set(PublicCalls.table.keys) == ids)
    }
}
