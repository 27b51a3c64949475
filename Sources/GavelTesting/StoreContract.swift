// What a store promises, as something to run: `LedgerStore`'s text, promise by promise.
//
// Invariants: every check works on a store of its own; what a check finds is a sentence that says
// what was promised and what was seen, so that it can be read without this file.

internal import AuctionDomain
public import Gavel
internal import Platform
internal import Synchronization

/// Holds a store to its contract.
///
///     let broken = try await StoreContract.violations { try MyStore(at: freshPlace()) }
///     #expect(broken == [])
public struct StoreContract: Sendable {
    /// A promise, and how it is tried.
    public struct Check: Sendable, CustomStringConvertible {
        public let promise: String
        fileprivate let run: @Sendable (StoreTrial) async throws -> Void

        public var description: String { promise }
    }

    /// Runs every check.
    /// - Parameter make: a store in which nothing is yet, another one at each call.
    /// - Returns: what is not as promised, each as the promise and what was seen; empty for a store
    ///   that keeps its contract.
    public static func violations(
        of make: @Sendable () throws -> any LedgerStore
    ) async throws -> [String] {
        var found: [String] = []
        for check in checks { found += try await violations(of: check, make) }
        return found
    }

    /// Runs one check.
    public static func violations(
        of check: Check, _ make: @Sendable () throws -> any LedgerStore
    ) async throws -> [String] {
        let trial = StoreTrial(store: try make(), other: try make())
        do { try await check.run(trial) } catch { trial.note("\(error)") }
        return trial.seen.map { "\(check.promise): \($0)" }
    }
}

/// A store under trial, and another one like it.
final class StoreTrial: Sendable {
    let store: any LedgerStore
    let other: any LedgerStore
    private let notes = Mutex<[String]>([])

    init(store: any LedgerStore, other: any LedgerStore) {
        self.store = store
        self.other = other
    }

    var seen: [String] { notes.withLock { $0 } }

    func note(_ what: String) { notes.withLock { $0.append(what) } }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) {
        if !isTrue { note(what()) }
    }

    /// Expects an error with a code.
    func expect(_ code: LedgerError.Code, _ what: String, _ body: () throws -> Void) {
        do {
            try body()
            note("\(what) did not fail with \(code.rawValue)")
        } catch {
            expect((error as? LedgerError)?.code == code, "\(what) failed with \(error)")
        }
    }

    // MARK: Frames

    /// Frames of a ledger, each of some entries, as the engine makes them.
    static func frames(_ counts: [Int]) async throws -> [SealedFrame] {
        let source = MemoryStore()
        var configuration = Configuration()
        configuration.clock = ManualClock()
        let ledger = try await Ledger.open(in: source, configuration: configuration)
        var user = 0
        for count in counts {
            let batch = (0..<count).map { _ in
                user += 1
                return Submission(
                    id: .generate(at: ledger.now),
                    command: .registerUser(UserID(unchecked: "user-\(user)")))
            }
            _ = try await ledger.submit(batch)
        }
        await ledger.close()
        var tree = MerkleTree()
        return try source.frames.map { try SealedFrame(following: &tree, $0) }
    }

    /// Opens the store's log for writing.
    func write<R>(_ body: (any LogWriter) throws -> R) throws -> R {
        let log = try store.openForWriting(StoreOpening())
        defer { log.close() }
        return try body(log)
    }

    /// The values that are stored.
    static func values(of log: any LogReader, from position: UInt64 = 0) throws -> [[UInt8]] {
        var values: [[UInt8]] = []
        try log.forEachFrame(from: position) { value in
            values.append(value.array())
            return true
        }
        return values
    }
}

