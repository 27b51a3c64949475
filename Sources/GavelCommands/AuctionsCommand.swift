// `gavel auctions`: the list of auctions.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct AuctionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auctions",
        abstract: "List auctions in order of opening.",
        discussion: """
              gavel auctions --ledger house --status open
              gavel auctions --ledger house --at 2025-06-01T00:00:00Z --format csv

            CSV and JSON give amounts in minor units of the currency; in CSV winner and price \
            stand only once an auction is closed.
            """)

    @OptionGroup var reading: ReadingOptions

    @Option(
        help: ArgumentHelp(
            "Only these: scheduled, open, closed or cancelled.", valueName: "status"),
        transform: auctionStatus)
    var status: PublicAuction.Status?

    @Option(help: ArgumentHelp("Only this user's lots.", valueName: "user"), transform: userID)
    var seller: UserID?

    @Option(
        help: ArgumentHelp(
            "Only auctions this user has bid in, rejected bids included.", valueName: "user"),
        transform: userID)
    var bidder: UserID?

    @Option(
        help: ArgumentHelp(
            "Only closed ones that ended so: sold, no_bids or reserve_not_met.",
            valueName: "outcome"),
        transform: auctionOutcome)
    var outcome: AuctionOutcome?

    @Flag(help: "Only those that can be bought now at their buy-now price.")
    var buyNow = false

    @Option(
        help: ArgumentHelp(
            "Only those with a reserve that is met, or not_met.", valueName: "state"))
    var reserve: ReserveState?

    @Flag(help: "Only auctions that time will end, the next end first.")
    var endingSoon = false

    @Flag(
        name: .customLong("public"),
        help: ArgumentHelp(
            "Leave out what bidders must not see: rejected bids, and the reserve of an auction "
                + "not yet closed."))
    var isPublic = false

    func validate() throws {
        if endingSoon, seller != nil || bidder != nil {
            throw ValidationError("--ending-soon cannot stand beside --seller or --bidder.")
        }
        if isPublic, bidder != nil {
            throw ValidationError(
                "--public cannot stand beside --bidder, which counts rejected bids.")
        }
    }

    func run() throws {
        let reader = try reading.open()
        let views = try selectedAuctions(reader)
        try withOutput { output in
            switch reading.format {
            case .table: try printTable(views, reader, on: output)
            case .json: try output.lines(views) { $0.auction($1) }
            case .csv: try output.csv(header: { $0.auctionsHeader() }, views) { $0.auction($1) }
            }
        }
    }

    private func selectedAuctions(_ reader: LedgerReader) throws -> [AuctionView] {
        var views: [AuctionView] = []
        let filter = AuctionFilter(
            status: status, seller: seller, bidder: bidder, outcome: outcome,
            isBuyNow: buyNow ? true : nil, isReserveMet: reserve.map { $0 == .met },
            order: endingSoon ? .endingSoon : .opening)
        try reader.forEachAuction(filter) { view in
            views.append(isPublic ? AuctionView(view.publicView) : view)
        }
        // The engine lists those of a user the newest first; we promise one order.
        if !endingSoon { views.sort { $0.openedPosition < $1.openedPosition } }
        return views
    }

    private func printTable(
        _ views: [AuctionView], _ reader: LedgerReader, on output: Output
    ) throws {
        var table = Table(
            [
                .left("auction"), .left("status"), .left("outcome"), .right("price"),
                .left("leader"), .right("bids"), .right("accepted"), .left("seller"),
                .left("closes"),
            ], on: output)
        for view in views {
            try table.row([
                view.auction.string, view.status.jsonName, view.outcome?.jsonName,
                view.price?.formatted(in: view.currency), view.leader?.string,
                String(view.bids), String(view.acceptedBids), view.seller.string,
                view.closesAt?.rfc3339,
            ])
        }
        try table.print()
        output.write("\(counted(views.count, "auction")), \(reader.asOf)\n")
    }
}

/// Whether a reserve is met.
enum ReserveState: String, ExpressibleByArgument, CaseIterable {
    case met
    case notMet = "not_met"
}

@Sendable private func auctionOutcome(_ text: String) throws -> AuctionOutcome {
    guard let outcome = AuctionOutcome.allCases.first(where: { $0.jsonName == text }) else {
        let names = AuctionOutcome.allCases.map(\.jsonName).joined(separator: ", ")
        throw ArgumentProblem("expected one of \(names)")
    }
    return outcome
}

@Sendable private func auctionStatus(_ text: String) throws -> PublicAuction.Status {
    guard let status = PublicAuction.Status(rawValue: text) else {
        let names = PublicAuction.Status.allCases.map(\.rawValue).joined(separator: ", ")
        throw ArgumentProblem("expected one of \(names)")
    }
    return status
}
