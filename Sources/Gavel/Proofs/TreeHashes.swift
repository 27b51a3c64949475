// The inner nodes of a log's Merkle tree, from wherever they can be had: what proofs, tiles and
// roots of earlier sizes are made of.
//
// Invariant: only perfect subtrees are asked for, and those never change as the log grows; so a
// node may be stored, cached and served for ever.

/// A source of the roots of perfect subtrees.
package protocol TreeHashes {
    /// The root of the perfect subtree of 2^level leaves that is number `index` of its level,
    /// counted from the left: the leaves from `index << level` on.
    /// - Throws: when the log has not that many entries, or cannot be read.
    func hash(level: Int, index: UInt64) throws -> LedgerHash
}

extension TreeHashes {
    /// The root of the tree over the first `size` leaves.
    /// - Complexity: a subtree for each one-bit of the size.
    package func root(ofSize size: UInt64) throws -> LedgerHash { try root(of: 0..<size) }

    /// The root over some leaves, as RFC 6962 section 2.1 splits them.
    /// - Precondition: the range begins at a multiple of the power of two that is not below its
    ///   length, as all subtrees of a tree do.
    func root(of range: Range<UInt64>) throws -> LedgerHash {
        var start = range.lowerBound
        var parts: [LedgerHash] = []
        while start < range.upperBound {
            // The largest power of two that still fits: sizes fall from left to right.
            let level = 63 - (range.upperBound - start).leadingZeroBitCount
            parts.append(try hash(level: level, index: start >> UInt64(level)))
            start += 1 << UInt64(level)
        }
        guard var root = parts.popLast() else { return .empty }
        while let left = parts.popLast() { root = LedgerHash.node(left, root) }
        return root
    }
}

/// The largest power of two below a number: where RFC 6962 splits a tree of that many leaves.
/// - Precondition: the number is at least 2.
func splitPoint(_ count: UInt64) -> UInt64 { 1 << UInt64(63 - (count - 1).leadingZeroBitCount) }

/// All nodes of a small tree, in memory.
package struct MemoryTree: TreeHashes, Sendable {
    /// The perfect subtrees of each level, from the leaves up.
    private var levels: [[LedgerHash]] = [[]]

    package init() {}

    package var size: UInt64 { UInt64(levels[0].count) }

    /// Adds an entry.
    package mutating func append(_ entry: [UInt8]) {
        append(leaf: LedgerHash(leaf: entry))
    }

    /// Adds an entry by its leaf hash.
    package mutating func append(leaf: LedgerHash) {
        var hash = leaf
        var level = 0
        while true {
            levels[level].append(hash)
            let row = levels[level]
            guard row.count % 2 == 0 else { return }
            hash = LedgerHash.node(row[row.count - 2], row[row.count - 1])
            level += 1
            if level == levels.count { levels.append([]) }
        }
    }

    package func hash(level: Int, index: UInt64) throws -> LedgerHash {
        guard level >= 0, level < levels.count, index < UInt64(levels[level].count) else {
            throw LogFault("there is no subtree \(index) of 2^\(level) leaves")
        }
        return levels[level][Int(index)]
    }
}

/// The root of a perfect subtree, of the nodes one or more levels below.
/// - Precondition: there are a power of two of them.
func perfectRoot(of nodes: [LedgerHash]) -> LedgerHash {
    precondition(nodes.count.nonzeroBitCount == 1, "\(nodes.count) nodes are no perfect subtree")
    var row = nodes
    while row.count > 1 {
        row.joinPairs()
        row.removeLast(row.count / 2)
    }
    return row[0]
}
