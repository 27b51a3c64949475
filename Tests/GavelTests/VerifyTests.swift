// The verifier must be able to fail: every way to damage a small ledger is tried and named.

import AuctionDomain
import GavelTesting
import LMDB
import Synchronization
import Testing

@testable import Gavel

/// A small ledger in a folder, closed: some frames of some entries.
private func makeLedger(at path: String, step: Int64 = 10) async throws {
    let clock = ManualClock()
    var configuration = Bench.configuration(clock)
    configuration.ledgerID = LedgerID(high: 1, low: 2)
    let ledger = try Ledger.open(at: path, configuration: configuration)
    var commands: [Command] = [
        .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
        .registerUser("alice"), .registerUser("carol"),
        .charge(user: "alice", currency: "USD", amount: 900, reference: "a"),
        .charge(user: "carol", currency: "USD", amount: 900, reference: "c"),
        .openAuction(
            OpenAuction(auction: "lot-1", title: "A clock", seller: "bob", currency: "USD")),
    ]
    for amount in 1...9 {
        commands.append(
            .placeBid(
                auction: "lot-1", bidder: amount % 2 == 0 ? "alice" : "carol",
                amount: Money(minorUnits: Int64(amount) * step)))
    }
    commands.append(.placeBid(auction: "lot-1", bidder: "alice", amount: 5))
    commands.append(.closeAuction("lot-1", hammer: true))
    for command in commands {
        let receipt = try await ledger.submit(command, id: .generate(at: clock.now()))
        try #require(receipt.status != .refused)
    }
    ledger.close()
}

/// The frames of a ledger's log, by first position.
private func readFrames(at path: String) throws -> [(UInt64, [UInt8])] {
    let log = try LMDBEventLog(at: path + "/log", isReadOnly: true, creates: false)
    defer { log.close() }
    var frames: [(UInt64, [UInt8])] = []
    try log.forEachFrame(from: 0) { value in
        frames.append((try FrameHeader(value).firstPosition, value.array()))
        return true
    }
    return frames
}

/// Verifies a log of these frames, without snapshots.
private func verify(_ frames: [(UInt64, [UInt8])]) -> VerificationReport {
    let log = FrameList(frames: frames)
    var run = VerificationRun(log: log, snapshots: nil, count: 20)
    return run.report { _, _ in }
}

/// Frames as given, however wrong.
private final class FrameList: EventLog {
    let frames: [(UInt64, [UInt8])]
    init(frames: [(UInt64, [UInt8])]) { self.frames = frames }

    var entryCount: UInt64 { 20 }
    func start(reportingTo handler: @escaping @Sendable (LogReport) -> Void) {}
    func append(_ frame: Frame, atOnce: Bool, seal: @escaping @Sendable (Frame) -> Void) {}
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        let start = frames.lastIndex { $0.0 <= position } ?? 0
        for frame in frames[min(start, frames.count)...] {
            guard try withBytes(of: frame.1, body) else { return }
        }
    }
    func drain() {}
    func close() {}
}

/// Everything a reader shows.
private struct Picture: Equatable {
    let digest: StateDigest
    let auctions: [AuctionView]
    let overviews: [WalletOverview]
    let bids: [[AuctionView]]

    init(of path: String) throws {
        let reader = try LedgerReader.open(at: path)
        defer { reader.close() }
        digest = reader.digest
        auctions = try reader.auctions(limit: 1000).items
        let users = try reader.wallets(limit: 1000).items.map(\.user)
        overviews = try users.map { try reader.overview($0).value }
        bids = try users.map { try reader.auctions(AuctionFilter(bidder: $0)).items }
    }
}

