// Forgers with the key: what verification finds though every hash, link, root and signature is as
// it should be, and what it cannot find.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("Forgers with the key")
struct ForgerTests {
    @Test("The ledger that is forged is sound, and stays so when it is only written anew")
    func untouched() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            #expect(try Verifier.verify(at: path).isClean)
            try forger.write(forger.forged(0..<0, by: []))
            let report = try Verifier.verify(at: path)
            #expect(report.isClean, "\(report.findings)")
            #expect(report.contradiction == nil && report.entries == UInt64(forger.lines.count))
        }
    }

    @Test(
        "An outcome that the rules do not give is found at its place, whoever signed it",
        arguments: Forgery.all)
    func outcomes(_ forgery: Forgery) async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            let (entries, position) = try forgery.make(forger)
            try forger.write(entries)
            // The bytes are what was hashed and signed.
            let records = try Verifier.verify(at: path, level: .records)
            #expect(records.isClean, "\(records.findings)")
            let report = try Verifier.verify(at: path)
            #expect(!report.isClean)
            #expect(report.firstDivergence == UInt64(position), "\(report.findings)")
            let found = try #require(report.contradiction?.redecision)
            #expect(found.recorded.position == UInt64(position))
            #expect(found.recorded.command == entries[position].command)
            #expect(found.recorded.outcome == entries[position].outcome)
            // The fold may stumble over it too, or over what follows, but over nothing before.
            let fold = try Verifier.verify(at: path, level: .fold)
            #expect(fold.contradiction == nil)
            #expect(fold.firstDivergence ?? .max >= UInt64(position))
            #expect(fold.notCovered.contains { $0.contains("--level rules") })
        }
    }

    @Test("An outage that moves an end as the rules say contradicts nothing")
    func outage() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            // As the rules give it, and later than it had to come.
            for seconds in [215, 5_000] as [Int64] {
                try forger.write(forger.withOutage(at: seconds).entries)
                let report = try Verifier.verify(at: path)
                #expect(report.isClean, "\(report.findings)")
                #expect(report.entries == UInt64(forger.lines.count) + 1)
            }
        }
    }

    @Test("A due closing that others pass over is a note, with the bid that was accepted beside it")
    func passedOver() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            let lot3 = AuctionHandle(rawValue: 2)
            let index = try forger.place { $0.command == .closeDue(lot3) }
            // Nobody closes lot 3; the next entry is a bid on lot 2.
            let next = forger.lines[index + 1]
            try forger.write(forger.forged(index..<index + 2, by: [next]))
            let report = try Verifier.verify(at: path)
            #expect(report.isClean, "\(report.findings)")
            #expect(
                report.notCovered.contains {
                    $0.contains("first lot-3 at position \(index); beside lot-3 a bid on another")
                        && $0.hasSuffix("position \(index)")
                }, "\(report.notCovered)")
        }
    }

    @Test("What follows a false entry and is decided by the rules is not called false")
    func consequences() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            let forgery = try #require(Forgery.all.first { $0.name == "a-second-leader" })
            let (entries, position) = try forgery.make(forger)
            #expect(position < entries.count - 10)
            try forger.write(entries)
            let report = try Verifier.verify(at: path)
            #expect(report.isComplete && report.findings.count == 1, "\(report.findings)")
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            var found: [UInt64] = []
            try reader.redecide { found.append($0.recorded.position) }
            #expect(found == [UInt64(position)])
        }
    }

    @Test("Several false entries are counted, and the first is the one that is named")
    func several() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            var lines = forger.lines
            let places = lines.indices.filter { lines[$0].outcome.rejection != nil }
            try #require(places.count >= 2)
            for place in places { lines[place].outcome = .rejected(Rejection(.overflowsPrice)) }
            try forger.write(forger.forged(0..<lines.count, by: lines))
            let report = try Verifier.verify(at: path)
            #expect(report.firstDivergence == UInt64(places[0]))
            #expect(report.findings.last?.what.hasPrefix("\(places.count) entries in all") == true)
        }
    }

    @Test("What the engine does by itself is no caller's, and a caller's is not the engine's")
    func actors() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            let closing = try forger.place { $0.actor == .system && $0.outcome.events.count > 1 }
            let bid = try forger.place(of: "bid_absorbed")
            var (ended, asked) = (forger.lines[closing], forger.lines[bid])
            ended.actor = .operator
            ended.id = CommandID(
                milliseconds: UInt64(ended.time.nanoseconds / 1_000_000), randomHigh: 7,
                randomLow: 99)
            asked.actor = .system
            asked.id = .none
            for (index, line) in [(closing, ended), (bid, asked)] {
                try forger.write(forger.forged(index..<index + 1, by: [line]))
                let report = try Verifier.verify(at: path)
                #expect(report.firstDivergence == UInt64(index), "\(report.findings)")
                #expect(report.contradiction?.redecision.ruling == .otherActor)
            }
        }
    }

    @Test("Closings that were held contradict nothing, and the report says what it cannot know")
    func held() async throws {
        let bench = try Bench { $0.closing = .held }
        try await bench.prepare()
        try await bench.open("lot-1", seconds: 10)
        #expect(bench.ledger.verify().notCovered.allSatisfy { !$0.contains("held") })
        bench.clock.advance(seconds: 20)
        try await bench.accept(.registerUser("zoe"))
        let held = bench.ledger.verify()
        #expect(held.isClean, "\(held.findings)")
        #expect(held.notCovered.contains { $0.contains("held") && $0.contains("lot-1") })
        try await bench.ledger.confirmClosings()
        try await bench.open("lot-2", seconds: 10)
        #expect(try await bench.bid("alice", 5, on: "lot-2").status == .accepted)
        let report = bench.ledger.verify()
        #expect(report.isClean, "\(report.findings)")
        #expect(bench.ledger.verify(level: .fold).contradiction == nil)
    }

    @Test(
        "A changed command that is decided by the rules is found by what was kept elsewhere only"
    )
    func commands() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            // Sign the true log: a checkpoint that somebody keeps, a receipt, a witness.
            try forger.write(forger.forged(0..<0, by: []))
            let reader = try await LedgerReader.open(at: path)
            let kept = try #require(try reader.checkpoint())
            let receipt = try reader.evidence(ofEntryAt: UInt64(forger.lines.count - 1))
            var witness = WitnessState()
            let witnessKey = try WitnessKey.generate(name: "witness.example/w")
            _ = try witness.cosign(
                kept.verified(by: [forger.key.verifier]),
                tree: reader.tree(ofSize: kept.checkpoint.size), by: witnessKey, atSeconds: 1)
            reader.close()

            let index = try forger.place(of: "bid_absorbed")
            var line = forger.lines[index]
            guard case .placeBid(let auction, let bidder, _) = line.command else { return }
            line.command = .placeBid(auction: auction, bidder: bidder, amount: 290)
            line.outcome = .accepted([
                .bidAbsorbed(auction: auction, bidder: bidder, price: 300)
            ])
            try forger.write(forger.forged(index..<index + 1, by: [line]))

            // No level sees it, and each says so.
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.isClean, "\(report.findings)")
                #expect(report.notCovered.contains { $0.contains("kept elsewhere") })
            }
            let forged = try await LedgerReader.open(at: path)
            defer { forged.close() }
            for checkpoint in [kept, receipt.checkpoint] {
                #expect(throws: LedgerError(.checkpointMismatch, "")) {
                    try forged.check(checkpoint)
                }
            }
            let signed = try #require(try forged.checkpoint())
            let tree = forged.tree(ofSize: signed.checkpoint.size)
            #expect(throws: EvidenceError.self) {
                try witness.cosign(
                    signed.verified(by: [forger.key.verifier]), tree: tree, by: witnessKey,
                    atSeconds: 2)
            }
        }
    }

    /// One forgery a line: its name, the position of the false entry, and the frame in hexadecimal.
    private static let fixture = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/log/v1/forgeries.txt")

    /// `Tests/Judges/check_log.py` has the outside judge find each at the same position. Written
    /// anew by `GAVEL_WRITE_FORGERIES=1 swift test --filter ForgerTests`.
    @Test("The forgeries that the outside judge is shown are these")
    func shown() async throws {
        try await withLedgerPath { path in
            let forger = try Forger(at: path)
            var text = ""
            for forgery in Forgery.all {
                let (entries, position) = try forgery.make(forger)
                let bytes = try forger.frame(of: entries).bytes
                let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                text += "\(forgery.name) \(position) \(digits)\n"
            }
            if ProcessInfo.processInfo.environment["GAVEL_WRITE_FORGERIES"] != nil {
                try text.write(to: Self.fixture, atomically: true, encoding: .utf8)
            }
            #expect(try text == String(contentsOf: Self.fixture, encoding: .utf8))
        }
    }
}
