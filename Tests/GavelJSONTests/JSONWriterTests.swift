// The writer: commas, escapes and the order of fields.

import GavelJSON
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test("fields stand in the order they are written, with commas between and none after")
    func ordersFields() {
        var writer = JSONWriter()
        writer.object { object in
            object.field("z", 1)
            object.field("a", nil as String?)
            object.name("list")
            object.array { array in
                array.value(true)
                array.object { _ in }
                array.array { $0.value("x") }
                array.null()
            }
            object.field("m", Int64.min)
        }
        #expect(
            writer.text
                == #"{"z":1,"a":null,"list":[true,{},["x"],null],"m":-9223372036854775808}"#)
    }

    @Test("each line stands alone: neither a comma nor a byte of the line before is left")
    func separatesLines() {
        var writer = JSONWriter()
        writer.object { $0.field("a", 1) }
        writer.newline()
        writer.object { $0.field("b", 2) }
        writer.newline()
        #expect(writer.text == "{\"a\":1}\n{\"b\":2}\n")
        writer.removeAll()
        writer.object { $0.field("c", 3) }
        #expect(writer.text == #"{"c":3}"#)
    }

    @Test(
        "quotes, backslashes and control characters are escaped, all else stands as it is",
        arguments: [
            ("\"\\/", #""\"\\/""#),
            ("\n\r\t", #""\n\r\t""#),
            ("\u{0}\u{8}\u{F}\u{10}\u{1F}\u{7F}", "\"\\u0000\\u0008\\u000f\\u0010\\u001f\u{7F}\""),
            ("é€😀", "\"é€😀\""),
        ])
    func escapes(text: String, json: String) {
        var writer = JSONWriter()
        writer.value(text)
        #expect(writer.text == json)
    }

    @Test("every string of any scalars is read back as it was written")
    func roundTripsStrings() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<2_000 {
            var text = ""
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let limit: UInt32 = Bool.random(using: &generator) ? 0x80 : 0x11_0000
                let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator))
                if let scalar { text.unicodeScalars.append(scalar) }
            }
            var writer = JSONWriter()
            writer.value(text)
            guard case .string(let read) = try JSONValue(parsing: writer.bytes) else {
                Issue.record("not a string: \(writer.text)")
                continue
            }
            // By bytes: Swift's == would accept another normalization.
            #expect(Array(read.utf8) == Array(text.utf8))
        }
    }
}
