// One page of a B-tree, read without trust.
//
// Layout (LMDB 0.9, mdb.c `MDB_page`, `MDB_node`), native-endian: page + 0 its own number, + 8 pad,
// 0 where no table has duplicates, + 10 flags, + 12 `lower`, the end of the node offsets that start
// at + 16, + 14 `upper`, the start of the nodes. Nodes lie end to end from `upper` to the end of
// the page, in any order, each rounded up to an even size; their offsets are sorted by key.
// Node: + 0 low and + 2 high half of the value's size (in a branch: of the child's number, whose
// top is + 4), + 4 flags, + 6 size of the key, + 8 key, then the value, or the number of the first
// overflow page.
//
// Invariant: every range in a node that a `TreePage` gives lies within its bytes.

import Platform

/// A key, ordered as LMDB orders it.
enum TreeKey: Comparable {
    case integer(UInt64)
    case bytes([UInt8])

    static func < (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left < right
        case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
        // One table has keys of one kind.
        case (.integer, .bytes), (.bytes, .integer): false
        }
    }
}

/// A branch or a leaf whose head is well formed. Whoever reads looks at the nodes that it needs,
/// and a walk at all of them.
struct TreePage {
    struct Node {
        /// Where its key starts in the page.
        var keyStart: Int
        var keyByteCount: Int
        /// The size of the value, wherever it lies.
        var valueByteCount: Int
        /// In a leaf: whether the value lies in pages of its own, or is a table's record.
        var flags: UInt16
        /// In a branch: the page below.
        var child: UInt64

        var valueStart: Int { keyStart + keyByteCount }
    }

    /// Flags of a leaf's nodes.
    static let overflowNode: UInt16 = 1
    static let tableNode: UInt16 = 2

    static let headerBytes = 16
    private static let nodeHeaderBytes = 8
    private static let keyBytesMax = 511

    let number: UInt64
    let isBranch: Bool
    let bytes: [UInt8]
    /// How many nodes there are.
    let count: Int
    /// Where the nodes begin.
    private let upper: Int

    /// - Throws: `Fault` when anything is not as LMDB leaves a page.
    init(
        _ bytes: [UInt8], number: UInt64, pageSizeBytes: Int
    ) throws(StructureReport.Fault) {
        self.number = number
        self.bytes = bytes
        guard bytes.count == pageSizeBytes else {
            throw .init(page: number, "the file ends within it")
        }
        let head = withBytes(of: bytes) { PageHead($0) }
        try head.checkIdentity(number)
        guard head.flags == PageFlag.branch || head.flags == PageFlag.leaf else {
            throw .init(page: number, "flags \(head.flags) are no branch's or leaf's")
        }
        isBranch = head.flags == PageFlag.branch
        let lower = Int(head.lower)
        upper = Int(head.upper)
        guard lower % 2 == 0, lower >= Self.headerBytes, lower <= upper, upper <= pageSizeBytes
        else { throw .init(page: number, "free space from \(lower) to \(upper)") }
        count = (lower - Self.headerBytes) / 2
    }

    /// All nodes, by key.
    /// - Throws: `Fault` when one is not as LMDB leaves it, or there is anything between them.
    func nodes() throws(StructureReport.Fault) -> [Node] {
        var nodes: [Node] = []
        for index in 0..<count { nodes.append(try node(index)) }
        try checkTiling(nodes)
        return nodes
    }

    /// The node that is number `index` by its key.
    /// - Throws: `Fault` when it does not fit the page.
    /// - Precondition: there are so many.
    func node(_ index: Int) throws(StructureReport.Fault) -> Node {
        precondition(index >= 0 && index < count, "a page has no such node")
        let start = Int(
            withBytes(of: bytes) { $0.native(at: Self.headerBytes + 2 * index) as UInt16 })
        guard start >= upper, start + Self.nodeHeaderBytes <= bytes.count else {
            throw .init(page: number, "a node's offset is \(start)")
        }
        let (low, high, flags, keyByteCount) = withBytes(of: bytes) { bytes in
            (
                bytes.native(at: start) as UInt16, bytes.native(at: start + 2) as UInt16,
                bytes.native(at: start + 4) as UInt16, bytes.native(at: start + 6) as UInt16
            )
        }
        let size = UInt64(low) | UInt64(high) << 16
        let node = Node(
            keyStart: start + Self.nodeHeaderBytes, keyByteCount: Int(keyByteCount),
            valueByteCount: isBranch ? 0 : Int(size), flags: isBranch ? 0 : flags,
            child: isBranch ? size | UInt64(flags) << 32 : 0)
        guard end(of: node) <= bytes.count, node.keyByteCount <= Self.keyBytesMax else {
            throw .init(page: number, "the node at \(start) does not fit the page")
        }
        return node
    }

