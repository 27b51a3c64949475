// Answers as JSON lines and as CSV, written out as they come.

import GavelJSON
import GavelProgram

extension Output {
    /// Writes one JSON object as a line.
    func line(_ body: (inout JSONWriter) throws -> Void) throws {
        var writer = JSONWriter()
        try writer.object(body)
        writer.newline()
        write(writer.bytes)
        try flushIfFull()
    }

    /// Writes one row of CSV.
    func csvRow(_ fields: [String?]) throws {
        var csv = CSVWriter()
        csv.row(fields)
        write(csv.bytes)
        try flushIfFull()
    }

    /// Writes a JSON value a line.
    func lines<Item>(_ items: [Item], _ write: (inout JSONWriter, Item) -> Void) throws {
        var writer = JSONWriter()
        for item in items {
            writer.removeAll()
            write(&writer, item)
            writer.newline()
            self.write(writer.bytes)
            try flushIfFull()
        }
    }

    /// Writes a table of CSV.
    func csv<Item>(
        header: (inout CSVWriter) -> Void, _ items: [Item], _ write: (inout CSVWriter, Item) -> Void
    ) throws {
        var writer = CSVWriter()
        header(&writer)
        for item in items {
            write(&writer, item)
            self.write(writer.bytes)
            writer.removeAll()
            try flushIfFull()
        }
        self.write(writer.bytes)
    }
}
