// What is checked about a data file before LMDB may map it.
//
// LMDB believes the two meta pages at the start of its file: a page number or a size in them that
// lies beyond the file ends in SIGBUS or SIGSEGV, not in an error. So this file reads them first,
// with plain `pread`, and refuses what contradicts itself. It is no proof of integrity: LMDB 0.9
// has no checksums, and a wrong number that is still plausible passes here.
//
// Layout (LMDB 0.9 on 64-bit machines, mdb.c `MDB_page` and `MDB_meta`), all native-endian:
//
//     page + 0   page number, 0 or 1          meta = page + 16
//     page + 10  page flags, 8 for a meta     meta + 0    magic 0xBEEFC0DE
//                                             meta + 4    version of the format, 1
//     table record (48 bytes):                meta + 8    fixed address, unused
//     + 0   page size, in the first only      meta + 16   map size
//     + 4   flags   + 6   depth               meta + 24   table record of the free list
//     + 8   branch, + 16 leaf,                meta + 72   table record of the main table
//     + 24  overflow pages                    meta + 120  last page in use
//     + 32  entries + 40  root page           meta + 128  number of the last transaction
//
// Invariants that are checked: both pages carry the magic, the format, one page size, their own
// number and the flags of both tables, which no commit changes. LMDB uses the page with the greater
// transaction number n, which must be whole: it is page n % 2, its roots and counts fit its last
// page, and that one fits the map size and the file. Damage there refuses the file, also where the
// other page is whole: falling back to the commit before could lose what was acknowledged.
//
// Commit n + 1 writes its roots, its last page and its number, in this order, over the older page,
// which nobody reads any more. When that write fails or is short, LMDB writes the former last page
// and number back, beside the new roots (mdb.c `mdb_env_write_meta`); when that fails too, or the
// machine stops in between, any first part of the new bytes may be there. So of the older page only
// the transaction number is looked at: n - 1, or the low bytes of n + 1 over it. Anything else is
// damage; it may be the newest page whose number has changed.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The head of a data file, found to be consistent.
struct FileHead {
    var pageSizeBytes: Int
    /// The meta page LMDB will use, the one with the greater transaction number.
    var newest: MetaPage
    /// The page of the commit before, as far as the next one has not begun to overwrite it.
    var older: MetaPage
    /// Both pages as they were read.
    private let bytes: [UInt8]

    /// Checks the data file at `path`.
    ///
    /// - Returns: nil when there is no file, or an empty one that LMDB will fill.
    static func check(_ path: String) throws(LMDBError) -> FileHead? {
        guard FileSystem.exists(path) else { return nil }
        let file = try DataFile(path)
        if try file.byteCount == 0 { return nil }
        return try FileHead(reading: file)
    }

    /// Reads and checks the head of a file, also beside a writer.
    init(reading file: DataFile) throws(LMDBError) {
        // A writer in another process may be inside its write of a meta page: what is only half
        // there now is whole a moment later, and damage stays.
        for _ in 0..<4 {
            if let head = try? FileHead(once: file) {
                self = head
                return
            }
            sleepBriefly()
        }
        self = try FileHead(once: file)
    }

    /// Whether the newest meta page of this head still stands in the file, byte for byte. As long
    /// as it does, no page below it has been overwritten: DataFileReader.swift says why.
    func isStillThere(in file: DataFile) throws(LMDBError) -> Bool {
        let start = Int(newest.pageNumber) * pageSizeBytes
        let there = try file.read(at: start, byteCount: MetaPage.byteCount)
        return there.elementsEqual(bytes[start..<start + MetaPage.byteCount])
    }

    private init(once file: DataFile) throws(LMDBError) {
        pageSizeBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        bytes = try file.read(at: 0, byteCount: 2 * pageSizeBytes)
        let judge = HeadJudge(bytes: bytes, pageSizeBytes: pageSizeBytes, path: file.path)
        (newest, older) = try judge.metas()
        try judge.checkLength(of: file, against: newest)
    }
}

/// The fields of one meta page.
struct MetaPage {
    struct Table {
        var flags: UInt16
        var depth: UInt16
        var branchPages: UInt64
        var leafPages: UInt64
        var overflowPages: UInt64
        var entries: UInt64
        var root: UInt64

        /// The number LMDB writes for the root of an empty table.
        static let noRoot = UInt64.max
        /// The flags of a table with integer keys, and of one without: none.
        static let integerKeys: UInt16 = 8
    }

