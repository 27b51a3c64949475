// `gavel extend`: what ended during an outage gets a later end before it closes unwatched.

import Foundation
import Testing

@Suite("gavel extend")
struct ExtendTests {
    /// Two auctions that ended long ago and were never closed: the history stops before.
    private static let history = """
        {"command":"register_currency","currency":"USD","scale":2,"at":"2025-01-01T00:00:00Z"}
        {"command":"register_user","user":"bob","at":"2025-01-01T00:00:00Z"}
        {"command":"open_auction","auction":"lot-1","seller":"bob","currency":"USD",\
        "closes_at":"2025-01-02T00:00:00Z","at":"2025-01-01T01:00:00Z"}
        {"command":"open_auction","auction":"lot-2","seller":"bob","currency":"USD",\
        "closes_at":"2025-01-03T00:00:00Z","at":"2025-01-01T01:00:00Z"}
        {"command":"open_auction","auction":"lot-3","seller":"bob","currency":"USD",\
        "at":"2025-01-01T01:00:00Z"}

        """

    private func workspace() async throws -> Workspace {
        let space = try Workspace()
        try space.write(Self.history, to: "outage.jsonl")
        let run = try await space.run("import", "outage.jsonl", "--ledger", "house")
        try #require(run.status == 0, "\(run.errors)")
        return space
    }

    private func status(_ space: Workspace) async throws -> [String] {
        let run = try await space.run("auctions", "--ledger", "house", "--format", "csv")
        return run.lines.dropFirst().map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return "\(fields[0]) \(fields[3]) \(fields[10])"
        }
    }

    @Test("Every auction whose end has come is extended, and nothing closes meanwhile")
    func all() async throws {
        let space = try await workspace()
        let run = try await space.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z")
        #expect(run.status == 0 && run.errors == "")
        #expect(
            run.output == """
                auction  closed at                 closes
                lot-1    2025-01-02T00:00:00.000Z  2260-01-01T00:00:00.000Z  extended
                lot-2    2025-01-03T00:00:00.000Z  2260-01-01T00:00:00.000Z  extended
                2 auctions extended

                """)
        _ = try await space.run("submit", "--ledger", "house")
        #expect(
            try await status(space) == [
                "lot-1 open 2260-01-01T00:00:00.000Z", "lot-2 open 2260-01-01T00:00:00.000Z",
                "lot-3 open ",
            ])
    }

    @Test("--since and names narrow it; what is not extended closes when closings go on")
    func some() async throws {
        let since = try await workspace()
        let late = try await since.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z", "--since",
            "2025-01-03T00:00:00Z")
        #expect(late.lines.last == "1 auction extended")
        // It ended while nobody could bid, so somebody must have looked.
        _ = try await since.run("submit", "--ledger", "house")
        #expect(try await status(since).first == "lot-1 open 2025-01-02T00:00:00.000Z")
        _ = try await since.run("submit", "--ledger", "house", "--confirm-closings")
        #expect(
            try await status(since) == [
                "lot-1 closed 2025-01-02T00:00:00.000Z", "lot-2 open 2260-01-01T00:00:00.000Z",
                "lot-3 open ",
            ])
        let named = try await workspace()
        let one = try await named.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z", "lot-1")
        #expect(one.status == 0 && one.lines.last == "1 auction extended")
        _ = try await named.run("submit", "--ledger", "house")
        #expect(try await status(named).first == "lot-1 open 2260-01-01T00:00:00.000Z")
    }

    @Test("A rejected extension is exit code 1 and says why; unknown names and times are 2")
    func refused() async throws {
        let space = try await workspace()
        let early = try await space.run(
            "extend", "--ledger", "house", "--to", "2025-06-01T00:00:00Z")
        #expect(early.status == 1)
        #expect(early.output.contains("rejected: closes_at_too_early"))
        #expect(early.errors == "gavel: 2 auctions not extended\n")
        let endless = try await space.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z", "lot-3")
        #expect(endless.status == 1)
        let unknown = try await space.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z", "lot-9")
        #expect(unknown.status == 2 && unknown.errors == "gavel: there is no auction lot-9\n")
        let noTime = try await space.run("extend", "--ledger", "house", "--to", "noon")
        #expect(noTime.status == 2 && noTime.errors.contains("RFC 3339"))
        let both = try await space.run(
            "extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z", "--since",
            "2025-01-03T00:00:00Z", "lot-1")
        #expect(both.status == 2)
        let missing = try await space.run(
            "extend", "--ledger", "nowhere", "--to", "2260-01-01T00:00:00Z")
        #expect(missing.status == 4)
    }
}
