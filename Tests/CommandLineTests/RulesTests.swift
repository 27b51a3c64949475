// The rules an auction can have, as the command line shows, filters and hides them.

import Foundation
import Testing

@Suite("Rules on the command line")
struct RulesTests {
    /// lot-1 has everything and is bought, lot-2 closes below its reserve, lot-3 goes on.
    private static let history = """
        {"command":"register_currency","currency":"USD","scale":2,"at":"2025-01-01T00:00:00Z"}
        {"command":"register_user","user":"alice","at":"2025-01-01T00:00:00Z"}
        {"command":"register_user","user":"bob","at":"2025-01-01T00:00:00Z"}
        {"command":"register_user","user":"carol","at":"2025-01-01T00:00:00Z"}
        {"command":"charge","user":"alice","currency":"USD","amount":500000,"reference":"a",\
        "at":"2025-01-01T00:00:00Z"}
        {"command":"charge","user":"carol","currency":"USD","amount":500000,"reference":"c",\
        "at":"2025-01-01T00:00:00Z"}
        {"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD",\
        "closes_at":"2025-01-02T00:00:00Z","rules":{"opening_price":10000,"proxy":true,\
        "increments":{"basis_points":250},"reserve_price":40000,"buy_now_price":50000,\
        "buy_now_until":"end","soft_close":{"window_ms":120000,"extension_ms":90500,\
        "mode":"add","trigger":"lead_change","max_extensions":3,\
        "latest_end":"2025-01-03T00:00:00Z"},"outage":{"move_ms":600000},\
        "fees":{"seller":{"basis_points":1000,\
        "minimum":500},"buyer":{"basis_points":905,"fixed":100,"maximum":20000}},\
        "cancel_policy":"operator_only"},"at":"2025-01-01T01:00:00Z"}
        {"command":"open_auction","auction":"lot-2","seller":"bob","currency":"USD",\
        "rules":{"reserve_price":900,"increments":[{"from":0,"step":5},{"from":500,"step":25}],\
        "duration_from_first_bid_ms":60000,"outage":{"longer_than_ms":2500}},\
        "at":"2025-01-01T01:00:00Z"}
        {"command":"open_auction","auction":"lot-3","seller":"bob","currency":"USD",\
        "rules":{"reserve_price":900,"buy_now_price":2000,"proxy":true},\
        "at":"2025-01-01T01:00:00Z"}
        {"command":"place_bid","auction":"lot-1","bidder":"alice","amount":20000,\
        "at":"2025-01-01T23:59:00Z"}
        {"command":"place_bid","auction":"lot-2","bidder":"alice","amount":800,\
        "at":"2025-01-01T23:59:10Z"}
        {"command":"buy_now","auction":"lot-1","buyer":"carol","at":"2025-01-01T23:59:20Z"}
        {"command":"buy_now","auction":"lot-1","buyer":"alice","at":"2025-01-01T23:59:21Z"}
        {"command":"close_auction","auction":"lot-2","at":"2025-01-02T00:01:00Z"}

        """

    private let space: Workspace

    init() async throws {
        space = try Workspace()
        try space.write(Self.history, to: "rules.jsonl")
        let run = try await space.run("import", "rules.jsonl", "--ledger", "house")
        try #require(run.status == 0, "\(run.errors)")
    }

    private func output(_ arguments: String...) async throws -> String {
        let run = try await space.run(arguments + ["--ledger", "house"])
        #expect(run.status == 0, "\(run.errors)")
        return run.output
    }

    @Test("An auction's table says all its rules in words and each step of its price with a reason")
    func auction() async throws {
        let table = try await output("auction", "lot-1")
        for line in [
            "status        closed, sold", "price         500.00 USD", "paid          546.25 USD",
            "winner        carol",
            "closes        2025-01-02T00:01:30.500Z, extended by bids 1×",
            "rules         english, proxy bidding, opening price 100.00 USD",
            "steps         2.5% of the price, rounded up", "reserve       400.00 USD, met",
            "buy now       500.00 USD until the end",
            "soft close    a change of the lead in the last 120 s moves the end by 90.5 s, "
                + "at most 3×, never beyond 2025-01-03T00:00:00.000Z",
            "outage        one of more than 5 s moves an end in it to 600 s after it",
            "seller's fee  10%, at least 5.00 USD",
            "buyer's fee   9.05% + 1.00 USD, at most 200.00 USD",
            "cancelling    by the operator only",
        ] {
            #expect(table.split(separator: "\n").contains { $0 == line }, "\(line)\n\(table)")
        }
        for part in [
            "leads; soft close: ends at 2025-01-02T00:01:30.500Z", "the opening price",
            "buys now; closed, sold to carol, who pays 546.25 USD", "the buy-now price",
            "rejected: auction_ended",
        ] {
            #expect(table.contains(part), "\(part)\n\(table)")
        }
        let other = try await output("auction", "lot-2")
        for line in [
            "status   closed, reserve_not_met", "leader   alice", "reserve  9.00 USD, not met",
            "steps    0.05 USD; from 5.00 USD 0.25 USD", "ends     60 s after the first bid",
            "outage   one of more than 2.5 s leaves an end in it to the operator",
        ] {
            #expect(other.split(separator: "\n").contains { $0 == line }, "\(line)\n\(other)")
        }
        #expect(other.contains("leads; first bid: ends at 2025-01-02T00:00:10.000Z"))
    }

