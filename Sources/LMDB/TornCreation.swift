// A data file whose first creation was cut short.
//
// LMDB writes both meta pages of a new file at once, and flushes them only with the first commit.
// A full disk or a crash before that leaves a file that is empty or short, or that has zeros where
// the disk had not written yet. Nothing was ever committed in it, so nothing can be lost of it:
// who is about to make the file makes it anew. A file with a meta page of any commit is none of
// these, and neither is one of a length that only later commits give.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What is left of a creation that was cut short.
enum TornCreation {
    /// Whether nothing was ever committed in the file at `path`.
    ///
    /// - Returns: true too where there is no file.
    static func isLeft(at path: String) throws(LMDBError) -> Bool {
        guard FileSystem.exists(path) else { return true }
        let file = try DataFile(path)
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        // The first commit adds one page to the two meta pages, and flushes all three before it
        // writes the meta page that names it.
        guard try file.byteCount <= 3 * pageBytes else { return false }
        let bytes = try file.read(at: 0, byteCount: 2 * pageBytes)
        return (0..<2).allSatisfy { number in
            let page = bytes.dropFirst(number * pageBytes).prefix(pageBytes)
            return page.allSatisfy { $0 == 0 } || isFirst(page, number: UInt8(number), pageBytes)
        }
    }

    /// Empties the file, so that LMDB makes it anew.
    static func remove(at path: String) throws(LMDBError) {
        try onFiles { () throws(FileError) in
            _ = try Descriptor(opening: path, O_WRONLY | O_TRUNC, operation: "open")
        }
    }

    /// Whether bytes are those that LMDB begins a meta page with (`mdb_env_init_meta`), as far as
    /// they go.
    private static func isFirst(
        _ page: ArraySlice<UInt8>, number: UInt8, _ pageBytes: Int
    ) -> Bool {
        var first = [UInt8](repeating: 0, count: pageBytes)
        func set(_ offset: Int, _ bytes: some BidirectionalCollection<UInt8>) {
            first.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        set(0, native(UInt64(number)))
        set(10, native(PageFlag.meta))
        set(16, native(MetaPage.magicNumber))
        set(20, native(UInt32(1)))
        set(40, native(UInt32(pageBytes)))
        // Neither table has a root.
        for root in [80, 128] { set(root, native(MetaPage.Table.noRoot)) }
        // The last page in use is the second meta page.
        set(136, native(UInt64(1)))
        // The map's size, and the flags of the environment, are whatever it was opened with.
        let chosen = [32..<40, 44..<46]
        return zip(page, first).enumerated().allSatisfy { offset, bytes in
            bytes.0 == bytes.1 || chosen.contains { $0.contains(offset) }
        }
    }

    /// The bytes of an integer in this machine's order, which is the one LMDB writes.
    private static func native<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        let bytes = (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return T(littleEndian: 1) == 1 ? bytes : bytes.reversed()
    }
}

extension Environment {
    /// Whether nothing was ever committed in the data file of a folder: there is none, or its
    /// creation was cut short. Maps nothing.
    public static func isUnborn(at directory: String) throws(LMDBError) -> Bool {
        try TornCreation.isLeft(at: directory + "/data.mdb")
    }
}
