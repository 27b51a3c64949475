// What a transaction is made of: LMDB's handle, its cursors, and what the door remembers about it.
//
// Invariants:
// - It lives on one thread, inside one synchronous closure; `Environment` makes it before and ends
//   it after the closure. The noncopyable wrappers `ReadTransaction` and `WriteTransaction` cannot
//   leave the closure. After the end `handle` is nil and every use traps.
// - The bytes lent to a body point into the map, or into a page of this very write transaction.
//   LMDB may move the latter at the next write (lmdb.h, `MDB_val`: valid only until a subsequent
//   update), so a write while bytes are lent traps.
// - The first failed write is remembered, and the commit is refused then: LMDB itself would
//   happily commit the rest and drop the entry.
// - Cursors are closed before the transaction ends, as lmdb.h demands for writes.

import CLMDB
import Platform

/// The shared insides of the two kinds of transaction. Not for use by itself.
@safe
public final class TransactionState {
    /// A value found, and the key it was found at.
    @unsafe
    @usableFromInline
    struct IntegerEntry {
        @usableFromInline let key: UInt64
        @usableFromInline let value: UnsafeRawBufferPointer
    }

    /// A value found, and the key it was found at.
    @unsafe
    @usableFromInline
    struct BytesEntry {
        @usableFromInline let key: UnsafeRawBufferPointer
        @usableFromInline let value: UnsafeRawBufferPointer
    }

    let environment: Environment
    let isWriting: Bool
    /// The `MDB_txn`, nil once ended.
    private var handle: OpaquePointer?
    /// The first write that failed.
    private(set) var failure: LMDBError?
    /// How many bodies are holding bytes of this transaction.
    @usableFromInline var lentCount = 0
    /// Cursors by table number: those that append stay at the end, which is what makes appending
    /// fast; those that look up would move them away.
    private var appendCursors = CursorCache()
    private var lookupCursors = CursorCache()

    init(environment: Environment, isWriting: Bool, handle: OpaquePointer) {
        self.environment = environment
        self.isWriting = isWriting
        unsafe self.handle = unsafe handle
    }

    deinit {
        precondition(unsafe handle == nil, "a transaction was neither committed nor aborted")
    }

    /// LMDB's handle. Traps after the end, where LMDB would read freed memory.
    var transaction: OpaquePointer {
        guard let handle = unsafe handle else {
            preconditionFailure("a transaction was used after its closure had ended")
        }
        return unsafe handle
    }

    /// Closes the cursors and gives the handle away, for the commit or the abort.
    func end() -> OpaquePointer {
        let ended = unsafe transaction
        appendCursors.closeAll()
        lookupCursors.closeAll()
        unsafe handle = nil
        return unsafe ended
    }

    var id: UInt64 { UInt64(unsafe mdb_txn_id(transaction)) }

    // MARK: Reading

    @usableFromInline
    func value(_ table: TableHandle, at key: UInt64) throws(LMDBError) -> UnsafeRawBufferPointer? {
        try checkOwner(of: table, "get")
        var key = key
        var value = unsafe MDB_val()
        // Both pointers outlive the call, which reads the key and sets the value.
        let result = unsafe withIntegerKey(&key) { keyValue in
            unsafe mdb_get(transaction, table.number, &keyValue, &value)
        }
        return try unsafe found(result, "get", table) ? UnsafeRawBufferPointer(value) : nil
    }

    @usableFromInline
    func value(_ table: TableHandle, at key: [UInt8]) throws(LMDBError) -> UnsafeRawBufferPointer? {
        try checkOwner(of: table, "get")
        // No such key can be stored, and LMDB refuses to look for it.
        if key.isEmpty || key.count > BytesTable.keyBytesMax { return nil }
        var value = unsafe MDB_val()
        // As above.
        let result = unsafe withBytesKey(key) { keyValue in
            unsafe mdb_get(transaction, table.number, &keyValue, &value)
        }
        return try unsafe found(result, "get", table) ? UnsafeRawBufferPointer(value) : nil
    }

    @usableFromInline
    func count(_ table: TableHandle) throws(LMDBError) -> Int {
        try checkOwner(of: table, "count")
        var statistics = MDB_stat()
        // `statistics` outlives the call, which fills it.
        try check(unsafe mdb_stat(transaction, table.number, &statistics), "count", name(table))
        return Int(statistics.ms_entries)
    }

    /// The entry at the greatest key not above `key`.
    @usableFromInline
    func entry(
        _ table: TableHandle, atOrBefore key: UInt64
    ) throws(LMDBError) -> IntegerEntry? {
        let cursor = try unsafe lookupCursor(table)
        return try unsafe entry(cursor, table, atOrBefore: key)
    }

