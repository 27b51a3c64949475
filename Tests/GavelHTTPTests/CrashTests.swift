// A process killed in the middle of a storm: whoever asks again under the same keys gets every
// acknowledged receipt again, and nothing is lost or takes effect twice.

import AuctionDomain
import Foundation
import Gavel
import Synchronization
import Testing

@testable import GavelHTTP

@Suite("A service killed in the middle of a storm")
struct CrashTests {
    /// A bid as its sender remembers it.
    private struct Sent: Sendable {
        var person: Int
        var key: CommandID
        var amount: Int
        /// What was answered before the kill; nil where nothing was.
        var status: Int?
        var position: Int?
    }

    /// What all senders share.
    private final class Storm: Sendable {
        let next: Atomic<Int>
        private let all = Mutex<[Sent]>([])

        init(firstAmount: Int) { next = Atomic(firstAmount) }

        func note(_ bid: Sent) { all.withLock { $0.append(bid) } }
        var sent: [Sent] { all.withLock { $0 } }
        var acknowledgedCount: Int {
            all.withLock { all in all.count { $0.position != nil } }
        }
    }

    @Test(
        "Acknowledged bids are all there, retries under the same keys lose and double nothing",
        .timeLimit(.minutes(30)))
    func killed() async throws {
        try await ServedHouse.with(["--rejections", "0"]) { server in
            let staff = try await server.signIn("staff")
            let seller = try await server.signUp("seller")
            var bidders: [Person] = []
            for number in 0..<4 { bidders.append(try await server.signUp("bidder-\(number)")) }
            try await server.charge(bidders, amount: 1_000_000_000, by: staff)
            let opened = try await server.call(
                "POST", "/auctions", by: seller,
                "{\"auction\":\"hot\",\"title\":\"Hot\",\"currency\":\"USD\"}")
            #expect(opened.status == 201, "\(opened.text)")

            for round in 0..<2 {
                let sent = try await storm(server, bidders, round: round)
                try await server.start()
                try await checkRetries(server, bidders, sent)
            }
            #expect(await server.end() == 0)
            try checkLedger(server.ledger)
        }
    }

    /// Bids from all sides until the process is killed under them.
    private func storm(
        _ server: ServedHouse, _ bidders: [Person], round: Int
    ) async throws -> [Sent] {
        let storm = Storm(firstAmount: 1 + round * 1_000_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sender in 0..<16 {
                group.addTask {
                    guard let connection = try? server.connect() else { return }
                    let person = sender % bidders.count
                    while true {
                        let amount = storm.next.add(1, ordering: .relaxed).newValue
                        var bid = Sent(person: person, key: .generate(), amount: amount)
                        let answer = try? await connection.call(
                            "POST", "/auctions/hot/bid",
                            headers: [
                                ("authorization", "Bearer \(bidders[person].token)"),
                                ("idempotency-key", bid.key.description),
                            ], body: "{\"amount\":\(amount)}")
                        bid.status = answer?.status
                        bid.position = answer?.position
                        storm.note(bid)
                        if answer == nil { return }
                    }
                }
            }
            while storm.acknowledgedCount < 200 { try await Task.sleep(for: .milliseconds(20)) }
            await server.kill()
            try await group.waitForAll()
        }
        return storm.sent
    }

    private func checkRetries(
        _ server: ServedHouse, _ bidders: [Person], _ sent: [Sent]
    ) async throws {
        let connection = try server.connect()
        for bid in sent {
            let answer = try await connection.call(
                "POST", "/auctions/hot/bid",
                headers: [
                    ("authorization", "Bearer \(bidders[bid.person].token)"),
                    ("idempotency-key", bid.key.description),
                ], body: "{\"amount\":\(bid.amount)}")
            #expect([201, 422].contains(answer.status), "\(answer.text)")
            guard let position = bid.position else { continue }
            #expect(answer.status == bid.status)
            #expect(answer.position == position)
            #expect(answer.headers["idempotency-replayed"] == "true")
        }
    }

    /// Every key stands in the log once, and the wallets hold what the bids say.
    private func checkLedger(_ path: String) throws {
        let reader = try LedgerReader.openAndWait(at: path)
        var keys: Set<CommandID> = []
        var position: UInt64 = 0
        while case let run = try reader.entries(from: position), !run.isEmpty {
            for entry in run where entry.commandID != nil && entry.commandID != CommandID.none {
                #expect(keys.insert(entry.commandID!).inserted, "\(entry.commandID!) stands twice")
            }
            position += UInt64(run.count)
        }
        let auction = try reader.auction("hot").value
        let wallet = try reader.wallet(try #require(auction.leader)).value
        #expect(wallet.balances.first?.locked == auction.price)
        #expect(auction.bids > 0)
        reader.close()
        let verified = try Verifier.verify(at: path, level: .full)
        #expect(verified.findings.isEmpty)
    }
}
