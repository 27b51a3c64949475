// A store of one's own, as the article YourOwnStore shows it: between the two lines below stands
// the article's code, and the contract of stores is run over it.

import Foundation
import Gavel
import GavelTesting
import Logging
import Synchronization
import Testing

// STORE
/// A ledger in the rows of a database. Each `withLock` stands for one transaction of yours: all of
/// it or nothing, one after the other, and durable when it returns.
final class RowStore: LedgerStore {
    struct Rows {
        var frames: [(first: UInt64, end: UInt64, bytes: [UInt8])] = []
        var records: [StoreRecord: [UInt8]] = [:]
        var setAside: [StoreRecord: [[UInt8]]] = [:]
        var snapshots: [UInt64: [UInt8]] = [:]
        var heartbeat: Heartbeat?
        var durableCount: UInt64 = 0
        /// Who may write: each opening has the next number; 0 for nobody.
        var writer = 0
        var openings = 0
    }

    let name: String
    let rows = Mutex(Rows())

    init(name: String) { self.name = name }

    func openForReading() throws -> any LogReader {
        try rows.withLock { try expectLedger(in: $0) }
        return RowLog(self)
    }

    func openForWriting(_ opening: StoreOpening) throws -> any LogWriter {
        try rows.withLock { rows in
            // Of a machine that died nobody says so: yours lets the right to write run out.
            guard rows.writer == 0 else {
                throw LedgerError(.heldByWriter, "\(name) is being written already")
            }
            if !opening.createsIfMissing { try expectLedger(in: rows) }
            rows.openings += 1
            rows.writer = rows.openings
            return RowLog(self, writer: rows.writer, rows.heartbeat)
        }
    }

    private func expectLedger(in rows: borrowing Rows) throws {
        guard rows.frames.isEmpty else { return }
        throw LedgerError(.notFound, "there is no ledger in \(name)")
    }

    func writerStatus() throws -> WriterStatus? {
        rows.withLock { rows in
            rows.openings == 0
                ? nil
                : WriterStatus(
                    isHeld: rows.writer != 0, process: nil, durableCount: rows.durableCount)
        }
    }

    // Records: a few hundred bytes each, compared and replaced in one transaction.

    func contains(_ record: StoreRecord) -> Bool { rows.withLock { $0.records[record] != nil } }

    func read(_ record: StoreRecord, upTo byteCount: Int) throws -> [UInt8]? {
        rows.withLock { $0.records[record].map { Array($0.prefix(byteCount)) } }
    }

    func replace(_ record: StoreRecord, _ old: [UInt8]?, by new: [UInt8]?) throws -> Bool {
        rows.withLock { rows in
            guard rows.records[record] == old else { return false }
            rows.records[record] = new
            return true
        }
    }

    func append(_ bytes: [UInt8], to record: StoreRecord) throws {
        rows.withLock { $0.records[record, default: []] += bytes }
    }

    func setAside(_ record: StoreRecord) throws -> String {
        rows.withLock { rows in
            let bytes = rows.records.removeValue(forKey: record) ?? []
            rows.setAside[record, default: []].append(bytes)
        }
        return recordsSetAside(of: record).last!
    }

    func recordsSetAside(of record: StoreRecord) -> [String] {
        let count = rows.withLock { $0.setAside[record]?.count ?? 0 }
        return (0..<count).map { "\(place(of: record)), set aside, \($0 + 1)" }
    }

    func place(of record: StoreRecord) -> String { "\(record.rawValue) of \(name)" }

    // Snapshots: large, and lost without harm.

    func snapshots() -> [UInt64] { rows.withLock { Array($0.snapshots.keys) } }

    func readSnapshot<Result>(
        of entryCount: UInt64, _ body: (_ read: (Int, Int) throws -> [UInt8]) throws -> Result
    ) throws -> Result? {
        guard let bytes = rows.withLock({ $0.snapshots[entryCount] }) else { return nil }
        return try body { offset, count in Array(bytes.dropFirst(offset).prefix(count)) }
    }

    func writeSnapshot(
        of entryCount: UInt64,
        _ body: (_ write: @escaping (RawSpan, Int) throws -> Void) throws -> Void
    ) throws {
        var bytes: [UInt8] = []
        try body { part, offset in
            let end = offset + part.byteCount
            if bytes.count < end {
                bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
            }
            bytes.replaceSubrange(offset..<end, with: part.withUnsafeBytes { Array($0) })
        }
        // Not before the body is through: what it throws leaves no half of a snapshot.
        rows.withLock { $0.snapshots[entryCount] = bytes }
    }

    func removeSnapshots(except kept: Set<UInt64>) {
        rows.withLock { rows in
            rows.snapshots = rows.snapshots.filter { kept.contains($0.key) }
        }
    }

