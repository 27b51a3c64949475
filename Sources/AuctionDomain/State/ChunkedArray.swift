// A growing array in chunks: growth never copies what is there, and a copy of the whole shares
// every chunk until one side changes it. The fold of a million wallets can so be handed to a
// snapshot writer at the price of one pointer a chunk.

/// An array of fixed-size chunks.
public struct ChunkedArray<Element>: Sendable where Element: Sendable {
    /// Elements a chunk: 256 wallets are 8 KB. Bids all over a million wallets touch every chunk
    /// within moments of a copy being kept; of larger chunks most would be copied in one frame.
    @inlinable static var shift: Int { 8 }
    @inlinable static var mask: Int { (1 << shift) - 1 }

    @usableFromInline var chunks: ContiguousArray<ContiguousArray<Element>> = []
    @usableFromInline var storedCount = 0
    @inlinable public var count: Int { storedCount }

    @inlinable public init() {}

    @inlinable public subscript(index: Int) -> Element {
        @inline(__always) get { chunks[index >> Self.shift][index & Self.mask] }
        @inline(__always) _modify { yield &chunks[index >> Self.shift][index & Self.mask] }
    }

    /// Changes one element in place: every field of it for the price of one look-up.
    @inlinable @inline(__always)
    public mutating func update<R>(_ index: Int, _ body: (inout Element) -> R) -> R {
        body(&chunks[index >> Self.shift][index & Self.mask])
    }

    /// - Complexity: O(1); no element moves once it stands.
    @inlinable
    public mutating func append(_ element: Element) {
        if storedCount & Self.mask == 0 { addChunk() }
        chunks[storedCount >> Self.shift].append(element)
        storedCount += 1
    }

    @usableFromInline
    mutating func addChunk() {
        var chunk = ContiguousArray<Element>()
        chunk.reserveCapacity(storedCount == 0 ? 16 : 1 << Self.shift)
        chunks.append(chunk)
    }

    @inlinable public var indices: Range<Int> { 0..<count }
    @inlinable public var isEmpty: Bool { count == 0 }
}
