// The log's evidence as served, checked with the engine's own verifier; and who may see what.

import AuctionDomain
import Foundation
import Gavel
import Testing

@testable import GavelHTTP

extension TestService {
    /// The signed checkpoint and key, as served.
    fileprivate func head() async throws -> SignedCheckpoint.Verified {
        let key = try await call("GET", "/log/key")
        #expect(key.status == 200)
        let served = try await call("GET", "/log/checkpoint")
        #expect(served.status == 200)
        #expect(served.headers["content-type"] == "text/plain; charset=utf-8")
        return try SignedCheckpoint(parsing: served.body).verified(
            by: VerifierKey(key.text.trimmingCharacters(in: .newlines)))
    }

    /// A proxy auction of carol's in which alice has outbid bob. Answers where.
    fileprivate func takeOver() async throws -> UInt64 {
        try await furnish(["alice", "bob", "carol"])
        try await submit(
            .openAuction(
                OpenAuction(
                    auction: "lot-1", title: "A clock", seller: "carol", currency: "USD",
                    rules: AuctionRules(proxy: true, reservePrice: 77_777))))
        try await submit(.placeBid(auction: "lot-1", bidder: "bob", amount: 33_333))
        let receipt = try await submit(
            .placeBid(auction: "lot-1", bidder: "alice", amount: 55_555))
        return try #require(receipt.position)
    }
}

extension TestAnswer {
    fileprivate var hashes: [LedgerHash] {
        get throws {
            try (json["hashes"] as? [String] ?? []).map { text in
                let data = try #require(Data(base64Encoded: text))
                return try #require(LedgerHash(bytes: Array(data)))
            }
        }
    }
}

