// The steps of one auction as a table: each entry about it.

import Gavel
import GavelProgram
import GavelReport

/// Prints a row for every entry about an auction, oldest first.
func printSteps(of view: AuctionView, _ reader: LedgerReader, on output: Output) throws {
    let words = StepInWords(currency: view.currency, names: reader.reading)
    try printSteps(of: view, reader, on: output) { words.row($0) }
}

/// Prints a row for every entry about an auction that anyone may see, oldest first.
func printPublicSteps(of view: AuctionView, _ reader: LedgerReader, on output: Output) throws {
    let words = StepInWords(currency: view.currency, names: reader.reading)
    try printSteps(of: view, reader, on: output) { $0.publicView.map { words.row($0) } }
}

/// - Parameter row: the row of a step; nil leaves it out.
private func printSteps(
    of view: AuctionView, _ reader: LedgerReader, on output: Output,
    row: (AuctionStep) -> [String?]?
) throws {
    var table = Table(
        [
            .right("position"), .left("time"), .left("by"), .right("amount"),
            .left("what happened"), .right("price"), .left("because"),
        ], on: output)
    try reader.forEachStep(of: view.auction) { step in
        if let row = row(step) { try table.row(row) }
    }
    try table.print()
}