@Suite("Verifying")
struct VerifyTests {
    @Test("A sound ledger is clean, and the report names what was covered")
    func clean() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            let report = try Verifier.verify(at: path)
            #expect(report.isClean && report.entries == 20)
            #expect(report.covered.contains { $0.contains("snapshot after 20 entries") })
            #expect(verify(try readFrames(at: path)).root == report.root)
        }
    }

    @Test("Each byte of the stored frames, flipped, is found")
    func byteFlips() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            let frames = try readFrames(at: path)
            for (index, frame) in frames.enumerated() {
                for byte in frame.1.indices {
                    var damaged = frames
                    damaged[index].1[byte] ^= 1 << UInt8(byte % 8)
                    let report = verify(damaged)
                    #expect(!report.isClean, "frame \(index) byte \(byte)")
                }
            }
        }
    }

    @Test("Dropped, swapped, doubled and cut frames are found at their place")
    func frameDamage() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            let frames = try readFrames(at: path)
            #expect(frames.count > 5)
            for index in 1..<frames.count - 1 {
                var dropped = frames
                dropped.remove(at: index)
                #expect(verify(dropped).findings.first?.position == frames[index].0)
                var swapped = frames
                (swapped[index].1, swapped[index + 1].1) = (frames[index + 1].1, frames[index].1)
                #expect(verify(swapped).findings.first?.position == frames[index].0)
                var doubled = frames
                doubled[index + 1] = (frames[index + 1].0, frames[index].1)
                #expect(!verify(doubled).isClean)
                var cut = frames
                cut[index].1.removeLast()
                #expect(verify(cut).findings.first?.position == frames[index].0)
            }
        }
    }

    @Test("A damaged frame keeps a ledger from opening, with the place named")
    func opening() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            try FileSystem.remove(path + "/projections")
            var frames = try readFrames(at: path)
            let middle = frames.count / 2
            frames[middle].1[frames[middle].1.count - 1] ^= 1
            try FileSystem.remove(path + "/log")
            let environment = try Environment(at: path + "/log")
            let table = try environment.integerTable(named: "frames", create: true)
            try environment.write { transaction in
                for (key, value) in frames {
                    try withBytes(of: value) { try transaction.append(table, key: key, value: $0) }
                }
            }
            try environment.close()
            #expect(throws: LedgerError(.damaged, "")) { try Ledger.open(at: path) }
            #expect(throws: LedgerError(.damaged, "")) { try LedgerReader.open(at: path) }
            #expect(try Verifier.verify(at: path).findings.first?.position == frames[middle].0)
        }
    }

    @Test("A snapshot that is not the fold of the log is a finding, and opening passes it over")
    func forgedSnapshot() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            let digest = try LedgerReader.open(at: path).digest
            let store = try SnapshotStore(at: path + "/projections", isReadOnly: false)
            let log = try LMDBEventLog(at: path + "/log", isReadOnly: true, creates: false)
            let whole = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            // Another history of the same ledger, as long, under the tree of this one.
            try await makeLedger(at: path + "-other", step: 11)
            let other = try LMDBEventLog(at: path + "-other/log", isReadOnly: true, creates: false)
            let lie = try Loader(log: other, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            try store.write(lie.readState, tree: whole.tree)
            log.close()
            other.close()
            store.close()
            let report = try Verifier.verify(at: path)
            #expect(report.findings.contains { $0.what.contains("snapshot is not the fold") })
            // Throwing the snapshots away loses nothing.
            #expect(try Ledger.rebuild(at: path) == 20)
            #expect(try Verifier.verify(at: path).isClean)
            #expect(try LedgerReader.open(at: path).digest == digest)
        }
    }

    @Test("Snapshots that LMDB cannot read, or cannot even open, keep no ledger from opening")
    func unreadableSnapshots() async throws {
        try await withLedgerPath { path in
            try await makeLedger(at: path)
            let log = try LMDBEventLog(at: path + "/log", isReadOnly: true, creates: false)
            let store = try SnapshotStore(at: path + "/projections", isReadOnly: true)
            // Every read of a closed environment throws, as a read of a damaged page does.
            store.close()
            let loader = Loader(log: log, snapshots: store, logger: Bench.logger)
            #expect(try loader.load(upTo: .none).readState.entryCount == 20)
            log.close()
            let file = path + "/projections/data.mdb"
            var bytes = try FileSystem.readFile(file)
            bytes.replaceSubrange(0..<8192, with: repeatElement(0xAB, count: 8192))
            try FileSystem.writeFileAtomically(file, bytes)
            let ledger = try Ledger.open(at: path)
            #expect(ledger.reflects == 21)
            ledger.close()
            #expect(try Verifier.verify(at: path).isClean)
        }
    }

    @Test("Opening with and without snapshots gives the same state, lists and ids included")
    func snapshots() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Bench.configuration(clock)
            configuration.snapshotIntervalEntries = 200
            var workload = Workload(seed: 31)
            clock.advance(to: workload.configuration.start)
            let ledger = try Ledger.open(at: path, configuration: configuration)
            var last: WorkloadStep?
            for _ in 0..<1200 {
                let step = workload.nextStep()
                clock.advance(to: step.time)
                try await ledger.tick()
                let receipt = try await ledger.submit(step.command, id: step.id, by: step.actor)
                if receipt.status == .accepted { last = step }
            }
            let auctions = try ledger.auctions(limit: 1000).items
            let digest = ledger.digest
            ledger.close()
            // One after the other: a process opens a ledger once at a time.
            let withSnapshot = try Picture(of: path)
            try FileSystem.remove(path + "/projections")
            let withoutSnapshot = try Picture(of: path)
            #expect(withSnapshot == withoutSnapshot)
            #expect(withSnapshot.digest == digest && withSnapshot.auctions == auctions)
            let reopened = try Ledger.open(at: path, configuration: configuration)
            let step = try #require(last)
            let again = try await reopened.submit(step.command, id: step.id, by: step.actor)
            #expect(again.isReplay)
            reopened.close()
        }
    }
}

