// A reader of LMDB's free list that trusts nothing it reads.
//
// Used for one question, when a file is shorter than its head says: are the missing pages all
// free? Every page number is checked against the pages present and every offset against its page;
// anything odd answers no. The walk ends after as many pages as the table record counts, so a loop
// in a damaged tree ends too.
//
// Layout (mdb.c `MDB_page`, `MDB_node`), native-endian: page + 10 flags, + 12 end of the array of
// node offsets that starts at + 16, or the count of overflow pages; node + 0 low and + 2 high half
// of the value's size (in a branch: of the child's page number, with + 4 as its top), + 4 flags,
// + 6 size of the key, + 8 key, then the value or, with flag 1, the number of its overflow page.
// A value is a list: a count, then so many page numbers.

import Platform

/// The flags of a page that are used here.
enum PageFlag {
    static let branch: UInt16 = 1
    static let leaf: UInt16 = 2
    static let overflow: UInt16 = 4
    static let meta: UInt16 = 8
}

/// Walks the free list of one meta page.
struct FreeListWalk {
    let pageSizeBytes: Int
    let pagesPresent: UInt64
    let table: MetaPage.Table
    private var pagesLeft: UInt64
    private var found: Set<UInt64> = []

    init(pageSizeBytes: Int, pagesPresent: UInt64, table: MetaPage.Table) {
        self.pageSizeBytes = pageSizeBytes
        self.pagesPresent = pagesPresent
        self.table = table
        // The counts are at most the last page each, so the sum does not overflow.
        pagesLeft = table.branchPages + table.leafPages
    }

    /// Whether all pages of `missing` are on the free list.
    ///
    /// - Throws: `.system` when the file cannot be read.
    mutating func frees(
        _ missing: ClosedRange<UInt64>, in file: DataFile
    ) throws(LMDBError) -> Bool {
        // LMDB gives back a few pages at most; more are a truncation, and not worth a walk.
        guard missing.count <= 65536, table.root != MetaPage.Table.noRoot else { return false }
        var open = [table.root]
        while let number = open.popLast() {
            guard pagesLeft > 0, number < pagesPresent else { return false }
            pagesLeft -= 1
            let page = try read(number, pages: 1, in: file)
            guard let nodes = nodes(of: page, number: number) else { return false }
            for node in nodes {
                if node.isBranch {
                    open.append(node.child)
                } else if try !collect(node, of: page, from: missing, in: file) {
                    return false
                }
            }
        }
        return missing.allSatisfy { found.contains($0) }
    }

    private struct Node {
        var isBranch: Bool
        var child: UInt64
        var valueStart: Int
        var valueByteCount: Int
        var isOverflow: Bool
    }

    /// The nodes of a page, or nil when it is no sound page of a tree.
    private func nodes(of page: [UInt8], number: UInt64) -> [Node]? {
        withBytes(of: page) { bytes in
            guard bytes.byteCount == pageSizeBytes, bytes.native(at: 0) == number else {
                return nil
            }
            let flags: UInt16 = bytes.native(at: 10)
            let isBranch = flags & PageFlag.branch != 0
            guard isBranch || flags & PageFlag.leaf != 0 else { return nil }
            let end = Int(bytes.native(at: 12) as UInt16)
            guard (16...pageSizeBytes).contains(end) else { return nil }
            var nodes: [Node] = []
            for place in stride(from: 16, to: end - 1, by: 2) {
                let start = Int(bytes.native(at: place) as UInt16)
                guard let node = node(bytes, at: start, isBranch: isBranch) else { return nil }
                nodes.append(node)
            }
            return nodes
        }
    }

    private func node(_ bytes: RawSpan, at start: Int, isBranch: Bool) -> Node? {
        guard start >= 16, start + 8 <= pageSizeBytes else { return nil }
        let low = UInt64(bytes.native(at: start) as UInt16)
        let high = UInt64(bytes.native(at: start + 2) as UInt16)
        let flags: UInt16 = bytes.native(at: start + 4)
        let keyByteCount = Int(bytes.native(at: start + 6) as UInt16)
        return Node(
            isBranch: isBranch, child: low | high << 16 | UInt64(flags) << 32,
            valueStart: start + 8 + keyByteCount, valueByteCount: Int(low | high << 16),
            isOverflow: flags & 1 != 0)
    }

    /// Adds the page numbers of a leaf's value. False when the value is not sound.
    private mutating func collect(
        _ node: Node, of page: [UInt8], from missing: ClosedRange<UInt64>,
        in file: DataFile
    ) throws(LMDBError) -> Bool {
        guard node.isOverflow else {
            guard node.valueStart + node.valueByteCount <= pageSizeBytes else { return false }
            return collect(page, node.valueStart, node.valueByteCount, from: missing)
        }
        guard node.valueStart + 8 <= pageSizeBytes else { return false }
        let number: UInt64 = withBytes(of: page) { $0.native(at: node.valueStart) }
        let pages = UInt64((16 + node.valueByteCount + pageSizeBytes - 1) / pageSizeBytes)
        guard number < pagesPresent, pages <= pagesPresent - number else { return false }
        let run = try read(number, pages: Int(pages), in: file)
        guard run.count == Int(pages) * pageSizeBytes else { return false }
        let isSound = withBytes(of: run) { bytes in
            let flags: UInt16 = bytes.native(at: 10)
            return bytes.native(at: 0) == number && flags & PageFlag.overflow != 0
        }
        return isSound && collect(run, 16, node.valueByteCount, from: missing)
    }

    private mutating func collect(
        _ bytes: [UInt8], _ start: Int, _ byteCount: Int, from missing: ClosedRange<UInt64>
    ) -> Bool {
        let slots = withBytes(of: bytes) { span in
            stride(from: start, to: start + byteCount - 7, by: 8).map {
                span.native(at: $0) as UInt64
            }
        }
        guard let count = slots.first, count < UInt64(slots.count) else { return false }
        found.formUnion(slots.dropFirst().prefix(Int(count)).filter { missing.contains($0) })
        return true
    }

    private func read(
        _ number: UInt64, pages: Int, in file: DataFile
    ) throws(LMDBError) -> [UInt8] {
        try file.read(at: Int(number) * pageSizeBytes, byteCount: pages * pageSizeBytes)
    }
}
