// A ledger's checkpoints for whoever embeds it: the last one, one right now, another key.

internal import AuctionDomain
internal import LMDB
internal import Synchronization

extension Ledger {
    /// The checkpoint signed last; nil before the first, and for a ledger that is in no folder.
    public var checkpoint: SignedCheckpoint? { signer?.signed }

    /// The key that checkpoints are checked with: give it to everybody.
    public var verifierKey: VerifierKey? { signer?.key.verifier }

    /// Signs everything that is durable now, unless that is done already.
    /// - Returns: nil for a ledger that is in no folder.
    /// - Throws: `LedgerError` with `storage`.
    /// - Complexity: one signature and two flushes.
    public func signCheckpoint() throws(LedgerError) -> SignedCheckpoint? {
        do { return try signer?.signNow() } catch {
            throw LedgerError(error, while: "signing a checkpoint")
        }
    }

    /// Lets another key sign from now on. The former one signs that in the log, and a last
    /// checkpoint over it, so whoever trusts it can follow.
    /// - Parameter key: nil draws a new one. Its name must be the former one's.
    /// - Returns: the new key's public half.
    /// - Throws: `LedgerError` with `keyMismatch` or `storage`, and with `outcomeUnknown` when the
    ///   commit failed: reopening then finishes or undoes the rotation.
    public func rotateKey(to key: SigningKey? = nil) async throws -> VerifierKey {
        guard let folder, let signer else {
            throw LedgerError(.storage, "only a ledger in a folder has a key")
        }
        let former = signer.key
        let new = try key ?? .generate(name: former.verifier.name)
        guard new.verifier.name == former.verifier.name, new.verifier != former.verifier else {
            throw LedgerError(
                .keyMismatch,
                "expected another key named \(former.verifier.name), got \(new.verifier)")
        }
        let (id, state) = reading.readState.withLock { ($0.state.ledgerID!, $0.state) }
        let store = LedgerKey(folder: folder, state: state, logger: logger)
        try store.prepareRotation(to: new)
        try await rotate(try KeyRotation(of: id, from: former, to: new.verifier))
        try signer.signNow()
        let after = reading.readState.withLock { $0.state }
        try LedgerKey(folder: folder, state: after, logger: logger).finishRotation()
        signer.replaceKey(by: new)
        try signer.signNow()
        return new.verifier
    }
}

extension LedgerReader {
    /// The checkpoint that stands beside the log.
    /// - Returns: nil when there is none.
    /// - Throws: `LedgerError` with `checkpointMismatch` when it is no checkpoint, or `storage`.
    public func checkpoint() throws(LedgerError) -> SignedCheckpoint? {
        try read(\.checkpoint)
    }

    /// The largest checkpoint that witnesses have cosigned.
    /// - Throws: as `checkpoint()`.
    public func witnessedCheckpoint() throws(LedgerError) -> SignedCheckpoint? {
        try read(\.witnessed)
    }

    private func read(
        _ name: KeyPath<LedgerFolder, String>
    ) throws(LedgerError) -> SignedCheckpoint? {
        guard let path = folder?[keyPath: name] else { return nil }
        do { return try CheckpointFile(path: path).read() } catch {
            throw LedgerError(error, while: "reading \(path)")
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
        let file = CheckpointFile(path: folder?.checkpoint ?? "the checkpoint")
        do {
            let size = try folder.map { try Self.durableCount(of: $0, reading.log) } ?? reflects
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
        guard let folder else {
            throw LedgerError(.storage, "only a ledger in a folder keeps checkpoints")
        }
        let known = try keys ?? ownKeys()
        let verified = try cosigned.verified(by: known, witnesses: witnesses)
        guard !verified.cosignatures.isEmpty else {
            throw EvidenceError(.notSigned, "none of the witnesses has cosigned the checkpoint")
        }
        try check(cosigned, keys: known)
        if let kept = try witnessedCheckpoint(), kept.checkpoint.size > cosigned.checkpoint.size {
            return
        }
        try CheckpointFile(path: folder.witnessed).write(cosigned)
    }
}