    /// Where a node ends within the page, rounded up to an even offset.
    private func end(of node: Node) -> Int {
        let isElsewhere = node.flags & Self.overflowNode != 0
        let byteCount = node.valueStart + (isElsewhere ? 8 : node.valueByteCount)
        return (byteCount + 1) & ~1
    }

    /// Nodes lie end to end: none over another, none lost between them.
    private func checkTiling(_ nodes: [Node]) throws(StructureReport.Fault) {
        var next = upper
        for node in nodes.sorted(by: { $0.keyStart < $1.keyStart }) {
            let start = node.keyStart - Self.nodeHeaderBytes
            guard start == next else {
                throw .init(page: number, "a node at \(start) where one should be at \(next)")
            }
            next = end(of: node)
        }
        guard next == bytes.count else {
            throw .init(page: number, "nodes end at \(next) of \(bytes.count)")
        }
    }

    /// A node's key.
    /// - Throws: `Fault` when it is not of the table's kind.
    func key(
        of node: Node, isInteger: Bool
    ) throws(StructureReport.Fault) -> TreeKey {
        let range = node.keyStart..<node.valueStart
        guard isInteger else {
            if range.isEmpty { throw .init(page: number, "an empty key") }
            return .bytes(Array(bytes[range]))
        }
        return .integer(try integerKey(of: node))
    }

    /// A node's key in a table with integer keys.
    /// - Throws: `Fault` when it is none.
    func integerKey(of node: Node) throws(StructureReport.Fault) -> UInt64 {
        // LMDB would take four bytes too; this module never writes them.
        guard node.keyByteCount == 8 else {
            throw .init(page: number, "an integer key of \(node.keyByteCount) bytes")
        }
        return withBytes(of: bytes) { $0.native(at: node.keyStart) }
    }

    /// Checks that the page may stand where a tree led to it.
    /// - Parameter level: from 1, the root.
    func check(
        level: Int, of table: MetaPage.Table, in name: String, branchNodesMin: Int = 2
    ) throws(StructureReport.Fault) {
        guard isBranch == (level < Int(table.depth)) else {
            let kind = isBranch ? "a branch" : "a leaf"
            throw .init(page: number, "\(kind) at level \(level) of \(table.depth) in \(name)")
        }
        guard count >= (isBranch ? branchNodesMin : 1) else {
            throw .init(page: number, "it has \(count) nodes")
        }
    }

    /// The record of a named table that a node of the main table holds.
    func tableRecord(
        of node: Node, named name: String, lastPage: UInt64
    ) throws(StructureReport.Fault) -> MetaPage.Table {
        guard node.flags == Self.tableNode, node.valueByteCount == 48 else {
            throw .init(page: number, "an entry that is no table")
        }
        let (pad, record) = withBytes(of: bytes) { bytes in
            (
                bytes.native(at: node.valueStart) as UInt32,
                MetaPage.Table(bytes, at: node.valueStart)
            )
        }
        // Tables with duplicates or reversed keys are not ours.
        guard pad == 0, record.flags == 0 || record.flags == 8 else {
            throw .init(page: number, "table \(name) has flags \(record.flags), pad \(pad)")
        }
        if let fault = record.fault(lastPage: lastPage) {
            throw .init(page: number, "table \(name): \(fault)")
        }
        return record
    }

    /// The first page of a value that lies in pages of its own.
    func overflowPage(of node: Node) -> UInt64 {
        withBytes(of: bytes) { $0.native(at: node.valueStart) }
    }
}

/// The fields every page begins with.
struct PageHead {
    let number: UInt64
    let pad: UInt16
    let flags: UInt16
    let lower: UInt16
    let upper: UInt16

    /// - Precondition: there are 16 bytes.
    init(_ bytes: RawSpan) {
        number = bytes.native(at: 0)
        pad = bytes.native(at: 8)
        flags = bytes.native(at: 10)
        lower = bytes.native(at: 12)
        upper = bytes.native(at: 14)
    }

    /// How many pages a large value has.
    var overflowPages: UInt64 { UInt64(lower) | UInt64(upper) << 16 }

    /// Checks that the page begins a value of so many bytes.
    func checkLargeValue(
        at place: UInt64, byteCount: Int, pageSizeBytes: Int
    ) throws(StructureReport.Fault) {
        try checkIdentity(place)
        guard flags == PageFlag.overflow else {
            throw .init(page: place, "flags \(flags) are no large value's")
        }
        // It may have more than it needs: a value that was overwritten keeps its pages.
        let needed = (TreePage.headerBytes + byteCount - 1) / pageSizeBytes + 1
        guard overflowPages >= needed else {
            throw .init(page: place, "\(overflowPages) pages for \(byteCount) bytes")
        }
    }

    func checkIdentity(_ place: UInt64) throws(StructureReport.Fault) {
        guard number == place else { throw .init(page: place, "it says it is page \(number)") }
        guard pad == 0 else { throw .init(page: place, "its pad is \(pad)") }
    }
}
