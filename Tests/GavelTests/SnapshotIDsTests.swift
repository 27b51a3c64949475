// Snapshots carry the window of command ids: what opening takes from one is what the log says, and
// nothing before the snapshot is read for it.

import AuctionDomain
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

@Suite("Command ids in snapshots")
struct SnapshotIDsTests {
    /// A ledger of many small frames with a snapshot in their midst.
    private struct Made {
        var ids: [CommandID] = []
        /// How many entries the snapshot reflects.
        var snapshotCount: UInt64 = 0
    }

    private static func command(_ number: Int) -> Command {
        .registerUser(UserID(unchecked: "user-\(number)"))
    }

    /// Submits commands one at a time, a frame for each.
    private static func submit(
        _ numbers: Range<Int>, to path: String, _ configuration: Configuration,
        _ clock: ManualClock, secondsApart: Int64 = 0
    ) async throws -> [CommandID] {
        var ids: [CommandID] = []
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        for number in numbers {
            clock.advance(seconds: secondsApart)
            if secondsApart > 0 { try await ledger.tick() }
            ids.append(.generate(at: ledger.now))
            _ = try await ledger.submit(Self.command(number), id: ids.last!)
        }
        await ledger.close()
        return ids
    }

    private static func make(
        at path: String, _ configuration: Configuration, _ clock: ManualClock,
        secondsApart: Int64 = 0
    ) async throws -> Made {
        let snapshots = path + "/snapshots"
        var made = Made()
        made.ids = try await submit(
            0..<400, to: path, configuration, clock, secondsApart: secondsApart)
        let name = try #require(try FileSystem.listDirectory(snapshots).last)
        made.snapshotCount = try #require(UInt64(name))
        made.ids += try await submit(
            400..<500, to: path, configuration, clock, secondsApart: secondsApart)
        for other in try FileSystem.listDirectory(snapshots) where other != name {
            try FileSystem.remove("\(snapshots)/\(other)")
        }
        return made
    }

    /// What a window holds: period, hash and position of each id.
    private static func content(_ window: CommandIDWindow) -> Set<[UInt64]> {
        var all: Set<[UInt64]> = []
        window.forEachRun { run in
            for slot in run.slots {
                let position = run.firstPosition + (slot & 0xFFFF_FFFF) - 1
                all.insert([run.period, slot >> 32, position])
            }
        }
        return all
    }

    private static func window(
        _ log: any LogReader, _ snapshots: StoredSnapshots?, _ configuration: Configuration
    ) throws -> CommandIDWindow {
        (log as? WatchedLog)?.forget()
        return try Loader(log: log, snapshots: snapshots, logger: Bench.logger)
            .load { configuration.emptyWindow(from: $0) }.ids
    }

