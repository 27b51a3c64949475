// A ledger's evidence for whoever embeds it or hands it out: of an entry, of its growth, and its
// tree as static files.
//
// Invariant: all of it stands under a checkpoint that the log was held against first: what is
// given out can be checked, or is not given out.

internal import AuctionDomain
internal import Platform
internal import Synchronization

/// Whoever can give evidence of a log: an open `Ledger`, or a `LedgerReader` beside its writer.
package protocol LedgerEvidence: LedgerQueries {
    /// The checkpoint to prove under, held against the log: one that witnesses cosigned where that
    /// reaches beyond `position`, else the last one.
    /// - Throws: `EvidenceError.notProven` when there is none; `LedgerError`.
    func signedHead(covering position: UInt64?) throws -> SignedCheckpoint

    /// Signs a statement with the ledger's own key.
    /// - Throws: `EvidenceError.signing` where there is no key, or it cannot sign; `LedgerError`
    ///   with `keyMismatch` where the key's file is no key.
    func signed(_ statement: EntryStatement) throws -> SignedNote
}

extension LedgerReader {
    /// The key that checkpoints are checked with, out of the ledger's own key file: to be given to
    /// everybody, by another way than the checkpoints.
    /// - Returns: nil when the ledger has no key yet.
    /// - Throws: `LedgerError` with `keyMismatch` when the file is no key, or `storage`.
    public func verifierKey() throws -> VerifierKey? {
        try translated("reading the key") { try signingKey()?.verifier }
    }

    /// The key in the ledger's store; nil where there is none.
    private func signingKey() throws -> SigningKey? {
        guard let place, place.store.contains(.key) else { return nil }
        return try place.read()
    }

    /// The key's place; nil for a ledger as of a past moment.
    private var place: LedgerKey? {
        store.map { store in
            LedgerKey(
                store: store, state: reading.readState.withLock { $0.state }, logger: logger)
        }
    }

    /// Why there is no checkpoint beside a log that must have one; nil for one that never came to
    /// its first.
    package var missingCheckpoint: LedgerError? {
        guard let place, place.needsCheckpoint else { return nil }
        return .removedCheckpoint(place.store)
    }

    /// Why there is no key in the store of a ledger that has entries; nil where it has none.
    package var missingKey: LedgerError? {
        guard let place, let id = place.state.ledgerID else { return nil }
        let signed = try? checkpoint()
        return place.lost(named: signed?.checkpoint.origin ?? id.origin)
    }
}

extension LedgerEvidence {
    /// What `evidence(ofEntryAt:)` gives.
    package func evidenceBundle(ofEntryAt position: UInt64) throws -> EvidenceBundle {
        let checkpoint = try signedHead(covering: position)
        guard position < checkpoint.checkpoint.size else {
            throw EvidenceError.notCovered(position, by: checkpoint)
        }
        return try translated("making evidence") {
            try EvidenceBundle.make(
                position: position, checkpoint: checkpoint, entries: reading.entries,
                tree: tree(ofSize: checkpoint.checkpoint.size), showsKeys: hasRotations)
        }
    }

    /// The proof of an entry alone, with its bytes: without the names of what it speaks of, and so
    /// without any other entry.
    /// - Throws: as `evidence`.
    /// - Complexity: O(256) reads.
    package func proof(ofEntryAt position: UInt64) throws -> ProofFile {
        let checkpoint = try signedHead(covering: position)
        let size = checkpoint.checkpoint.size
        return try translated("making a proof") {
            guard position < size,
                let bytes = try reading.entries.bytes(in: position..<position + 1).first
            else { throw EvidenceError.notCovered(position, by: checkpoint) }
            let proof = try InclusionProof.make(
                of: bytes, at: position, in: tree(ofSize: size), under: checkpoint)
            return ProofFile(extra: bytes, proof: proof, checkpoint: checkpoint)
        }
    }

    /// The proof that the log goes on from its first entries, and the last checkpoint, to which it
    /// leads.
    /// - Throws: `EvidenceError.notProven` when fewer entries are signed; `LedgerError`.
    package func consistencyProof(
        from oldSize: UInt64
    ) throws -> (proof: ConsistencyProof, checkpoint: SignedCheckpoint) {
        let checkpoint = try signedHead(covering: nil)
        let size = checkpoint.checkpoint.size
        let proof = try translated("making a proof") {
            let tree = tree(ofSize: size)
            try tree.check(checkpoint)
            return try ConsistencyProof.make(from: oldSize, to: size, in: tree)
        }
        return (proof, checkpoint)
    }

    /// The ledger's tree as static files, up to the last checkpoint.
    /// - Throws: `EvidenceError.notProven` when there is no checkpoint; `LedgerError`.
    package func tileExport() throws -> TileExport {
        let checkpoint = try signedHead(covering: nil)
        let tree = tree(ofSize: checkpoint.checkpoint.size)
        try translated("exporting tiles") { try tree.check(checkpoint) }
        return TileExport(checkpoint: checkpoint, entries: reading.entries, tree: tree)
    }

    /// The nodes of the log's tree. The entries must be there.
    package func tree(ofSize size: UInt64) -> LogTree { LogTree(of: reading.log, size: size) }

    fileprivate func translated<R>(_ doing: String, _ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as EvidenceError { throw error } catch {
            throw LedgerError(error, while: doing)
        }
    }
}

extension Ledger {
    /// The evidence of an entry, under the checkpoint that witnesses cosigned where that reaches
    /// so far, else under the last one.
    ///
    /// It holds whole entries, also what the public is not shown: see the article Evidence.
    /// - Throws: `EvidenceError` with `notProven` when no checkpoint covers the entry yet;
    ///   `LedgerError` with `checkpointMismatch`, `damaged` or `storage`.
    /// - Complexity: O(entries up to the last registration that the entry rests on); O(entries)
    ///   where the ledger's key was rotated.
    public func evidence(ofEntryAt position: UInt64) throws -> EvidenceBundle {
        try evidenceBundle(ofEntryAt: position)
    }
}

