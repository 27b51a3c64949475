// `gavel extend`: later ends after an outage, before anything closes unwatched.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct ExtendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Give auctions a later end after an outage.",
        discussion: """
              gavel extend --ledger house --to 2026-05-01T18:00:00Z
              gavel extend --ledger house --to 2026-05-01T18:00:00Z lot-1 lot-2

            Opens the ledger with closings held, so nothing closes meanwhile, and extends the \
            auctions named, or else every open auction whose end has come. What is not extended \
            goes on waiting: `gavel submit --confirm-closings` closes it.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var newKey: NewKeyOption
    @OptionGroup var mapBytes: MapBytesOption

    @Option(help: ArgumentHelp("The new end (RFC 3339).", valueName: "time"), transform: time)
    var to: Timestamp

    @Option(
        help: ArgumentHelp(
            "Leave out auctions whose end came before this time.", valueName: "time"),
        transform: time)
    var since: Timestamp?

    @Argument(
        help: ArgumentHelp("Only these auctions.", valueName: "id"), transform: auctionID)
    var auctions: [AuctionID] = []

    func validate() throws {
        if since != nil, !auctions.isEmpty {
            throw ValidationError("--since cannot stand beside the names of auctions.")
        }
    }

    func run() async throws {
        var configuration = Configuration()
        configuration.createsIfMissing = false
        mapBytes.apply(to: &configuration)
        configuration.replacesLostKey = newKey.isWanted
        configuration.closing = .held
        let extended = try await Ledger.withLedger(
            at: ledger.path, configuration: configuration
        ) { opened in
            auctions.isEmpty
                ? try await opened.extendEndedAuctions(since: since ?? .zero, to: to)
                : try await extendNamed(opened)
        }
        let failed = extended.count { $0.receipt.status != .accepted }
        try withOutput { output in
            var table = Table(
                [.left("auction"), .left("closed at"), .left("closes"), .left("")], on: output)
            for one in extended {
                let isDone = one.receipt.status == .accepted
                try table.row([
                    one.auction.string, one.formerEnd?.rfc3339,
                    isDone ? to.rfc3339 : nil, isDone ? "extended" : one.receipt.reasonInWords,
                ])
            }
            try table.print()
            output.write("\(counted(extended.count - failed, "auction")) extended\n")
        }
        if failed > 0 { throw Failure(.finding, "\(counted(failed, "auction")) not extended") }
    }

    private func extendNamed(_ opened: Ledger) async throws -> [Ledger.ExtendedAuction] {
        let ends = try auctions.map { try opened.auction($0).value.closesAt }
        let now = opened.now
        let receipts = try await opened.submit(
            auctions.map {
                Submission(
                    id: .generate(at: now), command: .extendAuction($0, closesAt: to))
            })
        return zip(zip(auctions, ends), receipts).map { named, receipt in
            Ledger.ExtendedAuction(auction: named.0, formerEnd: named.1, receipt: receipt)
        }
    }
}

/// Reads a time.
@Sendable private func time(_ text: String) throws -> Timestamp {
    do { return try Timestamp(rfc3339: text) } catch { throw ArgumentProblem(error.reason) }
}

extension Receipt {
    /// The code of a rejection or refusal.
    fileprivate var reasonInWords: String {
        rejection.map { "rejected: \($0)" } ?? refusal.map { "refused: \($0)" } ?? status.name
    }
}
