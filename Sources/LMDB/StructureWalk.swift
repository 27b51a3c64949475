// The walk over the pages of a data file.
//
// Invariants:
// - Every page number is checked against the last page and the length of the file before it is
//   read, and every page is read as part of a tree at most once (`used`), so a loop in a damaged
//   tree ends; a tree is at most 32 pages deep.
// - A subtree under a damaged page is left out, and what could then only be a consequence (counts,
//   pages that belong to nothing) is not reported.
//
// The older meta page is not walked: the commit after it may have taken its pages, and one that
// failed leaves roots in it that were never used.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct StructureWalk: ~Copyable {
    /// What the keys and values of a tree are.
    private enum Kind {
        case freeList
        case main
        case integers
        case bytes

        var hasIntegerKeys: Bool { self == .freeList || self == .integers }
    }

    /// A tree and what has been counted in it.
    private struct Tree {
        let name: String
        let kind: Kind
        let record: MetaPage.Table
        /// The page its record stands on.
        let recordPage: UInt64
        var branchPages: UInt64 = 0
        var leafPages: UInt64 = 0
        var overflowPages: UInt64 = 0
        var entries: UInt64 = 0
        /// Whether no page of it had a fault.
        var isWhole = true

        init(_ name: String, _ kind: Kind, _ record: MetaPage.Table, on recordPage: UInt64) {
            self.name = name
            self.kind = kind
            self.record = record
            self.recordPage = recordPage
        }
    }

    private let file: DataFile
    private let head: FileHead
    let pageSizeBytes: Int
    let pagesPresent: UInt64
    var lastPage: UInt64 { head.newest.lastPage }
    private(set) var used = PageSet()
    /// Bytes of used pages that hold nothing; collected where somebody wants them.
    private(set) var slack: [Range<Int>] = []
    private let collectsSlack: Bool
    private var free = PageSet()
    private var tables: [Tree] = []
    private var areAllWhole = true
    private var report = StructureReport()

    /// How much of a free list is read at once.
    private static let slotsPerRead = 8192

    init(path: String, _ head: FileHead, collectsSlack: Bool = false) throws(LMDBError) {
        let file = try DataFile(path)
        let fileBytes = UInt64(try file.byteCount)
        self.file = file
        self.head = head
        pageSizeBytes = head.pageSizeBytes
        pagesPresent = fileBytes / UInt64(head.pageSizeBytes)
        self.collectsSlack = collectsSlack
    }

    private mutating func addSlack(_ start: Int, _ end: Int) {
        if collectsSlack, start < end { slack.append(start..<end) }
    }

    /// - Throws: `.system` when the file cannot be read.
    mutating func run() throws(LMDBError) -> StructureReport {
        report.pages = lastPage + 1
        report.transaction = head.newest.transaction
        try checkMetaPages()
        let meta = head.newest.pageNumber
        try walk(Tree("the free list", .freeList, head.newest.freeList, on: meta))
        try walk(Tree("the main table", .main, head.newest.main, on: meta))
        for table in tables { try walk(table) }
        compareSets()
        return report
    }

    // MARK: Meta pages

    /// What `FileHead` does not look at, because LMDB does not mind it.
    private mutating func checkMetaPages() throws(LMDBError) {
        let bytes = try file.read(at: 0, byteCount: 2 * pageSizeBytes)
        for number: UInt64 in 0...1 {
            let start = Int(number) * pageSizeBytes
            withBytes(of: bytes) { bytes in
                let page = PageHead(bytes.extracting(start..<bytes.byteCount))
                let address: UInt64 = bytes.native(at: start + 16 + 8)
                let mainPad: UInt32 = bytes.native(at: start + 16 + 72)
                if page.pad != 0 || page.lower != 0 || page.upper != 0 || address != 0
                    || mainPad != 0
                {
                    report.add(.init(page: number, "bytes that are unused are not zero"))
                }
            }
        }
        let newest = head.newest
        if newest.transaction == 0
            && (newest.main.root != MetaPage.Table.noRoot
                || newest.freeList.root != MetaPage.Table.noRoot || newest.lastPage != 1)
        {
            report.add(.init(page: newest.pageNumber, "pages before the first transaction"))
        }
        // A file never gets shorter. LMDB puts the last page back when its write fails; where that
        // failed too the file is sound, but it may be the newest page's number that has changed.
        if head.older.lastPage > newest.lastPage {
            let fault = "last page \(head.older.lastPage), \(newest.lastPage) a commit later"
            report.add(.init(page: head.older.pageNumber, fault))
        }
    }

    // MARK: Trees

    private mutating func walk(_ start: Tree) throws(LMDBError) {
        var tree = start
        if tree.record.root != MetaPage.Table.noRoot {
            try visit(tree.record.root, level: 1, low: nil, high: nil, &tree)
        }
        let record = tree.record
        if tree.isWhole {
            for (what, found, said) in [
                ("branch pages", tree.branchPages, record.branchPages),
                ("leaf pages", tree.leafPages, record.leafPages),
                ("overflow pages", tree.overflowPages, record.overflowPages),
                ("entries", tree.entries, record.entries),
            ] where found != said {
                let fault = "\(tree.name) has \(found) \(what), its record says \(said)"
                report.add(.init(page: tree.recordPage, fault))
            }
        } else {
            areAllWhole = false
        }
        if tree.kind == .integers || tree.kind == .bytes {
            report.tables.append(.init(name: tree.name, entries: tree.entries))
        }
    }

    /// Visits a page and what is below it. Its keys are at least `low` and below `high`.
    private mutating func visit(
        _ number: UInt64, level: Int, low: TreeKey?, high: TreeKey?, _ tree: inout Tree
    ) throws(LMDBError) {
        let page: TreePage
        let nodes: [TreePage.Node]
        let keys: [TreeKey?]
        do {
            page = try treePage(number, level: level, tree)
            nodes = try page.nodes()
            keys = try self.keys(of: page, nodes, low: low, high: high, tree)
        } catch {
            try note(error, &tree)
            return
        }
        guard page.isBranch else {
            tree.leafPages += 1
            tree.entries += UInt64(nodes.count)
            for (node, key) in zip(nodes, keys) {
                do { try visitEntry(node, key, of: page, &tree) } catch { try note(error, &tree) }
            }
            return
        }
        tree.branchPages += 1
        for (index, node) in nodes.enumerated() {
            try visit(
                node.child, level: level + 1, low: keys[index] ?? low,
                high: index + 1 < keys.count ? keys[index + 1] : high, &tree)
        }
    }

    /// Keeps a fault and lets go on; passes on what is no fault of the file.
    private mutating func note(_ error: any Error, _ tree: inout Tree) throws(LMDBError) {
        if let error = error as? LMDBError { throw error }
        guard let fault = error as? StructureReport.Fault else { return }
        tree.isWhole = false
        report.add(fault)
    }

    private mutating func treePage(
        _ number: UInt64, level: Int, _ tree: Tree
    ) throws -> TreePage {
        try use(number, pages: 1, by: tree)
        let bytes = try file.read(
            at: Int(number) * pageSizeBytes, byteCount: pageSizeBytes)
        let page = try TreePage(bytes, number: number, pageSizeBytes: pageSizeBytes)
        // LMDB may leave a branch of the free list with one node, any other aborts the process.
        try page.check(
            level: level, of: tree.record, in: tree.name,
            branchNodesMin: tree.kind == .freeList ? 1 : 2)
        let (lower, upper) = withBytes(of: bytes) { bytes in
            (Int(bytes.native(at: 12) as UInt16), Int(bytes.native(at: 14) as UInt16))
        }
        let start = Int(number) * pageSizeBytes
        addSlack(start + lower, start + upper)
        return page
    }

    /// The keys of a page, found to ascend within their bounds. A branch's first key stands for
    /// everything smaller and is not looked at, by LMDB neither.
    private func keys(
        of page: TreePage, _ nodes: [TreePage.Node], low: TreeKey?, high: TreeKey?, _ tree: Tree
    ) throws -> [TreeKey?] {
        var keys: [TreeKey?] = page.isBranch ? [nil] : []
        var last = low
        for (index, node) in nodes.enumerated().dropFirst(keys.count) {
            let key = try page.key(of: node, isInteger: tree.kind.hasIntegerKeys)
            if let last, key < last || key == last && (index > 0 || page.isBranch) {
                throw StructureReport.Fault(page: page.number, "keys out of order at \(index)")
            }
            keys.append(key)
            last = key
        }
        // `last` is a key of this page, or `low`, which is below `high`.
        if let high, let last, last >= high {
            throw StructureReport.Fault(page: page.number, "its last key belongs further right")
        }
        return keys
    }

    /// Marks pages as in use by a tree.
    private mutating func use(_ first: UInt64, pages: UInt64, by tree: Tree) throws {
        guard first >= 2, pages >= 1, first <= lastPage, pages - 1 <= lastPage - first else {
            throw StructureReport.Fault(
                page: first, "\(tree.name) leads to it, but pages in use are 2 to \(lastPage)")
        }
        guard first + pages <= pagesPresent else {
            throw StructureReport.Fault(page: first, "\(tree.name) leads behind the file's end")
        }
        for page in first..<first + pages where !used.insert(page) {
            throw StructureReport.Fault(page: page, "\(tree.name) leads to it a second time")
        }
        report.usedPages = used.count
    }

    // MARK: Entries

    private mutating func visitEntry(
        _ node: TreePage.Node, _ key: TreeKey?, of page: TreePage, _ tree: inout Tree
    ) throws {
        if tree.kind == .main {
            try addTable(node, key, of: page)
            return
        }
        guard node.flags & ~TreePage.overflowNode == 0 else {
            throw StructureReport.Fault(page: page.number, "node flags \(node.flags)")
        }
        var offset = Int(page.number) * pageSizeBytes + node.valueStart
        if node.flags & TreePage.overflowNode != 0 {
            let first = page.overflowPage(of: node)
            tree.overflowPages += try useOverflow(first, for: node, &tree)
            offset = Int(first) * pageSizeBytes + TreePage.headerBytes
        }
        if tree.kind == .freeList {
            try checkFreeKey(key, on: page.number)
            try collectFree(at: offset, byteCount: node.valueByteCount, on: page.number)
        }
    }

    /// - Returns: how many pages the value has.
    private mutating func useOverflow(
        _ first: UInt64, for node: TreePage.Node, _ tree: inout Tree
    ) throws -> UInt64 {
        // The number is checked before anything is read at it.
        try use(first, pages: 1, by: tree)
        let bytes = try file.read(
            at: Int(first) * pageSizeBytes, byteCount: TreePage.headerBytes)
        guard bytes.count == TreePage.headerBytes else {
            throw StructureReport.Fault(page: first, "the file ends within it")
        }
        let head = withBytes(of: bytes) { PageHead($0) }
        try head.checkLargeValue(
            at: first, byteCount: node.valueByteCount, pageSizeBytes: pageSizeBytes)
        let start = Int(first) * pageSizeBytes
        addSlack(
            start + TreePage.headerBytes + node.valueByteCount,
            start + Int(head.overflowPages) * pageSizeBytes)
        if head.overflowPages > 1 {
            try use(first + 1, pages: head.overflowPages - 1, by: tree)
        }
        return head.overflowPages
    }

    /// Takes up the record of a named table, to be walked later.
    private mutating func addTable(
        _ node: TreePage.Node, _ key: TreeKey?, of page: TreePage
    ) throws {
        guard case .bytes(let bytes)? = key else {
            throw StructureReport.Fault(page: page.number, "an entry that is no table")
        }
        let name = tableName(bytes)
        let record = try page.tableRecord(of: node, named: name, lastPage: lastPage)
        let kind: Kind = record.flags == 8 ? .integers : .bytes
        tables.append(Tree(name, kind, record, on: page.number))
    }

    /// A name for people: hexadecimal where it is not plain text.
    private func tableName(_ bytes: [UInt8]) -> String {
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            let digits = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            return "0x" + digits.joined()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Free pages

    /// The key is the transaction that freed the pages.
    private func checkFreeKey(_ key: TreeKey?, on page: UInt64) throws {
        guard case .integer(let transaction)? = key,
            (1...max(1, head.newest.transaction)).contains(transaction)
        else { throw StructureReport.Fault(page: page, "pages freed by no transaction so far") }
    }

    /// A value of the free list: a count, then so many page numbers, descending. Where LMDB kept
    /// room that it then did not need, the count is 0.
    private mutating func collectFree(at offset: Int, byteCount: Int, on page: UInt64) throws {
        let slots = byteCount / 8
        let count = try slots >= 1 ? self.slots(at: offset, count: 1).first : nil
        guard let count, byteCount % 8 == 0, count == 0 || count == UInt64(slots - 1) else {
            throw StructureReport.Fault(page: page, "a list of free pages of \(byteCount) bytes")
        }
        var last = UInt64.max
        var done: UInt64 = 0
        while done < count {
            let numbers = try self.slots(
                at: offset + 8 + 8 * Int(done),
                count: Int(min(count - done, UInt64(Self.slotsPerRead))))
            for number in numbers {
                guard (2...lastPage).contains(number), number < last else {
                    throw StructureReport.Fault(page: page, "\(number) in a list of free pages")
                }
                guard free.insert(number) else {
                    throw StructureReport.Fault(page: page, "page \(number) is freed twice")
                }
                last = number
            }
            done += UInt64(numbers.count)
        }
        report.freePages = free.count
    }

    /// Integers of eight bytes at an offset of the file.
    private func slots(at offset: Int, count: Int) throws -> [UInt64] {
        let bytes = try file.read(at: offset, byteCount: 8 * count)
        guard bytes.count == 8 * count else {
            throw StructureReport.Fault(
                page: UInt64(offset / pageSizeBytes), "the file ends within it")
        }
        return withBytes(of: bytes) { bytes in
            (0..<count).map { bytes.native(at: 8 * $0) as UInt64 }
        }
    }

    /// Free pages are not in use, and pages that are neither belong to nothing.
    private mutating func compareSets() {
        let both = PageSet.common(free, used, most: StructureReport.faultsMax)
        for page in both { report.add(.init(page: page, "it is free and in use")) }
        guard areAllWhole, both.isEmpty, lastPage >= 2 else { return }
        report.leakedPages = lastPage - 1 - used.count - free.count
        if report.leakedPages > 0 {
            report.firstLeakedPage = PageSet.firstMissing(of: 2...lastPage, in: used, or: free)
        }
    }
}
