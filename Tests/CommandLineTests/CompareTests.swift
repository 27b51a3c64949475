// `gavel audit compare`, `check-receipt` on every sort of file, `check-statement`, and keys that
// were rotated: what people do with the files they kept.

import Foundation
import GavelJSON
import Testing

@testable import Gavel

@Suite("Evidence of every sort on the command line")
struct CompareTests {
    private let space: Workspace

    init() async throws {
        space = try await importedWorkspace()
        try await space.writeKey(of: "house")
    }

    private func audit(_ arguments: String...) async throws -> Run {
        try await space.run(["audit"] + arguments)
    }

    /// One file of each sort, under names that begin with `prefix`.
    private func makeFiles(_ prefix: String, from ledger: String) async throws -> [String] {
        for (sort, arguments) in [
            ("evidence", ["11"]), ("proof", ["11", "--alone"]),
            ("statement", ["11", "--for", "alice"]), ("growth", ["--from", "7"]),
        ] {
            let made = try await space.run(
                ["audit", "prove", "--ledger", ledger, "--output", "\(prefix).\(sort)"] + arguments)
            try #require(made.status == 0, "\(made.errors)")
        }
        try space.write(try space.text("\(ledger)/checkpoint"), to: "\(prefix).checkpoint")
        return ["evidence", "proof", "statement", "growth", "checkpoint"].map { "\(prefix).\($0)" }
    }

