// A ledger's checkpoints for whoever embeds it: the last one, one right now, those that are kept,
// another key.

internal import AuctionDomain
internal import Logging
internal import Platform
internal import Synchronization

extension Ledger {
    /// The checkpoint signed last; nil before the first.
    public var checkpoint: SignedCheckpoint? { signer.signed }

    /// The key that checkpoints are checked with: give it to everybody.
    public var verifierKey: VerifierKey { signer.key.verifier }

    /// Signs everything that is durable now, unless that is done already.
    /// - Throws: `LedgerError` with `storage`, or with `fenced` where the ledger was moved or
    ///   replaced while it was open.
    /// - Complexity: one signature and two flushes.
    @discardableResult
    public func signCheckpoint() throws(LedgerError) -> SignedCheckpoint {
        do { return try signer.signNow() } catch {
            throw LedgerError(error, while: "signing a checkpoint")
        }
    }

    /// The checkpoints that are kept, and the last one, the oldest first: of the newest thousand
    /// all, before them the last of every hour, and further back the last of every day.
    /// - Throws: `LedgerError` with `storage`.
    /// - Complexity: O(their number); the first call also reads the file.
    public func checkpoints() throws(LedgerError) -> [SignedCheckpoint] {
        do { return try signer.history() } catch {
            throw LedgerError(error, while: "reading the checkpoints")
        }
    }

    /// Lets another key sign from now on. The former one signs that in the log, and a last
    /// checkpoint over it, so whoever trusts it can follow.
    ///
    /// Once the entry is in the log the key is replaced. A checkpoint or a key file that cannot be
    /// written then is tried again, by this ledger and by the next opening; the configuration's
    /// logger gets a warning.
    /// - Parameter key: nil draws a new one. Its name must be the former one's.
    /// - Returns: the new key's public half.
    /// - Throws: `LedgerError` with `storage` where nothing was replaced; with `keyMismatch`, also
    ///   while another rotation is under way; with `checkpointMismatch` where somebody has signed
    ///   another history; and with `outcomeUnknown` when the commit failed: reopening then finishes
    ///   or undoes the rotation.
    public func rotateKey(to key: SigningKey? = nil) async throws(LedgerError) -> VerifierKey {
        do {
            return try await signer.rotating { try await rotateSigner(to: key) }
        } catch { throw LedgerError(error, while: "replacing the key") }
    }

    private func rotateSigner(to key: SigningKey?) async throws -> VerifierKey {
        let former = signer.key
        let new = try key ?? .generate(name: former.verifier.name)
        guard new.verifier.name == former.verifier.name, new.verifier != former.verifier else {
            throw LedgerError(
                .keyMismatch,
                "expected another key named \(former.verifier.name), got \(new.verifier)")
        }
        let (id, state) = reading.readState.withLock { ($0.state.ledgerID!, $0.state) }
        let place = LedgerKey(store: store, state: state, logger: logger)
        do {
            let rotation = try KeyRotation(of: id, from: former, to: new.verifier)
            try place.prepare(new)
            try await rotate(rotation)
        } catch {
            switch (error as? LedgerError)?.code {
            // The next opening needs the key to finish, or the place is another's by now.
            case .outcomeUnknown, .fenced: break
            case _: place.forget()
            }
            throw error
        }
        // The log names the new key: from here on it signs, whatever the disk does.
        signer.replaceKey(by: new)
        do { try signer.signNow() } catch let error as FileError {
            logger.warning(
                "the key is replaced; what could not be written is tried again",
                metadata: ["why": "\(error)"])
        }
        return new.verifier
    }
}

extension LedgerReader {
    /// The checkpoint that stands beside the log.
    /// - Returns: nil when there is none.
    /// - Throws: `LedgerError` with `checkpointMismatch` when it is no checkpoint, or `storage`.
    public func checkpoint() throws(LedgerError) -> SignedCheckpoint? {
        try read(CheckpointFile.init(lastOf:))
    }

    /// The checkpoints that are kept, and the last one, the oldest first, as `Ledger.checkpoints()`
    /// has them. Each is as it stands in the file: hold it against the log by `check`.
    /// - Throws: as `checkpoint()`.
    public func checkpoints() throws(LedgerError) -> [SignedCheckpoint] {
        let last = try checkpoint()
        return try keptCheckpoints().checkpoints.followed(by: last)
    }

    /// The checkpoints that are kept, without the last one, which may be missing or damaged.
    /// - Returns: also the file where some of it is no checkpoint, or stands out of order; nil
    ///   where it is sound.
    package func keptCheckpoints() throws(LedgerError) -> (
        checkpoints: [SignedCheckpoint], damaged: String?
    ) {
        guard let store else { return ([], nil) }
        let place = store.place(of: .keptCheckpoints)
        do {
            let history = try CheckpointHistory(in: store)
            return (history.checkpoints, history.isDamaged ? place : nil)
        } catch {
            throw LedgerError(error, while: "reading \(place)")
        }
    }

    /// The keys of the ledger's last checkpoints: the one that signs, and the one before it, as far
    /// as the log names them; then the one in its folder. `ownKeys` has those of all its rotations.
    /// - Parameter origin: the ledger's name in checkpoints.
    /// - Complexity: O(1).
    package func latestKeys(origin: String) throws -> [VerifierKey] {
        let (signing, former) = reading.readState.withLock {
            ($0.state.signingKey, $0.state.formerKey)
        }
        let named = try [signing, former].compactMap { $0 }.map {
            try VerifierKey(named: origin, $0)
        }
        // Where the log names a key, one in the folder that cannot be read is in nobody's way.
        let own = named.isEmpty ? try verifierKey() : try? verifierKey()
        return named + [own].compactMap { $0 }.filter { !named.contains($0) }
    }

