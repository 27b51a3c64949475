// A ledger in memory: for tests, for trying things out, and for everything that ends with its
// process. It fails on demand, as disks do.
//
// Invariants: those of `LedgerStore`; what was appended stays until the store itself goes, also
// over closing and opening again. A frame of which the outcome is unknown is stored or not, as the
// fault says: that is what makes it unknown.

internal import AuctionDomain
internal import Dispatch
public import Logging
internal import Platform
internal import Synchronization

/// A ledger kept in memory.
///
///     let store = MemoryStore()
///     let ledger = try await Ledger.open(in: store)
public final class MemoryStore: LedgerStore {
    /// What becomes of the next frames.
    public enum Fault: Hashable, Sendable {
        /// The outcome is unknown, and the frames are in the log after all.
        case unknownButStored
        /// The outcome is unknown, and the frames are not in the log.
        case unknownAndLost
        /// Another writer came first.
        case fenced
    }

    fileprivate struct Contents {
        var frames: [(firstPosition: UInt64, bytes: [UInt8])] = []
        var entryCount: UInt64 = 0
        var tiles: [UInt64: [LedgerHash]] = [:]
        var records: [StoreRecord: [UInt8]] = [:]
        var setAside: [StoreRecord: [[UInt8]]] = [:]
        var snapshots: [UInt64: [UInt8]] = [:]
        var durableCount: UInt64 = 0
        var heartbeat: Heartbeat?
    }

    fileprivate struct State {
        var contents = Contents()
        /// Which writer has the right to write; 0 for none.
        var writer: UInt64 = 0
        var writersSoFar: UInt64 = 0
        var fault: Fault?
        var framesUntilFault = 0
    }

    fileprivate let state = Mutex(State())
    /// Taken while frames are held back.
    fileprivate let gate = DispatchSemaphore(value: 1)

    public init() {}

    public var name: String { "a ledger in memory" }

    // MARK: Faults

    /// Makes a later call of `append` fail, once; the writer then stores nothing more.
    /// - Parameter frames: how many frames still succeed before.
    public func fail(_ fault: Fault, afterFrames frames: Int = 0) {
        state.withLock { ($0.fault, $0.framesUntilFault) = (fault, frames) }
    }

    /// Holds frames back, as a slow disk does, until `release`.
    public func hold() { gate.wait() }

    /// Lets held frames go.
    public func release() { gate.signal() }

    /// Takes the right to write from whoever has it, as a takeover does: that writer is fenced.
    public func fence() { state.withLock { $0.writer = 0 } }

    /// The stored frames, for looking at bytes.
    public var frames: [[UInt8]] { state.withLock { $0.contents.frames.map(\.bytes) } }

    // MARK: The log

    public func openForReading() throws -> any LogReader {
        guard state.withLock({ $0.contents.entryCount > 0 }) else { throw notFound }
        return MemoryReader(self)
    }

    public func openForWriting(_ opening: StoreOpening) throws -> any LogWriter {
        let (number, heartbeat) = try state.withLock { state in
            guard state.writer == 0 else {
                throw LedgerError(.heldByWriter, "\(name) is being written already")
            }
            guard opening.createsIfMissing || state.contents.entryCount > 0 else { throw notFound }
            state.writersSoFar += 1
            state.writer = state.writersSoFar
            return (state.writer, state.contents.heartbeat)
        }
        return MemoryWriter(self, number, heartbeat)
    }

    private var notFound: LedgerError { LedgerError(.notFound, "\(name) has no entry") }

    public func writerStatus() throws -> WriterStatus? {
        state.withLock { state in
            guard state.writersSoFar > 0 else { return nil }
            return WriterStatus(
                isHeld: state.writer != 0, process: nil,
                durableCount: state.contents.durableCount)
        }
    }

    // MARK: Records

    public func contains(_ record: StoreRecord) -> Bool {
        state.withLock { $0.contents.records[record] != nil }
    }

    public func read(_ record: StoreRecord, upTo byteCount: Int) throws -> [UInt8]? {
        state.withLock { $0.contents.records[record].map { Array($0.prefix(byteCount)) } }
    }

    public func replace(
        _ record: StoreRecord, _ old: [UInt8]?, by new: [UInt8]?
    ) throws -> Bool {
        state.withLock { state in
            guard state.contents.records[record] == old else { return false }
            state.contents.records[record] = new
            return true
        }
    }

    public func append(_ bytes: [UInt8], to record: StoreRecord) throws {
        state.withLock { $0.contents.records[record, default: []] += bytes }
    }

    public func setAside(_ record: StoreRecord) throws -> String {
        state.withLock { state in
            let bytes = state.contents.records.removeValue(forKey: record) ?? []
            state.contents.setAside[record, default: []].append(bytes)
        }
        return recordsSetAside(of: record).last!
    }

    public func recordsSetAside(of record: StoreRecord) -> [String] {
        let count = state.withLock { $0.contents.setAside[record]?.count ?? 0 }
        return (0..<count).map { "\(place(of: record)).damaged-\($0 + 1)" }
    }

    public func place(of record: StoreRecord) -> String { "\(record.rawValue) of \(name)" }

    // MARK: Snapshots

    public func snapshots() -> [UInt64] { state.withLock { Array($0.contents.snapshots.keys) } }

