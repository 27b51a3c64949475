// Opening tables. A handle is opened once and then kept: LMDB's handles live as long as the
// environment, and opening one needs a transaction of its own.
//
// Order of locks: LMDB's write lock first, then `tables`. lmdb.h allows only one transaction at a
// time to open handles (`mdb_dbi_open`), which `tables` ensures.

import CLMDB
import Synchronization

/// The tables opened so far.
struct TableCache {
    struct Entry {
        var number: UInt32
        var hasIntegerKeys: Bool
    }

    var entries: [String: Entry] = [:]
}

extension Environment {
    /// Opens a table with integer keys, and creates it if asked to.
    ///
    /// Transactions that began before the first opening cannot use the table: open tables first.
    ///
    /// - Throws: `.notFound` when the table is missing and not to be created; `.incompatible` when
    ///   it has other keys; `.databasesFull` beyond `maxTables`; for a creation what `write`
    ///   throws, so `.badTransaction` inside one.
    public func integerTable(named name: String, create: Bool) throws -> IntegerTable {
        IntegerTable(handle: try table(named: name, create: create, hasIntegerKeys: true))
    }

    /// Opens a table with keys of bytes, and creates it if asked to.
    ///
    /// Transactions that began before the first opening cannot use the table: open tables first.
    ///
    /// - Throws: as `integerTable(named:create:)`.
    public func bytesTable(named name: String, create: Bool) throws -> BytesTable {
        BytesTable(handle: try table(named: name, create: create, hasIntegerKeys: false))
    }

    /// The name a table was opened under, for error messages.
    func name(of table: TableHandle) -> String {
        tables.withLock { tables in
            tables.entries.first { $0.value.number == table.number }?.key ?? "#\(table.number)"
        }
    }

    private func table(
        named name: String, create: Bool, hasIntegerKeys: Bool
    ) throws -> TableHandle {
        let entry = try existing(name) ?? created(name, create: create, hasIntegerKeys)
        guard entry.hasIntegerKeys == hasIntegerKeys else {
            throw LMDBError(
                .incompatible, operation: "open table",
                reason: "\(name) has \(hasIntegerKeys ? "no " : "")integer keys")
        }
        return TableHandle(number: entry.number, environment: serial)
    }

    /// A table from the cache, or from the file.
    private func existing(_ name: String) throws -> TableCache.Entry? {
        // A closed environment must not hand out what it once cached.
        _ = try gate.enter("open table")
        defer { gate.leave() }
        return try tables.withLock { tables -> TableCache.Entry? in
            if let entry = tables.entries[name] { return entry }
            // Also without a lock file: what it looks at is copied before anybody writes, since
            // tables are opened first.
            let state = try begin(isWriting: false)
            return try open(name, in: state, &tables, flags: 0)
        }
    }

    private func created(
        _ name: String, create: Bool, _ hasIntegerKeys: Bool
    ) throws -> TableCache.Entry {
        guard create else {
            throw LMDBError(.notFound, operation: "open table", reason: "\(directory): \(name)")
        }
        let state = try beginWrite()
        return try tables.withLock { tables in
            let flags = MDB_CREATE | (hasIntegerKeys ? MDB_INTEGERKEY : 0)
            return try open(name, in: state, &tables, flags: UInt32(flags))!
        }
    }

    /// Opens a handle in a transaction of its own, which it ends. Nil when the table is missing.
    ///
    /// The handle becomes usable for others only by committing, a reading transaction too.
    private func open(
        _ name: String, in state: TransactionState, _ tables: inout TableCache, flags: UInt32
    ) throws -> TableCache.Entry? {
        var number: UInt32 = 0
        var found: UInt32 = 0
        // The transaction is live, and both numbers outlive the calls, which set them.
        var result = unsafe mdb_dbi_open(state.transaction, name, flags, &number)
        if result == MDB_SUCCESS {
            result = unsafe mdb_dbi_flags(state.transaction, number, &found)
        }
        guard result == MDB_SUCCESS else {
            abort(state)
            if result == MDB_NOTFOUND { return nil }
            throw LMDBError(
                .init(result: result), operation: "open table", reason: "\(directory): \(name)")
        }
        // LMDB ignores the flags asked for when the table exists. Nothing but plain tables with
        // and without integer keys is ours.
        let hasIntegerKeys = found == UInt32(MDB_INTEGERKEY)
        guard hasIntegerKeys || found == 0 else {
            abort(state)
            throw LMDBError(.incompatible, operation: "open table", reason: name)
        }
        try commit(state)
        let entry = TableCache.Entry(number: number, hasIntegerKeys: hasIntegerKeys)
        tables.entries[name] = entry
        return entry
    }
}