extension LedgerReader {
    /// The evidence of an entry, as `Ledger.evidence(ofEntryAt:)` gives it.
    /// - Throws: as that; `LedgerError` with `closed`.
    public func evidence(ofEntryAt position: UInt64) throws -> EvidenceBundle {
        try evidenceBundle(ofEntryAt: position)
    }
}

extension LedgerReader: LedgerEvidence {
    public func signedHead(covering position: UInt64?) throws -> SignedCheckpoint {
        let last = try checkpoint()
        var best = last
        if let position, let witnessed = try witnessedCheckpoint(),
            witnessed.checkpoint.size > position
        {
            best = witnessed
        }
        guard let best else { throw missingCheckpoint ?? EvidenceError.noCheckpoint }
        // It may have been signed after this reader was opened.
        if best.checkpoint.size > reflects { try refresh() }
        try check(best, keys: best == last ? knownKeys(of: best) : nil)
        return best
    }

    package func signed(_ statement: EntryStatement) throws -> SignedNote {
        let key = try translated("reading the key") {
            guard let key = try signingKey() else {
                throw EvidenceError(
                    .signing, missingKey?.reason ?? "the ledger has no key, and nothing to sign")
            }
            return key
        }
        return try statement.signed(by: key)
    }
}

extension Ledger: LedgerEvidence {
    /// The ledger's own checkpoints need no check here: one of an earlier run was held against the
    /// log at opening, and all later ones are over what this process has stored.
    public func signedHead(covering position: UInt64?) throws -> SignedCheckpoint {
        if let position {
            let file = CheckpointFile(witnessedOf: store)
            let witnessed = try translated("reading \(file.name)") { try file.read() }
            if let witnessed, witnessed.checkpoint.size > position {
                try translated("checking the checkpoint") {
                    try file.check(witnessed, tree(ofSize: reflects), keys: nil)
                }
                return witnessed
            }
        }
        guard let checkpoint else { throw EvidenceError.noCheckpoint }
        return checkpoint
    }

    package func signed(_ statement: EntryStatement) throws -> SignedNote {
        try statement.signed(by: signer.key)
    }
}

extension LogTree {
    /// Holds the whole tree against the checkpoint over it.
    /// - Throws: `LogFault` where it has another root.
    fileprivate func check(_ checkpoint: SignedCheckpoint) throws {
        guard try tree(of: size).root == checkpoint.checkpoint.root else {
            throw LogFault(
                "the first \(size) entries do not give the root that was signed: "
                    + "\(AdvisedCommand.verify.line()) finds where")
        }
    }
}

extension InclusionProof {
    /// Makes the proof of an entry, and checks it before anybody else does.
    /// - Throws: as `make(index:size:in:)`; `LogFault` where it does not lead to the root.
    static func make(
        of entry: [UInt8], at position: UInt64, in tree: some TreeHashes,
        under checkpoint: SignedCheckpoint
    ) throws -> InclusionProof {
        let size = checkpoint.checkpoint.size
        let proof = try make(index: position, size: size, in: tree)
        let root = proof.root(fromLeaf: LedgerHash(leaf: entry), size: size)
        guard root == checkpoint.checkpoint.root else {
            throw LogFault(
                "entry \(position) and the stored hashes beside it do not give the root that was "
                    + "signed over \(size) entries: \(AdvisedCommand.verify.line()) finds where")
        }
        return proof
    }
}

extension EvidenceError {
    fileprivate static func notCovered(
        _ position: UInt64, by checkpoint: SignedCheckpoint
    ) -> EvidenceError {
        EvidenceError(
            .notProven,
            "no checkpoint covers position \(position) yet: \(checkpoint.checkpoint.size) entries "
                + "are signed")
    }

    static var noCheckpoint: EvidenceError {
        EvidenceError(.notProven, "the ledger has signed no checkpoint yet")
    }
}

/// A log's tree as the files of C2SP tlog-tiles. Used from one thread.
package final class TileExport {
    /// The file `checkpoint`, to be written last.
    package let checkpoint: SignedCheckpoint
    private let logEntries: CheckedEntries
    private let tree: LogTree

    fileprivate init(checkpoint: SignedCheckpoint, entries: CheckedEntries, tree: LogTree) {
        self.checkpoint = checkpoint
        logEntries = entries
        self.tree = tree
    }

    /// The tiles that the log has and had not yet at an earlier size.
    package func tiles(since oldSize: UInt64 = 0) -> some Sequence<HashTile> {
        HashTile.tiles(ofSize: checkpoint.checkpoint.size, since: oldSize)
    }

    /// A tile's bytes.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    package func bytes(of tile: HashTile) throws -> [UInt8] {
        do { return try tile.bytes(in: tree) } catch {
            throw LedgerError(error, while: "exporting \(tile.path)")
        }
    }

    /// The entries under a tile of level 0, as a bundle.
    ///
    /// These are the entries whole, also what the public is not shown.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    package func entries(under tile: HashTile) throws -> [UInt8] {
        precondition(tile.level == 0, "only tiles of leaves have entries under them")
        do {
            let first = UInt64(HashTile.widthMax) * tile.index
            let entries = try logEntries.bytes(in: first..<first + UInt64(tile.width))
            return try HashTile.bundle(of: entries)
        } catch {
            throw LedgerError(error, while: "exporting \(tile.entriesPath)")
        }
    }
}
