// SHA-256, and the two ways RFC 6962 section 2.1 uses it.

internal import AuctionDomain
internal import CSHA256
internal import Crypto
internal import Platform

/// Which code computes a hash. All give the same; tests compare them.
package enum HashEngine: Sendable {
    /// The processor's own instructions.
    case instructions
    /// swift-crypto.
    case library

    /// The one for this processor.
    package static let fastest: HashEngine = csha256_available() == 1 ? .instructions : .library
}

/// A SHA-256 hash: 32 bytes, kept as four words in memory order.
public struct LedgerHash: Hashable, Sendable, CustomStringConvertible {
    let words: (UInt64, UInt64, UInt64, UInt64)

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// The hash of no bytes: the root of the empty tree (RFC 6962 section 2.1).
    public static let empty = LedgerHash(of: [])

    /// The hash of bytes.
    public init(of bytes: [UInt8]) { self.init(SHA256.hash(data: bytes)) }

    /// 32 bytes of a stored hash.
    /// - Precondition: they lie within the span.
    init(_ bytes: RawSpan, at offset: Int) {
        words = (
            bytes.load(UInt64.self, at: offset).littleEndian,
            bytes.load(UInt64.self, at: offset + 8).littleEndian,
            bytes.load(UInt64.self, at: offset + 16).littleEndian,
            bytes.load(UInt64.self, at: offset + 24).littleEndian
        )
    }

    fileprivate init(_ digest: SHA256.Digest) {
        // A digest is 32 initialized bytes; the loads are within them.
        words = unsafe digest.withUnsafeBytes { bytes in
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    /// The leaf hash of an entry: SHA-256(0x00 ‖ entry).
    static func leaf(_ entry: RawSpan, by engine: HashEngine = .fastest) -> LedgerHash {
        // The bytes are read within the call.
        unsafe entry.withUnsafeBytes { unsafe LedgerHash(prefix: 0, $0, by: engine) }
    }

    /// What a frame's header is checked by: SHA-256(0x02 ‖ header).
    static func frameHeader(_ header: RawSpan) -> LedgerHash {
        // The bytes are read within the call.
        unsafe header.withUnsafeBytes { unsafe LedgerHash(prefix: 2, $0, by: .fastest) }
    }

    /// What salts are made of: SHA-256(0x03 ‖ secret ‖ position).
    static func salt(_ secret: LedgerHash, at position: UInt64) -> LedgerHash {
        let (a, b, c, d) = secret.words
        // The bytes are read within the call: the secret's 32 in memory order, and 8 of position.
        return unsafe withUnsafeBytes(of: (a, b, c, d, position.littleEndian)) {
            unsafe LedgerHash(prefix: 3, $0, by: .fastest)
        }
    }

    /// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
    static func node(
        _ left: LedgerHash, _ right: LedgerHash, by engine: HashEngine = .fastest
    ) -> LedgerHash {
        // The bytes are read within the call; a digest is its 32 bytes in memory order.
        unsafe withUnsafeBytes(of: (left, right)) { unsafe LedgerHash(prefix: 1, $0, by: engine) }
    }

    /// The hash of a byte and the bytes after it.
    init(prefix: UInt8, _ bytes: UnsafeRawBufferPointer, by engine: HashEngine) {
        // Both engines read the bytes within the call, as many as there are.
        switch engine {
        case .instructions:
            self.init(words: (0, 0, 0, 0))
            let start = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            // The digest's own 32 bytes are written, and any bytes are a digest.
            unsafe withUnsafeMutableBytes(of: &self) { digest in
                let out = unsafe digest.assumingMemoryBound(to: UInt8.self).baseAddress
                unsafe csha256_prefixed(prefix, start, bytes.count, out)
            }
        case .library:
            var hash = SHA256()
            unsafe withUnsafeBytes(of: prefix) { unsafe hash.update(bufferPointer: $0) }
            unsafe hash.update(bufferPointer: bytes)
            self.init(hash.finalize())
        }
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word.littleEndian >> UInt64(8 * shift)))
            }
        }
        return bytes
    }

    public static func == (left: LedgerHash, right: LedgerHash) -> Bool {
        left.words == right.words
    }
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    /// 64 hexadecimal digits.
    public var description: String { bytes.hexadecimal }
}

extension ByteBuffer {
    mutating func append(_ digest: LedgerHash) {
        append(digest.words.0.littleEndian)
        append(digest.words.1.littleEndian)
        append(digest.words.2.littleEndian)
        append(digest.words.3.littleEndian)
    }

    mutating func store(_ digest: LedgerHash, at offset: Int) {
        store(digest.words.0.littleEndian, at: offset)
        store(digest.words.1.littleEndian, at: offset + 8)
        store(digest.words.2.littleEndian, at: offset + 16)
        store(digest.words.3.littleEndian, at: offset + 24)
    }
}
