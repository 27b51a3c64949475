// `gavel audit checkpoints`: what was signed, and when.
//
// Invariant: a time is printed as the ledger's only where the ledger's signature stands under it.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct CheckpointsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoints",
        abstract: "List the checkpoints that are kept, or the first that covers an entry.",
        discussion: """
              gavel audit checkpoints --ledger house
              gavel audit checkpoints --ledger house --covering 1200
              gavel audit checkpoints --ledger house --newest > house.newest
              gavel audit checkpoints --ledger house --key house.vkey --json

            Kept are the newest thousand, before them the last of every hour, and further back \
            the last of every day (UTC). Each is held against the log and against the ledger's \
            keys: those in its folder and its log, or --key and those that its log leads to from \
            there. --covering answers when an \
            entry was signed by: it was in the log when that checkpoint was made. The time is \
            what the ledger says; a witness's cosignature is an outsider's word.

            --newest prints the newest one whole, as a file, once the log and its signature agree: \
            to be put back where DIR/checkpoint was lost or damaged. Where DIR/key is lost too, \
            --key gives the verifier key.

            Ends with 1 where the log or a signature disagrees, where the file of those that are \
            kept or DIR/checkpoint is damaged, or where no checkpoint covers the entry yet.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(
        help: ArgumentHelp(
            "Only the first checkpoint that covers the entry at this position.",
            valueName: "position"))
    var covering: UInt64?

    @Flag(help: "Print the newest one as a file.")
    var newest = false

    @Option(
        help: ArgumentHelp(
            "Who must have signed them, or a former key of the ledger (default: its own keys).",
            valueName: "vkey|file"))
    var key: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    func validate() throws {
        if newest, json || covering != nil {
            throw ValidationError("--newest cannot stand beside --json or --covering.")
        }
    }

    func run() throws {
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        let keys = try key.map { try reader.keys(followedFrom: try verifierKeys($0)) }
        let (kept, damaged) = try reader.keptCheckpoints()
        var problems = [damaged].compactMap {
            $0.map { "some of \($0) is no checkpoint, or stands out of order" }
        }
        var last: SignedCheckpoint?
        // Where it is damaged, those that are kept are what is looked for.
        do { last = try reader.checkpoint() } catch {
            guard error.code == .checkpointMismatch else { throw error }
            problems.append(error.reason)
        }
        if newest {
            let last = try last.flatMap { try isOwn($0, reader, keys: keys) ? $0 : nil }
            return try printNewest(of: kept.followed(by: last), reader, keys: keys, problems)
        }
        let wanted = try wanted(of: kept.followed(by: last))
        var faults = 0
        try withOutput { output in
            var table = Table(
                [.right("size"), .left("time"), .left("root"), .left("verified")], on: output)
            for signed in wanted {
                let row = try Row(signed, reader, keys: keys)
                faults += row.isFault ? 1 : 0
                if json { row.printJSON(on: output) } else { try table.row(row.cells) }
                try output.flushIfFull()
            }
            if !json { try table.print() }
        }
        if faults > 0 { problems.insert("\(counted(faults, "checkpoint")) cannot be right", at: 0) }
        guard problems.isEmpty else {
            throw Failure(.finding, problems.joined(separator: "; "))
        }
    }

    /// Whether a checkpoint is not known to be another's: one that somebody put in the place of the
    /// last one keeps none of those that are kept from being put back.
    private func isOwn(
        _ signed: SignedCheckpoint, _ reader: LedgerReader, keys: [VerifierKey]?
    ) throws -> Bool {
        let own = try keys ?? reader.latestKeys(origin: signed.checkpoint.origin)
        return own.isEmpty || (try? signed.verified(by: own)) != nil
    }

    /// - Parameter problems: what is wrong with the files that were looked at.
    private func printNewest(
        of all: [SignedCheckpoint], _ reader: LedgerReader, keys: [VerifierKey]?,
        _ problems: [String]
    ) throws {
        guard let signed = all.last else {
            throw Failure(
                .finding,
                (["\(ledger.path) has no checkpoint"] + problems).joined(separator: ": "))
        }
        let row = try Row(signed, reader, keys: keys)
        guard row.isVerified else {
            let remedy =
                row.isFault
                ? "" : "; give the verifier key of whoever signed it by --key FILE"
            throw Failure(
                .finding,
                "the newest, over \(signed.checkpoint.size) entries, cannot be trusted: "
                    + row.verdict + remedy)
        }
        for problem in problems { printError("warning: \(problem)") }
        try withOutput { $0.write(signed.bytes) }
    }

    private func wanted(of all: [SignedCheckpoint]) throws -> [SignedCheckpoint] {
        guard let covering else { return all }
        guard let first = all.first(where: { $0.checkpoint.size > covering }) else {
            let most = all.last?.checkpoint.size ?? 0
            throw Failure(
                .finding,
                "no checkpoint covers position \(covering) yet: \(most) entries are signed")
        }
        return [first]
    }
}

/// A checkpoint and what it was found to be worth.
private struct Row {
    private let checkpoint: Checkpoint
    private let note: [UInt8]
    /// As the ledger's signature says.
    private let time: Timestamp?
    /// In one word: `yes`, or what is wrong or unknown.
    let verdict: String
    let isFault: Bool
    var isVerified: Bool { verdict == "yes" }

    init(_ signed: SignedCheckpoint, _ reader: LedgerReader, keys: [VerifierKey]?) throws {
        checkpoint = signed.checkpoint
        note = signed.bytes
        var verified: SignedCheckpoint.Verified?
        var problem: String?
        let own = try keys ?? reader.latestKeys(origin: signed.checkpoint.origin)
        let isKnown = signed.isClaimed(byOneOf: own)
        do {
            if isKnown || keys != nil { verified = try signed.verified(by: own) }
            try reader.check(signed)
        } catch let error as EvidenceError {
            problem = error.reason
        } catch let error as LedgerError where error.code == .checkpointMismatch {
            problem = "not this log's"
        }
        time = verified?.time
        isFault = problem != nil
        verdict = problem ?? (isKnown ? "yes" : "its root; the key is not known")
    }

    var cells: [String?] {
        [String(checkpoint.size), time?.rfc3339, checkpoint.root.description, verdict]
    }

    func printJSON(on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("origin", checkpoint.origin)
            object.field("size", checkpoint.size)
            object.field("root", checkpoint.root.description)
            object.field("time", time)
            object.field("verified", isVerified)
            object.field("why", isVerified ? nil : verdict)
            object.field("note", String(decoding: note, as: UTF8.self))
        }
        writer.newline()
        output.write(writer.bytes)
    }
}