    @Test("Opening reads no id from before the snapshot, and knows the same ids as the log")
    func tail() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let configuration = Bench.configuration(clock)
            let made = try await Self.make(at: path, configuration, clock)
            let log = WatchedLog(
                try FolderStore(at: path).openForReading())
            let folder = StoredSnapshots(store: FolderStore(at: path))
            let window = try Self.window(log, folder, configuration)
            // The frame that the snapshot ends with is looked at, and holds one entry here.
            #expect(log.first == made.snapshotCount - 1)
            let twin = try Self.window(log, nil, configuration)
            #expect(try #require(log.first) < 10)
            #expect(Self.content(window) == Self.content(twin))
            #expect(window.count == 500 && twin.count == 500)
            #expect(window.horizon == twin.horizon)
            log.close()
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            for (number, id) in made.ids.enumerated() {
                let receipt = try await ledger.submit(Self.command(number), id: id)
                #expect(receipt.isReplay, "user-\(number)")
            }
            await ledger.close()
        }
    }

    @Test("The ids of frames that are hashed and folded side by side are all collected")
    func largeFrames() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let configuration = Bench.configuration(clock)
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            let submissions = (0..<3000).map {
                Submission(id: .generate(at: clock.now()), command: Self.command($0))
            }
            _ = try await ledger.enqueue(submissions).value()
            await ledger.close()
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            var largest = 0
            try log.forEachHeader(from: 0) { header in
                largest = max(largest, header.count)
                return true
            }
            #expect(largest >= 512)
            let window = try Self.window(log, nil, configuration)
            var expected = configuration.emptyWindow(from: window.horizon)
            try log.forEachID(from: 0, to: log.entryCount) { expected.insert($0, at: $1) }
            #expect(expected.count == 3000 && Self.content(window) == Self.content(expected))
        }
    }

    @Test("A limit that is lower than before lets the oldest ids go, with a snapshot or without")
    func limit() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Bench.configuration(clock)
            _ = try await Self.make(at: path, configuration, clock, secondsApart: 1)
            configuration.commandIDsMax = 120
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let folder = StoredSnapshots(store: FolderStore(at: path))
            let window = try Self.window(log, folder, configuration)
            let twin = try Self.window(log, nil, configuration)
            #expect(window.count == 120 && Self.content(window) == Self.content(twin))
            #expect(window.horizon == twin.horizon)
        }
    }

    @Test("Ids that a snapshot has and that were too old by the last frame are gone")
    func horizon() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Bench.configuration(clock)
            configuration.commandIDRetentionSeconds = 60
            let made = try await Self.make(at: path, configuration, clock, secondsApart: 1)
            let log = try FolderStore(at: path).openForReading()
            let folder = StoredSnapshots(store: FolderStore(at: path))
            let window = try Self.window(log, folder, configuration)
            let twin = try Self.window(log, nil, configuration)
            log.close()
            #expect(window.count < 120 && Self.content(window) == Self.content(twin))
            #expect(window.horizon.milliseconds == twin.horizon.milliseconds)
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            defer { ledger.closeNow() }
            let first = try await ledger.submit(Self.command(0), id: made.ids[0])
            #expect(first.refusal == .commandIDExpired)
            let last = try await ledger.submit(Self.command(499), id: made.ids[499])
            #expect(last.isReplay)
        }
    }

    @Test("Snapshots that are written while commands come have the ids of their own frame")
    func underWay() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Bench.configuration(clock)
            configuration.snapshotIntervalEntries = 50
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            let folder = StoredSnapshots(store: FolderStore(at: path))
            var (round, seen) = (0, 0)
            // A snapshot is written by a thread that has time when others have none to spare.
            while round < 20 || seen == 0 && round < 10_000 {
                let commands = (0..<25).map { number in
                    Submission(
                        id: .generate(at: ledger.now), command: Self.command(round * 25 + number))
                }
                _ = try await ledger.enqueue(commands).value()
                round += 1
                for header in folder.found() {
                    // One that has just been removed for a newer one cannot be read.
                    guard let content = try? folder.load(header, idsFrom: CommandHorizon())
                    else { continue }
                    // Two entries are the engine's own.
                    #expect(content.ids?.count == Int(header.entryCount) - 2)
                    seen += 1
                }
            }
            await ledger.close()
            #expect(seen > 0)
            let report = try Verifier.verify(at: path)
            #expect(report.isClean)
            #expect(report.covered.filter { $0.contains("snapshot after") }.count == 2)
        }
    }

    @Test("A snapshot with other ids than the log is a finding", arguments: [-1, 1])
    func otherIDs(change: Int) async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let configuration = Bench.configuration(clock)
            _ = try await Self.submit(0..<20, to: path, configuration, clock)
            let log = try FolderStore(at: path).openForReading()
            let loader = Loader(log: log, snapshots: nil, logger: Bench.logger)
            let loaded = try loader.load(upTo: .none)
            var ids = CommandIDWindow.unlimited(from: loaded.horizon)
            var left = 20 + change
            try log.forEachID(from: 0, to: loaded.readState.entryCount) { id, position in
                if left > 0 { ids.insert(id, at: position) }
                left -= 1
            }
            if change > 0 { ids.insert(.generate(at: Timestamp(seconds: 5)), at: 3) }
            log.close()
            try StoredSnapshots(store: FolderStore(at: path))
                .write(loaded.readState, tree: loaded.tree, ids: ids)
            let findings = try Verifier.verify(at: path).findings
            #expect(findings.contains { $0.what.contains("command ids are not those") })
        }
    }
}

/// Remembers the first position from which anything was read.
private final class WatchedLog: WrappedLog, @unchecked Sendable {
    private let least = Mutex<UInt64?>(nil)

    /// The first position of a frame that was read since `forget`.
    var first: UInt64? { least.withLock { $0 } }
    func forget() { least.withLock { $0 = nil } }

    override func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try super.forEachFrame(from: position) { value in
            let first = try FrameHeader(value).firstPosition
            least.withLock { $0 = min($0 ?? first, first) }
            return try body(value)
        }
    }
}
