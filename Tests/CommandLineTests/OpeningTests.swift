// Ledgers that cannot be opened: exit code 4 and one line that says why, from every command.

import Foundation
import Testing

@Suite("Ledgers that cannot be opened")
struct OpeningTests {
    /// Every command that opens the ledger `house`.
    private static let commands = [
        ["auctions"], ["auction", "lot-1"], ["wallets"], ["wallet", "alice"], ["log"],
        ["audit", "verify"], ["audit", "replay"], ["backup", "copy"], ["rebuild"], ["submit"],
        ["extend", "--to", "2260-01-01T00:00:00Z"],
    ]

    private func expectUnusable(
        _ space: Workspace, because reason: (String) -> Bool
    ) async throws {
        let before = space.names
        for command in Self.commands {
            let run = try await space.run(command + ["--ledger", "house"])
            #expect(run.status == 4, "\(command)")
            #expect(run.output == "", "\(command)")
            #expect(reason(run.errors), "\(command): \(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(command)")
        }
        #expect(space.names == before)
    }

    @Test("a missing ledger is named and not made")
    func missing() async throws {
        let space = try Workspace()
        try await expectUnusable(space) { $0.hasPrefix("gavel: there is no ledger at house") }
    }

    @Test("a folder that is no ledger is left alone")
    func foreign() async throws {
        let space = try Workspace()
        try FileManager.default.createDirectory(
            at: space.url("house"), withIntermediateDirectories: false)
        try space.write("dear diary", to: "house/diary.txt")
        try await expectUnusable(space) { $0 == "gavel: house is not a ledger\n" }
        #expect(space.exists("house/diary.txt"))
    }

    @Test("a log cut short is damaged")
    func damaged() async throws {
        let space = try await importedWorkspace()
        let log = try FileHandle(forWritingTo: space.url("house/log/data.mdb"))
        try log.truncate(atOffset: 4096)
        try log.close()
        try await expectUnusable(space) { $0.hasPrefix("gavel: ") && $0.contains("house") }
    }

    @Test("where hardly a file may be open, every command says so and none is ended by a signal")
    func fewFiles() async throws {
        let space = try await importedWorkspace()
        let commands = Self.commands.map { ($0 + ["--ledger", "house"]).joined(separator: " ") }
        let script = """
            for files in 4 5 6 7 8 10 12 15; do
            \(commands.map {
                "(ulimit -n $files; exec '\(gavelURL.path)' \($0)) < /dev/null > out 2> err; "
                    + "echo \"$? $files $(cat err)\""
            }.joined(separator: "\n"))
            done
            """
        let run = try await space.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script])
        #expect(run.lines.count == 8 * commands.count, "\(run)")
        for line in run.lines {
            #expect(line.hasPrefix("4 ") && line.hasSuffix(": Too many open files"), "\(line)")
        }
        #expect(!space.exists("copy"))
    }

    @Test("where a checkpoint's copy cannot be written, the option is named that asks for it")
    func checkpointCopy() async throws {
        let space = try await importedWorkspace()
        try await space.writeKey(of: "house")
        let other = try await space.run(
            "submit", "--create", "--ledger", "other",
            input: #"{"command":"register_user","user":"alice"}"#)
        try #require(other.status == 0)
        try space.write("no checkpoint", to: "junk")
        for (place, reason) in [
            ("junk", "junk is there already and is not a checkpoint"),
            ("other/checkpoint", "belongs to the ledger in "),
            ("foreign", "left as it is. Name another file by --checkpoint-copy"),
        ] {
            if place == "foreign" {
                try FileManager.default.copyItem(
                    at: space.url("other/checkpoint"), to: space.url(place))
            }
            let run = try await space.run("submit", "--ledger", "house", "--checkpoint-copy", place)
            #expect(run.status != 0 && run.errors.contains(reason), "\(place): \(run)")
            #expect(run.errors.contains("--checkpoint-copy"), "\(place): \(run)")
        }
    }

    @Test("a log of a newer format is not read")
    func newer() async throws {
        let space = try await importedWorkspace()
        try FileManager.default.removeItem(at: space.url("house/snapshots"))
        var data = try Data(contentsOf: space.url("house/log/data.mdb"))
        // The magic word of a frame; the format's number follows. LMDB keeps old pages, so every
        // copy of the frame is changed.
        var start = data.startIndex
        while let magic = data.range(of: Data("GVLF".utf8), in: start..<data.endIndex) {
            data[magic.upperBound] = 99
            start = magic.upperBound
        }
        try data.write(to: space.url("house/log/data.mdb"))
        let run = try await space.run("wallets", "--ledger", "house")
        #expect(run.errors.contains("format 99 is not known"))
        #expect(run.output == "")
        #expect(run.status == 4)
    }
}
