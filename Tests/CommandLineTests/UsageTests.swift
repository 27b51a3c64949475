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
            (
                ["submit", "--ledger", "x", "--map-bytes", "1048575"],
                "expected a whole number from 1048576 to 70368744177664"
            ),
            (
                ["rebuild", "--ledger", "x", "--map-bytes", "1e9"],
                "expected a whole number from 1048576 to 70368744177664"
            ),
            (
                ["import", "f", "--ledger", "x", "--free-bytes=-1"],
                "expected a whole number from 0"
            ),
        ])
    func mistakes(arguments: [String], message: String) async throws {
        let run = try await Workspace().run(arguments)
        #expect(run.errors.hasPrefix("gavel: "))
        #expect(run.errors.contains(message), "\(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.output == "")
        #expect(run.status == 2)
    }

    @Test("a name that begins with a dash is taken behind = or --, and otherwise there is a hint")
    func dashes() async throws {
        let space = try Workspace()
        try space.write(
            """
            {"command":"register_currency","currency":"USD","scale":2,"at":"2025-01-01T00:00:00Z"}
            {"command":"register_user","user":"-bob","at":"2025-01-01T00:00:00Z"}
            {"command":"charge","user":"-bob","currency":"USD","amount":5,"reference":"=1+1",\
            "at":"2025-01-01T00:00:00Z"}
            {"command":"open_auction","auction":"--lot","title":"=cmd","seller":"-bob",\
            "currency":"USD","at":"2025-01-01T00:00:00Z"}

            """, to: "history.jsonl")
        try #require(
            try await space.run("import", "history.jsonl", "--ledger", "house").status == 0)
        for (arguments, found) in [
            (["auction", "--ledger", "house", "--", "--lot"], "--lot"),
            (["wallet", "--ledger", "house", "--", "-bob"], "-bob"),
            (["log", "--ledger", "house", "--auction=--lot"], "--lot"),
            (["auctions", "--ledger", "house", "--seller=-bob"], "--lot"),
            (["log", "--ledger", "house", "--wallet=-bob", "--format", "csv"], ",USD,'=1+1\n"),
            (["export", "--ledger", "house", "--wallet=-bob", "--format", "csv"], ",'-bob,USD,5,"),
            (["audit", "statement", "--ledger", "house", "--wallet=-bob"], "charged"),
        ] {
            let run = try await space.run(arguments)
            #expect(run.status == 0 && run.output.contains(found), "\(arguments) \(run)")
        }
        for arguments in [
            ["auction", "--lot", "--ledger", "house"], ["wallet", "-bob", "--ledger", "house"],
            ["log", "--ledger", "house", "--auction", "--lot"],
            ["log", "--ledger", "house", "--wallet", "-bob"],
        ] {
            let run = try await space.run(arguments)
            #expect(run.status == 2 && run.errors.contains("behind = as in --auction=-x"))
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
    }

    @Test("an error that quotes what somebody wrote holds no control character")
    func quotedErrors() async throws {
        let space = try await importedWorkspace()
        for name in ["\u{1B}[2Jx", "\u{9B}2J", "\u{202E}x"] {
            let run = try await space.run("auction", name, "--ledger", "house")
            #expect(run.status == 2)
            let run2 = try await space.run("wallets", "--ledger", "none-\(name)")
            #expect(run2.status == 4)
            for text in [run.errors, run2.errors] {
                for scalar in "\u{1B}\u{9B}\u{202E}".unicodeScalars {
                    #expect(!text.unicodeScalars.contains(scalar), "\(text.debugDescription)")
                }
            }
        }
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
