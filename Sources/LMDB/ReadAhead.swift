// Reading large values one after the other while somebody works on them: the next one is read on
// another thread while the one before is lent.
//
// Invariants: values are lent in their order, and what is wrong with one is told when it is its
// turn; nothing is read any more once a call has returned false or thrown, or the last was lent.

import Dispatch
import Platform
import Synchronization

/// Lends values in the order in which they are passed to it, large ones one call later.
struct ReadAhead {
    /// Smaller values are read in less time than it takes to wake a thread.
    private static let bytesMin = 256 << 10

    /// Whoever wants one value only is not made to wait for a second one.
    private var isFirst = true
    private var pending: (key: UInt64, reading: Reading)?

    /// A value that is being read on another thread.
    private final class Reading: Sendable {
        private let result = Mutex<Result<StoredValue.Read, any Error>?>(nil)
        private let group = DispatchGroup()

        init(_ value: StoredValue) {
            DispatchQueue.global(qos: .userInitiated).async(group: group) {
                let read = Result { try value.read() }
                self.result.withLock { $0 = read }
            }
        }

        func wait() { group.wait() }

        func value() throws -> StoredValue.Read? {
            wait()
            return try result.withLock { $0 }?.get()
        }
    }

    /// Begins to read a value, and lends the one before it; a small one is lent at once.
    /// - Returns: false when `body` answered so: then it is not called any more.
    /// - Throws: what reading and `body` throw.
    mutating func lend(
        _ key: UInt64, _ value: StoredValue, to body: (UInt64, RawSpan) throws -> Bool
    ) throws -> Bool {
        let isRead = isFirst || value.byteCount < Self.bytesMin
        isFirst = false
        let next = isRead ? nil : Reading(value)
        // Where the next value is not wanted any more, nothing reads the file behind our back.
        var isWanted = false
        defer { if !isWanted { next?.wait() } }
        guard try lendLast(to: body) else { return false }
        isWanted = true
        guard let next else { return try value.withBytes { try body(key, $0) } }
        pending = (key, next)
        return true
    }

    /// Lends the value that was read last and not lent yet, where there is one.
    /// - Returns: false when `body` answered so.
    mutating func lendLast(to body: (UInt64, RawSpan) throws -> Bool) throws -> Bool {
        guard let (key, reading) = pending else { return true }
        pending = nil
        guard let value = try reading.value() else { return true }
        return try value.withBytes { try body(key, $0) }
    }
}
