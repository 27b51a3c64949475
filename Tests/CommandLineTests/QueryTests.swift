// The queries over the small history: exact tables, CSV and JSON.

import Testing

@Suite("Queries on the command line")
struct QueryTests {
    private let space: Workspace

    init() async throws { space = try await importedWorkspace() }

    private func output(_ arguments: String...) async throws -> String {
        let run = try await space.run(arguments + ["--ledger", "house"])
        #expect(run.errors == "")
        #expect(run.status == 0)
        return run.output
    }

    @Test("auctions as CSV have winner and price only once closed")
    func auctionsCSV() async throws {
        #expect(
            try await output("auctions", "--format", "csv") == """
                auction,seller,currency,status,outcome,winner,price,bids,accepted_bids,opens_at,\
                closes_at
                lot-1,bob,USD,closed,sold,carol,2000,3,2,2025-01-01T01:00:00.000Z,\
                2025-01-02T00:00:00.000Z
                lot-2,bob,USD,open,,,,1,1,2025-01-03T00:00:00.000Z,

                """)
    }

    @Test("auctions as a table have amounts in decimals and say what they reflect")
    func auctionsTable() async throws {
        #expect(
            try await output("auctions") == """
                auction  status  outcome      price  leader  bids  accepted  seller  closes
                lot-1    closed  sold     20.00 USD  carol      3         2  bob     \
                2025-01-02T00:00:00.000Z
                lot-2    open              7.00 USD  alice      1         1  bob
                2 auctions, as of position 14, 2025-01-03T00:01:00.000Z

                """)
    }

    @Test("auctions as JSON are one object a line")
    func auctionsJSON() async throws {
        let lines = try await output("auctions", "--format", "json").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines[1] == """
                {"auction":"lot-2","title":"","seller":"bob","currency":"USD","scale":2,\
                "status":"open","outcome":null,"winner":null,"leader":"alice","price":700,\
                "paid":null,"minimum_bid":701,"bids":1,"accepted_bids":1,\
                "opens_at":"2025-01-03T00:00:00.000Z","closes_at":null,"extensions":0,\
                "reserve_met":null,"buy_now_price":null,"rules":{"format":\
                "english","opening_price":1,"proxy":false,"increments":[{"from":0,"step":1}],\
                "reserve_price":null,"buy_now_price":null,"buy_now_until":null,\
                "soft_close":null,"duration_from_first_bid_ms":null,"fees":null,\
                "cancel_policy":"before_first_bid"},"opened_position":13,"closed_position":null}
                """)
    }

    @Test("auctions are filtered by status, seller, bidder and end")
    func filters() async throws {
        func lots(_ arguments: String...) async throws -> [String] {
            let run = try await space.run(
                ["auctions", "--ledger", "house", "--format", "csv"] + arguments)
            return run.lines.dropFirst().map { String($0.prefix { $0 != "," }) }
        }
        #expect(try await lots("--status", "open") == ["lot-2"])
        #expect(try await lots("--status", "cancelled") == [])
        #expect(try await lots("--seller", "bob") == ["lot-1", "lot-2"])
        #expect(try await lots("--seller", "alice") == [])
        #expect(try await lots("--bidder", "carol") == ["lot-1"])
        #expect(try await lots("--bidder", "alice") == ["lot-1", "lot-2"])
        #expect(try await lots("--ending-soon") == [])
        let soon = try await space.run(
            "auctions", "--ledger", "house", "--ending-soon", "--at", "11", "--format", "csv")
        #expect(soon.lines.count == 2)
    }

    @Test("an auction's table has every step of the price with its entry")
    func auction() async throws {
        #expect(
            try await output("auction", "lot-1") == """
                auction  lot-1
                title    A clock
                seller   bob
                status   closed, sold
                price    20.00 USD
                winner   carol
                bids     3, 2 accepted
                opens    2025-01-01T01:00:00.000Z
                closes   2025-01-02T00:00:00.000Z
                rules    english, opening price 10.00 USD

                position  time                      by           amount  what happened         \
                                                                         price  because
                       8  2025-01-01T01:00:00.000Z  operator             opened, bids from \
                2025-01-01T01:00:00.000Z until 2025-01-02T00:00:00.000Z
                       9  2025-01-01T02:00:00.000Z  alice     15.00 USD  leads                 \
                                                                     15.00 USD  the bid
                      10  2025-01-01T02:01:00.000Z  carol     15.00 USD  rejected: \
                bid_below_minimum (minimum 15.01 USD)                            15.00 USD
                      11  2025-01-01T02:02:00.500Z  carol     20.00 USD  leads, ahead of alice \
                                                                     20.00 USD  the bid
                      12  2025-01-02T00:00:00.000Z  system               closed, sold to carol \
                                                                     20.00 USD
                as of position 14, 2025-01-03T00:01:00.000Z

                """)
    }

    @Test("an auction as CSV is its row of the list")
    func auctionCSV() async throws {
        let list = try await output("auctions", "--format", "csv").split(separator: "\n")
        let one = try await output("auction", "lot-1", "--format", "csv").split(separator: "\n")
        #expect(one == Array(list[..<2]))
    }

    @Test("wallets stand in order of user and currency; CSV has rows for money only")
    func wallets() async throws {
        #expect(
            try await output("wallets", "--format", "csv") == """
                user,currency,available,locked
                alice,USD,49300,700
                bob,USD,2000,0
                carol,USD,28000,0

                """)
        #expect(
            try await output("wallets") == """
                user    available    locked
                alice  493.00 USD  7.00 USD
                bob     20.00 USD  0.00 USD
                carol  280.00 USD  0.00 USD
                house
                4 wallets, as of position 14, 2025-01-03T00:01:00.000Z

                """)
    }

    @Test("a wallet shows what is locked for which auction")
    func wallet() async throws {
        #expect(
            try await output("wallet", "alice") == """
                 available    locked
                493.00 USD  7.00 USD

                locked for    amount
                lot-2       7.00 USD
                alice, as of position 14, 2025-01-03T00:01:00.000Z

                """)
        #expect(
            try await output("wallet", "alice", "--format", "json") == """
                {"user":"alice","balances":[{"currency":"USD","scale":2,"available":49300,\
                "locked":700,"holds":[{"auction":"lot-2","amount":700}]}]}

                """)
        #expect(
            try await output("wallet", "alice", "--format", "csv") == """
                user,currency,available,locked
                alice,USD,49300,700

                """)
    }

    @Test("--at shows the ledger after a position, or at a time")
    func past() async throws {
        let expected = """
            user,currency,available,locked
            alice,USD,48500,1500
            carol,USD,30000,0

            """
        for moment in ["9", "10", "2025-01-01T02:00:00Z", "2025-01-01T03:01:59+01:00"] {
            let run = try await space.run(
                "wallets", "--ledger", "house", "--format", "csv", "--at", moment)
            #expect(run.output == expected, "at \(moment)")
        }
        let table = try await output("auctions", "--at", "2025-01-01T02:30:00Z")
        #expect(
            table == """
                auction  status  outcome      price  leader  bids  accepted  seller  closes
                lot-1    open             20.00 USD  carol      3         2  bob     \
                2025-01-02T00:00:00.000Z
                1 auction, as of position 11, 2025-01-01T02:02:00.500Z

                """)
        let before = try await output("auctions", "--at", "2024-01-01T00:00:00Z")
        #expect(before.hasSuffix("0 auctions, before the first entry\n"))
        let missing = try await space.run("auctions", "--ledger", "house", "--at", "15")
        #expect(
            missing.errors == "gavel: there is no position 15; the ledger has 15 entries\n")
        #expect(missing.status == 2)
    }

    @Test("the log is printed from a position on, with rejections and their limits")
    func log() async throws {
        let run = try await space.run(
            "log", "--ledger", "house", "--from", "9", "--limit", "2")
        #expect(
            run.output == """
                position  time                      by        command    auction  user      \
                amount  outcome
                       9  2025-01-01T02:00:00.000Z  alice     place_bid  lot-1    alice  \
                15.00 USD  accepted
                      10  2025-01-01T02:01:00.000Z  operator  place_bid  lot-1    carol  \
                15.00 USD  bid_below_minimum (minimum 15.01 USD)

                """)
        let csv = try await space.run(
            "log", "--ledger", "house", "--from", "10", "--limit", "1", "--format", "csv")
        #expect(
            masked(csv.output) == """
                position,time,id,by,command,auction,user,amount,status,code,currency,reference
                10,2025-01-01T02:01:00.000Z,ID,operator,place_bid,lot-1,carol,1500,rejected,\
                bid_below_minimum,USD,

                """)
        let json = try await space.run(
            "log", "--ledger", "house", "--from", "10", "--limit", "1", "--format", "json")
        #expect(
            masked(json.output) == """
                {"id":"ID","status":"rejected","position":10,"time":"2025-01-01T02:01:00.000Z",\
                "replayed":false,"by":"operator","command":{"command":"place_bid","auction":\
                "lot-1","bidder":"carol","amount":1500},"rejection":{"code":\
                "bid_below_minimum","number":41,"minimum":1501}}

                """)
    }

    @Test("the log of an auction or wallet holds its entries only, in either direction")
    func history() async throws {
        func positions(_ arguments: String...) async throws -> [String] {
            let run = try await space.run(
                ["log", "--ledger", "house", "--format", "csv"] + arguments)
            return run.lines.dropFirst().map { String($0.prefix { $0 != "," }) }
        }
        let all = (0...14).map(String.init)
        #expect(try await positions() == all)
        #expect(try await positions("--reverse") == all.reversed())
        #expect(try await positions("--auction", "lot-1") == ["8", "9", "10", "11", "12"])
        #expect(try await positions("--wallet", "alice") == ["3", "6", "9", "11", "14"])
        #expect(
            try await positions("--auction", "lot-1", "--reverse", "--from", "11")
                == ["11", "10", "9", "8"])
        #expect(
            try await positions("--wallet", "alice", "--reverse", "--limit", "2")
                == ["14", "11"])
        #expect(
            try await positions("--reverse", "--from", "18446744073709551615", "--limit", "1")
                == ["14"])
    }

    @Test(
        "what does not exist is exit code 2 and is named",
        arguments: [
            (["auction", "lot-9"], "there is no auction lot-9"),
            (["wallet", "zoe"], "there is no user zoe"),
            (["auctions", "--seller=zoe"], "there is no user zoe"),
        ])
    func unknown(arguments: [String], message: String) async throws {
        let run = try await space.run(arguments + ["--ledger", "house"])
        #expect(run.errors == "gavel: \(message)\n")
        #expect(run.output == "")
        #expect(run.status == 2)
    }

    @Test("a log of an unknown auction or wallet is exit code 2")
    func unknownSubject() async throws {
        for subject in ["--auction=lot-9", "--wallet=zoe"] {
            let run = try await space.run("log", subject, "--ledger", "house")
            #expect(run.errors.hasPrefix("gavel: there is no "))
            #expect(run.output == "")
            #expect(run.status == 2)
        }
    }
}