    @usableFromInline
    func firstEntry(_ table: TableHandle) throws(LMDBError) -> IntegerEntry? {
        try unsafe step(lookupCursor(table), MDB_FIRST, table)
    }

    @usableFromInline
    func lastEntry(_ table: TableHandle) throws(LMDBError) -> IntegerEntry? {
        try unsafe step(lookupCursor(table), MDB_LAST, table)
    }

    // MARK: Walking

    /// A cursor of the caller's own, for walks: their bodies may look up in the same table.
    @usableFromInline
    func openCursor(_ table: TableHandle) throws(LMDBError) -> OpaquePointer {
        try checkOwner(of: table, "walk")
        var cursor: OpaquePointer?
        // `cursor` outlives the call, which sets it on success.
        try check(unsafe mdb_cursor_open(transaction, table.number, &cursor), "walk", name(table))
        return unsafe cursor!
    }

    @usableFromInline
    func closeCursor(_ cursor: OpaquePointer) {
        unsafe mdb_cursor_close(cursor)
    }

    @usableFromInline
    func start(
        _ cursor: OpaquePointer, _ table: TableHandle, from key: UInt64
    ) throws(LMDBError) -> IntegerEntry? {
        try unsafe step(cursor, MDB_SET_RANGE, table, key: key)
    }

    @usableFromInline
    func startBackward(
        _ cursor: OpaquePointer, _ table: TableHandle, from key: UInt64
    ) throws(LMDBError) -> IntegerEntry? {
        try unsafe entry(cursor, table, atOrBefore: key)
    }

    @usableFromInline
    func next(_ cursor: OpaquePointer, _ table: TableHandle) throws(LMDBError) -> IntegerEntry? {
        try unsafe step(cursor, MDB_NEXT, table)
    }

    @usableFromInline
    func previous(
        _ cursor: OpaquePointer, _ table: TableHandle
    ) throws(LMDBError) -> IntegerEntry? {
        try unsafe step(cursor, MDB_PREV, table)
    }

    @usableFromInline
    func startBytes(
        _ cursor: OpaquePointer, _ table: TableHandle, from key: [UInt8]
    ) throws(LMDBError) -> BytesEntry? {
        // LMDB has no empty key, so an empty one means the beginning; and no key above the limit,
        // so what is longer is as good as its first 511 bytes, except for those bytes themselves.
        if key.isEmpty { return try unsafe stepBytes(cursor, MDB_FIRST, table) }
        let prefix = Array(key.prefix(BytesTable.keyBytesMax))
        let entry = try unsafe stepBytes(cursor, MDB_SET_RANGE, table, key: prefix)
        if let entry = unsafe entry, key.count > prefix.count,
            unsafe entry.key.elementsEqual(prefix)
        {
            return try unsafe nextBytes(cursor, table)
        }
        return unsafe entry
    }

    @usableFromInline
    func nextBytes(
        _ cursor: OpaquePointer, _ table: TableHandle
    ) throws(LMDBError) -> BytesEntry? {
        try unsafe stepBytes(cursor, MDB_NEXT, table)
    }

    private func entry(
        _ cursor: OpaquePointer, _ table: TableHandle, atOrBefore key: UInt64
    ) throws(LMDBError) -> IntegerEntry? {
        guard let above = try unsafe step(cursor, MDB_SET_RANGE, table, key: key) else {
            return try unsafe step(cursor, MDB_LAST, table)
        }
        if unsafe above.key == key { return unsafe above }
        return try unsafe step(cursor, MDB_PREV, table)
    }

    private func step(
        _ cursor: OpaquePointer, _ operation: MDB_cursor_op, _ table: TableHandle, key: UInt64 = 0
    ) throws(LMDBError) -> IntegerEntry? {
        var key = key
        var value = unsafe MDB_val()
        var position = unsafe MDB_val()
        // All pointers outlive the call, which reads the key and sets position and value.
        let result = unsafe withIntegerKey(&key) { keyValue in
            let result = unsafe mdb_cursor_get(cursor, &keyValue, &value, operation)
            unsafe position = keyValue
            return result
        }
        guard try found(result, "walk", table) else { return nil }
        guard unsafe position.mv_size == 8 else {
            throw LMDBError(
                .corrupted, operation: "walk",
                reason: "\(name(table)): a key of \(unsafe position.mv_size) bytes, not 8")
        }
        // Checked to be eight bytes; LMDB aligns keys to two bytes only.
        return unsafe IntegerEntry(
            key: position.mv_data.loadUnaligned(as: UInt64.self),
            value: UnsafeRawBufferPointer(value))
    }

