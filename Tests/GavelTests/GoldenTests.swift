// Golden vectors: the bytes of every kind of entry, of a frame, of checkpoints, proofs and tiles,
// and the hashes over them, as other languages must read them. Fixtures/log/v1 belongs to format 1,
// which is frozen: no line of it ever changes. What a later version adds gets vectors of its own:
// Fixtures/log/v1-salt is the same ledger with a salt in every entry, as an import writes it, and
// Fixtures/log/v1-outage one in which outages move ends.

import AuctionDomain
import Foundation
import GavelJSON
import GavelTesting
import LMDB
import Platform
import Testing

@testable import Gavel

/// A ledger with one entry of every kind, every event and links of every shape, decided by the
/// rules at fixed times under fixed ids.
private func goldenFrames(_ salting: Salting) async throws -> [[UInt8]] {
    let clock = ManualClock(at: Timestamp(seconds: 1_577_836_800))
    let log = MemoryStore()
    var configuration = Bench.configuration(clock)
    configuration.ledgerID = LedgerID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    // Frames must not depend on when a timer looks at the clock.
    configuration.closesByTimer = false
    configuration.salting = salting
    configuration.engineVersion = "0.1.0"
    let ledger = try await Ledger.open(in: log, configuration: configuration)
    let table = Increments.table([
        IncrementRow(from: 0, step: 5), IncrementRow(from: 1000, step: 50),
    ])
    let proxy = AuctionRules(openingPrice: 100, proxy: true, increments: table)
    let end = Timestamp(seconds: 1_577_840_400)
    let later = Timestamp(seconds: 1_577_844_000)
    let batches: [[(Command, LedgerActor)]] = [
        [
            (.registerCurrency(Currency(code: "USD", scale: 2)), .operator),
            (.registerUser("alice"), .user("alice")), (.registerUser("bob"), .operator),
            (.registerUser("carol"), .operator),
            (.charge(user: "alice", currency: "USD", amount: 90_000, reference: "psp#1"), .payment),
            (.charge(user: "carol", currency: "USD", amount: 70_000, reference: "psp#2"), .payment),
            (
                .withdraw(user: "carol", currency: "USD", amount: 500, reference: "out/1"),
                .user("carol")
            ),
        ],
        [
            (
                .openAuction(
                    OpenAuction(
                        auction: "lot-1", title: "Eine Wanduhr – ¼ Schlag", seller: "bob",
                        currency: "USD", opensAt: Timestamp(seconds: 1_577_836_000), closesAt: end,
                        rules: proxy)), .user("bob")
            ),
            (
                .openAuction(OpenAuction(auction: "lot-2", seller: "bob", currency: "USD")),
                .operator
            ),
            (.placeBid(auction: "lot-1", bidder: "alice", amount: 1500), .user("alice")),
            (.placeBid(auction: "lot-1", bidder: "carol", amount: 1200), .user("carol")),
            (.placeBid(auction: "lot-1", bidder: "carol", amount: 2000), .user("carol")),
            (.placeBid(auction: "lot-1", bidder: "carol", amount: 2500), .user("carol")),
            (.placeBid(auction: "lot-1", bidder: "alice", amount: 1), .user("alice")),
            (.placeBid(auction: "lot-2", bidder: "alice", amount: 40), .operator),
            (.extendAuction("lot-1", closesAt: later), .operator),
            (.cancelAuction("lot-2", reason: "damaged"), .operator),
        ],
        [
            (
                .openAuction(
                    OpenAuction(
                        auction: "lot-3", seller: "bob", currency: "USD", closesAt: end,
                        rules: everyRule(latestEnd: later))), .user("bob")
            ),
            (.placeBid(auction: "lot-3", bidder: "alice", amount: 1000), .user("alice")),
            (.buyNow(auction: "lot-3", buyer: "carol"), .user("carol")),
            (.buyNow(auction: "lot-3", buyer: "alice"), .user("alice")),
            (
                .openAuction(
                    OpenAuction(
                        auction: "lot-4", seller: "bob", currency: "USD",
                        rules: AuctionRules(
                            reservePrice: 900, durationFromFirstBidMilliseconds: 60_000))),
                .operator
            ),
            (.placeBid(auction: "lot-4", bidder: "alice", amount: 800), .user("alice")),
            (.buyNow(auction: "lot-4", buyer: "alice"), .user("alice")),
        ],
    ]
    var number: UInt64 = 0
    func submit(_ batch: [(Command, LedgerActor)]) throws {
        let submissions = batch.map { command, actor in
            number += 1
            let milliseconds = UInt64(clock.now().nanoseconds / 1_000_000)
            let id = CommandID(milliseconds: milliseconds, randomHigh: 7, randomLow: number)
            return Submission(id: id, actor: actor, command: command)
        }
        for receipt in try ledger.enqueue(submissions).wait() {
            try #require(receipt.status != .refused, "\(receipt)")
        }
    }
    for batch in batches { try submit(batch) }
    clock.advance(to: later)
    try submit([(.closeAuction("lot-1"), .operator)])
    try await ledger.rotate(goldenRotation(of: configuration.ledgerID!))
    await ledger.close()
    try log.forgetKey()
    configuration.restoration = Restoration(
        ledger: LedgerID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
        checkpointSize: 40, checkpointRoot: Bytes32(1, 2, 3, 4))
    try await Ledger.open(in: log, configuration: configuration).close()
    return log.frames
}

