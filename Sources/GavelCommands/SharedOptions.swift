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

/// How long the log's file may get.
struct MapBytesOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long the log's file may get, from 1048576 to 70368744177664; it costs address "
                + "space only (default: \(Configuration.mapBytesDefault)).", valueName: "bytes"),
        transform: { try wholeNumber($0, in: Configuration.mapBytesRange) })
    var mapBytes: Int?

    func apply(to configuration: inout Configuration) {
        configuration.mapBytes = mapBytes ?? configuration.mapBytes
    }
}

/// How much must stay free of what a command writes to.
struct FreeBytesOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Free bytes below which bids and openings are refused as storage_low (default: "
                + "\(Configuration().freeBytesMin)).", valueName: "bytes"),
        transform: { try wholeNumber($0, in: Configuration.freeBytesRange) })
    var freeBytes: Int?

    func apply(to configuration: inout Configuration) {
        configuration.freeBytesMin = freeBytes ?? configuration.freeBytesMin
    }
}

extension LedgerStatistics {
    /// Why bids and openings are refused, with what is free and what must stay free.
    var storageLowReason: String {
        let least = "and \(freeBytesMin) must stay free (--free-bytes)"
        if let storage, let freeBytes, freeBytes == storage.mapBytes - storage.usedBytes {
            return "the log's file may get \(freeBytes) bytes longer (--map-bytes), \(least)"
        }
        return "the disk is nearly full: \(freeBytes ?? 0) bytes are free, \(least)"
    }
}

/// Reads a whole number.
private func wholeNumber(_ text: String, in range: ClosedRange<Int>) throws -> Int {
    guard let number = Int(text), range.contains(number) else {
        throw ArgumentProblem(
            "expected a whole number from \(range.lowerBound)"
                + (range.upperBound == .max ? "" : " to \(range.upperBound)"))
    }
    return number
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
