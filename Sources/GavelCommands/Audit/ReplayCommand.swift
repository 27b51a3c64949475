// `gavel audit replay`: folds the log from the first entry on, by `evolve` alone.
//
// Invariant: no snapshot, clock or decision has a part in the fold; its digest must be the one
// that queries rest on, which may come from a snapshot.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Replay the log from the first entry on.",
        discussion: """
              gavel audit replay --ledger house
              gavel audit replay --ledger house --until 2025-06-01T00:00:00Z
              gavel audit replay --ledger house --auction lot-1

            Prints how many entries were replayed, the digest they lead to and how fast; with \
            --auction also every step of that auction. Ends with 1 when queries would answer \
            from another state.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp(
            "Stop after the entry at this position, or at this time.",
            valueName: "position|time"),
        transform: moment)
    var until: LedgerReader.Moment?

    @Option(
        help: ArgumentHelp("Print the steps of this auction.", valueName: "id"),
        transform: auctionID)
    var auction: AuctionID?

    func run() throws {
        let reader = try openReader(at: ledger.path, asOf: until)
        let view = try auction.map { try reader.auction($0).value }
        var state = State()
        let duration = try ContinuousClock().measure { state = try replayed(reader) }
        let isSame = state.digest == reader.digest
        try withOutput { output in
            printFields(
                [
                    ("entries", String(state.entryCount)),
                    ("last entry", state.entryCount > 0 ? state.time.rfc3339 : nil),
                    ("digest", state.digest.description),
                    ("finding", isSame ? nil : "queries rest on the digest \(reader.digest)"),
                    ("speed", speed(state.entryCount, duration)),
                ], on: output)
            guard let view else { return }
            output.write("\n")
            try printSteps(of: view, reader, on: output)
        }
        if !isSame { throw Failure(.finding) }
    }

    private func speed(_ count: UInt64, _ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        return "\(count * 1000 / UInt64(milliseconds)) entries/s (\(milliseconds) ms)"
    }
}
