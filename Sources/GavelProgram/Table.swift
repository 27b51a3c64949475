// Tables for people: aligned columns, two spaces between them.
//
// Invariants: at most `rowsMax` rows are held; what an earlier batch of rows needed is the least
// width of the later ones, so a long table stays in line as far as can be known; whatever callers
// wrote into titles and reasons, no control character reaches the terminal.

import GavelJSON

/// Prints rows below one header.
package struct Table {
    package enum Alignment { case left, right }

    package struct Column {
        package let title: String
        package let alignment: Alignment

        package static func left(_ title: String) -> Column {
            Column(title: title, alignment: .left)
        }
        package static func right(_ title: String) -> Column {
            Column(title: title, alignment: .right)
        }
    }

    private static let rowsMax = 1000

    private let columns: [Column]
    private var widths: [Int]
    private var rows: [[String]] = []
    private var isHeaderPrinted = false
    private let output: Output

    package init(_ columns: [Column], on output: Output) {
        self.columns = columns
        self.output = output
        widths = columns.map(\.title.count)
    }

    /// Adds a row; nil leaves a cell empty.
    package mutating func row(_ cells: [String?]) throws {
        precondition(cells.count == columns.count, "a row has a cell for each column")
        rows.append(cells.map { printable($0 ?? "") })
        if rows.count == Self.rowsMax { try print() }
    }

    /// Prints what was not printed yet, the header at least.
    package mutating func print() throws {
        for row in rows {
            for (index, cell) in row.enumerated() {
                widths[index] = max(widths[index], cell.count)
            }
        }
        if !isHeaderPrinted { printLine(columns.map(\.title)) }
        isHeaderPrinted = true
        for row in rows {
            printLine(row)
            try output.flushIfFull()
        }
        rows.removeAll(keepingCapacity: true)
    }

    private func printLine(_ cells: [String]) {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: widths[index] - cell.count)
            if index > 0 { line += "  " }
            switch columns[index].alignment {
            case .left: line += cell + padding
            case .right: line += padding + cell
            }
        }
        while line.last == " " { line.removeLast() }
        output.write(line + "\n")
    }
}

/// Prints lines of a name and a value, the values below each other.
package func printFields(_ fields: [(name: String, value: String?)], on output: Output) {
    let present = fields.filter { $0.value != nil }
    let width = present.map(\.name.count).max() ?? 0
    for case (let name, let value?) in present {
        let padding = String(repeating: " ", count: width - name.count)
        output.write("\(name)\(padding)  \(printable(value))\n")
    }
}
