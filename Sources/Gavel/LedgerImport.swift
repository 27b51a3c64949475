// Building a fresh ledger from a history that already happened.
//
// Invariants: no clock is read and no salt is drawn: every time comes with a command, and id and
// salts follow from a fingerprint, so the same history gives the same bytes on every machine; the
// ledger is built beside its place and renamed when all of it is durable: after a bad command, a
// failure or a kill before that there is no ledger, and after it there is one and nothing fails.

public import AuctionDomain
internal import Logging
internal import Platform
internal import Synchronization

/// An import under way.
///
///     let history = try LedgerImport(to: "ledger", fingerprint: LedgerHash(of: bytes))
///     try history.add(submission, at: time)
///     try history.finish()
///
/// Used from one thread.
public final class LedgerImport {
    /// Why an import stopped at a command.
    public struct Stopped: Error, Hashable, Sendable {
        /// Which of the commands added, from 0.
        public let index: Int
        public let refusal: Refusal
    }

    private static let batchCount = 4096
    private static let ticketsMax = 3

    private let target: String
    /// What keeps others from building there as well.
    private var buildingLock: FileLock?
    private let building: LedgerFolder
    private var configuration: Configuration
    private let checkpointCopy: CheckpointFile?
    private let clock = HistoryClock()
    private var ledger: Ledger?
    private var batch: [Submission] = []
    private var times: [Timestamp] = []
    private var tickets: [BatchTicket] = []
    private var answered = 0
    private var lastTime = Timestamp.zero

    /// What the commands answered so far came to.
    public private(set) var accepted = 0
    public private(set) var rejected = 0

    /// Begins an import.
    /// - Parameters:
    ///   - path: where the ledger will stand; nothing may be there.
    ///   - fingerprint: a hash over the whole history. The ledger's id and the salts of its
    ///     entries follow from it, so equal histories give equal ledgers. It is as secret as the
    ///     history: whoever knows it can compute every salt.
    /// - Throws: `LedgerError` with `alreadyExists`, `heldByWriter` or `storage`.
    public init(
        to path: String, fingerprint: LedgerHash, configuration: Configuration = Configuration()
    ) throws(LedgerError) {
        target = path
        building = LedgerFolder(path: path + ".importing")
        self.configuration = configuration
        self.configuration.clock = clock
        self.configuration.ledgerID = .derived(from: fingerprint.bytes)
        self.configuration.salting = .imported(fingerprint)
        self.configuration.closing = .automatic
        self.configuration.closesByTimer = false
        self.configuration.datesCheckpoints = false
        self.configuration.isBuilding = true
        // An import that stops leaves nothing behind, and so no copy of a checkpoint either.
        self.configuration.checkpointCopyPath = nil
        checkpointCopy = configuration.checkpointCopyPath.map {
            CheckpointFile(copyAt: $0, of: FolderStore(at: path))
        }
        try requireAbsent(path)
        do {
            // By an import that was killed; a living one still holds it.
            try building.removeLeftover()
        } catch {
            throw LedgerError(error, while: "beginning an import")
        }
    }

    /// Figures of the ledger as it was when a command was refused; nil where none was.
    package private(set) var statisticsWhenStopped: LedgerStatistics?

    /// Adds the next command.
    /// - Parameter time: never before the time of the command before it.
    /// - Throws: `Stopped` when an earlier command was refused; `LedgerError`.
    public func add(_ submission: Submission, at time: Timestamp) throws {
        precondition(time >= lastTime, "times in a history never fall")
        lastTime = time
        try translated {
            if ledger == nil {
                clock.set(time)
                ledger = try open()
            }
            batch.append(submission)
            times.append(time)
            if batch.count == Self.batchCount { try flush() }
        }
    }

    /// Waits until everything is durable and puts the ledger in its place.
    ///
    /// The last step gives the ledger its name. What comes after it, flushing the name and writing
    /// the copy of the checkpoint, takes nothing from the ledger: where that fails, the
    /// configuration's logger gets a warning.
    /// - Returns: how many entries the ledger has.
    /// - Throws: `Stopped`, `LedgerError`; then there is no ledger.
    @discardableResult
    public func finish() throws -> UInt64 {
        do { return try translated { try complete() } } catch {
            abandon()
            throw error
        }
    }

