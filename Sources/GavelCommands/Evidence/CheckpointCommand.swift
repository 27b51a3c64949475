// `gavel audit checkpoint`: the signed head of the log, held against the log.

import ArgumentParser
import Gavel
import GavelProgram
import Platform

struct CheckpointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Print the last signed checkpoint, checked against the log.",
        discussion: """
              gavel audit checkpoint --ledger house
              gavel audit checkpoint --ledger house --key house.vkey
              gavel audit checkpoint --ledger house --add cosigned.txt --witness witness.vkey

            Prints the note as it stands in the ledger's folder, byte for byte, once the log has \
            its entries and its root. --key checks the signature as well: a verifier key, or a \
            file of them. --add takes up a copy that witnesses have cosigned, and prints what is \
            kept of those now: this one, or a larger one from before. Ends with 1 where log and \
            checkpoint disagree.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("Who must have signed it.", valueName: "vkey|file"))
    var key: String?

    @Option(help: ArgumentHelp("A cosigned copy to be kept.", valueName: "file"))
    var add: String?

    @Option(help: ArgumentHelp("Whose cosignatures count.", valueName: "vkey|file"))
    var witness: String?

    func validate() throws {
        if add != nil, witness == nil {
            throw ValidationError("--add needs --witness: the key of who cosigned.")
        }
    }

    func run() throws {
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        let keys = try key.map { try reader.keys(followedFrom: try verifierKeys($0)) }
        if let add {
            let checkpoint = try readCheckpoint(add)
            let witnesses = try verifierKeys(witness!)
            try judged { try reader.keep(checkpoint, keys: keys, witnesses: witnesses) }
        }
        let stored = try add == nil ? reader.checkpoint() : reader.witnessedCheckpoint()
        guard let checkpoint = stored else {
            throw Failure(
                .finding,
                reader.missingCheckpoint?.reason ?? "\(ledger.path) has no checkpoint yet")
        }
        try judged { try reader.check(checkpoint, keys: keys) }
        try withOutput { $0.write(checkpoint.bytes) }
    }

    private func readCheckpoint(_ path: String) throws -> SignedCheckpoint {
        do { return try SignedCheckpoint(parsing: try readWholeFile(path)) } catch let error
            as EvidenceError
        { throw Failure(.usage, "\(path): \(error.reason)") }
    }

    /// A disagreement is what this command is there to find.
    private func judged(_ body: () throws -> Void) throws {
        do { try body() } catch let error as LedgerError where error.code == .checkpointMismatch {
            throw Failure(.finding, error.reason)
        } catch let error as EvidenceError {
            throw Failure(.finding, error.reason)
        }
    }
}

struct RotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Let another key sign checkpoints from now on.",
        discussion: """
              gavel audit rotate-key --ledger house
              gavel audit rotate-key --ledger house --key new.key

            The former key signs the change in the log, so that whoever trusts it can follow. \
            Prints the new verifier key: publish it. Needs the ledger for itself.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var mapBytes: MapBytesOption

    @Option(
        help: ArgumentHelp("The file of the new key (default: one is made).", valueName: "file"))
    var key: String?

    func run() async throws {
        let new = try key.map { try readSigningKey($0) }
        var configuration = Configuration()
        configuration.createsIfMissing = false
        mapBytes.apply(to: &configuration)
        configuration.closing = .held
        let verifier = try await Ledger.withLedger(at: ledger.path, configuration: configuration) {
            try await $0.rotateKey(to: new)
        }
        try withOutput(after: "the key is replaced") { $0.write("\(verifier)\n") }
    }
}
