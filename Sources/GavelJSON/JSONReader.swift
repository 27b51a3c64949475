// A strict reader of JSON (RFC 8259), one pass over the bytes, no backtracking.
//
// Invariants:
// - `offset` never leaves 0...count, and every error names the byte it stopped at.
// - Every byte outside strings is ASCII, and every string is checked to be UTF-8 when it is
//   taken; so nothing that is not UTF-8 is ever accepted.
// - Bytes come in as a `Span`, so an access out of bounds traps instead of reading on; no input
//   may cause one (the fuzz tests look for it).
//
// Limits: `JSONValue.depthMax` bounds the recursion. The size of the input is the caller's to
// bound; the cost is linear in it, also for objects with very many members.

/// Reads one document. The bytes are handed to every step instead of being stored, since a
/// stored span would tie the reader's lifetime to theirs.
struct JSONReader {
    /// The next byte to read.
    private var offset = 0

    init() {}

    mutating func document(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        skipWhitespace(bytes)
        let value = try value(bytes, depth: 0)
        skipWhitespace(bytes)
        guard offset == bytes.count else {
            throw unexpected(bytes, expected: "nothing after the value")
        }
        return value
    }

    private mutating func value(
        _ bytes: Span<UInt8>, depth: Int
    ) throws(JSONError) -> JSONValue {
        guard let byte = peek(bytes) else { throw unexpected(bytes, expected: "a value") }
        switch byte {
        case ASCII.quote: return .string(try string(bytes))
        case ASCII.minus, ASCII.zero...ASCII.nine: return try number(bytes)
        case ASCII.leftBrace: return .object(try object(bytes, depth: depth + 1))
        case ASCII.leftBracket: return .array(try array(bytes, depth: depth + 1))
        case 0x74: return try literal(bytes, "true", .bool(true))
        case 0x66: return try literal(bytes, "false", .bool(false))
        case 0x6E: return try literal(bytes, "null", .null)
        default: throw unexpected(bytes, expected: "a value")
        }
    }

    private mutating func literal(
        _ bytes: Span<UInt8>, _ word: String, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        let start = offset
        for byte in word.utf8 {
            guard peek(bytes) == byte else {
                throw JSONError(
                    offset: start, reason: "found a word that is not \(word), expected a value")
            }
            offset += 1
        }
        return value
    }

    // MARK: Objects and arrays

    private mutating func object(
        _ bytes: Span<UInt8>, depth: Int
    ) throws(JSONError) -> [JSONMember] {
        try checkDepth(depth)
        offset += 1
        skipWhitespace(bytes)
        if consume(ASCII.rightBrace, bytes) { return [] }
        var members: [JSONMember] = []
        // The usual command has four to eight members: one allocation.
        members.reserveCapacity(8)
        var names = MemberNames()
        while true {
            skipWhitespace(bytes)
            guard peek(bytes) == ASCII.quote else {
                throw unexpected(bytes, expected: "a field name in quotes")
            }
            let nameOffset = offset
            let name = try string(bytes)
            guard names.insert(name, after: members) else {
                throw JSONError(
                    offset: nameOffset, reason: "field \(quoted(name)) is given twice")
            }
            skipWhitespace(bytes)
            guard consume(ASCII.colon, bytes) else { throw unexpected(bytes, expected: "':'") }
            skipWhitespace(bytes)
            members.append(JSONMember(name, try value(bytes, depth: depth)))
            skipWhitespace(bytes)
            if consume(ASCII.comma, bytes) { continue }
            if consume(ASCII.rightBrace, bytes) { return members }
            throw unexpected(bytes, expected: "',' or '}'")
        }
    }

