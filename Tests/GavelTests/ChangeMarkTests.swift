// What has changed for anyone to see: marks and the auctions that entries have changed, held
// against the histories themselves.

import AuctionDomain
import GavelTesting
import Testing

@testable import Gavel

@Suite("Public changes")
struct ChangeMarkTests {
    /// The position of the last accepted entry about each auction, from the entries alone.
    private func lastChanges(_ ledger: Ledger) throws -> [AuctionID: UInt64] {
        var last: [AuctionID: UInt64] = [:]
        for entry in try ledger.entries(from: 0, limit: .max) where entry.outcome.rejection == nil {
            if case .openAuction(let opening) = entry.command {
                last[opening.auction] = entry.position
            } else if let auction = entry.command.auction {
                last[ledger.reading.id(of: auction)] = entry.position
            }
        }
        return last
    }

    @Test("A mark is the last accepted entry, also after a snapshot", arguments: [UInt64(3), 4])
    func marks(seed: UInt64) async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var ledger = try await Ledger.open(at: path, configuration: Bench.configuration(clock))
            var workload = Workload(seed: seed)
            clock.advance(to: workload.configuration.start)
            for _ in 0..<600 {
                let step = workload.nextStep()
                clock.advance(to: step.time)
                _ = try await ledger.submit(step.command, id: step.id, by: step.actor)
            }
            let expected = try lastChanges(ledger)
            #expect(expected.count > 10)
            for _ in 0..<2 {
                for (auction, position) in expected {
                    #expect(ledger.marks(of: [auction])[0]?.position == position, "\(auction)")
                }
                // Closing writes a snapshot, which the next opening takes up.
                await ledger.close()
                ledger = try await Ledger.open(at: path, configuration: Bench.configuration(clock))
            }
            await ledger.close()
        }
    }

    @Test("Auctions that entries have changed are those of accepted ones, however it is asked")
    func changes() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.accept(
            .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")),
            .openAuction(OpenAuction(auction: "lot-2", seller: "bob", currency: "USD")))
        let start = bench.ledger.reflects
        // The seller's own bid is rejected.
        try await bench.submit(.placeBid(auction: "lot-1", bidder: "bob", amount: 5))
        let none = try bench.ledger.auctionsChanged(from: start, entriesMax: 10, auctionsMax: 10)
        #expect(none.auctions.isEmpty && none.changed == start && none.next == start + 1)
        #expect(none.isComplete)
        try await bench.accept(
            .placeBid(auction: "lot-2", bidder: "alice", amount: 5),
            .placeBid(auction: "lot-1", bidder: "alice", amount: 5))
        try await bench.submit(.placeBid(auction: "lot-2", bidder: "bob", amount: 5))
        let all = try bench.ledger.auctionsChanged(from: start, entriesMax: 10, auctionsMax: 10)
        #expect(all.auctions == ["lot-2", "lot-1"] && all.changed == start + 3)
        #expect(all.next == start + 4 && all.isComplete)
        let one = try bench.ledger.auctionsChanged(from: start, entriesMax: 10, auctionsMax: 1)
        #expect(one.auctions == ["lot-2"] && one.next == start + 2 && !one.isComplete)
    }

    @Test("Of a blanked entry there are a position and a hash, of an accepted one its public part")
    func publicEntries() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.accept(
            .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")),
            .placeBid(auction: "lot-1", bidder: "alice", amount: 5))
        try await bench.submit(.placeBid(auction: "lot-1", bidder: "bob", amount: 6))
        let entries = try bench.ledger.publicEntries(from: 0)
        #expect(entries.map(\.position) == Array(0..<bench.ledger.reflects))
        #expect(
            entries.compactMap(\.entry?.kind) == [.openAuction, .placeBid]
                && entries.last?.entry == nil)
        let bytes = try bench.ledger.reading.log.entryBytes(in: 0..<bench.ledger.reflects)
        #expect(entries.map(\.leaf) == bytes.map { LedgerHash(leaf: $0) })
        #expect(try bench.ledger.publicEntries(from: .max).isEmpty)
    }
}
