// `gavel audit key`, `prove`, `check-receipt`, `export-tiles` and `witness`: evidence made in one
// place and checked in another.

import Foundation
import Testing

@Suite("Evidence on the command line")
struct EvidenceTests {
    private let space: Workspace

    init() async throws {
        space = try await importedWorkspace()
        try await space.writeKey(of: "house")
    }

    private func gavel(_ arguments: String...) async throws -> Run {
        try await space.run(["audit"] + arguments)
    }

    /// Runs a shell script in the workspace.
    private func shell(_ script: String) throws -> (output: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-ec", script]
        process.currentDirectoryURL = URL(filePath: space.path)
        // A file, not a pipe: that stays open as long as any other test's child has inherited it.
        let output = space.url(".run.shell")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        try handle.close()
        process.waitUntilExit()
        let bytes = try Data(contentsOf: output)
        return (String(decoding: bytes, as: UTF8.self), process.terminationStatus)
    }

    @Test("What prove writes is proven without the ledger, in words with names and amounts")
    func proveAndCheck() async throws {
        let made = try await gavel("prove", "11", "--ledger", "house", "--output", "bid")
        #expect(made.status == 0 && made.output == "" && made.errors == "")
        try FileManager.default.moveItem(at: space.url("house"), to: space.url("gone"))
        let run = try await gavel("check-receipt", "bid", "--key", "house.vkey")
        #expect(run.errors == "")
        #expect(run.status == 0)
        #expect(
            run.lines[0].wholeMatch(of: /proven +by gavel-ledger\/\w+, which signed 15 entries/)
                != nil)
        #expect(run.output.contains("none; the ledger alone vouches"))
        #expect(
            run.lines.dropFirst(2).filter { !$0.hasPrefix("id ") }.joined(separator: "\n") == """
                position  11
                time      2025-01-01T02:02:00.500Z
                by        operator
                command   place_bid
                auction   lot-1
                bidder    carol
                amount    20.00 USD
                outcome   accepted
                          carol leads with up to 20.00 USD; the price is 20.00 USD
                          15.00 USD are free again for alice: outbid
                          20.00 USD of carol are locked, 20.00 USD in all
                """)
        // The key itself serves as well as a file of it; JSON says the same.
        let key = try space.text("house.vkey").trimmingCharacters(in: .whitespacesAndNewlines)
        let json = try await gavel("check-receipt", "bid", "--key", key, "--json")
        let parsed = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let object = try #require(parsed as? [String: Any])
        #expect(object["proven"] as? Bool == true)
        #expect(object["size"] as? Int == 15)
        let entry = try #require(object["entry"] as? [String: Any])
        #expect((entry["command"] as? [String: Any])?["bidder"] as? String == "carol")
    }

    @Test("Every entry can be proven, also by its command's id")
    func everyEntry() async throws {
        let log = try await space.run("log", "--ledger", "house", "--format", "json")
        #expect(log.lines.count == 15)
        for (position, line) in log.lines.enumerated() {
            let made = try await gavel(
                "prove", "\(position)", "--ledger", "house", "--output", "entry")
            try #require(made.status == 0, "\(made.errors)")
            let run = try await gavel("check-receipt", "entry", "--key", "house.vkey", "--json")
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("\"entry\":\(line)}"), "\(position)")
            let words = try await gavel("check-receipt", "entry", "--key", "house.vkey")
            #expect(words.status == 0 && !words.output.contains("user:"))
            if let id = line.firstMatch(of: /"id":"([0-9a-f-]{36})"/)?.output.1 {
                let byID = try await gavel("prove", "--command", String(id), "--ledger", "house")
                #expect(byID.output == (try space.text("entry")))
            }
        }
    }

    @Test("A file that was changed, another key and a witness that did not cosign prove nothing")
    func notProven() async throws {
        _ = try await gavel("prove", "11", "--ledger", "house", "--output", "bid")
        let bid = try space.text("bid")
        let other = try await gavel("witness", "--make-key", "witness.example", "--key", "w.key")
        try space.write(other.output, to: "w.vkey")
        try space.write("stranger+00000000+AAAA\n", to: "broken.vkey")
        try space.write(bid.replacing("index 11\n", with: "index 10\n"), to: "moved")
        try space.write("no evidence\n", to: "nothing")
        let failures: [(arguments: [String], status: Int32, words: String)] = [
            (["moved", "--key", "house.vkey"], 1, "moved proves nothing: the entry is not proven"),
            (["nothing", "--key", "house.vkey"], 1, "it begins like no file of evidence"),
            (["bid", "--key", "w.vkey"], 1, "expected the verifier key of a ledger"),
            (["bid", "--key", "house.vkey", "--witness", "w.vkey"], 1, "none of the witnesses"),
            (["bid", "--key", "broken.vkey"], 2, "line 1 is no verifier key"),
            (["bid", "--key", "absent"], 2, "'absent' is neither a verifier key nor a file"),
            (["absent", "--key", "house.vkey"], 2, "absent cannot be read"),
        ]
        for failure in failures {
            let run = try await space.run(["audit", "check-receipt"] + failure.arguments)
            #expect(run.status == failure.status, "\(failure.arguments): \(run.errors)")
            #expect(run.errors.contains(failure.words), "\(run.errors)")
            #expect(run.output == "")
        }
    }

    @Test("prove asks for exactly one thing that is there")
    func proveUsage() async throws {
        let failures: [(arguments: [String], status: Int32, words: String)] = [
            ([], 2, "Expected one of a position, --command and --from"),
            (["1", "--from", "2"], 2, "Expected one of a position, --command and --from"),
            (["15"], 2, "there is no position 15; the ledger has 15 entries"),
            (["--command", "x"], 2, "a command id must be a UUID"),
            (["--command", "0197c1f0-0000-7000-8000-000000000001"], 2, "no entry has the command"),
            (["--from", "16"], 1, "15 entries do not go on from 16"),
        ]
        for failure in failures {
            let run = try await space.run(
                ["audit", "prove", "--ledger", "house"] + failure.arguments)
            #expect(run.status == failure.status, "\(failure.arguments): \(run.errors)")
            #expect(run.errors.contains(failure.words), "\(run.errors)")
            #expect(run.output == "")
        }
    }

    @Test("Tiles are written once and added to; entries only when asked for, with a warning")
    func tiles() async throws {
        let first = try await gavel("export-tiles", "public", "--ledger", "house")
        #expect(first.status == 0 && first.errors == "")
        #expect(first.lines.last == "files    1 written")
        #expect(space.exists("public/tile/0/000.p/15"))
        #expect(!space.exists("public/tile/entries"))
        #expect(try space.text("public/checkpoint") == space.text("house/checkpoint"))
        let again = try await gavel("export-tiles", "public", "--ledger", "house")
        #expect(again.lines.last == "files    0 written")
        let whole = try await gavel("export-tiles", "public", "--ledger", "house", "--entries")
        #expect(whole.errors.contains("do not publish it"))
        #expect(space.exists("public/tile/entries/000.p/15"))
        try await space.bid(900, by: "carol")
        let grown = try await gavel("export-tiles", "public", "--ledger", "house")
        #expect(grown.lines.last == "files    1 written")
        #expect(try space.text("public/checkpoint") == space.text("house/checkpoint"))
        #expect(
            try !FileManager.default.subpathsOfDirectory(atPath: space.path + "/public")
                .contains { $0.contains(".tmp-") })
        // Tiles of another ledger are not added to.
        let other = try await space.run("import", "history.jsonl", "--ledger", "other")
        try #require(other.status == 0)
        let foreign = try await gavel("export-tiles", "public", "--ledger", "other")
        #expect(foreign.status == 2)
        #expect(foreign.errors.contains("do not go on from"))
    }

    @Test("A witness cosigns what goes on, remembers it, and its word is kept and proven under")
    func witness() async throws {
        let made = try await gavel("witness", "--make-key", "witness.example/w1", "--key", "w.key")
        try space.write(made.output, to: "w.vkey")
        let twice = try await gavel("witness", "--make-key", "witness.example/w1", "--key", "w.key")
        #expect(twice.status == 2 && twice.errors.contains("a key is never replaced"))
        func look(_ source: String...) async throws -> Run {
            try await space.run(
                [
                    "audit", "witness", "--key", "w.key", "--state", "seen", "--log-key",
                    "house.vkey",
                ]
                    + source)
        }
        _ = try await gavel("export-tiles", "public", "--ledger", "house")
        let first = try await look("--tiles", "public", "--output", "cosigned")
        #expect(first.status == 0)
        #expect(first.errors.contains("is seen for the first time"))
        try await space.bid(900, by: "carol")
        let second = try await look("--ledger", "house")
        #expect(second.status == 0 && second.errors == "")
        #expect(second.output.contains("— witness.example/w1 "))
        // The folder of tiles is behind now: to the witness, entries were taken away.
        let back = try await look("--tiles", "public")
        #expect(back.status == 1 && back.output == "")
        #expect(back.errors.contains("entries were taken away, or an old copy is shown"))
        let kept = try await gavel(
            "checkpoint", "--ledger", "house", "--add", "cosigned", "--witness", "w.vkey")
        #expect(kept.status == 0, "\(kept.errors)")
        #expect(kept.output.contains("— witness.example/w1 "))
        #expect(try kept.output == space.text("house/checkpoint.witnessed"))
        _ = try await gavel("prove", "11", "--ledger", "house", "--output", "bid")
        let run = try await gavel(
            "check-receipt", "bid", "--key", "house.vkey", "--witness", "w.vkey")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.lines[1].contains("witness.example/w1 at "))
    }

    @Test("A witness refuses tiles that were tampered with, and a state that is none")
    func witnessRefusals() async throws {
        let made = try await gavel("witness", "--make-key", "witness.example/w1", "--key", "w.key")
        #expect(made.status == 0)
        _ = try await gavel("export-tiles", "public", "--ledger", "house")
        var tile = try Data(contentsOf: space.url("public/tile/0/000.p/15"))
        tile[40] ^= 1
        try tile.write(to: space.url("public/tile/0/000.p/15"))
        let base = ["audit", "witness", "--key", "w.key", "--log-key", "house.vkey"]
        let tampered = try await space.run(base + ["--state", "seen", "--tiles", "public"])
        #expect(tampered.status == 1)
        #expect(tampered.errors.contains("have another root than"))
        #expect(!space.exists("seen"))
        let wrong = try await space.run(base + ["--state", "house.vkey", "--ledger", "house"])
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("house.vkey is there already and is not what a witness"))
        try space.write("gavel-witness/v1\n\nhello\n", to: "broken")
        let broken = try await space.run(base + ["--state", "broken", "--ledger", "house"])
        #expect(broken.status == 2 && broken.errors.contains("broken: "))
        let both = try await space.run(
            base + ["--state", "seen", "--tiles", "public", "--ledger", "house"])
        #expect(both.status == 2)
        #expect(both.errors.contains("Expected one of --tiles and --ledger"))
    }

    @Test("The article's scripts do what it says: proof files are cut out, openssl verifies")
    func articleScripts() async throws {
        let article = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Sources/Gavel/Gavel.docc/Evidence.md").standardized,
            encoding: .utf8)
        func block(after words: String, _ fence: String) throws -> String {
            let rest = try #require(article.components(separatedBy: words).last)
            let block = try #require(
                rest.components(separatedBy: "```\(fence)\n").dropFirst().first)
            return try #require(block.components(separatedBy: "```").first)
        }
        try space.write(try block(after: "## Checkpoints", "text"), to: "checkpoint")
        let verified = try shell(try block(after: "With nothing but OpenSSL", "sh"))
        #expect(verified.status == 0)
        #expect(verified.output.contains("Signature Verified Successfully"))
        try space.write(
            try space.text("checkpoint").replacing("\n7\n", with: "\n8\n"), to: "checkpoint")
        let refused = try shell(try block(after: "With nothing but OpenSSL", "sh"))
        #expect(refused.status != 0)
        _ = try await gavel("prove", "11", "--ledger", "house", "--output", "bid")
        let script = try block(after: "Each entry as a proof file of its own", "sh")
        #expect(try shell(script.replacing("}' FILE", with: "}' bid")).status == 0)
        // The bid, currency, alice, bob, carol and the auction.
        let bid = try space.text("bid")
        #expect(bid.contains("\nentries 6\n"))
        for number in 1...6 {
            let proof = try space.text("\(number).tlog-proof")
            #expect(proof.hasPrefix("c2sp.org/tlog-proof@v1\nextra "))
            #expect(proof.hasSuffix("\n\n" + (try space.text("house/checkpoint"))))
            let part = try #require(
                proof.components(separatedBy: "\n\n").first?.split(separator: "\n").dropFirst())
            #expect(bid.contains(part.joined(separator: "\n")))
        }
        #expect(!space.exists("7.tlog-proof"))
    }
}