    /// The keys of which one must have signed the last checkpoint; nil where none is known, since
    /// the log names none and the one in the folder cannot be read.
    func knownKeys(of last: SignedCheckpoint) -> [VerifierKey]? {
        let keys = (try? latestKeys(origin: last.checkpoint.origin)) ?? []
        return keys.isEmpty ? nil : keys
    }

    /// The largest checkpoint that witnesses have cosigned.
    /// - Throws: as `checkpoint()`.
    public func witnessedCheckpoint() throws(LedgerError) -> SignedCheckpoint? {
        try read(CheckpointFile.init(witnessedOf:))
    }

    private func read(
        _ file: (any LedgerStore) -> CheckpointFile
    ) throws(LedgerError) -> SignedCheckpoint? {
        guard let file = store.map(file) else { return nil }
        do { return try file.read() } catch {
            throw LedgerError(error, while: "reading \(file.name)")
        }
    }

    /// Holds the log against a checkpoint: it must have its entries and their root. That is the
    /// whole log, as far as it is durable, also where this reader looks at its past.
    /// - Parameter keys: who must have signed it; nil trusts the signature.
    /// - Throws: `LedgerError` with `checkpointMismatch`, `damaged` or `storage`.
    /// - Complexity: O(256) reads.
    public func check(
        _ checkpoint: SignedCheckpoint, keys: [VerifierKey]? = nil
    ) throws(LedgerError) {
        let file =
            store.map(CheckpointFile.init(lastOf:)) ?? CheckpointFile(knownAt: "the checkpoint")
        do {
            let size = try store.map { try $0.durableCount(reading.log) } ?? reflects
            try file.check(checkpoint, LogTree(of: reading.log, size: size), keys: keys)
        } catch {
            throw LedgerError(error, while: "checking the checkpoint")
        }
    }

    /// Keeps a checkpoint that witnesses have cosigned beside the log, unless a larger one is kept
    /// already.
    /// - Parameters:
    ///   - keys: of the ledger; nil takes its own, also those before a rotation.
    ///   - witnesses: at least one of them must have cosigned.
    /// - Throws: `EvidenceError.notSigned`; `LedgerError` as `check`.
    public func keep(
        _ cosigned: SignedCheckpoint, keys: [VerifierKey]? = nil, witnesses: [VerifierKey]
    ) throws {
        guard let store else {
            throw LedgerError(.storage, "a ledger as of a past moment keeps no checkpoints")
        }
        let known = try keys ?? ownKeys()
        let verified = try cosigned.verified(by: known, witnesses: witnesses)
        guard !verified.cosignatures.isEmpty else {
            throw EvidenceError(.notSigned, "none of the witnesses has cosigned the checkpoint")
        }
        try check(cosigned, keys: known)
        let file = CheckpointFile(witnessedOf: store)
        do {
            try file.replace(by: cosigned) { kept in
                guard let kept else { return true }
                if kept.checkpoint.size > cosigned.checkpoint.size { return false }
                // Where it is of another history it is the proof of that.
                try file.checkReplaced(
                    kept, origin: verified.origin, tree(ofSize: cosigned.checkpoint.size),
                    keys: known)
                return true
            }
        } catch {
            throw LedgerError(error, while: "replacing \(file.name)")
        }
    }
}

extension LedgerReader {
    /// A checkpoint over all entries of a copy, signed with the ledger's key.
    /// - Returns: nil where there is no key that can be read, or entries do not become durable.
    func coveringCheckpoint(
        ofCopy copy: any LogReader, durableCount: () throws -> UInt64
    ) throws -> SignedCheckpoint? {
        let size = try copy.entryCount
        guard try isReached(size, by: durableCount) else { return nil }
        return try coveringCheckpoint(of: copy, size: size)
    }

    /// A checkpoint over the first entries of this log or of a copy of it: the last one where that
    /// covers all, else one signed now with the ledger's key.
    /// - Returns: nil where there is no key that can be read, or no checkpoint of it that the log
    ///   lives up to: such a log is signed by nobody.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    func coveringCheckpoint(of log: any LogReader, size: UInt64) throws -> SignedCheckpoint? {
        guard let store, let last = try checkpoint() else { return nil }
        let tree = LogTree(of: log, size: size)
        guard last.checkpoint.size <= size else { return nil }
        guard try tree.tree(of: last.checkpoint.size).root == last.checkpoint.root else {
            return nil
        }
        let known = knownKeys(of: last)
        guard known == nil || (try? last.verified(by: known ?? [])) != nil else { return nil }
        if last.checkpoint.size == size { return last }
        guard let key = try? LedgerKey.read(.key, in: store),
            key.verifier.name == last.checkpoint.origin
        else { return nil }
        // Where the log names the key that signs, no other one does.
        guard known?.first == key.verifier else { return nil }
        return try Checkpoint(
            origin: key.verifier.name, size: size, root: try tree.tree(of: size).root
        ).signed(by: key, atSeconds: SystemClock().now().evidenceSeconds)
    }
}

/// Waits until a ledger's entries up to a size are durable: readers of the same file see a frame a
/// little before it is, and only what is durable is signed.
/// - Returns: false where that does not come within seconds, because the writer has failed.
func isReached(_ size: UInt64, by durableCount: () throws -> UInt64) throws -> Bool {
    for _ in 0..<1_000 {
        if try durableCount() >= size { return true }
        FileSystem.pauseBriefly()
    }
    return try durableCount() >= size
}
