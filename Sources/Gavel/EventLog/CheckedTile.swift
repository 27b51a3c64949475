// The entries of one tile, all 256 or those that are there yet, held against the tile's root.

internal import AuctionDomain
internal import Platform

/// One tile's leaf hashes, and its entries where they are not too long to be kept.
final class CheckedTile: Sendable {
    let number: UInt64
    let leaves: ContiguousArray<LedgerHash>
    /// Nil where they are longer than `bytesKeptMax` together.
    let entries: Entries?
    /// Over all entries up to these; of a full tile nil, whose stored root says enough.
    private let tree: MerkleTree?

    private static let bytesKeptMax = 64 << 10

    /// Entries, end to end.
    struct Entries: Sendable {
        fileprivate(set) var bytes: [UInt8] = []
        /// Where each ends.
        fileprivate(set) var ends: [UInt32] = []

        fileprivate mutating func append(_ entry: RawSpan) {
            bytes.append(contentsOf: entry)
            ends.append(UInt32(bytes.count))
        }

        fileprivate mutating func append(_ others: Entries) {
            let start = UInt32(bytes.count)
            bytes += others.bytes
            ends += others.ends.map { start + $0 }
        }

        /// Lends entries until `body` answers false.
        /// - Parameter first: the position of the first entry.
        /// - Returns: false when it did.
        func forEach(
            in positions: Range<UInt64>, from first: UInt64,
            _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
        ) throws -> Bool {
            try withBytes(of: bytes) { span in
                for position in positions {
                    let index = Int(position - first)
                    let start = index == 0 ? 0 : Int(ends[index - 1])
                    guard try body(span, start..<Int(ends[index]), position) else { return false }
                }
                return true
            }
        }
    }

    var firstPosition: UInt64 { number * TileRoot.leaves }
    /// Behind the last entry.
    var endPosition: UInt64 { firstPosition + UInt64(leaves.count) }

    /// Reads and hashes a tile's entries and holds them against its root. There may be none.
    /// - Parameter known: the same tile when it had fewer entries.
    /// - Throws: `LogFault` where they do not give it; what reading throws.
    init(_ number: UInt64, of log: any LogReader, goingOnFrom known: CheckedTile?) throws {
        self.number = number
        let first = number * TileRoot.leaves
        let (added, frame) = try Self.read(
            first + UInt64(known?.leaves.count ?? 0)..<first + TileRoot.leaves, of: log)
        let leaves = (known?.leaves ?? []) + added.leafHashes
        self.leaves = leaves
        // What was too long stays so.
        var entries = known == nil ? Entries() : known?.entries
        if (entries?.bytes.count ?? 0) + added.bytes.count > Self.bytesKeptMax { entries = nil }
        entries?.append(added)
        self.entries = entries
        guard let frame, log.keepsTileRoots else {
            tree = known?.tree
            return
        }
        func fault(_ root: String) -> LogFault {
            LogFault(
                "the entries from \(first) to \(first + UInt64(max(1, leaves.count)) - 1) do not "
                    + "give \(root): one of them, or the root, is not what was written: "
                    + "\(AdvisedCommand.verify.line()) finds which")
        }
        // Asked for after the entries were read: a writer stores both together.
        if leaves.count == Int(TileRoot.leaves) {
            tree = nil
            guard let root = try log.tileRoots(endingWith: number)?.first else {
                throw LogFault(
                    "no root is stored of the entries from \(first) to "
                        + "\(first + TileRoot.leaves - 1): "
                        + "\(AdvisedCommand.rebuild.line()) makes it anew")
            }
            guard perfectRoot(of: Array(leaves)) == root else {
                throw fault("the root that is stored of them")
            }
            return
        }
        var tree = try known?.tree ?? LogTree(of: log, size: first).tree(of: first)
        for leaf in leaves.dropFirst(Int(tree.size - first)) { tree.append(leaf: leaf) }
        guard tree.size == frame.endPosition, tree.root == frame.root else {
            throw fault("the root that their last frame says")
        }
        self.tree = tree
    }

    /// - Returns: the entries, and the header of the last frame that has some of them.
    private static func read(
        _ positions: Range<UInt64>, of log: any LogReader
    ) throws -> (entries: Entries, last: FrameHeader?) {
        var entries = Entries()
        var last: FrameHeader?
        try log.forEachEntry(in: positions) { header, value, range, _ in
            last = header
            entries.append(value.extracting(range))
            return true
        }
        return (entries, last)
    }
}

extension CheckedTile.Entries {
    fileprivate var leafHashes: ContiguousArray<LedgerHash> {
        var hashes = ContiguousArray<LedgerHash>()
        hashes.reserveCapacity(ends.count)
        withBytes(of: bytes) { span in
            guard HashEngine.fastest == .instructions else {
                var start = 0
                for end in ends {
                    hashes.append(LedgerHash.leaf(span.extracting(start..<Int(end))))
                    start = Int(end)
                }
                return
            }
            withBytes(ofIntegers: ends) { ends in
                var row = HashRow()
                for start in stride(from: 0, to: self.ends.count, by: HashRow.capacity) {
                    row.fill(
                        start..<min(self.ends.count, start + HashRow.capacity), of: span,
                        ends: ends)
                    row.append(to: &hashes)
                }
            }
        }
        return hashes
    }
}
