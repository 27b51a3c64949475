// Many hashes at once: a row of neighbours on one level of the Merkle tree, as the instructions
// want them. A row is small enough for the first cache and lives on the stack.
//
// Invariant: 0 <= `count` <= `capacity`; what stands behind `count` is old and never read.

internal import CSHA256
internal import Platform

/// Up to 128 neighbouring nodes of one level, to be hashed and joined together. Only where
/// `HashEngine.fastest` is `.instructions`.
struct HashRow: ~Copyable {
    static let capacity = 128
    private static let none = LedgerHash(words: (0, 0, 0, 0))

    private var hashes = InlineArray<128, LedgerHash>(repeating: none)
    private(set) var count = 0

    /// The node at the left end.
    /// - Precondition: the row is not empty.
    var first: LedgerHash {
        get { hashes[0] }
        set { hashes[0] = newValue }
    }

    /// Fills the row with the leaf hashes of entries.
    /// - Parameters:
    ///   - range: which entries, at most `capacity`.
    ///   - bytes: all entries, end to end.
    ///   - ends: where each ends in `bytes`, 32 bits each, little endian.
    /// - Precondition: the ends of the range ascend from the one before it and lie within `bytes`.
    mutating func fill(_ range: Range<Int>, of bytes: RawSpan, ends: RawSpan) {
        precondition(range.count <= Self.capacity, "more entries than a row takes")
        let start = range.lowerBound == 0 ? 0 : ends.end(range.lowerBound - 1)
        var last = start
        for index in range {
            let end = ends.end(index)
            precondition(last <= end, "an entry ends before it starts")
            last = end
        }
        precondition(last <= bytes.byteCount, "an entry ends outside the bytes")
        count = range.count
        let ends = ends.extracting(4 * range.lowerBound..<4 * range.upperBound)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe ends.withUnsafeBytes { ends in
                unsafe withUnsafeMutableBytes(of: &hashes) { hashes in
                    let base = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress
                    let out = unsafe hashes.assumingMemoryBound(to: UInt8.self).baseAddress
                    // Checked just above: the row has room for all, and every entry lies within
                    // `bytes`. No pointer leaves the closures.
                    unsafe csha256_leaves(base, ends.baseAddress, start, range.count, out)
                }
            }
        }
    }

    /// Appends all nodes to others, from the left.
    func append(to nodes: inout ContiguousArray<LedgerHash>) {
        for index in 0..<count { nodes.append(hashes[index]) }
    }

    /// Takes the node at the left end out.
    /// - Precondition: the row is not empty.
    mutating func removeFirst() -> LedgerHash {
        let first = hashes[0]
        count -= 1
        for index in 0..<count { hashes[index] = hashes[index + 1] }
        return first
    }

    /// Goes one level up: `first` stays, joined already, where `isFirstJoined`; the others are
    /// joined two by two; one without a neighbour at the right end is taken out and returned.
    mutating func joinPairs(isFirstJoined: Bool) -> LedgerHash? {
        let from = isFirstJoined ? 1 : 0
        let pairs = (count - from) / 2
        let single = from + 2 * pairs < count ? hashes[count - 1] : nil
        count = from + pairs
        // The pairs lie within the old count, and their hashes replace their first half.
        unsafe withUnsafeMutableBytes(of: &hashes) { bytes in
            let start = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            guard let target = unsafe start.map({ unsafe $0 + 32 * from }) else { return }
            unsafe csha256_nodes(target, pairs, target)
        }
        return single
    }
}

extension RawSpan {
    /// Where an entry ends, of a frame's offsets.
    fileprivate func end(_ index: Int) -> Int { Int(load(UInt32.self, at: 4 * index)) }
}

extension [LedgerHash] {
    /// Puts the parents of neighbours, two by two, in the place of the first half.
    mutating func joinPairs() {
        let pairs = count / 2
        guard HashEngine.fastest == .instructions else {
            for index in 0..<pairs {
                self[index] = LedgerHash.node(self[2 * index], self[2 * index + 1])
            }
            return
        }
        unsafe withUnsafeMutableBytes { bytes in
            let start = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            // The pairs lie within the array, and their hashes replace its first half.
            unsafe csha256_nodes(start, pairs, start)
        }
    }
}