    private func stepBytes(
        _ cursor: OpaquePointer, _ operation: MDB_cursor_op, _ table: TableHandle,
        key: [UInt8] = []
    ) throws(LMDBError) -> BytesEntry? {
        var value = unsafe MDB_val()
        var position = unsafe MDB_val()
        // As above.
        let result = unsafe withBytesKey(key) { keyValue in
            let result = unsafe mdb_cursor_get(cursor, &keyValue, &value, operation)
            unsafe position = keyValue
            return result
        }
        guard try found(result, "walk", table) else { return nil }
        return unsafe BytesEntry(
            key: UnsafeRawBufferPointer(position), value: UnsafeRawBufferPointer(value))
    }

    // MARK: Writing

    @usableFromInline
    func append(_ table: TableHandle, _ key: UInt64, _ value: RawSpan) throws(LMDBError) {
        try writing(table, "append") { () throws(LMDBError) in
            let cursor = try unsafe appendCursors.cursor(table.number, of: transaction)
            var key = key
            // All pointers outlive the call, which copies key and value into the page.
            let result = unsafe withIntegerKey(&key) { keyValue in
                unsafe withValue(value) { data in
                    unsafe mdb_cursor_put(cursor, &keyValue, &data, UInt32(MDB_APPEND))
                }
            }
            try checkWrite(result, "append", table, key)
        }
    }

    /// Reserves zeroed room for a value of `byteCount` bytes after the last key.
    func reserve(
        _ table: TableHandle, _ key: UInt64, byteCount: Int
    ) throws(LMDBError) -> UnsafeMutableRawBufferPointer {
        precondition(byteCount >= 0, "a value of a negative number of bytes")
        var room = unsafe MDB_val(mv_size: byteCount, mv_data: nil)
        try writing(table, "append") { () throws(LMDBError) in
            let cursor = try unsafe appendCursors.cursor(table.number, of: transaction)
            var key = key
            // All pointers outlive the call, which copies the key and points `room` into a page.
            let result = unsafe withIntegerKey(&key) { keyValue in
                unsafe mdb_cursor_put(
                    cursor, &keyValue, &room, UInt32(MDB_APPEND) | UInt32(MDB_RESERVE))
            }
            try checkWrite(result, "append", table, key)
        }
        // LMDB does not clear reserved room: what the filler leaves out would go to the file as
        // whatever the heap last held there.
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: room.mv_data, count: byteCount)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return unsafe bytes
    }

    func put(_ table: TableHandle, _ key: UInt64, _ value: RawSpan) throws(LMDBError) {
        try writing(table, "put") { () throws(LMDBError) in
            var key = key
            // All pointers outlive the call, which copies key and value into the page.
            let result = unsafe withIntegerKey(&key) { keyValue in
                unsafe withValue(value) { data in
                    unsafe mdb_put(transaction, table.number, &keyValue, &data, 0)
                }
            }
            try checkWrite(result, "put", table, key)
        }
    }

    func put(_ table: TableHandle, _ key: [UInt8], _ value: RawSpan) throws(LMDBError) {
        try writing(table, "put") { () throws(LMDBError) in
            try checkLength(of: key, "put", table)
            // As above.
            let result = unsafe withBytesKey(key) { keyValue in
                unsafe withValue(value) { data in
                    unsafe mdb_put(transaction, table.number, &keyValue, &data, 0)
                }
            }
            try checkWrite(result, "put", table)
        }
    }

    func delete(_ table: TableHandle, _ key: UInt64) throws(LMDBError) -> Bool {
        try writing(table, "delete") { () throws(LMDBError) in
            var key = key
            // The key outlives the call.
            let result = unsafe withIntegerKey(&key) { keyValue in
                unsafe mdb_del(transaction, table.number, &keyValue, nil)
            }
            return try deleted(result, table)
        }
    }

    func delete(_ table: TableHandle, _ key: [UInt8]) throws(LMDBError) -> Bool {
        try writing(table, "delete") { () throws(LMDBError) in
            try checkLength(of: key, "delete", table)
            // The key outlives the call.
            let result = unsafe withBytesKey(key) { keyValue in
                unsafe mdb_del(transaction, table.number, &keyValue, nil)
            }
            return try deleted(result, table)
        }
    }

    func removeAll(_ table: TableHandle) throws(LMDBError) {
        try writing(table, "remove all") { () throws(LMDBError) in
            // 0 empties the table and keeps it.
            try checkWrite(unsafe mdb_drop(transaction, table.number, 0), "remove all", table)
        }
    }

    /// Runs one write: guards, and remembers a failure for the commit to refuse.
    private func writing<R>(
        _ table: TableHandle, _ operation: StaticString, _ body: () throws(LMDBError) -> R
    ) throws(LMDBError) -> R {
        precondition(
            lentCount == 0,
            "a write inside the body of a read of the same transaction: "
                + "it would move the bytes being read")
        do {
            try checkOwner(of: table, operation)
            return try body()
        } catch {
            if failure == nil { failure = error }
            throw error
        }
    }

    // MARK: Checks and conversions

    private func checkOwner(
        of table: TableHandle, _ operation: StaticString
    ) throws(LMDBError) {
        if table.environment != environment.serial {
            throw LMDBError(
                .badDatabase, operation: operation.description,
                reason: "a table of another environment")
        }
    }

    private func checkLength(
        of key: [UInt8], _ operation: StaticString, _ table: TableHandle
    ) throws(LMDBError) {
        if !(1...BytesTable.keyBytesMax).contains(key.count) {
            throw LMDBError(
                .badValueSize, operation: operation.description,
                reason: "\(name(table)): a key of \(key.count) bytes")
        }
    }

    /// As `check`, after a write: a large transaction writes pages to the file before its commit.
    private func checkWrite(
        _ result: Int32, _ operation: StaticString, _ table: TableHandle, _ key: UInt64? = nil
    ) throws(LMDBError) {
        try check(
            result, operation, name(table) + (key.map { ", key \($0)" } ?? ""),
            writingIn: environment.directory)
    }

    /// As `found`, after a deletion.
    private func deleted(_ result: Int32, _ table: TableHandle) throws(LMDBError) -> Bool {
        if result == MDB_NOTFOUND { return false }
        try checkWrite(result, "delete", table)
        return true
    }

    /// False for "not found", true for success; throws everything else.
    private func found(
        _ result: Int32, _ operation: StaticString, _ table: TableHandle
    ) throws(LMDBError) -> Bool {
        if result == MDB_NOTFOUND { return false }
        try check(result, operation, name(table))
        return true
    }

    private func lookupCursor(_ table: TableHandle) throws(LMDBError) -> OpaquePointer {
        try checkOwner(of: table, "walk")
        return try unsafe lookupCursors.cursor(table.number, of: transaction)
    }

    private func name(_ table: TableHandle) -> String {
        "table \(environment.name(of: table))"
    }
}

