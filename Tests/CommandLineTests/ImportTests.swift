// `gavel import`: what it builds, and that nothing stays after what it cannot take.

import Foundation
import Platform
import Testing

@Suite("gavel import")
struct ImportTests {
    @Test("an import says what it read and what came of it")
    func summary() async throws {
        let space = try Workspace()
        try space.write(history, to: "history.jsonl")
        let run = try await space.run("import", "history.jsonl", "--ledger", "house/")
        #expect(
            masked(run.output) == """
                ledger      house
                lines       12
                accepted    11
                rejected    1
                entries     15
                auctions    2 (1 sold)
                last entry  2025-01-03T00:01:00.000Z
                digest      DIGEST

                """)
        #expect(run.errors == "")
        #expect(run.status == 0)
        #expect(space.names == ["history.jsonl", "house"])
    }

    @Test("under --strict a rejection is exit code 1, and the ledger is there")
    func strict() async throws {
        let space = try Workspace()
        try space.write(history, to: "history.jsonl")
        let run = try await space.run("import", "history.jsonl", "--ledger", "house", "--strict")
        #expect(run.status == 1)
        #expect(run.lines.first == "ledger      house")
        #expect(space.exists("house"))
    }

    @Test("the same history gives the same entries and the same root, wherever it is built")
    func sameRoots() async throws {
        let space = try await importedWorkspace()
        _ = try await space.run("import", "history.jsonl", "--ledger", "other")
        let roots = try await [
            space.run("audit", "verify", "--ledger", "house"),
            space.run("audit", "verify", "--ledger", "other"),
        ].map { run in try #require(run.lines.first { $0.hasPrefix("root ") }) }
        #expect(roots[0] == roots[1])
        let first = try await space.run("log", "--ledger", "house", "--format", "json")
        let second = try await space.run("log", "--ledger", "other", "--format", "json")
        #expect(first.output == second.output)
    }

    @Test("a history may be cut into files, and another cut is another ledger")
    func severalFiles() async throws {
        let space = try await importedWorkspace()
        let lines = history.split(separator: "\n")
        try space.write(lines[..<5].joined(separator: "\n"), to: "a.jsonl")
        try space.write(lines[5...].joined(separator: "\r\n") + "\r\n", to: "b.jsonl")
        let run = try await space.run("import", "a.jsonl", "b.jsonl", "--ledger", "cut")
        #expect(run.status == 0, "\(run.errors)")
        let wallets = try await space.run("wallets", "--ledger", "cut")
        #expect(wallets.output == (try await space.run("wallets", "--ledger", "house")).output)
        let ids = try await space.run("log", "--ledger", "cut", "--limit", "1", "--format", "json")
        let others = try await space.run(
            "log", "--ledger", "house", "--limit", "1", "--format", "json")
        #expect(ids.output != others.output, "the ledger ids differ")
    }

    @Test("an import that would leave too little free ends as a full disk does, and says how much")
    func storageLow() async throws {
        let space = try Workspace()
        try space.write(history, to: "history.jsonl")
        let low = try await space.run(
            "import", "history.jsonl", "--ledger", "house", "--free-bytes", "\(Int.max)")
        #expect(low.status == 4)
        let last = try #require(low.errors.split(separator: "\n").last)
        #expect(
            last.contains(
                #/^gavel: history\.jsonl:7: storage_low: the disk is nearly full: \d+ bytes/#
            ), "\(last)")
        #expect(last.hasSuffix(" and \(Int.max) must stay free (--free-bytes)"))
        #expect(low.errors.contains("free_bytes_min=\(Int.max)"))
        #expect(space.names == ["history.jsonl"])
        let enough = try await space.run(
            "import", "history.jsonl", "--ledger", "house", "--free-bytes", "0")
        #expect(enough.status == 0, "\(enough.errors)")
        let refused = try await space.run(
            "submit", "--ledger", "house", "--free-bytes", "\(Int.max)",
            input: #"{"command":"place_bid","auction":"lot-2","bidder":"alice","amount":900}"#)
        #expect(refused.output.contains(#""storage_low""#), "\(refused)")
        #expect(refused.output.contains("\(Int.max) must stay free (--free-bytes)"))
    }

    @Test("where the log's own length is what is short, that is what an import says")
    func shortMap() async throws {
        let space = try Workspace()
        let users = (0..<20_000).map {
            #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:00Z"}"# + "\n"
        }
        try space.write(users.joined() + history, to: "history.jsonl")
        let run = try await space.run(
            "import", "history.jsonl", "--ledger", "house", "--free-bytes", "0", "--map-bytes",
            "1048576")
        #expect(run.status == 4)
        #expect(
            run.errors.contains("than the 1048576 bytes that mapBytes (--map-bytes)"), "\(run)")
        #expect(space.names == ["history.jsonl"])
        let long = try await space.run(
            "import", "history.jsonl", "--ledger", "house", "--map-bytes", "8388608",
            "--free-bytes", "8000000")
        #expect(long.status == 4)
        #expect(
            long.errors.contains(
                #/storage_low: the log's file may get \d+ bytes longer \(--map-bytes\), and 8000/#
            ), "\(long.errors)")
    }

    @Test("every command that opens for writing takes --map-bytes, and says where it is too little")
    func mapBytes() async throws {
        let space = try Workspace()
        let users = (0..<12_000).map {
            #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:00Z"}"# + "\n"
        }
        try space.write(users.joined(), to: "history.jsonl")
        for arguments in [
            ["import", "history.jsonl", "--ledger", "house", "--map-bytes", "67108864"],
            ["backup", "copy", "--ledger", "house", "--map-bytes", "67108864"],
        ] {
            let run = try await space.run(arguments)
            try #require(run.status == 0, "\(run.errors)")
        }
        let code = try await space.run(
            "export", "--ledger", "house", "--format", "archive", into: "archive")
        try #require(code == 0)
        let commands = [
            ["submit", "--ledger", "house"],
            ["extend", "--ledger", "house", "--to", "2260-01-01T00:00:00Z"],
            ["rebuild", "--ledger", "house"], ["audit", "rotate-key", "--ledger", "house"],
            ["backup", "other", "--ledger", "house"],
            ["restore", "copy", "--ledger", "new", "--without-checkpoint"],
            ["restore", "archive", "--ledger", "third", "--without-checkpoint"],
        ]
        for command in commands {
            let short = try await space.run(command + ["--map-bytes", "1048576"])
            #expect(short.status == 2, "\(command): \(short)")
            #expect(
                short.errors.contains("mapBytes (--map-bytes) is 1048576, and the log has "),
                "\(command): \(short.errors)")
            let run = try await space.run(command + ["--map-bytes", "67108864"])
            #expect(run.status == 0, "\(command): \(run.errors)")
        }
    }

    @Test("an import over an existing folder is refused as usage and changes nothing")
    func existing() async throws {
        let space = try await importedWorkspace()
        let before = try await space.run("log", "--ledger", "house", "--format", "json")
        let run = try await space.run("import", "history.jsonl", "--ledger", "house")
        #expect(
            run.errors
                == "gavel: house exists already; an import builds a fresh ledger and adds to none\n"
        )
        #expect(run.output == "")
        #expect(run.status == 2)
        let after = try await space.run("log", "--ledger", "house", "--format", "json")
        #expect(before.output == after.output)
    }

    struct BadLine: CustomTestStringConvertible, Sendable {
        let name: String
        let line: String
        let message: String
        var testDescription: String { name }
    }

    static let badLines = [
        BadLine(
            name: "no JSON", line: "nope",
            message: "column 1: found a word that is not null, expected a value"),
        BadLine(
            name: "empty", line: "", message: "a line must be a JSON object, not empty"),
        BadLine(
            name: "an unknown field",
            line: #"{"command":"register_user","user":"x","age":7,"at":"2025-01-04T00:00:00Z"}"#,
            message: #"unknown field "age" in register_user, which may have command, user, id, "#
                + "by, at"),
        BadLine(
            name: "an unknown command", line: #"{"command":"sing","at":"2025-01-04T00:00:00Z"}"#,
            message: #"unknown command "sing", expected one of register_currency, "#
                + "register_user, charge, withdraw, open_auction, place_bid, buy_now, "
                + "close_auction, extend_auction, cancel_auction"),
        BadLine(
            name: "without at", line: #"{"command":"register_user","user":"x"}"#,
            message: #"missing field "at", the time at which the command happened"#),
        BadLine(
            name: "at falls",
            line: #"{"command":"register_user","user":"x","at":"2025-01-02T00:00:00Z"}"#,
            message: "at must not be before 2025-01-03T00:01:00.000Z of the line before, but is "
                + "2025-01-02T00:00:00.000Z"),
        BadLine(
            name: "at in the future",
            line: #"{"command":"register_user","user":"x","at":"2200-01-01T00:00:00Z"}"#,
            message: "at must not lie in the future (it is NOW), but is NOW"),
        BadLine(
            name: "an unknown user",
            line: #"{"command":"place_bid","auction":"lot-2","bidder":"x","amount":1,"#
                + #""at":"2025-01-04T00:00:00Z"}"#,
            message: "user_not_found: every user must be registered before"),
        BadLine(
            name: "an unknown auction",
            line: #"{"command":"close_auction","auction":"x","at":"2025-01-04T00:00:00Z"}"#,
            message: "auction_not_found: the auction must be opened before"),
        BadLine(
            name: "an id far from its time",
            line: #"{"command":"register_user","user":"x","at":"2025-01-04T00:00:00Z","#
                + #""id":"0197f000-0000-7000-8000-000000000000"}"#,
            message: "command_id_in_future: the time in the id is more than 5 minutes after the "
                + "command's"),
        BadLine(
            name: "longer than a line may be", line: String(repeating: " ", count: 200_000),
            message: "a line must have at most 65536 bytes"),
    ]

    @Test(
        "a line that cannot be taken stops at FILE:LINE and leaves no ledger",
        arguments: badLines)
    func badLine(_ bad: BadLine) async throws {
        let space = try Workspace()
        try space.write(history, to: "good.jsonl")
        func user(_ time: String) -> String {
            #"{"command":"register_user","user":"dora","at":"\#(time)"}"#
        }
        // Something follows, so that the line is not the last one by accident.
        try space.write(
            user("2025-01-03T00:01:00Z") + "\n\(bad.line)\n" + user("2025-01-05T00:00:00Z"),
            to: "bad.jsonl")
        let run = try await space.run("import", "good.jsonl", "bad.jsonl", "--ledger", "house")
        #expect(masked(run.errors) == "gavel: bad.jsonl:2: \(bad.message)\n")
        #expect(run.output == "")
        #expect(run.status == 3)
        #expect(space.names == ["bad.jsonl", "good.jsonl"])
    }

    @Test("times must not fall from one file to the next either")
    func fallsBetweenFiles() async throws {
        let space = try Workspace()
        try space.write(history, to: "a.jsonl")
        try space.write(history, to: "b.jsonl")
        let run = try await space.run("import", "a.jsonl", "b.jsonl", "--ledger", "house")
        #expect(run.errors.hasPrefix("gavel: b.jsonl:1: at must not be before "))
        #expect(run.status == 3)
        #expect(space.names == ["a.jsonl", "b.jsonl"])
    }

    @Test("a file may end without a line feed, but not in the middle of a command")
    func endsMidLine() async throws {
        let space = try Workspace()
        try space.write(String(history.dropLast()), to: "whole.jsonl")
        #expect(try await space.run("import", "whole.jsonl", "--ledger", "house").status == 0)
        try space.write(String(history.dropLast(10)), to: "cut.jsonl")
        let run = try await space.run("import", "cut.jsonl", "--ledger", "other")
        #expect(run.errors.hasPrefix("gavel: cut.jsonl:12: column "))
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.status == 3)
        #expect(space.names == ["cut.jsonl", "house", "whole.jsonl"])
    }

    @Test("a history without a line is a mistake, not an empty ledger")
    func empty() async throws {
        let space = try Workspace()
        try space.write("", to: "empty.jsonl")
        let run = try await space.run("import", "empty.jsonl", "--ledger", "house")
        #expect(run.errors == "gavel: empty.jsonl:1: the history has no line\n")
        #expect(run.status == 3)
        #expect(space.names == ["empty.jsonl"])
    }

    @Test("files that are not there, or are no files, are named")
    func unreadable() async throws {
        let space = try Workspace()
        let missing = try await space.run("import", "no.jsonl", "--ledger", "house")
        #expect(missing.errors == "gavel: no.jsonl cannot be read: No such file or directory\n")
        #expect(missing.status == 2)
        let folder = try await space.run("import", ".", "--ledger", "house")
        #expect(
            folder.errors
                == "gavel: . is not a regular file; an import reads its files twice\n")
        #expect(folder.status == 2)
    }

    @Test(
        "an import killed half-way leaves no ledger, and the next one succeeds",
        .timeLimit(.minutes(30)))
    func killed() async throws {
        let space = try Workspace()
        try space.write(history, to: "history.jsonl")
        // How far an import is when this thread gets its turn is the machine's affair: where it
        // has ended already, a longer one follows.
        var count = 300_000
        while true {
            let users = (0..<count).map {
                #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:00Z"}"#
            }
            try space.write(users.joined(separator: "\n"), to: "long.jsonl")
            let session = try space.start("import", "long.jsonl", "--ledger", "house")
            let house = space.path + "/house"
            await DedicatedThread.run(named: "gavel.test.killer") {
                while !FileManager.default.fileExists(atPath: house + ".importing/log/data.mdb"),
                    !FileManager.default.fileExists(atPath: house)
                {
                    Thread.sleep(forTimeInterval: 0.002)
                }
            }
            session.kill()
            if !space.exists("house") { break }
            try FileManager.default.removeItem(atPath: house)
            count *= 2
        }
        #expect(space.exists("house.importing"))
        let run = try await space.run("import", "history.jsonl", "--ledger", "house")
        #expect(run.status == 0, "\(run.errors)")
        #expect(space.names == ["history.jsonl", "house", "long.jsonl"])
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
    }
}

@Suite("The first bad line of an import")
struct FirstBadLineTests {
    @Test("a refused command is named before a malformed line after it")
    func refusalFirst() async throws {
        let space = try Workspace()
        let at = #""at":"2020-01-01T00:00:00Z""#
        try space.write(
            #"{"command":"register_user","user":"alice",\#(at)}"# + "\n"
                + #"{"command":"close_auction","auction":"lot-1",\#(at)}"# + "\nnonsense\n",
            to: "bad.jsonl")
        let run = try await space.run("import", "bad.jsonl", "--ledger", "house")
        #expect(run.status == 3)
        #expect(run.errors.contains("bad.jsonl:2"), "\(run.errors)")
        #expect(space.names == ["bad.jsonl"])
    }
}
