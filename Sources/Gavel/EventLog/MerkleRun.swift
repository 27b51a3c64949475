// A run of neighbouring leaves hashed on its own, before the tree to its left is known: so the
// frames of a log can be hashed side by side.
//
// Invariant: the subtrees are perfect, aligned to their own size, and follow each other from left
// to right: appended to the tree to their left they give the tree of all leaves.

internal import Platform

/// The perfect subtrees that a run of leaves makes up.
struct MerkleRun: Sendable {
    struct Subtree: Sendable {
        /// 2 to this power are its leaves.
        let level: Int
        let root: LedgerHash
    }

    private(set) var subtrees: [Subtree] = []

    /// Of no leaves.
    static let none = MerkleRun()
    private init() {}

    /// Hashes entries.
    /// - Parameters:
    ///   - bytes: the entries, end to end.
    ///   - ends: where each ends in `bytes`, 32 bits each, little endian.
    ///   - first: the position of the first one.
    /// - Precondition: the ends ascend from 0 and lie within `bytes`.
    /// - Complexity: two hashes an entry.
    init(
        entries bytes: RawSpan, ends: RawSpan, from first: UInt64, by engine: HashEngine = .fastest
    ) {
        let count = ends.byteCount / 4
        // A row is not worth making for one.
        guard engine == .instructions, count > 1 else {
            var start = 0
            var open = MerkleRow()
            for index in 0..<count {
                let end = Int(ends.load(UInt32.self, at: 4 * index))
                let leaf = LedgerHash.leaf(bytes.extracting(start..<end), by: engine)
                open.append(leaf, at: first + UInt64(index), by: engine)
                start = end
            }
            subtrees = open.subtrees
            return
        }
        var row = HashRow()
        var done = 0
        while done < count {
            // Never across a multiple of the capacity: so most rows become one perfect subtree.
            let position = first + UInt64(done)
            let room = HashRow.capacity - Int(position % UInt64(HashRow.capacity))
            let next = min(count, done + room)
            row.fill(done..<next, of: bytes, ends: ends)
            reduce(&row, from: position)
            done = next
        }
    }

    /// Joins a row level by level. What has its neighbour outside the row is a subtree.
    private mutating func reduce(_ row: inout HashRow, from first: UInt64) {
        var index = first
        var level = 0
        var right: [Subtree] = []
        while row.count > 0 {
            if index & 1 == 1 {
                subtrees.append(Subtree(level: level, root: row.removeFirst()))
                index += 1
            }
            if let single = row.joinPairs(isFirstJoined: false) {
                right.append(Subtree(level: level, root: single))
            }
            index >>= 1
            level += 1
        }
        subtrees.append(contentsOf: right.reversed())
    }
}

/// Leaves added one by one, joined where both of a pair are there.
private struct MerkleRow {
    var subtrees: [MerkleRun.Subtree] = []

    mutating func append(_ leaf: LedgerHash, at position: UInt64, by engine: HashEngine) {
        var (level, index, root) = (0, position, leaf)
        while index & 1 == 1, let left = subtrees.last, left.level == level {
            subtrees.removeLast()
            root = LedgerHash.node(left.root, root, by: engine)
            index >>= 1
            level += 1
        }
        subtrees.append(MerkleRun.Subtree(level: level, root: root))
    }
}

extension FrameHeader {
    /// Hashes the frame's entries without the tree to their left.
    /// - Precondition: `range(of:_:)` has found every entry's offsets sound.
    func run(_ value: RawSpan) -> MerkleRun {
        let first = FrameLayout.headerBytes + 4 * count
        return MerkleRun(
            entries: value.extracting(first..<value.byteCount),
            ends: value.extracting(FrameLayout.headerBytes..<first), from: firstPosition)
    }
}
