// The key in a ledger's store: made with the ledger, or given; replaced only by a rotation that
// the log holds.
//
// Invariants: the key is readable by its owner alone, and stands there only once a checkpoint of it
// does; before the log's first entry it is the next key, so that a log that has entries and no key
// is one whose key was taken away, and is written to by no other unless that is asked for;
// where the log names the key that signs, no other one does; a rotation cut short by a crash is
// finished, or undone where its entry never became durable; whatever is refused because of a key
// says which one is wanted and what to do, and offers another one only where that can sign.

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
    let store: any LedgerStore
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
        state.entryCount > 0 && !(isBeginning && !store.contains(.key))
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
        if store.contains(.key) {
            return Opened(key: try standing(.key, given))
        }
        if state.entryCount > 0, isBeginning, store.contains(.nextKey) {
            return Opened(key: try standing(.nextKey, given), isNew: true)
        }
        let name = signed?.checkpoint.origin ?? id.origin
        guard state.entryCount > 0, !isRenamed else {
            return Opened(key: try given ?? .generate(name: name), isNew: true)
        }
        let mayBeMade = configuration.replacesLostKey && state.signingKey == nil
        guard given != nil || mayBeMade else { throw lost(named: name) }
        let key = try given ?? .generate(name: name)
        try check(key, called: "\(key.verifier), which was given,")
        // The log names no key, or this one: then it may have signed since.
        let isOwn = state.signingKey != nil || signed?.isClaimed(byOneOf: [key.verifier]) == true
        if isOwn { return Opened(key: key, isNew: true) }
        guard configuration.replacesLostKey else {
            throw LedgerError(
                .keyMismatch,
                "\(key.verifier), which was given, has not signed "
                    + "\(store.place(of: .checkpoint)). Give the ledger's own key; "
                    + remedyWhereLost)
        }
        return Opened(key: key, isNew: true, replacesLost: true)
    }

    // MARK: Refusals

    /// A log has entries, and its key is not there.
    /// - Parameter name: the ledger's name in checkpoints.
    func lost(named name: String) -> LedgerError {
        let wanted = state.signingKey.flatMap { try? VerifierKey(named: name, $0) }
        let which = wanted.map { "\($0), which the log names," } ?? "the ledger's key"
        return LedgerError(
            .keyMismatch,
            "\(store.name) has entries and no key. Nothing was changed. Put \(which) into "
                + "\(store.place(of: .key)), or give its file by --key; \(remedyWhereLost)")
    }

    /// What to do where the key cannot be put back.
    private var remedyWhereLost: String {
        let files = AdvisedCommand.Files(store.name)
        let renamed = AdvisedCommand.restoreWithoutCheckpoint.line(files)
        // No other one may sign in the place of a key that the log names.
        guard state.signingKey == nil else {
            return "where it is lost for good, go on under another name, by \(renamed)"
        }
        return "where it is lost for good, "
            + (store.contains(.key) ? "take \(store.place(of: .key)) away and " : "")
            + "go on with another, by \(AdvisedCommand.newKey.line(files)) (gavel-server takes "
            + "--new-key too), or under another name, by \(renamed)"
    }

    /// Reads the ledger's key from its folder, of which more is known than of any file.
    /// - Throws: `LedgerError` with `keyMismatch` where there is none in the file, `storage` where
    ///   it cannot be read; both say what to do.
    func read() throws(LedgerError) -> SigningKey { try read(.key, remedyWhereLost) }

    private func read(_ record: StoreRecord, _ remedy: String) throws(LedgerError) -> SigningKey {
        do { return try Self.read(record, in: store) } catch let error as LedgerError {
            throw LedgerError(error.code, "\(error.reason). Put the right one back; \(remedy)")
        } catch {
            throw LedgerError(
                .storage,
                "\(store.place(of: record)) cannot be read: \(error). Let this process read it; "
                    + remedy)
        }
    }

    /// Holds the last checkpoint against the log and against the key that opened it.
    /// - Parameter keys: whose signature is expected: that key's, or the one's before it.
    /// - Throws: `LedgerError` with `checkpointMismatch`; what reading throws.
    func check(
        _ signed: SignedCheckpoint, _ tree: LogTree, opened: Opened, keys: [VerifierKey]
    ) throws {
        if !opened.replacesLost {
            do { _ = try signed.verified(by: keys) } catch {
                let putBack = LedgerError.lostCheckpointRemedy(store)
                throw LedgerError(
                    .checkpointMismatch,
                    "\(store.place(of: .checkpoint)) is not signed by this ledger's key, "
                        + "\(opened.key.verifier): \(error.reason); somebody replaced the one or "
                        + "the other. Nothing was changed. Where it was the key, put the right one "
                        + "into \(store.place(of: .key)); \(remedyWhereLost). Where it was the "
                        + "checkpoint: \(putBack)")
            }
        }
        try CheckpointFile(lastOf: store).check(signed, tree, keys: nil)
    }

    /// Reads a key that stands in the store.
    private func standing(_ record: StoreRecord, _ given: SigningKey?) throws -> SigningKey {
        let key = try read(record, remedyWhereLost)
        let path = store.place(of: record)
        if let given, given.verifier != key.verifier {
            throw LedgerError(
                .keyMismatch,
                "\(path) holds \(key.verifier), not the key that was given; a key is replaced by "
                    + "a rotation only")
        }
        try check(key, called: "\(path) holds \(key.verifier), which")
        return key
    }

    /// Writes the key that a rotation is about to name, or that is about to sign first.
    func prepare(_ key: SigningKey) throws {
        try store.write(.nextKey, key.fileBytes)
    }

    /// Removes the key that no entry of the log will name.
    func forget() {
        // What stays is written over by the next rotation, or removed by the next opening.
        try? store.remove(.nextKey)
    }

    /// Puts the next key in its place once the log names it: the end of a rotation that a crash or
    /// a full disk cut short.
    private func finishRotation() throws {
        guard store.contains(.nextKey) else { return }
        let next = try read(
            .nextKey,
            "a rotation or a creation was cut short, and where \(store.place(of: .key)) is the key "
                + "that signs, take \(store.place(of: .nextKey)) away")
        if state.signingKey == next.verifier.bytes32 {
            try Self.store(next, in: store)
        } else if store.contains(.key) {
            try store.remove(.nextKey)
        }
    }

    /// - Parameter what: the key as it was come by; "is not the one" follows.
    private func check(_ key: SigningKey, called what: String) throws {
        guard let named = state.signingKey, named != key.verifier.bytes32 else { return }
        let wanted = try VerifierKey(named: key.verifier.name, named)
        throw LedgerError(
            .keyMismatch,
            "\(what) is not the key that the log names: \(wanted). Put that into "
                + "\(store.place(of: .key)); \(remedyWhereLost)")
    }

    /// Puts a key into its place, where the next one stands no more then.
    static func store(_ key: SigningKey, in store: any LedgerStore) throws {
        try store.write(.key, key.fileBytes)
        try store.remove(.nextKey)
    }

    /// Reads a key out of a store.
    /// - Throws: `LedgerError` with `keyMismatch` where it is none; what reading throws.
    static func read(_ record: StoreRecord, in store: any LedgerStore) throws -> SigningKey {
        let place = store.place(of: record)
        do {
            guard let bytes = try store.read(record) else {
                throw LedgerError(.keyMismatch, "\(place) is not there, or is no file")
            }
            return try parse(bytes, place)
        } catch is StoreRecord.Unreadable {
            throw LedgerError(.keyMismatch, "\(place) is a folder, not a key")
        }
    }

    /// Reads a key from whatever file, or from a pipe.
    /// - Throws: `LedgerError` with `keyMismatch` where there is none in it; `FileError`.
    static func read(_ path: String) throws -> SigningKey {
        if FileSystem.isDirectory(path) {
            throw LedgerError(.keyMismatch, "\(path) is a folder, not a key")
        }
        return try parse(try FileSystem.readFile(path), path)
    }

    private static func parse(_ bytes: [UInt8], _ path: String) throws -> SigningKey {
        if bytes.isEmpty { throw LedgerError(.keyMismatch, "\(path) is empty: there is no key") }
        do { return try SigningKey(try validText(bytes, path)) } catch {
            throw LedgerError(.keyMismatch, "\(path) is no key: \(error.reason)")
        }
    }
}
