// `gavel auction ID`: one auction and how its price came about.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct AuctionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auction",
        abstract: "Show one auction and every step of its price.",
        discussion: """
              gavel auction lot-1 --ledger house
              gavel auction lot-1 --ledger house --at 1200

            The table has a row for each entry about the auction, with its position in the log and \
            the reason for every change of the price; JSON has the same as `steps`. CSV gives the \
            auction alone; `gavel log --auction` gives its entries.
            """)

    @Argument(help: ArgumentHelp("The auction.", valueName: "id"), transform: auctionID)
    var id: AuctionID

    @OptionGroup var reading: ReadingOptions

    @Flag(
        name: .customLong("public"),
        help: ArgumentHelp(
            "Leave out what bidders must not see: maxima, rejected bids, what a price tells of "
                + "maxima and reserve, and the reserve of an auction not yet closed."))
    var isPublic = false

    func run() throws {
        let reader = try reading.open()
        var view = try reader.auction(id).value
        if isPublic { view = AuctionView(view.publicView) }
        try withOutput { output in
            switch reading.format {
            case .table:
                printAuction(view, on: output)
                output.write("\n")
                if isPublic {
                    try printPublicSteps(of: view, reader, on: output)
                } else {
                    try printSteps(of: view, reader, on: output)
                }
                output.write("\(reader.asOf)\n")
            case .json:
                var writer = JSONWriter()
                try writer.auction(view) { array in
                    try reader.forEachStep(of: id) { step in
                        if !isPublic {
                            array.step(step, names: reader.reading)
                        } else if let step = step.publicView {
                            array.publicStep(step, names: reader.reading)
                        }
                    }
                }
                writer.newline()
                output.write(writer.bytes)
            case .csv:
                var writer = CSVWriter()
                writer.auctionsHeader()
                writer.auction(view)
                output.write(writer.bytes)
            }
        }
    }
}

/// Prints an auction for people, its rules in words.
func printAuction(_ view: AuctionView, on output: Output) {
    printFields(auctionFields(view), on: output)
}
