// The file that LMDB keeps its locks and its table of readers in.
//
// LMDB makes it long by `ftruncate` and writes into it through a map: where the disk is full, the
// first touch of a page that has no block yet is SIGBUS, which ends the process. So its blocks are
// asked for before LMDB maps it, and a full disk is an error like others.

import CLMDB
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

enum LockFile {
    /// How long LMDB 0.9 makes the file: three cache lines of its own, of which one is the first
    /// reader, and one for each further reader.
    static func byteCount(maxReaders: Int) -> Int { 64 * (maxReaders + 2) }

    /// Gives every byte of the lock file a block on the disk. What it holds stays.
    ///
    /// Only while this process has no environment open in the folder: closing a descriptor of the
    /// file lets go of the locks that the process has on it.
    ///
    /// - Throws: `.system` where the disk, a quota or a limit on the length of files refuses. What
    ///   keeps the file from being opened is for LMDB to judge, which does without the file on a
    ///   disk that cannot be written.
    static func reserve(in directory: String, maxReaders: Int) throws(LMDBError) {
        let path = directory + "/lock.mdb"
        guard
            let file = try? Descriptor(opening: path, O_RDWR | O_CREAT, operation: "reserve")
        else { return }
        var status = stat()
        // `status` outlives the call, which fills it.
        guard unsafe fstat(file.number, &status) == 0 else {
            throw LMDBError(.system(errno), operation: "reserve", reason: path)
        }
        let wanted = max(byteCount(maxReaders: maxReaders), Int(status.st_size))
        if Int(status.st_blocks) * 512 >= wanted { return }
        let failure =
            FileFaults.outcome(of: .reserve) == .goesOn
            ? reserveBlocks(of: file, byteCount: wanted) : EIO
        // A file that LMDB has used, made before its blocks were asked for: what it touches first
        // is there, and a ledger on a full disk goes on as before.
        let wasUsed = Int(status.st_size) >= wanted && status.st_blocks > 0
        guard failure == 0 || doesWithout(failure) || (wasUsed && failure == ENOSPC) else {
            throw LMDBError(.system(failure), operation: "reserve", reason: path)
        }
    }

    /// Whether the failure only says that the file system cannot reserve.
    private static func doesWithout(_ failure: Int32) -> Bool {
        [EOPNOTSUPP, ENOSYS, EINVAL].contains(failure)
    }

    /// 0, or the errno.
    private static func reserveBlocks(of file: borrowing Descriptor, byteCount: Int) -> Int32 {
        let number = file.number
        #if canImport(Darwin)
            var request = fstore_t(
                fst_flags: UInt32(F_ALLOCATEALL), fst_posmode: F_PEOFPOSMODE, fst_offset: 0,
                fst_length: off_t(byteCount), fst_bytesalloc: 0)
            // `request` outlives the call, which fills it.
            return unsafe fcntl(number, F_PREALLOCATE, &request) == -1 ? errno : 0
        #else
            // Not `posix_fallocate`: where the file system cannot reserve, that one writes zeros,
            // and another process may be writing at the same moment.
            var result: Int32
            repeat {
                result = fallocate(number, 0, 0, off_t(byteCount))
            } while result == -1 && errno == EINTR
            return result == 0 ? 0 : errno
        #endif
    }
}
