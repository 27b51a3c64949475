// The one error type of this module: what LMDB, the operating system or the door itself refused.
//
// Equality looks at the code only, so that a test or a `catch` names the code and nothing else.
// There is a code of our own only where a caller can act on it.

import CLMDB
public import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A refusal by LMDB, by the operating system, or by the checks this module adds.
///
/// `operation` is the step that failed ("open", "begin", "append", "commit", …). An error whose
/// operation is `commit` or `sync` and whose code is `.system` has an *unknown outcome*: the
/// transaction may or may not be found in the file after reopening.
public struct LMDBError: StorageError, Equatable, CustomStringConvertible {
    /// What went wrong. The first twenty are the return codes of lmdb.h, group "errors".
    public enum Code: Hashable, Sendable {
        /// MDB_KEYEXIST: the key is there already, or an append is not after the last key.
        case keyExists
        /// MDB_NOTFOUND: no such key, or no such table.
        case notFound
        /// MDB_PAGE_NOTFOUND: a page number outside the file, usually corruption.
        case pageNotFound
        /// MDB_CORRUPTED: a page of the wrong type.
        case corrupted
        /// MDB_PANIC: the environment has had a fatal error; only reopening continues.
        case panic
        /// MDB_VERSION_MISMATCH: written by an LMDB with another file format.
        case versionMismatch
        /// MDB_INVALID: not an LMDB file.
        case invalid
        /// MDB_MAP_FULL: the file would outgrow `mapSizeBytes`.
        case mapFull
        /// MDB_DBS_FULL: more tables than `maxTables`.
        case databasesFull
        /// MDB_READERS_FULL: more simultaneous reads, over all processes, than `maxReaders`.
        case readersFull
        /// MDB_TLS_FULL: Windows only.
        case tlsFull
        /// MDB_TXN_FULL: too many pages changed in one transaction.
        case transactionFull
        /// MDB_CURSOR_FULL: the tree is deeper than a cursor, an internal error.
        case cursorFull
        /// MDB_PAGE_FULL: a page without room, an internal error.
        case pageFull
        /// MDB_MAP_RESIZED: another process let the file outgrow our map, and reads that were
        /// under way kept the map from being renewed.
        case mapResized
        /// MDB_INCOMPATIBLE: the table is of another kind than it was opened as.
        case incompatible
        /// MDB_BAD_RSLOT: a reader slot used wrongly.
        case badReaderSlot
        /// MDB_BAD_TXN: the transaction must abort, or a write was begun inside a write.
        case badTransaction
        /// MDB_BAD_VALSIZE: a key of 0 or of more than 511 bytes, or a value of 4 GiB or more.
        case badValueSize
        /// MDB_BAD_DBI: a table of another environment, or opened after the transaction began.
        case badDatabase
        /// An errno of the operating system.
        case system(Int32)
        /// The same file is already open in this process; LMDB would lose its locks.
        case alreadyOpen
        /// The environment was closed.
        case closed
        /// Transactions are under way, and there was no moment without any.
        case busy
        /// The head of the file contradicts itself: the file must not be mapped.
        case fileDamaged
        /// The file is shorter than its own head says.
        case fileTruncated
        /// The file was not written by LMDB, or on a machine of another byte order.
        case foreignFile
        /// The file was written with another page size than this machine's.
        case pageSizeMismatch
    }

    public let code: Code
    /// The step that failed, in one word.
    public let operation: String
    /// One sentence for people, with the path or the table concerned.
    public let reason: String

    public init(_ code: Code, operation: String, reason: String = "") {
        self.code = code
        self.operation = operation
        self.reason = reason
    }

    public static func == (left: LMDBError, right: LMDBError) -> Bool { left.code == right.code }

    public var description: String {
        let text = reason.isEmpty ? code.summary : "\(code.summary): \(reason)"
        return "\(operation): \(text)"
    }

    /// Whether the disk or the quota is full.
    public var isNoSpace: Bool { code == .system(ENOSPC) || code == .system(EDQUOT) }
    /// Whether a file or a folder is missing.
    public var isNoSuchFile: Bool { code == .system(ENOENT) }
    /// Whether a file or a folder is there already.
    public var isFileExists: Bool { code == .system(EEXIST) }
    /// Whether permission was denied, or a write was tried on a read-only environment.
    public var isAccessDenied: Bool { code == .system(EACCES) || code == .system(EPERM) }
    public var isClosed: Bool { code == .closed }
    public var isDamage: Bool {
        switch code {
        case .corrupted, .pageNotFound, .panic, .invalid, .versionMismatch, .fileDamaged,
            .fileTruncated, .foreignFile, .pageSizeMismatch:
            true
        default: false
        }
    }
}

