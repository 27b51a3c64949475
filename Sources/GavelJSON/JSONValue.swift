// JSON as a value, and what can be wrong with a text that should be JSON.
//
// DECISION: GavelJSON reads JSON itself instead of using `JSONDecoder`. A command moves money,
// so its reader must keep integers exact (a decoder that goes through Double, or reads `1e3` and
// `1500.0` as integers, silently takes what another program would not), must refuse fields it
// does not know and fields given twice by name (a decoder drops the one and picks one of the
// others, so that two programs may read two amounts in the same line), must say where a line is
// wrong, and must not bring Foundation into a program that otherwise starts without it.
//
// Invariants: an integer that fits 64 bits and is written without fraction and exponent is
// `.integer`; every other number keeps its source text, so that a message can quote it; the
// members of an object keep their order and no name stands twice.

/// One JSON value (RFC 8259).
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits.
    case integer(Int64)
    /// Any other number, as it was written: `10.5`, `1e3`, `99999999999999999999`.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// The members in the order they were written, each name once.
    case object([JSONMember])
}

/// A name and its value within an object.
public struct JSONMember: Hashable, Sendable {
    public var name: String
    public var value: JSONValue

    public init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONValue {
    /// The deepest nesting that is read; commands nest three deep.
    public static let depthMax = 32

    /// Reads exactly one value; white space may stand around it and nothing else.
    ///
    /// - Complexity: O(bytes).
    /// - Throws: `JSONError` at the first byte that cannot stand where it stands.
    public init(parsing bytes: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader()
        self = try reader.document(bytes)
    }

    /// Reads exactly one value from the bytes of an array.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        try self.init(parsing: bytes.span)
    }

    /// Reads exactly one value from a string.
    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: text.utf8.span)
    }

    /// The value in the words of an error message: `the string "15"`, `10.5`, `an array`.
    var found: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let text): shortened(text)
        case .string(let text): "the string \(quoted(text))"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// How much of a caller's text a message repeats: enough to find it, never a flood.
private let quotedScalarsMax = 64

private func shortened(_ text: String) -> String {
    let head = text.unicodeScalars.prefix(quotedScalarsMax)
    return head.endIndex == text.endIndex ? text : String(head) + "…"
}

/// A caller's text for a message: in JSON's quotes, control characters escaped, and cut short.
func quoted(_ text: String) -> String {
    var writer = JSONWriter()
    writer.value(shortened(text))
    return writer.text
}
