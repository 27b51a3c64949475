// Figures as a benchmark prints them: lines of a name and a value, or one object.

import GavelJSON
import GavelProgram
import GavelReport

/// How results are printed.
package enum ReportFormat: String, CaseIterable {
    /// For people.
    case table
    /// One object.
    case json
}

/// Prints the figures of one run or of several as lines of a name and a value, or as one object.
package func printFigures(
    _ what: String, _ reports: [Figures], _ format: ReportFormat
) throws {
    let figures = SpreadFigures(reports)
    let runs = reports.count
    try withOutput { output in
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object { object in
                object.field("benchmark", what)
                object.field("runs", runs)
                object.name("machine")
                object.texts(StormReport.thisMachine)
                object.name("figures")
                object.value(figures)
            }
            writer.newline()
            output.write(writer.bytes)
        case .table:
            let fields = zip(figures.names, figures.spreads).map { name, spread in
                (name: figureName(name), value: Optional(figureText(name, spread, runs: runs)))
            }
            printFields(fields, on: output)
        }
    }
}

/// A figure's name without its unit.
private func figureName(_ name: String) -> String {
    var name = name
    if name.hasSuffix("_ns") { name.removeLast(3) }
    return name.replacing("_per_second", with: "/s").replacing("_", with: " ")
}

private func figureText(_ name: String, _ spread: Spread, runs: Int) -> String {
    func text(_ value: Int64) -> String {
        name.hasSuffix("_ns") ? spanText(UInt64(max(0, value))) : grouped(value)
    }
    return text(spread.median)
        + (runs > 1 ? " [\(text(spread.least))..\(text(spread.most))]" : "")
}
