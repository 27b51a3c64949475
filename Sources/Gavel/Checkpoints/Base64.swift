// Base64 as RFC 4648 section 4 has it: the standard alphabet, always padded, nothing between; and
// as section 5 has it for addresses, without padding.
//
// Invariant: every run of bytes has exactly one text that is read, the one that is written; so a
// text that was read is written again byte for byte.

enum Base64 {
    private static let alphabet = [UInt8](
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding: UInt8 = 0x3D

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var group: UInt32 = 0
        var count = 0
        func finishGroup() {
            for place in 0..<4 {
                let index = Int(group >> (18 - 6 * UInt32(place)) & 63)
                text.append(place <= count ? alphabet[index] : padding)
            }
        }
        for byte in bytes {
            group |= UInt32(byte) << (16 - 8 * UInt32(count))
            count += 1
            if count == 3 {
                finishGroup()
                (group, count) = (0, 0)
            }
        }
        if count > 0 { finishGroup() }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil where the text is not what `encode` writes.
    static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let paddingCount = text.suffix(2).reversed().prefix { $0 == padding }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var bits = 0
        for character in text.dropLast(paddingCount) {
            guard let value = value(of: character) else { return nil }
            group = group << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        // 0, 2 or 4 bits are left over, as many as there are padding characters, and all are 0.
        guard bits == 2 * paddingCount, group & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character) - 0x41
        case 0x61...0x7A: UInt32(character) - 0x61 + 26
        case 0x30...0x39: UInt32(character) - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }

    // MARK: For addresses

    /// With `-` and `_`, and without padding (RFC 4648 section 5).
    static func encodeURL(_ bytes: some Sequence<UInt8>) -> String {
        String(
            decoding: encode(bytes).utf8.filter { $0 != padding }.map { character in
                switch character {
                case 0x2B: 0x2D
                case 0x2F: 0x5F
                default: character
                }
            }, as: UTF8.self)
    }

    /// - Returns: nil where the text is not what `encodeURL` writes.
    static func decodeURL(_ text: String) -> [UInt8]? {
        var standard: [UInt8] = []
        for character in text.utf8 {
            switch character {
            case 0x2D: standard.append(0x2B)
            case 0x5F: standard.append(0x2F)
            case 0x2B, 0x2F, padding: return nil
            default: standard.append(character)
            }
        }
        while standard.count % 4 != 0 { standard.append(padding) }
        return decode(standard)
    }
}
