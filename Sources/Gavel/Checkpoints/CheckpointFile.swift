// The last checkpoint as it stands beside the log, and what it means when the two disagree.
//
// Invariant: a ledger whose log cannot live up to what was signed is not written to.

internal import AuctionDomain
internal import LMDB

/// `DIR/checkpoint`, or a copy of it elsewhere.
struct CheckpointFile {
    let path: String

    /// - Returns: nil when there is none.
    /// - Throws: `LedgerError` with `checkpointMismatch` when it is no checkpoint.
    func read() throws -> SignedCheckpoint? {
        guard FileSystem.exists(path) else { return nil }
        let bytes = try FileSystem.readFile(path)
        do {
            return try SignedCheckpoint(parsing: bytes)
        } catch {
            throw LedgerError(.checkpointMismatch, "\(path) is no checkpoint: \(error.reason)")
        }
    }

    /// Replaces the file: whoever reads it sees the old or the new one, also after a crash.
    func write(_ checkpoint: SignedCheckpoint) throws {
        try FileSystem.writeFileAtomically(path, checkpoint.bytes, mode: 0o644)
    }

    /// Holds a log against what was signed.
    /// - Parameters:
    ///   - tree: the log's tree; its size is the number of entries that are there.
    ///   - keys: whose signature is expected; nil where the key is not known.
    /// - Throws: `LedgerError` with `checkpointMismatch`; what reading throws.
    func check(
        _ signed: SignedCheckpoint, _ tree: LogTree, keys: [VerifierKey]?
    ) throws {
        let checkpoint = signed.checkpoint
        if let keys {
            do {
                _ = try signed.verified(by: keys)
            } catch {
                throw LedgerError(
                    .checkpointMismatch,
                    "\(path) is not signed by this ledger: \(error.reason); somebody replaced "
                        + "the file or the key")
            }
        }
        guard checkpoint.size <= tree.size else {
            throw LedgerError(
                .checkpointMismatch,
                "\(path) was signed for \(checkpoint.size) entries, but the log has "
                    + "\(tree.size): entries that people hold receipts for are missing, so the log "
                    + "was replaced by an older copy or cut. Nothing was changed. Put the newer "
                    + "log back, or go on without those entries by gavel restore --accept-loss")
        }
        guard try tree.tree(of: checkpoint.size).root == checkpoint.root else {
            throw LedgerError(
                .checkpointMismatch,
                "\(path) was signed for other entries than the first \(checkpoint.size) of this "
                    + "log: the log was rewritten, or belongs to another ledger. Nothing was "
                    + "changed. Put the right log back, or go on with this one under another name "
                    + "by gavel restore --accept-loss")
        }
    }
}
