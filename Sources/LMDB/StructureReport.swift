// What a walk over a data file found, and the door to it.
//
// A walk reads the file with plain `pread` and never maps it, so it may be let loose on a file that
// somebody made to hurt: LMDB 0.9 would crash on it (FileHead.swift says why). What it finds sound,
// LMDB can map; it says nothing about what the values mean, which have no checksums.

import Platform

/// What a walk over the pages of a data file found.
public struct StructureReport: Equatable, Sendable {
    /// Something that is not as LMDB leaves it.
    public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        /// The page it shows on; nil when it is about the file.
        public var page: UInt64?
        public var reason: String

        public init(page: UInt64?, _ reason: String) {
            self.page = page
            self.reason = reason
        }

        public var description: String { page.map { "page \($0): \(reason)" } ?? reason }
    }

    /// A named table whose record was found.
    public struct Table: Equatable, Sendable {
        public var name: String
        /// How many entries its leaves hold.
        public var entries: UInt64

        public init(name: String, entries: UInt64) {
            self.name = name
            self.entries = entries
        }
    }

    /// So many faults are kept; one wrong page number may cause many.
    public static let faultsMax = 64

    /// The first faults in the order of the walk; the first of all is where to look.
    public private(set) var faults: [Fault] = []
    /// All faults, those not kept too.
    public private(set) var faultCount = 0
    /// Pages up to the last one in use, the two meta pages included.
    public var pages: UInt64 = 0
    /// Pages of trees and of large values.
    public var usedPages: UInt64 = 0
    /// Pages on the free list.
    public var freePages: UInt64 = 0
    /// Pages that are neither: lost space, not lost data. Counted only where no tree has a fault.
    public var leakedPages: UInt64 = 0
    public var firstLeakedPage: UInt64?
    /// The named tables, in the order of their names.
    public var tables: [Table] = []
    /// The number of the last committed transaction.
    public var transaction: UInt64 = 0
    /// Why the walk could not be made, though nothing may be wrong; nil when it was.
    public var incompleteReason: String?

    /// Walked to the end without a fault.
    public var isSound: Bool { faultCount == 0 && incompleteReason == nil }

    mutating func add(_ fault: Fault) {
        faultCount += 1
        if faults.count < Self.faultsMax { faults.append(fault) }
    }
}

/// Walks data files of LMDB 0.9 without LMDB.
public enum DataFileWalk {
    /// A commit frees pages that the walk still has to read; so often is it begun anew.
    private static let attemptsMax = 4

    /// Checks the structure of a data file: both meta pages; from the newer one the free list, the
    /// main table and every named table, page by page; that each page is used once; that free
    /// pages are not in use.
    ///
    /// Beside a process that commits all the time the report is incomplete; a copy can always be
    /// walked.
    ///
    /// - Parameter path: the file, `data.mdb`.
    /// - Returns: the faults found, also when the file's head refuses it.
    /// - Throws: `.system` when the file is missing or cannot be read.
    /// - Complexity: one read for each page of the trees and for each large value; memory of two
    ///   bits for each page.
    public static func check(path: String) throws(LMDBError) -> StructureReport {
        let size = try onFiles { () throws(FileError) in try FileSystem.fileSize(path) }
        var report = StructureReport()
        for _ in 0..<attemptsMax {
            do {
                guard size > 0, let head = try FileHead.check(path) else {
                    report.add(.init(page: nil, "the file is empty"))
                    return report
                }
                var walk = try StructureWalk(path: path, head)
                report = try walk.run()
                // What was read belongs together only if nobody committed meanwhile.
                let last = try FileHead.check(path)?.newest.transaction
                if last == head.newest.transaction { return report }
            } catch {
                guard error.isFileFault else { throw error }
                report.add(.init(page: nil, "\(error)"))
                return report
            }
        }
        report = StructureReport()
        report.incompleteReason = "another process commits while the file is read"
        return report
    }
}

extension LMDBError {
    /// Whether the check of a file's head has refused it.
    fileprivate var isFileFault: Bool {
        switch code {
        case .fileDamaged, .fileTruncated, .foreignFile, .versionMismatch, .pageSizeMismatch: true
        default: false
        }
    }
}
