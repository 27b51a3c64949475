// The key in a ledger's folder: made with the ledger, or given; replaced only by a rotation that
// the log holds.
//
// Invariants: `DIR/key` is readable by its owner alone, and is written only once a checkpoint of it
// stands; where the log names the key that signs, no other one does; a rotation cut short by a
// crash is finished, or undone where its entry never became durable.

internal import AuctionDomain
internal import LMDB
internal import Logging

extension LedgerID {
    /// What a ledger calls itself in checkpoints, unless its key was given another name.
    public var origin: String { "gavel-ledger/\(hexadecimal)" }
}

extension VerifierKey {
    /// The 32 bytes as the log holds them.
    package var bytes32: Bytes32 { Bytes32(publicKey)! }

    /// A key that a log names.
    /// - Throws: `EvidenceError.malformed` where the name cannot be one of a key.
    package init(named name: String, _ key: Bytes32) throws(EvidenceError) {
        try self.init(name: name, type: .signature, publicKey: key.bytes)
    }
}

extension State {
    /// The key before the one that signs, where the log names it: the last checkpoint before a
    /// rotation is signed by it.
    /// - Parameter name: the ledger's name in checkpoints.
    func formerVerifier(named name: String) throws(EvidenceError) -> VerifierKey? {
        guard let formerKey else { return nil }
        return try VerifierKey(named: name, formerKey)
    }
}

extension KeyRotation {
    /// The words that the former key signs (article LogFormat).
    package static func message(of ledger: LedgerID, former: Bytes32, new: Bytes32) -> [UInt8] {
        let lines = [
            "gavel.rotate-key/v1", ledger.hexadecimal, former.hexadecimal, new.hexadecimal,
        ]
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    /// A rotation of a ledger's key, signed by the former one.
    /// - Throws: `EvidenceError.signing`.
    package init(
        of ledger: LedgerID, from former: SigningKey, to new: VerifierKey
    ) throws(EvidenceError) {
        let (key, previous) = (new.bytes32, former.verifier.bytes32)
        let signature = try former.signature(
            of: Self.message(of: ledger, former: previous, new: key))
        self.init(
            key: key, previous: previous,
            signature: (Bytes32(signature.prefix(32))!, Bytes32(signature.suffix(32))!))
    }

    /// Whether the former key signed.
    package func isSigned(of ledger: LedgerID) -> Bool {
        guard let former = try? VerifierKey(named: "former", previous) else { return false }
        return former.isSignature(
            signature.0.bytes + signature.1.bytes,
            of: Self.message(of: ledger, former: previous, new: key))
    }
}

/// The key of a ledger and where it is kept.
struct LedgerKey {
    let folder: LedgerFolder
    let state: State
    let logger: Logger

    /// The key that signs from now on, and whether it was made just now and is yet to be written.
    /// - Parameters:
    ///   - id: the ledger's id.
    ///   - given: the key to use where there is none yet.
    ///   - origin: what the ledger called itself before, if that is known.
    ///   - isRenamed: whether the ledger gets another name now, so that the log names no key.
    /// - Throws: `LedgerError` with `keyMismatch` or `storage`; `EvidenceError`.
    func open(
        id: LedgerID, given: SigningKey?, origin: String?, isRenamed: Bool = false
    ) throws -> (key: SigningKey, isNew: Bool) {
        try finishRotation()
        if FileSystem.exists(folder.key) {
            let key = try Self.read(folder.key)
            if let given, given.verifier != key.verifier {
                throw LedgerError(
                    .keyMismatch,
                    "\(folder.key) holds \(key.verifier), not the key that was given; a key is "
                        + "replaced by a rotation only")
            }
            try check(key)
            return (key, false)
        }
        let key = try given ?? .generate(name: origin ?? id.origin)
        if !isRenamed { try check(key) }
        if state.entryCount > 0, !isRenamed {
            logger.warning(
                "there was no key: checkpoints are signed by this one from now on",
                metadata: ["key": "\(key.verifier)"])
        }
        return (key, true)
    }

    /// Writes a key that only its owner may read.
    static func write(_ key: SigningKey, to path: String) throws {
        try FileSystem.writeFileAtomically(path, Array(key.fileText.utf8), mode: 0o600)
    }

    /// Writes the key that a rotation is about to name.
    func prepareRotation(to key: SigningKey) throws {
        try Self.write(key, to: folder.nextKey)
    }

    /// Puts the next key in its place once the log names it.
    func finishRotation() throws {
        guard FileSystem.exists(folder.nextKey) else { return }
        let next = try Self.read(folder.nextKey)
        if state.signingKey == next.verifier.bytes32 {
            try FileSystem.rename(folder.nextKey, to: folder.key)
        } else {
            try FileSystem.remove(folder.nextKey)
        }
    }

    private func check(_ key: SigningKey) throws(LedgerError) {
        guard let named = state.signingKey, named != key.verifier.bytes32 else { return }
        throw LedgerError(
            .keyMismatch,
            "the log names another key than \(key.verifier); put the right one into "
                + "\(folder.key), or restore with --accept-loss under a new name")
    }

    static func read(_ path: String) throws -> SigningKey {
        let bytes = try FileSystem.readFile(path)
        do {
            return try SigningKey(try validText(bytes, path))
        } catch {
            throw LedgerError(.keyMismatch, "\(path): \(error.reason)")
        }
    }
}
