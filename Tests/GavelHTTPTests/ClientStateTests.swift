// What clients of the service hold: cursors, and the keys of their calls. Neither lets anyone see,
// stop or guess what is not theirs.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel
@testable import GavelHTTP

extension TestService {
    /// A lot with proxy bidding and one without, two bids on each.
    fileprivate func openLots() async throws {
        try await furnish(["alice", "bob", "carol"], amount: 1_000_000)
        for (lot, rules) in [("proxy", #","rules":{"proxy":true}"#), ("plain", "")] {
            let opened = try await call(
                "POST", "/auctions", as: "bob", #"{"auction":"\#(lot)","currency":"USD"\#(rules)}"#)
            #expect(opened.status == 201)
            for (bidder, amount) in [("alice", 77_777), ("carol", 88_888)] {
                let bid = try await call(
                    "POST", "/auctions/\(lot)/bid", as: bidder, #"{"amount":\#(amount)}"#)
                #expect(bid.status == 201, "\(bid.text)")
            }
        }
    }
}

@Suite("Cursors over HTTP")
struct HTTPCursorTests {
    @Test(
        "A story asked for with a leader who does not exist is a bad cursor, and the house stands"
    )
    func noSuchLeader() async throws {
        try await TestService.with { test in
            try await test.openLots()
            let lot = try await test.get("/auctions/plain").json
            let opened = try #require(lot["opened_position"] as? Int)
            for handle in ["4294967295", "4294967294", "1000", "18446744073709551615"] {
                let cursor = "story/plain~\(opened)~1~\(handle)~0~0"
                let answer = try await test.get("/auctions/plain/history?cursor=\(cursor)")
                #expect(answer.status == 400 && answer.code == "bad_cursor", "\(answer.text)")
            }
            #expect(try await test.get("/auctions/plain/history").items.count == 3)
        }
    }

    @Test("No cursor shows another lot's bid or another wallet's entry")
    func otherEntries() async throws {
        try await TestService.with { test in
            try await test.openLots()
            let bids = try await test.get("/auctions/proxy/bids").items
            #expect(bids.count == 2 && bids.allSatisfy { $0["amount"] is NSNull })
            for bid in bids {
                let position = try #require(bid["position"] as? Int)
                for (path, cursor) in [
                    ("/auctions/plain/bids", "history/auction/plain/newest_first~\(position)"),
                    ("/wallet/history", "history/wallet/bob/newest_first~\(position)"),
                ] {
                    let answer = try await test.get("\(path)?limit=1&cursor=\(cursor)", as: "bob")
                    #expect(answer.status == 400 && answer.code == "bad_cursor")
                    #expect(!answer.text.contains("77777") && !answer.text.contains("88888"))
                }
            }
        }
    }

    @Test(
        "A list goes on for whoever has asked for it, and for nobody else, elsewhere or otherwise")
    func bound() async throws {
        let lists = [
            "/auctions?limit=1", "/auctions?limit=1&order=newest", "/auctions?limit=1&seller=bob",
            "/auctions/plain/bids?limit=1", "/auctions/proxy/bids?limit=1",
            "/auctions/plain/bids?limit=1&direction=oldest_first",
            "/auctions/plain/history?limit=1",
            "/auctions/proxy/history?limit=1", "/wallets/alice/history?limit=1",
            "/wallets/alice/history?limit=1&direction=oldest_first",
            "/wallets/carol/history?limit=1",
            "/me/bids?limit=1",
        ]
        try await TestService.with { test in
            try await test.openLots()
            var cursors: [(path: String, caller: String?, cursor: String)] = []
            for path in lists {
                for caller in [nil, "alice", "carol", "auditor"] {
                    let page = try await test.get(path, as: caller)
                    guard let cursor = page.json["cursor"] as? String else { continue }
                    #expect(cursor.utf8.count <= 40, "\(cursor)")
                    #expect(cursor.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil)
                    #expect(
                        try await test.get(path, as: caller).json["cursor"] as? String == cursor)
                    cursors.append((path, caller, cursor))
                }
            }
            #expect(cursors.count > 25 && Set(cursors.map(\.cursor)).count == cursors.count)
            for (place, (path, caller, _)) in cursors.enumerated() {
                // All pairs take a while: a fourth of them, and each with itself.
                for (other, (_, _, cursor)) in cursors.enumerated()
                where other == place || (other + place) % 4 == 0 {
                    let answer = try await test.get("\(path)&cursor=\(cursor)", as: caller)
                    #expect(answer.status == (other == place ? 200 : 400))
                    if other != place { #expect(answer.code == "bad_cursor") }
                }
            }
        }
    }
}

@Suite("Keys and command ids")
struct CommandIDTests {
    private func entry(_ test: TestService, _ answer: TestAnswer) throws -> LedgerEntry {
        let position = UInt64(try #require(answer.position))
        return try #require(try test.ledger.entry(at: position))
    }

    @Test("The log's id is neither the caller's key nor told, and has the key's time")
    func derived() async throws {
        try await TestService.with { test in
            try await test.openLots()
            let key = CommandID.generate()
            let body = #"{"amount":100000}"#
            var ids: Set<CommandID> = [key]
            for bidder in ["alice", "carol"] {
                let path = "/auctions/proxy/bid"
                let answer = try await test.call("POST", path, as: bidder, key: key, body)
                #expect(answer.status == 201, "\(answer.text)")
                let entry = try entry(test, answer)
                let id = try #require(entry.commandID)
                #expect(id.isVersion7 && id.milliseconds == key.milliseconds)
                ids.insert(id)
                #expect(!answer.text.contains(id.description))
                #expect(answer.json["id"] as? String == key.description)
                // Again is the same one.
                let again = try await test.call("POST", path, as: bidder, key: key, body)
                #expect(again.headers["idempotency-replayed"] == "true")
                #expect(again.position == answer.position)
            }
            #expect(ids.count == 3)
        }
    }

    @Test(
        "A command is found by its caller's key, by nobody else's, and by staff under the log's id")
    func lookUp() async throws {
        try await TestService.with { test in
            try await test.openLots()
            let key = CommandID.generate()
            // Takes the lead: the entry holds what came back to carol.
            let bid = try await test.call(
                "POST", "/auctions/plain/bid", as: "alice", key: key, #"{"amount":90000}"#)
            let id = try #require(try entry(test, bid).commandID)
            let own = try await test.get("/log/commands/\(key)", as: "alice")
            #expect(own.position == bid.position && own.json["id"] as? String == key.description)
            // With the id she could guess carol's part of the entry by the entry's hash.
            #expect(own.json["command_id"] is NSNull && !own.text.contains(id.description))
            let shown = try await test.get("/log/entries/\(bid.position ?? 0)", as: "alice")
            #expect(shown.status == 200 && shown.json["id"] is NSNull)
            #expect(!shown.text.contains(id.description))
            #expect(
                try await test.get("/log/commands/\(key)", as: "carol").code == "entry_not_found")
            #expect(
                try await test.get("/log/commands/\(key)", as: "auditor").code == "entry_not_found")
            let staff = try await test.get("/log/commands/\(id)", as: "auditor")
            #expect(staff.position == bid.position)
            #expect(staff.json["command_id"] as? String == id.description)
            // A rejected bid concerns nobody else.
            let low = CommandID.generate()
            let rejected = try await test.call(
                "POST", "/auctions/plain/bid", as: "carol", key: low, #"{"amount":1}"#)
            let found = try await test.get("/log/commands/\(low)", as: "carol")
            #expect(found.position == rejected.position)
            #expect(
                found.json["command_id"] as? String
                    == (try self.entry(test, rejected).commandID?.description))
        }
    }

    @Test(
        "A made-up name tells nothing of the opening's id: no reserve is guessed by its hash"
    )
    func madeUpName() async throws {
        try await TestService.with { test in
            try await test.furnish(["bob", "carol"])
            let key = CommandID.generate()
            let body = #"{"currency":"USD","rules":{"reserve_price":1234}}"#
            let opened = try await test.call("POST", "/auctions", as: "bob", key: key, body)
            let entry = try entry(test, opened)
            guard case .openAuction(let opening) = entry.command else {
                Issue.record("no opening")
                return
            }
            let name = opening.auction.string
            let digits = key.description.replacing("-", with: "")
            let id = try #require(entry.commandID)
            #expect(name.wholeMatch(of: /a[0-9a-f]{32}/) != nil && name != "a" + digits)
            // Again is the same auction; another user's same key is another one.
            let again = try await test.call("POST", "/auctions", as: "bob", key: key, body)
            #expect(again.position == opened.position)
            let other = try await test.call("POST", "/auctions", as: "carol", key: key, body)
            #expect(other.status == 201 && other.headers["location"] != "/auctions/\(name)")

            // An outsider who has guessed all the rest of the entry: its bytes with another id.
            let bytes = try #require(
                try test.ledger.reading.log.entryBytes(in: entry.position..<entry.position + 1)
                    .first)
            func leaf(_ id: CommandID) -> LedgerHash {
                var guess = bytes
                for (offset, word) in [(24, id.high), (32, id.low)] {
                    for byte in 0..<8 {
                        guess[offset + byte] = UInt8(
                            truncatingIfNeeded: word >> UInt64(56 - 8 * byte))
                    }
                }
                return LedgerHash(of: [0] + guess)
            }
            let truth = LedgerHash(of: [0] + bytes)
            #expect(leaf(id) == truth, "the guess is made as it should be")
            #expect(leaf(key) != truth)
            let hex = Array(name.dropFirst())
            let words = [hex.prefix(16), hex.suffix(16)].compactMap {
                UInt64(String($0), radix: 16)
            }
            #expect(leaf(CommandID(high: words[0], low: words[1])) != truth)
            let shaped = CommandID(
                milliseconds: key.milliseconds, randomHigh: words[0], randomLow: words[1])
            #expect(leaf(shaped) != truth)
            // Nor are the random bits of the id among those of the name.
            let drawn = stride(from: 0, to: 32, by: 2).compactMap {
                UInt64(String(hex[$0..<$0 + 2]), radix: 16)
            }
            for start in 0...6 {
                func word(_ range: Range<Int>) -> UInt64 { drawn[range].reduce(0) { $0 << 8 | $1 } }
                let guess = CommandID(
                    milliseconds: key.milliseconds, randomHigh: word(start..<start + 2),
                    randomLow: word(start + 2..<start + 10))
                #expect(leaf(guess) != truth)
            }
        }
    }

    @Test("A sign-up's id is not its key either; the key finds it, and answers it again")
    func signUp() async throws {
        try await TestService.with(authenticator: nil) { test in
            let key = CommandID.generate()
            let body = #"{"username":"ada","password":"\#(UsersTests.password)"}"#
            let first = try await test.call("POST", "/users", key: key, body)
            #expect(first.status == 201 && first.json["id"] as? String == key.description)
            let id = try #require(try entry(test, first).commandID)
            #expect(id != key && id.milliseconds == key.milliseconds)
            #expect(!first.text.contains(id.description))
            let again = try await test.call("POST", "/users", key: key, body)
            #expect(again.headers["idempotency-replayed"] == "true")
            let tokens = try await test.call("POST", "/tokens", body)
            let token = try #require(tokens.json["access_token"] as? String)
            let found = try await test.get("/log/commands/\(key)", as: token)
            #expect(found.position == first.position)
            // One that came without a key is found by what was drawn.
            let drawn = try await test.connect().call(
                "POST", "/users", body: body.replacing("ada", with: "bob"))
            let drawnKey = try CommandID(try #require(drawn.json["id"] as? String))
            #expect(try entry(test, drawn).commandID != drawnKey)
        }
    }

    @Test("Calls are known again after a restart and after a restore, and under no other secret")
    func afterwards() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-ids-\(UUID().uuidString)").path
        defer {
            for name in ["", "-backup", "-restored"] {
                try? FileManager.default.removeItem(atPath: folder + name)
            }
        }
        let key = CommandID.generate()
        func id(at path: String) throws -> CommandID {
            let ledger = try Ledger.openAndWait(at: path)
            defer { ledger.closeNow() }
            return CommandIDs(secret: ledger.reading.secret).id(of: key, by: "alice")
        }
        let first = try id(at: folder)
        #expect(try id(at: folder) == first)
        let reader = try await LedgerReader.open(at: folder)
        try reader.backup(to: folder + "-backup")
        reader.close()
        var options = Ledger.RestoreOptions()
        options.keyPath = folder + "/key"
        _ = try Ledger.restore(from: folder + "-backup", to: folder + "-restored", options: options)
        #expect(try id(at: folder + "-restored") == first)
        try FileManager.default.removeItem(atPath: folder + "/secret")
        #expect(try id(at: folder) != first)
        // What would have to be guessed: 74 bits, which all depend on user, key and secret.
        let ids = CommandIDs(secret: LedgerSecret([UInt8](1...32)))
        var seen: Set<CommandID> = []
        for user in 0..<50 {
            for number in 0..<50 {
                let key = CommandID(milliseconds: 1, randomHigh: 0, randomLow: UInt64(number))
                let id = ids.id(of: key, by: UserID(unchecked: "user-\(user)"))
                #expect(id.isVersion7 && id.milliseconds == 1)
                seen.insert(id)
                seen.insert(ids.signUpID(of: key))
            }
        }
        #expect(seen.count == 50 * 50 + 50)
    }
}
