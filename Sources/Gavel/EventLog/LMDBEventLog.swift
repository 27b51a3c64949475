// The event log on LMDB: one table, integer keys, appended through one transaction a frame.
//
// Invariants: transactions are begun and ended on this log's own queue and never cross an await;
// a commit is two flushes (data, then the page that names it), so a frame reported durable
// survives power loss as far as the disk tells the truth; after a failed commit the log is
// finished: LMDB would go on, but Linux may have dropped the pages that failed to be written, so a
// later success would prove nothing (eventlog research, section 3.4).

internal import AuctionDomain
internal import Dispatch
internal import LMDB
internal import Synchronization

package final class LMDBEventLog: EventLog {
    private let environment: Environment
    private let table: IntegerTable
    private let queue = DispatchQueue(label: "gavel.log")
    private let state = Mutex(State())

    private struct State {
        var handler: (@Sendable (LogReport) -> Void)?
        /// Set once by the first failure.
        var failure: String?
    }

    /// The name of the one table.
    static let tableName = "frames"

    /// Opens the log in a folder.
    /// - Throws: `LMDBError`.
    package init(at directory: String, isReadOnly: Bool, creates: Bool) throws {
        var configuration = Environment.Configuration()
        configuration.isReadOnly = isReadOnly
        configuration.createsDirectory = creates
        configuration.maxTables = 4
        environment = try Environment(at: directory, configuration: configuration)
        table = try environment.integerTable(named: Self.tableName, create: creates)
    }

    package var entryCount: UInt64 {
        get throws {
            try environment.read { transaction in
                try transaction.withLast(in: table) { key, value in
                    try Self.header(value, at: key).endPosition
                } ?? 0
            }
        }
    }

    package func start(reportingTo handler: @escaping @Sendable (LogReport) -> Void) {
        state.withLock { $0.handler = handler }
    }

    package func append(
        _ frame: Frame, atOnce: Bool, seal: @escaping @Sendable (Frame) -> Void
    ) {
        if atOnce {
            // Runs on this thread, in the queue's order.
            queue.sync { store(frame, seal) }
        } else {
            queue.async { self.store(frame, seal) }
        }
    }

    private func store(_ frame: Frame, _ seal: (Frame) -> Void) {
        let (handler, failure) = state.withLock { ($0.handler, $0.failure) }
        if let failure {
            handler?(.unknown(frame, reason: failure))
            return
        }
        do {
            // A frame without entries is a caller waiting for what came before it.
            if !frame.isEmpty {
                seal(frame)
                try environment.write { transaction in
                    try transaction.append(
                        table, key: frame.firstPosition, byteCount: frame.byteCount
                    ) { value in
                        var offset = 0
                        frame.withParts { part in
                            value.copy(part, at: offset)
                            offset += part.byteCount
                        }
                    }
                }
            }
            handler?(.durable(frame))
        } catch {
            let reason = "\(error)"
            state.withLock { $0.failure = reason }
            handler?(.unknown(frame, reason: reason))
        }
    }

    package func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        try environment.read { transaction in
            let start = try transaction.withValue(atOrBefore: position, in: table) { key, _ in key }
            try transaction.forEach(in: table, from: start ?? position) { key, value in
                _ = try Self.header(value, at: key)
                return try body(value)
            }
        }
    }

    /// A frame's header. The key is LMDB's word for where the frame stands; both must agree.
    private static func header(_ value: RawSpan, at key: UInt64) throws -> FrameHeader {
        let header = try FrameHeader(value)
        guard header.firstPosition == key else {
            throw LogFault("the frame at \(key) says it begins at \(header.firstPosition)")
        }
        return header
    }

    /// A consistent copy of the log while it is written.
    package func copy(to directory: String) throws {
        try environment.copy(to: directory, compacting: false)
    }

    package func drain() {
        // Runs after every append that was made before.
        queue.sync {}
    }

    package func close() {
        // A reader under way keeps the map: the environment is closed with its last reference.
        try? environment.close()
    }
}
