// Projections of an embedder's own: folds of the log kept for reading, at their own pace.
//
// Invariants: a host's value has applied exactly the entries before its place, each once and in
// order; it is changed where it lies, so what a run costs goes by the run and not by what is kept;
// nothing is read of a value in which applying failed.

internal import AuctionDomain
internal import Synchronization

/// A fold of the log that an embedder keeps in memory.
public protocol Projection: Sendable {
    /// Applies the next entries, in order.
    ///
    /// Runs under the host's lock: whoever reads the projection waits for it, and it must not ask
    /// the host itself.
    /// - Parameter names: says what handles stand for.
    /// - Throws: whatever it cannot go on from; what it holds is then no fold of the log and is
    ///   not read any more.
    mutating func apply(_ run: [LedgerEntry], names: Reading) throws
}

/// Keeps a projection up to date and lets others read it.
///
///     let host = try ProjectionHost(TopBidders(), following: ledger)
///     Task { try await host.run() }
///     let best = try host.read { $0.best }
public final class ProjectionHost<Value: Projection>: Sendable {
    private let source: any FollowedLedger
    private let current: Mutex<Current>

    private struct Current: Sendable {
        var value: Value
        var place: Subscription.Place
        /// What applying threw.
        var failure: (any Error)?
        var isRunning = false
    }

    /// Hosts a projection of an open ledger.
    /// - Parameter place: where the value stands, as it was stored with it; nil for a value that
    ///   has applied nothing.
    /// - Throws: `LedgerError` with `otherHistory` where the place is of another ledger, or beyond
    ///   this one's end, as after restoring a backup: the projection must then be built anew.
    public convenience init(
        _ value: Value, from place: Subscription.Place? = nil, following ledger: Ledger
    ) throws(LedgerError) {
        try self.init(value, from: place, source: ledger)
    }

    /// Hosts a projection of another process's ledger.
    /// - Parameters:
    ///   - place: as for an open ledger.
    ///   - interval: how long to wait before looking for more.
    /// - Throws: `LedgerError` with `otherHistory`; with `notFound` where the ledger has no entries
    ///   yet, and so no id; with `closed`, `damaged` or `storage`.
    public convenience init(
        _ value: Value, from place: Subscription.Place? = nil, following reader: LedgerReader,
        lookingEvery interval: Duration = LedgerReader.defaultFollowingInterval
    ) throws(LedgerError) {
        try self.init(value, from: place, source: reader.followed(every: interval))
    }

    private init(
        _ value: Value, from place: Subscription.Place?, source: any FollowedLedger
    ) throws(LedgerError) {
        try source.catchUp()
        guard let ledger = source.ledgerID else {
            throw LedgerError(.notFound, "the ledger to follow has no entries yet")
        }
        let place = place ?? Subscription.Place(ledger: ledger, position: 0)
        try source.check(place.position, of: place.ledger)
        self.source = source
        current = Mutex(Current(value: value, place: place))
    }

    // MARK: Reading

    /// Reads the projection between two runs. A run waits meanwhile, the ledger does not.
    /// - Throws: what applying threw, if it did; what `body` throws.
    public func read<R: Sendable>(_ body: (Value) throws -> R) throws -> R {
        try current.withLock { current in
            if let failure = current.failure { throw failure }
            return try body(current.value)
        }
    }

    /// The projection and its place, both as of one moment: what to store, and what a later host
    /// begins with.
    ///
    /// While the copy is kept, the next run copies what it changes, as all Swift values do.
    /// - Throws: what applying threw, if it did.
    public func stored() throws -> (value: Value, place: Subscription.Place) {
        try current.withLock { current in
            if let failure = current.failure { throw failure }
            return (current.value, current.place)
        }
    }

    /// How far the projection has come.
    public var place: Subscription.Place { current.withLock { $0.place } }

    /// How many durable entries of the ledger the projection has not applied yet.
    /// - Throws: `LedgerError` with `closed`, `damaged` or `storage`, for a reader alone.
    public var lag: UInt64 {
        get throws(LedgerError) {
            // In this order: the place only grows, and never beyond what is there.
            let position = place.position
            let count = try source.entriesThere
            return count - min(count, position)
        }
    }

    // MARK: Running

    /// Catches up and follows until the ledger is closed or the task is cancelled.
    /// - Parameter draining: whether everything durable is applied before it ends because the
    ///   ledger is closed; `Ledger.close` waits for that.
    /// - Throws: `LedgerError`: why the ledger failed; `alreadyRunning` where another call runs
    ///   this projection; `closed`, `damaged` or `storage` as a subscription. What the projection
    ///   throws, then and at every later call.
    public func run(draining: Bool = false) async throws {
        let place = try begin()
        defer { current.withLock { $0.isRunning = false } }
        let subscription = Subscription(
            source: source, position: place.position, ledger: place.ledger, isDraining: draining)
        var runs = subscription.makeAsyncIterator()
        while let run = try await runs.next() { runs.position = try take(run) }
    }

    private func begin() throws -> Subscription.Place {
        try current.withLock { current in
            if let failure = current.failure { throw failure }
            guard !current.isRunning else {
                throw LedgerError(.alreadyRunning, "the projection is run by another call already")
            }
            current.isRunning = true
            return current.place
        }
    }

    /// Applies a run, unless a value that was built anew has taken the place of the one for which
    /// the run was read.
    /// - Returns: the position to go on from.
    private func take(_ run: [LedgerEntry]) throws -> UInt64 {
        try current.withLock { current in
            if run.first?.position == current.place.position {
                do {
                    try current.value.apply(run, names: source.reading)
                } catch {
                    current.failure = error
                    throw error
                }
                current.place = current.place.advanced(by: run.count)
            }
            return current.place.position
        }
    }

    /// Builds the projection anew from a fresh value while the old one goes on serving, and puts
    /// it in the old one's place once it has come as far. Also mends one in which applying failed.
    /// - Parameter fresh: a value that has applied nothing.
    /// - Throws: what the projection throws; `CancellationError`; `LedgerError` with `closed`,
    ///   `damaged` or `storage`. The old value then stays.
    public func rebuild(from fresh: Value) async throws {
        var value = fresh
        var position: UInt64 = 0
        repeat {
            try source.catchUp()
            while position < source.reflects {
                try Task.checkCancellation()
                let run = try source.entries(from: position, limit: Subscription.runEntriesMax)
                try value.apply(run, names: source.reading)
                position += UInt64(run.count)
                await Task.yield()
            }
        } while !put(&value, position)
    }

    /// - Returns: false where the value that is served has come further meanwhile.
    private func put(_ value: inout Value, _ position: UInt64) -> Bool {
        current.withLock { current in
            guard position >= current.place.position else { return false }
            // Swapped, so that the old value is let go of outside of the lock.
            swap(&current.value, &value)
            current.place = Subscription.Place(ledger: current.place.ledger, position: position)
            current.failure = nil
            return true
        }
    }
}

extension Subscription.Place {
    fileprivate func advanced(by entries: Int) -> Subscription.Place {
        Subscription.Place(ledger: ledger, position: position + UInt64(entries))
    }
}
