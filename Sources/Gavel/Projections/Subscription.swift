// Following the log: a subscription is only a position, from which runs of durable entries are
// pulled. A slow follower costs the writer nothing: nothing is queued for anybody.
//
// Invariants: a follower gets every entry from its place on, each once and in order; it ends
// without an error only where the ledger was closed or has no more to come, and its task was not
// cancelled; a ledger that failed ends it with that failure.

public import AuctionDomain

extension Subscription {
    /// A place in one ledger's log. Whoever follows the log and stores what comes of it stores the
    /// place beside it, and begins there again.
    public struct Place: Hashable, Sendable {
        public let ledger: LedgerID
        /// How many entries lie before the place: the position of the next one.
        public let position: UInt64

        public init(ledger: LedgerID, position: UInt64) {
            self.ledger = ledger
            self.position = position
        }
    }
}

/// Entries in order, as they become durable.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = [LedgerEntry]
    public typealias Failure = any Error

    /// The most entries in one run.
    public static let runEntriesMax = 1000

    let source: any FollowedLedger
    let position: UInt64
    /// Nil where the position may be of any ledger.
    var ledger: LedgerID?
    var isDraining = false

    public struct AsyncIterator: AsyncIteratorProtocol {
        let source: any FollowedLedger
        /// The next entry to come.
        var position: UInt64
        /// The ledger that the position must be of; nil once it was compared.
        private var expected: (position: UInt64, ledger: LedgerID?)?
        private let isDraining: Bool
        private var hold: DrainHold?

        init(_ subscription: Subscription) {
            source = subscription.source
            position = subscription.position
            expected = (subscription.position, subscription.ledger)
            isDraining = subscription.isDraining
            if isDraining { hold = source.holdForDraining() }
        }

        /// The next run: at least one entry, at most `runEntriesMax`. Waits for one if need be.
        /// - Returns: nil when the ledger was closed, and for a draining subscription when all its
        ///   entries were given; when a ledger as of a past moment has no more; or when the task
        ///   was cancelled.
        /// - Throws: `LedgerError`: why the ledger failed; `otherHistory` where the subscription's
        ///   place is not in this ledger; `closed` where it was closed before a draining
        ///   subscription had given everything; `damaged` or `storage`.
        public mutating func next() async throws -> [LedgerEntry]? {
            do {
                let run = try await following()
                if run == nil { hold = nil }
                return run
            } catch {
                hold = nil
                throw error
            }
        }

        private mutating func following() async throws -> [LedgerEntry]? {
            while !Task.isCancelled {
                // Looked at first: what is there once it has ended is all there will be.
                let ending = source.ending
                if ending == nil || isDraining, let run = try pull() { return run }
                switch ending {
                case nil: await source.waitForEntries(after: position)
                case .finished: return nil
                case .failed(let failure): throw failure
                }
            }
            return nil
        }

        /// What is there from the position on; nil where there is nothing.
        private mutating func pull() throws(LedgerError) -> [LedgerEntry]? {
            do {
                try source.catchUp()
                if let expected {
                    try source.check(expected.position, of: expected.ledger)
                    self.expected = nil
                }
                guard source.reflects > position else { return nil }
                let run = try source.entries(from: position, limit: Subscription.runEntriesMax)
                position += UInt64(run.count)
                return run.isEmpty ? nil : run
            } catch  where error.code != .otherHistory {
                // A ledger that goes while it is read is no storage that fails.
                switch source.ending {
                case nil: throw error
                case .failed(let failure): throw failure
                case .finished where !isDraining: return nil
                case .finished:
                    throw LedgerError(
                        .closed,
                        "the ledger was closed before entries from \(position) on were followed")
                }
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

// MARK: - What is followed

/// A ledger that can be followed.
protocol FollowedLedger: LedgerQueries {
    /// How many durable entries there are, whether queries show them already or not.
    var entriesThere: UInt64 { get throws(LedgerError) }
    /// How following ends; nil while more may come.
    var ending: FollowingEnd? { get }
    /// Makes queries show what is durable.
    func catchUp() throws(LedgerError)
    /// Waits until there may be more than `count` entries, following ends, or the task is
    /// cancelled.
    func waitForEntries(after count: UInt64) async
    /// Has the closing wait for a follower; nil where it does not.
    func holdForDraining() -> DrainHold?
}

/// How following a ledger ends.
enum FollowingEnd {
    case finished
    case failed(LedgerError)
}

/// Keeps a ledger's closing waiting until it is let go of.
final class DrainHold: Sendable {
    private let letGo: @Sendable () -> Void
    init(_ letGo: @escaping @Sendable () -> Void) { self.letGo = letGo }
    deinit { letGo() }
}

extension FollowedLedger {
    /// Checks that a place is in this ledger's log.
    /// - Parameter ledger: nil where the position may be of any ledger.
    /// - Throws: `otherHistory`, naming the place and the ledger.
    func check(_ position: UInt64, of ledger: LedgerID?) throws(LedgerError) {
        let own = ledgerID
        let count = reflects
        guard position > count || ledger.map({ $0 != own }) ?? false else { return }
        let place =
            "position \(position)" + (ledger.map { " of ledger \($0.hexadecimal)" } ?? "")
        throw LedgerError(
            .otherHistory,
            "\(place) is not a place in ledger \(own?.hexadecimal ?? "without an id"), which has "
                + "\(count) entries")
    }
}

extension Ledger: FollowedLedger {
    var entriesThere: UInt64 { reflects }

    var ending: FollowingEnd? {
        guard publisher.isClosed else { return nil }
        return failure.map { .failed($0) } ?? .finished
    }

    /// Queries show an entry as soon as it is durable.
    func catchUp() {}

    func waitForEntries(after count: UInt64) async {
        await publisher.waitForEntries(after: count)
    }

    func holdForDraining() -> DrainHold? { publisher.holdForDraining() }

    /// Follows the log from a position on: first what is there already, then what comes.
    /// - Parameter draining: what happens when the ledger is closed. Otherwise following ends at
    ///   once; a draining subscription gives all durable entries first, and `close` waits for it,
    ///   at most ``Configuration/drainMilliseconds``.
    public func subscribe(
        from position: UInt64 = 0, draining: Bool = false
    ) -> Subscription {
        Subscription(source: self, position: position, isDraining: draining)
    }

    /// Follows the log from a stored place on, which must be of this ledger.
    public func subscribe(from place: Subscription.Place, draining: Bool = false) -> Subscription {
        Subscription(
            source: self, position: place.position, ledger: place.ledger, isDraining: draining)
    }
}

extension LedgerReader {
    /// Follows the log of another process's ledger from a position on: first what is there
    /// already, then what comes. A writer that closes or stops ends nothing: whatever the next one
    /// writes follows. Ends when this reader is closed; one that looks at a past moment has no
    /// more to come.
    /// - Parameter interval: how long to wait before looking for more.
    public func subscribe(
        from position: UInt64 = 0, lookingEvery interval: Duration = defaultFollowingInterval
    ) -> Subscription {
        followed(every: interval).subscription(from: position, of: nil)
    }

    /// Follows the log from a stored place on, which must be of this ledger.
    public func subscribe(
        from place: Subscription.Place, lookingEvery interval: Duration = defaultFollowingInterval
    ) -> Subscription {
        followed(every: interval).subscription(from: place.position, of: place.ledger)
    }

    /// Looking costs some microseconds, so ten times a second costs nothing.
    public static var defaultFollowingInterval: Duration { .milliseconds(100) }

    func followed(every interval: Duration) -> FollowedReader {
        FollowedReader(reader: self, interval: interval)
    }
}

/// A reader that is followed: nobody tells it of new entries, so it looks for them.
struct FollowedReader: FollowedLedger {
    let reader: LedgerReader
    let interval: Duration

    var reading: Reading { reader.reading }
    func past(_ moment: LedgerReader.Moment) throws(LedgerError) -> LedgerReader {
        try reader.past(moment)
    }

    var entriesThere: UInt64 {
        get throws(LedgerError) { try reader.entriesThere }
    }

    var ending: FollowingEnd? { reader.isFinal ? .finished : nil }
    func catchUp() throws(LedgerError) { try reader.refresh() }

    func waitForEntries(after count: UInt64) async {
        // Cancelling ends the wait, and whoever waits looks at that.
        try? await Task.sleep(for: interval)
    }

    func holdForDraining() -> DrainHold? { nil }

    /// - Parameter ledger: nil where the position may be of any ledger.
    func subscription(from position: UInt64, of ledger: LedgerID?) -> Subscription {
        // What a past moment shows is there to be read although no more comes.
        Subscription(
            source: self, position: position, ledger: ledger, isDraining: reader.isPast)
    }
}