extension LMDBError.Code {
    /// The code for a non-zero result of an LMDB call: negative ones are LMDB's, others errno.
    init(result: Int32) {
        self = Self.named[result] ?? .system(result)
    }

    private static let named: [Int32: LMDBError.Code] = [
        MDB_KEYEXIST: .keyExists, MDB_NOTFOUND: .notFound, MDB_PAGE_NOTFOUND: .pageNotFound,
        MDB_CORRUPTED: .corrupted, MDB_PANIC: .panic, MDB_VERSION_MISMATCH: .versionMismatch,
        MDB_INVALID: .invalid, MDB_MAP_FULL: .mapFull, MDB_DBS_FULL: .databasesFull,
        MDB_READERS_FULL: .readersFull, MDB_TLS_FULL: .tlsFull, MDB_TXN_FULL: .transactionFull,
        MDB_CURSOR_FULL: .cursorFull, MDB_PAGE_FULL: .pageFull, MDB_MAP_RESIZED: .mapResized,
        MDB_INCOMPATIBLE: .incompatible, MDB_BAD_RSLOT: .badReaderSlot,
        MDB_BAD_TXN: .badTransaction, MDB_BAD_VALSIZE: .badValueSize, MDB_BAD_DBI: .badDatabase,
    ]

    /// The code in words.
    var summary: String {
        switch self {
        case .system(let number): return systemMessage(number)
        case .alreadyOpen: return "the environment is already open in this process"
        case .closed: return "the environment is closed"
        case .busy: return "transactions are under way"
        case .fileDamaged: return "the file is damaged"
        case .fileTruncated: return "the file is truncated"
        case .foreignFile: return "not an LMDB file of this kind of machine"
        case .pageSizeMismatch: return "the file has another page size than this machine"
        default:
            let result = Self.named.first { $0.value == self }?.key ?? 0
            return systemMessage(result)
        }
    }
}

extension LMDBError {
    /// Below this many free bytes a write that was cut short is put down to the disk. Not 0: file
    /// systems keep some blocks back, and others may have freed some since.
    static let freeBytesOfFullDisk = 1 << 20

    /// The error of a call that writes to the data file.
    init(writing result: Int32, operation: String, reason: String = "", in directory: String) {
        let cause =
            result == EIO
            ? Self.causeOfShortWrite(
                freeBytes: try? FileSystem.freeBytes(at: directory),
                fileBytes: try? FileSystem.fileSize(directory + "/data.mdb"),
                fileBytesMax: FileSystem.fileBytesMax) : result
        self.init(.init(result: cause), operation: operation, reason: reason)
    }

    /// What LMDB means by EIO. It says so too where the system took fewer bytes of a write than it
    /// was given, as it does with the last ones that fit on a disk or into the longest file that a
    /// process may write; the errno that the next write would get is what people can act on.
    static func causeOfShortWrite(freeBytes: Int?, fileBytes: Int?, fileBytesMax: Int?) -> Int32 {
        if let fileBytes, let fileBytesMax, fileBytes >= fileBytesMax { return EFBIG }
        if let freeBytes, freeBytes < freeBytesOfFullDisk { return ENOSPC }
        return EIO
    }
}

/// The text LMDB or the operating system has for a result. `mdb_strerror` is a superset of
/// `strerror`, and the text is copied at once because its buffer is reused.
private func systemMessage(_ result: Int32) -> String {
    guard let text = unsafe mdb_strerror(result) else { return "error \(result)" }
    return unsafe String(cString: text)
}

/// Throws the error for a non-zero result of an LMDB call that writes to the data file.
@inline(__always)
func check(
    _ result: Int32, _ operation: StaticString, _ reason: @autoclosure () -> String = "",
    writingIn directory: @autoclosure () -> String
) throws(LMDBError) {
    if result != MDB_SUCCESS {
        throw LMDBError(
            writing: result, operation: operation.description, reason: reason(), in: directory())
    }
}

/// Throws the error for a non-zero result of an LMDB call.
@inline(__always)
func check(
    _ result: Int32, _ operation: StaticString, _ reason: @autoclosure () -> String = ""
) throws(LMDBError) {
    if result != MDB_SUCCESS {
        throw LMDBError(
            .init(result: result), operation: operation.description, reason: reason())
    }
}
