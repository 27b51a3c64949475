// The two kinds of transaction as the rest of the project sees them.
//
// They exist only as the argument of a closure, cannot be copied, kept or sent, and lend bytes to
// closures of their own; see TransactionState.swift for what is guarded and how.

import Platform

/// What reading and writing transactions have in common: reading.
///
/// The bytes lent to a body lie in the map of the file, without a copy, and are valid until the
/// body returns. Bodies run at once, on the calling thread. A body may read on; in a
/// `WriteTransaction` it must not write, which traps.
///
/// Only this module conforms to it.
public protocol Transaction: ~Copyable {
    /// For this module only.
    var _state: TransactionState { get }
}

/// A snapshot: what was committed when it began, whatever is written meanwhile.
///
/// While it lives, pages freed by later commits cannot be reused and the file grows (lmdb.h,
/// "Avoid long-lived transactions"): keep it short, and walk a long log in several transactions.
public struct ReadTransaction: ~Copyable, Transaction {
    public let _state: TransactionState

    @usableFromInline init(_ state: TransactionState) { _state = state }
}

/// The one writing transaction of an environment, over all processes.
///
/// It sees its own writes. It should stay well below 500 MiB of changed pages: LMDB 0.9.24 leaks
/// memory when a transaction spills pages to disk (ITS#9155).
public struct WriteTransaction: ~Copyable, Transaction {
    public let _state: TransactionState

    @usableFromInline init(_ state: TransactionState) { _state = state }
}

extension Transaction where Self: ~Copyable {
    /// The number of the transaction: of the snapshot that is read, or the one being written.
    public var id: UInt64 { _state.id }

    /// Lends the value at `key` to `body`.
    ///
    /// - Returns: what `body` returns, or nil when there is no such key.
    /// - Complexity: O(log n), no copy.
    @inlinable
    public func withValue<R>(
        _ table: IntegerTable, at key: UInt64, _ body: (RawSpan) throws -> R
    ) throws -> R? {
        guard let value = try unsafe _state.value(table.handle, at: key) else { return nil }
        return try unsafe lend(value, body)
    }

    /// Lends the value at `key` to `body`.
    ///
    /// - Returns: what `body` returns, or nil when there is no such key.
    /// - Complexity: O(log n), no copy.
    @inlinable
    public func withValue<R>(
        _ table: BytesTable, at key: [UInt8], _ body: (RawSpan) throws -> R
    ) throws -> R? {
        guard let value = try unsafe _state.value(table.handle, at: key) else { return nil }
        return try unsafe lend(value, body)
    }

    /// Lends the entry with the greatest key that is not above `key`.
    ///
    /// - Returns: what `body` returns, or nil when every key is above `key`.
    /// - Complexity: O(log n), no copy.
    @inlinable
    public func withValue<R>(
        atOrBefore key: UInt64, in table: IntegerTable, _ body: (UInt64, RawSpan) throws -> R
    ) throws -> R? {
        guard let entry = try unsafe _state.entry(table.handle, atOrBefore: key) else { return nil }
        return try unsafe lend(entry, body)
    }

    /// Lends the entry with the least key, or returns nil for an empty table.
    @inlinable
    public func withFirst<R>(
        in table: IntegerTable, _ body: (UInt64, RawSpan) throws -> R
    ) throws -> R? {
        guard let entry = try unsafe _state.firstEntry(table.handle) else { return nil }
        return try unsafe lend(entry, body)
    }

    /// Lends the entry with the greatest key, or returns nil for an empty table.
    @inlinable
    public func withLast<R>(
        in table: IntegerTable, _ body: (UInt64, RawSpan) throws -> R
    ) throws -> R? {
        guard let entry = try unsafe _state.lastEntry(table.handle) else { return nil }
        return try unsafe lend(entry, body)
    }

    /// Lends the entries with keys from `key` on, ascending, until `body` returns false.
    ///
    /// - Complexity: O(log n) to start, then O(1) an entry, no copies.
    @inlinable
    public func forEach(
        in table: IntegerTable, from key: UInt64 = 0, _ body: (UInt64, RawSpan) throws -> Bool
    ) throws {
        // The cursor belongs to this call alone, which closes it whatever happens.
        let cursor = try unsafe _state.openCursor(table.handle)
        defer { unsafe _state.closeCursor(cursor) }
        var entry = try unsafe _state.start(cursor, table.handle, from: key)
        while let current = unsafe entry, try unsafe lend(current, body) {
            unsafe entry = try unsafe _state.next(cursor, table.handle)
        }
    }

    /// Lends the entries with keys from `key` down, descending, until `body` returns false.
    ///
    /// - Complexity: O(log n) to start, then O(1) an entry, no copies.
    @inlinable
    public func forEachBackward(
        in table: IntegerTable, from key: UInt64 = .max,
        _ body: (UInt64, RawSpan) throws -> Bool
    ) throws {
        // As above.
        let cursor = try unsafe _state.openCursor(table.handle)
        defer { unsafe _state.closeCursor(cursor) }
        var entry = try unsafe _state.startBackward(cursor, table.handle, from: key)
        while let current = unsafe entry, try unsafe lend(current, body) {
            unsafe entry = try unsafe _state.previous(cursor, table.handle)
        }
    }

