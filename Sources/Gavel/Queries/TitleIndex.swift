// Which titles may hold a piece of text, without looking into them.
//
// Every title has a signature: 512 bits, of which each letter, pair and triple of bytes of the
// title in lower case sets one (a Bloom filter of its n-grams). A title can hold a piece only if
// its signature has all bits of the piece, which is one comparison of 64 bytes; what passes is
// compared byte by byte afterwards. With titles of 60 bytes a fifth of the bits are set, so that a
// word of five letters passes by chance once in a million times.
//
// The index is made when titles are first searched and goes on from there, from a snapshot of the
// titles: neither making it nor comparing titles is done while the read state is locked.
//
// Invariant: signatures are those of the first titles in order of opening; a title that has none
// yet may hold anything.

internal import AuctionDomain
internal import Synchronization

/// The bits of a text's n-grams.
struct TitleSignature: Sendable {
    private var bits = SIMD8<UInt64>()

    /// - Parameter text: in lower case.
    init(_ text: Span<UInt8>) {
        var last: (UInt32, UInt32) = (0, 0)
        for index in text.indices {
            let byte = UInt32(text[index])
            set(byte)
            if index >= 1 { set(1 << 24 | last.1 << 8 | byte) }
            if index >= 2 { set(2 << 24 | last.0 << 16 | last.1 << 8 | byte) }
            last = (last.1, byte)
        }
    }

    private mutating func set(_ gram: UInt32) {
        // Multiplicative hashing (Knuth): the high bits depend on all of the gram's.
        let hash = (gram &* 0x9E37_79B1) >> 23
        bits[Int(hash >> 6)] |= 1 << UInt64(hash & 63)
    }

    /// Whether every bit of another one is set.
    func contains(_ other: TitleSignature) -> Bool { bits & other.bits == other.bits }
}

/// The signatures of titles; 64 bytes each.
final class TitleIndex: Sendable {
    private let signatures = Mutex(ChunkedArray<TitleSignature>())

    /// How many titles have a signature.
    var count: Int { signatures.withLock { $0.count } }

    /// The signatures, after those of titles that have none yet were added.
    /// - Complexity: O(bytes of those titles).
    func signatures(of titles: ChunkedArray<String>?) -> ChunkedArray<TitleSignature> {
        signatures.withLock { signatures in
            if let titles, titles.count > signatures.count {
                for index in signatures.count..<titles.count {
                    signatures.append(titles[index].withLowercasedBytes { TitleSignature($0) })
                }
            }
            return signatures
        }
    }
}

/// A piece of a title that is looked for in upper and lower case.
///
/// Invariant: ASCII titles are compared byte by byte without a copy; others in lower case as
/// Unicode has it.
struct TitlePiece: Sendable {
    private let piece: [UInt8]
    private let signature: TitleSignature
    private let signatures: ChunkedArray<TitleSignature>

    init(_ text: String, signatures: ChunkedArray<TitleSignature> = ChunkedArray()) {
        let piece = Array(text.lowercased().utf8)
        self.piece = piece
        signature = TitleSignature(piece.span)
        self.signatures = signatures
    }

    /// Whether a title may hold the piece, as far as its signature tells.
    /// - Complexity: O(1).
    func mayBeIn(_ auction: AuctionHandle) -> Bool {
        auction.index >= signatures.count || signatures[auction.index].contains(signature)
    }

    /// - Complexity: O(bytes of the title) for all but titles made to be slow.
    func isIn(_ title: String) -> Bool {
        title.withLowercasedBytes { isIn($0) }
    }

    private func isIn(_ title: Span<UInt8>) -> Bool {
        guard let first = piece.first else { return true }
        var start = 0
        while start + piece.count <= title.count {
            if title[start] == first, isAt(start, title) { return true }
            start += 1
        }
        return false
    }

    private func isAt(_ start: Int, _ title: Span<UInt8>) -> Bool {
        for index in piece.indices where title[start + index] != piece[index] { return false }
        return true
    }
}

extension Reading {
    /// A piece to look for in the titles there are now.
    func titlePiece(_ text: String) -> TitlePiece {
        let known = titleIndex.count
        // A copy makes the next opening pay for one; it is not taken for nothing.
        let titles = readState.withLock { $0.titles.count > known ? $0.titles : nil }
        return TitlePiece(text, signatures: titleIndex.signatures(of: titles))
    }
}

extension String {
    /// Lends the bytes in lower case.
    fileprivate func withLowercasedBytes<R>(_ body: (Span<UInt8>) -> R) -> R {
        let bytes = utf8.span
        var isLowerASCII = true
        for index in bytes.indices where bytes[index] >= 0x80 || Self.isUpper(bytes[index]) {
            guard bytes[index] < 0x80 else { return body(lowercased().utf8.span) }
            isLowerASCII = false
        }
        if isLowerASCII { return body(bytes) }
        var lower: [UInt8] = []
        lower.reserveCapacity(bytes.count)
        for index in bytes.indices {
            lower.append(Self.isUpper(bytes[index]) ? bytes[index] | 0x20 : bytes[index])
        }
        return body(lower.span)
    }

    private static func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5A }
}