    func build(_ logger: Logger, _ body: (any LedgerStore) throws -> Void) throws {
        func expectNothing(in rows: borrowing Rows) throws {
            guard rows.writer == 0, rows.frames.isEmpty else {
                throw LedgerError(.alreadyExists, "there is a ledger in \(name)")
            }
        }
        try rows.withLock { try expectNothing(in: $0) }
        let building = RowStore(name: "\(name), being built")
        try body(building)
        let built = building.rows.withLock { $0 }
        try rows.withLock { rows in
            try expectNothing(in: rows)
            rows = built
        }
    }
}

/// The log: a row for each frame.
final class RowLog: LogWriter {
    private let store: RowStore
    private let writer: Int
    private let failure = Mutex<StoreFailure?>(nil)
    let lastHeartbeat: Heartbeat?

    init(_ store: RowStore, writer: Int = 0, _ lastHeartbeat: Heartbeat? = nil) {
        self.store = store
        self.writer = writer
        self.lastHeartbeat = lastHeartbeat
    }

    deinit { close() }

    var entryCount: UInt64 { store.rows.withLock { $0.frames.last?.end ?? 0 } }

    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        // A store of yours fetches a few frames at a time.
        let frames = store.rows.withLock { $0.frames }
        let start = frames.lastIndex { $0.first <= position } ?? 0
        for frame in frames[start...] {
            guard try body(frame.bytes.span.bytes) else { return }
        }
    }

    let framesInFlightMax = 2

    func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        // After one failure this writer stores nothing more.
        if let failure = failure.withLock({ $0 }) { throw failure }
        let isWriter = store.rows.withLock { rows in
            // In the transaction that stores, or a writer that was taken for dead stores too.
            guard rows.writer == writer else { return false }
            for frame in frames {
                rows.frames.append((frame.firstPosition, frame.endPosition, frame.bytes))
            }
            return true
        }
        // Where yours cannot tell whether it has stored them, it finds out, or throws `.unknown`.
        guard isWriter else {
            let fenced = StoreFailure.fenced("somebody else writes \(store.name)")
            failure.withLock { $0 = fenced }
            throw fenced
        }
    }

    /// Roots of tiles make proofs quicker. A log without them derives them from its entries.
    func replaceTiles(by tiles: StoredTiles) throws {}

    func publish(durableCount: UInt64) throws {
        write { $0.durableCount = durableCount }
    }
    func publish(epoch: UInt64) throws {}
    func publish(_ heartbeat: Heartbeat) throws { write { $0.heartbeat = heartbeat } }

    private func write(_ change: (inout RowStore.Rows) -> Void) {
        store.rows.withLock { if $0.writer == writer { change(&$0) } }
    }

    func check() throws(StoreFailure) {
        guard store.rows.withLock({ $0.writer == writer }) else {
            throw .fenced("somebody else writes \(store.name)")
        }
    }

    /// Nil: nobody says how much room is left, and bids are never refused for want of it.
    var freeBytes: Int? { nil }

    func close() {
        store.rows.withLock { if writer != 0, $0.writer == writer { $0.writer = 0 } }
    }
}
// STORE

@Suite("A store of one's own")
struct OwnStoreTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test("The store that YourOwnStore shows is the one that is compiled here")
    func shown() throws {
        let article = try Self.text("Sources/Gavel/Gavel.docc/YourOwnStore.md")
        let source = try Self.text("Tests/DocumentationTests/OwnStoreTests.swift")
        let blocks = article.components(separatedBy: "```swift\n").dropFirst()
            .map { $0.components(separatedBy: "```")[0] }
        try #require(blocks.count == 2)
        let imports = "import Gavel\nimport Logging\nimport Synchronization\n\n"
        #expect(blocks[0] == imports + source.components(separatedBy: "// STORE\n")[1])
        // The article's second block is how the contract is run, and `contract()` runs it.
        let lines = blocks[1].split(separator: "\n").map { $0.drop { $0 == " " } }
        let mine = source.split(separator: "\n").map { $0.drop { $0 == " " } }
        for line in lines { #expect(mine.contains(line), "\(line)") }
    }

    @Test("The store that YourOwnStore shows keeps the contract, promise by promise")
    func contract() async throws {
        let number = Atomic(0)
        let violations = try await StoreContract.violations {
            RowStore(name: "house-\(number.add(1, ordering: .relaxed).newValue)")
        }
        #expect(violations == [])
    }

    @Test("A ledger lives in that store: it opens again, verifies, and moves into a folder")
    func ledger() async throws {
        let store = RowStore(name: "house")
        for user: UserID in ["alice", "bob"] {
            let ledger = try await Ledger.open(in: store)
            let receipt = try await ledger.submit(.registerUser(user), id: .generate())
            #expect(receipt.status == .accepted)
            await ledger.close()
        }
        #expect(try Verifier.verify(store).isClean)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-own-store-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reader = try await LedgerReader.open(in: store)
        try reader.backup(to: folder)
        #expect(reader.reflects == 5)
        reader.close()
        #expect(try Verifier.verify(at: folder).isClean)
    }
}
