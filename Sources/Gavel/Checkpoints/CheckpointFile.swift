// The last checkpoint as it stands beside the log, and what it means when the two disagree.
//
// Invariants: a ledger whose log cannot live up to what was signed is not written to; a checkpoint
// is only ever replaced by one of a log that goes on from it; whatever is refused because of a file
// says what to do about it.

internal import AuctionDomain
internal import Platform

/// A ledger's last checkpoint, or a copy of it elsewhere.
struct CheckpointFile {
    /// What it is called in messages.
    let name: String
    private let place: Place
    private let part: Part

    /// Where it stands.
    private enum Place {
        case record(StoreRecord, any LedgerStore)
        case file(NamedFile)
    }

    /// What it is for.
    private enum Part {
        /// A ledger's own last one.
        case last(any LedgerStore)
        /// What witnesses cosigned of a ledger.
        case witnessed(any LedgerStore)
        /// A copy of the last one at a path that somebody named.
        case copy(any LedgerStore)
        /// What a restore goes by.
        case known
    }

    /// The last one of a ledger.
    init(lastOf store: any LedgerStore) {
        name = store.place(of: .checkpoint)
        place = .record(.checkpoint, store)
        part = .last(store)
    }

    /// The largest one of a ledger that witnesses cosigned.
    init(witnessedOf store: any LedgerStore) {
        name = store.place(of: .witnessed)
        place = .record(.witnessed, store)
        part = .witnessed(store)
    }

    /// A file besides a ledger's store.
    init(copyAt path: String, of store: any LedgerStore) {
        name = path
        place = .file(NamedFile(FileSystem.absolutePath(path), .checkpoint))
        part = .copy(store)
    }

    /// One that is known when a ledger is restored, in a file.
    init(knownAt path: String, called name: String? = nil) {
        self.name = name ?? path
        place = .file(NamedFile(path, .checkpoint))
        part = .known
    }

    /// One that stands in a backup.
    init(_ record: StoreRecord, carriedBy store: any LedgerStore, called name: String) {
        self.name = name
        place = .record(record, store)
        part = .known
    }

    private var isCopy: Bool {
        if case .copy = part { true } else { false }
    }

    /// - Returns: nil when there is none. A device or a pipe holds none.
    /// - Throws: `LedgerError` with `checkpointMismatch` when it is no checkpoint.
    func read() throws -> SignedCheckpoint? { try parse(try readBytes()) }

    private func readBytes() throws -> [UInt8]? {
        // One byte more than any has tells a file that is too long.
        let byteCount = SignedNote.bytesMax + 1
        do {
            return switch place {
            case .record(let record, let store): try store.read(record, upTo: byteCount)
            case .file(let file): try file.read(upTo: byteCount)
            }
        } catch let error as StoreRecord.Unreadable {
            throw noCheckpoint(error.reason)
        }
    }

    private func parse(_ bytes: [UInt8]?) throws(LedgerError) -> SignedCheckpoint? {
        guard let bytes else { return nil }
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
            case .last(let store): LedgerError.lostCheckpointRemedy(store)
            case .witnessed(let store):
                "Put it back from a copy, or take it away: what witnesses cosigned they still "
                    + "have, and \(store.name) goes on without it"
            case .copy: "Put it right, or name another file by --checkpoint-copy"
            case .known:
                "Give the newest one that is known by --checkpoint, or go on under another name "
                    + "by --without-checkpoint"
            }
        return LedgerError(.checkpointMismatch, "\(name) is no checkpoint: \(reason). \(remedy)")
    }

    /// Writes it, whatever stands here: whoever reads it sees the old or the new one, also after a
    /// crash.
    /// - Throws: `NamedFileError` for a file; what writing throws.
    func write(_ checkpoint: SignedCheckpoint) throws {
        switch place {
        case .record(let record, let store): try store.write(record, checkpoint.bytes)
        case .file(let file): try file.write(checkpoint.bytes, waits: false)
        }
    }

    /// Replaces what stands here, if it may be: nothing is written over that was not looked at.
    /// - Parameter mayReplace: what stands here, each time that somebody else has written it.
    /// - Throws: what `mayReplace` throws; as `read` and `write`.
    func replace(
        by new: SignedCheckpoint, where mayReplace: (SignedCheckpoint?) throws -> Bool
    ) throws {
        guard case .record(let record, let store) = place else {
            return try mayReplace(read()) ? write(new) : ()
        }
        try store.retried(record) {
            // The bytes that stand there may say the same in another way.
            let bytes = try readBytes()
            guard try mayReplace(parse(bytes)) else { return true }
            return try store.replace(record, bytes, by: new.bytes)
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
        guard case .file(let file) = place else { return }
        do { try file.check() } catch {
            throw LedgerError(
                .storage, "the checkpoint's copy (--checkpoint-copy): \(error.reason)")
        }
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
                    + "is another ledger's, and was left as it is. Name another file by "
                    + "--checkpoint-copy")
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
            case .last(let store): Self.restore(store)
            case .witnessed(let store), .copy(let store): Self.restore(store, by: name)
            case .known: "--accept-loss"
            }
        return "Put the right log back, or go on without \(lost), under another name, by \(restore)"
    }

    private static func restore(
        _ store: any LedgerStore, by checkpoint: String? = nil
    ) -> String {
        let key = store.contains(.key) ? store.place(of: .key) : "FILE"
        return AdvisedCommand.restoreAcceptingLoss.line(
            .init(store.name, key: key, checkpoint: checkpoint))
    }
}
