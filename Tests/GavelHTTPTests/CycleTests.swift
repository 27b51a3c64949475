// The whole cycle of the old back end over HTTP, with people who signed up, against the real
// process: charge, bid (lock), outbid (refund), close (settle).

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import Testing

@testable import GavelHTTP

@Suite("The whole cycle over HTTP")
struct CycleTests {
    @Test(
        "Money is charged, locked by a bid, refunded when outbid, and settled at the close",
        .timeLimit(.minutes(30)))
    func cycle() async throws {
        try await ServedHouse.with { server in
            let staff = try await server.signIn("staff")
            let alice = try await server.signUp("alice")
            let bob = try await server.signUp("bob")
            let carol = try await server.signUp("carol")
            try await server.charge([alice, bob], amount: 10_000, by: staff)

            // A lot that the hammer ends, and one that nobody will bid on.
            let opened = try await server.call(
                "POST", "/auctions", by: carol,
                """
                {"auction":"clock","title":"A clock","currency":"USD",
                 "rules":{"opening_price":1000,"increments":[{"from":0,"step":100}]},
                 "description":"It ticks.","category":"clocks"}
                """)
            #expect(opened.status == 201, "\(opened.text)")
            let empty = try await server.call(
                "POST", "/auctions", by: carol,
                "{\"auction\":\"vase\",\"title\":\"A vase\",\"currency\":\"USD\"}")
            #expect(empty.status == 201, "\(empty.text)")

            // The seller's bid, a low bid, an unfunded bid: each with its problem.
            func bid(_ amount: Int, by person: Person, key: CommandID? = nil) async throws
                -> TestAnswer
            {
                try await server.call(
                    "POST", "/auctions/clock/bid", by: person, key: key,
                    "{\"amount\":\(amount)}")
            }
            let own = try await bid(1000, by: carol)
            #expect((own.status, own.code) == (403, "seller_cannot_bid"))
            let low = try await bid(999, by: alice)
            #expect((low.status, low.code) == (422, "bid_below_opening"))
            #expect(low.json["number"] as? Int == 40)
            #expect(low.json["minimum"] as? Int == 1000)

            let first = CommandID.generate()
            let leads = try await bid(1000, by: alice, key: first)
            #expect(leads.status == 201, "\(leads.text)")
            try await expectWallet(server, alice, available: 9000, locked: 1000)

            // The same key again: the same receipt, and no second bid.
            let again = try await bid(1000, by: alice, key: first)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.position == leads.position)
            let other = try await bid(1500, by: alice, key: first)
            #expect((other.status, other.code) == (409, "command_id_reused"))

            let below = try await bid(1050, by: bob)
            #expect((below.status, below.code) == (422, "bid_below_minimum"))
            #expect(below.json["minimum"] as? Int == 1100)
            let rich = try await bid(10_001, by: bob)
            #expect((rich.status, rich.code) == (402, "exceeds_available"))
            #expect(rich.json["available"] as? Int == 10_000)

            let outbids = try await bid(2500, by: bob)
            #expect(outbids.status == 201, "\(outbids.text)")
            try await expectWallet(server, alice, available: 10_000, locked: 0)
            try await expectWallet(server, bob, available: 7500, locked: 2500)

            // What is locked cannot be taken out.
            let withdrawal = try await server.call(
                "POST", "/wallet/withdraw", by: bob,
                "{\"currency\":\"USD\",\"amount\":8000,\"reference\":\"out-1\"}")
            #expect((withdrawal.status, withdrawal.code) == (402, "exceeds_available"))

            // Nobody else's wallet is shown.
            let foreign = try await server.call("GET", "/wallets/\(alice.user)", by: bob)
            #expect((foreign.status, foreign.code) == (403, "not_yours"))

            // The hammer ends the lot; nobody bids on it any more.
            let sold = try await server.call(
                "POST", "/auctions/clock/close", by: carol, "{\"hammer\":true}")
            #expect(sold.status == 200, "\(sold.text)")
            #expect(sold.text.contains("\"outcome\":\"sold\""))
            let closed = try await bid(3000, by: alice)
            #expect((closed.status, closed.code) == (409, "auction_ended"))
            try await expectWallet(server, bob, available: 7500, locked: 0)
            try await expectWallet(server, carol, available: 2500, locked: 0)

            // Time ends a lot as well; a late bid is too late; anyone may ask for the outcome.
            let (timed, end) = try await openWithBid(server, by: carol, bidder: alice)
            let wait = Double(end.nanoseconds) / 1e9 - Date().timeIntervalSince1970
            try await Task.sleep(for: .seconds(max(0, wait) + 0.2))
            let late = try await server.call(
                "POST", "/auctions/\(timed)/bid", by: bob, "{\"amount\":3000}")
            #expect(late.status == 409)
            #expect(["auction_ended", "auction_already_closed"].contains(late.code))
            let outcome = try await server.call(
                "POST", "/auctions/\(timed)/close", by: alice, "{}")
            #expect(outcome.status == 200, "\(outcome.text)")
            #expect(outcome.text.contains("\"outcome\":\"sold\""))
            try await expectWallet(server, alice, available: 9300, locked: 0)
            try await expectWallet(server, carol, available: 3200, locked: 0)

            let hammer = try await server.call(
                "POST", "/auctions/vase/close", by: carol, "{\"hammer\":true}")
            #expect(hammer.status == 200, "\(hammer.text)")
            #expect(hammer.text.contains("\"outcome\":\"no_bids\""))

            // The money went where the books say, and the books are whole.
            #expect(await server.end() == 0)
            let reader = try await LedgerReader.open(at: server.ledger)
            defer { reader.close() }
            #expect(try reader.auction("clock").value.winner?.string == bob.user)
            let totals = try #require(reader.totals.first { $0.currency.code == "USD" })
            #expect(totals.charged == 20_000)
        }
    }

    /// No bid came to its lot in time, though the last one lasted two minutes.
    struct TooSlow: Error {}

    /// Opens a lot that ends by the clock, with a bid of 700 on it. On a busy machine the bid can
    /// come after the end: then another lot is opened that lasts four times as long.
    private func openWithBid(
        _ server: ServedHouse, by seller: Person, bidder: Person
    ) async throws -> (auction: String, end: Timestamp) {
        for seconds in [2, 8, 32, 128] as [Int64] {
            let auction = "timed-\(seconds)"
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            let end = Timestamp(milliseconds: now + seconds * 1000)
            let opened = try await server.call(
                "POST", "/auctions", by: seller,
                """
                {"auction":"\(auction)","title":"A lot with an end","currency":"USD",
                 "closes_at":"\(end.rfc3339)"}
                """)
            let bid = try await server.call(
                "POST", "/auctions/\(auction)/bid", by: bidder, "{\"amount\":700}")
            if opened.status == 201, bid.status == 201 { return (auction, end) }
            let code = opened.status == 201 ? bid.code : opened.code
            try #require(
                ["auction_ended", "auction_already_closed", "closes_at_too_early"].contains(code),
                "\(opened.text) \(bid.text)")
        }
        throw TooSlow()
    }

    private func expectWallet(
        _ server: ServedHouse, _ person: Person, available: Int, locked: Int
    ) async throws {
        let answer = try await server.call("GET", "/wallet", by: person)
        #expect(answer.status == 200)
        let balances = answer.json["balances"] as? [[String: Any]] ?? []
        let balance = try #require(balances.first, "\(answer.text)")
        #expect(balance["available"] as? Int == available, "\(person.username)")
        #expect(balance["locked"] as? Int == locked, "\(person.username)")
    }
}
