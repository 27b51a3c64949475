// `gavel audit`, `backup`, `restore` and `rebuild`, on sound ledgers and on damaged ones.

import Foundation
import Testing

@Suite("Auditing on the command line")
struct AuditTests {
    private let space: Workspace

    init() async throws { space = try await importedWorkspace() }

    /// The value beside a name in a report.
    private func field(_ name: String, _ run: Run) -> String? {
        run.lines.first { $0.hasPrefix(name + " ") }?
            .split(separator: " ", maxSplits: 1).last.map {
                $0.trimmingCharacters(in: .whitespaces)
            }
    }

    @Test("verify says what it covered, and a sound ledger is clean")
    func verify() async throws {
        let run = try await space.run("audit", "verify", "--ledger", "house")
        #expect(run.errors == "")
        #expect(run.status == 0)
        #expect(run.lines.first?.hasPrefix("covered  ") == true)
        #expect(
            masked(run.lines.suffix(6).joined(separator: "\n")) == """
                not covered  the pages of the data files (--structure)
                             whether the commands are those that were sent: one that was changed \
                or made up and then decided by the rules is found only by a receipt, a checkpoint \
                or a witness kept elsewhere
                entries      15
                root         HASH
                digest       DIGEST
                result       clean at level rules
                """)
    }

    @Test("verify --json is one object that says the same")
    func verifyJSON() async throws {
        let text = try await space.run("audit", "verify", "--ledger", "house")
        let run = try await space.run("audit", "verify", "--ledger", "house", "--json")
        #expect(run.status == 0)
        #expect(run.lines.count == 1)
        let parsed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let report = try #require(parsed as? [String: Any])
        #expect(report["ledger"] as? String == "house")
        #expect(report["clean"] as? Bool == true)
        #expect(report["complete"] as? Bool == true)
        #expect(report["entries"] as? Int == 15)
        #expect(report["root"] as? String == field("root", text))
        #expect(report["digest"] as? String == field("digest", text))
        #expect((report["findings"] as? [Any])?.isEmpty == true)
        #expect((report["covered"] as? [String])?.isEmpty == false)
        let notCovered = try #require(report["not_covered"] as? [String])
        #expect(notCovered.count == 2 && notCovered[1].contains("kept elsewhere"))
        #expect(report["contradiction"] is NSNull)
        #expect(report["first_divergence"] is NSNull)
        #expect(report["result"] as? String == "clean at level rules")
    }

    @Test("each level names itself beside its result and what it left out; others are exit code 2")
    func level() async throws {
        for level in ["heads", "records", "fold"] {
            let run = try await space.run(
                "audit", "verify", "--ledger", "house", "--level", level)
            #expect(run.status == 0)
            #expect(field("result", run) == "clean at level \(level)")
            #expect(run.output.contains("(--level rules)"))
            let json = try await space.run(
                "audit", "verify", "--ledger", "house", "--level", level, "--json")
            let parsed = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            let report = try #require(parsed as? [String: Any])
            #expect(report["level"] as? String == level)
            #expect(report["result"] as? String == "clean at level \(level)")
            #expect((report["digest"] is NSNull) == (level != "fold"))
            #expect((report["not_covered"] as? [String])?.count ?? 0 > 1)
        }
        let full = try await space.run(
            "audit", "verify", "--ledger", "house", "--level", "full", "--cores", "1")
        #expect(full.status == 0)
        #expect(field("result", full) == "clean at level rules")
        let other = try await space.run(
            "audit", "verify", "--ledger", "house", "--level", "half")
        #expect(
            other.errors
                == "gavel: The value 'half' is invalid for '--level <level>': expected heads, "
                + "records, fold or rules, not 'half'\n")
        #expect(other.status == 2)
    }

    @Test("verify --tiles needs no ledger; a level that tiles cannot give is refused")
    func tiles() async throws {
        try await space.writeKey(of: "house")
        let export = try await space.run(
            "audit", "export-tiles", "public", "--ledger", "house", "--entries")
        #expect(export.status == 0)
        try FileManager.default.moveItem(at: space.url("house"), to: space.url("away"))
        for level in ["heads", "records"] {
            let run = try await space.run(
                "audit", "verify", "--tiles", "public", "--log-key", "house.vkey", "--level", level)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(field("result", run) == "clean at level \(level)")
            #expect(run.output.contains("the signature of the checkpoint"))
        }
        let full = try await space.run("audit", "verify", "--tiles", "public")
        #expect(full.status == 2)
        #expect(full.errors.contains("--tiles needs --level heads or records"))
        let alone = try await space.run(
            "audit", "verify", "--tiles", "public", "--level", "heads", "--rotation", "rotated")
        #expect(alone.status == 2 && alone.errors.contains("--rotation goes with --log-key"))
        let neither = try await space.run("audit", "verify")
        #expect(neither.status == 2)
        #expect(neither.errors.contains("Expected one of --ledger and --tiles."))
    }

    /// Flips a bit of the flags of the log's page that the newest meta page names as the root of
    /// its tables.
    private func damagePage(of name: String) throws -> UInt64 {
        var data = try Data(contentsOf: space.url(name))
        func integer(_ offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(data[offset + $1]) << UInt64(8 * $1) }
        }
        // Meta pages: 16 + 128 is the transaction, 16 + 72 + 40 the root of the main table.
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        let meta = integer(144) > integer(size + 144) ? 0 : size
        let page = integer(meta + 128)
        data[Int(page) * size + 10] ^= 4
        try data.write(to: space.url(name))
        return page
    }

    @Test("verify --structure walks the pages first, and LMDB opens nothing that is damaged")
    func structure() async throws {
        let sound = try await space.run("audit", "verify", "--ledger", "house", "--structure")
        #expect(sound.status == 0)
        #expect(sound.output.contains(" pages of log/data.mdb: "))
        #expect(!sound.output.contains("(--structure)"))
        let page = try damagePage(of: "house/log/data.mdb")
        let run = try await space.run("audit", "verify", "--ledger", "house", "--structure")
        #expect(
            field("findings", run)
                == "log/data.mdb, page \(page): flags 6 are no branch's or leaf's")
        #expect(run.output.contains("the log: LMDB cannot be trusted with its file"))
        #expect(field("entries", run) == "0")
        #expect(field("result", run)?.hasPrefix("incomplete, ") == true)
        #expect(run.status == 3)
    }

    @Test("A damaged snapshot is a finding; the log is verified all the same")
    func damagedSnapshot() async throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: space.url("house/snapshots").path)
        let file = space.url("house/snapshots/\(try #require(names.first))")
        var data = try Data(contentsOf: file)
        data[data.count - 1] ^= 1
        try data.write(to: file)
        let run = try await space.run("audit", "verify", "--ledger", "house")
        #expect(
            field("findings", run)
                == "at position 14: a snapshot cannot be read: a snapshot's chunk is not what was "
                + "written")
        #expect(field("entries", run) == "15")
        #expect(run.status == 1)
    }

    @Test("restore refuses a backup with a damaged page, names it, and leaves nothing behind")
    func damagedBackup() async throws {
        #expect(try await space.run("backup", "copy", "--ledger", "house").status == 0)
        let page = try damagePage(of: "copy/log/data.mdb")
        let run = try await space.run("restore", "copy", "--ledger", "restored")
        #expect(
            run.errors.hasPrefix(
                "gavel: copy: log/data.mdb, page \(page): flags 6 are no branch's or leaf's"))
        #expect(run.status == 4)
        #expect(run.output == "")
        #expect(space.names == ["copy", "history.jsonl", "house"])
    }

    @Test("replay gives the digest that verify gives, and stops where it is told")
    func replay() async throws {
        let verified = try await space.run("audit", "verify", "--ledger", "house")
        let run = try await space.run("audit", "replay", "--ledger", "house")
        #expect(run.status == 0)
        #expect(field("entries", run) == "15")
        #expect(field("digest", run) == field("digest", verified))
        #expect(field("speed", run)?.contains("entries/s") == true)
        let until = try await space.run("audit", "replay", "--ledger", "house", "--until", "9")
        #expect(field("entries", until) == "10")
        #expect(field("digest", until) != field("digest", run))
        let time = try await space.run(
            "audit", "replay", "--ledger", "house", "--until", "2025-01-01T02:00:00Z")
        #expect(field("digest", time) == field("digest", until))
    }

    @Test("replay --auction prints the steps of that auction up to the moment")
    func replayAuction() async throws {
        let run = try await space.run(
            "audit", "replay", "--ledger", "house", "--until", "9", "--auction", "lot-1")
        #expect(
            run.lines.suffix(3).joined(separator: "\n") == """
                position  time                      by           amount  what happened         \
                                                                         price  because
                       8  2025-01-01T01:00:00.000Z  operator             opened, bids from \
                2025-01-01T01:00:00.000Z until 2025-01-02T00:00:00.000Z
                       9  2025-01-01T02:00:00.000Z  alice     15.00 USD  leads                 \
                                                                     15.00 USD  the bid
                """)
        #expect(run.status == 0)
        let unknown = try await space.run(
            "audit", "replay", "--ledger", "house", "--auction", "lot-9")
        #expect(unknown.errors == "gavel: there is no auction lot-9\n")
        #expect(unknown.status == 2)
    }

    @Test("a backup is verified, has the same root, and can be restored")
    func backup() async throws {
        let original = try await space.run("audit", "verify", "--ledger", "house")
        let backup = try await space.run("backup", "copy/", "--ledger", "house")
        #expect(backup.status == 0, "\(backup.errors)")
        #expect(field("root", backup) == field("root", original))
        #expect(field("result", backup) == "clean at level rules")
        let restore = try await space.run(
            "restore", "copy", "--ledger", "restored", "--key", "house/key")
        #expect(restore.status == 0, "\(restore.errors)")
        #expect(field("root", restore) == field("root", original))
        #expect(
            try await space.run("wallets", "--ledger", "restored").output
                == (try await space.run("wallets", "--ledger", "house")).output)
        // A restored ledger is written to like any other.
        #expect(try await space.run("submit", "--ledger", "restored").status == 0)
        #expect(space.names == ["copy", "history.jsonl", "house", "restored"])
    }

    @Test("backup and restore replace nothing")
    func overwriting() async throws {
        for arguments in [["backup", "history.jsonl"], ["restore", "house"]] {
            let run = try await space.run(arguments[0], arguments[1], "--ledger", "house")
            #expect(run.errors.hasSuffix(" exists already; a copy replaces nothing\n"))
            #expect(run.status == 2)
        }
        let missing = try await space.run("restore", "nowhere", "--ledger", "new")
        #expect(missing.errors == "gavel: there is no ledger at nowhere\n")
        #expect(missing.status == 4)
        #expect(space.names == ["history.jsonl", "house"])
    }

    @Test("rebuild makes the snapshots anew and changes no answer")
    func rebuild() async throws {
        let before = try await space.run("wallets", "--ledger", "house")
        try FileManager.default.removeItem(at: space.url("house/snapshots"))
        let run = try await space.run("rebuild", "--ledger", "house")
        #expect(run.output == "rebuilt house from 15 entries\n")
        #expect(run.errors == "")
        #expect(run.status == 0)
        #expect(space.exists("house/snapshots"))
        #expect(try await space.run("wallets", "--ledger", "house").output == before.output)
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
    }

    @Test("a changed amount is found by verify, which then says that it is not complete")
    func damagedEntry() async throws {
        // carol's payment reference, as it stands in the log, becomes another one.
        try replace("psp-2", with: "psp-3", in: "house/log/data.mdb")
        try FileManager.default.removeItem(at: space.url("house/snapshots"))
        let run = try await space.run("audit", "verify", "--ledger", "house")
        #expect(run.status == 3)
        #expect(run.lines.contains { $0.hasPrefix("findings ") })
        #expect(field("result", run) == "incomplete, 1 finding")
        let query = try await space.run("wallets", "--ledger", "house")
        #expect(query.errors.hasPrefix("gavel: opening house: "))
        #expect(query.output == "")
        #expect(query.status == 4)
    }

    private func replace(_ text: String, with other: String, in name: String) throws {
        var data = try Data(contentsOf: space.url(name))
        let range = try #require(data.range(of: Data(text.utf8)))
        data.replaceSubrange(range, with: Data(other.utf8))
        try data.write(to: space.url(name))
    }
}