    /// Lends the entries with keys from `key` on, ascending by bytes, until `body` returns false.
    /// An empty key starts at the beginning.
    ///
    /// - Complexity: O(log n) to start, then O(1) an entry, no copies.
    @inlinable
    public func forEach(
        in table: BytesTable, from key: [UInt8] = [], _ body: (RawSpan, RawSpan) throws -> Bool
    ) throws {
        // As above.
        let cursor = try unsafe _state.openCursor(table.handle)
        defer { unsafe _state.closeCursor(cursor) }
        var entry = try unsafe _state.startBytes(cursor, table.handle, from: key)
        while let current = unsafe entry, try unsafe lend(current, body) {
            unsafe entry = try unsafe _state.nextBytes(cursor, table.handle)
        }
    }

    /// The number of entries of a table.
    ///
    /// - Complexity: O(1).
    @inlinable
    public func count(of table: IntegerTable) throws(LMDBError) -> Int {
        try _state.count(table.handle)
    }

    /// The number of entries of a table.
    ///
    /// - Complexity: O(1).
    @inlinable
    public func count(of table: BytesTable) throws(LMDBError) -> Int {
        try _state.count(table.handle)
    }

    // The bytes below lie in the snapshot, or in pages of this write transaction, which cannot
    // change while `lentCount` is not 0: so they outlive the body they are lent to.

    @inlinable
    @inline(__always)
    func lend<R>(_ value: UnsafeRawBufferPointer, _ body: (RawSpan) throws -> R) rethrows -> R {
        _state.lentCount &+= 1
        defer { _state.lentCount &-= 1 }
        return try body(unsafe value.bytes)
    }

    @inlinable
    @inline(__always)
    func lend<R>(
        _ entry: TransactionState.IntegerEntry, _ body: (UInt64, RawSpan) throws -> R
    ) rethrows -> R {
        _state.lentCount &+= 1
        defer { _state.lentCount &-= 1 }
        return try body(unsafe entry.key, unsafe entry.value.bytes)
    }

    @inlinable
    @inline(__always)
    func lend<R>(
        _ entry: TransactionState.BytesEntry, _ body: (RawSpan, RawSpan) throws -> R
    ) rethrows -> R {
        _state.lentCount &+= 1
        defer { _state.lentCount &-= 1 }
        return try body(unsafe entry.key.bytes, unsafe entry.value.bytes)
    }
}

// MARK: Writing

/// A write that throws also dooms its transaction: the commit is refused with the same error, even
/// when the closure swallows it, since committing the rest would silently drop the entry.
extension WriteTransaction {
    /// Adds an entry after the last one, with MDB_APPEND: pages are filled to the brim and the
    /// place is not searched for.
    ///
    /// - Throws: `.keyExists` when `key` is not above the last key.
    /// - Complexity: amortized O(1), and a copy of the value.
    @inlinable
    public func append(
        _ table: IntegerTable, key: UInt64, value: RawSpan
    ) throws(LMDBError) {
        try _state.append(table.handle, key, value)
    }

    /// Adds an entry after the last one and lets `fill` write its value in place.
    ///
    /// The room is zeroed before. `fill` must not use the transaction, which traps for writes.
    ///
    /// - Throws: `.keyExists` when `key` is not above the last key.
    public func append(
        _ table: IntegerTable, key: UInt64, byteCount: Int,
        fill: (inout MutableRawSpan) -> Void
    ) throws(LMDBError) {
        let room = try unsafe _state.reserve(table.handle, key, byteCount: byteCount)
        // The room stays where it is until the next write, and a write traps until `fill` is done.
        _state.lentCount += 1
        defer { _state.lentCount -= 1 }
        var span = unsafe room.mutableBytes
        fill(&span)
    }

    /// Sets the value at `key`, replacing the one there.
    ///
    /// - Complexity: O(log n), and a copy of the value.
    public func put(_ table: IntegerTable, key: UInt64, value: RawSpan) throws(LMDBError) {
        try _state.put(table.handle, key, value)
    }

    /// Sets the value at `key`, replacing the one there.
    ///
    /// - Throws: `.badValueSize` for a key of 0 or more than 511 bytes.
    /// - Complexity: O(log n), and a copy of the value.
    public func put(_ table: BytesTable, key: [UInt8], value: RawSpan) throws(LMDBError) {
        try _state.put(table.handle, key, value)
    }

    /// Removes the entry at `key`.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public func delete(_ table: IntegerTable, key: UInt64) throws(LMDBError) -> Bool {
        try _state.delete(table.handle, key)
    }

    /// Removes the entry at `key`.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `.badValueSize` for a key of 0 or more than 511 bytes.
    @discardableResult
    public func delete(_ table: BytesTable, key: [UInt8]) throws(LMDBError) -> Bool {
        try _state.delete(table.handle, key)
    }

    /// Removes all entries of a table; the table stays.
    ///
    /// - Complexity: O(pages of the table), all of which go to the free list.
    public func removeAll(of table: IntegerTable) throws(LMDBError) {
        try _state.removeAll(table.handle)
    }

    /// Removes all entries of a table; the table stays.
    ///
    /// - Complexity: O(pages of the table), all of which go to the free list.
    public func removeAll(of table: BytesTable) throws(LMDBError) {
        try _state.removeAll(table.handle)
    }
}