    private mutating func array(
        _ bytes: Span<UInt8>, depth: Int
    ) throws(JSONError) -> [JSONValue] {
        try checkDepth(depth)
        offset += 1
        skipWhitespace(bytes)
        if consume(ASCII.rightBracket, bytes) { return [] }
        var values: [JSONValue] = []
        while true {
            skipWhitespace(bytes)
            values.append(try value(bytes, depth: depth))
            skipWhitespace(bytes)
            if consume(ASCII.comma, bytes) { continue }
            if consume(ASCII.rightBracket, bytes) { return values }
            throw unexpected(bytes, expected: "',' or ']'")
        }
    }

    private func checkDepth(_ depth: Int) throws(JSONError) {
        guard depth <= JSONValue.depthMax else {
            throw JSONError(
                offset: offset,
                reason: "found nesting deeper than \(JSONValue.depthMax) levels")
        }
    }

    // MARK: Numbers

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = offset
        let isNegative = consume(ASCII.minus, bytes)
        let integer = try integerPart(bytes, isNegative: isNegative)
        var isInteger = true
        if consume(ASCII.period, bytes) {
            isInteger = false
            try digits(bytes)
        }
        if peek(bytes) == 0x65 || peek(bytes) == 0x45 {
            isInteger = false
            offset += 1
            if !consume(ASCII.plus, bytes) { _ = consume(ASCII.minus, bytes) }
            try digits(bytes)
        }
        if isInteger, let integer { return .integer(integer) }
        return .number(try text(bytes, start..<offset))
    }

    /// The digits before fraction and exponent; nil when they do not fit 64 bits.
    private mutating func integerPart(
        _ bytes: Span<UInt8>, isNegative: Bool
    ) throws(JSONError) -> Int64? {
        let start = offset
        // Counts downwards, since the least Int64 has no positive twin.
        var value: Int64 = 0
        var overflows = false
        while let byte = peek(bytes), ASCII.isDigit(byte) {
            let (product, productOverflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflows) = product.subtractingReportingOverflow(
                Int64(byte - ASCII.zero))
            overflows = overflows || productOverflows || sumOverflows
            value = sum
            offset += 1
        }
        guard offset > start else { throw unexpected(bytes, expected: "a digit") }
        guard bytes[start] != ASCII.zero || offset == start + 1 else {
            throw JSONError(
                offset: start, reason: "found a number that starts with 0, expected no zeros first")
        }
        if overflows { return nil }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    private mutating func digits(_ bytes: Span<UInt8>) throws(JSONError) {
        let start = offset
        while let byte = peek(bytes), ASCII.isDigit(byte) { offset += 1 }
        guard offset > start else { throw unexpected(bytes, expected: "a digit") }
    }

    // MARK: Strings

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        let start = offset + 1
        offset = start
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == ASCII.quote {
                offset += 1
                return try text(bytes, start..<offset - 1)
            }
            if byte == ASCII.backslash || byte < ASCII.space {
                return try escapedString(bytes, start: start)
            }
            offset += 1
        }
        throw unexpected(bytes, expected: "'\"' at the end of the string")
    }

    /// The rest of a string once an escape was met: the bytes are collected, then checked.
    private mutating func escapedString(
        _ bytes: Span<UInt8>, start: Int
    ) throws(JSONError) -> String {
        // Checked before they are copied, so that an error names the place in the input.
        _ = try text(bytes, start..<offset)
        var collected: [UInt8] = []
        for index in start..<offset { collected.append(bytes[index]) }
        var run = offset
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == ASCII.backslash || byte == ASCII.quote {
                _ = try text(bytes, run..<offset)
                offset += 1
                // Only whole, checked UTF-8 was collected, so nothing is ever repaired here.
                if byte == ASCII.quote { return String(decoding: collected, as: UTF8.self) }
                try escape(bytes, into: &collected)
                run = offset
            } else if byte < ASCII.space {
                throw unexpected(bytes, expected: "it as an escape such as \\n")
            } else {
                collected.append(byte)
                offset += 1
            }
        }
        throw unexpected(bytes, expected: "'\"' at the end of the string")
    }

    /// What follows a backslash.
    private mutating func escape(
        _ bytes: Span<UInt8>, into collected: inout [UInt8]
    ) throws(JSONError) {
        let plain: UInt8
        switch peek(bytes) {
        case ASCII.quote: plain = ASCII.quote
        case ASCII.backslash: plain = ASCII.backslash
        case ASCII.slash: plain = ASCII.slash
        case 0x62: plain = 0x08
        case 0x66: plain = 0x0C
        case 0x6E: plain = ASCII.newline
        case 0x72: plain = ASCII.carriageReturn
        case 0x74: plain = ASCII.tab
        case 0x75:
            let scalar = try unicodeEscape(bytes)
            collected.append(contentsOf: String(scalar).utf8)
            return
        default: throw unexpected(bytes, expected: "one of \" \\ / b f n r t u after '\\'")
        }
        offset += 1
        collected.append(plain)
    }

    /// `\uXXXX`, or two of them where UTF-16 needs a pair; the reader stands on the first `u`.
    private mutating func unicodeEscape(
        _ bytes: Span<UInt8>
    ) throws(JSONError) -> Unicode.Scalar {
        let start = offset - 1
        let first = try codeUnit(bytes)
        if let scalar = Unicode.Scalar(first) { return scalar }
        let isHigh = first < 0xDC00
        if isHigh, consume(ASCII.backslash, bytes), peek(bytes) == 0x75 {
            let second = try codeUnit(bytes)
            if second >= 0xDC00, second < 0xE000,
                let scalar = Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw JSONError(
            offset: start,
            reason: "found half of a surrogate pair, expected both halves, high before low")
    }

    /// The four hexadecimal digits after the `u` the reader stands on.
    private mutating func codeUnit(_ bytes: Span<UInt8>) throws(JSONError) -> UInt32 {
        offset += 1
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(bytes), let digit = hexadecimalValue(byte) else {
                throw unexpected(bytes, expected: "four hexadecimal digits after '\\u'")
            }
            unit = unit << 4 | digit
            offset += 1
        }
        return unit
    }

    /// The bytes of a range as a string.
    private func text(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(JSONError) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes.extracting(range)))
        } catch {
            let offset = range.lowerBound + error.byteOffsets.lowerBound
            throw JSONError(
                offset: offset,
                reason: "found \(describe(bytes[offset])), which is not UTF-8 there")
        }
    }

    // MARK: Bytes

    private func peek(_ bytes: Span<UInt8>) -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func consume(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard peek(bytes) == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipWhitespace(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            switch bytes[offset] {
            case ASCII.space, ASCII.tab, ASCII.newline, ASCII.carriageReturn: offset += 1
            default: return
            }
        }
    }

    private func unexpected(_ bytes: Span<UInt8>, expected: String) -> JSONError {
        let found = peek(bytes).map(describe) ?? "the end"
        return JSONError(offset: offset, reason: "found \(found), expected \(expected)")
    }
}

/// Tells whether a name is new to its object. Few names are compared one by one; from the ninth
/// on a set is kept, so that a hostile line of many thousand fields still costs linear time.
private struct MemberNames {
    private static let comparedMax = 8
    private var seen: Set<String> = []

    mutating func insert(_ name: String, after members: [JSONMember]) -> Bool {
        if members.count < Self.comparedMax {
            for member in members where member.name == name { return false }
            return true
        }
        if seen.isEmpty {
            for member in members { seen.insert(member.name) }
        }
        return seen.insert(name).inserted
    }
}

/// A byte in the words of an error message.
private func describe(_ byte: UInt8) -> String {
    if byte > ASCII.space && byte < 0x7F { return "'\(Character(Unicode.Scalar(byte)))'" }
    if byte == ASCII.space { return "a space" }
    let digits = String(byte, radix: 16, uppercase: true)
    return "byte 0x" + (digits.utf8.count < 2 ? "0" : "") + digits
}

private func hexadecimalValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x37)
    case 0x61...0x66: UInt32(byte - 0x57)
    default: nil
    }
}
