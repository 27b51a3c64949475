// `gavel audit prove`: files that prove an entry, or the log's growth, to people without the log.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram

struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Write a file that proves an entry, or that the log only grew.",
        discussion: """
              gavel audit prove 1200 --ledger house --output bid.evidence
              gavel audit prove --command 0197c1f0-0000-7000-8000-000000000001 --ledger house
              gavel audit prove 1200 --for alice --ledger house --output alice.statement
              gavel audit prove --from 1000 --ledger house

            The file of an entry holds the entry, those that give it its names, and the proofs of \
            all under one signed checkpoint; `gavel audit check-receipt` checks it with nothing \
            but the ledger's verifier key. IT HOLDS THE WHOLE ENTRY, also a bidder's maximum and \
            an auction's reserve: give it to whom you would show those. --alone leaves out the \
            entries that name things: a bidder's receipt while an auction with a reserve runs, \
            which a later file gives its names.

            --for writes what the entry says to one user, signed by the ledger's key, with the \
            proof of the entry's place: for a bidder who outbid somebody, the one who was outbid, \
            the winner, the seller. Nothing is in it that is another's.

            --from proves that the log's first so many entries are still the same, as witnesses \
            ask it. The formats are in the article Evidence.
            """)

    @Argument(help: ArgumentHelp("The entry's position.", valueName: "position"))
    var position: UInt64?

    @Option(help: ArgumentHelp("The command whose entry is meant.", valueName: "id"))
    var command: String?

    @Option(help: ArgumentHelp("Prove growth from so many entries on.", valueName: "size"))
    var from: UInt64?

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("Write to a file instead of standard output.", valueName: "file"))
    var output: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Only what the entry says to that user.", valueName: "user"))
    var viewer: String?

    @Flag(
        help: ArgumentHelp(
            "Only the entry itself, as a .tlog-proof file: without the entries that name its "
                + "users and its auction, one of which may hold a reserve."))
    var alone = false

    func validate() throws {
        if alone, from != nil {
            throw ValidationError("--alone goes with an entry, not with --from.")
        }
        if viewer != nil, alone || from != nil {
            throw ValidationError("--for goes with an entry, and not with --alone.")
        }
        let given = [position != nil, command != nil, from != nil].filter { $0 }.count
        guard given == 1 else {
            throw ValidationError("Expected one of a position, --command and --from.")
        }
    }

    func run() throws {
        try checkResult(output, .evidence)
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        let bytes = try reportingEvidence(.finding) {
            if let from {
                let (proof, checkpoint) = try reader.consistencyProof(from: from)
                return proof.fileBytes(with: checkpoint)
            }
            let position = try wanted(reader)
            if let viewer { return try statement(on: position, for: viewer, reader).bytes }
            return alone
                ? try reader.proof(ofEntryAt: position).bytes
                : try reader.evidence(ofEntryAt: position).bytes
        }
        try writeResult(bytes, to: output, .evidence)
    }

    private func statement(
        on position: UInt64, for viewer: String, _ reader: LedgerReader
    ) throws -> StatementFile {
        let user: UserID
        do { user = try UserID(viewer) } catch { throw Failure(.usage, error.reason) }
        // Names are proven by nobody here: a misspelled one must not get a statement.
        _ = try reader.wallet(user)
        guard let file = try reader.statementFile(ofEntryAt: position, for: user) else {
            throw Failure(.usage, "entry \(position) does not concern \(user)")
        }
        return file
    }

    private func wanted(_ reader: LedgerReader) throws -> UInt64 {
        if let position {
            guard position < reader.reflects else {
                throw Failure(
                    .usage,
                    "there is no position \(position); the ledger has \(reader.reflects) entries")
            }
            return position
        }
        let id: CommandID
        do { id = try CommandID(command ?? "") } catch { throw Failure(.usage, error.reason) }
        guard let entry = try reader.entry(withID: id) else {
            throw Failure(.usage, "no entry has the command id \(id)")
        }
        return entry.position
    }
}

struct VerifierKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Print the verifier key that checkpoints are checked with.",
        discussion: """
              gavel audit key --ledger house > house.vkey

            Publish it where people find it without asking the ledger. It is made from the \
            ledger's key file, of which nothing else is shown.
            """)

    @OptionGroup var ledger: LedgerOption

    func run() throws {
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        guard let key = try reader.verifierKey() else {
            throw Failure(
                .finding, reader.missingKey?.reason ?? "\(ledger.path) has no key yet")
        }
        try withOutput { $0.write("\(key)\n") }
    }
}

/// Ends the command with a status of its own where evidence is not what it should be.
func reportingEvidence<R>(_ status: ExitStatus, _ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as EvidenceError {
        throw Failure(status, "\(error.reason) (\(error.code.rawValue))")
    } catch let error as LedgerError where error.code == .checkpointMismatch {
        throw Failure(.finding, error.reason)
    } catch let fault as LogFault {
        // What was stored is not what was written: no word about what was signed.
        throw Failure(.unusable, fault.reason)
    }
}
