// `gavel import`: a fresh ledger from the lines of histories.
//
// Invariants: the same files in the same order give the same ledger, byte for byte; after a line
// that cannot be taken there is no ledger; the wall clock is read once, to refuse lines from the
// future, and decides nothing else.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Build a fresh ledger from files of JSON lines.",
        discussion: """
            Every line is a command with the time it happened, `at`. Times never fall, within a \
            file or from one to the next, and none lies in the future. A line that is no command \
            or is refused stops the import at FILE:LINE and leaves no ledger; commands that a \
            rule rejects become entries like all others. Before less than --free-bytes would be \
            free the import ends too, with exit code 4.

              gavel import 2024.jsonl 2025.jsonl --ledger house

            A line: {"command":"register_user","user":"alice","at":"2025-01-01T00:00:00Z"}
            """)

    @Argument(help: ArgumentHelp("Files of JSON lines, in order.", valueName: "file"))
    var files: [String]

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var signing: SigningOptions
    @OptionGroup var freeBytes: FreeBytesOption
    @OptionGroup var mapBytes: MapBytesOption

    @Flag(help: "End with exit code 1 when a command was rejected.")
    var strict = false

    func run() throws {
        let files = try files.map { try InputFile(path: $0) }
        guard !isThere(ledger.path) else {
            throw Failure(
                .usage,
                "\(ledger.path) exists already; an import builds a fresh ledger and adds to none")
        }
        let digest = try ContentDigest(of: files)
        var configuration = Configuration()
        try signing.apply(to: &configuration)
        freeBytes.apply(to: &configuration)
        mapBytes.apply(to: &configuration)
        let building = try LedgerImport(
            to: ledger.path, fingerprint: digest.digest, configuration: configuration)
        var history = HistoryReader(files, hashedTo: digest, now: SystemClock().now())
        let entryCount = try build(building, from: &history)
        do {
            try withOutput(after: "\(ledger.path) is complete") { output in
                try printSummary(building, history, entryCount, on: output)
            }
        } catch let error as LedgerError {
            // It stands, and was read while it was built.
            printError(
                "warning: \(ledger.path) is complete, but cannot be read: \(error.reason)")
        }
        if strict, building.rejected > 0 { throw Failure(.finding) }
    }

    private func build(
        _ building: LedgerImport, from history: inout HistoryReader
    ) throws -> UInt64 {
        var progress = Progress("importing")
        defer { progress.clear() }
        do {
            while let line = try history.next() {
                try building.add(line.submission, at: line.time)
                progress.show(history.bytesRead, of: history.byteCount)
            }
            return try building.finish()
        } catch {
            // Commands are judged some thousand lines behind the reading: a refusal further up is
            // the first bad line, whatever stopped the reading.
            let stopped = error as? LedgerImport.Stopped ?? firstRefusal(building)
            building.abandon()
            guard let stopped else { throw error }
            let place = history.place(ofLine: stopped.index)
            if stopped.refusal == .storageLow, let statistics = building.statisticsWhenStopped {
                // The line is as it should be: what is full is the disk.
                throw Failure(
                    .unusable,
                    "\(place): \(stopped.refusal.name): \(statistics.storageLowReason)")
            }
            throw place.stop(stopped.refusal.sentence)
        }
    }

    private func firstRefusal(_ building: LedgerImport) -> LedgerImport.Stopped? {
        do { try building.settle() } catch { return error as? LedgerImport.Stopped }
        return nil
    }

    private func printSummary(
        _ building: LedgerImport, _ history: HistoryReader, _ entryCount: UInt64,
        on output: Output
    ) throws {
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        var auctions = 0
        var outcomes: [AuctionOutcome: Int] = [:]
        try reader.forEachAuction { view in
            auctions += 1
            if let outcome = view.outcome { outcomes[outcome, default: 0] += 1 }
        }
        let details = AuctionOutcome.allCases.compactMap { outcome in
            outcomes[outcome].map { "\($0) \(outcome.jsonName)" }
        }
        let suffix = details.isEmpty ? "" : " (\(details.joined(separator: ", ")))"
        printFields(
            [
                ("ledger", ledger.path),
                ("lines", String(history.lineCount)),
                ("accepted", String(building.accepted)),
                ("rejected", String(building.rejected)),
                ("entries", String(entryCount)),
                ("auctions", "\(auctions)\(suffix)"),
                ("last entry", reader.lastEntryTime.rfc3339),
                ("digest", reader.digest.description),
            ], on: output)
    }
}
