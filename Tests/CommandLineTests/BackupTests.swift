// Backups, restores with and without loss, and another key: as an operator does them.

import Foundation
import Testing

@Suite("Backups on the command line")
struct BackupTests {
    private let place: Workspace

    init() async throws {
        place = try await workspaceOfFourUsers()
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
            "restore", "copy", "--ledger", "new", "--checkpoint", "house/checkpoint", "--key",
            "house/key")
        #expect(refused.status == 4 && refused.errors.contains("8 entries, but the log has 6"))
        #expect(!place.exists("new"))
        let missing = try await place.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "nowhere", "--key", "house/key")
        #expect(missing.status == 4 && missing.errors.contains("no checkpoint at nowhere"))
        let accepted = try await place.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "house/checkpoint",
            "--key", "house/key", "--accept-loss")
        #expect(accepted.status == 0)
        #expect(accepted.lines.first == "lost positions  6 to 7, 2 entries")
        let log = try await place.run("log", "--ledger", "new", "--format", "json")
        #expect(log.output.contains(#""command":"restore_ledger""#))
        #expect(log.output.contains(#""checkpoint_size":8"#))
    }

    @Test("Without a checkpoint, or a key to check it with, a restore gives the ledger a new name")
    func withoutCheckpoint() async throws {
        #expect(try await place.run("backup", "copy", "--ledger", "house").status == 0)
        let noKey = try await place.run("restore", "copy", "--ledger", "new")
        #expect(noKey.status == 4 && noKey.errors.contains("give the ledger's verifier key by"))
        try FileManager.default.removeItem(at: place.url("copy/checkpoint"))
        let refused = try await place.run(
            "restore", "copy", "--ledger", "new", "--key", "house/key")
        #expect(refused.status == 4 && refused.errors.contains("copy has no checkpoint"))
        #expect(!place.exists("new"))
        let both = try await place.run(
            "restore", "copy", "--ledger", "new", "--key", "house/key", "--without-checkpoint")
        #expect(both.status == 2 && both.errors.contains("--key cannot stand beside"))
        let restored = try await place.run(
            "restore", "copy", "--ledger", "new", "--without-checkpoint")
        #expect(restored.status == 0, "\(restored.errors)")
        #expect(restored.lines[0].hasPrefix("lost positions  unknown: no checkpoint said"))
        #expect(restored.lines[1].hasPrefix("new origin"))
        let log = try await place.run("log", "--ledger", "new", "--format", "json")
        #expect(log.output.contains(#""checkpoint_size":0"#))
    }

    @Test("Entries behind the checkpoint are named, and taken over only with --accept-unsigned")
    func unsigned() async throws {
        let old = try Data(contentsOf: place.url("house/checkpoint"))
        #expect(try await register("later", in: "house").status == 0)
        #expect(try await place.run("backup", "copy", "--ledger", "house").status == 0)
        try old.write(to: place.url("copy/checkpoint"))
        // Of those that are kept in the backup the largest counts.
        let kept = try await place.run("restore", "copy", "--ledger", "new", "--key", "house/key")
        #expect(kept.status == 0 && !kept.output.contains("unsigned"), "\(kept.errors)")
        try FileManager.default.removeItem(at: place.url("new"))
        try FileManager.default.removeItem(at: place.url("copy/checkpoints"))
        let refused = try await place.run(
            "restore", "copy", "--ledger", "new", "--key", "house/key")
        #expect(refused.status == 4 && refused.errors.contains("from position 6 on"))
        let taken = try await place.run(
            "restore", "copy", "--ledger", "new", "--key", "house/key", "--accept-unsigned")
        #expect(taken.status == 0, "\(taken.errors)")
        #expect(taken.lines[0] == "unsigned positions  6 to 7, 2 entries")
    }

    @Test("A backup and a verification of a ledger whose checkpoint was removed end with 1")
    func removedCheckpoint() async throws {
        try FileManager.default.removeItem(at: place.url("house/checkpoint"))
        for level in ["heads", "records", "full"] {
            let verified = try await place.run(
                "audit", "verify", "--ledger", "house", "--level", level)
            #expect(verified.status == 1, "\(level)")
            #expect(verified.output.contains("no checkpoint stands beside its log"))
        }
        let backup = try await place.run("backup", "copy", "--ledger", "house")
        #expect(backup.status == 1 && backup.errors.contains("the copy at copy is not clean"))
        #expect(backup.output.contains("no checkpoint stands beside its log: it was removed"))
        let written = try await register("later", in: "house")
        #expect(written.status == 4 && written.errors.contains("somebody removed it"))
    }

    @Test("A ledger whose key was taken away is written to again only with --key, or --new-key")
    func lostKey() async throws {
        try FileManager.default.moveItem(at: place.url("house/key"), to: place.url("house.key"))
        let log = try Data(contentsOf: place.url("house/log/data.mdb"))
        for arguments in [
            ["submit"], ["extend", "--to", "2030-01-01T00:00:00Z"], ["audit", "rotate-key"],
        ] {
            let run = try await place.run(arguments + ["--ledger", "house"])
            #expect(run.status == 4, "\(arguments)")
            #expect(run.errors.contains("house has entries and no key"), "\(run.errors)")
            #expect(run.errors.contains("--new-key"))
            #expect(run.errors.contains("restore house --ledger NEW --without-checkpoint"))
        }
        #expect(try Data(contentsOf: place.url("house/log/data.mdb")) == log)
        #expect(!place.exists("house/key"))
        let verified = try await place.run("audit", "verify", "--ledger", "house")
        #expect(verified.status == 0)
        #expect(
            verified.output.contains(
                "the signature of the checkpoint: no key of the ledger is here"))
        let own = try await place.run("submit", "--ledger", "house", "--key", "house.key")
        #expect(own.status == 0 && own.errors == "", "\(own.errors)")
        try FileManager.default.removeItem(at: place.url("house/key"))
        let new = try await place.run("submit", "--ledger", "house", "--new-key")
        #expect(new.status == 0)
        #expect(new.errors.contains("the key was lost: another one signs from now on"))
        #expect(new.errors.contains("of before are checked by the former one"))
        #expect(try await register("later", in: "house").status == 0)
        // Where the checkpoint went too, no key brings it back.
        for name in ["key", "checkpoint", "checkpoints"] {
            try FileManager.default.removeItem(at: place.url("house/" + name))
        }
        let none = try await place.run("submit", "--ledger", "house", "--new-key")
        #expect(none.status == 4 && none.errors.contains("has entries and no checkpoint"))
        let found = try await place.run("audit", "verify", "--ledger", "house")
        #expect(found.status == 1 && found.output.contains("has entries, but no key, and no"))
        let renamed = try await place.run(
            "restore", "house", "--ledger", "new", "--without-checkpoint")
        #expect(renamed.status == 0, "\(renamed.errors)")
        #expect(try await register("more", in: "new").status == 0)
    }

    @Test("A checkpoint that was removed is put back from those that are kept, by hand")
    func newest() async throws {
        #expect(try await register("later", in: "house").status == 0)
        let newest = try Data(contentsOf: place.url("house/checkpoint"))
        try FileManager.default.removeItem(at: place.url("house/checkpoint"))
        let refused = try await register("more", in: "house")
        #expect(refused.status == 4)
        #expect(
            refused.errors.contains(
                "gavel audit checkpoints --newest --ledger house > house.newest && mv house.newest "
                    + "house/checkpoint"
            ), "\(refused.errors)")
        let status = try await place.run(
            "audit", "checkpoints", "--newest", "--ledger", "house", into: "newest")
        #expect(status == 0)
        #expect(try Data(contentsOf: place.url("newest")) == newest)
        try FileManager.default.moveItem(
            at: place.url("newest"), to: place.url("house/checkpoint"))
        #expect(try await register("more", in: "house").status == 0)
        #expect(try await place.run("audit", "verify", "--ledger", "house").status == 0)
        // One that is not this log's is not handed out.
        let kept = try place.text("house/checkpoints/kept")
        let last = try #require(kept.components(separatedBy: "\n\n").dropLast().last)
        let size = try #require(last.split(separator: "\n").dropFirst().first)
        try place.write(
            kept.replacing("\n\(size)\n", with: "\n99\n"), to: "house/checkpoints/kept")
        let wrong = try await place.run("audit", "checkpoints", "--newest", "--ledger", "house")
        #expect(wrong.status == 1 && wrong.output == "", "\(wrong.errors)")
    }

    @Test("A file of kept checkpoints that is not as it was written is named, and ends with 1")
    func damagedKept() async throws {
        for user in ["one", "two"] {
            #expect(try await register(user, in: "house").status == 0)
        }
        let path = "house/checkpoints/kept"
        let kept = try place.text(path)
        let parts = kept.components(separatedBy: "\n\n")
        let middle = parts.count / 2 / 2 * 2 + 1
        let garbage = (parts[..<middle] + ["nothing\nthat is signed"] + parts[middle...])
            .joined(separator: "\n\n")
        let text = kept.split(separator: "\n", maxSplits: 1)
        // Each has two parts: what is signed, and by whom.
        let swapped = [parts[0], parts[3], parts[4], parts[1], parts[2]] + parts[5...]
        for (what, damaged) in [
            ("garbage", garbage), ("wrong first line", kept.replacing("/v1\n", with: "/v2\n")),
            ("emptied", ""), ("doubled", kept + text[1]),
            ("swapped", swapped.joined(separator: "\n\n")),
        ] {
            try place.write(damaged, to: path)
            for option in [[], ["--json"], ["--covering", "3"]] {
                let run = try await place.run(
                    ["audit", "checkpoints", "--ledger", "house"] + option)
                #expect(run.status == 1, "\(what) \(option)")
                #expect(run.errors.contains("some of house/checkpoints/kept is no"), "\(what)")
            }
        }
        // What a crash tore off the end is none.
        try place.write(String(kept.dropLast(20)), to: path)
        #expect(try await place.run("audit", "checkpoints", "--ledger", "house").status == 0)
    }

    @Test("audit checkpoints lists what was signed and when, and which first covers an entry")
    func checkpoints() async throws {
        #expect(try await register("one", in: "house").status == 0)
        #expect(try await register("two", in: "house").status == 0)
        let list = try await place.run("audit", "checkpoints", "--ledger", "house")
        #expect(list.status == 0, "\(list.errors)")
        #expect(list.lines[0].contains(/^ *size +time +root +verified$/))
        // Opening and closing sign; an import is signed without a time, and is not kept.
        let sizes = list.lines.dropFirst().map { $0.split(separator: " ")[0] }
        #expect(sizes == ["7", "8", "9", "10"])
        #expect(list.lines.dropFirst().allSatisfy { $0.contains(/T.*Z  [0-9a-f]{64}  yes$/) })
        let first = try await place.run(
            "audit", "checkpoints", "--ledger", "house", "--covering", "7", "--json")
        #expect(first.status == 0 && first.lines.count == 1)
        #expect(first.output.contains(#""size":8,"#) && first.output.contains(#""verified":true"#))
        let none = try await place.run(
            "audit", "checkpoints", "--ledger", "house", "--covering", "10")
        #expect(none.status == 1 && none.errors.contains("covers position 10 yet"))
        // By another key each is a fault; and so is one over other entries.
        let other = try await place.run("import", "history.jsonl", "--ledger", "other")
        try #require(other.status == 0)
        let key = try await place.run("audit", "key", "--ledger", "other").output
        try place.write(key, to: "other.vkey")
        let stranger = try await place.run(
            "audit", "checkpoints", "--ledger", "house", "--key", "other.vkey")
        #expect(stranger.status == 1 && stranger.errors.contains("4 checkpoints cannot be right"))
        let kept = try String(contentsOf: place.url("house/checkpoints/kept"), encoding: .utf8)
        try place.write(kept.replacing("\n8\n", with: "\n9\n"), to: "house/checkpoints/kept")
        let altered = try await place.run("audit", "checkpoints", "--ledger", "house")
        #expect(altered.status == 1)
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
        let key = try await place.run("audit", "key", "--ledger", "house").output
        try place.write(key, to: "house.vkey")
        let restored = try await place.run(
            "restore", "house.archive", "--ledger", "new", "--log-key", "house.vkey")
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
