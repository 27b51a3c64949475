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

/// An auction for people, field by field; nil for what it does not have.
func auctionFields(_ view: AuctionView) -> [(name: String, value: String?)] {
    let outcome = view.outcome.map { ", \($0.jsonName)" } ?? ""
    let isOpen = view.status == .open || view.status == .scheduled
    let words = RulesInWords(view.rules, currency: view.currency)
    let reserve = view.isReserveMet.map { met in
        (words.reserve.map { $0 + ", " } ?? "") + (met ? "met" : "not met")
    }
    let hasFees = view.rules.fees != .none
    let extensions = view.extensions == 0 ? "" : ", extended by bids \(view.extensions)×"
    return [
        ("auction", view.auction.string),
        ("title", view.title.isEmpty ? nil : view.title),
        ("seller", view.seller.string),
        ("status", view.status.jsonName + outcome),
        ("price", view.price?.formatted(in: view.currency)),
        ("paid", hasFees ? view.paid?.formatted(in: view.currency) : nil),
        (view.winner == nil ? "leader" : "winner", view.leader?.string),
        ("minimum bid", isOpen ? view.minimumBid?.formatted(in: view.currency) : nil),
        ("buy now at", view.buyNowPrice?.formatted(in: view.currency)),
        ("bids", "\(view.bids), \(view.acceptedBids) accepted"),
        ("opens", view.opensAt.rfc3339),
        ("closes", view.closesAt.map { $0.rfc3339 + extensions }),
        ("rules", words.kind),
        ("steps", words.increments),
        ("reserve", reserve),
        ("buy now", words.buyNow),
        ("soft close", words.softClose),
        ("ends", words.duration),
        ("outage", words.outage),
        ("seller's fee", words.sellerFee),
        ("buyer's fee", words.buyerFee),
        ("cancelling", words.cancelPolicy),
    ]
}
