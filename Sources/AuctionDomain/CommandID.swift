// The identity of a command: a UUID version 7 (RFC 9562 section 5.7), made by the caller.
//
// Invariant: version and variant bits are checked before a command is taken, so the first 48
// bits are always a time in milliseconds since 1970.

/// A UUID version 7 that names a command for ever: the same id never takes effect twice.
public struct CommandID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first eight bytes, big endian as RFC 9562 writes them.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    /// Takes any 128 bits; `isVersion7` tells whether they may name a command.
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Builds an id from a time and 74 bits of the caller's choice.
    /// - Parameters:
    ///   - milliseconds: since 1970; the low 48 bits are used.
    ///   - randomHigh: its low 12 bits are used.
    ///   - randomLow: its low 62 bits are used.
    public init(milliseconds: UInt64, randomHigh: UInt64, randomLow: UInt64) {
        high = (milliseconds << 16) | 0x7000 | (randomHigh & 0xFFF)
        low = 0x8000_0000_0000_0000 | (randomLow & 0x3FFF_FFFF_FFFF_FFFF)
    }

    /// What is stored as the id of entries that no caller asked for (automatic closings, openings
    /// of the engine). Never given out.
    @inlinable package static var none: CommandID { CommandID(high: 0, low: 0) }

    /// Whether version and variant are those of a UUID version 7.
    @inlinable public var isVersion7: Bool { (high >> 12) & 0xF == 7 && low >> 62 == 2 }

    /// The time in the id, in milliseconds since 1970.
    @inlinable public var milliseconds: UInt64 { high >> 16 }

    @inlinable public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// Reads the 36 characters of RFC 9562, upper or lower case.
    /// - Throws: `MalformedValue` when the text is no UUID.
    public init(_ text: String) throws(MalformedValue) {
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        var digits = 0
        var offset = 0
        for byte in text.utf8 {
            if offset == 8 || offset == 13 || offset == 18 || offset == 23 {
                guard byte == 0x2D else { break }
            } else {
                guard let digit = hexDigit(byte) else { break }
                if digits < 16 {
                    halves.high = halves.high << 4 | digit
                } else {
                    halves.low = halves.low << 4 | digit
                }
                digits += 1
            }
            offset += 1
        }
        guard offset == 36, text.utf8.count == 36 else {
            throw MalformedValue(
                "a command id must be a UUID of 36 characters, not \(text.debugDescription)")
        }
        self.init(high: halves.high, low: halves.low)
    }

    public var description: String {
        var text = ""
        text.reserveCapacity(36)
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 { text += "-" }
            let word = digit < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - (digit % 16) * 4)) & 0xF
            text.unicodeScalars.append(Unicode.Scalar(nibble < 10 ? 0x30 + nibble : 0x57 + nibble))
        }
        return text
    }
}

private func hexDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 0x30...0x39: UInt64(byte - 0x30)
    case 0x41...0x46: UInt64(byte - 0x37)
    case 0x61...0x66: UInt64(byte - 0x57)
    default: nil
    }
}
