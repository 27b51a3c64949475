// `gavel audit witness`: looks at a ledger once, remembers what it saw, and cosigns it when it goes
// on from all it has seen before.
//
// Invariants: what was seen is stored before the cosigned checkpoint is given out; two runs never
// hold the same file at once.

import ArgumentParser
import Gavel
import GavelProgram

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct WitnessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness",
        abstract: "Cosign a ledger's checkpoint if it goes on from what was seen before.",
        discussion: """
              gavel audit witness --make-key witness.example/w1 --key witness.key
              gavel audit witness --key witness.key --state seen --log-key house.vkey \
            --tiles public --output cosigned
              gavel audit checkpoint --ledger house --add cosigned --witness witness.vkey

            A witness is only worth something on another machine, in other hands than the \
            ledger's. It needs the tiles of `export-tiles` (or the ledger itself, --ledger), \
            never the entries. What it sees first it takes as it is; from then on it ends with 1, \
            and says why, when entries were taken away or changed.
            """)

    @Option(help: ArgumentHelp("The witness's key file.", valueName: "file"))
    var key: String

    @Option(help: ArgumentHelp("Make the key file, print its vkey, and end.", valueName: "name"))
    var makeKey: String?

    @Option(help: ArgumentHelp("What was seen; made when missing.", valueName: "file"))
    var state: String?

    @Option(help: ArgumentHelp("The ledger's verifier key.", valueName: "vkey|file"))
    var logKey: String?

    @Option(
        help: ArgumentHelp("A folder of exported tiles.", valueName: "dir"), transform: folderPath)
    var tiles: String?

    @Option(help: ArgumentHelp("The ledger's folder.", valueName: "dir"), transform: folderPath)
    var ledger: String?

    @OptionGroup var rotation: RotationOption

    @Option(help: ArgumentHelp("Write to a file instead of standard output.", valueName: "file"))
    var output: String?

    func validate() throws {
        if makeKey != nil { return }
        guard state != nil, logKey != nil else {
            throw ValidationError("Expected --state and --log-key, or --make-key.")
        }
        guard (tiles == nil) != (ledger == nil) else {
            throw ValidationError("Expected one of --tiles and --ledger.")
        }
    }

    func run() throws {
        if let makeKey {
            try make(makeKey)
            return
        }
        let witness = try readKey()
        let keys = try rotation.followed(from: try verifierKeys(logKey!))
        let memory = NamedOutput(state!, .witnessState, option: "--state")
        try memory.check()
        guard !memory.isStream else {
            throw Failure(.usage, "--state \(state!) is no file, so nothing is remembered in it")
        }
        try checkResult(output, .checkpoint)
        let lock = try FileLock("\(state!).lock")
        defer { lock.release() }
        var seen = try readState()
        let cosigned = try reportingEvidence(.finding) {
            if let ledger {
                let reader = try LedgerReader.openAndWait(at: ledger)
                defer { reader.close() }
                let head = try reader.signedHead(covering: nil)
                    .verified(by: try reader.keys(followedFrom: keys))
                return try cosign(head, &seen, reader.tree(ofSize: head.size), witness)
            }
            let (head, nodes) = try tileHashes(in: tiles!)
            return try cosign(try head.verified(by: keys), &seen, nodes, witness)
        }
        try memory.write(seen.bytes)
        try writeResult(cosigned.bytes, to: output, .checkpoint)
    }

    private func cosign(
        _ head: SignedCheckpoint.Verified, _ seen: inout WitnessState, _ nodes: some TreeHashes,
        _ witness: WitnessKey
    ) throws -> SignedCheckpoint {
        if seen.latest(of: head.origin) == nil {
            printError("note: \(head.origin) is seen for the first time, and taken as it is")
        }
        return try seen.cosign(
            head, tree: nodes, by: witness,
            atSeconds: Configuration().clock.now().evidenceSeconds)
    }

    private func make(_ name: String) throws {
        guard !isThere(key) else {
            throw Failure(.usage, "\(key) exists already; a key is never replaced")
        }
        let made: WitnessKey
        do { made = try .generate(name: name) } catch { throw Failure(.usage, error.reason) }
        try NamedOutput(key, .newKey, option: "--key").write(Array(made.fileText.utf8), mode: 0o600)
        try withOutput { $0.write("\(made.verifier)\n") }
    }

    private func readKey() throws -> WitnessKey {
        do {
            return try WitnessKey(String(decoding: try readWholeFile(key), as: UTF8.self))
        } catch let error as EvidenceError { throw Failure(.usage, "\(key): \(error.reason)") }
    }

    private func readState() throws -> WitnessState {
        guard isThere(state!) else { return WitnessState() }
        let bytes = try readWholeFile(state!)
        // What `mktemp` has made.
        guard !bytes.isEmpty else { return WitnessState() }
        do { return try WitnessState(parsing: bytes) } catch {
            throw Failure(.usage, "\(state!): \(error.reason)")
        }
    }
}

/// Keeps other processes out while it is held.
private struct FileLock {
    private let descriptor: Int32

    /// - Throws: `Failure` when another process holds it.
    init(_ path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure("\(path) cannot be written", errno: errno)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Failure(.unusable, "another witness is at work with \(path)")
        }
    }

    func release() { close(descriptor) }
}
