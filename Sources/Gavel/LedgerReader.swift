// Reading a ledger from another process than its writer's, or as of a past moment.
//
// Invariants: nothing past the durable position of a living writer is shown; where no writer lives,
// everything in the log is. A reader writes nothing: where it cannot read the ledger's secret it
// draws one for itself, and its cursors are then good for this reader alone.

internal import AuctionDomain
public import Logging
internal import Platform
internal import Synchronization

/// A ledger open for reading only, beside a writer or without one.
///
///     let reader = try LedgerReader.open(at: "ledger")
///     let clock = try reader.auction("lot-1").value
public final class LedgerReader: LedgerQueries {
    public let reading: Reading
    let folder: LedgerFolder?
    private let snapshots: SnapshotFolder?
    let logger: Logger
    private let following = Mutex(Following())

    /// Whoever catches up holds it: each entry is applied once.
    private struct Following {
        var isClosed = false
        /// Why what is reflected is of no more use.
        var failure: LedgerError?
    }

    /// Opens a ledger for reading.
    /// - Parameter moment: which moment to look at; nil for the newest durable one.
    /// - Throws: `LedgerError` with `notFound`, `foreign`, `newerFormat`, `damaged` or `storage`.
    public static func open(
        at path: String, asOf moment: Moment? = nil, logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> LedgerReader {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        do {
            let log = try openLog(of: folder)
            let durable = try Self.durableCount(of: folder, log)
            return try LedgerReader(
                log: log, snapshots: SnapshotFolder(path: folder.snapshots), folder: folder,
                limit: moment.limit(durable: durable), logger: logger,
                secret: (try? LedgerSecret.read(in: folder)) ?? .generate())
        } catch {
            throw LedgerError(error, while: "opening \(path)")
        }
    }

    /// - Throws: `LedgerError` with `notFound` where the log has no entry; what opening throws.
    private static func openLog(of folder: LedgerFolder) throws -> LMDBEventLog {
        guard !folder.wasOpened else {
            return try LMDBEventLog(at: folder.log, isReadOnly: true, creates: false)
        }
        guard let log = try LMDBEventLog.begun(at: folder.log) else {
            throw LedgerError.notBegun(folder)
        }
        return log
    }

    init(
        log: any EventLog, snapshots: SnapshotFolder?, folder: LedgerFolder?,
        limit: Loader.Limit, logger: Logger, secret: LedgerSecret = .generate()
    ) throws {
        let loader = Loader(log: log, snapshots: snapshots, logger: logger)
        reading = Reading(
            readState: try loader.load(upTo: limit).readState, log: log, secret: secret)
        self.folder = folder
        self.snapshots = snapshots
        self.logger = logger
    }

    /// Lets go of the ledger's files. What is under way ends, and is waited for; whoever follows
    /// the reader ends, and what has to read the log later throws `closed`. Also done when the
    /// reader goes.
    public func close() {
        following.withLock { $0.isClosed = true }
        // Not under the lock, which a query that is waited for may want.
        if folder != nil { reading.log.close() }
    }

    deinit { close() }

    /// Whether the reader looks at an earlier moment of another one's ledger.
    var isPast: Bool { folder == nil }
    /// Whether no more will come.
    var isFinal: Bool { isPast || following.withLock { $0.isClosed } }

    /// Catches up with the writer. May be called from many tasks at once: each entry is taken in
    /// once, and a call that waited for another one looks again.
    /// - Returns: whether there was something new.
    /// - Throws: `LedgerError` with `closed`, `damaged` or `storage`.
    @discardableResult
    public func refresh() throws(LedgerError) -> Bool {
        guard let folder else { return false }
        return try following.withLock { (following) throws(LedgerError) in
            if following.isClosed { throw LedgerError(.closed, "the reader is closed") }
            if let failure = following.failure { throw failure }
            do {
                let durable = try Self.durableCount(of: folder, reading.log)
                let before = reflects
                try reading.forEach(from: before, to: durable) { entry in
                    do {
                        try reading.readState.withLock { try $0.apply(entry) }
                    } catch {
                        // Part of the entry may be applied.
                        following.failure = LedgerError(error, while: "following \(folder.path)")
                        throw error
                    }
                    return true
                }
                return durable > before
            } catch {
                throw LedgerError(error, while: "following \(folder.path)")
            }
        }
    }

    /// How many durable entries there are, whether they are reflected yet or not.
    var entriesThere: UInt64 {
        get throws(LedgerError) {
            guard let folder else { return reflects }
            return try following.withLock { (following) throws(LedgerError) in
                if following.isClosed { throw LedgerError(.closed, "the reader is closed") }
                do {
                    return max(reflects, try Self.durableCount(of: folder, reading.log))
                } catch {
                    throw LedgerError(error, while: "following \(folder.path)")
                }
            }
        }
    }

    /// The ledger as it stood at an earlier moment than this reader's. It reads through this
    /// reader's files and is of no use once this one is closed.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries from the nearest snapshot before the moment on).
    public func past(_ moment: Moment) throws(LedgerError) -> LedgerReader {
        do {
            return try LedgerReader(
                log: reading.log, snapshots: snapshots, folder: nil,
                limit: Optional(moment).limit(durable: reflects), logger: logger,
                secret: reading.secret)
        } catch {
            throw LedgerError(error, while: "looking into the past")
        }
    }

    /// How many entries may be shown.
    static func durableCount(
        of folder: LedgerFolder, _ log: any EventLog
    ) throws -> UInt64 {
        let stored = try log.entryCount
        guard let status = try WriterFile.read(at: folder.writer), status.isHeld else {
            return stored
        }
        return min(stored, status.durableCount)
    }

    /// The process that writes the ledger now, if one does.
    public var writerProcess: Int32? {
        guard let folder, let status = try? WriterFile.read(at: folder.writer), status.isHeld
        else { return nil }
        return status.pid
    }
}

extension Moment? {
    func limit(durable: UInt64) -> Loader.Limit {
        switch self {
        case nil: .entries(durable)
        case .position(let position): .entries(Swift.min(durable, position.addingClamped(1)))
        case .time(let time): .time(time, entries: durable)
        }
    }
}

extension Ledger: LedgerQueries {
    public var reading: Reading { publisher.reading }

    /// The ledger as it stood at a past moment: every query answers as of then.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries from the nearest snapshot before the moment on).
    public func past(_ moment: Moment) throws(LedgerError) -> LedgerReader {
        do {
            return try LedgerReader(
                log: log, snapshots: snapshots, folder: nil,
                limit: Optional(moment).limit(durable: durableCount), logger: logger,
                secret: reading.secret)
        } catch {
            throw LedgerError(error, while: "looking into the past")
        }
    }
}
