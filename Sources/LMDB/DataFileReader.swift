// The tables of a data file, read without LMDB: no lock file, no slot of a reader, no map, and
// nothing written. Beside a writer in any process, container or user.
//
// For tables with integer keys that are only ever appended to, in a file whose writer is LMDB 0.9
// without MDB_WRITEMAP. Why what is read is whole (decision 0027, and lines of mdb.c 0.9.24):
//
// - A commit writes its pages, then its meta page over the older of the two (`mdb_env_write_meta`).
//   The pages that transaction n frees stay as they were until a transaction takes them, and it
//   takes only those that were freed before the transaction before it: `mdb_page_alloc` stops at
//   the first record of the free list that is not below `mdb_find_oldest`, which is its own number
//   less one, or less still where LMDB knows of readers. So the pages of snapshot n are overwritten
//   by transaction n + 3 at the earliest, and that one writes nothing before the meta page of
//   n + 2 stands, which stands over the meta page of n.
// - So: read the newer meta page, read the pages below it, and read the meta page again. Where it
//   is still the same, byte for byte, the pages are those of its snapshot. Where it is not, begin
//   anew.
// - A value in pages of its own is never moved or freed while its entry lives, and these tables
//   lose none. It can be read at any time after the leaf that leads to it.
//
// Invariants: a step copies pages and hands out nothing before it was found whole; a scan goes on
// from its key with a step of its own for every few leaves, so it neither pins a page nor is it
// kept from going on by a writer that never pauses; every number from a page is checked before it
// is followed, and what does not fit is an error that names the page, never a trap.

import Platform

/// Reads the tables of a data file beside its writer, and writes nothing.
///
///     let file = try DataFileReader(in: directory)
///     let size = try file.withValue(in: "frames", at: 0) { $0.byteCount }
///
/// May be used from any thread.
public final class DataFileReader: Sendable {
    /// Figures about the file, as of its last commit.
    public struct Info: Sendable, Equatable {
        /// The bytes up to the last page in use.
        public var usedBytes: Int
        /// The length of the file.
        public var fileBytes: Int
        /// The largest map that the file was ever written with.
        public var mapSizeBytes: Int
        /// The number of the last committed transaction.
        public var lastTransactionID: UInt64
    }

    private let file: DataFile

    /// So many leaves of a scan are read in one step at most: 128 KiB.
    private static let leavesMax = 32
    /// So many times a step is begun anew. One takes microseconds and is spoilt by two commits
    /// within it; a commit that is flushed takes longer than the step.
    private static let triesMax = 10_000

    /// Opens the file `data.mdb` in a folder, and checks its head.
    ///
    /// - Throws: `.fileDamaged`, `.fileTruncated`, `.foreignFile`, `.versionMismatch` and
    ///   `.pageSizeMismatch`; `.system` where the file is missing or may not be read.
    public init(in directory: String) throws(LMDBError) {
        file = try DataFile(directory + "/data.mdb")
        if try file.byteCount == 0 {
            throw LMDBError(.fileTruncated, operation: "open", reason: "\(file.path) is empty")
        }
        _ = try FileHead(reading: file)
    }

    /// Figures about the file.
    public var info: Info {
        get throws(LMDBError) {
            let head = try FileHead(reading: file)
            let newest = head.newest
            return Info(
                usedBytes: Int(newest.lastPage + 1) * head.pageSizeBytes,
                fileBytes: try file.byteCount, mapSizeBytes: Int(clamping: newest.mapSizeBytes),
                lastTransactionID: newest.transaction)
        }
    }

    // MARK: Reading tables

    /// Whether there is a table of a name.
    /// - Throws: as `withValue`.
    public func hasTable(_ name: String) throws -> Bool {
        do { _ = try run(of: name, covering: 0, leavesMax: 1) } catch let error as LMDBError
            where error.code == .notFound
        { return false }
        return true
    }

