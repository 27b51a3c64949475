// Snapshots are short cuts: whatever happens to one, a ledger opens as it would without any.

import AuctionDomain
import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("Snapshots")
struct SnapshotTests {
    /// A ledger with everything that a snapshot has records of: two currencies, further accounts,
    /// long names, several terms, extras, held money, and lots of every phase.
    static func makeLedger(at path: String) async throws {
        let clock = ManualClock()
        var workload = Workload(seed: 5)
        clock.advance(to: workload.configuration.start)
        let ledger = try await Ledger.open(at: path, configuration: Bench.configuration(clock))
        for _ in 0..<400 {
            let step = workload.nextStep()
            clock.advance(to: step.time)
            try await ledger.tick()
            _ = try await ledger.submit(step.command, id: step.id, by: step.actor)
        }
        await ledger.close()
    }

    static func file(of path: String) throws -> String {
        let names = try FileSystem.listDirectory(path + "/snapshots")
        return "\(path)/snapshots/\(try #require(names.last))"
    }

    @Test("Whatever bit of a snapshot is flipped, or wherever it is cut, a ledger opens the same")
    func flipped() async throws {
        try await withLedgerPath { path in
            try await Self.makeLedger(at: path)
            let file = try Self.file(of: path)
            let whole = try FileSystem.readFile(file)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let folder = StoredSnapshots(store: FolderStore(at: path))
            let truth = try Loader(log: log, snapshots: nil, logger: Bench.logger).load(upTo: .none)
            /// What opening gives, and whether it took the snapshot.
            func load() throws -> Bool {
                let loaded = try Loader(log: log, snapshots: folder, logger: Bench.logger)
                    .load { .unlimited(from: $0) }.loaded
                #expect(loaded.readState.state.digest == truth.readState.state.digest)
                #expect(loaded.tree == truth.tree)
                return loaded.snapshotCount > 0
            }
            #expect(try load())
            func expectPassedOver(_ bytes: [UInt8], _ what: String) throws {
                try FileSystem.writeFileAtomically(file, bytes)
                #expect(try !load(), "\(what)")
            }
            var random = SeededGenerator(seed: 7)
            let header = 0..<200
            let offsets =
                Array(header)
                + (0..<60 * campaignScale).map { _ in
                    Int.random(in: SnapshotHeader.byteCount..<whole.count, using: &random)
                }
            for offset in offsets {
                var bytes = whole
                bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try expectPassedOver(bytes, "byte \(offset)")
            }
            for length in [0, 1, 4095, 4096, 4100, 4132, whole.count / 2, whole.count - 1] {
                try expectPassedOver(Array(whole[..<length]), "cut at \(length)")
            }
            try FileSystem.writeFileAtomically(file, whole)
            #expect(try load())
        }
    }