    var pageNumber: UInt64
    var pageFlags: UInt16
    var magic: UInt32
    var version: UInt32
    var pageSizeBytes: UInt32
    var mapSizeBytes: UInt64
    var freeList: Table
    var main: Table
    var lastPage: UInt64
    var transaction: UInt64

    static let byteCount = 16 + 136
    static let magicNumber: UInt32 = 0xBEEF_C0DE

    /// - Precondition: `bytes` holds `byteCount` bytes from `start` on.
    init(_ bytes: RawSpan, at start: Int) {
        pageNumber = bytes.native(at: start)
        pageFlags = bytes.native(at: start + 10)
        let meta = start + 16
        magic = bytes.native(at: meta)
        version = bytes.native(at: meta + 4)
        mapSizeBytes = bytes.native(at: meta + 16)
        pageSizeBytes = bytes.native(at: meta + 24)
        freeList = Table(bytes, at: meta + 24)
        main = Table(bytes, at: meta + 72)
        lastPage = bytes.native(at: meta + 120)
        transaction = bytes.native(at: meta + 128)
    }
}

extension MetaPage.Table {
    init(_ bytes: RawSpan, at start: Int) {
        flags = bytes.native(at: start + 4)
        depth = bytes.native(at: start + 6)
        branchPages = bytes.native(at: start + 8)
        leafPages = bytes.native(at: start + 16)
        overflowPages = bytes.native(at: start + 24)
        entries = bytes.native(at: start + 32)
        root = bytes.native(at: start + 40)
    }

    /// What contradicts itself in the record, or nil.
    func fault(lastPage: UInt64) -> String? {
        let pages = [branchPages, leafPages, overflowPages]
        if root == Self.noRoot {
            let isEmpty = depth == 0 && entries == 0 && pages.allSatisfy { $0 == 0 }
            return isEmpty ? nil : "entries without a root"
        }
        // Pages 0 and 1 are the metas; a cursor of LMDB is 32 pages deep.
        if !(2...max(2, lastPage)).contains(root) { return "root page \(root)" }
        if !(1...32).contains(depth) { return "depth \(depth)" }
        if pages.contains(where: { $0 > lastPage }) || leafPages == 0 { return "page counts" }
        return nil
    }
}

extension RawSpan {
    /// The integer at `offset` in this machine's byte order, which is the one LMDB writes.
    func native<T: FixedWidthInteger>(at offset: Int) -> T {
        // `load` has turned little-endian into native; this turns it back where they differ.
        load(T.self, at: offset).littleEndian
    }
}

// MARK: Judging

/// Applies the rules above to the first two pages of a file.
private struct HeadJudge {
    let bytes: [UInt8]
    let pageSizeBytes: Int
    let path: String

    /// The meta page that LMDB will use, and the other one.
    func metas() throws(LMDBError) -> (MetaPage, MetaPage) {
        let first = meta(at: 0)
        let second = meta(at: pageSizeBytes)
        guard let first, first.magic == MetaPage.magicNumber else {
            throw headless(first, second)
        }
        try checkFormat(first, second)
        guard let second else { throw error(.fileTruncated, "it ends before its second meta page") }
        for (number, meta) in [first, second].enumerated() {
            if let fault = lastingFault(of: meta, number: UInt64(number)) {
                throw error(.fileDamaged, "meta page \(number): \(fault)")
            }
        }
        // Of two new ones LMDB takes the first.
        let (newest, older) =
            first.transaction >= second.transaction ? (first, second) : (second, first)
        if let fault = fault(of: newest) {
            throw error(.fileDamaged, "meta page \(newest.pageNumber): \(fault)")
        }
        guard isLeft(older.transaction, beside: newest.transaction) else {
            throw error(
                .fileDamaged,
                "meta page \(older.pageNumber): transaction \(older.transaction) beside "
                    + "\(newest.transaction) in the other one")
        }
        return (newest, older)
    }

    /// Whether a transaction number may stand in the older meta page: that of the commit before,
    /// or the first bytes of the next one's over it. A new file has transaction 0 twice.
    private func isLeft(_ older: UInt64, beside newest: UInt64) -> Bool {
        if newest == 0 { return older == 0 }
        let (before, next) = (newest - 1, newest &+ 1)
        return (0..<8).contains { written in
            // The file has the machine's byte order, so the first bytes are the low ones here.
            let first = UInt64(1) << (8 * UInt64(written)) - 1
            return older == (next & first | before & ~first)
        }
    }

