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
        "quotes, backslashes and what lines and terminals act on are escaped, nothing else is",
        arguments: [
            ("\"\\/", #""\"\\/""#),
            ("\n\r\t", #""\n\r\t""#),
            ("\u{0}\u{8}\u{F}\u{10}\u{1F}", #""\u0000\u0008\u000f\u0010\u001f""#),
            ("\u{7E}\u{7F}\u{80}\u{85}\u{9B}\u{9F}", #""~\u007f\u0080\u0085\u009b\u009f""#),
            ("\u{A0}\u{2027}\u{2030}", "\"\u{A0}\u{2027}\u{2030}\""),
            ("\u{2028}\u{2029}", #""\u2028\u2029""#),
            ("\u{202A}\u{202E}\u{2066}\u{2069}", #""\u202a\u202e\u2066\u2069""#),
            ("\u{200C}\u{200D}\u{2065}\u{206A}", "\"\u{200C}\u{200D}\u{2065}\u{206A}\""),
            ("é€–😀¿", "\"é€–😀¿\""),
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
                // Where something has to be escaped, and everywhere.
                let scalars: Range<UInt32> =
                    [0..<0x100, 0x2000..<0x2070, 0..<0x11_0000].randomElement(using: &generator)!
                let scalar = Unicode.Scalar(UInt32.random(in: scalars, using: &generator))
                if let scalar { text.unicodeScalars.append(scalar) }
            }
            var writer = JSONWriter()
            writer.value(text)
            guard case .string(let read) = try JSONValue(parsing: writer.bytes) else {
                Issue.record("not a string: \(writer.text)")
                continue
            }
            // A value is one line, to whatever reads lines and whatever a terminal takes for one.
            let acting = writer.text.unicodeScalars.filter {
                $0.value < 0x20 || $0.value >= 0x7F && $0.properties.generalCategory == .control
                    || $0.properties.generalCategory == .lineSeparator
                    || $0.properties.generalCategory == .paragraphSeparator
            }
            #expect(acting.isEmpty, "\(writer.text.debugDescription)")
            // By bytes: Swift's == would accept another normalization.
            #expect(Array(read.utf8) == Array(text.utf8))
        }
    }
}
