// The contract of stores, held by both that come with the engine, and the contract's own checks,
// each of which finds a store that breaks its promise.

import GavelTesting
import Logging
import Platform
import Synchronization
import Testing

@testable import Gavel

@Suite("Stores")
struct StoreContractTests {
    @Test("A folder keeps the contract", arguments: StoreContract.checks)
    func folder(check: StoreContract.Check) async throws {
        try await withLedgerPath { path in
            let number = Atomic<Int>(0)
            let violations = try await StoreContract.violations(of: check) {
                FolderStore(
                    at: "\(path)-\(number.wrappingAdd(1, ordering: .relaxed).newValue)")
            }
            #expect(violations == [])
        }
    }

    @Test("Memory keeps the contract", arguments: StoreContract.checks)
    func memory(check: StoreContract.Check) async throws {
        #expect(try await StoreContract.violations(of: check) { MemoryStore() } == [])
    }

    @Test("A store that breaks a promise is found out", arguments: BrokenStore.Fault.allCases)
    func broken(fault: BrokenStore.Fault) async throws {
        let violations = try await StoreContract.violations { BrokenStore(fault) }
        #expect(violations != [])
    }

    @Test("A store that keeps every promise through another is found to")
    func unbroken() async throws {
        #expect(try await StoreContract.violations { BrokenStore(nil) } == [])
    }

    @Test("What a folder has moves to memory and back, frame for frame, and restores")
    func moving() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            try register(700, "user", in: ledger)
            await ledger.close()
            let memory = MemoryStore()
            let reader = try await LedgerReader.open(at: path)
            try reader.backup(to: memory)
            reader.close()
            #expect(try memory.frames == readFrames(at: path).map(\.1))
            var options = Ledger.RestoreOptions()
            options.keyPath = path + "/key"
            let copy = FolderStore(at: path + "-copy")
            #expect(try Ledger.restore(from: memory, to: copy, options: options) == nil)
            #expect(try readFrames(at: path + "-copy").map(\.1) == memory.frames)
            let restored = MemoryStore()
            #expect(
                try Ledger.restore(from: FolderStore(at: path), to: restored, options: options)
                    == nil)
            #expect(restored.frames == memory.frames)
            let again = try await Ledger.open(in: restored)
            #expect(try again.submitted("one-more"))
            await again.close()
            #expect(try Verifier.verify(restored).isClean)
            // Nothing is replaced.
            #expect(throws: LedgerError(.alreadyExists, "")) {
                try Ledger.restore(from: memory, to: restored, options: options)
            }
            #expect(throws: LedgerError(.alreadyExists, "")) {
                try Ledger.restore(from: memory, to: copy, options: options)
            }
        }
    }

    @Test("A store that takes one frame at a time gets one at a time, and everybody an answer")
    func oneInFlight() async throws {
        let counted = Mutex((inside: 0, most: 0))
        let ledger = try Ledger.openAndWait(in: MemoryStore(), configuration: Configuration()) {
            NarrowLog($0) { step in
                counted.withLock { counted in
                    counted.inside += step
                    counted.most = max(counted.most, counted.inside)
                }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask { _ = try? ledger.submitted("user-\(number)") }
            }
        }
        #expect(ledger.durableCount == 502)
        await ledger.close()
        #expect(counted.withLock { $0.most } == 1)
    }

    @Test("A rotation that is fenced takes no key away: the one that stands there may be another's")
    func fencedRotation() async throws {
        let store = MemoryStore()
        let ledger = try await Ledger.open(in: store)
        let key = ledger.verifierKey
        store.fail(.fenced)
        await #expect(throws: LedgerError(.fenced, "")) { try await ledger.rotateKey() }
        #expect(store.contains(.nextKey))
        await ledger.close()
        // The log does not name it, so the next opening does away with it.
        let again = try await Ledger.open(in: store)
        #expect(again.verifierKey == key && !store.contains(.nextKey))
        await again.close()
    }

    @Test("A ledger in memory that somebody takes over is fenced, and the next one goes on from it")
    func takeover() async throws {
        let store = MemoryStore()
        let clock = ManualClock()
        let first = try await Ledger.open(in: store, configuration: Bench.configuration(clock))
        #expect(try first.submitted("one"))
        store.fence()
        let second = try await Ledger.open(in: store, configuration: Bench.configuration(clock))
        await #expect(throws: LedgerError(.fenced, "")) {
            try await first.submit(.registerUser("two"), id: .generate(at: first.now))
        }
        #expect(try second.submitted("two"))
        await first.close()
        #expect(try second.submitted("three"))
        await second.close()
        #expect(try Verifier.verify(store).isClean)
    }
}

