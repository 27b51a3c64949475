// Auctions over HTTP: opening, bidding, ending, lists and stories.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import Testing

@testable import GavelHTTP

extension TestService {
    /// Opens an auction of bob's.
    @discardableResult
    fileprivate func open(
        _ auction: String, _ more: String = "", as seller: String = "bob"
    ) async throws -> TestAnswer {
        let answer = try await call(
            "POST", "/auctions", as: seller,
            #"{"auction":"\#(auction)","currency":"USD"\#(more)}"#)
        #expect(answer.status == 201, "\(answer.text)")
        return answer
    }

    fileprivate func bid(
        _ bidder: String, _ amount: Int, on auction: String = "lot-1"
    ) async throws -> TestAnswer {
        try await call(
            "POST", "/auctions/\(auction)/bid", as: bidder, #"{"amount":\#(amount)}"#)
    }

    /// All pages of a list.
    fileprivate func walk(
        _ path: String, as caller: String? = nil, limit: Int = 2
    ) async throws -> [[String: Any]] {
        var items: [[String: Any]] = []
        var cursor: String?
        var pages = 0
        repeat {
            let joint = path.contains("?") ? "&" : "?"
            let page = try await call(
                "GET", "\(path)\(joint)limit=\(limit)" + (cursor.map { "&cursor=\($0)" } ?? ""),
                as: caller)
            #expect(page.status == 200, "\(page.text)")
            #expect(page.items.count <= limit)
            #expect(page.headers["gavel-position"] == String(page.json["reflects"] as! Int))
            items += page.items
            cursor = page.json["cursor"] as? String
            pages += 1
        } while cursor != nil && pages < 1000
        return items
    }
}

extension [[String: Any]] {
    fileprivate var auctions: [String] { map { $0["auction"] as! String } }
}

@Suite("Auctions")
struct AuctionTests {
    @Test("An opening says who sells what by which rules, once, under a name of its own if need be")
    func opening() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob"])
            let key = CommandID.generate()
            let body = """
                {"title":"A clock","currency":"USD","rules":{"opening_price":100,"proxy":true,
                 "reserve_price":777777,"fees":{"buyer":{"basis_points":900}}},
                 "description":"It runs.","category":"clocks"}
                """
            let opened = try await test.call("POST", "/auctions", as: "bob", key: key, body)
            #expect(opened.status == 201, "\(opened.text)")
            let auction = try #require(opened.json["auction"] as? [String: Any])
            let name = try #require(auction["auction"] as? String)
            #expect(opened.headers["location"] == "/auctions/\(name)")
            #expect(auction["description"] as? String == "It runs.")
            #expect((auction["seller"] as? [String: Any])?["user"] as? String == "bob")
            let again = try await test.call("POST", "/auctions", as: "bob", key: key, body)
            #expect(again.status == 201 && again.position == opened.position)
            #expect(again.headers["idempotency-replayed"] == "true")
            let others = try await test.call(
                "POST", "/auctions", as: "bob", key: key,
                body.replacing("It runs.", with: "It stands."))
            #expect(others.status == 409 && others.code == "command_id_reused")
            let rules = try await test.call(
                "POST", "/auctions", as: "bob", key: key, body.replacing("900", with: "901"))
            #expect(rules.status == 409 && rules.code == "command_id_reused")

            let read = try await test.call("GET", "/auctions/\(name)", as: "alice")
            #expect(read.json["description"] as? String == "It runs.")
            #expect(read.json["category"] as? String == "clocks" && read.json["mine"] is NSNull)
            #expect(read.json["reserve_met"] as? Bool == false)
            #expect(!read.text.contains("777777") && !opened.text.contains("777777"))
            let unknown = try await test.call("GET", "/auctions/none")
            #expect(unknown.status == 404 && unknown.code == "auction_not_found")

            let foreign = #"{"currency":"USD","seller":"alice"}"#
            let refused = try await test.call("POST", "/auctions", as: "bob", foreign)
            #expect(refused.status == 403 && refused.code == "not_yours")
            let house = try await test.call("POST", "/auctions", as: "operator", foreign)
            #expect(house.status == 201)
            for body in [
                #"{"currency":"USD","rules":{"opening_price":0}}"#,
                #"{"currency":"USD","rules":{"unknown":1}}"#, #"{"currency":"USD","colour":1}"#,
                #"{"currency":"USD","category":"two words"}"#, "{}", "[]",
                #"{"currency":"USD","description":7}"#, #"{"currency":"USD","seller":7}"#,
                #"{"currency":"USD","description":"\#(String(repeating: "x", count: 8193))"}"#,
            ] {
                let answer = try await test.call("POST", "/auctions", as: "bob", body)
                #expect(answer.status == 400 && answer.code == "malformed", "\(body)")
            }
            let twice = try await test.call(
                "POST", "/auctions", as: "bob", #"{"currency":"USD","auction":"\#(name)"}"#)
            #expect(twice.status == 409 && twice.code == "auction_already_opened")
        }
    }

    @Test("No auction is opened under a name that a path cannot hold; one that is there is shown")
    func dots() async throws {
        try await TestService.with { test in
            try await test.furnish(["bob"])
            for name in [".", ".."] {
                let answer = try await test.call(
                    "POST", "/auctions", as: "bob", #"{"auction":"\#(name)","currency":"USD"}"#)
                #expect(answer.status == 400 && answer.code == "malformed")
                let detail = answer.json["detail"] as? String ?? ""
                #expect(detail.contains("auction must not be \(name):"), "\(detail)")
            }
            for name in ["...", ".a", "a..b"] { try await test.open(name) }
            #expect(try await test.call("GET", "/auctions/...").status == 200)
            // The engine has no addresses.
            try await test.submit(
                .openAuction(OpenAuction(auction: "..", seller: "bob", currency: "USD")))
            let list = try await test.call("GET", "/auctions")
            #expect(list.items.auctions.contains(".."))
        }
    }

    @Test("A repeated opening completes a description that a crash cut off, unless there is a bid")
    func cutOff() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob"])
            for (name, bids) in [("lot-1", false), ("lot-2", true)] {
                let key = CommandID.generate()
                let opening = OpenAuction(
                    auction: AuctionID(unchecked: name), seller: "bob", currency: "USD")
                let receipt = try await test.ledger.submit(
                    .openAuction(opening), id: test.service.commandIDs.id(of: key, by: "bob"),
                    by: .user("bob"))
                #expect(receipt.status == .accepted)
                if bids { #expect(try await test.bid("alice", 5, on: name).status == 201) }
                let answer = try await test.call(
                    "POST", "/auctions", as: "bob", key: key,
                    #"{"auction":"\#(name)","currency":"USD","description":"words"}"#)
                #expect(answer.status == 201)
                let read = try await test.call("GET", "/auctions/\(name)")
                #expect(read.json["description"] as? String == (bids ? nil : "words"))
            }
        }
    }

    @Test("A lot's description may change until the first bid, by its seller or the house")
    func describing() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob"])
            try await test.open("lot-1", #","description":"old","category":"art""#)
            let body = #"{"description":"new"}"#
            let path = "/auctions/lot-1"
            #expect(try await test.call("PATCH", path, as: "alice", body).code == "not_yours")
            let none = try await test.call("PATCH", "/auctions/none", as: "bob", body)
            #expect(none.code == "auction_not_found")
            let changed = try await test.call("PATCH", path, as: "bob", body)
            #expect(changed.status == 200 && changed.json["description"] as? String == "new")
            #expect(changed.json["category"] as? String == "art")
            #expect(changed.json["described_at"] as? UInt64 == test.ledger.reflects)
            let moved = try await test.call(
                "PATCH", path, as: "operator", #"{"category":"clocks"}"#)
            #expect(moved.json["category"] as? String == "clocks")
            #expect(try await test.walk("/auctions?category=art").isEmpty)
            #expect(try await test.walk("/auctions?category=clocks").auctions == ["lot-1"])
            let cleared = try await test.call(
                "PATCH", path, as: "bob", #"{"category":null}"#)
            #expect(cleared.json["category"] is NSNull)
            #expect(try await test.walk("/auctions?category=clocks").isEmpty)
            let unknown = try await test.call("PATCH", path, as: "bob", #"{"title":"x"}"#)
            #expect(unknown.status == 400 && unknown.code == "malformed")
            // A bid that was rejected freezes nothing.
            #expect(try await test.bid("bob", 5).code == "seller_cannot_bid")
            #expect(try await test.call("PATCH", path, as: "bob", body).status == 200)
            #expect(try await test.bid("alice", 5).status == 201)
            let frozen = try await test.call("PATCH", path, as: "bob", body)
            #expect(frozen.status == 409 && frozen.code == "description_frozen")
            try await test.open("lot-2")
            try await test.submit(.cancelAuction("lot-2"))
            let finished = try await test.call("PATCH", "/auctions/lot-2", as: "bob", body)
            #expect(finished.code == "description_frozen")
        }
    }

    @Test("Bids are refused by rule with code, number, limit and status, and repeated with the key")
    func bidding() async throws {
        let clock = ManualClock(at: SystemClock().now())
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration) { test in
            try await test.furnish(["alice", "bob", "carol"], amount: 5000)
            let end = Timestamp(nanoseconds: clock.now().nanoseconds + 60_000_000_000)
            try await test.open(
                "lot-1", #","closes_at":"\#(end.rfc3339)","rules":{"opening_price":100}"#)
            func expect(
                _ answer: TestAnswer, _ status: Int, _ code: String, _ number: Int,
                _ limit: (String, Int)? = nil
            ) {
                #expect(answer.status == status && answer.code == code, "\(answer.text)")
                #expect(answer.json["number"] as? Int == number)
                #expect(answer.position != nil && answer.headers["gavel-position"] != nil)
                if let limit { #expect(answer.json[limit.0] as? Int == limit.1, "\(code)") }
            }
            expect(try await test.bid("bob", 500), 403, "seller_cannot_bid", 20)
            expect(try await test.bid("alice", 99), 422, "bid_below_opening", 40, ("minimum", 100))
            let first = try await test.bid("alice", 1000)
            #expect(first.status == 201 && first.json["leading"] as? Bool == true)
            #expect(first.json["hold"] as? Int == 1000)
            let brief = try #require(first.json["auction"] as? [String: Any])
            #expect(brief["price"] as? Int == 1000 && brief["minimum_bid"] as? Int == 1001)
            #expect(brief["leader"] as? String == "alice" && brief["bids"] as? Int == 1)
            expect(
                try await test.bid("carol", 1000), 422, "bid_below_minimum", 41, ("minimum", 1001))
            expect(
                try await test.bid("carol", 5001), 402, "exceeds_available", 50,
                ("available", 5000))
            let key = CommandID.generate(at: clock.now())
            let body = #"{"amount":2000}"#
            let path = "/auctions/lot-1/bid"
            let second = try await test.call("POST", path, as: "carol", key: key, body)
            #expect(second.status == 201)
            let again = try await test.call("POST", path, as: "carol", key: key, body)
            #expect(again.status == 201 && again.headers["idempotency-replayed"] == "true")
            #expect(again.position == second.position)
            let other = try await test.call(
                "POST", path, as: "carol", key: key, #"{"amount":2001}"#)
            #expect(other.status == 409 && other.code == "command_id_reused")
            // Another user's key is another command: one that is judged for itself.
            let thief = try await test.call("POST", path, as: "alice", key: key, body)
            #expect(thief.status == 422 && thief.code == "bid_below_minimum")
            let nowhere = try await test.bid("alice", 5, on: "none")
            #expect(nowhere.status == 404 && nowhere.code == "auction_not_found")
            #expect(try await test.bid("nobody", 5000).code == "user_not_found")
            for body in [
                #"{"amount":"5"}"#, #"{"amount":0}"#, #"{"amount":1.0}"#, "{}",
                #"{"amount":5,"bidder":"alice"}"#, #"{"amount":5,"max":7}"#,
            ] {
                let answer = try await test.call("POST", path, as: "alice", body)
                #expect(answer.status == 400 && answer.code == "malformed", "\(body)")
            }
            clock.advance(seconds: 61)
            try await test.ledger.tick()
            expect(try await test.bid("alice", 3000), 409, "auction_ended", 31)
            let close = try await test.call("POST", "/auctions/lot-1/close", as: "alice")
            #expect(close.status == 200 && close.json["outcome"] as? String == "sold")
            #expect(close.json["winner"] as? String == "carol")
            #expect(close.json["price"] as? Int == 2000)
        }
    }

    @Test("An auction ends by its end, the hammer, a purchase or a cancellation, as the rules say")
    func endings() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.open("lot-1")
            let close = "/auctions/lot-1/close"
            let early = try await test.call("POST", close, as: "bob")
            #expect(early.status == 409 && early.code == "auction_not_ended")
            let hammer = #"{"hammer":true}"#
            let other = try await test.call("POST", close, as: "alice", hammer)
            #expect(other.status == 403 && other.code == "not_permitted")
            let closed = try await test.call("POST", close, as: "bob", hammer)
            #expect(closed.status == 200 && closed.json["outcome"] as? String == "no_bids")
            #expect(closed.json["winner"] is NSNull && closed.json["price"] is NSNull)
            let again = try await test.call("POST", close, as: "alice", hammer)
            #expect(again.status == 200 && again.json["outcome"] as? String == "no_bids")

            try await test.open("lot-2", #","rules":{"buy_now_price":900}"#)
            let bought = try await test.call("POST", "/auctions/lot-2/buy", as: "alice")
            #expect(bought.status == 200 && bought.json["winner"] as? String == "alice")
            #expect(bought.json["price"] as? Int == 900)
            let late = try await test.call("POST", "/auctions/lot-2/buy", as: "carol")
            #expect(late.status == 409 && late.code == "auction_ended")
            try await test.open("lot-3")
            let never = try await test.call("POST", "/auctions/lot-3/buy", as: "carol")
            #expect(never.status == 409 && never.code == "buy_now_not_offered")

            #expect(try await test.bid("alice", 50, on: "lot-3").status == 201)
            let cancel = "/auctions/lot-3/cancel"
            let seller = try await test.call("POST", cancel, as: "bob")
            #expect(seller.status == 409 && seller.code == "auction_has_bids")
            let house = try await test.call(
                "POST", cancel, as: "operator", #"{"reason":"damaged"}"#)
            #expect(house.status == 200)
            let brief = try #require(house.json["auction"] as? [String: Any])
            #expect(brief["status"] as? String == "cancelled")
            let wallet = try await test.call("GET", "/wallet", as: "alice")
            let balances = try #require(wallet.json["balances"] as? [[String: Any]])
            #expect(balances[0]["locked"] as? Int == 0)

            try await test.open("lot-4")
            let extend = "/auctions/lot-4/extend"
            let later = #"{"closes_at":"2100-01-01T00:00:00Z"}"#
            #expect(try await test.call("POST", extend, as: "bob", later).code == "role_required")
            let past = try await test.call(
                "POST", extend, as: "operator", #"{"closes_at":"2000-01-01T00:00:00Z"}"#)
            #expect(past.status == 422 && past.code == "closes_at_too_early")

            #expect(try await test.call("POST", "/closings/hold", as: "bob").status == 403)
            #expect(try await test.call("POST", "/closings/hold", as: "operator").status == 200)
            let held = try await test.bid("alice", 50, on: "lot-4")
            #expect(held.status == 503 && held.code == "closing_held")
            #expect(held.headers["retry-after"] != nil)
            let confirmed = try await test.call("POST", "/closings/confirm", as: "operator")
            #expect(confirmed.json["closings"] as? String == "automatic")
            #expect(try await test.bid("alice", 50, on: "lot-4").status == 201)
        }
    }

    @Test("Who causes too many rejections is told to wait, and others are not")
    func rejections() async throws {
        try await TestService.with {
            $0.rejectionsPerMinute = 2
        } _: { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.open("lot-1", #","rules":{"opening_price":100}"#)
            for _ in 0..<2 { #expect(try await test.bid("alice", 1).status == 422) }
            let before = test.ledger.reflects
            let third = try await test.bid("alice", 1)
            #expect(third.status == 429 && third.code == "too_many_rejections")
            #expect(Int(third.headers["retry-after"] ?? "") ?? 0 > 0)
            #expect(test.ledger.reflects == before)
            #expect(try await test.bid("carol", 1).status == 422)
        }
    }

    @Test("Lists filter by everything they say, page without gap or repeat, and know their cursors")
    func lists() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            var names: [String] = []
            for number in 0..<11 {
                let name = "lot-\(number)"
                names.append(name)
                let category = number % 3 == 0 ? #","category":"clocks""# : ""
                let title = number % 2 == 0 ? "Eine UHR, groß" : "a Chair_\(number)"
                try await test.open(
                    name,
                    #","title":"\#(title)","rules":{"buy_now_price":900}\#(category)"#,
                    as: number % 4 == 0 ? "carol" : "bob")
            }
            #expect(try await test.walk("/auctions").auctions == names)
            #expect(try await test.walk("/auctions?order=newest").auctions == names.reversed())
            let clocks = names.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
            #expect(try await test.walk("/auctions?category=clocks", limit: 1).auctions == clocks)
            #expect(
                try await test.walk("/auctions?category=clocks&order=newest", limit: 3).auctions
                    == clocks.reversed())
            #expect(try await test.walk("/auctions?category=none").isEmpty)
            let even = names.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            for title in ["uhr", "UHR", "gro%C3%9F", "GRO%C3%9F", "eine%20uhr,"] {
                #expect(
                    try await test.walk("/auctions?title=\(title)").auctions == even, "\(title)")
            }
            #expect(try await test.walk("/auctions?title=chair_7").auctions == ["lot-7"])
            let carols = names.enumerated().filter { $0.offset % 4 == 0 }.map(\.element)
            #expect(try await test.walk("/auctions?seller=carol").auctions == carols.reversed())
            #expect(try await test.walk("/auctions?seller=me", as: "carol").count == carols.count)
            #expect(try await test.walk("/me/sales", as: "carol").count == carols.count)
            _ = try await test.bid("alice", 10, on: "lot-1")
            _ = try await test.bid("alice", 10, on: "lot-2")
            _ = try await test.bid("carol", 20, on: "lot-2")
            _ = try await test.call("POST", "/auctions/lot-3/buy", as: "alice")
            #expect(try await test.walk("/auctions?buy_now=true").count == 8)
            #expect(try await test.walk("/auctions?status=closed").auctions == ["lot-3"])
            #expect(try await test.walk("/auctions?outcome=sold").auctions == ["lot-3"])
            let mine = try await test.walk("/me/bids", as: "alice")
            #expect(mine.auctions == ["lot-3", "lot-2", "lot-1"])
            let standings = mine.map { $0["mine"] as! [String: Any] }
            #expect(standings.map { $0["won"] as! Bool } == [true, false, false])
            #expect(standings.map { $0["leading"] as! Bool } == [false, false, true])
            #expect(standings.map { $0["hold"] as! Int } == [0, 0, 10])
            #expect(try await test.walk("/me/wins", as: "alice").auctions == ["lot-3"])
            #expect(try await test.walk("/me/wins", as: "carol").isEmpty)
            let bidder = "/auctions?bidder=alice"
            #expect(try await test.walk("/auctions?bidder=me", as: "alice").count == 3)
            #expect(try await test.walk(bidder, as: "auditor").count == 3)
            #expect(try await test.call("GET", bidder, as: "bob").code == "not_yours")
            #expect(try await test.call("GET", bidder).code == "token_missing")
            #expect(try await test.call("GET", "/auctions?seller=me").code == "token_missing")
            #expect(try await test.call("GET", "/auctions?seller=x").code == "user_not_found")

            let filters = [
                "", "order=newest", "category=clocks", "title=uhr", "title=Uhr", "seller=bob",
                "status=open", "buy_now=true", "category=art",
            ]
            for filter in filters {
                let page = try await test.call("GET", "/auctions?limit=1&\(filter)")
                guard let cursor = page.json["cursor"] as? String else {
                    #expect(filter == "category=art")
                    continue
                }
                for other in filters where other != filter {
                    let answer = try await test.call(
                        "GET", "/auctions?cursor=\(cursor)\(other.isEmpty ? "" : "&")\(other)")
                    #expect(
                        answer.status == 400 && answer.code == "bad_cursor",
                        "\(filter) \(other)")
                }
            }
            for query in [
                "limit=0", "limit=201", "status=x", "buy_now=yes", "title=", "colour=red",
                "category=two%20words", "order=x", "limit=1&limit=2",
            ] {
                let answer = try await test.call("GET", "/auctions?\(query)")
                #expect(answer.status == 400 && answer.code == "parameter_malformed", "\(query)")
            }
            let row = try #require(try await test.walk("/auctions").first)
            #expect(row["rules"] == nil && row["bids"] as? Int == 0)
            #expect((row["seller"] as? [String: Any])?["user"] as? String == "carol")
        }
    }

    @Test("No answer to anyone holds a running auction's reserve or another's maximum")
    func secrets() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.open(
                "lot-1", #","rules":{"opening_price":10,"proxy":true,"reserve_price":76543}"#)
            #expect(try await test.bid("alice", 34_567).status == 201)
            #expect(try await test.bid("carol", 23_456).status == 201)
            #expect(try await test.bid("carol", 1).status == 422)
            #expect(try await test.bid("alice", 45_678).status == 201)
            let own = try await test.call("GET", "/auctions/lot-1", as: "alice")
            let mine = try #require(own.json["mine"] as? [String: Any])
            #expect(mine["maximum"] as? Int == 45_678 && mine["hold"] as? Int == 45_678)
            let secrets = ["34567", "45678", "76543", "34568", "45679"]
            var paths = [
                "/auctions/lot-1", "/auctions", "/auctions?bidder=me", "/me/bids", "/wallet",
                "/auctions/lot-1/bids", "/auctions/lot-1/history", "/wallet/history",
                "/auctions/lot-1/bids?direction=oldest_first", "/wallet/history?limit=1",
            ]
            paths += (1...5).flatMap {
                ["/auctions/lot-1/history?limit=\($0)", "/auctions/lot-1/bids?limit=\($0)"]
            }
            for path in paths {
                let answer = try await test.call("GET", path, as: "carol")
                #expect(answer.status == 200, "\(path)")
                for secret in secrets {
                    #expect(!answer.text.contains(secret), "\(path): \(answer.text)")
                }
            }
            let bids = try await test.walk("/auctions/lot-1/bids")
            #expect(bids.map { $0["bidder"] as! String } == ["alice", "carol", "alice"])
            #expect(bids.allSatisfy { $0["amount"] is NSNull })
            #expect(bids.map { $0["kind"] as! String } == ["raised", "absorbed", "leads"])
            let list = try await test.call("GET", "/auctions/lot-1")
            #expect(list.json["bids"] as? Int == 3)
            try await test.submit(.closeAuction("lot-1", hammer: true))
            let closed = try await test.call("GET", "/auctions/lot-1")
            #expect((closed.json["rules"] as? [String: Any])?["reserve_price"] as? Int == 76_543)
            #expect(closed.json["outcome"] as? String == "reserve_not_met")
        }
    }

    @Test("A story told in pages is the story told at once, whatever the page")
    func stories() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice", "bob", "carol"])
            try await test.open(
                "lot-1", #","rules":{"opening_price":10,"proxy":true,"buy_now_price":9000}"#)
            for (bidder, amount) in [
                ("alice", 100), ("carol", 50), ("carol", 60), ("carol", 5), ("carol", 150),
                ("alice", 151), ("alice", 300), ("carol", 299), ("carol", 301),
            ] {
                _ = try await test.bid(bidder, amount)
            }
            _ = try await test.call(
                "POST", "/auctions/lot-1/close", as: "bob", #"{"hammer":true}"#)
            _ = try await test.call("POST", "/auctions/lot-1/close", as: "alice")
            let whole = try await test.walk("/auctions/lot-1/history", limit: 200)
            #expect(whole.count == 11)
            let reasons = whole.compactMap { $0["price_reason"] as? String }
            // What a price tells of maxima is the house's to know.
            #expect(reasons == ["opening_price"] + Array(repeating: "proxy", count: 6))
            for limit in 1...5 {
                let pages = try await test.walk("/auctions/lot-1/history", limit: limit)
                #expect(
                    NSArray(array: pages) == NSArray(array: whole), "pages of \(limit)")
            }
            let bids = try await test.walk("/auctions/lot-1/bids?direction=oldest_first")
            #expect(bids.count == 8)
            let newest = try await test.walk("/auctions/lot-1/bids", limit: 3)
            #expect(NSArray(array: newest.reversed()) == NSArray(array: bids))
            try await test.open("lot-2")
            let page = try await test.call("GET", "/auctions/lot-1/history?limit=3")
            let cursor = try #require(page.json["cursor"] as? String)
            var wrong = ["/auctions/lot-2/history?cursor=\(cursor)"]
            wrong.append("/auctions/lot-1/bids?cursor=\(cursor)")
            for text in ["1", "18446744073709551615", "x", "-1", "", cursor + "A"] {
                wrong.append("/auctions/lot-1/history?cursor=\(text)")
            }
            for path in wrong {
                let answer = try await test.call("GET", path)
                #expect(answer.status == 400 && answer.code == "bad_cursor", "\(path)")
            }
            for path in ["bids", "history"] {
                let answer = try await test.call("GET", "/auctions/none/\(path)")
                #expect(answer.status == 404 && answer.code == "auction_not_found")
            }
        }
    }
}
