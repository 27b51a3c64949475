// `gavel auction ID`: one auction and how its price came about.

import ArgumentParser
import Gavel
import GavelJSON

struct AuctionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auction",
        abstract: "Show one auction and every step of its price.",
        discussion: """
              gavel auction lot-1 --ledger house
              gavel auction lot-1 --ledger house --at 1200

            The table has a row for each entry about the auction, with its position in the log. \
            JSON and CSV give the auction alone; `gavel log --auction` gives its entries.
            """)

    @Argument(help: ArgumentHelp("The auction.", valueName: "id"), transform: auctionID)
    var id: AuctionID

    @OptionGroup var reading: ReadingOptions

    func run() throws {
        let reader = try reading.open()
        let view = try reader.auction(id).value
        try withOutput { output in
            switch reading.format {
            case .table:
                printView(view, on: output)
                output.write("\n")
                try printSteps(of: view, reader, on: output)
                output.write("\(reader.asOf)\n")
            case .json:
                var writer = JSONWriter()
                writer.auction(view)
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

    private func printView(_ view: AuctionView, on output: Output) {
        let outcome = view.outcome.map { ", \($0.jsonName)" } ?? ""
        let proxy = view.rules.proxy ? ", proxy bidding" : ""
        let isOpen = view.status == .open || view.status == .scheduled
        printFields(
            [
                ("auction", view.auction.string),
                ("title", view.title.isEmpty ? nil : view.title),
                ("seller", view.seller.string),
                ("status", view.status.jsonName + outcome),
                ("price", view.price?.formatted(in: view.currency)),
                (view.winner == nil ? "leader" : "winner", view.leader?.string),
                ("minimum bid", isOpen ? view.minimumBid?.formatted(in: view.currency) : nil),
                ("bids", "\(view.bids), \(view.acceptedBids) accepted"),
                ("opens", view.opensAt.rfc3339),
                ("closes", view.closesAt?.rfc3339),
                (
                    "rules",
                    "\(view.rules.format.jsonName)\(proxy), opening price "
                        + view.rules.openingPrice.formatted(in: view.currency)
                ),
            ], on: output)
    }
}