    private func complete() throws -> UInt64 {
        if ledger == nil { ledger = try open() }
        try settle()
        let count = ledger!.durableCount
        let signed = try ledger!.signCheckpoint()
        try checkpointCopy?.checkCopy(
            origin: signed.checkpoint.origin, ledger!.tree(ofSize: count),
            keys: [ledger!.verifierKey])
        ledger!.closeAndWait()
        try requireAbsent(target)
        try building.endBuilding(at: target, configuration.logger)
        ledger = nil
        buildingLock = nil
        writeCopy(signed)
        return count
    }

    private func open() throws -> Ledger {
        buildingLock = try building.beginBuilding()
        do {
            return try Ledger.openAndWait(in: FolderStore(building), configuration: configuration)
        } catch {
            try? building.discard()
            buildingLock = nil
            throw error
        }
    }

    private func writeCopy(_ signed: SignedCheckpoint) {
        do { try checkpointCopy?.write(signed) } catch {
            configuration.logger.warning(
                "the ledger is complete, but the copy of its checkpoint was not written",
                metadata: ["why": "\((error as? NamedFileError)?.reason ?? "\(error)")"])
        }
    }

    /// Gives every error but `Stopped` as a `LedgerError`.
    private func translated<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as Stopped { throw error } catch {
            throw LedgerError(error, whileBuilding: "importing to \(target)")
        }
    }

    /// Waits until every command added so far is answered: whoever stops for another reason asks
    /// first whether an earlier command was refused.
    /// - Throws: `Stopped`, `LedgerError`.
    public func settle() throws {
        guard ledger != nil else { return }
        try translated {
            try flush()
            while !tickets.isEmpty { try settleOldest() }
        }
    }

    /// Gives up and removes what was built, unless another import is building there.
    public func abandon() {
        guard let ledger else { return }
        ledger.closeAndWait()
        self.ledger = nil
        try? building.discard()
        buildingLock = nil
    }

    deinit { abandon() }

    private func flush() throws {
        guard !batch.isEmpty else { return }
        if tickets.count == Self.ticketsMax { try settleOldest() }
        tickets.append(try ledger!.enqueue(batch, at: times))
        batch.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
    }

    private func settleOldest() throws {
        let receipts = try tickets.removeFirst().wait()
        for receipt in receipts {
            switch receipt.status {
            case .accepted: accepted += 1
            case .rejected: rejected += 1
            case .refused:
                statisticsWhenStopped = ledger?.statistics
                throw Stopped(index: answered, refusal: receipt.refusal!)
            }
            answered += 1
        }
    }
}

/// A clock that stands where the history begins: the engine's opening entry has that time, and
/// every later one the time of its command.
private final class HistoryClock: LedgerClock {
    private let time = Atomic<Int64>(0)

    func set(_ time: Timestamp) { self.time.store(time.nanoseconds, ordering: .releasing) }
    func now() -> Timestamp { Timestamp(nanoseconds: time.load(ordering: .acquiring)) }
    func uptimeNanoseconds() -> Int64 { time.load(ordering: .acquiring) }
    var passesByItself: Bool { false }
    func both() -> (wall: Timestamp, uptimeNanoseconds: Int64) {
        let now = now()
        return (now, now.nanoseconds)
    }
}

extension LedgerID {
    /// An id that follows from bytes: the first half of their SHA-256.
    public static func derived(from bytes: [UInt8]) -> LedgerID {
        let words = LedgerHash(of: bytes).words
        return LedgerID(high: words.0.bigEndian, low: words.1.bigEndian)
    }
}

extension CommandID {
    /// The id of a line of a history: its time, and 74 bits of the SHA-256 of file number, line
    /// number and line, so that importing again gives the same ids.
    public static func derived(
        at time: Timestamp, file: Int, line: Int, content: [UInt8]
    ) -> CommandID {
        var bytes = ByteBuffer(capacity: content.count + 16)
        bytes.append(UInt64(file))
        bytes.append(UInt64(line))
        bytes.append(contentsOf: content)
        let words = LedgerHash(of: bytes.array()).words
        return CommandID(
            milliseconds: UInt64(max(0, time.nanoseconds / 1_000_000)),
            randomHigh: words.0.bigEndian,
            randomLow: words.1.bigEndian)
    }
}