    /// The error for a file whose first meta page lacks the magic.
    private func headless(_ first: MetaPage?, _ second: MetaPage?) -> LMDBError {
        if second?.magic == MetaPage.magicNumber {
            return error(.fileDamaged, "meta page 0 has no magic number, meta page 1 has")
        }
        if first?.magic == MetaPage.magicNumber.byteSwapped {
            return error(.foreignFile, "written on a machine of the other byte order")
        }
        return error(.foreignFile, "no magic number of LMDB")
    }

    /// Format and page size, which say how to read everything else. What both pages agree on is
    /// another LMDB's or another machine's file; what they disagree on is damage.
    private func checkFormat(_ first: MetaPage, _ second: MetaPage?) throws(LMDBError) {
        if first.version != 1 {
            guard second == nil || second?.version == first.version else {
                throw error(.fileDamaged, "meta page 0 has format \(first.version)")
            }
            throw error(.versionMismatch, "format \(first.version)")
        }
        let size = Int(first.pageSizeBytes)
        if size == pageSizeBytes { return }
        // The second page lies elsewhere when the size is right; here it is only asked whether it
        // contradicts, by being where this machine's page size puts it.
        if (256...65536).contains(size), size.nonzeroBitCount == 1,
            second?.magic != MetaPage.magicNumber
        {
            throw error(.pageSizeMismatch, "pages of \(size) bytes, here \(pageSizeBytes)")
        }
        throw error(.fileDamaged, "meta page 0 has a page size of \(size)")
    }

    /// What is wrong with the fields of a meta page that no commit changes, or nil.
    private func lastingFault(of meta: MetaPage, number: UInt64) -> String? {
        if meta.magic != MetaPage.magicNumber { return "no magic number" }
        if meta.version != 1 { return "format \(meta.version)" }
        if Int(meta.pageSizeBytes) != pageSizeBytes { return "page size \(meta.pageSizeBytes)" }
        if meta.pageNumber != number { return "page number \(meta.pageNumber)" }
        if meta.pageFlags != PageFlag.meta { return "page flags \(meta.pageFlags)" }
        // The free list has integer keys; 0x4000 marks an environment without a folder.
        if meta.freeList.flags & ~0x4000 != 0x08 { return "free list flags" }
        if meta.main.flags != 0 { return "main table flags" }
        return nil
    }

    /// What contradicts itself in the meta page that is used, or nil.
    private func fault(of meta: MetaPage) -> String? {
        if meta.transaction != 0 && meta.transaction % 2 != meta.pageNumber {
            return "transaction \(meta.transaction) belongs in the other one"
        }
        if meta.lastPage < 1 || meta.lastPage >= meta.mapSizeBytes / UInt64(pageSizeBytes) {
            return "last page \(meta.lastPage) in a map of \(meta.mapSizeBytes) bytes"
        }
        return meta.freeList.fault(lastPage: meta.lastPage).map { "free list: \($0)" }
            ?? meta.main.fault(lastPage: meta.lastPage).map { "main table: \($0)" }
    }

    /// The file holds every page in use. LMDB leaves pages at the very end unwritten when they
    /// were taken and given back within one transaction: those are on the free list, and only
    /// those may be missing.
    func checkLength(of file: DataFile, against meta: MetaPage) throws(LMDBError) {
        let fileBytes = UInt64(try file.byteCount)
        let pagesPresent = fileBytes / UInt64(pageSizeBytes)
        if pagesPresent > meta.lastPage { return }
        let missing = pagesPresent...meta.lastPage
        var walk = FreeListWalk(
            pageSizeBytes: pageSizeBytes, pagesPresent: pagesPresent, table: meta.freeList)
        if try walk.frees(missing, in: file) { return }
        throw error(
            .fileTruncated,
            "\(fileBytes) bytes, but pages up to \(meta.lastPage) are in use")
    }

    /// The meta page at `offset`, or nil when the file ends before its end.
    private func meta(at offset: Int) -> MetaPage? {
        guard bytes.count >= offset + MetaPage.byteCount else { return nil }
        return withBytes(of: bytes) { MetaPage($0, at: offset) }
    }

    private func error(_ code: LMDBError.Code, _ reason: String) -> LMDBError {
        LMDBError(code, operation: "open", reason: "\(path): \(reason)")
    }
}
