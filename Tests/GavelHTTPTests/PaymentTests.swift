// Wallets and payments over HTTP.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import Testing

@testable import GavelHTTP

extension TestAnswer {
    /// The first balance of a wallet.
    fileprivate var balance: [String: Any] {
        ((json["balances"] ?? json["wallet"]) as? [[String: Any]])?.first ?? [:]
    }
    fileprivate var available: Int? { balance["available"] as? Int }
    fileprivate var locked: Int? { balance["locked"] as? Int }
}

@Suite("Payments")
struct PaymentTests {
    @Test("A wallet shows what is available, locked and held, to its owner and to staff only")
    func wallets() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            try await test.submit(.placeBid(auction: "lot-1", bidder: "alice", amount: 1500))
            let own = try await test.call("GET", "/wallet", as: "alice")
            #expect(own.status == 200 && own.available == 98_500 && own.locked == 1500)
            let holds = try #require(own.balance["holds"] as? [[String: Any]])
            #expect(holds.count == 1 && holds[0]["auction"] as? String == "lot-1")
            #expect(own.headers["gavel-position"] == String(own.json["reflects"] as! Int))
            for caller in ["alice", "operator", "auditor"] {
                let answer = try await test.call("GET", "/wallets/alice", as: caller)
                #expect(answer.status == 200 && answer.locked == 1500, "\(caller)")
            }
            for path in ["", "/history", "/statement?at=1"] {
                for user in ["alice", "nobody"] {
                    let path = "/wallets/\(user)\(path)"
                    let other = try await test.call("GET", path, as: "bob")
                    #expect(other.status == 403 && other.code == "not_yours", "\(path)")
                    let payment = try await test.call("GET", path, as: "payment")
                    #expect(payment.code == "not_yours", "\(path)")
                }
                let none = try await test.call("GET", "/wallets/nobody\(path)", as: "auditor")
                #expect(none.status == 404 && none.code == "user_not_found", "\(path)")
                let anonymous = try await test.call("GET", "/wallets/alice\(path)")
                #expect(anonymous.status == 401)
            }
        }
    }

    @Test("What the user has sent is the user's own in the wallet's history, closings too")
    func ownClosing() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            try await test.submit(.placeBid(auction: "lot-1", bidder: "alice", amount: 1500))
            let closed = try await test.call(
                "POST", "/auctions/lot-1/close", as: "bob", #"{"hammer":true}"#)
            #expect(closed.status == 200)
            for (user, own) in [("bob", true), ("alice", false)] {
                let page = try await test.call("GET", "/wallet/history?limit=1", as: user)
                let item = try #require(page.items.first)
                #expect(item["command"] as? String == "close_auction")
                #expect(item["own"] as? Bool == own, "\(user)")
                #expect(item["amount"] is NSNull)
            }
        }
    }

    @Test("The payment provider charges once for each reference, whatever the key")
    func charging() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"], amount: 0)
            let body = #"{"currency":"USD","amount":500,"reference":"psp-1"}"#
            let key = CommandID.generate()
            let path = "/wallets/alice/charge"
            let first = try await test.call("POST", path, as: "payment", key: key, body)
            #expect(first.status == 201 && first.available == 500)
            #expect(first.json["replayed"] as? Bool == false)
            let again = try await test.call("POST", path, as: "payment", key: key, body)
            #expect(again.status == 201 && again.position == first.position)
            #expect(again.headers["idempotency-replayed"] == "true" && again.available == 500)
            let other = try await test.call("POST", path, as: "operator", body)
            #expect(other.status == 409 && other.code == "reference_already_used")
            #expect(other.json["number"] as? Int == 25 && other.position != nil)
            let changed = try await test.call(
                "POST", path, as: "payment", key: key,
                #"{"currency":"USD","amount":501,"reference":"psp-1"}"#)
            #expect(changed.status == 409 && changed.code == "command_id_reused")
            let user = try await test.call("POST", path, as: "alice", body)
            #expect(user.status == 403 && user.code == "role_required")
            let euro = try await test.call(
                "POST", path, as: "payment",
                #"{"currency":"EUR","amount":500,"reference":"psp-2"}"#)
            #expect(euro.status == 404 && euro.code == "currency_not_found")
            for body in [
                #"{"currency":"USD","amount":0,"reference":"r"}"#,
                #"{"currency":"USD","amount":1.5,"reference":"r"}"#,
                #"{"currency":"USD","amount":1,"reference":"a b"}"#,
                #"{"currency":"USD","amount":1}"#,
                #"{"currency":"USD","amount":1,"reference":"r","user":"bob"}"#,
            ] {
                let answer = try await test.call("POST", path, as: "payment", body)
                #expect(answer.status == 400 && answer.code == "malformed", "\(body)")
            }
        }
    }

    @Test("Self-charging is off, and where it is on the entry's reference says what it was")
    func selfCharging() async throws {
        let body = #"{"currency":"USD","amount":500,"reference":"mine"}"#
        try await TestService.with { test in
            try await test.furnish(["alice"], amount: 0)
            let answer = try await test.call("POST", "/wallet/charge", as: "alice", body)
            #expect(answer.status == 403 && answer.code == "self_charge_off")
            #expect(test.ledger.reflects == UInt64(4))
        }
        try await TestService.with {
            $0.allowsSelfCharge = true
        } _: { test in
            try await test.furnish(["alice"], amount: 0)
            let answer = try await test.call("POST", "/wallet/charge", as: "alice", body)
            #expect(answer.status == 201 && answer.available == 500)
            let position = UInt64(try #require(answer.position))
            let entry = try #require(try test.ledger.entry(at: position))
            guard case .charge(let payment) = entry.command else {
                Issue.record("\(entry.command)")
                return
            }
            #expect(payment.reference == "dev-self-charge:mine" && entry.actor == .payment)
            for (length, status) in [(48, 201), (49, 400), (0, 400)] {
                let reference = String(repeating: "r", count: length)
                let answer = try await test.call(
                    "POST", "/wallet/charge", as: "alice",
                    #"{"currency":"USD","amount":1,"reference":"\#(reference)"}"#)
                #expect(answer.status == status, "\(length)")
            }
        }
    }

    @Test("Users withdraw what is available, and no more")
    func withdrawing() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"], amount: 1000)
            let body = #"{"currency":"USD","amount":600,"reference":"w-1"}"#
            let first = try await test.call("POST", "/wallet/withdraw", as: "alice", body)
            #expect(first.status == 201 && first.available == 400)
            let more = try await test.call(
                "POST", "/wallet/withdraw", as: "alice",
                #"{"currency":"USD","amount":401,"reference":"w-2"}"#)
            #expect(more.status == 402 && more.code == "exceeds_available")
            #expect(more.json["available"] as? Int == 400)
            let house = try await test.call(
                "POST", "/wallets/alice/withdraw", as: "operator",
                #"{"currency":"USD","amount":400,"reference":"w-3"}"#)
            #expect(house.status == 201 && house.available == 0)
        }
    }

    @Test("A history has each of the wallet's entries once, and nothing of other wallets")
    func history() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            for amount in 1...6 {
                let bidder: UserID = amount % 2 == 0 ? "carol" : "alice"
                try await test.submit(
                    .placeBid(
                        auction: "lot-1", bidder: bidder, amount: Money(minorUnits: Int64(amount)))
                )
            }
            let late = try await test.call(
                "POST", "/auctions/lot-1/bid", as: "alice", #"{"amount":2}"#)
            #expect(late.code == "bid_below_minimum")
            try await test.submit(.closeAuction("lot-1", hammer: true))
            var walks: [[Int]] = []
            for direction in ["newest_first", "oldest_first"] {
                var items: [[String: Any]] = []
                var cursor: String?
                repeat {
                    let page = try await test.call(
                        "GET",
                        "/wallet/history?direction=\(direction)&limit=2"
                            + (cursor.map { "&cursor=\($0)" } ?? ""), as: "alice")
                    #expect(page.status == 200 && page.items.count <= 2)
                    items += page.items
                    cursor = page.json["cursor"] as? String
                } while cursor != nil
                walks.append(items.map { $0["position"] as! Int })
                // Registered, charged, three bids, three times outbid, one rejected.
                #expect(items.count == 9)
                let movements = items.flatMap { $0["movements"] as! [[String: Any]] }
                let kinds = movements.map { $0["kind"] as! String }
                #expect(kinds.filter { $0 == "locked" }.count == 3)
                #expect(kinds.filter { $0 == "refunded" }.count == 3)
                #expect(kinds.filter { $0 == "charged" }.count == 1 && kinds.count == 7)
                #expect(movements.reduce(0) { $0 + ($1["available"] as! Int) } == 100_000)
                #expect(movements.reduce(0) { $0 + ($1["locked"] as! Int) } == 0)
                let others = items.filter { $0["own"] as? Bool == false }
                #expect(others.allSatisfy { $0["amount"] is NSNull })
                let rejected = items.compactMap { $0["rejection"] as? [String: Any] }
                #expect(rejected.count == 1 && rejected[0]["limit"] as? Int == 7)
            }
            #expect(walks[0] == walks[1].reversed())
            let seller = try await test.call("GET", "/wallet/history", as: "bob")
            let sold = try #require(seller.items.first?["movements"] as? [[String: Any]])
            #expect(sold.count == 1 && sold[0]["kind"] as? String == "sold")
            let page = try await test.call("GET", "/wallet/history?limit=1", as: "alice")
            let cursor = try #require(page.json["cursor"] as? String)
            for path in ["/wallet/history?direction=oldest_first&cursor=\(cursor)"] {
                let answer = try await test.call("GET", path, as: "alice")
                #expect(answer.status == 400 && answer.code == "bad_cursor")
            }
            let stolen = try await test.call(
                "GET", "/wallet/history?cursor=\(cursor)", as: "carol")
            #expect(stolen.code == "bad_cursor")
        }
    }

    @Test("A statement is the wallet as it was, and the future has none")
    func statement() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            let bid = try await test.submit(
                .placeBid(auction: "lot-1", bidder: "alice", amount: 1500))
            try await test.submit(.placeBid(auction: "lot-1", bidder: "carol", amount: 2000))
            let then = try await test.call(
                "GET", "/wallet/statement?at=\(bid.position!)", as: "alice")
            #expect(then.status == 200 && then.available == 98_500 && then.locked == 1500)
            #expect(then.json["reflects"] as? UInt64 == bid.position! + 1)
            let before = try await test.call(
                "GET", "/wallets/alice/statement?at=\(bid.position! - 1)", as: "auditor")
            #expect(before.locked == 0 && before.available == 100_000)
            let first = try await test.call(
                "GET", "/wallet/statement?at=1971-01-01T00:00:00Z", as: "alice")
            #expect(first.status == 200 && (first.json["balances"] as? [Any])?.isEmpty == true)
            for at in ["9999", "2261-01-01T00:00:00Z"] {
                let answer = try await test.call("GET", "/wallet/statement?at=\(at)", as: "alice")
                #expect(answer.status == 400 && answer.code == "moment_ahead", "\(at)")
            }
            for query in ["?at=yesterday", "", "?at=-1", "?at=%2B1"] {
                let answer = try await test.call("GET", "/wallet/statement\(query)", as: "alice")
                #expect(answer.code == "parameter_malformed", "\(query)")
            }
        }
    }

    @Test("A statement as of a time does not tell when entries of others were made")
    func hiddenTimes() async throws {
        let clock = ManualClock(at: Timestamp(seconds: Int64(Date().timeIntervalSince1970)))
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration) { test in
            try await test.furnish(["alice"])
            clock.advance(seconds: 1)
            let before = clock.now()
            clock.advance(seconds: 1)
            try await test.submit(.registerUser("dave"))
            clock.advance(seconds: 1)
            var seen: Set<String> = []
            for time in [before, clock.now()] {
                let answer = try await test.call(
                    "GET", "/wallet/statement?at=\(time.rfc3339)", as: "alice")
                #expect(answer.status == 200 && answer.available == 100_000)
                seen.insert("\(answer.headers["gavel-position"] ?? "") \(answer.text)")
            }
            #expect(seen.count == 1, "\(seen)")
        }
    }

    @Test("Operators register currencies and everybody reads them")
    func currencies() async throws {
        try await TestService.with { test in
            let body = #"{"currency":"KRW","scale":0}"#
            #expect(try await test.call("POST", "/currencies", as: "alice", body).status == 403)
            #expect(try await test.call("POST", "/currencies", as: "operator", body).status == 201)
            let again = try await test.call("POST", "/currencies", as: "operator", body)
            #expect(again.status == 409 && again.code == "currency_already_registered")
            let list = try await test.call("GET", "/currencies")
            #expect(list.items.count == 1 && list.items[0]["currency"] as? String == "KRW")
            #expect(list.headers["gavel-position"] != nil)
        }
    }

    @Test("More slow reads than may wait are told that the service is busy")
    func busy() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"])
            let held = try await HeldWorkers(test.service.slowReads, threads: 2, waiting: 32)
            let answer = try await test.call("GET", "/wallet/statement?at=1", as: "alice")
            #expect(answer.status == 503 && answer.code == "busy")
            #expect(answer.headers["retry-after"] != nil)
            try await held.end()
            #expect(try await test.call("GET", "/wallet/statement?at=1", as: "alice").status == 200)
        }
    }
}