/// A ledger with the rules and the entries of outages: the second opening moves two ends of three,
/// and the operator lets the third auction end. Its engine salts its own entries, as engines do.
private func outageFrames() throws -> [[UInt8]] {
    let (since, until) = (Timestamp(seconds: 1_577_840_395), Timestamp(seconds: 1_577_840_410))
    let end = Timestamp(seconds: 1_577_840_400)
    func opening(_ auction: AuctionID, _ rule: OutageRule?) -> CanonicalCommand {
        .openAuction(
            CanonicalOpening(
                auction: auction, title: "", seller: UserHandle(rawValue: 1),
                currency: CurrencyHandle(rawValue: 0), opensAt: nil, closesAt: end,
                rules: AuctionRules(openingPrice: 100, outage: rule)))
    }
    let lots = (0..<3).map { AuctionHandle(rawValue: $0) }
    let start = Timestamp(seconds: 1_577_836_800)
    let entries: [(CanonicalCommand, CanonicalActor, Timestamp)] = [
        (.createLedger(LedgerID(high: 1, low: 2)), .system, start),
        (.openEngine(epoch: 1, version: "0.1.0"), .system, start),
        (.registerCurrency(Currency(code: "USD", scale: 2)), .operator, start),
        (.registerUser("bob"), .operator, start),
        (
            opening("lot-1", OutageRule(longerThanMilliseconds: 14_999, moveMilliseconds: 600_000)),
            .operator, start
        ),
        (opening("lot-2", OutageRule(moveMilliseconds: 1)), .operator, start),
        (opening("lot-3", OutageRule(longerThanMilliseconds: 2_000)), .operator, start),
        (.openEngine(epoch: 2, version: "0.1.0"), .system, start),
        (.extendOutage(auction: lots[0], since: since, until: until), .system, until),
        (.extendOutage(auction: lots[1], since: since, until: until), .system, until),
        (.closeDue(lots[1]), .system, Timestamp(nanoseconds: until.nanoseconds + 1_000_000)),
        (.registerUser("carol"), .operator, Timestamp(seconds: 1_577_840_411)),
        (.closeDue(lots[2]), .system, Timestamp(seconds: 1_577_840_411)),
    ]
    var state = State()
    var builder = FrameBuilder(firstPosition: 0, capacity: 1 << 14)
    for (command, actor, time) in entries {
        let point = EntryPoint(position: state.entryCount, time: time)
        let outcome = state.decide(command, by: actor, at: time)
        for event in outcome.events { state.evolve(event, at: point) }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            command, rejected: false, events: outcome.events, at: point, links: &links)
        let milliseconds = UInt64(time.nanoseconds / 1_000_000)
        builder.append(
            command,
            id: actor == .system
                ? .none
                : CommandID(
                    milliseconds: milliseconds, randomHigh: 7, randomLow: point.position),
            actor: actor, at: point, rejection: outcome.rejection, events: outcome.events,
            links: links, salt: actor == .system ? 0x0102_0304_0506_0708 ^ point.position : nil)
    }
    let frame = builder.finish()
    var tree = MerkleTree()
    frame.seal(
        Frame.Identity(
            ledgerID: LedgerID(high: 1, low: 2), epoch: 2, number: 0, horizon: CommandHorizon()),
        tree: &tree)
    var bytes: [UInt8] = []
    frame.withParts { bytes += $0.array() }
    return [bytes]
}

