// Following the log: a subscription is only a position, from which runs of durable entries are
// pulled. A slow reader costs the writer nothing: nothing is queued for anybody.

internal import AuctionDomain

/// Entries in order, as they become durable; ends when the ledger closes.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = [LedgerEntry]
    public typealias Failure = any Error

    /// The most entries in one run.
    public static let runEntriesMax = 1000

    let ledger: Ledger
    let start: UInt64

    public struct AsyncIterator: AsyncIteratorProtocol {
        let ledger: Ledger
        var position: UInt64

        /// The next run: at least one entry, at most `runEntriesMax`. Waits for one if need be.
        /// - Returns: nil when the ledger was closed or the task was cancelled.
        /// - Throws: `LedgerError` with `damaged` or `storage`.
        public mutating func next() async throws -> [LedgerEntry]? {
            while true {
                if Task.isCancelled || ledger.publisher.isClosed { return nil }
                if ledger.reflects > position {
                    let run = try ledger.entries(from: position, limit: Subscription.runEntriesMax)
                    position += UInt64(run.count)
                    if !run.isEmpty { return run }
                }
                await ledger.publisher.waitForEntries(after: position)
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(ledger: ledger, position: start)
    }
}

extension Ledger {
    /// Follows the log from a position on: first what is there already, then what comes.
    public func subscribe(from position: UInt64 = 0) -> Subscription {
        Subscription(ledger: self, start: position)
    }
}
