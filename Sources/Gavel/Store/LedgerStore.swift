// The contract between the engine and the place where a ledger is kept.
//
// A store keeps four things: the log, whose frames are the ledger; small records beside it
// (checkpoints, the key, the secret); snapshots, which are derived from the log; and the right to
// write, which one process has at a time. `FolderStore` keeps them in a folder, with LMDB under
// the log; `MemoryStore` in memory. `StoreContract` in GavelTesting holds any store to this text.
//
// The order of things. The engine finishes a frame (its root and its header), hands it to
// `LogWriter.append`, and only when that has returned it publishes the frame: read state, position
// for readers elsewhere, answers to callers, followers, checkpoints. So nothing that anybody was
// shown can be lost by a store that keeps its promise.
//
// What a store promises:
// 1. Frames are stored in the order of `append`, each call's wholly or not at all, and survive any
//    crash once `append` has returned.
// 2. `append` throws `fenced` only if the frames are not stored and never will be, and `unknown`
//    only where it cannot find out: a store that can settle what became of a frame does so first.
//    After either nothing more is stored by this writer.
// 3. One writer at a time: while one lives, `openForWriting` throws `heldByWriter`; one that is
//    taken to be dead while it lives is fenced.
// 4. What is read is what was appended, byte for byte, or an error. A store never repairs a frame.
// 5. A record is replaced wholly or not at all, and only where it still is what the caller says it
//    was.

public import Logging

/// A place where one ledger is kept, or may be made.
public protocol LedgerStore: AnyObject, Sendable {
    /// What messages call the store: the path of a folder, for example.
    var name: String { get }

    /// The folder that the store is; nil where it is none. A folder can be copied file by file.
    var folderPath: String? { get }

    // MARK: The log

    /// Opens the log for reading. Whoever reads keeps no writer from anything.
    /// - Throws: `LedgerError` with `notFound` where there is no ledger, or none with an entry;
    ///   `foreign`, `newerFormat`, `damaged` or `storage`.
    func openForReading() throws -> any LogReader

    /// Takes the right to write, and opens the log.
    /// - Throws: as `openForReading`; `LedgerError` with `heldByWriter` while another writer lives.
    func openForWriting(_ opening: StoreOpening) throws -> any LogWriter

    /// What the last writer has published; nil where there was none.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    func writerStatus() throws -> WriterStatus?

    // MARK: Records

    /// Whether there is a record, though it may not be readable.
    func contains(_ record: StoreRecord) -> Bool

    /// Reads a record, or its first bytes.
    /// - Parameter byteCount: no more than so many bytes are read.
    /// - Returns: nil where there is none.
    /// - Throws: `StoreRecord.Unreadable` where something else stands in its place; what reading
    /// throws.
    func read(_ record: StoreRecord, upTo byteCount: Int) throws -> [UInt8]?

    /// Replaces a record durably, or removes it.
    /// - Parameters:
    ///   - old: what must be there now; nil for nothing.
    ///   - new: what is there then; nil for nothing.
    /// - Returns: false where something else was there. Nothing is changed then.
    /// - Throws: what writing throws. The record is then what it was, or `new`.
    func replace(_ record: StoreRecord, _ old: [UInt8]?, by new: [UInt8]?) throws -> Bool

    /// Adds bytes to the end of a record, which is made where there is none. A crash may tear what
    /// was added off again.
    /// - Throws: what writing throws.
    func append(_ bytes: [UInt8], to record: StoreRecord) throws

    /// Puts a record away under another name, where nothing writes over it.
    /// - Returns: the name, for messages.
    func setAside(_ record: StoreRecord) throws -> String

    /// The names of what was put away of a record.
    func recordsSetAside(of record: StoreRecord) -> [String]

    /// What messages call a record: the path of its file, for example.
    func place(of record: StoreRecord) -> String

    // MARK: Snapshots

    /// Of how many entries there are snapshots, in any order. What cannot be read is none.
    func snapshots() -> [UInt64]

    /// Reads a snapshot.
    /// - Parameter body: gets a function that reads bytes of it: from an offset, and so many, or
    ///   fewer at the end.
    /// - Returns: nil where there is none of so many entries.
    func readSnapshot<Result>(
        of entryCount: UInt64, _ body: (_ read: (Int, Int) throws -> [UInt8]) throws -> Result
    ) throws -> Result?

    /// Writes a snapshot, in the place of one of as many entries: wholly or not at all.
    /// - Parameter body: gets a function that writes bytes at an offset. What is passed over reads
    ///   as zeros.
    func writeSnapshot(
        of entryCount: UInt64,
        _ body: (_ write: @escaping (RawSpan, Int) throws -> Void) throws -> Void
    ) throws

    /// Removes every snapshot but some, and what a crash left of others. What cannot be removed
    /// stays.
    func removeSnapshots(except kept: Set<UInt64>)

    // MARK: The whole

    /// Makes a ledger here, where none may be.
    /// - Parameter body: fills another store, which takes the place of this one when it returns.
    ///   Where it throws there is no ledger here, as before.
    /// - Throws: `LedgerError` with `alreadyExists` where there is one; what `body` throws.
    func build(_ logger: Logger, _ body: (any LedgerStore) throws -> Void) throws