@available(*, unavailable)
extension TransactionState: Sendable {}

/// At most one open cursor a table.
///
/// Safe to use because the pointers come from LMDB in `cursor(_:of:)` and leave with `closeAll()`.
@safe
private struct CursorCache {
    private var cursors: [OpaquePointer?] = unsafe []

    mutating func cursor(
        _ table: UInt32, of transaction: OpaquePointer
    ) throws(LMDBError) -> OpaquePointer {
        let index = Int(table)
        while unsafe cursors.count <= index { unsafe cursors.append(nil) }
        if let cursor = unsafe cursors[index] { return unsafe cursor }
        var cursor: OpaquePointer?
        // `cursor` outlives the call, which sets it on success.
        try check(unsafe mdb_cursor_open(transaction, table, &cursor), "walk")
        unsafe cursors[index] = unsafe cursor
        return unsafe cursor!
    }

    /// Closes all. The transaction must be live still.
    mutating func closeAll() {
        for index in unsafe cursors.indices {
            if let cursor = unsafe cursors[index] { unsafe mdb_cursor_close(cursor) }
        }
        unsafe cursors = []
    }
}

/// Lends the eight bytes of `key` as LMDB's key. LMDB does not write through it: it replaces the
/// pointer by one into the map.
@inline(__always)
private func withIntegerKey(
    _ key: inout UInt64, _ body: (inout MDB_val) -> Int32
) -> Int32 {
    unsafe withUnsafeMutableBytes(of: &key) { bytes in
        var value = unsafe MDB_val(mv_size: 8, mv_data: bytes.baseAddress)
        return unsafe body(&value)
    }
}

@inline(__always)
private func withBytesKey(_ key: [UInt8], _ body: (inout MDB_val) -> Int32) -> Int32 {
    unsafe key.withUnsafeBytes { bytes in
        // LMDB takes a mutable pointer but does not write through it.
        var value = unsafe MDB_val(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        return unsafe body(&value)
    }
}

@inline(__always)
private func withValue(_ value: RawSpan, _ body: (inout MDB_val) -> Int32) -> Int32 {
    unsafe value.withUnsafeBytes { bytes in
        // LMDB takes a mutable pointer but does not write through it.
        var data = unsafe MDB_val(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        return unsafe body(&data)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate init(_ value: MDB_val) {
        unsafe self.init(start: value.mv_data, count: value.mv_size)
    }
}
