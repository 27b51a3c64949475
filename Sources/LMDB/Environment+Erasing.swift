// Overwriting what a data file still holds of entries that are gone.
//
// LMDB never touches a page that a snapshot may show: it writes a new one and puts the old one on
// the free list, where it stays as it was until it is used again. Within pages, what was removed
// leaves its bytes behind. For entries that must not be found in the file any more, this writes
// zeros over everything that belongs to nothing.
//
// Why that is safe: the file is walked, and only a sound one is touched. The bytes that are
// overwritten belong to no tree of the newest commit; the write lock is held, so no commit takes
// any of them meanwhile; and no transaction of this process is older than that commit, since there
// was a moment without any after it. A crash in between leaves some of those bytes as they were.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Environment {
    /// Overwrites with zeros, and flushes, all bytes of the data file that belong to no entry.
    ///
    /// What lies below the file is out of reach: blocks that a device or a file system has moved
    /// or keeps in snapshots, and copies of the file.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for a moment without transactions.
    /// - Precondition: no other process reads the environment.
    /// - Throws: `.busy` when there was no such moment, or another commit came too soon after it;
    ///   `.corrupted` for a file that is not sound; nothing is changed then. `.closed`, `.system`.
    /// - Complexity: a read of the whole file; writes only where something was left.
    public func eraseUnused(timeoutMilliseconds: Int = 0) throws {
        let path = directory + "/data.mdb"
        guard try gate.lockOut(timeoutMilliseconds: timeoutMilliseconds, "erase") else {
            throw LMDBError(.closed, operation: "erase")
        }
        let found = Result { try FileHead.check(path) }
        gate.letIn()
        guard let seen = try found.get() else { return }
        try write { _ in
            // What this commit's readers see is what the walk finds in use.
            guard let head = try FileHead.check(path),
                head.newest.transaction == seen.newest.transaction
            else { throw LMDBError(.busy, operation: "erase") }
            var walk = try StructureWalk(path: path, head, collectsSlack: true)
            let report = try walk.run()
            guard report.isSound else {
                throw LMDBError(
                    .corrupted, operation: "erase",
                    reason: report.faults.first.map { "\($0)" } ?? path)
            }
            try walk.eraseUnused(in: DataFile(path, isWritten: true))
        }
    }
}

extension StructureWalk {
    /// Overwrites what the walk, which must have ended, found to belong to nothing.
    fileprivate borrowing func eraseUnused(in file: DataFile) throws {
        for range in slack { try erase(range, in: file) }
        for page in 2..<max(2, pagesPresent) where !used.contains(page) {
            let start = Int(page) * pageSizeBytes
            try erase(start..<start + pageSizeBytes, in: file)
        }
        try file.sync()
    }

    /// Writes zeros unless they are there: a hole of the file stays one.
    private borrowing func erase(
        _ range: Range<Int>, in file: DataFile
    ) throws {
        let bytes = try file.read(at: range.lowerBound, byteCount: range.count)
        guard bytes.contains(where: { $0 != 0 }) else { return }
        try withBytes(of: [UInt8](repeating: 0, count: bytes.count)) {
            try file.write($0, at: range.lowerBound)
        }
    }
}