    /// Lends the value of a key.
    ///
    /// - Returns: what `body` returns; nil where there is no such key.
    /// - Throws: what `body` throws; `.notFound` where there is no such table; `.fileDamaged`,
    ///   naming the page; `.system`; `.busy` where commits went on and on.
    public func withValue<R>(
        in table: String, at key: UInt64, _ body: (RawSpan) throws -> R
    ) throws -> R? {
        guard let leaf = try run(of: table, covering: key, leavesMax: 1)?.leaves.first else {
            return nil
        }
        let found = try onPages { () -> TreePage.Node? in
            guard let index = try leaf.page.place(of: .integer(key)) else { return nil }
            let node = try leaf.page.node(index)
            return try leaf.page.integerKey(of: node) == key ? node : nil
        }
        guard let node = found else { return nil }
        return try StoredValue(node, of: leaf, in: file).withBytes(body)
    }

    /// Lends the last key and its value.
    ///
    /// - Returns: what `body` returns; nil where the table is empty.
    /// - Throws: as `withValue`.
    public func withLast<R>(
        in table: String, _ body: (UInt64, RawSpan) throws -> R
    ) throws -> R? {
        guard let leaf = try run(of: table, covering: .max, leavesMax: 1)?.leaves.first else {
            return nil
        }
        let (node, key) = try onPages {
            let node = try leaf.page.node(leaf.page.count - 1)
            return (node, try leaf.page.integerKey(of: node))
        }
        return try StoredValue(node, of: leaf, in: file).withBytes { try body(key, $0) }
    }

    /// Lends the entries in the order of their keys until `body` answers false: from the last one
    /// at or before `key` on, or where there is none from the first one after it. What is committed
    /// meanwhile may be among them.
    ///
    /// - Throws: as `withValue`.
    public func forEach(
        in table: String, fromAtOrBefore key: UInt64,
        _ body: (UInt64, RawSpan) throws -> Bool
    ) throws {
        var ahead = ReadAhead()
        do {
            try forEachValue(in: table, fromAtOrBefore: key) { try ahead.lend($0, $1, to: body) }
        } catch {
            // What was found before the fault comes before it.
            guard try ahead.lendLast(to: body) else { return }
            throw error
        }
        _ = try ahead.lendLast(to: body)
    }

    /// As `forEach`, but of a value only those bytes are read that `body` asks for.
    ///
    /// - Throws: as `withValue`.
    public func forEachValue(
        in table: String, fromAtOrBefore key: UInt64,
        _ body: (UInt64, StoredValue) throws -> Bool
    ) throws {
        guard let start = try place(atOrBefore: key, in: table) else { return }
        var (run, index) = start
        var last: UInt64?
        var leavesMax = 2
        while true {
            for leaf in run.leaves {
                for place in index..<leaf.page.count {
                    let (node, key) = try onPages { try entry(place, of: leaf, after: last) }
                    last = key
                    let value = try StoredValue(node, of: leaf, in: file)
                    guard try body(key, value) else { return }
                }
                index = 0
            }
            guard let next = run.leaves.last?.high,
                let more = try self.run(of: table, covering: next, leavesMax: leavesMax)
            else { return }
            run = more
            index = try onPages {
                try last.map { try more.leaves[0].page.index(ofFirstAfter: $0) } ?? 0
            }
            leavesMax = min(2 * leavesMax, Self.leavesMax)
        }
    }

    /// Where the last key at or before `key` stands, or else the first one.
    private func place(atOrBefore key: UInt64, in table: String) throws -> (Run, index: Int)? {
        var key = key
        while let run = try run(of: table, covering: key, leavesMax: 1) {
            let index = try onPages { try run.leaves[0].page.place(of: .integer(key)) }
            if let index { return (run, index) }
            // Where entries were removed, a leaf may begin after the key that leads to it.
            guard let low = run.low, low > 0 else { return (run, 0) }
            key = low - 1
        }
        return nil
    }

    /// An entry of a leaf, found to come after another one.
    private func entry(
        _ place: Int, of leaf: Leaf, after last: UInt64?
    ) throws -> (TreePage.Node, UInt64) {
        let node = try leaf.page.node(place)
        let key = try leaf.page.integerKey(of: node)
        if let last, key <= last {
            throw StructureReport.Fault(
                page: leaf.page.number, "keys out of order at \(place)")
        }
        return (node, key)
    }

    // MARK: Steps

