// Evidence of a ledger's entries: made from its log, checked with nothing but the key, and refused
// when any byte of it, a part or the key is another.
//
// With GAVEL_WRITE_EVIDENCE=FOLDER the log, its tiles, checkpoints and proofs are written there for
// Tests/Judges/check_evidence.py, which asks tools that know nothing of Gavel.

import AuctionDomain
import Foundation
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// A ledger with entries of most kinds, and its head signed.
private struct House {
    let bench: Bench
    let tree: LogTree
    let checkpoint: SignedCheckpoint

    /// - Parameter rounds: how many bids follow each other.
    init(rounds: Int = 3) async throws {
        bench = try Bench()
        try await bench.prepare(money: 1_000_000)
        try await bench.open("lot-1", proxy: true)
        try await bench.open("lot-2")
        for round in 1...rounds {
            let amount = Money(minorUnits: Int64(100 * round))
            _ = try await bench.bid(round % 2 == 0 ? "alice" : "carol", amount)
        }
        // Below the minimum.
        _ = try await bench.bid("alice", 1)
        try await bench.accept(
            .closeAuction("lot-1", hammer: true), .cancelAuction("lot-2", reason: "damaged"),
            .withdraw(user: "bob", currency: "USD", amount: 5, reference: "out"))
        await bench.ledger.close()
        let size = try bench.log.entryCount
        tree = LogTree(of: bench.log, size: size)
        checkpoint = try Checkpoint(
            origin: "ledger.example/house", size: size, root: tree.root(ofSize: size)
        ).signed(by: Sample.key())
    }

    var size: UInt64 { checkpoint.checkpoint.size }

    func evidence(_ position: UInt64) throws -> EvidenceBundle {
        try EvidenceBundle.make(
            position: position, checkpoint: checkpoint, entries: CheckedEntries(bench.log),
            tree: tree)
    }

    /// The position of the first entry of which something holds.
    func position(where condition: (LedgerEntry) -> Bool) throws -> UInt64 {
        for position in 0..<size {
            let entry = try #require(try bench.log.entry(at: position)?.entry)
            if condition(entry) { return position }
        }
        throw LogFault("there is no such entry")
    }

    /// The take-over that refunds alice.
    func takeOver() throws -> UInt64 {
        try position { entry in
            entry.outcome.events.contains {
                if case .refunded(_, _, _, .outbid) = $0 { true } else { false }
            }
        }
    }
}

@Suite("Evidence")
struct EvidenceTests {
    private let keys: [VerifierKey]

    init() throws { keys = [try VerifierKey(Sample.vkey)] }

