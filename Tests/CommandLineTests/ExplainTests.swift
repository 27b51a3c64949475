// `gavel audit explain`: every code has its sentence with the right figures, and an entry is found
// by position and by command id.

import Foundation
import Gavel
import GavelJSON
import Testing

@Suite("Explaining on the command line")
struct ExplainTests {
    /// A line of a history, and the sentence that explains why it was rejected.
    private struct Line {
        let json: String
        var sentence: String?
        init(_ json: String, _ sentence: String? = nil) {
            self.json = json
            self.sentence = sentence
        }
    }

    private static func bid(_ who: String, _ amount: String, _ lot: String, by: String? = nil)
        -> String
    {
        #""command":"place_bid","auction":"\#(lot)","bidder":"\#(who)","amount":\#(amount)"#
            + (by.map { #","by":"\#($0)""# } ?? "")
    }

    private static func open(_ lot: String, _ more: String) -> String {
        #""command":"open_auction","auction":"\#(lot)","seller":"sam","currency":"USD"\#(more)"#
    }

    private static func pay(_ what: String, _ who: String, _ amount: String, _ reference: String)
        -> String
    {
        #""command":"\#(what)","user":"\#(who)","currency":"USD","amount":\#(amount),"#
            + #""reference":"\#(reference)""#
    }

    private static let most = "9223372036854775807"

    /// In order of time, a second apart from 2025-01-01T00:00:01Z on.
    private static let lines: [Line] =
        [
            Line(#""command":"register_currency","currency":"USD","scale":2"#),
            Line(#""command":"register_user","user":"sam""#),
            Line(#""command":"register_user","user":"alice""#),
            Line(#""command":"register_user","user":"bob""#),
            Line(pay("charge", "alice", "10000", "psp-1")),
            Line(pay("charge", "bob", "5000", "psp-2")),
            Line(
                open(
                    "lot",
                    #","closes_at":"2025-02-01T00:00:00Z","rules":{"opening_price":1000,"#
                        + #""proxy":true,"increments":[{"from":0,"step":100}],"#
                        + #""buy_now_price":4000,"fees":{"buyer":{"basis_points":1000}}}"#)),
            Line(
                open("later", #","opens_at":"2025-01-20T00:00:00Z""#)),
            Line(
                bid("alice", "999", "lot"),
                "the bid of 9.99 USD is below the opening price of 10.00 USD"),
            Line(bid("sam", "1000", "lot"), "sam sells lot and may not bid on it"),
            Line(
                bid("alice", "1000", "lot", by: "bob"),
                "bob may not do this: only the operator or alice may"),
            Line(
                bid("house", "1000", "lot"),
                "the operator may not do this, and nobody else may"),
            Line(
                bid("alice", "100", "later"),
                "it was 2025-01-01T00:00:13.000Z, and later opens at 2025-01-20T00:00:00.000Z"),
            Line(bid("alice", "2000", "lot")),
            Line(
                bid("bob", "1099", "lot"),
                "the bid of 10.99 USD is below the minimum of 11.00 USD: price 10.00 USD + step "
                    + "1.00 USD"),
            Line(
                bid("alice", "2000", "lot"),
                "the bid of 20.00 USD is not above the bidder's own maximum of 20.00 USD"),
            Line(
                bid("bob", "4547", "lot"),
                "the price of 45.47 USD and its premium of 4.54 USD must be covered with "
                    + "50.01 USD, but bob has 50.00 USD available"),
            Line(
                bid("alice", "11000", "lot"),
                "the price of 110.00 USD and its premium of 11.00 USD, less the 22.00 USD held "
                    + "already, must be covered with 99.00 USD, but alice has 78.00 USD available"),
            Line(
                #""command":"buy_now","auction":"lot","buyer":"bob""#,
                "the offer stood at 40.00 USD until the first bid, and alice leads at 10.00 USD"),
            Line(
                #""command":"buy_now","auction":"later","buyer":"bob""#,
                "it was 2025-01-01T00:00:20.000Z, and later opens at 2025-01-20T00:00:00.000Z"),
            Line(
                pay("withdraw", "bob", "5001", "out-1"),
                "the withdrawal takes 50.01 USD, but bob has 50.00 USD available"),
            Line(
                pay("charge", "bob", "1", "psp-2"),
                "the reference psp-2 has stood for a charge of bob before"),
            Line(
                pay("charge", "bob", most, "psp-3"),
                "the charge of 92233720368547758.07 USD on top of the 150.00 USD charged so far is "
                    + "more than a currency can have, 92233720368547758.07 USD"),
            Line(#""command":"register_user","user":"bob""#, "bob is registered already"),
            Line(
                #""command":"register_currency","currency":"USD","scale":3"#,
                "USD is registered already, with scale 2"),
            Line(open("lot", ""), "lot was opened at position 8 already"),
            Line(
                open(
                    "gone",
                    #","closes_at":"2025-01-01T00:00:05Z","opens_at":"2025-01-01T00:00:04Z""#),
                "the end asked for, 2025-01-01T00:00:05.000Z, must lie after the time of the "
                    + "command 2025-01-01T00:00:27.000Z and the opening at 2025-01-01T00:00:04.000Z"
            ),
            Line(
                #""command":"extend_auction","auction":"lot","closes_at":"2025-01-31T00:00:00Z""#,
                "the end asked for, 2025-01-31T00:00:00.000Z, must lie after the time of the "
                    + "command 2025-01-01T00:00:28.000Z, the opening at 2025-01-01T00:00:07.000Z "
                    + "and the end there was, 2025-02-01T00:00:00.000Z"),
            Line(
                #""command":"close_auction","auction":"lot""#,
                "it was 2025-01-01T00:00:29.000Z, and lot ends at 2025-02-01T00:00:00.000Z; "
                    + "before that only a hammer ends it"),
            Line(
                #""command":"cancel_auction","auction":"lot","by":"sam""#,
                "lot has 1 accepted bid and alice leads; with bids only the operator may cancel "
                    + "it"),
            Line(#""command":"cancel_auction","auction":"later""#),
            Line(bid("alice", "100", "later"), "later was cancelled at position 32"),
            Line(open("cliff", #","rules":{"increments":[{"from":0,"step":\#(most)}]}"#)),
            Line(bid("alice", "100", "cliff")),
            Line(
                bid("bob", "200", "cliff"),
                "no bid is high enough: price 1.00 USD + step 92233720368547758.07 USD is more "
                    + "than there can be, 92233720368547758.07 USD"),
            Line(
                #""command":"buy_now","auction":"cliff","buyer":"bob""#,
                "cliff has no buy-now price"),
            Line(#""command":"close_auction","auction":"lot","hammer":true"#),
            Line(
                bid("bob", "3000", "lot"),
                "lot was closed at position 38; its end was 2025-02-01T00:00:00.000Z"),
            Line(
                #""command":"cancel_auction","auction":"lot""#,
                "lot was closed at position 38, sold"),
            Line(
                #""command":"close_auction","auction":"cliff""#,
                "time does not end cliff; before that only a hammer ends it"),
        ]
        // USD is there already.
        + (1..<Limits.currenciesMax).map {
            Line(#""command":"register_currency","currency":"C\#($0)","scale":0"#)
        } + [
            Line(
                #""command":"register_currency","currency":"MORE","scale":0"#,
                "there are 1000 currencies, the most a ledger can have")
        ]

    private let space: Workspace

    init() async throws {
        space = try Workspace()
        var text = ""
        for (index, line) in Self.lines.enumerated() {
            let time = Timestamp(seconds: 1_735_689_601 + Int64(index)).rfc3339
            text += "{\(line.json),\"at\":\"\(time)\"}\n"
        }
        try space.write(text, to: "codes.jsonl")
        let run = try await space.run("import", "codes.jsonl", "--ledger", "house")
        try #require(run.status == 0, "\(run.errors)")
    }

    private func explain(_ arguments: String...) async throws -> Run {
        try await space.run(["audit", "explain"] + arguments + ["--ledger", "house"])
    }

    @Test("Every code has a sentence, and it has the figures that the engine compared")
    func sentences() async throws {
        var codes: Set<String> = []
        for (index, line) in Self.lines.enumerated() {
            guard let sentence = line.sentence else { continue }
            // Creation and opening stand before the first line.
            let run = try await explain(String(index + 2))
            let verdict = try #require(
                run.lines.first { $0.hasPrefix("  Refused by ") }, "\(run.errors)\(run.output)")
            let parts = verdict.dropFirst("  Refused by ".count).split(
                separator: ": ", maxSplits: 1)
            #expect(parts.count == 2 && parts[1] == "\(sentence).", "\(verdict)")
            let code = try #require(
                Rejection.Code.allCases.first { parts[0] == "\($0.name) (\($0.rawValue))" })
            codes.insert(code.name)
            #expect(
                run.lines.contains("  Nothing: a rejected command moves no money and no price."))
            #expect(run.status == 0)
        }
        #expect(codes == Set(Rejection.Code.allCases.map(\.name)))
    }

    @Test("An accepted bid is told with what stood, what it passed, the balances and the sequel")
    func accepted() async throws {
        let run = try await explain("15")
        let id = try #require(run.lines.first { $0.hasPrefix("Its command id is ") })
            .dropFirst("Its command id is ".count).dropLast()
        #expect(
            masked(run.output) == """
                At 2025-01-01T00:00:14.000Z, position 15, the operator asked for a bid of up to \
                20.00 USD by alice on lot.
                Its command id is ID.

                What stood just before
                  lot, sold by sam, was open: bids from 2025-01-01T00:00:07.000Z until \
                2025-02-01T00:00:00.000Z.
                  There was no bid yet; the first one had to reach the opening price of 10.00 USD.
                  It could be bought now for 40.00 USD.
                  alice had 100.00 USD available and 0.00 USD locked.

                Which rule decided
                  Passed: seller_cannot_bid (20), not_permitted (21), auction_cancelled (32), \
                auction_not_open (30), auction_ended (31), bid_below_opening (40), \
                exceeds_available (50).
                  Accepted.

                What changed
                  alice leads; the price is 10.00 USD, the opening price.
                  22.00 USD of alice was locked: 20.00 USD and a premium of 2.00 USD.
                    alice: available 100.00 USD → 78.00 USD, locked 0.00 USD → 22.00 USD

                What followed
                  lot was closed at position 38, 2025-01-01T00:00:37.000Z: sold, to alice at \
                10.00 USD.

                """)
        // The same entry by its command id.
        #expect(try await explain(String(id)).output == run.output)
    }

    @Test("The story of an auction has its rules, every bid and its fate, and the closing's sums")
    func story() async throws {
        let run = try await explain("lot")
        for line in [
            "status       closed, sold",
            "rules        english, proxy bidding, opening price "
                + "10.00 USD",
            "  Refused by bid_below_minimum (41): the bid of 10.99 USD is below the minimum of "
                + "11.00 USD: price 10.00 USD + step 1.00 USD.",
            "  Closed: alice has the lot at 10.00 USD.",
            "  alice paid 11.00 USD: price 10.00 USD + premium 1.00 USD; sam got 10.00 USD; the "
                + "house got 1.00 USD.",
            "  11.00 USD went back to alice: more was held than is paid.",
        ] {
            #expect(run.lines.contains(line), "\(line)\n\(run.output)")
        }
        #expect(run.lines.filter { $0.hasPrefix("At ") }.count == 17)
    }

    @Test("JSON has the rules asked, the figures and the balances")
    func json() async throws {
        let run = try await explain("16", "--format", "json")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let refused = try #require(object["refused"] as? [String: Any])
        #expect(refused["code"] as? String == "bid_below_minimum")
        let figures = try #require(refused["figures"] as? [String: Any])
        #expect(figures["minimum"] as? Int == 1100 && figures["step"] as? Int == 100)
        #expect((object["passed"] as? [Any])?.count == 5)
        #expect((object["not_asked"] as? [Any])?.count == 2)
        #expect(object["same_today"] as? Bool == true)
        let lot = try await explain("lot", "--format", "json")
        #expect(lot.lines.count == 17)
    }

    @Test("The article AuditReplay shows what the command prints")
    func article() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appending(path: "Sources/Gavel/Gavel.docc/AuditReplay.md"),
            encoding: .utf8)
        let shown = text.components(separatedBy: "```text\n")[1].components(separatedBy: "```")[0]
        let history = root.appending(path: "Fixtures/histories/rules/all_together.jsonl").path
        let imported = try await space.run("import", history, "--ledger", "sale")
        try #require(imported.status == 0)
        let run = try await space.run("audit", "explain", "30", "--ledger", "sale")
        #expect(run.output.contains(shown))
    }

    @Test("What does not exist is named, and one thing is asked for")
    func unknown() async throws {
        for (arguments, message) in [
            (["9999"], "there is no position 9999; the ledger has 1042 entries"),
            (["nothing"], "there is no auction nothing"),
            (
                ["01946a3c-7b00-7000-8000-00000000002a"],
                "no entry has the command id 01946a3c-7b00-7000-8000-00000000002a: it was never "
                    + "taken, or was refused without an entry"
            ),
            ([], "Give a position, a command id, or an auction: one of them."),
            (["1", "--format", "csv"], "--format must be table or json, not 'csv'."),
        ] {
            let run = try await space.run(
                ["audit", "explain"] + arguments + ["--ledger", "house"])
            #expect(run.errors == "gavel: \(message)\n")
            #expect(run.status == 2 && run.output == "")
        }
    }
}
