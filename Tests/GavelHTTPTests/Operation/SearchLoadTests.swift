// What other people's searches in titles cost a bidder. Measures and prints, and judges nothing:
//
//     GAVEL_MEASURE=1 swift test -c release -Xswiftc -enable-testing --filter SearchLoadTests

import AuctionDomain
import Foundation
import Gavel
import Testing

@testable import GavelHTTP

@Suite(
    "Searches beside bids",
    .enabled(if: ProcessInfo.processInfo.environment["GAVEL_MEASURE"] != nil))
struct SearchLoadTests {
    private static let lots = 60_000
    private static let searchesPerSecond = 8
    private static let seconds = 8.0

    @Test("60,000 lots, 8 searches a second: what a bid takes, without and with them")
    func bids() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"], amount: 1_000_000_000)
            let words = (0..<2000).map { "word\($0 * 7919 % 10_007)" }
            for start in stride(from: 0, to: Self.lots, by: 1000) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in start..<start + 1000 {
                        let title = (0..<8).map { words[(number * 31 + $0 * 577) % 2000] }
                        group.addTask {
                            try await test.submit(
                                .openAuction(
                                    OpenAuction(
                                        auction: AuctionID("lot-\(number)"),
                                        title: title.joined(separator: " "), seller: "carol",
                                        currency: "USD")))
                        }
                    }
                    try await group.waitForAll()
                }
            }
            var amount = 1
            func measured() async throws -> [Double] {
                let connection = try test.connect()
                var times: [Double] = []
                let end = ContinuousClock.now + .seconds(Self.seconds)
                while ContinuousClock.now < end {
                    amount += 1
                    let start = ContinuousClock.now
                    let answer = try await connection.call(
                        "POST", "/auctions/lot-7/bid",
                        headers: [
                            ("authorization", "Bearer \(amount % 2 == 0 ? "alice" : "bob")"),
                            ("idempotency-key", CommandID.generate().description),
                        ], body: "{\"amount\":\(amount)}")
                    #expect(answer.status == 201, "\(answer.text)")
                    times.append((ContinuousClock.now - start) / .milliseconds(1))
                    try await Task.sleep(for: .milliseconds(5))
                }
                return times.sorted()
            }
            func report(_ name: String, _ times: [Double]) {
                let (half, most) = (times[times.count / 2], times[times.count * 99 / 100])
                print("\(name): p50 \(half) ms, p99 \(most) ms, \(times.count) bids")
            }
            report("without searches", try await measured())
            for (name, title) in [("a word in no title", "nowhere"), ("a letter", "w"), ("~", "~")]
            {
                let searches = Task {
                    var (count, slowest) = (0, Duration.zero)
                    while !Task.isCancelled {
                        let start = ContinuousClock.now
                        _ = try await test.call("GET", "/auctions?title=\(title)&limit=200")
                        slowest = max(slowest, ContinuousClock.now - start)
                        count += 1
                        let next = start + .seconds(1) / Self.searchesPerSecond
                        try? await Task.sleep(until: next, clock: .continuous)
                    }
                    return (count, slowest)
                }
                report("with searches for \(name)", try await measured())
                searches.cancel()
                let (count, slowest) = try await searches.value
                print("    \(count) searches, the slowest took \(slowest)")
            }
        }
    }
}
