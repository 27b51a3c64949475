// The reader against RFC 8259: what is JSON, what is not, and where it stops being it.

import GavelJSON
import Testing

@Suite("Reading JSON")
struct JSONReaderTests {
    static let values: [(String, JSONValue)] = [
        ("null", .null),
        (" \t\r\n true \n", .bool(true)),
        ("false", .bool(false)),
        ("0", .integer(0)),
        ("-0", .integer(0)),
        ("-17", .integer(-17)),
        ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number("9223372036854775808")),
        ("-9223372036854775809", .number("-9223372036854775809")),
        ("99999999999999999999999999", .number("99999999999999999999999999")),
        ("10.5", .number("10.5")),
        ("1500.0", .number("1500.0")),
        ("1e3", .number("1e3")),
        ("-1.25E-07", .number("-1.25E-07")),
        ("2e+0", .number("2e+0")),
        (#""""#, .string("")),
        (#""plain""#, .string("plain")),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
        (#""a\u00e9\u20AC\u0000z""#, .string("aé€\0z")),
        (#""\ud83d\ude00""#, .string("😀")),
        (#""é\né""#, .string("é\né")),
        ("[]", .array([])),
        ("[ 1 , [ ] , \"x\" ]", .array([.integer(1), .array([]), .string("x")])),
        ("{}", .object([])),
        (
            #"{ "b" : 1 , "a" : { "b" : null } }"#,
            .object([
                JSONMember("b", .integer(1)),
                JSONMember("a", .object([JSONMember("b", .null)])),
            ])
        ),
    ]

    @Test("every JSON value is read as what it says", arguments: values)
    func reads(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
        #expect(try JSONValue(parsing: Array(text.utf8)) == value)
    }

    @Test("a value that was written is read as the same value", arguments: values)
    func writes(text: String, value: JSONValue) throws {
        var writer = JSONWriter()
        writer.value(value)
        #expect(try JSONValue(parsing: writer.bytes) == value)
    }

    @Test(
        "what is no JSON is refused at its first wrong byte, with what was found and expected",
        arguments: [
            ("", "column 1: found the end, expected a value"),
            ("  ", "column 3: found the end, expected a value"),
            ("x", "column 1: found 'x', expected a value"),
            ("\u{1}", "column 1: found byte 0x01, expected a value"),
            ("nul", "column 1: found a word that is not null, expected a value"),
            ("True", "column 1: found 'T', expected a value"),
            ("1 2", "column 3: found '2', expected nothing after the value"),
            ("{}}", "column 3: found '}', expected nothing after the value"),
            ("01", "column 1: found a number that starts with 0, expected no zeros first"),
            ("-", "column 2: found the end, expected a digit"),
            ("+1", "column 1: found '+', expected a value"),
            (".5", "column 1: found '.', expected a value"),
            ("1.", "column 3: found the end, expected a digit"),
            ("1.e3", "column 3: found 'e', expected a digit"),
            ("1e", "column 3: found the end, expected a digit"),
            ("1e+-2", "column 4: found '-', expected a digit"),
            ("0x10", "column 2: found 'x', expected nothing after the value"),
            ("NaN", "column 1: found 'N', expected a value"),
            ("[1,]", "column 4: found ']', expected a value"),
            ("[1 2]", "column 4: found '2', expected ',' or ']'"),
            ("[1", "column 3: found the end, expected ',' or ']'"),
            ("{1:2}", "column 2: found '1', expected a field name in quotes"),
            (#"{"a" 1}"#, "column 6: found '1', expected ':'"),
            (#"{"a":1,}"#, "column 8: found '}', expected a field name in quotes"),
            (#"{"a":1;"b":2}"#, "column 7: found ';', expected ',' or '}'"),
            (#"{"a":1,"a":1}"#, #"column 8: field "a" is given twice"#),
            (#"{"a":1,"\u0061":1}"#, #"column 8: field "a" is given twice"#),
            (#""abc"#, "column 5: found the end, expected '\"' at the end of the string"),
            (#""a\"#, "column 4: found the end, expected one of \" \\ / b f n r t u after '\\'"),
            (#""\x""#, "column 3: found 'x', expected one of \" \\ / b f n r t u after '\\'"),
            (#""\u12g4""#, "column 6: found 'g', expected four hexadecimal digits after '\\u'"),
            ("\"a\nb\"", "column 3: found byte 0x0A, expected it as an escape such as \\n"),
            (
                #""\ud83d""#,
                "column 2: found half of a surrogate pair, expected both halves, high before low"
            ),
            (
                #""\ude00\ud83d""#,
                "column 2: found half of a surrogate pair, expected both halves, high before low"
            ),
            (
                #""\ud83d\u0041""#,
                "column 2: found half of a surrogate pair, expected both halves, high before low"
            ),
            ("é", "column 1: found byte 0xC3, expected a value"),
        ])
    func refuses(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.description == message)
    }

    @Test(
        "bytes that are not UTF-8 are refused where they stand, also behind an escape",
        arguments: [
            ([0x22, 0x61, 0xFF, 0x22], 2, "found byte 0xFF, which is not UTF-8 there"),
            ([0x22, 0xC3, 0x22], 1, "found byte 0xC3, which is not UTF-8 there"),
            ([0x22, 0xC0, 0x80, 0x22], 1, "found byte 0xC0, which is not UTF-8 there"),
            ([0x22, 0xED, 0xA0, 0x80, 0x22], 1, "found byte 0xED, which is not UTF-8 there"),
            ([0x22, 0x80, 0x5C, 0x6E, 0x22], 1, "found byte 0x80, which is not UTF-8 there"),
            ([0x22, 0x5C, 0x6E, 0xF5, 0x22], 3, "found byte 0xF5, which is not UTF-8 there"),
            // A sequence must not be completed across an escape.
            (
                [0x22, 0xC3, 0x5C, 0x74, 0xA9, 0x22], 1,
                "found byte 0xC3, which is not UTF-8 there"
            ),
        ] as [([UInt8], Int, String)])
    func refusesInvalidUTF8(bytes: [UInt8], offset: Int, reason: String) {
        #expect(throws: JSONError(offset: offset, reason: reason)) {
            try JSONValue(parsing: bytes)
        }
    }

    @Test("32 levels of nesting are read and 33 are refused")
    func limitsDepth() throws {
        let depth = JSONValue.depthMax
        #expect(depth == 32)
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(try JSONValue(parsing: nested(depth)) != .null)
        #expect(throws: JSONError(offset: 32, reason: "found nesting deeper than 32 levels")) {
            try JSONValue(parsing: nested(depth + 1))
        }
        // Far deeper than any stack: the reader must stop and not recurse.
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: String(repeating: #"{"a":["#, count: 100_000))
        }
    }

    @Test("a name given twice is found wherever the two stand", arguments: [2, 8, 9, 10, 300])
    func findsDuplicates(count: Int) throws {
        func object(last: String) -> String {
            let fields = (0..<count - 1).map { #""n\#($0)":0"# } + [#""\#(last)":0"#]
            return "{" + fields.joined(separator: ",") + "}"
        }
        guard case .object(let members) = try JSONValue(parsing: object(last: "new")) else {
            Issue.record("not an object")
            return
        }
        #expect(members.count == count)
        for repeated in [0, count / 2 - 1, count - 2] {
            let error = #expect(throws: JSONError.self) {
                try JSONValue(parsing: object(last: "n\(repeated)"))
            }
            #expect(error?.reason == #"field "n\#(repeated)" is given twice"#)
        }
    }
}