/// A true rotation: seeds 01 02 … 20 and 21 22 … 40.
private func goldenRotation(of ledger: LedgerID) throws -> KeyRotation {
    func key(_ seed: ClosedRange<UInt8>) throws -> SigningKey {
        SigningKey(
            key: try PrivateNoteKey(name: ledger.origin, type: .signature, seed: Array(seed)))
    }
    return try KeyRotation(of: ledger, from: key(0x01...0x20), to: key(0x21...0x40).verifier)
}

/// Writes a vector that there was not before; one that there is stays.
private func keep(_ bytes: [UInt8], _ file: URL) throws {
    guard ProcessInfo.processInfo.environment["GAVEL_WRITE_GOLDEN"] != nil,
        !FileManager.default.fileExists(atPath: file.path)
    else { return }
    try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
}

/// The evidence of the golden ledger by file, under a key of seed 41 42 … 60.
private func goldenEvidence(_ log: any LogReader) throws -> [(name: String, bytes: [UInt8])] {
    let size = try log.entryCount
    let key = SigningKey(
        key: try PrivateNoteKey(
            name: "ledger.example/golden", type: .signature, seed: Array(0x41...0x60)))
    let tree = LogTree(of: log, size: size)
    let checkpoint = try Checkpoint(
        origin: key.verifier.name, size: size, root: tree.root(ofSize: size)
    ).signed(by: key)
    let bundle = try EvidenceBundle.make(
        position: 13, checkpoint: checkpoint, entries: CheckedEntries(log), tree: tree)
    let growth = try ConsistencyProof.make(from: 10, to: size, in: tree)
    var files: [(name: String, bytes: [UInt8])] = [
        ("log.vkey", Array("\(key.verifier)\n".utf8)), ("checkpoint", checkpoint.bytes),
        ("entry-13.evidence", bundle.bytes), ("entry-13.tlog-proof", bundle.proofFiles[0].bytes),
        ("from-10.consistency", growth.fileBytes(with: checkpoint)),
    ]
    files.append(("entry-13.statement", try goldenStatement(bundle, key).bytes))
    for tile in HashTile.tiles(ofSize: size) {
        files.append((tile.path, try tile.bytes(in: tree)))
        let first = UInt64(HashTile.widthMax) * tile.index
        let entries = try log.entryBytes(in: first..<first + UInt64(tile.width))
        files.append((tile.entriesPath, try HashTile.bundle(of: entries)))
    }
    return files
}

/// What entry 13 says to whom it refunds.
private func goldenStatement(_ bundle: EvidenceBundle, _ key: SigningKey) throws -> StatementFile {
    let checked = try bundle.check(by: [key.verifier])
    let outbid = checked.entry.outcome.events.compactMap { event in
        if case .refunded(_, let user, _, _) = event { checked.names.id(of: user) } else { nil }
    }
    let viewer = try #require(outbid.first)
    let view = try #require(EntryView(of: checked.entry, for: viewer, names: checked.names))
    return try StatementFile.make(
        bundle.proofFiles[0], for: viewer, view: view.json, showsEntry: false
    ) { try $0.signed(by: key) }
}

