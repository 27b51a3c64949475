// Options that several commands share, and how their values are read.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

/// Which ledger.
struct LedgerOption: ParsableArguments {
    @Option(
        name: .customLong("ledger"), help: ArgumentHelp("The ledger's folder.", valueName: "dir"),
        transform: folderPath)
    var path: String
}

/// Which ledger, as of when, and how the answer is printed.
struct ReadingOptions: ParsableArguments {
    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp(
            "Show the ledger as it stood after the entry at this position, or at this time "
                + "(RFC 3339).", valueName: "position|time"),
        transform: moment)
    var at: LedgerReader.Moment?

    @Option(help: ArgumentHelp("How to print: table, json or csv.", valueName: "format"))
    var format = OutputFormat.table

    /// Opens the ledger for reading, which works beside a writer too.
    func open() throws -> LedgerReader {
        try openReader(at: ledger.path, asOf: at)
    }
}

/// Opens a ledger for reading.
/// - Throws: `LedgerError`; `Failure` when the position asked for does not exist: the newest
///   state would be an answer to another question.
func openReader(at path: String, asOf moment: LedgerReader.Moment?) throws -> LedgerReader {
    let reader = try LedgerReader.openAndWait(at: path, asOf: moment)
    if case .position(let position) = moment, reader.reflects <= position {
        throw Failure(
            .usage, "there is no position \(position); the ledger has \(reader.reflects) entries")
    }
    return reader
}

/// How answers are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table
    /// One object a line.
    case json
    /// RFC 4180, with a header line.
    case csv
}

/// Reads a position or a time.
@Sendable func moment(_ text: String) throws -> LedgerReader.Moment {
    if let position = UInt64(text) { return .position(position) }
    do {
        return .time(try Timestamp(rfc3339: text))
    } catch {
        throw ArgumentProblem("expected a position or a time; \(error.reason)")
    }
}

/// Reads an auction's id.
@Sendable func auctionID(_ text: String) throws -> AuctionID {
    do { return try AuctionID(text) } catch { throw ArgumentProblem(error.reason) }
}

/// Reads a user's id.
@Sendable func userID(_ text: String) throws -> UserID {
    do { return try UserID(text) } catch { throw ArgumentProblem(error.reason) }
}

/// Reads who stands behind commands.
@Sendable func actor(_ text: String) throws -> LedgerActor {
    switch text {
    case "operator": .operator
    case "payment": .payment
    case "system": throw ArgumentProblem("only the engine acts as the system")
    default: .user(try userID(text))
    }
}
