// Whose signature a command expects, also after the ledger's key was rotated.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import Platform

/// The evidence of rotations, for who holds a former key.
struct RotationOption: ParsableArguments {
    @Option(
        name: .customLong("rotation"),
        help: ArgumentHelp(
            "Evidence of a rotation of the ledger's key (prove POSITION of its rotate_key entry): "
                + "who trusts the key before it then trusts the one after it. May be repeated, in "
                + "order.", valueName: "file"))
    var files: [String] = []

    /// The keys, and those that follow from them.
    /// - Throws: `Failure` naming the file that proves nothing.
    func followed(from keys: [VerifierKey]) throws -> [VerifierKey] {
        var keys = keys
        for file in files {
            do {
                keys = try EvidenceBundle(parsing: try readWholeFile(file)).check(by: keys).keys
            } catch let error as EvidenceError {
                throw Failure(
                    .finding,
                    "\(file) does not lead from the given key to another: \(error.reason) "
                        + "(\(error.code.rawValue))")
            }
        }
        return keys
    }
}

/// Reads verifier keys from an argument: a key itself, or the path of a file of keys.
func verifierKeys(_ text: String) throws -> [VerifierKey] {
    if let key = try? VerifierKey(text) { return [key] }
    guard isThere(text) else {
        throw Failure(.usage, "'\(text)' is neither a verifier key nor a file of them")
    }
    do { return try VerifierKey.keys(inFile: try readWholeFile(text)) } catch let error
        as EvidenceError
    { throw Failure(.usage, "\(text): \(error.reason)") }
}

/// Reads a file of evidence of any sort, or a service's proof in JSON.
/// - Throws: `Failure` naming the file.
func readEvidence(_ path: String) throws -> EvidenceFile {
    let bytes = try readWholeFile(path)
    return try proven(path) { try EvidenceFile(parsingOrJSON: bytes) }
}

/// Gives what a file of evidence proves.
/// - Throws: `Failure` naming the file where it does not.
func proven<R>(_ path: String, _ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as EvidenceError {
        throw Failure(.finding, "\(path) proves nothing: \(error.reason) (\(error.code.rawValue))")
    }
}

/// Lends the nodes of a folder of exported tiles, as many as its checkpoint says there are.
/// - Throws: `Failure` naming the file that is missing or no checkpoint.
func tileHashes(in folder: String) throws -> (head: SignedCheckpoint, nodes: TileHashes) {
    let path = "\(folder)/checkpoint"
    let head: SignedCheckpoint
    do { head = try SignedCheckpoint(parsing: try readWholeFile(path)) } catch let error
        as EvidenceError
    { throw Failure(.finding, "\(path) is no checkpoint: \(error.reason)") }
    let nodes = TileHashes(size: head.checkpoint.size) { name in
        let path = "\(folder)/\(name)"
        return isThere(path) ? try readWholeFile(path) : nil
    }
    return (head, nodes)
}
