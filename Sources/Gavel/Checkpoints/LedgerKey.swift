// The key in a ledger's folder: made with the ledger, or given; replaced only by a rotation that
// the log holds.
//
// Invariants: `DIR/key` is readable by its owner alone, and stands there only once a checkpoint of
// it does; before the log's first entry it is `DIR/key.next`, so that a log that has entries and no
// key is one whose key was taken away, and is written to by no other unless that is asked for;
// where the log names the key that signs, no other one does; a rotation cut short by a crash is
// finished, or undone where its entry never became durable.

internal import AuctionDomain
internal import Logging
internal import Platform

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

    /// Whether the log has no entries but those of its creation and of openings. So a crash leaves
    /// it that comes before the first checkpoint: nobody was admitted yet.
    private var isBeginning: Bool { LedgerKey.isBeginning(state.entryCount, epoch: state.epoch) }

    /// Whether so many entries are no more than those of a ledger's creation and its openings.
    static func isBeginning(_ entryCount: UInt64, epoch: UInt32) -> Bool {
        entryCount <= UInt64(epoch) + 1
    }

    /// Whether a checkpoint must stand beside the log.
    var needsCheckpoint: Bool {
        state.entryCount > 0 && !(isBeginning && !FileSystem.exists(folder.key))
    }

    /// The key that signs from now on.
    struct Opened {
        let key: SigningKey
        /// Whether it is yet to be stored.
        var isNew = false
        /// Whether it takes the place of one that is lost, which signed the last checkpoint.
        var replacesLost = false
    }

    /// Opens the key, or makes one where one is due. Writes nothing but the end of a rotation.
    /// - Parameters:
    ///   - id: the ledger's id.
    ///   - signed: the last checkpoint.
    ///   - isRenamed: whether the ledger gets another name now, so that the log names no key.
    /// - Throws: `LedgerError` with `keyMismatch` or `storage`; `EvidenceError`.
    func open(
        id: LedgerID, signed: SignedCheckpoint?, isRenamed: Bool, _ configuration: Configuration
    ) throws -> Opened {
        try finishRotation()
        let given = configuration.signingKey
        if FileSystem.exists(folder.key) {
            return Opened(key: try standing(folder.key, given))
        }
        if state.entryCount > 0, isBeginning, FileSystem.exists(folder.nextKey) {
            return Opened(key: try standing(folder.nextKey, given), isNew: true)
        }
        let key = try given ?? .generate(name: signed?.checkpoint.origin ?? id.origin)
        guard state.entryCount > 0, !isRenamed else { return Opened(key: key, isNew: true) }
        guard given != nil || configuration.replacesLostKey else {
            throw LedgerError.lostKey(folder)
        }
        try check(key)
        // The log names no key, or this one: then it may have signed since.
        let isOwn = state.signingKey != nil || signed?.isClaimed(byOneOf: [key.verifier]) == true
        if isOwn { return Opened(key: key, isNew: true) }
        guard configuration.replacesLostKey else {
            throw LedgerError(
                .keyMismatch,
                "\(key.verifier), which was given, has not signed \(folder.checkpoint): give the "
                    + "ledger's own key, or --new-key where that is lost")
        }
        logger.warning(
            """
            the key was lost: another one signs from now on, and the receipts and checkpoints of \
            before are checked by the former one
            """,
            metadata: ["key": "\(key.verifier)"])
        return Opened(key: key, isNew: true, replacesLost: true)
    }

    /// Reads a key that stands in the folder.
    private func standing(_ path: String, _ given: SigningKey?) throws -> SigningKey {
        let key = try Self.read(path)
        if let given, given.verifier != key.verifier {
            throw LedgerError(
                .keyMismatch,
                "\(path) holds \(key.verifier), not the key that was given; a key is replaced by "
                    + "a rotation only")
        }
        try check(key)
        return key
    }

    /// Writes a key that only its owner may read.
    static func write(_ key: SigningKey, to path: String) throws {
        try FileSystem.writeFileAtomically(path, Array(key.fileText.utf8), mode: 0o600)
    }

    /// Writes the key that a rotation is about to name, or that is about to sign first.
    func prepare(_ key: SigningKey) throws {
        try Self.write(key, to: folder.nextKey)
    }

    /// Removes the key that no entry of the log will name.
    func forget() {
        // What stays is written over by the next rotation, or removed by the next opening.
        if FileSystem.exists(folder.nextKey) { try? FileSystem.remove(folder.nextKey) }
    }

    /// Puts the next key in its place once the log names it: the end of a rotation that a crash or
    /// a full disk cut short.
    private func finishRotation() throws {
        guard FileSystem.exists(folder.nextKey) else { return }
        let next = try Self.read(folder.nextKey)
        if state.signingKey == next.verifier.bytes32 {
            try FileSystem.rename(folder.nextKey, to: folder.key)
        } else if FileSystem.exists(folder.key) {
            try FileSystem.remove(folder.nextKey)
        }
    }

    private func check(_ key: SigningKey) throws(LedgerError) {
        guard let named = state.signingKey, named != key.verifier.bytes32 else { return }
        throw LedgerError(
            .keyMismatch,
            "the log names another key than \(key.verifier); put the right one into "
                + "\(folder.key), or go on under another name by gavel restore \(folder.path) "
                + "--without-checkpoint")
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
