// Writes JSON into a run of bytes: one object after the other, fields in the order they are
// given, no white space.
//
// Invariants: objects and arrays are closed by the call that opened them, commas are set by the
// writer, and every string is escaped; so whatever is written within one `object` is well formed
// as long as each `name` is followed by one value. Text outside ASCII stands as UTF-8, but for what
// ends a line or moves a cursor to some reader: a value is always one line and no command to a
// terminal.
//
// One rule for all shapes of this module: amounts are integers in minor units, times are RFC 3339
// in UTC, handles are replaced by names, and where an object holds an amount it also holds the
// currency (commands alone may leave it to the auction).

public import AuctionDomain

/// Collects JSON text.
///
///     var writer = JSONWriter()
///     writer.object { line in
///         line.field("auction", "lot-1")
///         line.field("amount", 1500)
///     }
///     writer.newline()
///
/// Keep one and call `removeAll()` between lines: it keeps its memory.
public struct JSONWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    /// Whether a comma has to come before the next name or value.
    private var needsComma = false

    public init() {}

    /// What was written so far, as a string.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// Makes room for so many bytes more at once.
    public mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// Ends a line. Call it between whole values only.
    public mutating func newline() {
        bytes.append(ASCII.newline)
        needsComma = false
    }

    // MARK: Structure

    /// Writes an object; `body` writes its fields.
    public mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        bytes.append(ASCII.leftBrace)
        try body(&self)
        bytes.append(ASCII.rightBrace)
        needsComma = true
    }

    /// Writes an array; `body` writes its values.
    public mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        bytes.append(ASCII.leftBracket)
        try body(&self)
        bytes.append(ASCII.rightBracket)
        needsComma = true
    }

    /// Writes the name of a field; its value must follow.
    public mutating func name(_ name: String) {
        separate()
        escape(name)
        bytes.append(ASCII.colon)
    }

    /// Before every name and value: the comma, where one is due. What follows a name needs none,
    /// and neither does what follows an opening bracket.
    private mutating func separate() {
        if needsComma { bytes.append(ASCII.comma) }
        needsComma = false
    }

    // MARK: Values

    /// Writes `null`.
    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
        needsComma = true
    }

    /// Writes a string, escaped.
    public mutating func value(_ value: String) {
        separate()
        escape(value)
        needsComma = true
    }

    /// Writes `true` or `false`.
    public mutating func value(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
        needsComma = true
    }

    /// Writes an integer, all its digits.
    public mutating func value(_ value: some FixedWidthInteger) {
        separate()
        bytes.appendDecimal(value)
        needsComma = true
    }

    /// Writes an amount in minor units.
    public mutating func value(_ value: Money) { self.value(value.minorUnits) }

    /// Writes a time as a string.
    public mutating func value(_ value: Timestamp) {
        separate()
        bytes.append(ASCII.quote)
        value.appendUTC(to: &bytes)
        bytes.append(ASCII.quote)
        needsComma = true
    }

    /// Writes a value that was read before, with the same meaning.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): self.value(value)
        case .integer(let value): self.value(value)
        case .string(let value): self.value(value)
        case .number(let text):
            separate()
            bytes.append(contentsOf: text.utf8)
            needsComma = true
        case .array(let values):
            array { array in
                for value in values { array.value(value) }
            }
        case .object(let members):
            object { object in
                for member in members {
                    object.name(member.name)
                    object.value(member.value)
                }
            }
        }
    }

    /// Writes a value that is JSON already, as it stands: kept ready, or written by another writer.
    /// - Precondition: the bytes are exactly one well-formed value; nothing is checked.
    /// - Complexity: a copy of the bytes.
    public mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    // MARK: Fields

    /// Writes a name and its string; null for nil, as in all fields.
    public mutating func field(_ name: String, _ value: String?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    /// Writes a name and the user, auction or the like.
    public mutating func field(_ name: String, _ value: (some Identifier)?) {
        field(name, value?.string)
    }

    /// Writes a name and `true` or `false`.
    public mutating func field(_ name: String, _ value: Bool?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    /// Writes a name and its integer.
    public mutating func field(_ name: String, _ value: (some FixedWidthInteger)?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    /// Writes a name and its amount in minor units.
    public mutating func field(_ name: String, _ value: Money?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    /// Writes a name and its time as a string.
    public mutating func field(_ name: String, _ value: Timestamp?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    // MARK: Escaping

    /// A string in quotes. Escaped is what RFC 8259 section 7 demands, and what tools that read
    /// lines and terminals act on: U+007F, the C1 controls U+0080 to U+009F (U+0085 is a line's end
    /// to some), U+2028 and U+2029, and what turns the reading direction.
    private mutating func escape(_ text: String) {
        bytes.append(ASCII.quote)
        if Self.isPlain(text.utf8.span) {
            bytes.append(contentsOf: text.utf8)
            bytes.append(ASCII.quote)
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C, ..<0x20: appendEscape(UInt8(scalar.value))
            case 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: appendEscape(of: scalar)
            default: bytes.append(contentsOf: UTF8.encode(scalar)!)
            }
        }
        bytes.append(ASCII.quote)
    }

    /// The first byte of U+0080 to U+00BF.
    private static let leadOfC1: UInt8 = 0xC2
    /// The first byte of U+2000 to U+2FFF.
    private static let leadOfSeparators: UInt8 = 0xE2

    /// Whether nothing has to be escaped, by a look at the bytes: nearly always, and then the text
    /// is copied as a whole.
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        for index in text.indices {
            let byte = text[index]
            if byte < ASCII.space || byte == ASCII.quote || byte == ASCII.backslash
                || byte == 0x7F || byte == leadOfC1 || byte == leadOfSeparators
            {
                return false
            }
        }
        return true
    }

    private mutating func appendEscape(_ byte: UInt8) {
        bytes.append(ASCII.backslash)
        switch byte {
        case ASCII.quote, ASCII.backslash: bytes.append(byte)
        case ASCII.newline: bytes.append(0x6E)
        case ASCII.carriageReturn: bytes.append(0x72)
        case ASCII.tab: bytes.append(0x74)
        default: appendHexadecimal(UInt32(byte))
        }
    }

    /// Writes a character of four hexadecimal digits.
    private mutating func appendEscape(of scalar: Unicode.Scalar) {
        bytes.append(ASCII.backslash)
        appendHexadecimal(scalar.value)
    }

    private mutating func appendHexadecimal(_ value: UInt32) {
        bytes.append(0x75)
        for shift in [UInt32(12), 8, 4, 0] {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
            bytes.append(digit < 10 ? ASCII.zero + digit : 0x57 + digit)
        }
    }
}

extension [UInt8] {
    /// Appends an integer in decimal digits.
    mutating func appendDecimal(_ value: some FixedWidthInteger) {
        guard let small = UInt32(exactly: value) else {
            append(contentsOf: String(value).utf8)
            return
        }
        // Most numbers are small: their digits are set from the last one on, without a string.
        var rest = small
        var digits = 1
        var bound = UInt64(10)
        while UInt64(small) >= bound {
            digits += 1
            bound *= 10
        }
        let end = count + digits
        for _ in 0..<digits { append(ASCII.zero) }
        var place = end
        repeat {
            place -= 1
            self[place] = ASCII.zero + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }
}