@Suite("The log over HTTP", .timeLimit(.minutes(30)))
struct EvidenceRouteTests {
    @Test("The served tiles have the root that the served checkpoint signs, and are its folder's")
    func tiles() async throws {
        try await TestService.with { test in
            try await test.furnish([])
            _ = try await test.ledger.submit(
                (0..<600).map { number in
                    Submission(
                        id: .generate(), command: .registerUser(UserID(unchecked: "u-\(number)")))
                })
            let file = try test.ledger.signCheckpoint()
            let head = try await test.head()
            #expect(head.size == test.ledger.reflects)
            #expect(
                Array(try Data(contentsOf: test.folder.appending(path: "checkpoint"))) == file.bytes
            )
            var served: [String: [UInt8]] = [:]
            for tile in HashTile.tiles(ofSize: head.size) {
                let answer = try await test.get("/log/\(tile.path)")
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "application/octet-stream")
                #expect(answer.body.count == 32 * tile.width)
                let keeping = try #require(answer.headers["cache-control"])
                #expect(keeping.contains("immutable") == tile.isFull)
                served[tile.path] = answer.body
            }
            #expect(served.count == 4)
            let tree = TileHashes(size: head.size) { served[$0] }
            #expect(try tree.root(ofSize: head.size) == head.root)
            // The entries under a tile are its leaves, for auditors only.
            let bundle = try await test.get("/log/tile/entries/001", as: "auditor")
            #expect(bundle.status == 200)
            #expect(bundle.headers["cache-control"] == "private, no-store")
            var rest = bundle.body[...]
            var leaves = MemoryTree()
            while rest.count > 2 {
                let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
                leaves.append(Array(rest.dropFirst(2).prefix(count)))
                rest = rest.dropFirst(2 + count)
            }
            let hashes = try (0..<256).map { try leaves.hash(level: 0, index: $0).bytes }
            #expect(Array(hashes.joined()) == served["tile/0/001"])
            #expect(try await test.get("/log/tile/entries/001").status == 401)
            for name in ["alice", "operator", "payment"] {
                #expect(try await test.get("/log/tile/entries/001", as: name).status == 403)
            }
        }
    }

    /// Paths that name no tile of a log of 600 entries.
    private let strayPaths = [
        "0/003", "0/000.p/0", "0/000.p/256", "0/000.p/017", "0/00", "0/0", "0/0000", "00/000",
        "8/000", "-1/000", "+0/000", "1/001", "1/000.p/9", "0/x000/000", "0/x001/234",
        "0/x001/x234", "0/000/000", "0/..", "0/%2e%2e", "0/000%2f", "0/000.p", "0/000.q/1",
        "0/x999/x999/x999/999", "9223372036854775807/000", "0/x999/x999/x999/x999/999",
        "0/999.p/255", "entries2/000", "0/%00", "0/+12", "0/x001/x001/x001/x001/x001/001",
    ]

    @Test("A path that names no tile of the signed log is not found, however it is spelled")
    func strayTiles() async throws {
        try await TestService.with { test in
            try await test.furnish([])
            _ = try await test.ledger.submit(
                (0..<600).map { number in
                    Submission(
                        id: .generate(), command: .registerUser(UserID(unchecked: "u-\(number)")))
                })
            _ = try test.ledger.signCheckpoint()
            for path in strayPaths {
                let answer = try await test.get("/log/tile/\(path)")
                #expect(answer.status == 404, "\(path)")
                #expect(answer.code == "not_found", "\(path)")
            }
        }
    }

    @Test("An entry is shown whole to staff, its own part to its owner, and to nobody else")
    func access() async throws {
        try await TestService.with { test in
            let position = try await test.takeOver()
            _ = try test.ledger.signCheckpoint()
            let path = "/log/entries/\(position)"
            for name in ["auditor", "operator"] {
                let whole = try await test.get(path, as: name)
                #expect(whole.status == 200)
                #expect(whole.text.contains("33333"))
            }
            let own = try await test.get(path, as: "alice")
            #expect(own.status == 200)
            #expect(own.text.contains("\"amount\":55555"))
            #expect(!own.text.contains("33333"))
            #expect(!own.text.contains("bob"))
            for name in ["bob", "carol", "payment", "dave"] {
                #expect(try await test.get(path, as: name).code == "not_yours")
                // It refunds bob: see StatementRouteTests.
                guard name != "bob" else { continue }
                #expect(try await test.get(path + "/proof", as: name).code == "not_yours")
            }
            #expect(try await test.get(path).status == 401)
            // The opening is the seller's, its reserve with it.
            let opening = "/log/entries/\(position - 2)"
            #expect(try await test.get(opening, as: "carol").text.contains("77777"))
            #expect(try await test.get(opening, as: "alice").code == "not_yours")
            let charge = "/log/entries/3"
            #expect(try await test.get(charge, as: "alice").status == 200)
            let beyond = try await test.get("/log/entries/9999", as: "auditor")
            #expect(beyond.code == "entry_not_found")
            let malformed = try await test.get("/log/entries/x", as: "auditor")
            #expect(malformed.code == "parameter_malformed")
        }
    }

    @Test("A proof file proves its entry, and holds bytes only where they tell of nobody else")
    func proofFiles() async throws {
        try await TestService.with { test in
            let position = try await test.takeOver()
            _ = try test.ledger.signCheckpoint()
            let head = try await test.head()
            let whole = try await test.get("/log/entries/\(position)/proof", as: "auditor")
            #expect(whole.headers["cache-control"] == "private, no-store")
            let file = try ProofFile(parsing: whole.body)
            let bytes = try #require(file.extra)
            _ = try file.verify(entry: bytes, by: head.signers)
            let own = try await test.get("/log/entries/\(position)/proof", as: "alice")
            let bare = try StatementFile(parsing: own.body).proofFile
            #expect(bare.extra == nil)
            _ = try bare.verify(entry: bytes, by: head.signers)
            // Bob's was the first bid: nothing happened to anybody else.
            let first = try await test.get("/log/entries/\(position - 1)/proof", as: "bob")
            let bobs = try StatementFile(parsing: first.body).proofFile
            _ = try bobs.verify(entry: #require(bobs.extra), by: head.signers)
            #expect(throws: EvidenceError.self) {
                try bobs.verify(entry: bytes, by: head.signers)
            }
            // Hashes alone are for everybody.
            let hashes = try await test.get("/log/proof/inclusion?position=\(position)")
            #expect(hashes.json["index"] as? UInt64 == position)
            #expect(hashes.json["size"] as? UInt64 == head.size)
            try InclusionProof(index: position, hashes: hashes.hashes).verify(
                entry: bytes, in: head)
            let text = try #require(hashes.json["checkpoint"] as? String)
            #expect(Array(text.utf8) == head.signed.bytes)
        }
    }

    @Test("Growth is proven from any earlier size")
    func consistency() async throws {
        try await TestService.with { test in
            _ = try await test.takeOver()
            let old = try test.ledger.signCheckpoint()
            try await test.submit(.closeAuction("lot-1", hammer: true))
            _ = try test.ledger.signCheckpoint()
            let head = try await test.head()
            let size = old.checkpoint.size
            let answer = try await test.get("/log/proof/consistency?from=\(size)")
            #expect(answer.status == 200)
            try ConsistencyProof(oldSize: size, newSize: head.size, hashes: answer.hashes)
                .verify(from: old.verified(by: head.signers), to: head)
            #expect(try await test.get("/log/proof/consistency?from=0").hashes.isEmpty)
            let ahead = try await test.get("/log/proof/consistency?from=\(head.size + 1)")
            #expect(ahead.code == "entry_not_found")
            #expect(try await test.get("/log/proof/consistency").code == "parameter_malformed")
        }
    }

    @Test("The kept checkpoints are served to anybody in pages, each signed and with its time")
    func checkpoints() async throws {
        var configuration = Configuration()
        configuration.checkpointIntervalMilliseconds = 3_600_000
        try await TestService.with(configuration: configuration) { test in
            for number in 0..<4 {
                _ = try await test.ledger.submit(
                    .registerUser(UserID(unchecked: "u-\(number)")), id: .generate())
                _ = try test.ledger.signCheckpoint()
            }
            let key = test.ledger.verifierKey
            var sizes: [UInt64] = []
            var next: Int? = 0
            while let from = next {
                let answer = try await test.get("/log/checkpoints?from=\(from)&limit=2")
                #expect(answer.status == 200)
                let items = try #require(answer.json["items"] as? [[String: Any]])
                #expect(items.count <= 2)
                for item in items {
                    let note = try #require(item["note"] as? String)
                    let verified = try SignedCheckpoint(parsing: Array(note.utf8)).verified(by: key)
                    #expect(item["size"] as? Int == Int(verified.size))
                    #expect(item["root"] as? String == verified.root.base64)
                    #expect(item["time"] is String && verified.time != nil)
                    sizes.append(verified.size)
                }
                next = answer.json["next"] as? Int
            }
            #expect(sizes.count == 5)
            #expect(try sizes == test.ledger.checkpoints().map(\.checkpoint.size))
            // When the entry just below the second of them was signed at the latest.
            let first = try await test.get("/log/checkpoints?from=\(sizes[1])&limit=1")
            #expect(
                (first.json["items"] as? [[String: Any]])?.first?["size"] as? Int == Int(sizes[1]))
            let beyond = try await test.get("/log/checkpoints?from=\(sizes[4] + 1)")
            #expect((beyond.json["items"] as? [Any])?.isEmpty == true)
            #expect(beyond.json["next"] is NSNull)
            for bad in ["from=-1", "from=x", "limit=0", "limit=1001", "from=18446744073709551616"] {
                let answer = try await test.get("/log/checkpoints?\(bad)")
                #expect(answer.code == "parameter_malformed", "\(bad)")
            }
        }
    }

    @Test("What no checkpoint covers yet is not proven: come back")
    func notProven() async throws {
        var configuration = Configuration()
        configuration.checkpointIntervalMilliseconds = 3_600_000
        try await TestService.with(configuration: configuration) { test in
            // What opening has written is signed, and nothing more.
            let size = try await test.head().size
            #expect(size == test.ledger.reflects)
            #expect(try await test.get("/log/tile/0/000.p/\(size + 1)").status == 404)
            let position = try await test.takeOver()
            for path in [
                "/log/entries/\(position)/proof", "/log/proof/inclusion?position=\(position)",
            ] {
                let answer = try await test.get(path, as: "auditor")
                #expect(answer.status == 503)
                #expect(answer.code == "not_proven")
                #expect(answer.headers["retry-after"] == "1")
            }
            _ = try test.ledger.signCheckpoint()
            let path = "/log/entries/\(position)/proof"
            #expect(try await test.get(path, as: "auditor").status == 200)
        }
    }

    @Test("What became of a command is told by its id, to whom it concerns")
    func commands() async throws {
        try await TestService.with { test in
            _ = try await test.takeOver()
            let (accepted, rejected) = (CommandID.generate(), CommandID.generate())
            _ = try await test.ledger.submit(
                .placeBid(auction: "lot-1", bidder: "bob", amount: 66_666), id: accepted)
            _ = try await test.ledger.submit(
                .placeBid(auction: "lot-1", bidder: "bob", amount: 1), id: rejected)
            _ = try test.ledger.signCheckpoint()
            let good = try await test.get("/log/commands/\(accepted)", as: "bob")
            #expect(good.json["status"] as? String == "accepted")
            #expect(good.json["rejection"] is NSNull)
            let bad = try await test.get("/log/commands/\(rejected)", as: "operator")
            let rejection = bad.json["rejection"] as? [String: Any]
            #expect(rejection?["code"] as? String == "bid_not_above_own_maximum")
            #expect(rejection?["maximum"] as? Int == 66_666)
            #expect(try await test.get("/log/commands/\(rejected)", as: "alice").status == 403)
            let proof = try await test.get("/log/commands/\(rejected)/proof", as: "bob")
            let file = try StatementFile(parsing: proof.body).proofFile
            _ = try await file.verify(
                entry: #require(file.extra), by: test.head().signers)
            let unknown = try await test.get("/log/commands/\(CommandID.generate())", as: "bob")
            #expect(unknown.code == "entry_not_found")
            let malformed = try await test.get("/log/commands/17", as: "bob")
            #expect(malformed.code == "parameter_malformed")
        }
    }

    @Test("The public sequence is complete, and has no secret in it")
    func publicSequence() async throws {
        try await TestService.with { test in
            let position = try await test.takeOver()
            _ = try await test.ledger.submit(
                .placeBid(auction: "lot-1", bidder: "bob", amount: 22_222), id: .generate())
            try await test.submit(.placeBid(auction: "lot-1", bidder: "bob", amount: 99_999))
            try await test.submit(.closeAuction("lot-1", hammer: true))
            var items: [[String: Any]] = []
            var (next, text) = (0, "")
            while next < test.ledger.reflects {
                let page = try await test.get("/log/events?from=\(next)&limit=4")
                items += page.items
                text += page.text
                next = try #require(page.json["next"] as? Int)
            }
            #expect(items.compactMap { $0["position"] as? Int } == Array(0..<next))
            #expect(Set(items.map(\.count)) == [17])
            for secret in ["33333", "22222", "99999", "first-", "maximum\"", "locked", "rules"] {
                #expect(!text.contains(secret), "\(secret)")
            }
            let bid = items[Int(position)]
            #expect(bid["command"] as? String == "place_bid")
            #expect(bid["bidder"] as? String == "alice")
            #expect(bid["price"] as? Int == 33_334)
            #expect(bid["currency"] as? String == "USD")
            #expect(bid["events"] as? [String] == ["lead_taken"])
            let rejected = items[Int(position) + 1]
            // A blanked entry is a position and a hash: neither a kind nor a time.
            #expect(rejected.values.filter { $0 is NSNull }.count == 14)
            #expect(rejected["events"] as? [String] == [])
            #expect(rejected["time"] is NSNull && bid["time"] is String)
            let leaves = items.compactMap { $0["leaf"] as? String }
            #expect(leaves == (try test.ledger.publicEntries(from: 0)).map(\.leaf.base64))
            let closing = items[Int(position) + 3]
            #expect(closing["outcome"] as? String == "sold")
            #expect(closing["winner"] as? String == "bob")
            #expect(closing["paid"] as? Int == closing["price"] as? Int)
            let opening = items[Int(position) - 2]
            #expect(opening["title"] as? String == "A clock")
            #expect(opening["seller"] as? String == "carol")
            let far = try await test.get("/log/events?from=1000000")
            #expect(far.items.isEmpty && far.json["reflects"] as? UInt64 == test.ledger.reflects)
            let end = try await test.get("/log/events?from=\(next)")
            #expect(end.items.isEmpty)
            #expect(end.json["next"] as? Int == next)
        }
    }

    @Test("Whole pages of the log are for auditors")
    func pages() async throws {
        try await TestService.with { test in
            let position = try await test.takeOver()
            let page = try await test.get("/log/entries?from=\(position)&limit=1", as: "auditor")
            #expect(page.items.count == 1)
            #expect(page.items[0]["by"] as? String == "operator")
            #expect(page.text.contains("33333"))
            for name in ["alice", "operator", "payment"] {
                #expect(try await test.get("/log/entries", as: name).code == "role_required")
            }
            for query in ["limit=0", "limit=1001", "from=-1", "from=x", "to=1"] {
                let refused = try await test.get("/log/entries?\(query)", as: "auditor")
                #expect(refused.code == "parameter_malformed")
            }
        }
    }
}
