// `gavel submit`: commands from standard input, receipts on standard output.
//
// Invariants: one receipt for one line, in order, written once the entry is durable; the first
// line that is no command ends the session, and everything before it stays and is answered; while
// one batch is under way the next one is read, so a fast source is grouped and a slow one waits
// for nothing.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct SubmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Submit commands from standard input; print receipts.",
        discussion: """
            Reads one JSON object a line and answers each with one, as soon as its entry is \
            durable. An id is made for lines without one; submitting a line again under its id \
            is safe and gives the first receipt again. The first line that is no command stops \
            the session at stdin:LINE.

              echo '{"command":"register_user","user":"alice"}' | gavel submit --ledger house
              gavel submit --ledger house --create < opening.jsonl

            An auction whose end came while nobody had the ledger open (for more than 5 s) waits: \
            nobody could bid on it. Give it a later end by extend_auction or gavel extend, or let \
            it close by --confirm-closings. With --hold-closings nothing closes at all.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var signing: SigningOptions
    @OptionGroup var newKey: NewKeyOption
    @OptionGroup var freeBytes: FreeBytesOption
    @OptionGroup var mapBytes: MapBytesOption

    @Flag(help: "Make the ledger if there is none.")
    var create = false

    @Flag(help: "End with exit code 1 when a command was rejected or refused.")
    var strict = false

    @Flag(help: "Close no auction and take no bid in this session.")
    var holdClosings = false

    @Flag(help: "Close what ended while nobody had the ledger open; go by the clock as it is.")
    var confirmClosings = false

    @Option(
        help: ArgumentHelp(
            "Who stands behind lines without `by`: operator, payment or a user.",
            valueName: "actor"),
        transform: actor)
    var by: LedgerActor = .operator

    func validate() throws {
        if holdClosings, confirmClosings {
            throw ValidationError("--hold-closings and --confirm-closings exclude each other")
        }
    }

    func run() throws {
        let opened = try open()
        defer { opened.closeAndWait() }
        let session = SubmitSession(opened, by: by)
        try withOutput { output in
            do {
                try session.run(on: output)
            } catch is OutputClosed {
                // Not quietly, as in a query: lines were submitted that nobody saw answered.
                throw session.nextPlace.stop(
                    "nobody reads the receipts any more; it is open whether this line and those "
                        + "after it were submitted")
            }
        }
        if strict, session.notAccepted > 0 { throw Failure(.finding) }
    }

    private func open() throws -> Ledger {
        var configuration = Configuration()
        try signing.apply(to: &configuration)
        freeBytes.apply(to: &configuration)
        mapBytes.apply(to: &configuration)
        configuration.replacesLostKey = newKey.isWanted
        configuration.createsIfMissing = create
        configuration.closing = holdClosings ? .held : confirmClosings ? .confirmed : .automatic
        do {
            return try Ledger.openAndWait(at: ledger.path, configuration: configuration)
        } catch {
            guard error.code == .notFound else { throw error }
            throw Failure(.unusable, "\(error.reason); --create makes one")
        }
    }
}

/// One run through standard input.
private final class SubmitSession {
    /// Lines that were handed to the ledger together.
    private struct Batch {
        let firstLine: Int
        let submissions: [Submission]
        let ticket: BatchTicket
    }

    private let ledger: Ledger
    private let actor: LedgerActor
    private let input = StandardInput()
    private var splitter = LineSplitter()
    private var writer = JSONWriter()
    private var answered = 0
    /// How many commands were rejected or refused.
    private(set) var notAccepted = 0

    init(_ ledger: Ledger, by actor: LedgerActor) {
        self.ledger = ledger
        self.actor = actor
    }

    /// The first line without an answer.
    var nextPlace: LinePlace { LinePlace(file: StandardInput.name, line: answered + 1) }

    func run(on output: Output) throws {
        var underWay: Batch?
        var isAtEnd = false
        while !isAtEnd {
            if let batch = underWay, !input.isReady {
                underWay = nil
                try answer(batch, on: output)
                continue
            }
            let block = try input.nextBlock()
            isAtEnd = block.isEmpty
            splitter.append(block)
            let (batch, problem) = try submitLines(isAtEnd: isAtEnd)
            if let earlier = underWay { try answer(earlier, on: output) }
            underWay = batch
            if let problem {
                if let batch { try answer(batch, on: output) }
                try stop(problem, on: output)
            }
        }
        if let batch = underWay { try answer(batch, on: output) }
    }

    /// Hands over every line that has come so far, up to the first that is no command.
    private func submitLines(
        isAtEnd: Bool
    ) throws -> (batch: Batch?, problem: CommandError?) {
        let firstLine = splitter.lineNumber + 1
        var submissions: [Submission] = []
        var problem: CommandError?
        while problem == nil, let line = nextLine(isAtEnd: isAtEnd) {
            do {
                let parsed = try parseLine(line, allowing: .submission)
                submissions.append(
                    Submission(
                        id: parsed.id ?? .generate(at: ledger.now), actor: parsed.actor ?? actor,
                        command: parsed.command))
            } catch {
                problem = error
            }
        }
        guard !submissions.isEmpty else { return (nil, problem) }
        let ticket = try naming { try ledger.enqueue(submissions) }
        return (Batch(firstLine: firstLine, submissions: submissions, ticket: ticket), problem)
    }

    private func nextLine(isAtEnd: Bool) -> [UInt8]? {
        if let line = splitter.next() { return line }
        return isAtEnd ? splitter.takeRest() : nil
    }

    /// Waits until a batch is durable and prints its receipts.
    private func answer(_ batch: Batch, on output: Output) throws {
        let receipts = try naming { try batch.ticket.wait() }
        for (index, receipt) in receipts.enumerated() {
            var events: EventList?
            if receipt.status == .accepted, let position = receipt.position {
                events = try ledger.entry(at: position)?.outcome.events
            }
            writer.removeAll()
            writer.receipt(
                receipt, line: batch.firstLine + index, id: batch.submissions[index].id,
                events: events, names: ledger.reading, reason: receipt.refusal.map(reason(of:)))
            writer.newline()
            output.write(writer.bytes)
            if receipt.status != .accepted { notAccepted += 1 }
            try output.flushIfFull()
        }
        try output.flush()
        answered += receipts.count
    }

    /// What would have to be different for a command to be taken.
    private func reason(of refusal: Refusal) -> String {
        refusal == .storageLow ? ledger.statistics.storageLowReason : refusal.expectation
    }

    /// Answers the line that is no command and ends the session there.
    private func stop(_ problem: CommandError, on output: Output) throws {
        writer.removeAll()
        writer.receipt(malformed: problem, line: splitter.lineNumber)
        writer.newline()
        output.write(writer.bytes)
        throw LinePlace(file: StandardInput.name, line: splitter.lineNumber)
            .stop(problem.description)
    }

    /// Names the first line without an answer when a commit failed.
    private func naming<R>(_ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as LedgerError where error.code == .outcomeUnknown {
            throw nextPlace.stop(
                "\(error.reason); submit again from here, with the same ids, to learn what "
                    + "became of it")
        }
    }
}
