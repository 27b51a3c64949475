// Golden vectors: the bytes of every kind of entry, of a frame, and the hashes over them, as other
// languages must read them. Fixtures/log/v0 belongs to format 0 and may be made anew until format
// 1 is frozen: run the tests with GAVEL_WRITE_GOLDEN=1.

import AuctionDomain
import Foundation
import GavelJSON
import GavelTesting
import LMDB
import Testing

@testable import Gavel

/// A ledger with one entry of every kind, every event and links of every shape, decided by the
/// rules at fixed times under fixed ids.
private func goldenFrames() async throws -> [[UInt8]] {
    let clock = ManualClock(at: Timestamp(seconds: 1_577_836_800))
    let log = InMemoryEventLog()
    var configuration = Bench.configuration(clock)
    configuration.ledgerID = LedgerID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    // Frames must not depend on when a timer looks at the clock.
    configuration.closesByTimer = false
    let ledger = try log.openLedger(configuration: configuration)
    let table = Increments.table([
        IncrementRow(from: 0, step: 5), IncrementRow(from: 1000, step: 50),
    ])
    let proxy = AuctionRules(openingPrice: 100, proxy: true, increments: table)
    let end = Timestamp(seconds: 1_577_840_400)
    let later = Timestamp(seconds: 1_577_844_000)
    let batches: [[(Command, Actor)]] = [
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
    func submit(_ batch: [(Command, Actor)]) throws {
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
    ledger.close()
    configuration.restoration = Restoration(
        ledger: LedgerID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
        checkpointSize: 40, checkpointRoot: Bytes32(1, 2, 3, 4))
    try log.openLedger(configuration: configuration).close()
    return log.frames
}

/// A true rotation: seeds 01 02 … 20 and 21 22 … 40.
private func goldenRotation(of ledger: LedgerID) throws -> KeyRotation {
    func key(_ seed: ClosedRange<UInt8>) throws -> SigningKey {
        SigningKey(
            key: try PrivateNoteKey(name: ledger.origin, type: .signature, seed: Array(seed)))
    }
    return try KeyRotation(of: ledger, from: key(0x01...0x20), to: key(0x21...0x40).verifier)
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

private let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/log/v0")

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
                let leaf = Digest.leaf(value.extracting(range))
                entryLines += "\(decoded.point.position) \(leaf) "
                entryLines += "\(hex(value.array(in: range))) \(writer.text)\n"
            }
        }
    }
    return (frameLines, entryLines)
}

@Suite("Golden vectors")
struct GoldenTests {
    @Test("Frames, entries and hashes are byte for byte those of Fixtures/log/v0")
    func vectors() async throws {
        let (frames, entries) = try describe(try await goldenFrames())
        let framesFile = folder.appending(path: "frames.txt")
        let entriesFile = folder.appending(path: "entries.txt")
        if ProcessInfo.processInfo.environment["GAVEL_WRITE_GOLDEN"] != nil {
            try frames.write(to: framesFile, atomically: true, encoding: .utf8)
            try entries.write(to: entriesFile, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: framesFile, encoding: .utf8) == frames)
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

    @Test("An outsider with nothing but SHA-256 gets the same roots from the stored bytes")
    func roots() async throws {
        // RFC 6962 section 2.1 by its recursive definition, not by our right edge.
        func root(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
            if leaves.isEmpty { return Digest(of: []).bytes }
            if leaves.count == 1 { return Digest(of: [0] + leaves.first!).bytes }
            var split = 1
            while split * 2 < leaves.count { split *= 2 }
            let middle = leaves.startIndex + split
            return Digest(of: [1] + root(leaves[..<middle]) + root(leaves[middle...])).bytes
        }
        var leaves: [[UInt8]] = []
        for frame in try await goldenFrames() {
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
            contentsOf: folder.appending(path: "entries.txt"), encoding: .utf8)
        let takeOvers = entries.split(separator: "\n").filter {
            $0.contains("lead_taken") && $0.contains("refunded") && !$0.contains("extended")
        }
        #expect(!takeOvers.isEmpty)
        for line in takeOvers {
            #expect(line.split(separator: " ")[2].count / 2 <= 118)
        }
    }
}