    public func readSnapshot<Result>(
        of entryCount: UInt64, _ body: (_ read: (Int, Int) throws -> [UInt8]) throws -> Result
    ) throws -> Result? {
        guard let bytes = state.withLock({ $0.contents.snapshots[entryCount] }) else { return nil }
        return try body { offset, count in Array(bytes.dropFirst(offset).prefix(count)) }
    }

    public func writeSnapshot(
        of entryCount: UInt64,
        _ body: (_ write: @escaping (RawSpan, Int) throws -> Void) throws -> Void
    ) throws {
        var bytes: [UInt8] = []
        try body { span, offset in
            let end = offset + span.byteCount
            if bytes.count < end {
                bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
            }
            bytes.replaceSubrange(offset..<end, with: span.array())
        }
        state.withLock { $0.contents.snapshots[entryCount] = bytes }
    }

    public func removeSnapshots(except kept: Set<UInt64>) {
        state.withLock { state in
            state.contents.snapshots = state.contents.snapshots.filter { kept.contains($0.key) }
        }
    }

    // MARK: The whole

    public func build(_ logger: Logger, _ body: (any LedgerStore) throws -> Void) throws {
        func check(_ state: borrowing State) throws {
            guard state.writer == 0, state.contents.entryCount == 0 else {
                throw LedgerError(.alreadyExists, "\(name) has entries already")
            }
        }
        try state.withLock { try check($0) }
        let building = MemoryStore()
        try body(building)
        let contents = building.state.withLock { $0.contents }
        try state.withLock { state in
            try check(state)
            state.contents = contents
        }
    }
}

extension MemoryStore {
    fileprivate func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        let frames = state.withLock { $0.contents.frames }
        let start = frames.lastIndex { $0.firstPosition <= position } ?? 0
        for frame in frames[min(start, frames.count)...] {
            guard try withBytes(of: frame.bytes, body) else { return }
        }
    }
}

/// The log of a store in memory, for reading.
private final class MemoryReader: LogReader {
    private let store: MemoryStore

    init(_ store: MemoryStore) { self.store = store }

    var entryCount: UInt64 { store.state.withLock { $0.contents.entryCount } }
    var keepsTileRoots: Bool { true }
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try store.forEachFrame(from: position, body)
    }
    func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        store.state.withLock { $0.contents.tiles[tile] }
    }
    func close() {}
}

/// The log of a store in memory, for writing.
private final class MemoryWriter: LogWriter {
    private let store: MemoryStore
    private let number: UInt64
    private let failure = Mutex<StoreFailure?>(nil)
    let lastHeartbeat: Heartbeat?

    init(_ store: MemoryStore, _ number: UInt64, _ heartbeat: Heartbeat?) {
        self.store = store
        self.number = number
        lastHeartbeat = heartbeat
    }

    deinit { close() }

    let framesInFlightMax = 2
    var entryCount: UInt64 { store.state.withLock { $0.contents.entryCount } }
    var keepsTileRoots: Bool { true }
    var freeBytes: Int? { nil }

    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try store.forEachFrame(from: position, body)
    }
    func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        store.state.withLock { $0.contents.tiles[tile] }
    }

    func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        store.gate.wait()
        store.gate.signal()
        if let failure = failure.withLock({ $0 }) { throw failure }
        let failed: StoreFailure? = store.state.withLock { state in
            guard state.writer == number else { return Self.fenced }
            guard let fault = state.fault else {
                Self.keep(frames, &state)
                return nil
            }
            guard state.framesUntilFault == 0 else {
                state.framesUntilFault -= 1
                Self.keep(frames, &state)
                return nil
            }
            state.fault = nil
            switch fault {
            case .fenced: return .fenced("a fault was asked for")
            case .unknownAndLost: return .unknown("a fault was asked for")
            case .unknownButStored:
                Self.keep(frames, &state)
                return .unknown("a fault was asked for")
            }
        }
        guard let failed else { return }
        failure.withLock { $0 = failed }
        throw failed
    }

    private static func keep(_ frames: [SealedFrame], _ state: inout MemoryStore.State) {
        for frame in frames {
            state.contents.frames.append((frame.firstPosition, frame.bytes))
            state.contents.entryCount = frame.endPosition
            frame.tiles.forEachRow { state.contents.tiles[$0] = $1 }
        }
    }

    private static let fenced = StoreFailure.fenced("somebody else took the right to write")

    func replaceTiles(by tiles: StoredTiles) throws {
        store.state.withLock { state in
            state.contents.tiles.removeAll()
            tiles.forEachRow { state.contents.tiles[$0] = $1 }
        }
    }

    func publish(durableCount: UInt64) throws {
        store.state.withLock { state in
            if state.writer == number { state.contents.durableCount = durableCount }
        }
    }
    func publish(epoch: UInt64) throws {}
    func publish(_ heartbeat: Heartbeat) throws {
        store.state.withLock { state in
            if state.writer == number { state.contents.heartbeat = heartbeat }
        }
    }

    func check() throws(StoreFailure) {
        if store.state.withLock({ $0.writer != number }) { throw Self.fenced }
    }

    func close() {
        store.state.withLock { if $0.writer == number { $0.writer = 0 } }
    }
}
