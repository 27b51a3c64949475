// `gavel export`: its formats, what narrows it, what it refuses, and reading beside a writer. What
// journals are like is tested in FixtureTests, what other tools make of them in Tests/Judges.

import Foundation
import Testing

@Suite("Exporting on the command line")
struct ExportTests {
    private func export(_ space: Workspace, _ arguments: String...) async throws -> Run {
        try await space.run(["export", "--ledger", "house"] + arguments)
    }

    @Test("CSV has a row for each wallet that an event moved, with the balances after it")
    func csv() async throws {
        let space = try await importedWorkspace()
        let run = try await export(space, "--format", "csv")
        #expect(run.status == 0 && run.errors.isEmpty)
        let rows = run.lines.dropFirst().map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).enumerated()
                .filter { ![1, 2].contains($0.offset) }.map { String($0.element) }
                .joined(separator: " ")
        }
        #expect(
            rows == [
                "6 charged  alice USD 50000 50000 0 50000 0 psp-1",
                "7 charged  carol USD 30000 30000 0 30000 0 psp-2",
                "9 locked lot-1 alice USD 1500 -1500 1500 48500 1500 ",
                "11 refunded lot-1 alice USD 1500 1500 -1500 50000 0 ",
                "11 locked lot-1 carol USD 2000 -2000 2000 28000 2000 ",
                "12 settled lot-1 carol USD 2000 0 -2000 28000 0 ",
                "12 settled lot-1 bob USD 2000 2000 0 2000 0 ",
                "14 locked lot-2 alice USD 700 -700 700 49300 700 ",
            ])
    }

    @Test("Rows are narrowed to a wallet, an auction, or both, and keep their balances")
    func filters() async throws {
        let space = try await importedWorkspace()
        func events(_ arguments: String...) async throws -> [String] {
            let run = try await space.run(
                ["export", "--ledger", "house", "--format", "jsonl"] + arguments)
            #expect(run.status == 0, "\(run.errors)")
            return try run.lines.map { line in
                let match = try #require(
                    line.firstMatch(of: /"event":"(\w+)".*"available":(\d+),"locked":(\d+)/))
                return "\(match.1) \(match.2) \(match.3)"
            }
        }
        #expect(
            try await events("--wallet", "alice")
                == ["charged 50000 0", "locked 48500 1500", "refunded 50000 0", "locked 49300 700"])
        #expect(try await events("--auction", "lot-2") == ["locked 49300 700"])
        #expect(
            try await events("--auction", "lot-1", "--wallet", "carol")
                == ["locked 28000 2000", "settled 28000 0"])
        #expect(try await events("--wallet", "house") == [])
    }

    @Test("As of a past moment, nothing later is exported, and balances are those of then")
    func past() async throws {
        let space = try await importedWorkspace()
        for moment in ["11", "2025-01-01T02:02:00.5Z"] {
            let run = try await export(space, "--format", "hledger", "--at", moment)
            let time = "2025-01-01T02:02:00.500Z"
            #expect(run.lines.first?.hasSuffix(", as of position 11, \(time)") == true)
            #expect(run.lines.last == "    assets:Ucarol:locked  20.00 USD = 20.00 USD")
        }
        let late = try await export(space, "--format", "csv", "--at", "15")
        #expect(late.status == 2)
        #expect(late.errors.contains("there is no position 15; the ledger has 15 entries"))
    }

    @Test("A part of a journal is refused, as are formats and names that there are not")
    func refusals() async throws {
        let space = try await importedWorkspace()
        for (arguments, message) in [
            (["--format", "hledger", "--wallet", "alice"], "Expected jsonl or csv"),
            (["--format", "beancount", "--auction", "lot-1"], "Expected jsonl or csv"),
            (["--format", "json"], "'hledger', 'beancount', 'jsonl', 'csv' or 'archive'"),
            ([], "--format"),
            (["--format", "csv", "--wallet", "nobody"], "there is no user nobody"),
            (["--format", "csv", "--auction", "lot-9"], "there is no auction lot-9"),
        ] {
            let run = try await space.run(["export", "--ledger", "house"] + arguments)
            #expect(run.status == 2 && run.output.isEmpty, "\(arguments)")
            #expect(run.errors.contains(message), "\(run.errors)")
        }
        let missing = try await space.run("export", "--ledger", "none", "--format", "csv")
        #expect(missing.status == 4)
    }

    @Test("An export works beside a writer, and has what was acknowledged")
    func besideWriter() async throws {
        let space = try await importedWorkspace()
        let writer = try space.start("submit", "--ledger", "house")
        for number in 1...3 {
            try writer.send(
                #"{"command":"charge","user":"bob","currency":"USD","amount":\#(number),"#
                    + #""reference":"late-\#(number)"}"#)
            #expect(writer.receive()?.contains(#""status":"accepted""#) == true)
            let run = try await export(space, "--format", "csv", "--wallet", "bob")
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.lines.count == 1 + 1 + number)
        }
        #expect(try writer.finish() == 0)
    }

    @Test("A reader that has seen enough is no error")
    func closedPipe() async throws {
        let space = try await importedWorkspace()
        let run = try await space.runIntoClosedPipe(
            "export", "--ledger", "house", "--format", "beancount")
        #expect(run.status == 0 && run.errors.isEmpty)
    }
}
