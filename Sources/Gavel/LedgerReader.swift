// Reading a ledger from another process than its writer's, or as of a past moment.
//
// Invariants: nothing past the durable position of a living writer is shown; where no writer lives,
// or what it says is damaged, everything in the log is. A reader takes no lock and writes nothing
// (decision 0027), so it needs no right but that to read: where it cannot read the ledger's secret
// it draws one for itself, and its cursors are then good for this reader alone.

internal import AuctionDomain
public import Logging
internal import Platform
internal import Synchronization

/// A ledger open for reading only, beside a writer or without one.
///
///     let reader = try await LedgerReader.open(at: "ledger")
///     let clock = try reader.auction("lot-1").value
public final class LedgerReader: LedgerQueries {
    public let reading: Reading
    /// Nil for a ledger as of a past moment, which reads through another one's log.
    let store: (any LedgerStore)?
    private let snapshots: StoredSnapshots?
    let logger: Logger
    private let following = Mutex(Following())

    /// Whoever catches up holds it: each entry is applied once.
    private struct Following {
        var isClosed = false
        /// Why what is reflected is of no more use.
        var failure: LedgerError?
    }

    /// Opens a ledger for reading, on a thread of its own.
    /// - Parameter moment: which moment to look at; nil for the newest durable one.
    /// - Throws: `LedgerError` with `notFound`, `foreign`, `newerFormat`, `damaged` or `storage`.
    public static func open(
        at path: String, asOf moment: Moment? = nil,
        logger: Logger = Logger(label: "gavel")
    ) async throws(LedgerError) -> LedgerReader {
        try await open(in: FolderStore(at: path), asOf: moment, logger: logger)
    }

    /// Opens a ledger in any store for reading.
    /// - Throws: as `open(at:asOf:logger:)`.
    public static func open(
        in store: any LedgerStore, asOf moment: Moment? = nil,
        logger: Logger = Logger(label: "gavel")
    ) async throws(LedgerError) -> LedgerReader {
        try await DedicatedThread.run(named: "gavel.open") { () throws(LedgerError) in
            try openAndWait(in: store, asOf: moment, logger: logger)
        }
    }

    /// As `open(at:)`, for code without tasks: blocks the thread until the ledger is open.
    @available(*, noasync, message: "this blocks a thread: use 'await LedgerReader.open'")
    public static func openAndWait(
        at path: String, asOf moment: Moment? = nil,
        logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> LedgerReader {
        try openAndWait(in: FolderStore(at: path), asOf: moment, logger: logger)
    }

    /// As `open(in:)`, for code without tasks: blocks the thread until the ledger is open.
    @available(*, noasync, message: "this blocks a thread: use 'await LedgerReader.open'")
    public static func openAndWait(
        in store: any LedgerStore, asOf moment: Moment? = nil,
        logger: Logger = Logger(label: "gavel")
    ) throws(LedgerError) -> LedgerReader {
        do {
            let log = try store.openForReading()
            let durable = try store.durableCount(log)
            return try LedgerReader(
                log: log, snapshots: StoredSnapshots(store: store), store: store,
                limit: moment.limit(durable: durable), logger: logger,
                secret: (try? LedgerSecret.read(in: store)) ?? .generate())
        } catch {
            throw LedgerError(error, while: "opening \(store.name)")
        }
    }

    init(
        log: any LogReader, snapshots: StoredSnapshots?, store: (any LedgerStore)?,
        limit: Loader.Limit, logger: Logger, secret: LedgerSecret = .generate()
    ) throws {
        let loader = Loader(log: log, snapshots: snapshots, logger: logger)
        reading = Reading(
            readState: try loader.load(upTo: limit).readState, log: log, secret: secret)
        self.store = store
        self.snapshots = snapshots
        self.logger = logger
    }

    /// Lets go of the ledger's files. What is under way ends, and is waited for; whoever follows
    /// the reader ends, and what has to read the log later throws `closed`. Also done when the
    /// reader goes.
    public func close() {
        following.withLock { $0.isClosed = true }
        // Not under the lock, which a query that is waited for may want.
        guard !isPast else { return }
        reading.entries.close()
        reading.log.close()
    }

    deinit { close() }

    /// Whether the reader looks at an earlier moment of another one's ledger.
    var isPast: Bool { store == nil }
    /// Whether no more will come.
    var isFinal: Bool { isPast || following.withLock { $0.isClosed } }

    /// Catches up with the writer. May be called from many tasks at once: each entry is taken in
    /// once, and a call that waited for another one looks again.
    /// - Returns: whether there was something new.
    /// - Throws: `LedgerError` with `closed`, `damaged` or `storage`.
    @discardableResult
    public func refresh() throws(LedgerError) -> Bool {
        guard let store else { return false }
        return try following.withLock { (following) throws(LedgerError) in
            if following.isClosed { throw LedgerError(.closed, "the reader is closed") }
            if let failure = following.failure { throw failure }
            do {
                let durable = try store.durableCount(reading.log)
                let before = reflects
                try reading.forEach(from: before, to: durable) { entry in
                    do {
                        try reading.readState.withLock { try $0.apply(entry) }
                    } catch {
                        // Part of the entry may be applied.
                        following.failure = LedgerError(error, while: "following \(store.name)")
                        throw error
                    }
                    return true
                }
                return durable > before
            } catch {
                throw LedgerError(error, while: "following \(store.name)")
            }
        }
    }

    /// How many durable entries there are, whether they are reflected yet or not.
    var entriesThere: UInt64 {
        get throws(LedgerError) {
            guard let store else { return reflects }
            return try following.withLock { (following) throws(LedgerError) in
                if following.isClosed { throw LedgerError(.closed, "the reader is closed") }
                do {
                    return max(reflects, try store.durableCount(reading.log))
                } catch {
                    throw LedgerError(error, while: "following \(store.name)")
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
                log: reading.log, snapshots: snapshots, store: nil,
                limit: Optional(moment).limit(durable: reflects), logger: logger,
                secret: reading.secret)
        } catch {
            throw LedgerError(error, while: "looking into the past")
        }
    }

    /// The process that writes the ledger now, if one does.
    public var writerProcess: Int32? {
        guard let store, let status = try? store.writerStatus(), status.isHeld else { return nil }
        return status.process
    }
}

extension LedgerReader.Moment? {
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
    public func past(_ moment: LedgerReader.Moment) throws(LedgerError) -> LedgerReader {
        do {
            return try LedgerReader(
                log: log, snapshots: StoredSnapshots(store: store), store: nil,
                limit: Optional(moment).limit(durable: durableCount), logger: logger,
                secret: reading.secret)
        } catch {
            throw LedgerError(error, while: "looking into the past")
        }
    }
}
