// A value of a table that is only appended to, where it lies: in the leaf that was copied, or in
// pages of its own, which stay as they are (DataFileReader.swift says why). So it can be read later
// and in parts: who looks at the head of a large value does not pay for the rest.
//
// Invariant: nothing is read at a number from a page before it was checked.

import Platform

/// A value that a `DataFileReader` found.
public struct StoredValue: Sendable {
    private let file: DataFile
    private let leaf: TreePage
    private let node: TreePage.Node
    /// The first page of a value with pages of its own; nil for one in the leaf.
    private let firstPage: UInt64?

    /// Longer values are read as a whole only after a look at their first page.
    private static let bytesUnasked = 1 << 20

    /// - Throws: `.fileDamaged` where the value cannot lie where its node says.
    init(_ node: TreePage.Node, of leaf: DataFileReader.Leaf, in file: DataFile) throws {
        self.file = file
        self.leaf = leaf.page
        self.node = node
        firstPage = try file.onPages { try Self.firstPage(of: node, leaf) }
    }

    private static func firstPage(
        of node: TreePage.Node, _ leaf: DataFileReader.Leaf
    ) throws(StructureReport.Fault) -> UInt64? {
        guard node.flags & ~TreePage.overflowNode == 0 else {
            throw .init(page: leaf.page.number, "node flags \(node.flags)")
        }
        if node.flags & TreePage.overflowNode == 0 { return nil }
        let first = leaf.page.overflowPage(of: node)
        let byteCount = TreePage.headerBytes + node.valueByteCount
        let pages = UInt64((byteCount - 1) / leaf.page.bytes.count + 1)
        guard first >= 2, first <= leaf.lastPage, pages - 1 <= leaf.lastPage - first else {
            throw .init(
                page: leaf.page.number,
                "it leads to \(pages) pages from \(first) on, but pages in use are 2 to "
                    + "\(leaf.lastPage)")
        }
        return first
    }

    /// The length of the value.
    public var byteCount: Int { node.valueByteCount }

    /// Reads a part of the value. One that begins with its first byte also finds damage of the head
    /// of the value's pages.
    ///
    /// - Throws: `.fileDamaged`, naming the page; `.system`.
    /// - Precondition: the range lies within the value.
    public func bytes(in range: Range<Int>) throws -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "not in the value")
        guard let firstPage else {
            let start = node.valueStart
            return Array(leaf.bytes[start + range.lowerBound..<start + range.upperBound])
        }
        if range.lowerBound == 0 {
            return Array(try readPages(firstPage, to: range.upperBound)[TreePage.headerBytes...])
        }
        let start = Int(firstPage) * leaf.bytes.count + TreePage.headerBytes
        let bytes = try file.read(at: start + range.lowerBound, byteCount: range.count)
        try file.onPages { try Self.check(bytes, haveCount: range.count, firstPage) }
        return bytes
    }

    /// The whole value in memory, with what stands around it.
    struct Read: Sendable {
        fileprivate let bytes: [UInt8]
        fileprivate let range: Range<Int>

        func withBytes<R>(_ body: (RawSpan) throws -> R) rethrows -> R {
            try Platform.withBytes(of: bytes) { try body($0.extracting(range)) }
        }
    }

    /// Reads the whole value.
    ///
    /// - Throws: as `bytes`.
    func read() throws -> Read {
        guard let firstPage else {
            return Read(
                bytes: leaf.bytes,
                range: node.valueStart..<node.valueStart + node.valueByteCount)
        }
        // Room is made only for what the value's own first page says too.
        if byteCount > Self.bytesUnasked { _ = try readPages(firstPage, to: 0) }
        let bytes = try readPages(firstPage, to: byteCount)
        return Read(bytes: bytes, range: TreePage.headerBytes..<bytes.count)
    }

    /// Lends the whole value.
    ///
    /// - Throws: what `body` throws; as `bytes`.
    public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
        try read().withBytes(body)
    }

    /// Reads the value's pages up to so many bytes of it, and checks the head of the first.
    private func readPages(_ firstPage: UInt64, to count: Int) throws -> [UInt8] {
        let pageBytes = leaf.bytes.count
        let bytes = try file.read(
            at: Int(firstPage) * pageBytes, byteCount: TreePage.headerBytes + count)
        try file.onPages {
            try Self.check(bytes, haveCount: TreePage.headerBytes + count, firstPage)
            try Platform.withBytes(of: bytes) { PageHead($0) }
                .checkLargeValue(at: firstPage, byteCount: byteCount, pageSizeBytes: pageBytes)
        }
        return bytes
    }

    private static func check(
        _ bytes: [UInt8], haveCount count: Int, _ page: UInt64
    ) throws(StructureReport.Fault) {
        guard bytes.count == count else { throw .init(page: page, "the file ends within it") }
    }
}
