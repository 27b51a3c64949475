// `gavel audit explain`: why one command came out as it did, or how one auction went.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say in plain sentences why a command was accepted or refused.",
        discussion: """
              gavel audit explain 1041 --ledger house
              gavel audit explain 01946a3c-7b00-7000-8000-00000000002a --ledger house
              gavel audit explain lot-1 --ledger house

            Give a position, a command id, or an auction. For one entry: who asked what when, \
            what stood just before, which rules let it pass and which one refused it with the \
            figures, each asked on that state, what changed with the balances before and after, \
            and what followed. For an auction: its rules, each entry about it, and why it ended \
            as it did.

            The state before the entry is folded again from the log, and every figure is asked of \
            the rules. An entry that is not what the rules give is marked as contradicting them, \
            with what is recorded and what they give, and the command ends with 1. JSON has one \
            object for each entry. This is an auditor's command: it shows maxima, holds, reserves \
            and balances, and none of it may be shown to bidders.
            """)

    @Argument(
        help: ArgumentHelp(
            "A position, a command id, or an auction.", valueName: "position|command-id|auction"))
    var what: String?

    @Option(
        help: ArgumentHelp(
            "An auction whose name would be read as a position or a command id.",
            valueName: "id"),
        transform: auctionID)
    var auction: AuctionID?

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("How to print: table or json.", valueName: "format"))
    var format = OutputFormat.table

    func validate() throws {
        guard (what == nil) != (auction == nil) else {
            throw ValidationError("Give a position, a command id, or an auction: one of them.")
        }
        guard format != .csv else {
            throw ValidationError("--format must be table or json, not 'csv'.")
        }
    }

    /// What the argument names.
    private enum Subject {
        case position(UInt64)
        case command(CommandID)
        case auction(AuctionID)
    }

    private func subject() throws -> Subject {
        guard let what else { return .auction(auction ?? AuctionID(unchecked: "")) }
        if let position = UInt64(what) { return .position(position) }
        if let id = try? CommandID(what) { return .command(id) }
        do { return .auction(try AuctionID(what)) } catch {
            throw Failure(
                .usage, "expected a position, a command id, or an auction; \(error.reason)")
        }
    }

    func run() throws {
        let subject = try subject()
        let reader = try openReader(at: ledger.path, asOf: nil)
        try withOutput { output in
            switch subject {
            case .position(let position):
                guard let entry = try reader.entry(at: position) else {
                    throw Failure(
                        .usage,
                        "there is no position \(position); the ledger has \(reader.reflects) "
                            + "entries")
                }
                try explain(entry, reader, output)
            case .command(let id):
                guard let entry = try reader.entry(withID: id) else {
                    throw Failure(
                        .usage,
                        "no entry has the command id \(id): it was never taken, or was refused "
                            + "without an entry")
                }
                try explain(entry, reader, output)
            case .auction(let id):
                try explain(id, reader, output)
            }
        }
    }

    /// Ends the command, which has said it all, where an entry contradicts the rules.
    private func fail(if contradicts: Bool) throws {
        if contradicts { throw Failure(.finding) }
    }

    // MARK: One entry

    private func explain(
        _ entry: LedgerEntry, _ reader: LedgerReader, _ output: Output
    ) throws {
        let explanation = try reader.explanation(of: entry)
        let sequel = try reader.sequel(of: entry)
        if format == .json {
            try output.line { object in
                object.explanation(explanation, of: entry, sequel: sequel, names: reader.reading)
            }
            return try fail(if: !explanation.isSameToday)
        }
        let words = ExplanationInWords(explanation: explanation, names: reader.reading)
        output.sentence(
            "At \(entry.time.rfc3339), position \(entry.position), \(words.request)")
        if let id = entry.commandID { output.sentence("Its command id is \(id)") }
        output.heading("What stood just before", words.standing)
        if !explanation.isSameToday { output.marked(words.contradiction) }
        output.heading(
            explanation.isSameToday ? "Which rule decided" : "What the rules say", words.verdict)
        output.write(explanation.isSameToday ? "\nWhat changed\n" : "\nWhat is recorded\n")
        if explanation.recorded.rejection != nil {
            output.write("  Nothing: a rejected command moves no money and no price.\n")
        }
        for change in words.changes {
            output.sentence(change.sentence, indent: 2)
            for balance in change.balances { output.write("    \(printable(balance))\n") }
        }
        if let sequel, let auction = explanation.after?.auction {
            let id = reader.reading.id(of: auction)
            let followed = describe(sequel, of: id, names: reader.reading)
            output.heading(
                "What followed",
                followed.isEmpty
                    ? ["Nothing about it changed after that, \(reader.asOf)"] : followed)
        }
        try fail(if: !explanation.isSameToday)
    }

    // MARK: One auction

    private func explain(
        _ id: AuctionID, _ reader: LedgerReader, _ output: Output
    ) throws {
        let view = try reader.auction(id).value
        if format == .table { printAuction(view, on: output) }
        var contradicts = false
        try reader.forEachExplanation(of: id) { entry, explanation in
            if !explanation.isSameToday { contradicts = true }
            if format == .json {
                try output.line { object in
                    object.explanation(
                        explanation, of: entry, sequel: nil, names: reader.reading)
                }
                return
            }
            let words = ExplanationInWords(explanation: explanation, names: reader.reading)
            output.write("\n")
            output.sentence(
                "At \(entry.time.rfc3339), position \(entry.position), \(words.request)")
            if !explanation.isSameToday {
                output.marked(words.contradiction)
            } else if explanation.recorded.rejection != nil {
                for sentence in words.verdict where sentence.hasPrefix("Refused") {
                    output.sentence(sentence, indent: 2)
                }
            }
            for change in words.changes { output.sentence(change.sentence, indent: 2) }
            try output.flushIfFull()
        }
        if format == .table { output.write("\n\(reader.asOf)\n") }
        try fail(if: contradicts)
    }
}

extension Output {
    /// Writes a sentence as a line, with a full stop.
    fileprivate func sentence(_ text: String, indent: Int = 0) {
        write(String(repeating: " ", count: indent) + printable(text) + ".\n")
    }

    /// Writes what nobody may overlook.
    fileprivate func marked(_ sentences: [String]) {
        for text in sentences { write("  !! \(printable(text)).\n") }
    }

    /// Writes a heading and sentences below it; nothing where there are none.
    fileprivate func heading(_ title: String, _ sentences: [String]) {
        guard !sentences.isEmpty else { return }
        write("\n\(title)\n")
        for text in sentences { sentence(text, indent: 2) }
    }
}