    /// Neighbouring leaves of a table, read in one step.
    private struct Run {
        /// At least one.
        var leaves: [Leaf] = []
        /// The first of them has no key below this; nil where it is the first of the table.
        var low: UInt64?
    }

    struct Leaf {
        let page: TreePage
        /// All keys of the leaf are below this; nil where it is the last of the table.
        let high: UInt64?
        let lastPage: UInt64
    }

    /// Reads the leaf in which a key stands, or would, and its neighbours to the right as far as
    /// they have the same parent.
    /// - Returns: nil where the table is empty.
    private func run(of table: String, covering key: UInt64, leavesMax: Int) throws -> Run? {
        var leavesMax = leavesMax
        for _ in 0..<Self.triesMax {
            let head = try FileHead(reading: file)
            let result = Result {
                try onPages { try Step(file, head).run(of: table, key, leavesMax: leavesMax) }
            }
            // Damage too is only damage where the pages belong together.
            if try head.isStillThere(in: file) { return try result.get() }
            leavesMax = 1
        }
        throw LMDBError(
            .busy, operation: "read",
            reason: "\(file.path): commits spoilt \(Self.triesMax) attempts to read \(table)")
    }

    /// What is read under one head.
    private struct Step {
        let file: DataFile
        let head: FileHead
        var lastPage: UInt64 { head.newest.lastPage }

        init(_ file: DataFile, _ head: FileHead) {
            self.file = file
            self.head = head
        }

        func run(of name: String, _ key: UInt64, leavesMax: Int) throws -> Run? {
            let table = try record(of: name)
            guard let way = try descend(table, name, to: .integer(key)) else { return nil }
            var run = Run(low: way.low?.integer)
            run.leaves.append(Leaf(page: way.page, high: way.high?.integer, lastPage: lastPage))
            if let parent = way.parent {
                let (branch, first) = (parent.page, parent.index + 1)
                for index in first..<max(first, min(branch.count, first + leavesMax - 1)) {
                    let child = try branch.node(index).child
                    let high = try branch.bounds(of: index, in: parent.bounds, isInteger: true).high
                    let page = try treePage(child, level: Int(table.depth), table, name)
                    run.leaves.append(Leaf(page: page, high: high?.integer, lastPage: lastPage))
                }
            }
            try checkBounds(of: run, from: key)
            return run
        }

        /// The bounds of neighbours ascend, so a scan gets on; and a leaf begins and ends between
        /// its own, so that none is left out or read in another's place.
        private func checkBounds(of run: Run, from key: UInt64) throws {
            var (low, last) = (run.low, key)
            for leaf in run.leaves {
                let page = leaf.page
                if let low, try page.integerKey(of: try page.node(0)) < low {
                    throw StructureReport.Fault(
                        page: page.number, "its first key belongs further left")
                }
                guard let high = leaf.high else { continue }
                guard high > last else {
                    throw StructureReport.Fault(page: page.number, "its bounds are out of order")
                }
                if try page.integerKey(of: try page.node(page.count - 1)) >= high {
                    throw StructureReport.Fault(
                        page: page.number, "its last key belongs further right")
                }
                (low, last) = (high, high)
            }
        }

        /// The record of a table with integer keys.
        private func record(of name: String) throws -> MetaPage.Table {
            let key = TreeKey.bytes(Array(name.utf8))
            let way = try descend(head.newest.main, "the main table", to: key)
            guard let page = way?.page, let index = try page.place(of: key) else {
                throw missing(name)
            }
            let node = try page.node(index)
            guard try page.key(of: node, isInteger: false) == key else { throw missing(name) }
            let record = try page.tableRecord(of: node, named: name, lastPage: lastPage)
            guard record.flags == MetaPage.Table.integerKeys else {
                throw LMDBError(
                    .incompatible, operation: "read",
                    reason: "\(file.path): \(name) has no integer keys")
            }
            return record
        }

        private func missing(_ name: String) -> LMDBError {
            LMDBError(.notFound, operation: "read", reason: "\(file.path): table \(name)")
        }

        /// The way to a key: its leaf, the keys between which the leaf stands, and the branch above
        /// it, with the place of the leaf in it and the keys between which the branch stands.
        private struct Way {
            var page: TreePage
            var low: TreeKey?
            var high: TreeKey?
            var parent: (page: TreePage, index: Int, bounds: (low: TreeKey?, high: TreeKey?))?
        }

