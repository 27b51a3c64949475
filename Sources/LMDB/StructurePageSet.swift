// Sets of page numbers, as bits in pieces that come into being when they are needed: a file may be
// sparse, and its head may claim any number of pages.

/// A set of page numbers.
struct PageSet {
    private static let pagesPerChunk: UInt64 = 1 << 15
    private static let emptyChunk = [UInt64](repeating: 0, count: Int(pagesPerChunk / 64))
    private var chunks: [UInt64: [UInt64]] = [:]
    private(set) var count: UInt64 = 0

    /// - Returns: false when the page was in the set already.
    mutating func insert(_ page: UInt64) -> Bool {
        let (chunk, bit) = page.quotientAndRemainder(dividingBy: Self.pagesPerChunk)
        let mask = (1 as UInt64) << (bit % 64)
        let isNew = chunks[chunk, default: Self.emptyChunk].set(mask, at: Int(bit / 64))
        if isNew { count += 1 }
        return isNew
    }

    func contains(_ page: UInt64) -> Bool {
        let (chunk, bit) = page.quotientAndRemainder(dividingBy: Self.pagesPerChunk)
        guard let words = chunks[chunk] else { return false }
        return words[Int(bit / 64)] & 1 << (bit % 64) != 0
    }

    /// The first page of a range that is in neither set.
    static func firstMissing(
        of range: ClosedRange<UInt64>, in first: PageSet, or second: PageSet
    ) -> UInt64? {
        range.first { !first.contains($0) && !second.contains($0) }
    }

    /// The first pages that are in both sets, in ascending order.
    static func common(_ first: PageSet, _ second: PageSet, most: Int) -> [UInt64] {
        var pages: [UInt64] = []
        for chunk in first.chunks.keys.sorted() {
            guard let words = first.chunks[chunk], let others = second.chunks[chunk] else {
                continue
            }
            for (index, word) in words.enumerated() where word & others[index] != 0 {
                let both = word & others[index]
                for bit: UInt64 in 0..<64 where both & 1 << bit != 0 {
                    pages.append(chunk * pagesPerChunk + UInt64(index) * 64 + bit)
                    if pages.count == most { return pages }
                }
            }
        }
        return pages
    }
}

extension [UInt64] {
    /// - Returns: whether the bit was not set before.
    fileprivate mutating func set(_ mask: UInt64, at index: Int) -> Bool {
        defer { self[index] |= mask }
        return self[index] & mask == 0
    }
}
