// `gavel audit re-decide`: every recorded command, judged by this version's rules.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct RedecideCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "re-decide",
        abstract: "Judge every recorded command by today's rules and report what would differ.",
        discussion: """
              gavel audit re-decide --ledger house
              gavel audit re-decide --ledger house --until 2025-06-01T00:00:00Z --json

            Each command is judged at its entry's time against the state that the log had then; \
            where today's outcome is another one it is reported, and the recorded one is what \
            the next entry is judged by. Ends with 0 when nothing differs and with 1 otherwise. \
            Auctions found open after their end are noted, and the first bid on another that was \
            accepted meanwhile: they may have been held, which the log does not say.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp(
            "Stop after the entry at this position, or at this time.",
            valueName: "position|time"),
        transform: moment)
    var until: LedgerReader.Moment?

    @Flag(help: "Print an object for each entry that differs, and one for the whole.")
    var json = false

    func run() throws {
        let reader = try openReader(at: ledger.path, asOf: until)
        var progress = Progress("deciding")
        var isSame = true
        try withOutput { output in
            let start = ContinuousClock.now
            let report = try reader.redecide(
                progress: { progress.show($0, of: $1) },
                { found in try print(found, reader.reading, output) })
            let duration = ContinuousClock.now - start
            progress.clear()
            isSame = report.isSame
            try print(report, reader.reading, duration, output)
        }
        if !isSame { throw Failure(.finding) }
    }

    // MARK: What differs

    private func print(_ found: Redecision, _ names: Reading, _ output: Output) throws {
        let entry = found.recorded
        guard json else {
            let (recorded, today) = words(found, names)
            output.write(
                "position \(entry.position), \(entry.time.rfc3339), \(entry.command.jsonName): "
                    + printable("recorded \(recorded); today \(today)") + "\n")
            return try output.flushIfFull()
        }
        try output.line { object in
            object.field("position", entry.position)
            object.name("recorded")
            object.entry(entry, names: names)
            object.name("today")
            object.object { $0.ruling(found.ruling, names: names) }
        }
    }

    private func words(
        _ found: Redecision, _ names: Reading
    ) -> (recorded: String, today: String) {
        let currency = found.recorded.command.auction.map { names.currency(of: $0) }
        let recorded = found.recorded.outcome
        if case .outcome(let outcome) = found.ruling {
            return describeBoth(recorded, outcome, currency, names)
        }
        return (name(recorded, currency), describeRuling(found.ruling, in: currency, names))
    }

    /// Both outcomes by name, and where the names are the same, with all they say.
    private func describeBoth(
        _ recorded: Outcome, _ today: Outcome, _ currency: Currency?, _ names: Reading
    ) -> (String, String) {
        let (one, other) = (name(recorded, currency), name(today, currency))
        if one != other { return (one, other) }
        return (json(recorded, names), json(today, names))
    }

    private func name(_ outcome: Outcome, _ currency: Currency?) -> String {
        describeOutcome(outcome, in: currency)
    }

    private func json(_ outcome: Outcome, _ names: Reading) -> String {
        var writer = JSONWriter()
        switch outcome {
        case .rejected(let rejection): writer.rejection(rejection)
        case .accepted(let events):
            writer.events(events, names: KnownNames(reading: names))
        }
        return writer.text
    }

    // MARK: The whole

    private func print(
        _ report: RedecisionReport, _ names: Reading, _ duration: Duration, _ output: Output
    ) throws {
        if json {
            return try output.line { object in
                object.field("entries", report.entries)
                object.field("differing", report.differing)
                object.field("same", report.isSame)
                object.field("late_closings", report.lateClosingCount)
                object.name("late")
                object.array { array in
                    for late in report.lateClosings {
                        array.object { object in
                            object.field("auction", names.id(of: late.auction))
                            object.field("closes_at", late.closesAt)
                            object.field("position", late.position)
                            object.field("bid_position", late.bidPosition)
                        }
                    }
                }
            }
        }
        if report.differing > 0 { output.write("\n") }
        var fields: [(name: String, value: String?)] = [
            ("entries", String(report.entries)), ("differing", String(report.differing)),
            ("speed", speed(report.entries, duration)),
        ]
        for (index, late) in report.lateClosings.enumerated() {
            fields.append(
                (
                    index == 0 ? "notes" : "",
                    "\(names.id(of: late.auction)) ended at \(late.closesAt.rfc3339) and was "
                        + "still open at position \(late.position)"
                        + (late.bidPosition.map { ", and beside a bid at position \($0)" } ?? "")
                        + ": it may have been held"
                ))
        }
        let left = report.lateClosingCount - UInt64(report.lateClosings.count)
        if left > 0 { fields.append(("", "and \(left) more like these")) }
        fields.append(
            (
                "result",
                report.isSame
                    ? "same" : counted(report.differing, "outcome differs", "outcomes differ")
            ))
        printFields(fields, on: output)
    }
}

/// Entries a second, in words.
func speed(_ count: UInt64, _ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    return "\(count * 1000 / UInt64(milliseconds)) entries/s (\(milliseconds) ms)"
}

/// Names, also where today's rules would open an auction that the log does not have.
private struct KnownNames: Names {
    let reading: Reading

    func id(of user: UserHandle) -> UserID { reading.id(of: user) }
    func id(of auction: AuctionHandle) -> AuctionID { reading.id(of: auction) }
    func currency(of currency: CurrencyHandle) -> Currency { reading.currency(of: currency) }
    func currency(of auction: AuctionHandle) -> Currency { reading.currency(of: auction) }
}
