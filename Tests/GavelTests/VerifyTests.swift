// Verification in full, snapshots, and what opening does with damage. The sweeps over every way to
// damage a ledger are in VerifySweepTests.

import AuctionDomain
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

/// Everything a reader shows.
private struct Picture: Equatable {
    let digest: StateDigest
    let auctions: [AuctionView]
    let overviews: [WalletView.Overview]
    let bids: [[AuctionView]]

    init(of path: String) throws {
        let reader = try LedgerReader.openAndWait(at: path)
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
            try await makeSmallLedger(at: path)
            let report = try Verifier.verify(at: path)
            #expect(report.isClean && report.entries == 20)
            #expect(report.covered.contains { $0.contains("snapshot after 20 entries") })
            #expect(verify(try readFrames(at: path), .full).root == report.root)
        }
    }

    @Test("Pages that a busy writer keeps from being walked are no finding, and not clean either")
    func structureBesideWriter() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !gate.isShut.load(ordering: .acquiring) {
                        let command = Command.registerUser(UserID(unchecked: "user"))
                        _ = try await ledger.enqueue([Submission(id: .generate(), command: command)]
                        )
                        .value()
                    }
                }
                for _ in 0..<20 {
                    let pages = try #require(try FolderStore(at: path).examine())
                    #expect(pages.faults == [] && pages.isSound)
                    #expect(
                        pages.isComplete
                            != pages.notCovered.contains { $0.contains("commits while") })
                }
                gate.isShut.store(true, ordering: .releasing)
                try await group.waitForAll()
            }
            await ledger.close()
            let report = try Verifier.verify(at: path, structure: true)
            #expect(report.isClean && !report.notCovered.contains { $0.contains("pages") })
        }
    }

    @Test("A damaged frame keeps a ledger from opening, with the place named")
    func opening() async throws {
        try await withLedgerPath { path in
            try await makeSmallLedger(at: path)
            try FileSystem.remove(path + "/snapshots")
            var frames = try readFrames(at: path)
            let middle = frames.count / 2
            frames[middle].1[frames[middle].1.count - 1] ^= 1
            try replaceLog(at: path, by: frames)
            #expect(throws: LedgerError(.damaged, "")) { try Ledger.openAndWait(at: path) }
            #expect(throws: LedgerError(.damaged, "")) { try LedgerReader.openAndWait(at: path) }
            #expect(try Verifier.verify(at: path).findings.first?.position == frames[middle].0)
        }
    }

    @Test("A snapshot that is not the fold of the log is a finding, and opening passes it over")
    func forgedSnapshot() async throws {
        try await withLedgerPath { path in
            try await makeSmallLedger(at: path)
            let digest = try await LedgerReader.open(at: path).digest
            let store = StoredSnapshots(store: FolderStore(at: path))
            let log = try FolderStore(at: path).openForReading()
            let whole = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            // Another history of the same ledger, as long, under the tree of this one.
            try await makeSmallLedger(at: path + "-other", step: 11, secondsLater: 1)
            let other = try FolderStore(at: path + "-other").openForReading()
            let lie = try Loader(log: other, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            try store.write(
                lie.readState, tree: whole.tree, ids: .unlimited(from: whole.horizon))
            log.close()
            other.close()
            let report = try Verifier.verify(at: path)
            #expect(report.findings.contains { $0.what.contains("snapshot is not the fold") })
            // Its time is not that of the frame that it would stand for.
            await #expect(try LedgerReader.open(at: path).digest == digest)
            // Throwing the snapshots away loses nothing.
            #expect(try Ledger.rebuild(at: path) == 20)
            #expect(try Verifier.verify(at: path).isClean)
            await #expect(try LedgerReader.open(at: path).digest == digest)
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
            let ledger = try await Ledger.open(at: path, configuration: configuration)
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
            await ledger.close()
            // One after the other: a process opens a ledger once at a time.
            let withSnapshot = try Picture(of: path)
            try FileSystem.remove(path + "/snapshots")
            let withoutSnapshot = try Picture(of: path)
            #expect(withSnapshot == withoutSnapshot)
            #expect(withSnapshot.digest == digest && withSnapshot.auctions == auctions)
            let reopened = try await Ledger.open(at: path, configuration: configuration)
            let step = try #require(last)
            let again = try await reopened.submit(step.command, id: step.id, by: step.actor)
            #expect(again.isReplay)
            await reopened.close()
        }
    }
}

@Suite("A ledger in a folder")
struct FolderTests {
    @Test("Two writers in one process are refused, and a closed ledger can be opened again")
    func twoWriters() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            #expect(throws: LedgerError(.heldByWriter, "")) { try Ledger.openAndWait(at: path) }
            await ledger.close()
            let again = try await Ledger.open(at: path)
            #expect(try again.entry(at: 2)?.outcome.events == [.engineOpened(epoch: 2)])
            await again.close()
        }
    }

    @Test("A reader in another process never sees past the durable position")
    func readerBesideWriter() async throws {
        try await withLedgerPath { path in
            let gate = Gate()
            let ledger = try Ledger.openAndWait(
                in: FolderStore(at: path), configuration: Configuration()
            ) { log in
                GatedLog(log, gate)
            }
            let ready = try ledger.enqueue([
                Submission(id: .generate(), command: .registerUser("shown"))
            ])
            _ = try await ready.value()
            // From here frames are stored, and so visible to LMDB's readers, but not reported.
            gate.isShut.store(true, ordering: .releasing)
            let held = try ledger.enqueue([
                Submission(id: .generate(), command: .registerUser("stored"))
            ])
            while gate.stored.load(ordering: .acquiring) == 0 {
                try await Task.sleep(for: .milliseconds(1))
            }
            try await #require(processExitsWith: .success) { [path = path as String] in
                let reader = try await LedgerReader.open(at: path)
                let stored = try reader.reading.log.entryCount
                precondition(stored == 4, "the frame must be stored for this test to mean anything")
                precondition(reader.reflects == 3)
                _ = try reader.wallet("shown")
                precondition((try? reader.wallet("stored")) == nil)
            }
            gate.isShut.store(false, ordering: .releasing)
            _ = try await held.value()
            try await #require(processExitsWith: .success) { [path = path as String] in
                let reader = try await LedgerReader.open(at: path)
                precondition(reader.reflects == 4)
            }
            await ledger.close()
        }
    }

    @Test("A backup taken beside a writer is a whole ledger of its own")
    func backup() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
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
            await ledger.close()
            let report = try Verifier.verify(at: path + "-copy")
            #expect(report.isClean)
            try writeKey(LedgerKey.read(path + "/key"), to: path + "-copy/key")
            let copy = try await Ledger.open(at: path + "-copy")
            #expect(copy.reflects == report.entries + 1)
            await copy.close()
        }
    }

    @Test("What is no ledger is not opened and not changed")
    func foreign() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.createsIfMissing = false
            let missing = LedgerError(.notFound, "")
            #expect(throws: missing) {
                try Ledger.openAndWait(at: path, configuration: configuration)
            }
            #expect(throws: missing) { try LedgerReader.openAndWait(at: path) }
            #expect(!FileSystem.exists(path))
            try FileSystem.createDirectory(path)
            try FileSystem.writeFileAtomically(path + "/diary.txt", Array("hello".utf8))
            #expect(throws: LedgerError(.foreign, "")) { try Ledger.openAndWait(at: path) }
            #expect(try FileSystem.listDirectory(path) == ["diary.txt"])
        }
    }
}
