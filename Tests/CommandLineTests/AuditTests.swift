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
            masked(run.lines.suffix(4).joined(separator: "\n")) == """
                entries  15
                root     HASH
                digest   DIGEST
                result   clean
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
    }

    @Test("a level that this version does not have is exit code 2")
    func level() async throws {
        let full = try await space.run(
            "audit", "verify", "--ledger", "house", "--level", "full")
        #expect(full.status == 0)
        let heads = try await space.run(
            "audit", "verify", "--ledger", "house", "--level", "heads")
        #expect(
            heads.errors
                == "gavel: --level must be full, not 'heads': this version always verifies "
                + "everything.\n")
        #expect(heads.status == 2)
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
        #expect(field("result", backup) == "clean")
        let restore = try await space.run("restore", "copy", "--ledger", "restored")
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
        try FileManager.default.removeItem(at: space.url("house/projections"))
        let run = try await space.run("rebuild", "--ledger", "house")
        #expect(run.output == "rebuilt house from 15 entries\n")
        #expect(run.errors == "")
        #expect(run.status == 0)
        #expect(space.exists("house/projections"))
        #expect(try await space.run("wallets", "--ledger", "house").output == before.output)
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
    }

    @Test("a changed amount is found by verify, which then says that it is not complete")
    func damagedEntry() async throws {
        // carol's payment reference, as it stands in the log, becomes another one.
        try replace("psp-2", with: "psp-3", in: "house/log/data.mdb")
        try FileManager.default.removeItem(at: space.url("house/projections"))
        let run = try await space.run("audit", "verify", "--ledger", "house")
        #expect(run.status == 3)
        #expect(run.lines.contains { $0.hasPrefix("findings ") })
        #expect(run.lines.last?.hasPrefix("result    incomplete, 1 finding") == true)
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
