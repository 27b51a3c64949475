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
// Invariant: every range in a `TreePage` lies within its bytes.

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

/// A branch or a leaf that is well formed in itself.
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
    private(set) var nodes: [Node] = []

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
        let (lower, upper) = (Int(head.lower), Int(head.upper))
        guard lower % 2 == 0, lower >= Self.headerBytes, lower <= upper, upper <= pageSizeBytes
        else { throw .init(page: number, "free space from \(lower) to \(upper)") }
        for place in stride(from: Self.headerBytes, to: lower, by: 2) {
            let offset: UInt16 = withBytes(of: bytes) { $0.native(at: place) }
            nodes.append(try node(at: Int(offset), from: upper))
        }
        try checkTiling(from: upper)
    }

    private func node(
        at start: Int, from upper: Int
    ) throws(StructureReport.Fault) -> Node {
        guard start >= upper, start + Self.nodeHeaderBytes <= bytes.count else {
            throw .init(page: number, "a node's offset is \(start)")
        }
        let (low, high, flags, keyByteCount) = withBytes(of: bytes) { bytes in
            (
                bytes.native(at: start) as UInt16, bytes.native(at: start + 2) as UInt16,
                bytes.native(at: start + 4) as UInt16, bytes.native(at: start + 6) as UInt16
            )
        }
        let number = UInt64(low) | UInt64(high) << 16
        let node = Node(
            keyStart: start + Self.nodeHeaderBytes, keyByteCount: Int(keyByteCount),
            valueByteCount: isBranch ? 0 : Int(number), flags: isBranch ? 0 : flags,
            child: isBranch ? number | UInt64(flags) << 32 : 0)
        guard end(of: node) <= bytes.count, node.keyByteCount <= Self.keyBytesMax else {
            throw .init(page: self.number, "the node at \(start) does not fit the page")
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
    private func checkTiling(from upper: Int) throws(StructureReport.Fault) {
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
        // LMDB would take four bytes too; this module never writes them.
        guard range.count == 8 else {
            throw .init(page: number, "an integer key of \(range.count) bytes")
        }
        return .integer(withBytes(of: bytes) { $0.native(at: range.lowerBound) })
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

    func checkIdentity(_ place: UInt64) throws(StructureReport.Fault) {
        guard number == place else { throw .init(page: place, "it says it is page \(number)") }
        guard pad == 0 else { throw .init(page: place, "its pad is \(pad)") }
    }
}
