// Operating errors: what may go wrong that no rule of the house foresees.
//
// Rules speak through receipts (`Rejection`, `Refusal`); a broken invariant traps. What is left
// is here, and a code exists only where some caller can act on it.

package import Platform

/// An operating error.
public struct LedgerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can react to.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A commit failed. What was submitted and not yet answered may or may not be in the log:
        /// reopen the ledger and submit again under the same command ids.
        case outcomeUnknown = "outcome_unknown"
        /// This process may write the ledger no more: another writer took over, or the ledger was
        /// moved, replaced or removed while it was open. What was submitted and not yet answered
        /// may or may not be in the log.
        case fenced
        /// The ledger, or the reader, was closed before the call, or while it read.
        case closed
        /// There is no ledger at the path.
        case notFound = "not_found"
        /// A ledger stands where a new one was to be made.
        case alreadyExists = "already_exists"
        /// Another process writes this ledger; the reason names its pid.
        case heldByWriter = "held_by_writer"
        /// The folder holds something that is not a Gavel ledger.
        case foreign
        /// The ledger was written by a newer version of Gavel.
        case newerFormat = "newer_format"
        /// Stored bytes are not what was written; the reason names the position.
        case damaged
        /// The log cannot live up to its signed checkpoint: it is older, or another one; or the
        /// checkpoint that should be there is missing, another ledger's, or not signed by the key.
        case checkpointMismatch = "checkpoint_mismatch"
        /// A key is not the one that signs this ledger's checkpoints, or is no key; or the key of a
        /// ledger that has entries is missing.
        case keyMismatch = "key_mismatch"
        /// A cursor does not belong to this query, or is no cursor.
        case badCursor = "bad_cursor"
        /// A query names a user, auction or position that does not exist.
        case unknownName = "unknown_name"
        /// A stored place is of another ledger, or lies beyond this one's end: what was kept with
        /// it must be built anew.
        case otherHistory = "other_history"
        /// A projection is run by another call already.
        case alreadyRunning = "already_running"
        /// A number in the configuration is outside of its range; the reason names it, and the
        /// range. Or the ledger's path is empty.
        case invalidConfiguration = "invalid_configuration"
        /// The operating system or LMDB refused.
        case storage
    }

    public let code: Code
    /// What happened to what, as a sentence without a full stop.
    public let reason: String

    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Errors are equal when their codes are.
    public static func == (left: Self, right: Self) -> Bool { left.code == right.code }
    public func hash(into hasher: inout Hasher) { hasher.combine(code) }

    public var description: String { "\(code.rawValue): \(reason)" }

    /// Maps any error of the layers below, once, at the border.
    package init(_ error: any Error, while doing: String) {
        switch error {
        case let error as LedgerError:
            self = error
        case let error as StoreFailure:
            self.init(error, while: doing)
        case let error as LogFault:
            self.init(error.isNewerFormat ? .newerFormat : .damaged, "\(doing): \(error.reason)")
        case let error as any StorageError where error.isDamage:
            self.init(.damaged, "\(doing): \(error)")
        case let error as any StorageError where error.isClosed:
            self.init(.closed, "\(doing): the ledger was closed")
        default:
            self.init(.storage, "\(doing): \(error)")
        }
    }

    /// What a store says of frames that it did not store.
    init(_ failure: StoreFailure, while doing: String) {
        switch failure {
        case .fenced(let reason): self.init(.fenced, reason)
        case .unknown(let reason): self.init(.outcomeUnknown, "\(doing): \(reason)")
        }
    }

    /// As above, where a ledger is only being built: of one that does not come to stand no outcome
    /// is unknown.
    init(_ error: any Error, whileBuilding doing: String) {
        let error = LedgerError(error, while: doing)
        self =
            error.code == .outcomeUnknown
            ? LedgerError(.storage, "\(doing): \(error.reason)") : error
    }
}

extension LedgerError {
    /// A log has entries, and no checkpoint stands beside it.
    static func removedCheckpoint(_ store: any LedgerStore) -> LedgerError {
        LedgerError(
            .checkpointMismatch,
            "\(store.name) has entries and no checkpoint: somebody removed it, and nothing shows "
                + "that the log is the one that was signed. Nothing was changed. "
                + lostCheckpointRemedy(store))
    }

    /// What to do where a ledger's last checkpoint is missing, or is none.
    static func lostCheckpointRemedy(_ store: any LedgerStore) -> String {
        let renamed = AdvisedCommand.restoreWithoutCheckpoint.line(.init(store.name))
        var remedy =
            "Put back \(store.place(of: .checkpoint)) from a copy, or go on with this log, under "
            + "another name, by \(renamed)"
        if store.contains(.keptCheckpoints) {
            // The signature is checked, and by nothing else than a key.
            let hasKey = store.contains(.key)
            let newest = AdvisedCommand.newestCheckpoint.line(
                .init(store.name, key: hasKey ? nil : "FILE"))
            remedy += "; or put back the newest that is kept, by \(newest)"
            if !hasKey { remedy += ", where FILE holds the verifier key" }
        }
        do { _ = try store.read(.checkpoint, upTo: 1) } catch is StoreRecord.Unreadable {
            return "Take what stands there away first. \(remedy)"
        } catch {}
        return remedy
    }

    /// The path of a ledger's folder is empty: taken from where the process stands, it would be
    /// whatever folder that is.
    static let emptyPath = LedgerError(.invalidConfiguration, "the ledger's path is empty")

    /// What stands in the folder has no entry yet.
    static func notBegun(_ folder: LedgerFolder) -> LedgerError {
        LedgerError(
            .notFound,
            "there is no ledger at \(folder.name): its creation was cut short before the first "
                + "entry. Whoever makes a ledger there takes it up: "
                + AdvisedCommand.create.line(.init(folder.name)))
    }

    /// Names the process that writes a ledger.
    package init(_ held: WriterFile.Held, at path: String) {
        let pid = held.pid.map(String.init) ?? "unknown"
        self.init(.heldByWriter, "\(path) is being written by process \(pid)")
    }
}
