// Arrivals measured elsewhere: a CSV with a header line `cum_prob,…` and rows of a share of bids
// and the seconds before the end within which it came, in one or more columns.

import Gavel
import GavelProgram

extension ArrivalModel {
    /// Reads a table.
    /// - Parameter column: the name of the column with the seconds; nil takes the last one.
    /// - Throws: `Failure` with `.usage`, naming file, line and what was expected.
    package static func read(_ path: String, column: String? = nil) throws -> ArrivalModel {
        let file = try InputFile(path: path)
        var splitter = LineSplitter()
        var lines: [[UInt8]] = []
        while true {
            let block = try file.nextBlock()
            splitter.append(block)
            while let line = splitter.next() { lines.append(line) }
            if block.count < InputFile.blockBytes { break }
        }
        if let rest = splitter.takeRest() { lines.append(rest) }
        do {
            return try parse(lines.map { String(decoding: $0, as: UTF8.self) }, column: column)
        } catch {
            throw Failure(.usage, "--arrivals \(path): \(error)")
        }
    }

    /// - Throws: `ArgumentProblem`.
    static func parse(_ lines: [String], column: String? = nil) throws -> ArrivalModel {
        func cells(_ line: String) -> [String] {
            line.split(separator: ",", omittingEmptySubsequences: false).map {
                String($0.filter { !$0.isWhitespace })
            }
        }
        guard let header = lines.first.map(cells), header.count >= 2, header[0] == "cum_prob"
        else {
            throw ArgumentProblem(
                "line 1: expected a header line that begins with cum_prob and names at least "
                    + "one column of seconds")
        }
        let place = column.map { name in header.firstIndex(of: name) } ?? header.count - 1
        guard let place, place > 0 else {
            throw ArgumentProblem(
                "there is no column \(column ?? ""); there are "
                    + header.dropFirst().joined(separator: ", "))
        }
        var rows: [(share: Double, seconds: Double)] = []
        for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
            let cells = cells(line)
            guard cells.count == header.count, let share = Double(cells[0]),
                let seconds = Double(cells[place])
            else {
                throw ArgumentProblem(
                    "line \(index + 1): expected \(header.count) numbers, not \(line)")
            }
            rows.append((share, seconds))
        }
        return ArrivalModel(table: try QuantileTable(rows))
    }
}
