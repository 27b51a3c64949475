// Projections of an embedder's own: folds of the log kept for reading, at their own pace.
//
// Invariant: a projection has applied exactly the entries before `reflects`, each once and in
// order; how it stores them, together with that number, is its own affair.

internal import AuctionDomain
internal import Synchronization

/// A fold of the log that an embedder keeps.
public protocol Projection: Sendable {
    /// How many entries are applied; restored with the projection's own data after a restart.
    var reflects: UInt64 { get }

    /// Applies the next entries, in order, and counts them in `reflects`.
    /// - Parameter names: says what handles stand for.
    mutating func apply(_ run: [LedgerEntry], names: Reading) async throws
}

/// Keeps a projection up to date and lets others read it.
///
///     let host = ProjectionHost(TopBidders(), following: ledger)
///     Task { try await host.run() }
///     let best = host.read { $0.best }
public final class ProjectionHost<Value: Projection>: Sendable {
    private let ledger: Ledger
    private let current: Mutex<Current>

    private struct Current: Sendable {
        var value: Value
        /// Raised by each swap, so that a run on the old value does not overwrite the new one.
        var generation = 0
    }

    public init(_ value: Value, following ledger: Ledger) {
        self.ledger = ledger
        current = Mutex(Current(value: value))
    }

    /// Reads the projection between two runs.
    public func read<R>(_ body: (Value) throws -> R) rethrows -> R {
        try body(current.withLock { $0.value })
    }

    /// How many durable entries the projection has not applied yet.
    public var lag: UInt64 {
        let reflects = current.withLock { $0.value.reflects }
        return ledger.reflects - min(ledger.reflects, reflects)
    }

    /// Catches up and follows until the ledger closes or the task is cancelled.
    /// - Throws: what the projection throws; `LedgerError` with `damaged` or `storage`.
    public func run() async throws {
        while !Task.isCancelled {
            let (value, generation) = current.withLock { ($0.value, $0.generation) }
            var iterator = ledger.subscribe(from: value.reflects).makeAsyncIterator()
            guard let run = try await iterator.next() else { return }
            try await step(value, generation, run)
        }
    }

    private func step(_ value: Value, _ generation: Int, _ run: [LedgerEntry]) async throws {
        var next = value
        try await next.apply(run, names: ledger.reading)
        let applied = next
        current.withLock { current in
            if current.generation == generation { current.value = applied }
        }
    }

    /// Builds the projection anew from a fresh value while the old one goes on serving, and swaps
    /// them once the new one has caught up.
    /// - Throws: as `run`; then the old one stays.
    public func rebuild(from fresh: Value) async throws {
        var value = fresh
        while value.reflects < ledger.reflects {
            let run = try ledger.entries(from: value.reflects, limit: Subscription.runEntriesMax)
            try await value.apply(run, names: ledger.reading)
        }
        let rebuilt = value
        current.withLock { current in
            current.value = rebuilt
            current.generation += 1
        }
    }
}