    @Test("Every entry's evidence is proven by nothing but the key, and says what the log says")
    func everyEntry() async throws {
        let house = try await House()
        var kinds: Set<UInt8> = []
        for position in 0..<house.size {
            let made = try house.evidence(position)
            let read = try EvidenceBundle(parsing: made.bytes)
            #expect(read == made)
            #expect(read.bytes == made.bytes)
            let checked = try read.check(by: keys)
            #expect(checked.entry == (try house.bench.log.entry(at: position)?.entry))
            #expect(checked.checkpoint.size == house.size)
            kinds.insert(checked.entry.command.kindNumber)
            // Each part is a whole proof file.
            for file in made.proofFiles {
                let alone = try ProofFile(parsing: file.bytes)
                _ = try alone.verify(entry: #require(alone.extra), by: keys)
            }
        }
        #expect(kinds.count == 10)
        #expect(throws: EvidenceError(.notProven, "")) { try house.evidence(house.size) }
        #expect(throws: EvidenceError(.notProven, "")) { try house.evidence(.max) }
    }

    @Test("The names and amounts of a bid come out of the evidence alone")
    func names() async throws {
        let house = try await House()
        let checked = try house.evidence(house.takeOver()).check(by: keys)
        let names = checked.names
        guard case .placeBid(let auction, let bidder, _) = checked.entry.command else {
            Issue.record("no bid")
            return
        }
        #expect(names.id(of: auction) == "lot-1")
        #expect(names.currency(of: auction) == Currency(code: "USD", scale: 2))
        #expect(["alice", "carol"].contains(names.id(of: bidder)))
        for event in checked.entry.outcome.events {
            guard case .refunded(_, let user, _, _) = event else { continue }
            #expect(["alice", "carol"].contains(names.id(of: user)))
            #expect(user != bidder)
        }
        // Both bidders, the seller of the lot, its currency and its opening.
        #expect(checked.registrations.count == 5)
        #expect(names.id(of: UserHandle.house) == .house)
        #expect(names.id(of: UserHandle(rawValue: 77)).string == "user:77")
    }

    @Test("Evidence with any one byte changed is refused, and nothing traps")
    func flippedBytes() async throws {
        let house = try await House()
        let bytes = try house.evidence(house.takeOver()).bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << (index % 8)
            #expect(throws: EvidenceError.self, "byte \(index)") {
                try EvidenceBundle(parsing: changed).check(by: keys)
            }
            #expect(throws: EvidenceError.self) {
                try EvidenceBundle(parsing: Array(bytes[..<index])).check(by: keys)
            }
        }
    }

    @Test("Evidence that lacks a part that gives a name is incomplete")
    func missingParts() async throws {
        let house = try await House()
        let text = String(
            decoding: try house.evidence(house.takeOver()).bytes, as: UTF8.self)
        let paragraphs = text.components(separatedBy: "\n\n")
        // The first holds the header and the entry itself, the last two are the checkpoint.
        for index in 1..<paragraphs.count - 2 {
            var fewer = paragraphs
            fewer.remove(at: index)
            let count = paragraphs.count - 2
            let shorter = fewer.joined(separator: "\n\n")
                .replacing("entries \(count)\n", with: "entries \(count - 1)\n")
            let bundle = try EvidenceBundle(parsing: Array(shorter.utf8))
            #expect(throws: EvidenceError(.incomplete, "")) { try bundle.check(by: keys) }
        }
        // Without the entry itself it would be evidence of another one; it is out of order then.
        var swapped = paragraphs
        swapped.swapAt(1, 2)
        #expect(throws: EvidenceError(.malformed, "")) {
            try EvidenceBundle(parsing: Array(swapped.joined(separator: "\n\n").utf8))
        }
    }

    @Test("Evidence proves nothing without a signature of the ledger's key")
    func signatures() async throws {
        let house = try await House()
        let bundle = try house.evidence(house.takeOver())
        let stranger = try SigningKey.generate(name: "ledger.example/house")
        #expect(throws: EvidenceError(.notSigned, "")) { try bundle.check(by: [stranger.verifier]) }
        #expect(throws: EvidenceError(.notSigned, "")) { try bundle.check(by: []) }
        // A stranger's signature under the same proof.
        let forged =
            Array(bundle.bytes.dropLast(bundle.checkpoint.bytes.count))
            + (try house.checkpoint.checkpoint.signed(by: stranger).bytes)
        #expect(throws: EvidenceError(.notSigned, "")) {
            try EvidenceBundle(parsing: forged).check(by: keys)
        }
        // A head of another size under the same proof.
        let earlier = try Checkpoint(
            origin: "ledger.example/house", size: house.size - 1,
            root: house.tree.root(ofSize: house.size - 1)
        ).signed(by: Sample.key())
        let moved = Array(bundle.bytes.dropLast(bundle.checkpoint.bytes.count)) + earlier.bytes
        #expect(throws: EvidenceError(.notProven, "")) {
            try EvidenceBundle(parsing: moved).check(by: keys)
        }
    }

    @Test("A witness that cosigned is named, with the time")
    func witnesses() async throws {
        let house = try await House()
        let witness = try Sample.witness()
        let cosigned = try house.checkpoint.cosigned(by: witness, atSeconds: 1_700_000_000)
        let bundle = try EvidenceBundle.make(
            position: 3, checkpoint: cosigned, entries: CheckedEntries(house.bench.log),
            tree: house.tree)
        let checked = try bundle.check(by: keys, witnesses: [witness.verifier])
        #expect(
            checked.checkpoint.cosignatures
                == [.init(witness: witness.verifier, seconds: 1_700_000_000)])
        #expect(try bundle.check(by: keys).checkpoint.cosignatures == [])
    }

    @Test("A log that gives one handle two names is caught by the evidence of both")
    func doubleRegistration() async throws {
        let house = try await House()
        let alice = try house.position { $0.command == .registerUser("alice") }
        let bytes = try house.bench.log.entryBytes(in: alice..<alice + 1)[0]
        // The same entry once more at the end, as a forger would write it.
        var again = bytes
        let position = house.size
        for byte in 0..<8 {
            again[8 + byte] = UInt8(truncatingIfNeeded: position >> (8 * UInt64(byte)))
        }
        var tree = MemoryTree()
        for entry in try house.bench.log.entryBytes(in: 0..<house.size) { tree.append(entry) }
        tree.append(again)
        let head = try Checkpoint(
            origin: "ledger.example/house", size: tree.size, root: tree.root(ofSize: tree.size)
        ).signed(by: Sample.key())
        func part(_ bytes: [UInt8], _ index: UInt64) throws -> String {
            ProofPart(
                extra: bytes,
                proof: try InclusionProof.make(index: index, size: tree.size, in: tree)
            ).text
        }
        let file = try "gavel-evidence/v1\nentries 2\n" + part(bytes, alice) + part(again, position)
        let bundle = try EvidenceBundle(parsing: Array(file.utf8) + head.bytes)
        #expect(throws: EvidenceError(.notProven, "")) { try bundle.check(by: keys) }
        // Bytes of another place do not pass either.
        let wrong =
            try "gavel-evidence/v1\nentries 1\n"
            + part(bytes, alice).replacing("index \(alice)", with: "index \(alice + 1)")
        #expect(throws: EvidenceError(.notProven, "")) {
            try EvidenceBundle(parsing: Array(wrong.utf8) + head.bytes).check(by: keys)
        }
    }

    @Test("Nonsense that a dishonest ledger signed is refused or told as it is; nothing traps")
    func dishonestLedger() async throws {
        let house = try await House()
        let entries = try house.bench.log.entryBytes(in: 0..<house.size)
        var draws = SeededGenerator(seed: 7)
        for (index, entry) in entries.enumerated() {
            let names = try house.evidence(UInt64(index)).proofFiles.dropFirst()
            for offset in entry.indices {
                var changed = entries
                changed[index][offset] ^= UInt8.random(in: 1...255, using: &draws)
                var tree = MemoryTree()
                for entry in changed { tree.append(entry) }
                let head = try Checkpoint(
                    origin: "ledger.example/house", size: tree.size,
                    root: tree.root(ofSize: tree.size)
                ).signed(by: Sample.key())
                func part(_ index: UInt64) throws -> String {
                    ProofPart(
                        extra: changed[Int(index)],
                        proof: try InclusionProof.make(index: index, size: tree.size, in: tree)
                    ).text
                }
                var file = "gavel-evidence/v1\nentries \(names.count + 1)\n"
                for index in [UInt64(index)] + names.map(\.proof.index) { file += try part(index) }
                let bundle = try EvidenceBundle(parsing: Array(file.utf8) + head.bytes)
                guard let checked = try? bundle.check(by: keys) else { continue }
                var writer = JSONWriter()
                writer.entry(checked.entry, names: checked.names)
                #expect(!writer.bytes.isEmpty)
            }
        }
    }

    @Test("The tree hashed from the log is the one its frames name, at every size and level")
    func logTree() async throws {
        let house = try await House(rounds: 700)
        #expect(house.size > 700)
        let entries = try house.bench.log.entryBytes(in: 0..<house.size)
        #expect(UInt64(entries.count) == house.size)
        var nodes = MemoryTree()
        for entry in entries { nodes.append(entry) }
        for size in 0...house.size {
            #expect(try house.tree.root(ofSize: size) == nodes.root(ofSize: size), "\(size)")
        }
        for level in 0...9 {
            #expect(
                try house.tree.hash(level: level, index: 0) == nodes.hash(level: level, index: 0))
        }
        let last = try #require(house.bench.store.frames.last)
        let header = try withBytes(of: last) { try FrameHeader($0) }
        #expect(try house.tree.root(ofSize: house.size) == header.root)
        #expect(throws: LogFault.self) { try house.tree.hash(level: 0, index: house.size) }
        #expect(throws: LogFault.self) { try house.tree.hash(level: 10, index: 0) }
    }

    @Test(
        "A log, its tiles and proofs are written for the judges where one asks for them",
        .enabled(if: ProcessInfo.processInfo.environment["GAVEL_WRITE_EVIDENCE"] != nil))
    func writeSample() async throws {
        let folder = URL(
            filePath: ProcessInfo.processInfo.environment["GAVEL_WRITE_EVIDENCE"] ?? "")
        let house = try await House(rounds: 900)
        func write(_ bytes: [UInt8], _ path: String) throws {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
        for tile in HashTile.tiles(ofSize: house.size) {
            try write(tile.bytes(in: house.tree), "tiles/\(tile.path)")
            guard tile.level == 0 else { continue }
            let first = 256 * tile.index
            let entries = try house.bench.log.entryBytes(in: first..<first + UInt64(tile.width))
            try write(try HashTile.bundle(of: entries), "tiles/\(tile.entriesPath)")
        }
        let key = try Sample.key()
        let witness = try Sample.witness()
        let cosigned = try house.checkpoint.cosigned(by: witness, atSeconds: 1_700_000_000)
        try write(cosigned.bytes, "tiles/checkpoint")
        try write(Array("\(key.verifier)\n".utf8), "log.vkey")
        try write(Array("\(witness.verifier)\n".utf8), "witness.vkey")
        for position in [0, 7, 255, 256, house.size - 1] {
            let bundle = try EvidenceBundle.make(
                position: position, checkpoint: cosigned,
                entries: CheckedEntries(house.bench.log), tree: house.tree)
            try write(bundle.bytes, "proofs/\(position).evidence")
            for file in bundle.proofFiles {
                try write(file.bytes, "proofs/\(position)-\(file.proof.index).tlog-proof")
            }
        }
        for old: UInt64 in [1, 100, 256, 512, house.size - 1] {
            let head = try Checkpoint(
                origin: "ledger.example/house", size: old, root: house.tree.root(ofSize: old)
            ).signed(by: key)
            try write(head.bytes, "heads/\(old).checkpoint")
            let proof = try ConsistencyProof.make(from: old, to: house.size, in: house.tree)
            try write(proof.fileBytes(with: cosigned), "heads/\(old).consistency")
        }
    }
}

extension CanonicalCommand {
    /// The kind's number in the log.
    fileprivate var kindNumber: UInt8 {
        switch self {
        case .createLedger: 1
        case .openEngine: 2
        case .registerCurrency: 16
        case .registerUser: 17
        case .charge: 18
        case .withdraw: 19
        case .openAuction: 20
        case .placeBid: 21
        case .closeAuction: 22
        case .cancelAuction: 24
        default: 0
        }
    }
}
