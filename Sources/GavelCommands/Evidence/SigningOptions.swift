// How a command that writes signs its checkpoints.

import ArgumentParser
import Gavel
import GavelProgram

/// Which key signs, and where checkpoints go besides the ledger's folder.
struct SigningOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The file of the key that signs checkpoints, for a ledger that has none in its folder "
                + "(default: a new ledger's is made).", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "Where each checkpoint is written once more, best on another machine's disk.",
            valueName: "file"))
    var checkpointCopy: String?

    /// - Throws: `Failure` when there is no key in the file.
    func apply(to configuration: inout Configuration) throws {
        configuration.signingKey = try key.map { try readSigningKey($0) }
        if let checkpointCopy {
            // A checkpoint that stands there is compared by the engine, which knows the log.
            try NamedOutput(checkpointCopy, .checkpoint, option: "--checkpoint-copy").check()
        }
        configuration.checkpointCopyPath = checkpointCopy
    }
}

/// Whether another key may take the place of one that is lost.
struct NewKeyOption: ParsableArguments {
    @Flag(
        name: .customLong("new-key"),
        help: ArgumentHelp(
            "Where the ledger's key is lost, go on with another: whatever was signed before is "
                + "checked by the former one for ever."))
    var isWanted = false
}

/// Reads a signing key from its file.
/// - Throws: `Failure` naming the file, never showing the key.
func readSigningKey(_ path: String) throws -> SigningKey {
    do {
        return try SigningKey(String(decoding: try readWholeFile(path), as: UTF8.self))
    } catch let error as EvidenceError {
        throw Failure(.usage, "\(path): \(error.reason)")
    }
}