    /// Looks at what lies below the frames before anything is opened: pages of a file, for example.
    /// - Returns: nil where there is nothing to look at.
    /// - Throws: `LedgerError` with `notFound` or `foreign`.
    func examine() throws -> StoreExamination?
}

/// How a log is opened for writing.
public struct StoreOpening: Sendable {
    /// Whether a ledger is made where none is.
    public var createsIfMissing = true
    public var logger = Logger(label: "gavel")
    /// How long a log's file may get, where it is one.
    public var mapBytes = Configuration.mapBytesDefault
    /// Set while a ledger is built that will stand elsewhere.
    package var isBuilding = false

    public init() {}
}

/// What stands beside a log.
public enum StoreRecord: String, Hashable, Sendable, CaseIterable {
    /// The last checkpoint.
    case checkpoint
    /// The largest checkpoint that witnesses have cosigned.
    case witnessed = "checkpoint.witnessed"
    /// Checkpoints that are kept, one after the other.
    case keptCheckpoints = "checkpoints/kept"
    /// The key that signs checkpoints. A store that others can read keeps keys and secret where
    /// only the engine can.
    case key
    /// The key that a rotation is about to name.
    case nextKey = "key.next"
    /// What cursors and the service's command ids are derived from.
    case secret

    /// Whether only the ledger's owner may read it.
    public var isSecret: Bool {
        switch self {
        case .key, .nextKey, .secret: true
        case .checkpoint, .witnessed, .keptCheckpoints: false
        }
    }
}

extension StoreRecord {
    /// Something stands in the place of a record that is none.
    public struct Unreadable: Error, Hashable, Sendable, CustomStringConvertible {
        /// What it is, as a sentence without a full stop: "it is a folder".
        public let reason: String

        public init(_ reason: String) { self.reason = reason }

        public var description: String { reason }
    }
}

/// What a writer has published for readers elsewhere.
public struct WriterStatus: Hashable, Sendable {
    /// Whether the writer lives.
    public var isHeld: Bool
    /// Its process; nil where it is not known.
    public var process: Int32?
    /// How many entries are durable; nil where that cannot be read. While the writer lives readers
    /// show no more.
    public var durableCount: UInt64?

    public init(isHeld: Bool, process: Int32?, durableCount: UInt64?) {
        self.isHeld = isHeld
        self.process = process
        self.durableCount = durableCount
    }
}

/// What was found below the frames of a log.
public struct StoreExamination: Hashable, Sendable {
    /// What is wrong, each as a sentence without a full stop.
    public var faults: [String] = []
    /// What was looked at.
    public var covered: [String] = []
    /// What could not be looked at, and why.
    public var notCovered: [String] = []
    /// Whether the log may be opened.
    public var isSound = true
    /// Whether everything was looked at that was to be.
    public var isComplete = true

    public init() {}
}

extension LedgerStore {
    public var folderPath: String? { nil }

    public func examine() throws -> StoreExamination? { nil }

    /// A whole record; nil where there is none.
    func read(_ record: StoreRecord) throws -> [UInt8]? { try read(record, upTo: .max) }

    /// Writes a record, whatever was there.
    func write(_ record: StoreRecord, _ bytes: [UInt8]) throws {
        try retried(record) { try replace(record, read(record), by: bytes) }
    }

    /// Removes a record, if there is one.
    func remove(_ record: StoreRecord) throws {
        try retried(record) {
            guard let old = try read(record) else { return true }
            return try replace(record, old, by: nil)
        }
    }

    /// Tries to replace a record again for as long as others come in between, but not for ever.
    /// - Parameter replace: reads, and answers whether it has replaced what it read.
    /// - Throws: `LedgerError` with `storage` where somebody else always came first.
    func retried(_ record: StoreRecord, _ replace: () throws -> Bool) throws {
        for _ in 0..<100 {
            if try replace() { return }
        }
        throw LedgerError(
            .storage, "\(place(of: record)) is another one whenever it is about to be replaced")
    }

    /// Whether the ledger was ever open: its first checkpoint is written, and then its key put into
    /// place, before anybody may submit. Without both, a log in which nothing was ever committed is
    /// what a creation left that was cut short.
    var wasOpened: Bool { contains(.checkpoint) || contains(.key) }

    /// Looks at what lies below the frames before somebody opens a log that came from elsewhere.
    /// - Throws: `LedgerError` with `damaged`, naming the first fault; `heldByWriter` where a
    ///   writer kept something from being looked at; `notFound`, `foreign` or `storage`.
    func checkSound() throws(LedgerError) {
        do {
            guard let found = try examine() else { return }
            if !found.isComplete {
                throw LedgerError(.heldByWriter, "\(name): \(found.notCovered.first ?? "")")
            }
            guard let fault = found.faults.first else { return }
            let others = found.faults.count > 1 ? ", and \(found.faults.count - 1) more" : ""
            throw LedgerError(.damaged, "\(name): \(fault)\(others)")
        } catch {
            throw LedgerError(error, while: "looking at \(name)")
        }
    }

    /// How many entries of a log may be shown.
    func durableCount(_ log: any LogReader) throws -> UInt64 {
        let stored = try log.entryCount
        guard let status = try writerStatus(), status.isHeld else { return stored }
        return min(stored, status.durableCount ?? stored)
    }
}