    @Test("Chunks that are hashed but say what cannot be are refused, and trap nobody")
    func forged() async throws {
        try await withLedgerPath { path in
            try await Self.makeLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let loaded = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            let state = loaded.readState.state
            var chunks: [[UInt8]] = []
            try loaded.readState.writeChunks { chunks.append($0.array()) }
            let stateChunkCount = chunks.count
            let ids = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load { .unlimited(from: $0) }.ids
            try ids.writeChunks { chunks.append($0.array()) }
            #expect(chunks.count > stateChunkCount)
            let header = SnapshotHeader(
                ledgerID: try #require(state.ledgerID), entryCount: state.entryCount,
                tree: loaded.tree, digest: state.digest, chunkCount: UInt64(chunks.count),
                stateChunkCount: UInt64(stateChunkCount), content: .empty)
            func load(_ chunks: [[UInt8]]) throws -> ReadState {
                var loader = SnapshotLoader(header, horizon: loaded.horizon)
                for chunk in chunks {
                    try withBytes(of: chunk) { bytes in
                        if chunk.first == SnapshotSection.ids.rawValue {
                            try loader.loadIDs(bytes)
                        } else {
                            try loader.load(bytes)
                        }
                    }
                }
                // Every id that was taken is one of the log's positions.
                loader.ids.forEachRun { run in
                    for slot in run.slots {
                        #expect(
                            run.firstPosition + (slot & 0xFFFF_FFFF) <= header.entryCount)
                    }
                }
                return try loader.finish()
            }
            #expect(try load(chunks).state.recomputedDigest() == state.digest)
            // Every section, left out: those that others point to are missed.
            var missed = 0
            for index in chunks.indices {
                var fewer = chunks
                fewer.remove(at: index)
                if (try? load(fewer)) == nil { missed += 1 }
            }
            #expect(missed >= 4)
            var random = SeededGenerator(seed: 11)
            var refused = 0
            for _ in 0..<2000 * campaignScale {
                var forged = chunks
                let index = Int.random(in: 0..<forged.count, using: &random)
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let offset = Int.random(in: 0..<forged[index].count, using: &random)
                    forged[index][offset] = UInt8.random(in: .min ... .max, using: &random)
                }
                guard let read = try? load(forged) else {
                    refused += 1
                    continue
                }
                // What was taken can be asked about everything: nothing points beyond it.
                for user in 0..<read.state.userCount {
                    _ = read.state.accounts(of: UserHandle(rawValue: UInt32(user)))
                }
                _ = read.state.recomputedDigest()
            }
            #expect(refused > 500)
        }
    }

    @Test("Several holds on one auction are in a snapshot, and on their holders' lists")
    func sharedHolds() async throws {
        try await withLedgerPath { path in
            try await Self.makeLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let loaded = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            var state = loaded.readState.state
            let auctions = (0..<UInt32(state.auctionCount)).map { AuctionHandle(rawValue: $0) }
            let lot = try #require(auctions.first { state[$0].held > 0 })
            // Two more users get holds on it, by events that no English auction has.
            let point = EntryPoint(position: state.entryCount, time: state.time)
            let users = (0..<UInt32(state.userCount)).map { UserHandle(rawValue: $0) }
            for user in users where state.available(user, state[lot].currency) > 5 {
                let held = state.hold(of: user, on: lot) + 5
                state.evolve(.locked(auction: lot, user: user, amount: 5, held: held), at: point)
            }
            let holds = state.holds(on: lot)
            #expect(holds.count > 2)
            let readState = ReadState(
                state: state, titles: loaded.readState.titles,
                changed: auctions.map { _ in 0 }, bids: [])
            var chunks: [[UInt8]] = []
            try readState.writeChunks { chunks.append($0.array()) }
            let header = SnapshotHeader(
                ledgerID: try #require(state.ledgerID), entryCount: state.entryCount,
                tree: loaded.tree, digest: state.digest, chunkCount: UInt64(chunks.count),
                stateChunkCount: UInt64(chunks.count), content: .empty)
            func load(_ chunks: [[UInt8]]) throws -> ReadState {
                var loader = SnapshotLoader(header, horizon: loaded.horizon)
                for chunk in chunks { try withBytes(of: chunk) { try loader.load($0) } }
                return try loader.finish()
            }
            let read = try load(chunks)
            #expect(read.state.holds(on: lot) == holds)
            #expect(read.state.recomputedDigest() == state.digest)
            for user in users {
                let expected = auctions.filter { state.hold(of: user, on: $0) > 0 }
                #expect(read.holds(of: user) == expected, "\(user)")
                #expect(readState.holds(of: user) == expected, "\(user)")
            }
            // Without them, or with one of them changed, it is no snapshot.
            let place = try #require(
                chunks.firstIndex { $0.first == SnapshotSection.holds.rawValue })
            var fewer = chunks
            fewer.remove(at: place)
            #expect(throws: LogFault.self) { _ = try load(fewer) }
            var other = chunks
            other[place][other[place].count - 8] ^= 1
            #expect(throws: LogFault.self) { _ = try load(other) }
        }
    }

    @Test("Two snapshots are kept, and what a crash left half written goes with the next one")
    func kept() async throws {
        try await withLedgerPath { path in
            try await makeSmallLedger(at: path)
            let leftover = path + "/snapshots/00000000000000000099.tmp-1"
            try FileSystem.writeFileAtomically(leftover, [1, 2, 3])
            for _ in 0..<3 {
                let ledger = try await Ledger.open(at: path)
                await ledger.close()
            }
            let names = try FileSystem.listDirectory(path + "/snapshots")
            #expect(names == ["00000000000000000022", "00000000000000000023"])
            #expect(try Verifier.verify(at: path).covered.contains("the snapshot after 23 entries"))
        }
    }

    @Test("Snapshots of a former version are removed, and the ledger opens from its log")
    func former() async throws {
        try await withLedgerPath { path in
            try await makeSmallLedger(at: path)
            try FileSystem.rename(path + "/snapshots", to: path + "/projections")
            let ledger = try await Ledger.open(at: path)
            #expect(ledger.reflects == 21)
            await ledger.close()
            #expect(!FileSystem.exists(path + "/projections"))
            #expect(FileSystem.exists(path + "/snapshots"))
        }
    }
}
