// What a ledger says of itself, as counted once a frame.

import AuctionDomain
import Gavel
import GavelTesting
import Testing

@testable import GavelHTTP

@Suite("The ledger's statistics")
struct StatisticsTests {
    @Test("Every entry is counted in a frame, every rejection once, every frame with its times")
    func counts() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"], amount: 0)
            let again = try await test.ledger.submit(.registerUser("alice"), id: .generate())
            #expect(again.status == .rejected)
            let refused = try await test.ledger.submit(
                .placeBid(auction: "none", bidder: "alice", amount: 1), id: .generate())
            #expect(refused.status == .refused)
            let batch = (0..<100).map {
                Submission(id: .generate(), command: .registerUser(UserID(unchecked: "u\($0)")))
            }
            _ = try await test.ledger.submit(batch)
            let statistics = test.ledger.statistics
            #expect(statistics.durableCount == 105)
            #expect(statistics.reflects == 105)
            #expect(statistics.rejections == 1)
            #expect(statistics.frameEntries.sum == 105)
            // The batch stands in one frame: more than 2⁶ entries, at most 2⁷.
            #expect(statistics.frameEntries.counts[7] == 1)
            #expect(statistics.commitMicroseconds.count == statistics.frameEntries.count)
            #expect(statistics.flushMicroseconds.count == statistics.frameEntries.count)
            #expect(statistics.flushMicroseconds.sum <= statistics.commitMicroseconds.sum)
            #expect(statistics.queuedCommands == 0)
            #expect(statistics.failure == nil && !statistics.isClosed)
            #expect(!statistics.isStorageLow && !statistics.holdsClosings)
            let storage = try #require(statistics.storage)
            #expect(storage.usedBytes > 0 && storage.usedBytes <= storage.mapBytes)
            await test.ledger.close()
            #expect(test.ledger.statistics.isClosed)
            #expect(test.ledger.statistics.snapshotCount == 105)
            #expect(test.ledger.statistics.storage == nil)
        }
    }

    @Test("Held closings and low storage are seen, and low storage is no readiness")
    func states() async throws {
        var configuration = Configuration()
        configuration.closing = .held
        configuration.freeBytesMin = .max
        try await TestService.withOperations(configuration: configuration) { test, operations in
            #expect(test.ledger.statistics.holdsClosings)
            #expect(test.ledger.statistics.isStorageLow)
            let ready = try await operations.call("GET", "/ready")
            #expect(ready.status == 503)
            #expect(ready.headers["retry-after"] != nil)
            #expect(ready.text.contains("storage is low"))
            try await test.ledger.confirmClosings()
            #expect(!test.ledger.statistics.holdsClosings)
        }
    }

    @Test("Ready says no once the service shuts down or the ledger is closed; live goes on")
    func readiness() async throws {
        try await TestService.withOperations { test, operations in
            #expect(try await operations.call("GET", "/live").status == 200)
            #expect(try await operations.call("GET", "/ready").status == 200)
            test.service.beginShutdown()
            let ready = try await operations.call("GET", "/ready")
            #expect(ready.status == 503)
            #expect(ready.json["status"] as? String == "not_ready")
            #expect(ready.text.contains("shutting down"))
            await test.ledger.close()
            #expect(try await operations.call("GET", "/ready").text.contains("closed"))
            #expect(try await operations.call("GET", "/live").status == 200)
        }
    }
}
