// `gavel submit`: receipts, and what becomes of the lines around one that cannot be taken.

import Foundation
import Testing

@Suite("gavel submit")
struct SubmitTests {
    private static let opening = """
        {"command":"register_currency","currency":"USD","scale":2}
        {"command":"register_user","user":"alice"}
        {"command":"register_user","user":"bob"}
        {"command":"charge","user":"alice","currency":"USD","amount":50000,"reference":"psp-1"}
        {"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD"}

        """

    private func openedWorkspace() async throws -> Workspace {
        let space = try Workspace()
        let run = try await space.run(
            "submit", "--ledger", "house", "--create", input: Self.opening)
        try #require(run.status == 0, "\(run.errors)")
        try #require(run.lines.count == 5)
        return space
    }

    @Test("every line is answered by one, in order: accepted, rejected, refused")
    func receipts() async throws {
        let space = try await openedWorkspace()
        let run = try await space.run(
            "submit", "--ledger", "house",
            input: """
                {"command":"place_bid","auction":"lot-1","bidder":"alice","amount":700}
                {"command":"place_bid","auction":"lot-1","bidder":"bob","amount":900}
                {"command":"place_bid","auction":"lot-9","bidder":"alice","amount":900}
                """)
        let head = #"{"line":1,"id":"ID","status":"accepted","position":8,"time":"NOW","#
        #expect(
            masked(run.output) == """
                \(head)"replayed":false,"events":[{"event":"lead_taken","auction":"lot-1",\
                "bidder":"alice","currency":"USD","maximum":700,"price":700},{"event":"locked",\
                "auction":"lot-1","user":"alice","currency":"USD","amount":700,"held":700}]}
                {"line":2,"id":"ID","status":"rejected","position":9,"time":"NOW",\
                "replayed":false,"rejection":{"code":"seller_cannot_bid","number":20}}
                {"line":3,"id":"ID","status":"refused","position":null,"time":null,\
                "replayed":false,"refusal":{"code":"auction_not_found","number":8,\
                "reason":"the auction must be opened before"}}

                """)
        #expect(run.errors == "")
        #expect(run.status == 0)
    }

    @Test("under --strict a rejection or a refusal is exit code 1, and a clean session is 0")
    func strict() async throws {
        let space = try await openedWorkspace()
        let bid = #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":"#
        let clean = try await space.run(
            "submit", "--ledger", "house", "--strict", input: bid + "700}\n")
        #expect(clean.status == 0)
        let rejected = try await space.run(
            "submit", "--ledger", "house", "--strict", input: bid + "600}\n")
        #expect(rejected.status == 1)
        #expect(rejected.errors == "")
        let refused = try await space.run(
            "submit", "--ledger", "house", "--strict",
            input: #"{"command":"close_auction","auction":"lot-9"}"#)
        #expect(refused.status == 1)
    }

    @Test("a line submitted again under its id gets the first receipt, another line is refused")
    func replayed() async throws {
        let space = try await openedWorkspace()
        let milliseconds = UInt64(Date().timeIntervalSince1970 * 1000)
        let digits = String(milliseconds, radix: 16)
        let padded = String(repeating: "0", count: 12 - digits.count) + digits
        let id = "\(padded.prefix(8))-\(padded.suffix(4))-7000-8000-000000000000"
        let bid =
            #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":777,"#
            + #""id":"\#(id)"}"#
        let first = try await space.run("submit", "--ledger", "house", input: bid)
        #expect(first.lines[0].hasPrefix(#"{"line":1,"id":"\#(id)","status":"accepted","#))
        let again = try await space.run(
            "submit", "--ledger", "house",
            input: bid + "\n" + bid.replacingOccurrences(of: "777", with: "888"))
        let expected = first.lines[0].replacingOccurrences(
            of: #""replayed":false"#, with: #""replayed":true"#)
        #expect(again.lines[0] == expected)
        #expect(again.lines[1].contains(#""code":"command_id_reused""#))
        // Nothing is too old in the first hour after an opening.
        let old = bid.replacingOccurrences(of: id, with: "01900000-0000-7000-8000-000000000000")
        let late = try await space.run("submit", "--ledger", "house", input: old)
        #expect(late.lines[0].contains(#""status":"rejected""#))
    }

    @Test("the first malformed line stops the session; what stood before it stays")
    func malformed() async throws {
        let space = try await openedWorkspace()
        let run = try await space.run(
            "submit", "--ledger", "house",
            input: """
                {"command":"register_user","user":"carol"}
                {"command":"register_user","user":"dora","at":"2025-01-01T00:00:00Z"}
                {"command":"register_user","user":"eve"}
                """)
        let problem = #"field "at" is not allowed outside imported histories"#
        #expect(run.errors == "gavel: stdin:2: \(problem)\n")
        #expect(run.status == 3)
        #expect(run.lines.count == 2)
        #expect(run.lines[0].contains(#""event":"user_registered","user":"carol""#))
        #expect(
            run.lines[1]
                == #"{"line":2,"id":null,"status":"refused","position":null,"time":null,"#
                + #""replayed":false,"refusal":{"code":"malformed","number":1,"#
                + #""reason":"field \"at\" is not allowed outside imported histories"}}"#)
        #expect(try await space.run("wallet", "carol", "--ledger", "house").status == 0)
        #expect(try await space.run("wallet", "eve", "--ledger", "house").status == 2)
    }

    @Test(
        "an empty line and a line cut off are malformed; a last line needs no line feed",
        arguments: [
            ("\n", "a line must be a JSON object, not empty"),
            (#"{"command":"register_u"#, "column 23: the string has no end"),
        ])
    func endOfInput(input: String, problem: String) async throws {
        let space = try await openedWorkspace()
        let good = #"{"command":"register_user","user":"carol"}"#
        #expect(try await space.run("submit", "--ledger", "house", input: good).status == 0)
        let run = try await space.run("submit", "--ledger", "house", input: good + "\n" + input)
        #expect(run.errors.hasPrefix("gavel: stdin:2: "))
        #expect(run.errors.contains(problem) || input != "\n")
        #expect(run.status == 3)
        #expect(run.lines.count == 2)
    }

    @Test("--by says who stands behind lines that do not say it")
    func actor() async throws {
        let space = try await openedWorkspace()
        let charge =
            #"{"command":"charge","user":"alice","currency":"USD","amount":5,"reference":"#
        let run = try await space.run(
            "submit", "--ledger", "house", "--by", "alice",
            input: charge + "\"x\"}\n" + charge + "\"y\",\"by\":\"payment\"}\n")
        #expect(run.lines[0].contains(#""code":"not_permitted""#))
        #expect(run.lines[1].contains(#""status":"accepted""#))
        let system = try await space.run("submit", "--ledger", "house", "--by", "system")
        #expect(
            system.errors
                == "gavel: The value 'system' is invalid for '--by <actor>': only the engine acts "
                + "as the system\n")
        #expect(system.status == 2)
    }

    @Test("with --hold-closings bids are refused as closing_held")
    func holdClosings() async throws {
        let space = try await openedWorkspace()
        let run = try await space.run(
            "submit", "--ledger", "house", "--hold-closings",
            input: #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":700}"#)
        #expect(run.lines[0].contains(#""code":"closing_held""#))
        #expect(run.status == 0)
    }

    @Test("a missing ledger is made only with --create")
    func create() async throws {
        let space = try Workspace()
        let run = try await space.run("submit", "--ledger", "house", input: Self.opening)
        #expect(run.errors == "gavel: there is no ledger at house; --create makes one\n")
        #expect(run.output == "")
        #expect(run.status == 4)
        #expect(space.names == [])
    }

    @Test(
        "receipts come while input stays open, readers see them, a second writer hears who writes",
        .timeLimit(.minutes(30)))
    func besideAWriter() async throws {
        let space = try Workspace()
        let session = try space.start("submit", "--ledger", "house", "--create")
        try session.send(#"{"command":"register_user","user":"alice"}"#)
        let first = try #require(session.receive())
        #expect(first.hasPrefix(#"{"line":1,"#))
        #expect(try await space.run("wallet", "alice", "--ledger", "house").status == 0)
        #expect(try await space.run("wallet", "bob", "--ledger", "house").status == 2)

        let second = try await space.run("submit", "--ledger", "house")
        #expect(
            second.errors == "gavel: house is being written by process \(session.pid)\n")
        #expect(second.status == 4)
        let rebuild = try await space.run("rebuild", "--ledger", "house")
        #expect(
            rebuild.errors == "gavel: house is being written by process \(session.pid)\n")
        #expect(rebuild.status == 4)

        try session.send(#"{"command":"register_user","user":"bob"}"#)
        #expect(try #require(session.receive()).hasPrefix(#"{"line":2,"#))
        #expect(try await space.run("wallet", "bob", "--ledger", "house").status == 0)
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
        #expect(try await space.run("backup", "copy", "--ledger", "house").status == 0)
        #expect(try session.finish() == 0)
        #expect(try await space.run("submit", "--ledger", "house").status == 0)
    }

    @Test("what was answered before a kill is in the ledger", .timeLimit(.minutes(30)))
    func killed() async throws {
        let space = try Workspace()
        let session = try space.start("submit", "--ledger", "house", "--create")
        for number in 1...20 {
            try session.send(#"{"command":"register_user","user":"u\#(number)"}"#)
        }
        for _ in 1...20 { _ = try #require(session.receive()) }
        session.kill()
        let log = try await space.run("log", "--ledger", "house", "--format", "csv")
        #expect(log.lines.count == 1 + 2 + 20)
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
    }
}