extension StoreContract {
    /// Every promise that can be tried from outside.
    public static let checks: [Check] = [
        Check(promise: "A store in which nothing is has no ledger to read") { trial in
            trial.expect(.notFound, "opening an empty store for reading") {
                _ = try trial.store.openForReading()
            }
            var opening = StoreOpening()
            opening.createsIfMissing = false
            trial.expect(.notFound, "opening an empty store for writing without making one") {
                _ = try trial.store.openForWriting(opening)
            }
        },
        Check(promise: "What is read is what was appended, byte for byte, in its order") { trial in
            let frames = try await StoreTrial.frames([1, 300, 2, 700])
            try trial.write { log in
                for frame in frames.prefix(2) { try log.append([frame]) }
                try log.append(Array(frames.dropFirst(2)))
                try trial.expectSame(log, frames)
            }
            let log = try trial.store.openForReading()
            try trial.expectSame(log, frames)
            log.close()
        },
        Check(promise: "A frame is found by any position in it, and the last one behind the end") {
            trial in
            let frames = try await StoreTrial.frames([1, 5, 3])
            try trial.write { log in
                try log.append(frames)
                for (number, frame) in frames.enumerated() {
                    for position in frame.firstPosition..<frame.endPosition {
                        let read = try StoreTrial.values(of: log, from: position)
                        trial.expect(
                            read == frames[number...].map(\.bytes),
                            "from position \(position) on \(read.count) frames were read")
                    }
                }
                let end = frames[frames.count - 1].endPosition
                let behind = try StoreTrial.values(of: log, from: end)
                trial.expect(
                    behind == [frames[frames.count - 1].bytes],
                    "behind the end \(behind.count) frames were read")
                var lent = 0
                try log.forEachFrame(from: 0) { _ in
                    lent += 1
                    return false
                }
                trial.expect(lent == 1, "\(lent) frames were lent after the first answer of false")
            }
        },
        Check(promise: "Roots of tiles are those of the frames, and are replaced together") {
            trial in
            let frames = try await StoreTrial.frames([700, 1, 400])
            try trial.write { log in
                try log.append(frames)
                guard log.keepsTileRoots else { return }
                var last: UInt64 = 0
                for frame in frames {
                    try frame.tiles.forEachRow { tile, roots in
                        last = tile
                        let stored = try log.tileRoots(endingWith: tile)
                        trial.expect(stored == roots, "the roots of tile \(tile) are others")
                    }
                }
                for tiles in [0..<last + 3, 1..<2, last..<last + 1, 0..<0] {
                    var together: [UInt64] = []
                    try log.forEachTile(in: tiles) { tile, roots in
                        together.append(tile)
                        let alone = try log.tileRoots(endingWith: tile)
                        trial.expect(alone == roots, "the roots of tile \(tile) are others")
                    }
                    let there = tiles.filter { $0 <= last }
                    trial.expect(together == there, "of \(tiles) the tiles are \(together)")
                }
                let behind = try log.tileRoots(endingWith: last + 1)
                trial.expect(behind == nil, "there are roots of a tile that is not full")
                try log.replaceTiles(by: frames[1].tiles)
                let gone = try log.tileRoots(endingWith: last)
                trial.expect(gone == nil, "roots that were replaced are still there")
                let kept = try log.tileRoots(endingWith: 0)
                trial.expect(kept != nil, "roots that were put there are not")
            }
        },
        Check(promise: "One writer at a time, and the right to write comes back when it closes") {
            trial in
            let log = try trial.store.openForWriting(StoreOpening())
            trial.expect(.heldByWriter, "a second opening for writing") {
                _ = try trial.store.openForWriting(StoreOpening())
            }
            let held = try trial.store.writerStatus()
            trial.expect(held?.isHeld == true, "a living writer is not told of")
            log.close()
            log.close()
            let frames = try await StoreTrial.frames([1])
            do {
                try log.append(frames)
                trial.note("a writer that closed has stored something")
            } catch {}
            let free = try trial.store.writerStatus()
            trial.expect(free?.isHeld != true, "a writer that closed is told of as living")
            try trial.store.openForWriting(StoreOpening()).close()
        },
        Check(promise: "Readers elsewhere are told what is durable, and heartbeats last") {
            trial in
            let all = try await StoreTrial.frames([1, 2])
            let beat = Heartbeat(
                time: Timestamp(seconds: 1_800_000_000), boot: 5, bootID: nil, outageSince: nil)
            let (frames, more) = (Array(all.prefix(all.count - 1)), [all[all.count - 1]])
            try trial.write { log in
                try log.append(frames)
                try log.publish(epoch: 3)
                try log.publish(durableCount: 2)
                try log.publish(beat)
                let status = try trial.store.writerStatus()
                trial.expect(status?.durableCount == 2, "\(String(describing: status)) is told")
                let reader = try trial.store.openForReading()
                let count = try reader.entryCount
                trial.expect(count == 3, "a reader beside the writer sees \(count) entries")
                try log.append(more)
                let later = try reader.entryCount
                trial.expect(
                    later == 5, "a reader that was open before entries came sees \(later)")
                reader.close()
            }
            try trial.write { log in
                trial.expect(log.lastHeartbeat == beat, "the last heartbeat is another one")
            }
        },
        Check(promise: "A writer in its place is not fenced") { trial in
            try trial.write { log in
                trial.expect(log.framesInFlightMax >= 1, "no frame may be in flight")
                for _ in 0..<3 { try log.check() }
            }
        },
        Check(promise: "A record is replaced only where it still is what the caller says it was") {
            trial in
            let store = trial.store
            try store.openForWriting(StoreOpening()).close()
            for record in StoreRecord.allCases {
                let place = store.place(of: record)
                trial.expect(!store.contains(record), "\(place) is there already")
                let none = try store.read(record, upTo: .max)
                trial.expect(none == nil, "\(place) is not nil where it is not there")
                let (one, two) = (Array("one\n".utf8), [UInt8](repeating: 7, count: 70_000))
                trial.expect(
                    try !store.replace(record, one, by: two), "\(place) was replaced by a guess")
                trial.expect(try store.replace(record, nil, by: one), "\(place) was not made")
                trial.expect(
                    try !store.replace(record, nil, by: two), "\(place) was made over another")
                trial.expect(
                    try !store.replace(record, two, by: one), "\(place) was replaced by a guess")
                trial.expect(
                    try store.read(record, upTo: .max) == one, "\(place) is not what was written")
                trial.expect(
                    try store.replace(record, one, by: two), "\(place) was not replaced")
                trial.expect(
                    try store.read(record, upTo: 3) == Array(two.prefix(3)),
                    "\(place) is not read up to a length")
                try store.append([1, 2], to: record)
                trial.expect(
                    try store.read(record, upTo: .max) == two + [1, 2],
                    "\(place) was not added to")
                trial.expect(store.contains(record), "\(place) is not told of")
                trial.expect(
                    try store.replace(record, two + [1, 2], by: nil), "\(place) was not removed")
                trial.expect(!store.contains(record), "\(place) is still there")
                try store.append([3], to: record)
                trial.expect(
                    try store.read(record, upTo: .max) == [3],
                    "\(place) was not made by adding to it")
                _ = try store.replace(record, [3], by: nil)
            }
        },
        Check(promise: "Of many who replace a record at once one succeeds") { trial in
            let store = trial.store
            try store.openForWriting(StoreOpening()).close()
            let start = Array("start".utf8)
            trial.expect(try store.replace(.witnessed, nil, by: start), "it was not made")
            let winners = await withTaskGroup(of: [UInt8]?.self) { group in
                for number in UInt8(0)..<16 {
                    group.addTask {
                        let won = try? store.replace(.witnessed, start, by: [number])
                        return won == true ? [number] : nil
                    }
                }
                return await group.reduce(into: [[UInt8]]()) { if let won = $1 { $0.append(won) } }
            }
            trial.expect(winners.count == 1, "\(winners.count) of them succeeded")
            let stands = try store.read(.witnessed, upTo: .max)
            trial.expect(stands == winners.first, "what stands there is not the winner's")
        },
        Check(promise: "What is put away is kept under names of its own") { trial in
            let store = trial.store
            try store.openForWriting(StoreOpening()).close()
            var names: [String] = []
            for number in UInt8(0)..<3 {
                trial.expect(
                    try store.replace(.keptCheckpoints, nil, by: [number]), "it was not made")
                names.append(try store.setAside(.keptCheckpoints))
                trial.expect(!store.contains(.keptCheckpoints), "it is still in its place")
            }
            trial.expect(Set(names).count == 3, "the names are \(names)")
            trial.expect(
                store.recordsSetAside(of: .keptCheckpoints).sorted() == names.sorted(),
                "other names are told of")
        },
        Check(promise: "Snapshots are written wholly or not at all, and can be removed") { trial in
            let store = trial.store
            try store.openForWriting(StoreOpening()).close()
            func write(_ count: UInt64, _ bytes: [UInt8]) throws {
                try store.writeSnapshot(of: count) { write in
                    // The beginning last, as snapshots are written.
                    try withBytes(of: Array(bytes.dropFirst(4))) { try write($0, 4) }
                    try withBytes(of: Array(bytes.prefix(4))) { try write($0, 0) }
                }
            }
            func read(_ count: UInt64) throws -> [UInt8]? {
                try store.readSnapshot(of: count) { try $0(0, 1 << 20) }
            }
            let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            try write(5, bytes)
            try write(70_000_000_000, Array(bytes.reversed()))
            trial.expect(try read(5) == bytes, "a snapshot is not what was written")
            trial.expect(try read(6) == nil, "there is a snapshot that nobody wrote")
            let part = try store.readSnapshot(of: 5) { try $0(9_990, 100) }
            trial.expect(part == Array(bytes.suffix(10)), "the end is not read up to the end")
            struct Enough: Error {}
            do {
                try store.writeSnapshot(of: 9) { write in
                    try withBytes(of: bytes) { try write($0, 0) }
                    throw Enough()
                }
            } catch is Enough {}
            trial.expect(try read(9) == nil, "a snapshot that was not finished is there")
            trial.expect(
                store.snapshots().sorted() == [5, 70_000_000_000],
                "there are snapshots \(store.snapshots())")
            store.removeSnapshots(except: [70_000_000_000])
            trial.expect(store.snapshots() == [70_000_000_000], "what may go stays")
        },
        Check(promise: "A ledger is built wholly or not at all, and over none") { trial in
            let frames = try await StoreTrial.frames([1])
            struct Enough: Error {}
            let logger = Configuration().logger
            func fill(_ building: any LedgerStore) throws {
                let log = try building.openForWriting(StoreOpening())
                try log.append(frames)
                log.close()
            }
            do {
                try trial.store.build(logger) { building in
                    try fill(building)
                    throw Enough()
                }
                trial.note("building succeeded although the body failed")
            } catch is Enough {}
            trial.expect(.notFound, "reading after a building that failed") {
                _ = try trial.store.openForReading()
            }
            try trial.store.build(logger, fill)
            let log = try trial.store.openForReading()
            try trial.expectSame(log, frames)
            log.close()
            trial.expect(.alreadyExists, "building over a ledger") {
                try trial.store.build(logger, fill)
            }
        },
        Check(promise: "A ledger lives in it: closed and opened again, read, copied and verified") {
            trial in
            try await trial.live()
        },
    ]
}

