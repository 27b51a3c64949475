// Handles of tables. A handle is a number LMDB gave out; it stays valid for as long as its
// environment is open and is good for any transaction that began after the table was opened.
//
// The kind of the keys is part of the type, since LMDB checks neither their size nor their order
// against the table: a four-byte key put into a table of eight-byte integers succeeds there and
// silently breaks its order.

/// A table from `UInt64` to bytes, in ascending order of the number.
///
/// The one door to tables with MDB_INTEGERKEY (lmdb.h, `mdb_dbi_open`): keys are eight bytes in
/// the machine's own byte order. Values have 0 to 4 GiB - 1 bytes (lmdb.h, `MDB_val`).
public struct IntegerTable: Sendable {
    @usableFromInline let handle: TableHandle
}

/// A table from bytes to bytes, in ascending order of the key's bytes, a prefix before what it
/// begins.
///
/// Keys have 1 to 511 bytes (lmdb.h, `mdb_env_get_maxkeysize`), values 0 to 4 GiB - 1.
public struct BytesTable: Sendable {
    @usableFromInline let handle: TableHandle

    /// The longest key in bytes.
    public static let keyBytesMax = 511
}

/// LMDB's number of a table, and whose number it is.
@usableFromInline
struct TableHandle: Sendable, Equatable {
    /// The `MDB_dbi`.
    let number: UInt32
    /// The environment's serial number in this process, so that a table cannot be used with
    /// another environment, where the same number means another table.
    let environment: UInt64
}