        /// - Returns: nil where the table is empty.
        private func descend(
            _ table: MetaPage.Table, _ name: String, to key: TreeKey
        ) throws -> Way? {
            guard table.root != MetaPage.Table.noRoot else { return nil }
            var way = Way(page: try treePage(table.root, level: 1, table, name))
            for level in 1..<Int(table.depth) {
                let branch = way.page
                guard let index = try branch.place(of: key) else { return nil }
                let outer = (low: way.low, high: way.high)
                way.parent = (branch, index, outer)
                (way.low, way.high) = try branch.bounds(
                    of: index, in: outer, isInteger: key.integer != nil)
                let child = try branch.node(index).child
                way.page = try treePage(child, level: level + 1, table, name)
            }
            return way
        }

        private func treePage(
            _ number: UInt64, level: Int, _ table: MetaPage.Table, _ name: String
        ) throws -> TreePage {
            guard number >= 2, number <= lastPage else {
                throw StructureReport.Fault(
                    page: number, "\(name) leads to it, but pages in use are 2 to \(lastPage)")
            }
            let size = head.pageSizeBytes
            let bytes = try file.read(at: Int(number) * size, byteCount: size)
            let page = try TreePage(bytes, number: number, pageSizeBytes: size)
            try page.check(level: level, of: table, in: name)
            return page
        }
    }

    // MARK: Errors

    private func onPages<R>(_ body: () throws -> R) throws -> R {
        try file.onPages(body)
    }
}

extension DataFile {
    /// Runs what looks at pages, whose faults are damage of the file.
    func onPages<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let fault as StructureReport.Fault {
            throw LMDBError(.fileDamaged, operation: "read", reason: "\(path), \(fault)")
        }
    }
}

extension TreeKey {
    fileprivate var integer: UInt64? {
        switch self {
        case .integer(let key): key
        case .bytes: nil
        }
    }
}

extension TreePage {
    /// The place of the last node whose key is at most `key`; nil where there is none. A branch's
    /// first node stands for everything smaller.
    fileprivate func place(of key: TreeKey) throws(StructureReport.Fault) -> Int? {
        var (low, high) = (isBranch ? 0 : -1, count)
        while high - low > 1 {
            let middle = (low + high) / 2
            let node = try node(middle)
            let isAtOrBefore =
                switch key {
                case .integer(let key): try integerKey(of: node) <= key
                case .bytes: try self.key(of: node, isInteger: false) <= key
                }
            if isAtOrBefore { low = middle } else { high = middle }
        }
        return low < 0 ? nil : low
    }

    /// The keys between which all that is below a branch's node lies; nil at an end of the table.
    /// - Parameter outer: those of the branch.
    /// - Throws: `Fault` where these and those beside them do not ascend: whoever went by them
    ///   would leave something out.
    fileprivate func bounds(
        of index: Int, in outer: (low: TreeKey?, high: TreeKey?), isInteger: Bool
    ) throws(StructureReport.Fault) -> (low: TreeKey?, high: TreeKey?) {
        var found: (low: TreeKey?, high: TreeKey?)
        var last: TreeKey?
        for place in max(0, index - 1)...min(count, index + 2) {
            // The first node's key says nothing: it stands for everything smaller.
            let bound =
                switch place {
                case 0: outer.low
                case count: outer.high
                default: try key(of: try node(place), isInteger: isInteger)
                }
            if let last, let bound, bound <= last {
                throw .init(page: number, "keys out of order at \(place)")
            }
            if place == index { found.low = bound }
            if place == index + 1 { found.high = bound }
            last = bound ?? last
        }
        return found
    }

    /// The place of the first node whose key is above `key`, or the number of nodes.
    fileprivate func index(ofFirstAfter key: UInt64) throws(StructureReport.Fault) -> Int {
        // Mostly the first one of all, and a search by halves could miss damage before it.
        if try integerKey(of: try node(0)) > key { return 0 }
        return (try place(of: .integer(key)) ?? -1) + 1
    }
}