    /// What a service answers: the same proofs in JSON.
    private func makeAnswers() throws -> (growth: String, place: String, checkpoint: String) {
        func json(_ object: [String: Any]) throws -> String {
            let data = try JSONSerialization.data(withJSONObject: object)
            return String(decoding: data, as: UTF8.self)
        }
        let growth = try ConsistencyProof.parse(Array(space.text("a.growth").utf8))
        let note = String(decoding: growth.checkpoint.bytes, as: UTF8.self)
        let file = try ProofFile(parsing: Array(space.text("a.proof").utf8))
        let leaf = try LedgerHash(leaf: #require(file.extra))
        return (
            try json([
                "from": 7, "size": 15, "hashes": growth.proof.hashes.map(\.base64),
                "checkpoint": note,
            ]),
            try json([
                "index": 11, "leaf": leaf.base64, "size": 15,
                "hashes": file.proof.hashes.map(\.base64), "checkpoint": note,
            ]),
            try json([
                "size": 15, "root": growth.checkpoint.checkpoint.root.base64, "time": NSNull(),
                "note": note,
            ])
        )
    }

    @Test("What a service answers in JSON is read like the files, and proves as much")
    func answersOfServices() async throws {
        _ = try await makeFiles("a", from: "house")
        let answers = try makeAnswers()
        try space.write(answers.growth, to: "growth.json")
        try space.write(answers.place + "\n", to: "place.json")
        try space.write(answers.checkpoint, to: "checkpoint.json")
        try space.write("{\"items\":[\(answers.checkpoint)],\"next\":null}", to: "page.json")
        for (file, words) in [
            ("growth.json", "goes on from 7 entries"), ("place.json", "position  11"),
            ("checkpoint.json", "signed by"), ("page.json", "signed by"),
        ] {
            let run = try await audit("check-receipt", file, "--key", "house.vkey")
            #expect(run.status == 0 && run.errors == "", "\(file): \(run.errors)")
            #expect(run.output.contains(words), "\(file): \(run.output)")
            let json = try await audit("check-receipt", file, "--key", "house.vkey", "--json")
            let parsed = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            #expect((parsed as? [String: Any])?["size"] as? Int == 15, "\(file)")
            let same = try await audit("compare", file, "a.statement", "--key", "house.vkey")
            #expect(same.status == 0 && same.output.contains("the same history"), "\(file)")
        }
    }

    @Test("A service's answer that was altered, or is something else, proves nothing")
    func alteredAnswers() async throws {
        _ = try await makeFiles("a", from: "house")
        let answers = try makeAnswers()
        let leaf = try #require(answers.place.firstMatch(of: /"leaf":"./)).0
        let other = "\"leaf\":\"" + (leaf.last == "A" ? "B" : "A")
        for (text, words) in [
            (
                answers.place.replacing(leaf, with: other),
                "is not proven to stand at position 11"
            ),
            (answers.place.replacing("\"index\":11", with: "\"index\":10"), "position 10"),
            (answers.place.replacing("\"size\":15", with: "\"size\":14"), "size is not"),
            (answers.growth.replacing("\"from\":7", with: "\"from\":-7"), "from is not"),
            (answers.growth.replacing("\"from\":7", with: "\"from\":6"), "do not lead"),
            ("{}", "note is not a signed note"), ("{\"items\":[]}", "a list of 0"),
            (#"{"items":[{},{}]}"#, "a list of 2"), (#"{"note":"x"}"#, "malformed"),
            ("{", "it begins like no file of evidence"),
            (#"{"from":1,"size":1,"checkpoint":""}"#, "malformed"),
        ] {
            try space.write(text, to: "answer.json")
            let run = try await audit("check-receipt", "answer.json", "--key", "house.vkey")
            #expect(run.status == 1 && run.output == "", "\(text)")
            #expect(run.errors.contains(words), "\(words): \(run.errors)")
        }
    }

    @Test("No member of a service's answer can be altered or left out without being noticed")
    func everyMember() async throws {
        _ = try await makeFiles("a", from: "house")
        // One with a time too, as a ledger signs that is being written to.
        try await space.bid(900, by: "carol")
        let timed = try SignedCheckpoint(parsing: Array(space.text("house/checkpoint").utf8))
        let time = try #require(timed.claimedTime)
        let timedAnswer: [String: Any] = [
            "size": timed.checkpoint.size, "root": timed.checkpoint.root.base64,
            "time": time.rfc3339, "note": String(decoding: timed.bytes, as: UTF8.self),
        ]
        let answers = try makeAnswers()
        let texts = [answers.growth, answers.place, answers.checkpoint]
        let objects = try texts.map {
            let parsed = try JSONSerialization.jsonObject(with: Data($0.utf8))
            return try #require(parsed as? [String: Any])
        }
        /// A value of the same sort that says something else.
        func other(_ value: Any) -> Any {
            switch value {
            case let number as Int: number - 1
            case let hashes as [String]: Array(hashes.dropFirst())
            case is NSNull: "2025-01-01T00:00:00Z"
            case let text as String where text == time.rfc3339: "2025-01-01T00:00:00Z"
            case let text as String:
                (text.first == "A" ? "B" : "A") + text.dropFirst()
            case _: NSNull()
            }
        }
        var tried = 0
        for object in objects + [timedAnswer] {
            for whole in [true, false] where whole || object["note"] != nil {
                func check(_ object: [String: Any]) async throws -> Run {
                    let answer = whole ? object : ["items": [object], "next": NSNull()]
                    let data = try JSONSerialization.data(withJSONObject: answer)
                    try data.write(to: space.url("answer.json"))
                    return try await audit("check-receipt", "answer.json", "--key", "house.vkey")
                }
                let sound = try await check(object)
                #expect(sound.status == 0, "\(sound.errors)")
                for (name, value) in object {
                    var altered = object
                    for replacement in [other(value), nil] {
                        altered[name] = replacement
                        let run = try await check(altered)
                        #expect(run.status == 1 && run.output == "", "\(name): \(run.output)")
                        tried += 1
                    }
                }
                let same = try await audit(
                    "compare", "answer.json", "a.statement", "--key", "house.vkey")
                #expect(same.status == 1 && same.output == "", "\(same.output)")
            }
        }
        #expect(tried == 2 * (4 + 5 + 2 * 4 + 2 * 4))
    }

    @Test("check-receipt reads a pipe")
    func pipe() async throws {
        _ = try await makeFiles("a", from: "house")
        for file in ["a.evidence", "a.checkpoint"] {
            let run = try await space.run(
                URL(filePath: "/bin/sh"),
                [
                    "-c",
                    "cat '\(space.path)/\(file)' | '\(gavelURL.path)' audit check-receipt "
                        + "/dev/stdin --key '\(space.path)/house.vkey'",
                ])
            #expect(run.status == 0 && run.output.contains("proven"), "\(run.errors)")
        }
    }

    @Test("check-receipt takes every sort of file, and says what it proves")
    func everySort() async throws {
        _ = try await makeFiles("a", from: "house")
        let says = [
            "a.evidence": "15.00 USD are free again for alice: outbid",
            "a.proof": "not in this file: users, auctions and currencies stand as numbers",
            "a.statement": "15.00 USD are free again for alice: outbid",
            "a.growth": "goes on from 7 entries", "a.checkpoint": "signed by",
        ]
        for (file, words) in says {
            let run = try await audit("check-receipt", file, "--key", "house.vkey")
            #expect(run.status == 0 && run.errors == "", "\(file): \(run.errors)")
            #expect(run.output.contains(words), "\(file): \(run.output)")
            let json = try await audit("check-receipt", file, "--key", "house.vkey", "--json")
            let parsed = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            let object = try #require(parsed as? [String: Any])
            #expect(object["proven"] as? Bool == true && object["size"] as? Int == 15, "\(file)")
        }
        // Carol's maximum is hers: alice is told the price.
        let statement = try await audit("check-receipt", "a.statement", "--key", "house.vkey")
        #expect(statement.output.contains("carol leads; the price is 20.00 USD"))
        #expect(!statement.output.contains("locked"))
        #expect(statement.output.contains("gavel audit check-statement"))
    }

    @Test("A proof of growth is checked from the older file on, and needs it where it must")
    func growth() async throws {
        try space.write(try space.text("house/checkpoint"), to: "old")
        try await space.bid(900, by: "carol")
        let made = try await audit(
            "prove", "--from", "15", "--ledger", "house", "--output", "grown")
        #expect(made.status == 0)
        let run = try await audit(
            "check-receipt", "grown", "--older", "old", "--key", "house.vkey")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("goes on from 15 entries"))
        #expect(run.output.contains("had signed before"))
        // Without the older one its root is shown: 15 is no power of two.
        let shown = try await audit("check-receipt", "grown", "--key", "house.vkey")
        #expect(shown.status == 0 && shown.output.contains("give it by --older"))
        _ = try await audit("prove", "--from", "8", "--ledger", "house", "--output", "eight")
        let bare = try await audit("check-receipt", "eight", "--key", "house.vkey")
        #expect(bare.status == 2 && bare.errors.contains("by --older"))
        let wrong = try await audit(
            "check-receipt", "eight", "--older", "old", "--key", "house.vkey")
        #expect(
            wrong.status == 1
                && wrong.errors.contains(
                    "the proof starts from 8 entries, but the checkpoint that was given there is "
                        + "over 15"),
            "\(wrong.errors)")
        let lines = try space.text("grown").components(separatedBy: "\n")
        var other = lines
        other.swapAt(1, 2)
        try space.write(other.joined(separator: "\n"), to: "altered")
        let altered = try await audit("check-receipt", "altered", "--key", "house.vkey")
        #expect(altered.status == 1 && altered.output == "")
    }

    @Test("Files of all pairs of sorts agree where the history is one")
    func pairs() async throws {
        let old = try await makeFiles("a", from: "house")
        try await space.bid(900, by: "carol")
        let new = try await makeFiles("b", from: "house")
        _ = try await audit("prove", "--from", "15", "--ledger", "house", "--output", "grown")
        for one in old {
            for other in old {
                let run = try await audit("compare", one, other, "--key", "house.vkey")
                #expect(run.status == 0, "\(one) \(other): \(run.output)\(run.errors)")
                #expect(run.output.contains("the same history: 15 entries"))
            }
        }
        for (one, other) in zip(old, new) {
            let blind = try await audit("compare", one, other, "--key", "house.vkey")
            #expect(blind.status == 3 && blind.output.contains("cannot tell"), "\(one)")
            let proven = try await audit(
                "compare", other, one, "--proof", "grown", "--key", "house.vkey")
            #expect(proven.status == 0 && proven.output.contains("go on from the 15"), "\(one)")
        }
        let alone = try await audit("compare", "a.evidence", "grown", "--key", "house.vkey")
        #expect(alone.status == 0 && alone.output.contains("growth"))
        let ledger = try await audit(
            "compare", "a.proof", "b.statement", "--ledger", "house", "--key", "house.vkey")
        #expect(ledger.status == 0 && ledger.output.contains("growth"))
        _ = try await audit("export-tiles", "public", "--ledger", "house")
        let tiles = try await audit(
            "compare", "a.proof", "b.statement", "--tiles", "public", "--key", "house.vkey",
            "--json")
        #expect(tiles.status == 0 && tiles.output.hasPrefix(#"{"result":"growth","#))
        try FileManager.default.removeItem(at: space.url("public/tile"))
        let missing = try await audit(
            "compare", "a.proof", "b.statement", "--tiles", "public", "--key", "house.vkey")
        #expect(missing.status == 3 && missing.errors.contains("there is no tile"))
        // Nor does a ledger with a flipped bit.
        var data = try Data(contentsOf: space.url("house/log/data.mdb"))
        var place = data.startIndex
        while let found = data.range(of: Data("lot-1".utf8), in: place..<data.endIndex) {
            data[found.lowerBound] ^= 1
            place = found.upperBound
        }
        try #require(place > data.startIndex)
        try data.write(to: space.url("house/log/data.mdb"))
        let damaged = try await audit(
            "compare", "a.proof", "b.statement", "--ledger", "house", "--key", "house.vkey")
        #expect(damaged.status == 4, "\(damaged.output)\(damaged.errors)")
        #expect(damaged.errors.contains("is not what was written"), "\(damaged.errors)")
    }

    @Test("Two histories under one key are a split view, and both signed notes are printed")
    func splitView() async throws {
        let copied = try await space.run("backup", "copy", "--ledger", "house")
        try #require(copied.status == 0, "\(copied.errors)")
        try FileManager.default.copyItem(at: space.url("house/key"), to: space.url("key"))
        let restored = try await space.run(
            "restore", "copy", "--ledger", "other", "--checkpoint", "house/checkpoint", "--key",
            "key")
        try #require(restored.status == 0, "\(restored.errors)")
        try await space.bid(900, by: "carol")
        try await space.bid(950, by: "carol", in: "other")
        let one = try await makeFiles("a", from: "house")
        let other = try await makeFiles("b", from: "other")
        for first in one {
            for second in other {
                let run = try await audit("compare", first, second, "--key", "house.vkey")
                #expect(run.status == 1, "\(first) \(second): \(run.output)\(run.errors)")
                #expect(run.output.contains("SPLIT VIEW"))
                #expect(run.output.contains(try space.text("a.checkpoint")))
                #expect(run.output.contains(try space.text("b.checkpoint")))
            }
        }
        // Also where one went on: the proof of its growth gives the other's conviction.
        let size = try #require(Int(space.text("a.checkpoint").split(separator: "\n")[1]))
        try await space.bid(1000, by: "alice", in: "other")
        _ = try await audit(
            "prove", "--from", "\(size)", "--ledger", "other", "--output", "grown")
        let grown = try await audit("compare", "a.evidence", "grown", "--key", "house.vkey")
        #expect(grown.status == 1, "\(grown.output)")
        let known = try await audit(
            "compare", "a.evidence", "grown", "--key", "house.vkey", "--ledger", "other")
        #expect(known.status == 1 && known.output.contains("SPLIT VIEW"))
        let foreign = try await audit(
            "compare", "a.evidence", "grown", "--key", "house.vkey", "--ledger", "house")
        #expect(foreign.status != 0)
        // And a log that is not what was signed is told so by a kept file.
        for file in ["a.evidence", "a.checkpoint", "a.statement"] {
            let kept = try await audit(
                "verify", "--ledger", "other", "--checkpoint", file, "--log-key", "house.vkey")
            #expect(kept.status == 1, "\(kept.output)")
            #expect(kept.output.contains("\(file) was signed for other entries"))
            let right = try await audit(
                "verify", "--ledger", "house", "--checkpoint", file, "--log-key", "house.vkey")
            #expect(right.status == 0, "\(right.output)")
            #expect(right.output.contains("\(file) over \(size) entries: its root"))
        }
    }

    @Test("compare says what is wrong with what it was given")
    func compareUsage() async throws {
        _ = try await makeFiles("a", from: "house")
        // An import of other lines is another ledger.
        try space.write(
            try space.text("history.jsonl").replacing("\"amount\":2000", with: "\"amount\":2100"),
            to: "other.jsonl")
        let other = try await space.run("import", "other.jsonl", "--ledger", "other")
        try #require(other.status == 0)
        let key = try await audit("key", "--ledger", "other")
        try space.write(try space.text("house.vkey") + key.output, to: "both.vkey")
        try space.write(try space.text("other/checkpoint"), to: "foreign")
        try space.write("nothing\n", to: "nothing")
        let failures: [(arguments: [String], status: Int32, words: String)] = [
            (["a.proof", "foreign", "--key", "both.vkey"], 2, "different logs have nothing to"),
            (["a.proof", "foreign", "--key", "house.vkey"], 1, "foreign proves nothing"),
            (["a.proof", "nothing", "--key", "house.vkey"], 1, "begins like no file of evidence"),
            (["a.proof", "absent", "--key", "house.vkey"], 2, "absent cannot be read"),
            (
                ["a.proof", "a.proof", "--proof", "a.proof", "--key", "house.vkey"], 2,
                "a.proof is no proof of growth"
            ),
            (
                ["a.proof", "a.proof", "--ledger", "x", "--tiles", "y", "--key", "house.vkey"], 2,
                "Expected one of --ledger and --tiles"
            ),
        ]
        for failure in failures {
            let run = try await space.run(["audit", "compare"] + failure.arguments)
            #expect(run.status == failure.status, "\(failure.arguments): \(run.errors)")
            #expect(run.errors.contains(failure.words), "\(run.errors)")
        }
    }

    @Test("A true statement is confirmed by the ledger and by the entry's evidence")
    func trueStatement() async throws {
        _ = try await makeFiles("a", from: "house")
        for arguments in [
            ["--ledger", "house"], ["--entry", "a.evidence", "--key", "house.vkey"],
        ] {
            let run = try await space.run(
                ["audit", "check-statement", "a.statement"] + arguments)
            #expect(run.status == 0, "\(run.errors)\(run.output)")
            #expect(run.output.contains("true: the entry says what was signed"))
        }
        let json = try await audit(
            "check-statement", "a.statement", "--ledger", "house", "--json")
        #expect(json.output.hasPrefix(#"{"true":true,"#))
        // Another history than the one that was signed is no judge, and says so.
        try space.write(
            try space.text("history.jsonl").replacing("\"amount\":2000", with: "\"amount\":2100"),
            to: "other.jsonl")
        _ = try await space.run("import", "other.jsonl", "--ledger", "other")
        let other = try await audit(
            "check-statement", "a.statement", "--ledger", "other", "--key", "house.vkey")
        #expect(other.status == 1 && other.errors.contains("another entry at position 11"))
        let usage: [([String], String)] = [
            (["a.proof", "--ledger", "house"], "is no signed statement"),
            (["a.statement"], "Expected one of --ledger and --entry"),
            (["a.statement", "--entry", "a.evidence"], "--entry needs --key"),
            (
                ["a.statement", "--ledger", "house", "--rotation", "a.evidence"],
                "--rotation goes with --key"
            ),
        ]
        for (arguments, words) in usage {
            let run = try await space.run(["audit", "check-statement"] + arguments)
            #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
        }
    }

    @Test("Views that say the same in other bytes are no contradiction; others are one")
    func contradiction() async throws {
        _ = try await makeFiles("a", from: "house")
        let key = try SigningKey(space.text("house/key"))
        let proof = try ProofFile(parsing: Array(space.text("a.proof").utf8))
        let view = try space.text("a.statement").split(separator: "\n")[1].dropFirst(5)
        for (name, old, new) in [
            ("spelled", "\"viewer\":\"alice\"", "\"viewer\": \"\\u0061lice\""),
            ("false", "\"amount\":1500", "\"amount\":1400"),
        ] {
            let other = view.replacing(old, with: new)
            try #require(other != view)
            let made = try StatementFile.make(
                proof, for: "alice", view: Array(other.utf8), showsEntry: false
            ) { try $0.signed(by: key) }
            try Data(made.bytes).write(to: space.url("\(name).statement"))
        }
        let spelled = try await audit(
            "compare", "a.statement", "spelled.statement", "--key", "house.vkey")
        #expect(spelled.status == 0, "\(spelled.output)\(spelled.errors)")
        #expect(spelled.output.contains("the same history"))
        let differing = try await audit(
            "compare", "a.statement", "false.statement", "--key", "house.vkey")
        #expect(differing.status == 1 && differing.output.contains("CONTRADICTION"))
        for (file, status) in [("spelled", 0), ("false", 1)] as [(String, Int32)] {
            let judged = try await audit(
                "check-statement", "\(file).statement", "--ledger", "house")
            #expect(judged.status == status, "\(judged.output)\(judged.errors)")
        }
    }

    /// Writes what a dishonest ledger would: a statement with another view, signed all the same.
    private func writeLie(
        _ wrong: (String) -> String, ofEntryAt position: UInt64, for viewer: UserID, to name: String
    ) throws {
        let reader = try LedgerReader.openAndWait(at: space.url("house").path)
        defer { reader.close() }
        let file = try reader.statementFile(ofEntryAt: position, for: viewer) { entry in
            EntryView(of: entry, for: viewer, names: reader.reading).map { view in
                (Array(wrong(String(decoding: view.json, as: UTF8.self)).utf8), false)
            }
        }
        try space.write(String(decoding: #require(file).bytes, as: UTF8.self), to: name)
    }

    @Test("A false statement is convicted by the ledger, by the entry and by a true one beside it")
    func falseStatement() async throws {
        _ = try await makeFiles("a", from: "house")
        try writeLie(
            { $0.replacing(#""amount":1500"#, with: #""amount":1400"#) }, ofEntryAt: 11,
            for: "alice", to: "lie")
        // What it says is proven to be the ledger's word, and no more.
        let receipt = try await audit("check-receipt", "lie", "--key", "house.vkey")
        #expect(receipt.status == 0 && receipt.output.contains("14.00 USD are free again"))
        let parts = try space.text("lie").components(separatedBy: "\n\n")
        let note = parts[1] + "\n\n" + parts[2] + "\n"
        for arguments in [
            ["--ledger", "house"], ["--entry", "a.evidence", "--key", "house.vkey"],
        ] {
            let run = try await space.run(["audit", "check-statement", "lie"] + arguments)
            #expect(run.status == 1 && run.output.contains("FALSE"), "\(run.output)")
            #expect(run.output.contains(#""amount":1400"#))
            #expect(run.output.contains(#""amount":1500"#))
            #expect(run.output.hasSuffix(note))
            let json = try await space.run(
                ["audit", "check-statement", "lie", "--json"] + arguments)
            #expect(json.status == 1 && json.output.hasPrefix(#"{"true":false,"#))
        }
        // Beside a true one of the same entry to the same viewer it convicts by itself.
        let pair = try await audit("compare", "lie", "a.statement", "--key", "house.vkey")
        #expect(pair.status == 1 && pair.output.contains("CONTRADICTION"), "\(pair.output)")
        #expect(pair.output.contains(note) && !pair.output.contains("SPLIT VIEW"))
        let json = try await audit(
            "compare", "lie", "a.statement", "--key", "house.vkey", "--json")
        #expect(json.status == 1 && json.output.hasPrefix(#"{"result":"contradiction","#))
    }

    @Test("Statements to two viewers, or of two entries, contradict nothing")
    func otherStatements() async throws {
        _ = try await makeFiles("a", from: "house")
        for (name, arguments) in [
            ("carol", ["11", "--for", "carol"]), ("charge", ["6", "--for", "alice"]),
            ("charge.evidence", ["6"]),
        ] {
            let made = try await space.run(
                ["audit", "prove", "--ledger", "house", "--output", name] + arguments)
            try #require(made.status == 0, "\(made.errors)")
        }
        for other in ["carol", "charge"] {
            let run = try await audit("compare", "a.statement", other, "--key", "house.vkey")
            #expect(run.status == 0 && run.output.contains("the same history"), "\(run.output)")
        }
        // Another entry is no judge.
        let run = try await audit(
            "check-statement", "a.statement", "--entry", "charge.evidence", "--key", "house.vkey")
        #expect(run.status == 1 && run.output == "")
        #expect(run.errors.contains("charge.evidence is about the entry at position 6"))
    }

    @Test("prove --for writes no statement for whom the entry does not concern")
    func proveFor() async throws {
        let failures: [([String], String)] = [
            (["11", "--for", "bob"], "entry 11 does not concern bob"),
            (["11", "--for", "nobody"], "there is no user nobody"),
            (["11", "--for", ""], "must have 1 to 64 characters"),
            (["--from", "3", "--for", "bob"], "--for goes with an entry"),
        ]
        for (arguments, words) in failures {
            let run = try await space.run(["audit", "prove", "--ledger", "house"] + arguments)
            #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
            #expect(run.output == "")
        }
    }

    @Test("Whoever trusts the former key follows a rotation in every command")
    func rotation() async throws {
        _ = try await makeFiles("a", from: "house")
        let rotated = try await audit("rotate-key", "--ledger", "house")
        try #require(rotated.status == 0, "\(rotated.errors)")
        try space.write(rotated.output, to: "new.vkey")
        try await space.bid(900, by: "carol")
        _ = try await makeFiles("b", from: "house")
        let log = try await space.run("log", "--ledger", "house", "--format", "json")
        let position = try #require(
            log.lines.firstIndex { $0.contains(#""command":"rotate_key""#) })
        _ = try await audit(
            "prove", "\(position)", "--ledger", "house", "--output", "rotated")
        // Its contents.
        let run = try await audit("check-receipt", "rotated", "--key", "house.vkey")
        #expect(run.status == 0, "\(run.errors)")
        let former = try space.text("house.vkey").trimmingCharacters(in: .whitespacesAndNewlines)
        let new = rotated.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(run.output.contains("former key  \(former)"))
        #expect(run.output.contains("new key     \(new)"))
        #expect(run.output.contains("for the new one: right"))
        #expect(run.output.contains(/fingerprint [0-9a-f]{64}/))
        let json = try await audit("check-receipt", "rotated", "--key", "house.vkey", "--json")
        #expect(json.output.contains("\"is_signed\":true"))
        // Evidence holds the rotation; what cannot is followed by its file.
        let evidence = try await audit("check-receipt", "b.evidence", "--key", "house.vkey")
        #expect(evidence.status == 0, "\(evidence.errors)")
        _ = try await audit("export-tiles", "public", "--ledger", "house")
        _ = try await audit("witness", "--make-key", "witness.example", "--key", "w.key")
        let former2 = ["--log-key", "house.vkey"]
        let commands: [[String]] = [
            ["check-receipt", "b.statement", "--key", "house.vkey"],
            ["check-receipt", "b.proof", "--key", "house.vkey"],
            ["check-receipt", "b.checkpoint", "--key", "house.vkey"],
            ["check-receipt", "b.growth", "--older", "a.growth", "--key", "house.vkey"],
            ["compare", "b.proof", "b.statement", "--key", "house.vkey"],
            ["check-statement", "b.statement", "--entry", "b.evidence", "--key", "house.vkey"],
            ["verify", "--tiles", "public", "--level", "heads"] + former2,
            ["witness", "--key", "w.key", "--state", "seen", "--tiles", "public"] + former2,
        ]
        for command in commands {
            let followed = try await space.run(
                ["audit"] + command + ["--rotation", "rotated"])
            if command.contains("--older") {
                // The older one was signed over more entries than the proof starts from.
                #expect(followed.status == 1 && followed.errors.contains("the proof starts from"))
                continue
            }
            #expect(followed.status == 0, "\(command): \(followed.errors)\(followed.output)")
            // With the former key alone it is refused, but where the file itself leads on.
            guard !command.contains("--entry") else { continue }
            let refused = try await space.run(["audit"] + command)
            #expect(refused.status == 1, "\(command): \(refused.output)")
        }
        // From the ledger, or from another file beside it.
        let byLedger: [[String]] = [
            ["verify", "--ledger", "house"] + former2,
            ["verify", "--ledger", "house", "--level", "heads"] + former2,
            ["witness", "--key", "w.key", "--state", "seen2", "--ledger", "house"] + former2,
            ["check-statement", "b.statement", "--ledger", "house", "--key", "house.vkey"],
            ["check-statement", "a.statement", "--ledger", "house"],
            ["checkpoint", "--ledger", "house", "--key", "house.vkey"],
            ["checkpoints", "--ledger", "house", "--key", "house.vkey"],
            ["compare", "a.proof", "b.statement", "--ledger", "house", "--key", "house.vkey"],
            ["compare", "b.proof", "b.evidence", "--key", "house.vkey"],
        ]
        for command in byLedger {
            let run = try await space.run(["audit"] + command)
            #expect(run.status == 0, "\(command): \(run.errors)\(run.output)")
        }
        // Another's key leads nowhere.
        let stranger = try await space.run("import", "history.jsonl", "--ledger", "other")
        try #require(stranger.status == 0)
        let key = try await audit("key", "--ledger", "other")
        try space.write(key.output, to: "other.vkey")
        let nowhere = try await audit(
            "check-receipt", "b.proof", "--key", "other.vkey", "--rotation", "rotated")
        #expect(nowhere.status == 1 && nowhere.errors.contains("does not lead from the given key"))
    }

    @Test("A restore's evidence says which positions are lost, and both names")
    func restoration() async throws {
        let copied = try await space.run("backup", "copy", "--ledger", "house")
        try #require(copied.status == 0, "\(copied.errors)")
        try await space.bid(900, by: "carol")
        let former = try space.text("house/checkpoint").split(separator: "\n")
        let formerKey = try await audit("key", "--ledger", "house")
        try space.write(formerKey.output, to: "former.vkey")
        let restored = try await space.run(
            "restore", "copy", "--ledger", "new", "--checkpoint", "house/checkpoint",
            "--log-key", "former.vkey", "--accept-loss")
        try #require(restored.status == 0, "\(restored.errors)")
        let key = try await audit("key", "--ledger", "new")
        try space.write(key.output, to: "new.vkey")
        let log = try await space.run("log", "--ledger", "new", "--format", "json")
        let position = try #require(
            log.lines.firstIndex { $0.contains(#""command":"restore_ledger""#) })
        _ = try await audit("prove", "\(position)", "--ledger", "new", "--output", "restored")
        let run = try await audit("check-receipt", "restored", "--key", "new.vkey")
        #expect(run.status == 0, "\(run.errors)")
        let size = try #require(Int(former[1]))
        #expect(run.output.contains("former ledger  \(former[0])"), "\(run.output)")
        #expect(run.output.contains("new ledger     gavel-ledger/"))
        #expect(run.output.contains("positions \(position) to \(size - 1)"), "\(run.output)")
        let json = try await audit("check-receipt", "restored", "--key", "new.vkey", "--json")
        #expect(json.output.contains("\"lost_from\":\(position),\"lost_to\":\(size)"))
        // Where no checkpoint said what there was, nothing is said to be lost or changed.
        let unknown = try await space.run(
            "restore", "copy", "--ledger", "nameless", "--without-checkpoint")
        try #require(unknown.status == 0, "\(unknown.errors)")
        try await space.writeKey(of: "nameless")
        _ = try await audit("prove", "\(position)", "--ledger", "nameless", "--output", "unknown")
        let words = try await audit("check-receipt", "unknown", "--key", "nameless.vkey")
        #expect(words.output.contains("there was no checkpoint to go by"), "\(words.output)")
        #expect(words.output.contains(/lost +not known\n/) && !words.output.contains("below 0"))
        let fields = try await audit(
            "check-receipt", "unknown", "--key", "nameless.vkey", "--json")
        #expect(fields.output.contains(#""lost_from":null,"lost_to":null"#), "\(fields.output)")
    }
}
