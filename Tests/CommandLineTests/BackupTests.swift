// Backups, restores with and without loss, and another key: as an operator does them.

import Foundation
import Testing

@Suite("Backups on the command line")
struct BackupTests {
    private let place: Workspace

    init() async throws {
        place = try Workspace()
        let lines = (1...4).map {
            #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:0\#($0)Z"}"#
        }
        try place.write(lines.joined(separator: "\n") + "\n", to: "history.jsonl")
        let run = try await place.run("import", "history.jsonl", "--ledger", "house")
        try #require(run.status == 0, "\(run.errors)")
    }

    private func register(_ user: String, in ledger: String) async throws -> Run {
        try await place.run(
            "submit", "--ledger", ledger,
            input: #"{"command":"register_user","user":"\#(user)"}"# + "\n")
    }

    @Test("The drill: back up, lose the ledger, restore with the key, go on; nothing is lost")
    func drill() async throws {
        #expect(try await place.run("backup", "copy", "--ledger", "house").status == 0)
        try FileManager.default.copyItem(at: place.url("house/key"), to: place.url("key"))
        let key = try await place.run("audit", "key", "--ledger", "house").output
        try FileManager.default.removeItem(at: place.url("house"))
        #expect(!place.exists("copy/key"))
        let restored = try await place.run("restore", "copy", "--ledger", "house", "--key", "key")
        #expect(restored.status == 0 && restored.output.contains(/result +clean/))
        #expect(try await register("later", in: "house").status == 0)
        try place.write(key, to: "house.vkey")
        let checkpoint = try await place.run(
            "audit", "checkpoint", "--ledger", "house", "--key", "house.vkey")
        #expect(checkpoint.status == 0 && checkpoint.lines[1] == "8")
    }

    @Test("A backup older than a checkpoint is refused, or its losses are listed and written down")
    func loss() async throws {
        #expect(try await place.run("backup", "copy", "--ledger", "house").status == 0)
        #expect(try await register("later", in: "house").status == 0)
        let refused = try await place.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "house/checkpoint")
        #expect(refused.status == 4 && refused.errors.contains("8 entries, but the log has 6"))
        #expect(!place.exists("new"))
        let missing = try await place.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "nowhere")
        #expect(missing.status == 4 && missing.errors.contains("no checkpoint at nowhere"))
        let accepted = try await place.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "house/checkpoint",
            "--accept-loss")
        #expect(accepted.status == 0)
        #expect(accepted.lines.first == "lost positions  6 to 7, 2 entries")
        let log = try await place.run("log", "--ledger", "new", "--format", "json")
        #expect(log.output.contains(#""command":"restore_ledger""#))
        #expect(log.output.contains(#""checkpoint_size":8"#))
    }

    @Test("A log cut back beside its checkpoint is read but not written, with the reason")
    func rollback() async throws {
        try FileManager.default.copyItem(at: place.url("house"), to: place.url("old"))
        #expect(try await register("later", in: "house").status == 0)
        try FileManager.default.removeItem(at: place.url("house/log"))
        try FileManager.default.moveItem(at: place.url("old/log"), to: place.url("house/log"))
        let refused = try await register("another", in: "house")
        #expect(refused.status == 4)
        #expect(refused.errors.contains("entries that people hold receipts for are missing"))
        #expect(try await place.run("wallets", "--ledger", "house").status == 0)
        let verified = try await place.run("audit", "verify", "--ledger", "house")
        #expect(verified.status == 1)
        let checkpoint = try await place.run("audit", "checkpoint", "--ledger", "house")
        #expect(checkpoint.status == 1 && checkpoint.output.isEmpty)
    }

    @Test("rotate-key prints the new key, which signs from then on, and the log tells the change")
    func rotation() async throws {
        let old = try await place.run("audit", "key", "--ledger", "house").output
        let new = try await place.run("audit", "rotate-key", "--ledger", "house")
        #expect(new.status == 0 && new.output != old)
        try place.write(old, to: "old.vkey")
        try place.write(new.output, to: "new.vkey")
        let byNew = try await place.run(
            "audit", "checkpoint", "--ledger", "house", "--key", "new.vkey")
        #expect(byNew.status == 0)
        let byOld = try await place.run(
            "audit", "checkpoint", "--ledger", "house", "--key", "old.vkey")
        // The former key signed the change: who trusts it is led on by the log.
        #expect(byOld.status == 0 && byOld.output == byNew.output)
        let made = try await place.run(
            "audit", "witness", "--make-key", "stranger", "--key", "stranger.key")
        let stranger = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let byStranger = try await place.run(
            "audit", "checkpoint", "--ledger", "house", "--key", stranger)
        #expect(
            byStranger.status == 1 && byStranger.errors.contains("not signed by this ledger"))
        let log = try await place.run("log", "--ledger", "house", "--format", "json")
        #expect(log.output.contains(#""event":"key_rotated""#))
        #expect(try await place.run("audit", "verify", "--ledger", "house").status == 0)
        let bad = try await place.run(
            "audit", "rotate-key", "--ledger", "house", "--key", "history.jsonl")
        #expect(bad.status == 2 && bad.errors.contains("history.jsonl"))
    }

    @Test("import signs with a given key, and copies each checkpoint to where it is told")
    func givenKey() async throws {
        let first = try await place.run("audit", "key", "--ledger", "house").output
        let run = try await place.run(
            "import", "history.jsonl", "--ledger", "twin", "--key", "house/key",
            "--checkpoint-copy", "elsewhere")
        #expect(run.status == 0)
        #expect(try await place.run("audit", "key", "--ledger", "twin").output == first)
        let (one, two) = (
            try Data(contentsOf: place.url("elsewhere")),
            try Data(contentsOf: place.url("house/checkpoint"))
        )
        // The same history and the same key give the same signed head.
        #expect(one == two)
    }

    @Test("A whole ledger goes through one file, and a file that is none is refused")
    func archive() async throws {
        let status = try await place.run(
            "export", "--ledger", "house", "--format", "archive", into: "house.archive")
        #expect(status == 0)
        let restored = try await place.run("restore", "house.archive", "--ledger", "new")
        #expect(restored.status == 0 && restored.output.contains(/result +clean/))
        let (one, two) = (
            try await place.run("log", "--ledger", "house", "--format", "json").output,
            try await place.run("log", "--ledger", "new", "--format", "json").output
        )
        #expect(one == two && !one.isEmpty)
        let none = try await place.run("restore", "history.jsonl", "--ledger", "other")
        #expect(none.status == 4 && none.errors.contains("no archive"))
        #expect(!place.exists("other"))
        let partly = try await place.run(
            "export", "--ledger", "house", "--format", "archive", "--at", "2")
        #expect(partly.status == 2)
    }
}
