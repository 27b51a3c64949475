// The last checkpoint as it stands beside the log, and what it means when the two disagree.
//
// Invariants: a ledger whose log cannot live up to what was signed is not written to; a checkpoint
// is only ever replaced by one of a log that goes on from it; whatever is refused because of a file
// says what to do about it.

internal import AuctionDomain
internal import Platform

/// `DIR/checkpoint`, or a copy of it elsewhere.
struct CheckpointFile {
    let path: String
    /// What it is called in messages.
    let name: String
    private let part: Part

    /// What the file is for.
    private enum Part {
        /// A ledger's own last one.
        case last(LedgerFolder)
        /// What witnesses cosigned of a ledger.
        case witnessed(LedgerFolder)
        /// A copy of the last one at a path that somebody named.
        case copy(LedgerFolder)
        /// What a restore goes by.
        case known
    }

    /// The last one of a ledger.
    init(lastOf folder: LedgerFolder) {
        path = folder.checkpoint
        name = path
        part = .last(folder)
    }

    /// The largest one of a ledger that witnesses cosigned.
    init(witnessedOf folder: LedgerFolder) {
        path = folder.witnessed
        name = path
        part = .witnessed(folder)
    }

    /// A file besides a ledger's folder.
    init(copyAt path: String, of folder: LedgerFolder) {
        self.path = path
        name = path
        part = .copy(folder)
    }

    /// One that is known when a ledger is restored.
    init(knownAt path: String, called name: String? = nil) {
        self.path = path
        self.name = name ?? path
        part = .known
    }

    private var isCopy: Bool {
        if case .copy = part { true } else { false }
    }

    private var named: NamedFile { NamedFile(path, .checkpoint) }

    /// - Returns: nil when there is none. A device or a pipe holds none.
    /// - Throws: `LedgerError` with `checkpointMismatch` when it is no checkpoint.
    func read() throws -> SignedCheckpoint? {
        switch try FileSystem.kind(of: path) {
        case .file: break
        case .directory:
            throw noCheckpoint("it is a folder")
        case nil, .link, .pipe, .characterDevice, .blockDevice, .socket: return nil
        }
        let bytes = try FileSystem.readPrefix(path, byteCount: SignedNote.bytesMax + 1)
        // What `mktemp` has made for a copy.
        if isCopy, bytes.isEmpty { return nil }
        guard !bytes.isEmpty else { throw noCheckpoint("it is empty") }
        do {
            return try SignedCheckpoint(parsing: bytes)
        } catch {
            throw noCheckpoint(error.reason)
        }
    }

    private func noCheckpoint(_ reason: String) -> LedgerError {
        let remedy =
            switch part {
            case .last(let folder): LedgerError.lostCheckpointRemedy(folder)
            case .witnessed(let folder):
                "Put it back from a copy, or take it away: what witnesses cosigned they still "
                    + "have, and \(folder.path) goes on without it"
            case .copy: "Put it right, or name another file for the copy"
            case .known:
                "Give the newest one that is known by --checkpoint, or go on under another name "
                    + "by --without-checkpoint"
            }
        return LedgerError(.checkpointMismatch, "\(name) is no checkpoint: \(reason). \(remedy)")
    }

    /// Replaces the file: whoever reads it sees the old or the new one, also after a crash.
    /// - Throws: `NamedFileError` for a copy; `FileError`.
    func write(_ checkpoint: SignedCheckpoint) throws {
        if isCopy {
            try named.write(checkpoint.bytes, waits: false)
        } else {
            try FileSystem.writeFileAtomically(path, checkpoint.bytes, mode: 0o644)
        }
    }

    /// Checks, before anything is written anywhere, that a ledger may write its checkpoints here.
    /// - Parameters:
    ///   - origin: what the ledger calls itself.
    ///   - tree: the ledger's log.
    ///   - keys: its keys.
    /// - Throws: `LedgerError` with `checkpointMismatch` where another checkpoint, or something
    ///   else, stands there; `storage` where nothing can be written.
    func checkCopy(origin: String, _ tree: LogTree, keys: [VerifierKey]) throws {
        if let standing = try read() {
            try checkReplaced(standing, origin: origin, tree, keys: keys)
        }
        do { try named.check() } catch { throw LedgerError(.storage, error.reason) }
    }

    /// Checks that a checkpoint of this log may take the place of the one that stands here.
    /// - Throws: `LedgerError` with `checkpointMismatch`.
    func checkReplaced(
        _ standing: SignedCheckpoint, origin: String, _ tree: LogTree, keys: [VerifierKey]
    ) throws {
        guard isSame(standing.checkpoint.origin, origin) else {
            throw LedgerError(
                .checkpointMismatch,
                "\(name) is a checkpoint of \(standing.checkpoint.origin), not of \(origin): it "
                    + "is another ledger's, and was left as it is. Name another file for the copy")
        }
        // One by an unknown key, as an early one of the ledger may be, says what its root says.
        try check(standing, tree, keys: standing.isClaimed(byOneOf: keys) ? keys : nil)
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
                    "\(name) is not signed by this ledger: \(error.reason); somebody replaced "
                        + "the file or the key. Put the right one back")
            }
        }
        guard checkpoint.size <= tree.size else {
            throw LedgerError(
                .checkpointMismatch,
                "\(name) was signed for \(checkpoint.size) entries, but the log has "
                    + "\(tree.size): entries that people hold receipts for are missing, so the log "
                    + "was cut, or replaced by an older copy, as when a machine is put back to an "
                    + "earlier state. Nothing was changed. \(remedy("those entries"))")
        }
        guard try tree.tree(of: checkpoint.size).root == checkpoint.root else {
            throw LedgerError(
                .checkpointMismatch,
                "\(name) was signed for other entries than the first \(checkpoint.size) of this "
                    + "log: the log was rewritten, or went on from an older copy, or belongs to "
                    + "another ledger. Nothing was changed. \(remedy("what was signed"))")
        }
    }

    private func remedy(_ lost: String) -> String {
        let restore =
            switch part {
            case .last(let folder): Self.restore(folder)
            case .witnessed(let folder): Self.restore(folder, by: path)
            case .copy(let folder): Self.restore(folder, by: path)
            case .known: "--accept-loss"
            }
        return "Put the right log back, or go on without \(lost), under another name, by \(restore)"
    }

    private static func restore(_ folder: LedgerFolder, by checkpoint: String? = nil) -> String {
        let key = FileSystem.exists(folder.key) ? folder.key : "FILE"
        return AdvisedCommand.restoreAcceptingLoss.line(
            .init(folder.path, key: key, checkpoint: checkpoint))
    }
}
