// The command line itself: help, version, mistakes, and readers that go away.

import Testing

@Suite("The command line")
struct UsageTests {
    @Test("--version is the engine's version")
    func version() async throws {
        let run = try await Workspace().run("--version")
        #expect(run.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
        #expect(run.errors == "")
        #expect(run.status == 0)
    }

    @Test(
        "--help has an example of the command and is no error",
        arguments: [
            "import", "submit", "auctions", "auction", "wallets", "wallet", "log", "backup",
            "restore", "rebuild",
        ])
    func help(command: String) async throws {
        let run = try await Workspace().run(command, "--help")
        #expect(run.output.contains("gavel \(command) "))
        #expect(run.output.contains("--ledger <dir>"))
        #expect(run.errors == "")
        #expect(run.status == 0)
    }

    @Test("gavel alone prints its help, with the exit codes")
    func alone() async throws {
        let run = try await Workspace().run()
        #expect(run.output.contains("Exit codes: 0 done and clean"))
        #expect(run.status == 0)
        for command in ["verify", "replay"] {
            let help = try await Workspace().run("audit", command, "--help")
            #expect(help.output.contains("gavel audit \(command) --ledger"))
            #expect(help.status == 0)
        }
    }

    @Test(
        "a mistake on the command line is exit code 2 and one line",
        arguments: [
            (["frobnicate"], "Unexpected argument 'frobnicate'"),
            (["auctions"], "Missing expected argument '--ledger <dir>'"),
            (["auctions", "--ledger", "x", "--fromat", "csv"], "Unknown option '--fromat'"),
            (
                ["auctions", "--ledger", "x", "--format", "xml"],
                "The value 'xml' is invalid for '--format <format>'"
            ),
            (
                ["auctions", "--ledger", "x", "--status", "shut"],
                "expected one of scheduled, open, closed, cancelled"
            ),
            (
                ["auctions", "--ledger", "x", "--ending-soon", "--seller", "bob"],
                "--ending-soon cannot stand beside --seller or --bidder"
            ),
            (
                ["log", "--ledger", "x", "--auction", "a", "--wallet", "b"],
                "--auction and --wallet cannot stand beside each other"
            ),
            (["log", "--ledger", "x", "--limit", "0"], "--limit must be at least 1, not 0"),
            (["auction", "lot 1", "--ledger", "x"], "may hold only A-Z a-z 0-9 . _ : -"),
            (
                ["wallets", "--ledger", "x", "--at", "noon"],
                "expected a position or a time; a time must be written like"
            ),
            (["import", "--ledger", "x"], "Missing expected argument '<file> ...'"),
            (["wallets", "--ledger", ""], "a folder's path must not be empty"),
        ])
    func mistakes(arguments: [String], message: String) async throws {
        let run = try await Workspace().run(arguments)
        #expect(run.errors.hasPrefix("gavel: "))
        #expect(run.errors.contains(message), "\(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.output == "")
        #expect(run.status == 2)
    }

    @Test("a reader that has seen enough ends a query quietly")
    func closedPipe() async throws {
        let space = try await importedWorkspace()
        for command in ["log", "auctions", "wallets"] {
            let run = try await space.runIntoClosedPipe(command, "--ledger", "house")
            #expect(run.errors == "")
            #expect(run.status == 0)
        }
    }

    @Test("a submission whose receipts nobody reads stops and says so")
    func closedPipeOfSubmit() async throws {
        let space = try await importedWorkspace()
        let run = try await space.runIntoClosedPipe(
            "submit", "--ledger", "house",
            input: #"{"command":"register_user","user":"dora"}"#)
        #expect(run.errors.hasPrefix("gavel: stdin:1: nobody reads the receipts any more"))
        #expect(run.status == 3)
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
    }
}