extension Ledger {
    /// Whether a user could be registered.
    fileprivate func submitted(_ name: String) throws -> Bool {
        let submission = Submission(
            id: .generate(at: now), command: .registerUser(UserID(unchecked: name)))
        return try enqueue([submission]).wait()[0].status == .accepted
    }
}

/// A log that takes one frame at a time.
private final class NarrowLog: WrappedLog, @unchecked Sendable {
    private let step: @Sendable (Int) -> Void

    init(_ log: any LogWriter, _ step: @escaping @Sendable (Int) -> Void) {
        self.step = step
        super.init(log)
    }

    override var framesInFlightMax: Int { 1 }
    override func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        step(1)
        defer { step(-1) }
        try super.append(frames)
    }
}

/// A store in memory that breaks one promise.
final class BrokenStore: LedgerStore {
    enum Fault: CaseIterable {
        case twoWriters, losesBytes, reordersRecords, ignoresOld, keepsHalfSnapshots
        case buildsHalf, forgetsTiles, losesHeartbeat, tellsNothing, removesNothing
        case sameNameAside, isAlwaysFenced, storesHalf
    }

    private let store = MemoryStore()
    private let fault: Fault?

    init(_ fault: Fault?) { self.fault = fault }

    var name: String { store.name }

    func openForReading() throws -> any LogReader { try store.openForReading() }

    func openForWriting(_ opening: StoreOpening) throws -> any LogWriter {
        if fault == .twoWriters { store.fence() }
        return BrokenLog(try store.openForWriting(opening), fault)
    }

    func writerStatus() throws -> WriterStatus? {
        fault == .tellsNothing ? nil : try store.writerStatus()
    }

    func contains(_ record: StoreRecord) -> Bool { store.contains(record) }
    func read(_ record: StoreRecord, upTo byteCount: Int) throws -> [UInt8]? {
        let bytes = try store.read(record, upTo: byteCount)
        return fault == .losesBytes ? bytes?.dropLast() : bytes
    }
    func replace(_ record: StoreRecord, _ old: [UInt8]?, by new: [UInt8]?) throws -> Bool {
        guard fault == .ignoresOld else { return try store.replace(record, old, by: new) }
        return try store.replace(record, store.read(record), by: new)
    }
    func append(_ bytes: [UInt8], to record: StoreRecord) throws {
        if fault == .reordersRecords, let old = try store.read(record) {
            _ = try store.replace(record, old, by: bytes + old)
        } else {
            try store.append(bytes, to: record)
        }
    }
    func setAside(_ record: StoreRecord) throws -> String {
        let name = try store.setAside(record)
        return fault == .sameNameAside ? "aside" : name
    }
    func recordsSetAside(of record: StoreRecord) -> [String] {
        store.recordsSetAside(of: record)
    }
    func place(of record: StoreRecord) -> String { store.place(of: record) }

    func snapshots() -> [UInt64] { store.snapshots() }
    func readSnapshot<Result>(
        of entryCount: UInt64, _ body: (_ read: (Int, Int) throws -> [UInt8]) throws -> Result
    ) throws -> Result? { try store.readSnapshot(of: entryCount, body) }
    func writeSnapshot(
        of entryCount: UInt64,
        _ body: (_ write: @escaping (RawSpan, Int) throws -> Void) throws -> Void
    ) throws {
        guard fault == .keepsHalfSnapshots else {
            return try store.writeSnapshot(of: entryCount, body)
        }
        try store.writeSnapshot(of: entryCount) { write in try? body(write) }
    }
    func removeSnapshots(except kept: Set<UInt64>) {
        if fault != .removesNothing { store.removeSnapshots(except: kept) }
    }

    func build(_ logger: Logger, _ body: (any LedgerStore) throws -> Void) throws {
        guard fault == .buildsHalf else { return try store.build(logger, body) }
        var failure: (any Error)?
        try store.build(logger) { building in
            do { try body(building) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

/// A log in memory that breaks one promise.
private final class BrokenLog: WrappedLog, @unchecked Sendable {
    private let fault: BrokenStore.Fault?

    init(_ log: any LogWriter, _ fault: BrokenStore.Fault?) {
        self.fault = fault
        super.init(log)
    }

    override func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        try super.append(fault == .storesHalf && frames.count > 1 ? [frames[0]] : frames)
    }
    override func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        fault == .forgetsTiles ? nil : try super.tileRoots(endingWith: tile)
    }
    override var lastHeartbeat: Heartbeat? {
        fault == .losesHeartbeat ? nil : super.lastHeartbeat
    }
    override func check() throws(StoreFailure) {
        if fault == .isAlwaysFenced { throw .fenced("always") }
        try super.check()
    }
}