    @Test("JSON has the same: what was paid, the rules, and the steps with their reasons")
    func json() async throws {
        let text = try await output("auction", "lot-1", "--format", "json")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["paid"] as? Int == 54_625 && object["extensions"] as? Int == 1)
        #expect(object["reserve_met"] as? Bool == true)
        let steps = try #require(object["steps"] as? [[String: Any]])
        #expect(
            steps.map { $0["price_reason"] as? String } == [nil, "opening_price", "buy_now", nil])
        let facts = try #require(steps[2]["what"] as? [[String: Any]])
        #expect(facts.map { $0["fact"] as? String } == ["bought_now", "sold"])
        let rejection = try #require(steps[3]["rejection"] as? [String: Any])
        #expect(rejection["code"] as? String == "auction_ended")
    }

    @Test("Auctions are filtered by outcome, by what can be bought and by their reserve")
    func filters() async throws {
        func lots(_ arguments: String...) async throws -> [String] {
            let run = try await space.run(
                ["auctions", "--ledger", "house", "--format", "csv"] + arguments)
            #expect(run.status == 0, "\(run.errors)")
            return run.lines.dropFirst().map { String($0.prefix { $0 != "," }) }
        }
        #expect(try await lots("--outcome", "sold") == ["lot-1"])
        #expect(try await lots("--outcome", "reserve_not_met") == ["lot-2"])
        #expect(try await lots("--outcome", "no_bids") == [])
        #expect(try await lots("--buy-now") == ["lot-3"])
        #expect(try await lots("--reserve", "met") == ["lot-1"])
        #expect(try await lots("--reserve", "not_met") == ["lot-2", "lot-3"])
        let unknown = try await space.run("auctions", "--ledger", "house", "--outcome", "won")
        #expect(unknown.status == 2)
        #expect(unknown.errors.contains("sold, no_bids, reserve_not_met"))
    }

    @Test("--public hides the reserve until the close, maxima and rejected bids")
    func publicViews() async throws {
        let open = try await output("auction", "lot-3", "--public", "--format", "json")
        #expect(open.contains(#""reserve_price":null"#) && open.contains(#""reserve_met":false"#))
        #expect(try await output("auction", "lot-3").contains("9.00 USD, not met"))
        #expect(!(try await output("auction", "lot-3", "--public").contains("9.00 USD")))
        let closed = try await output("auction", "lot-1", "--public")
        #expect(closed.contains("400.00 USD, met"))
        #expect(!closed.contains("200.00 USD  leads") && !closed.contains("rejected"))
        #expect(closed.contains(/bids +([0-9]+), \1 accepted/))
        let both = try await space.run(
            "auctions", "--ledger", "house", "--public", "--bidder", "alice")
        #expect(both.status == 2 && both.errors.contains("rejected bids"))
        let list = try await output("auctions", "--public", "--format", "json")
        #expect(
            list.split(separator: "\n").map { $0.contains(#""reserve_price":null"#) }
                == [false, false, true])
    }

    @Test("The house's wallet has its fees, and its log the sale that paid them")
    func house() async throws {
        let wallets = try await output("wallets", "--format", "csv")
        // The premium of 46.25 and the seller's 50.00.
        #expect(wallets.contains("house,USD,9625,0\n") && wallets.contains("bob,USD,45000,0\n"))
        let log = try await output("log", "--wallet", "house", "--format", "json")
        #expect(log.contains(#""amount":54625,"fee":9625"#))
        #expect(try await output("audit", "verify").contains(/result +clean/))
    }
}