extension StoreTrial {
    /// Expects a log to hold these frames and nothing else.
    fileprivate func expectSame(_ log: any LogReader, _ frames: [SealedFrame]) throws {
        let values = try Self.values(of: log)
        expect(
            values == frames.map(\.bytes), "\(values.count) frames are read of \(frames.count)")
        let count = try log.entryCount
        expect(count == frames.last?.endPosition ?? 0, "\(count) entries are counted")
    }

    /// Opens, fills, closes, opens again, reads, backs up, restores, rebuilds and verifies.
    fileprivate func live() async throws {
        let clock = ManualClock()
        var configuration = Configuration()
        configuration.clock = clock
        configuration.snapshotIntervalEntries = 100
        var workload = Workload(seed: 11)
        clock.advance(to: workload.configuration.start)
        var ledger = try await Ledger.open(in: store, configuration: configuration)
        for number in 0..<300 {
            let step = workload.nextStep()
            clock.advance(to: step.time)
            try await ledger.tick()
            _ = try await ledger.submit(step.command, id: step.id, by: step.actor)
            if number == 150 {
                await ledger.close()
                ledger = try await Ledger.open(in: store, configuration: configuration)
            }
        }
        let beside = try await LedgerReader.open(in: store)
        expect(beside.reflects == ledger.durableCount, "a reader reflects \(beside.reflects)")
        expect(beside.digest == ledger.digest, "a reader beside the writer sees another state")
        beside.close()
        let signed = try ledger.signCheckpoint()
        expect(signed.checkpoint.size == ledger.durableCount, "the checkpoint covers less")
        let live = ledger.verify()
        expect(live.isClean, "the live ledger has findings: \(live.findings)")
        try ledger.backup(to: other)
        await ledger.close()
        for (name, store) in [("the ledger", store), ("its copy", other)] {
            let report = try Verifier.verify(store)
            expect(report.isClean, "\(name) has findings: \(report.findings)")
            let reader = try await LedgerReader.open(in: store)
            expect(reader.digest == ledger.digest, "\(name) has another state")
            let past = try reader.past(.position(100))
            expect(past.reflects == 101, "\(name) has no past")
            reader.close()
            let count = try Ledger.rebuild(store)
            expect(count == ledger.durableCount, "\(name) rebuilt \(count) entries")
        }
        let again = try await Ledger.open(in: store, configuration: configuration)
        expect(again.digest == ledger.digest || again.durableCount > ledger.durableCount, "lost")
        await again.close()
    }
}
