// The Merkle tree of a stored log, its nodes hashed from the entries when they are asked for.
//
// Invariant: nothing at or past `size` is read: it may not be durable yet, and no checkpoint that
// is proven against covers it.

internal import LMDB

/// The nodes over the first entries of a log. Used from one thread.
package final class LogTree: TreeHashes {
    private let log: any EventLog
    package let size: UInt64
    /// The leaves of the tile that was asked for last: neighbours are asked for together.
    private var tile: (index: UInt64, leaves: [Digest])?

    package init(_ log: any EventLog, size: UInt64) {
        self.log = log
        self.size = size
    }

    /// - Complexity: O(256) entries up to level 8, O(2^level) above.
    package func hash(level: Int, index: UInt64) throws -> Digest {
        guard level >= 0, level < 64, index < size >> UInt64(level) else {
            throw LogFault("\(size) entries have no subtree \(index) of 2^\(level)")
        }
        let first = index << UInt64(level)
        let count: UInt64 = 1 << UInt64(level)
        guard level <= 8 else {
            var tree = MerkleTree()
            try log.forEachEntry(in: first..<first + count) { tree.append($0) }
            guard tree.size == count else { throw Self.cutShort }
            return tree.root
        }
        let leaves = try leaves(ofTile: first / 256)
        let start = Int(first % 256)
        guard leaves.count >= start + Int(count) else { throw Self.cutShort }
        return perfectRoot(of: Array(leaves[start..<start + Int(count)]))
    }

    private func leaves(ofTile index: UInt64) throws -> [Digest] {
        if let tile, tile.index == index { return tile.leaves }
        var leaves: [Digest] = []
        let first = 256 * index
        try log.forEachEntry(in: first..<min(size, first + 256)) { leaves.append(Digest.leaf($0)) }
        tile = (index, leaves)
        return leaves
    }

    private static let cutShort = LogFault("the log ends before the entries that were signed")
}

extension EventLog {
    /// Calls `body` with the bytes of each entry of a range of positions, as far as there are any.
    /// The bytes are valid within the call.
    func forEachEntry(
        in positions: Range<UInt64>, _ body: (RawSpan) throws -> Void
    ) throws {
        guard !positions.isEmpty else { return }
        var next = positions.lowerBound
        try forEachFrame(from: next) { value in
            let header = try FrameHeader(value)
            while next < min(positions.upperBound, header.endPosition) {
                guard next >= header.firstPosition else {
                    throw LogFault("there is no entry at position \(next)")
                }
                let index = Int(next - header.firstPosition)
                try body(value.extracting(try header.range(of: index, value)))
                next += 1
            }
            return next < positions.upperBound
        }
    }

    /// The bytes of some entries, as many as there are.
    package func entryBytes(in positions: Range<UInt64>) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        try forEachEntry(in: positions) { entries.append($0.array()) }
        return entries
    }
}
