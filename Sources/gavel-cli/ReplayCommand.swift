// `gavel audit replay`: folds the log from the first entry on, by `evolve` alone.
//
// Invariant: no snapshot, clock or decision has a part in the fold; its digest must be the one
// that queries rest on, which may come from a snapshot.

import ArgumentParser
import Gavel
import GavelJSON

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
    var until: Moment?

    @Option(
        help: ArgumentHelp("Print the steps of this auction.", valueName: "id"),
        transform: auctionID)
    var auction: AuctionID?

    func run() throws {
        let reader = try openReader(at: ledger.path, asOf: until)
        let view = try auction.map { try reader.auction($0).value }
        var state = State()
        let duration = try ContinuousClock().measure { try replay(reader, into: &state) }
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

    /// - Throws: `Failure` at the first entry that cannot follow those before it.
    private func replay(_ reader: LedgerReader, into state: inout State) throws {
        var progress = Progress("replaying")
        defer { progress.clear() }
        var fold = EntryFold()
        while state.entryCount < reader.reflects {
            let run = try reader.entries(from: state.entryCount)
            guard !run.isEmpty else {
                throw Failure(.unusable, "entry \(state.entryCount) is not in the log")
            }
            for entry in run { try fold.apply(entry, to: &state) }
            progress.show(state.entryCount, of: reader.reflects)
        }
    }

    private func speed(_ count: UInt64, _ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        return "\(count * 1000 / UInt64(milliseconds)) entries/s (\(milliseconds) ms)"
    }
}

/// Applies entries of a log to a state, one after the other.
struct EntryFold {
    private var links = ContiguousArray<EntryLink>()

    /// - Throws: `Failure` when the entry cannot follow those before it.
    mutating func apply(_ entry: LedgerEntry, to state: inout State) throws {
        let point = entry.point
        let events = entry.outcome.events
        do {
            try state.check(entry.command, by: entry.actor, at: point)
            for event in events {
                try state.check(event)
                state.evolve(event, at: point)
            }
        } catch {
            throw Failure(.stopped, "entry \(entry.position) cannot be replayed: \(error.reason)")
        }
        links.removeAll(keepingCapacity: true)
        state.finishEntry(
            entry.command, rejected: entry.outcome.rejection != nil, events: events, at: point,
            links: &links)
    }
}