@Suite("A ledger in a folder")
struct FolderTests {
    @Test("Two writers in one process are refused, and a closed ledger can be opened again")
    func twoWriters() async throws {
        try await withLedgerPath { path in
            let ledger = try Ledger.open(at: path)
            #expect(throws: LedgerError(.heldByWriter, "")) { try Ledger.open(at: path) }
            ledger.close()
            let again = try Ledger.open(at: path)
            #expect(try again.entry(at: 2)?.outcome.events == [.engineOpened(epoch: 2)])
            again.close()
        }
    }

    @Test("A reader in another process never sees past the durable position")
    func readerBesideWriter() async throws {
        try await withLedgerPath { path in
            let gate = Gate()
            let ledger = try Ledger.open(at: path, configuration: Configuration()) { log in
                GatedLog(log, gate)
            }
            let ready = try ledger.enqueue([
                Submission(id: .generate(), command: .registerUser("shown"))
            ])
            _ = try ready.wait()
            // From here frames are stored, and so visible to LMDB's readers, but not reported.
            gate.isShut.store(true, ordering: .releasing)
            let held = try ledger.enqueue([
                Submission(id: .generate(), command: .registerUser("stored"))
            ])
            while gate.stored.load(ordering: .acquiring) == 0 {
                try await Task.sleep(for: .milliseconds(1))
            }
            try await #require(processExitsWith: .success) { [path = path as String] in
                let reader = try LedgerReader.open(at: path)
                let stored = try reader.reading.log.entryCount
                precondition(stored == 4, "the frame must be stored for this test to mean anything")
                precondition(reader.reflects == 3)
                _ = try reader.wallet("shown")
                precondition((try? reader.wallet("stored")) == nil)
            }
            gate.isShut.store(false, ordering: .releasing)
            _ = try held.wait()
            try await #require(processExitsWith: .success) { [path = path as String] in
                let reader = try LedgerReader.open(at: path)
                precondition(reader.reflects == 4)
            }
            ledger.close()
        }
    }

    @Test("A backup taken beside a writer is a whole ledger of its own")
    func backup() async throws {
        try await withLedgerPath { path in
            let ledger = try Ledger.open(at: path)
            for number in 0..<50 {
                _ = try ledger.enqueue([
                    Submission(
                        id: .generate(),
                        command: .registerUser(UserID(unchecked: "user-\(number)")))
                ])
            }
            try ledger.backup(to: path + "-copy")
            #expect(throws: LedgerError(.alreadyExists, "")) {
                try ledger.backup(to: path + "-copy")
            }
            ledger.close()
            let report = try Verifier.verify(at: path + "-copy")
            #expect(report.isClean)
            let copy = try Ledger.open(at: path + "-copy")
            #expect(copy.reflects == report.entries + 1)
            copy.close()
        }
    }

    @Test("What is no ledger is not opened and not changed")
    func foreign() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.createsIfMissing = false
            let missing = LedgerError(.notFound, "")
            #expect(throws: missing) { try Ledger.open(at: path, configuration: configuration) }
            #expect(throws: missing) { try LedgerReader.open(at: path) }
            #expect(!FileSystem.exists(path))
            try FileSystem.createDirectory(path)
            try FileSystem.writeFileAtomically(path + "/diary.txt", Array("hello".utf8))
            #expect(throws: LedgerError(.foreign, "")) { try Ledger.open(at: path) }
            #expect(try FileSystem.listDirectory(path) == ["diary.txt"])
        }
    }
}
