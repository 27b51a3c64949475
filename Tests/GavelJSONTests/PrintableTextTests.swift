// What strangers write into titles, reasons and references, as tables, pages, cells and lines of
// JSON show it.

import GavelJSON
import Testing

@Suite("Text for people")
struct PrintableTextTests {
    @Test(
        "Writing of every script and emoji stand as they are",
        arguments: [
            "A clock", "Eine Uhr – ¼ Schlag", "می\u{200C}خواهم", "क्\u{200D}ष",
            "👨\u{200D}👩\u{200D}👧",
            "🏴\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}", "🏳️\u{200D}🌈", "괘종시계",
            "co\u{AD}operate", "ភាសា\u{200B}ខ្មែរ", "\u{600}١٢", "",
        ])
    func kept(text: String) {
        #expect(printable(text) == text)
    }

    @Test("What moves a cursor, ends a line, turns the direction or hides is replaced")
    func replaced() {
        let acting: [UInt32] = [
            0x00, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0x9F, 0x061C, 0x200E,
            0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0x206A, 0xFEFF, 0xFFF9,
            // Tags that spell no flag would hide whole sentences.
            0xE0001, 0xE0041,
        ]
        for value in acting {
            let text = "a\(Unicode.Scalar(value)!)b"
            #expect(printable(text) == "a\u{FFFD}b", "U+\(String(value, radix: 16))")
        }
        #expect(printable("🏴x\u{E0041}") == "🏴x\u{FFFD}")
        #expect(printable("\r\n") == "\u{FFFD}\u{FFFD}")
    }
}

@Suite("Cells of CSV")
struct CSVCellTests {
    private func cell(_ text: String) -> String {
        var csv = CSVWriter()
        csv.row([text, "x"])
        #expect(csv.text.hasSuffix(",x\n") && csv.text.count(where: { $0 == "\n" }) == 1)
        return String(csv.text.dropLast(3))
    }

    /// What a reader makes of a cell: quotes off, then the guard.
    private func read(_ cell: String) -> String {
        var text = Substring(cell)
        if text.hasPrefix("\"") {
            text = Substring(text.dropFirst().dropLast().replacing("\"\"", with: "\""))
        }
        if text.hasPrefix("'") { text.removeFirst() }
        return String(text)
    }

    @Test(
        "What a spreadsheet would run has a ' before it, which reading takes off again",
        arguments: [
            "=1+1", "=HYPERLINK(\"http://x\",\"y\")", "+1", "+cmd|' /C calc'!A0", "-1+1", "--",
            "-lot-1", "@SUM(A1)", "'", "'=1", "＝1", "＋1", "－1", "＠x", "-1.", "-.5", "-1.5.2",
            "-1e5",
        ])
    func guarded(text: String) {
        let cell = cell(text)
        #expect(cell.first == "'" || cell.hasPrefix("\"'"), "\(cell)")
        #expect(read(cell) == text)
    }

    @Test(
        "Numbers and plain texts are as they are",
        arguments: [
            "0", "-1", "-9223372036854775808", "-12.50", "1500", "lot-1", "a=b", "x'", "-", "",
        ])
    func plain(text: String) {
        #expect(cell(text) == text)
    }

    @Test("No control character reaches a cell, and every row is one line")
    func controls() {
        for value: UInt32 in [0, 9, 10, 13, 27, 0x7F, 0x85, 0x9B, 0x2028, 0x2029, 0x202E] {
            let scalar = Unicode.Scalar(value)!
            #expect(cell("\(scalar)=1") == "\u{FFFD}=1")
            #expect(cell("a\(scalar)b") == "a\u{FFFD}b")
        }
        // Also where the character that goes hides what begins a formula.
        #expect(cell("\t=1").first == "\u{FFFD}")
    }
}