/// Rules with every part there is, but a table and a duration.
private func everyRule(latestEnd: Timestamp) -> AuctionRules {
    AuctionRules(
        openingPrice: 100, proxy: true, increments: .basisPoints(500), reservePrice: 5000,
        buyNow: BuyNow(price: 6000, until: .end),
        softClose: SoftClose(
            windowMilliseconds: 3_600_000, extensionMilliseconds: 1000, mode: .add,
            trigger: .leadChange, maxExtensions: 2, latestEnd: latestEnd),
        fees: Fees(
            seller: Fee(basisPoints: 1000, fixed: 30, minimum: 50, maximum: 90_000),
            buyer: Fee(basisPoints: 900, maximum: 5000)),
        cancelPolicy: .operatorOnly)
}

/// A folder of vectors, and what tells its ledger from the others.
private struct Vectors: CustomTestStringConvertible {
    let name: String
    let salting: Salting

    static let all = [
        Vectors(name: "v1", salting: .none),
        Vectors(name: "v1-salt", salting: .imported(LedgerHash(of: Array("golden".utf8)))),
    ]

    var testDescription: String { name }

    var folder: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/log/\(name)")
    }
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}

/// One line an entry: position, leaf hash, bytes, and the entry as JSON for people.
private func describe(_ frames: [[UInt8]]) throws -> (frames: String, entries: String) {
    var state = State()
    var links = ContiguousArray<EntryLink>()
    var frameLines = ""
    var entryLines = ""
    for frame in frames {
        try withBytes(of: frame) { value in
            let header = try FrameHeader(value)
            frameLines += "\(header.firstPosition) \(header.root) \(hex(frame))\n"
            var decoded = DecodedEntry()
            for index in 0..<header.count {
                let range = try header.range(of: index, value)
                try decoded.decode(value, in: range)
                for event in decoded.events { state.evolve(event, at: decoded.point) }
                state.finishEntry(
                    decoded.command, rejected: decoded.rejection != nil, events: decoded.events,
                    at: decoded.point, links: &links)
                var writer = JSONWriter()
                writer.entry(decoded.entry, names: state)
                let leaf = LedgerHash.leaf(value.extracting(range))
                entryLines += "\(decoded.point.position) \(leaf) "
                entryLines += "\(hex(value.array(in: range))) \(writer.text)\n"
            }
        }
    }
    return (frameLines, entryLines)
}

/// The lines of frames without what they say of the horizon of command ids, and the check over it:
/// when the horizon rises is no part of the format, and the vectors' version raised it sooner.
private func withoutHorizons(_ frames: String) -> [String] {
    frames.split(separator: "\n").map { line in
        let fields = line.split(separator: " ")
        let header = fields[2].utf8
        // Bytes 96 to 119 of the header, two digits each.
        let start = header.index(header.startIndex, offsetBy: 192)
        let end = header.index(start, offsetBy: 48)
        return "\(fields[0]) \(fields[1]) \(fields[2][..<start])…\(fields[2][end...])"
    }
}

