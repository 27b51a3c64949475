// The articles Embedding and TestingYourCode: their code is what is compiled here, and does what
// they say.

import Foundation
import Gavel
import GavelTesting
import Synchronization
import Testing

@Suite("Articles for embedders")
struct EmbeddingTests {
    @Test(
        "Every block of code is a part of what is compiled",
        arguments: ["Embedding", "TestingYourCode"])
    func blocksAreCompiled(article: String) throws {
        let source = try read("Tests/DocumentationTests/EmbeddingExamples.swift")
        var parts: [String] = []
        // What stands behind an end belongs to no block.
        for part in source.components(separatedBy: "// \(article): ").dropFirst() {
            let lines = part.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            if lines[0] != "end", lines.count == 2 { parts.append(String(lines[1])) }
        }
        let shown = blocks(try read("Sources/Gavel/Gavel.docc/\(article).md"), "swift")
        #expect(shown == parts)
        #expect(shown.count >= 3)
    }

    /// What a follower stored, in memory.
    private final class Table: EntryTable {
        private let content = Mutex<(rows: [UInt64], place: Subscription.Place?)>(([], nil))
        var rows: [UInt64] { content.withLock { $0.rows } }

        func place() async throws -> Subscription.Place? { content.withLock { $0.place } }
        func add(
            _ rows: [(position: UInt64, time: Timestamp)], place: Subscription.Place
        ) async throws {
            content.withLock {
                $0.rows += rows.map(\.position)
                $0.place = place
            }
        }
    }

    @Test("A house in memory sells a lot, says no, is followed, projected and closed")
    func house() async throws {
        let (house, clock) = try await makeTestHouse()
        let (host, run) = try watch(house.ledger)
        let table = Table()
        let following = Task { try await follow(house.ledger, into: table) }
        #expect(try await sell(house, clock) == "alice")
        let late = CommandID.generate(at: clock.now())
        #expect(
            try await house.bid(20_00, on: "lot-1", by: "alice", id: late)
                == .no("auction_ended"))
        #expect(
            try await house.bid(
                20_00, on: "lot-9", by: "alice", id: .generate(at: clock.now()))
                == .no("auction_not_found"))
        let again = Submission(
            id: late, actor: .user("alice"),
            command: .placeBid(auction: "lot-1", bidder: "alice", amount: 20_00))
        #expect(try await finish(again, in: house.ledger).isReplay)
        let receipts = try await load(house, commands: 500, seed: 1)
        #expect(receipts.count == 500 && receipts.contains { $0.status == .accepted })
        let count = house.ledger.durableCount
        await house.ledger.close()
        try await following.value
        try await run.value
        #expect(table.rows == Array(0..<count))
        #expect(try host.read { $0.counts["auction_ended"] ?? 0 } >= 1)
    }

    @Test("What a bidder must bid at least is told, and a tool reads what she has")
    func outbid() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-embedding-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await Ledger.withLedger(at: folder) { ledger in
            let house = AuctionHouse(ledger: ledger)
            for command: Command in [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("seller"),
                .registerUser("alice"), .registerUser("bob"),
                .charge(user: "alice", currency: "USD", amount: 50_00, reference: "card-1"),
                .charge(user: "bob", currency: "USD", amount: 50_00, reference: "card-2"),
                .openAuction(OpenAuction(auction: "lot-1", seller: "seller", currency: "USD")),
            ] {
                #expect(try await ledger.submit(command, id: .generate()).status == .accepted)
            }
            let first = try await house.bid(15_00, on: "lot-1", by: "alice", id: .generate())
            #expect(first == .taken(position: ledger.reflects - 1))
            let second = try await house.bid(15_00, on: "lot-1", by: "bob", id: .generate())
            guard case .outbid(let minimum?) = second else {
                Issue.record("\(second)")
                return
            }
            #expect(minimum > 15_00)
            let balances = try await balances(of: "alice", at: folder)
            #expect(balances.map(\.locked) == [15_00] && balances.map(\.available) == [35_00])
        }
    }
}