@Suite("Golden vectors")
struct GoldenTests {
    @Test(
        "Frames, entries and hashes are byte for byte those of Fixtures/log",
        arguments: Vectors.all)
    fileprivate func vectors(_ vectors: Vectors) async throws {
        let folder = vectors.folder
        let (frames, entries) = try describe(try await goldenFrames(vectors.salting))
        let framesFile = folder.appending(path: "frames.txt")
        let entriesFile = folder.appending(path: "entries.txt")
        try keep(Array(frames.utf8), framesFile)
        try keep(Array(entries.utf8), entriesFile)
        #expect(
            withoutHorizons(try String(contentsOf: framesFile, encoding: .utf8))
                == withoutHorizons(frames))
        #expect(try String(contentsOf: entriesFile, encoding: .utf8) == entries)
        // Every kind of entry and every event stands there.
        let kinds = [
            "create_ledger", "open_engine", "close_due", "rotate_key", "restore_ledger",
            "register_currency", "register_user",
            "charge", "withdraw", "open_auction", "place_bid", "buy_now", "close_auction",
            "extend_auction", "cancel_auction",
        ]
        let events = [
            "ledger_created", "engine_opened", "key_rotated", "ledger_restored",
            "currency_registered", "user_registered", "charged",
            "withdrawn", "locked", "refunded", "settled", "auction_opened", "lead_taken",
            "maximum_raised", "bid_absorbed", "auction_extended", "auction_closed",
            "close_confirmed", "auction_cancelled", "bought_now",
        ]
        for kind in kinds { #expect(entries.contains("\"command\":\"\(kind)\""), "\(kind)") }
        for event in events { #expect(entries.contains("\"event\":\"\(event)\""), "\(event)") }
        #expect(entries.contains("\"rejection\""))
    }

    @Test("The entries of outages are byte for byte those of Fixtures/log/v1-outage, and verify")
    func outages() async throws {
        let folder = Vectors.all[0].folder.deletingLastPathComponent().appending(path: "v1-outage")
        let produced = try outageFrames()
        let (frames, entries) = try describe(produced)
        try keep(Array(frames.utf8), folder.appending(path: "frames.txt"))
        try keep(Array(entries.utf8), folder.appending(path: "entries.txt"))
        for (name, text) in [("frames.txt", frames), ("entries.txt", entries)] {
            let kept = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            #expect(kept == text, "\(name)")
        }
        #expect(entries.contains("\"command\":\"extend_outage\""))
        let reader = try LookingBackTests.reader(RecutLog(frames: produced))
        let report = try reader.redecide { Issue.record("\($0)") }
        // Lot 3, at the closing of lot 2.
        #expect(report.isSame && report.lateClosings.map(\.position) == [10])
        reader.close()
    }

    @Test(
        "Checkpoint, proofs and tiles are byte for byte those of Fixtures/log/*/evidence",
        arguments: Vectors.all)
    fileprivate func evidence(_ vectors: Vectors) async throws {
        let folder = vectors.folder
        let files = try goldenEvidence(
            try RecutLog(frames: await goldenFrames(vectors.salting)))
        #expect(files.count == 8)
        for (name, bytes) in files {
            let file = folder.appending(path: "evidence/\(name)")
            try keep(bytes, file)
            #expect(try [UInt8](Data(contentsOf: file)) == bytes, "\(name)")
        }
        let key = try VerifierKey(String(decoding: files[0].bytes, as: UTF8.self))
        let checked = try EvidenceBundle(parsing: files[2].bytes).check(by: [key])
        #expect(checked.entry.position == 13)
        let statement = try StatementFile(parsing: files[5].bytes).check(by: [key])
        let article = try String(
            contentsOf: folder.appending(path: "../../../Sources/Gavel/Gavel.docc/Evidence.md")
                .standardized, encoding: .utf8)
        // The article shows the statement of the ledger without salts.
        let isShown = article.contains(String(decoding: files[5].bytes, as: UTF8.self))
        #expect(isShown == (vectors.name == "v1"))
        #expect(try EntryView(statement).facts.map(\.kind) == [.leadTaken, .refunded])
    }

    @Test(
        "A ledger of format 1 is opened, verified and gone on with", arguments: Vectors.all)
    fileprivate func opens(_ vectors: Vectors) async throws {
        let folder = vectors.folder
        try await withLedgerPath { path in
            let lines = try String(
                contentsOf: folder.appending(path: "frames.txt"), encoding: .utf8)
            try FileSystem.createDirectory(path)
            let environment = try Environment(at: path + "/log")
            let table = try environment.integerTable(named: "frames", create: true)
            var head: FrameHeader?
            try environment.write { transaction in
                for line in lines.split(separator: "\n") {
                    let fields = line.split(separator: " ")
                    try withBytes(of: bytes(fields[2])) {
                        try transaction.append(table, key: UInt64(fields[0])!, value: $0)
                        head = try FrameHeader($0)
                    }
                }
            }
            environment.close()
            // What stands beside every log that has entries: its key, and a checkpoint of that.
            let key = try Sample.key()
            let last = try #require(head)
            let signed = try Checkpoint(
                origin: key.verifier.name, size: last.endPosition, root: last.root
            ).signed(by: key)
            try writeKey(key, to: path + "/key")
            try FileSystem.writeFileAtomically(path + "/checkpoint", signed.bytes)
            let ledger = try await Ledger.open(at: path)
            let count = ledger.reflects
            #expect(count > 30 && ledger.digest.value != 0)
            let receipt = try await ledger.submit(.registerUser("later"), id: .generate())
            #expect(receipt.position == count)
            await ledger.close()
            #expect(try Verifier.verify(at: path).isClean)
        }
    }

    private func bytes(_ digits: Substring) -> [UInt8] {
        let digits = Array(digits.utf8)
        func value(_ digit: UInt8) -> UInt8 { digit < 0x3A ? digit - 0x30 : digit - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map {
            value(digits[$0]) << 4 | value(digits[$0 + 1])
        }
    }

    @Test("An outsider with nothing but SHA-256 gets the same roots from the stored bytes")
    func roots() async throws {
        // RFC 6962 section 2.1 by its recursive definition, not by our right edge.
        func root(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
            if leaves.isEmpty { return LedgerHash(of: []).bytes }
            if leaves.count == 1 { return LedgerHash(of: [0] + leaves.first!).bytes }
            var split = 1
            while split * 2 < leaves.count { split *= 2 }
            let middle = leaves.startIndex + split
            return LedgerHash(of: [1] + root(leaves[..<middle]) + root(leaves[middle...])).bytes
        }
        var leaves: [[UInt8]] = []
        for frame in try await goldenFrames(.none) {
            try withBytes(of: frame) { value in
                let header = try FrameHeader(value)
                for index in 0..<header.count {
                    leaves.append(value.array(in: try header.range(of: index, value)))
                }
                #expect(root(leaves[...]) == header.root.bytes)
            }
        }
        #expect(leaves.count > 15)
    }

    @Test("An ordinary take-over is at most 118 bytes, so its leaf is two blocks of SHA-256")
    func size() throws {
        let entries = try String(
            contentsOf: Vectors.all[0].folder.appending(path: "entries.txt"), encoding: .utf8)
        let takeOvers = entries.split(separator: "\n").filter {
            $0.contains("lead_taken") && $0.contains("refunded") && !$0.contains("extended")
        }
        #expect(!takeOvers.isEmpty)
        for line in takeOvers {
            #expect(line.split(separator: " ")[2].count / 2 <= 118)
        }
    }

    @Test("A salt is the last 8 bytes of an entry, and a flag; nothing else is another")
    func salts() async throws {
        let secret = LedgerHash(of: Array("golden".utf8))
        let plain = try RecutLog(frames: await goldenFrames(.none))
        let all = try RecutLog(frames: await goldenFrames(.imported(secret)))
        let engines = try RecutLog(frames: await goldenFrames(.fixed(secret)))
        let count = try plain.entryCount
        let entries = try zip(plain.entryBytes(in: 0..<count), all.entryBytes(in: 0..<count))
        for (position, (bare, salted)) in entries.enumerated() {
            // LogFormat's own words: SHA-256(0x03 ‖ secret ‖ position), the first 8 bytes.
            let place = (0..<8).map { UInt8(position >> (8 * $0) & 255) }
            var expected = bare + LedgerHash(of: [3] + secret.bytes + place).bytes.prefix(8)
            expected[1] |= 4
            #expect(salted == expected, "position \(position)")
            let isEngines = bare[0] < 16
            let live = try engines.entryBytes(in: UInt64(position)..<UInt64(position) + 1)
            #expect(live == [isEngines ? salted : bare], "position \(position)")
        }
    }
}
