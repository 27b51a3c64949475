// When checkpoints are signed: at opening; after frames that held a closing, ten times a second at
// most; after an interval while entries come; when asked; and at the end. What could not be signed
// or written is tried again after the interval, whether or not more entries come.
//
// Invariants: only sizes whose entries are durable are signed, and none smaller than one signed
// before, but over a copy of the log and into that copy; a checkpoint is replaced only after it was
// read, by one that goes on from it; no key is stored before a checkpoint of it is, so that a key
// without a checkpoint means that one was removed; nothing of this happens on the thread that
// decides or on the one that stores.

internal import AuctionDomain
internal import Dispatch
internal import Logging
internal import Platform
internal import Synchronization

/// Signs the heads of one ledger's log.
final class CheckpointSigner: Sendable {
    /// What closings may ask for in a second.
    private static let closingInterval: UInt64 = 100_000_000

    private struct Head {
        var size: UInt64 = 0
        var root = LedgerHash.empty
    }

    private struct State {
        var key: SigningKey
        /// Those whose checkpoints may be replaced: today's, and the one before it.
        var keys: [VerifierKey]
        /// Whether the key is yet to be stored.
        var isKeyNew: Bool
        /// Whether it takes the place of one that is lost.
        var replacesLost: Bool
        /// The key before it, while it has yet to sign a last time.
        var retiring: SigningKey?
        /// Whether another key is about to take the place of this one.
        var isRotating = false
        /// The newest durable head.
        var head: Head
        var signed: SignedCheckpoint?
        /// What was last written to the copy, or found there.
        var copied: SignedCheckpoint?
        /// Whether somebody has signed another history with the ledger's key, and who is told.
        var isContradicted = false
        var contradicted: @Sendable (LedgerError) -> Void = { _ in }
        /// Whether the copy lacks what was signed last, because it could not be written.
        var isCopyBehind = false
        /// The last warning, which is not given again every second.
        var warned: String?
        /// When signing may next be done, and when it will be; both by the machine's uptime.
        var lastSigning: UInt64 = 0
        var dueAt = UInt64.max
    }

    private let store: any LedgerStore
    private let file: CheckpointFile
    private let copy: CheckpointFile?
    private let log: any LogWriter
    private let interval: UInt64
    private let clock: any LedgerClock
    private let isDating: Bool
    private let logger: Logger
    private let queue = DispatchQueue(label: "gavel.checkpoint", qos: .utility)
    private let state: Mutex<State>
    /// Read when it is first needed. Under a lock of its own: files are written under it.
    private let kept = Mutex<CheckpointHistory?>(nil)

    /// - Parameters:
    ///   - key: what signs, and what it takes the place of.
    ///   - former: the key before it, where the log names one.
    ///   - signed: the last checkpoint, which the log was held against.
    init(
        in store: any LedgerStore, log: any LogWriter, key: LedgerKey.Opened,
        former: VerifierKey?, signed: SignedCheckpoint?, configuration: Configuration
    ) {
        self.store = store
        self.log = log
        file = CheckpointFile(lastOf: store)
        copy = configuration.checkpointCopyPath.map { CheckpointFile(copyAt: $0, of: store) }
        interval = UInt64(max(1, configuration.checkpointIntervalMilliseconds)) * 1_000_000
        clock = configuration.clock
        isDating = configuration.datesCheckpoints
        logger = configuration.logger
        state = Mutex(
            State(
                key: key.key, keys: [key.key.verifier] + [former].compactMap { $0 },
                isKeyNew: key.isNew, replacesLost: key.replacesLost, head: Head(),
                signed: signed))
    }

    /// Names who is told when the ledger's key has signed a history that this log does not go on
    /// from: writing has to stop.
    func onContradiction(_ body: @escaping @Sendable (LedgerError) -> Void) {
        state.withLock { $0.contradicted = body }
    }

    /// The checkpoint signed last.
    var signed: SignedCheckpoint? { state.withLock { $0.signed } }
    var key: SigningKey { state.withLock { $0.key } }

    /// The checkpoints that are kept, the oldest first, and after them the last one.
    /// - Throws: `FileError` where the file cannot be read.
    func history() throws -> [SignedCheckpoint] {
        try kept.withLock { try load(&$0).checkpoints }.followed(by: signed)
    }

    /// Takes note of a durable frame. Called in order.
    func note(size: UInt64, root: LedgerHash, holdsClosing: Bool) {
        let delay: UInt64? = state.withLock { state in
            state.head = Head(size: size, root: root)
            let now = DispatchTime.now().uptimeNanoseconds
            let pause = holdsClosing ? Self.closingInterval : interval
            // A closing after a quiet time is signed at once.
            let due = holdsClosing ? max(now, state.lastSigning + pause) : now + pause
            guard due < state.dueAt else { return nil }
            state.dueAt = due
            return due - now
        }
        guard let delay else { return }
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(delay))) { [weak self] in
            self?.signIfDue()
        }
    }

    private func signIfDue() {
        // Told of twice where a closing came between: the later one then finds nothing due.
        let isDue = state.withLock { $0.dueAt <= DispatchTime.now().uptimeNanoseconds }
        guard isDue else { return }
        // The log has everything; the next checkpoint covers it.
        do { try sign() } catch { warn("a checkpoint was not written", error) }
    }

    /// Signs the newest durable head, unless it is signed already, and waits until it is written.
    /// - Throws: `EvidenceError.signing`; `FileError` where a file cannot be written.
    @discardableResult
    func signNow() throws -> SignedCheckpoint {
        try queue.sync {
            try sign()
            guard let signed else { throw EvidenceError.noCheckpoint }
            return signed
        }
    }

    /// Runs on the queue.
    private func sign() throws {
        do { try signHead() } catch {
            tryAgain()
            throw error
        }
        let isBehind = state.withLock { state in
            if !state.isCopyBehind { state.warned = nil }
            return state.isCopyBehind
        }
        if isBehind { tryAgain() }
    }

    private func tryAgain() {
        let isOpen = state.withLock { state in
            guard !state.isContradicted else { return false }
            state.dueAt = min(state.dueAt, DispatchTime.now().uptimeNanoseconds + interval)
            return true
        }
        guard isOpen else { return }
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(interval))) { [weak self] in
            self?.signIfDue()
        }
    }

    private func signHead() throws {
        let (head, key, retiring) = state.withLock { state in
            state.dueAt = .max
            state.lastSigning = DispatchTime.now().uptimeNanoseconds
            return (state.head, state.key, state.retiring)
        }
        guard head.size > 0 else { return }
        if let retiring {
            // Over the entry that replaces it: whoever trusts it can follow.
            try sign(head, by: retiring)
            state.withLock { $0.retiring = nil }
        }
        try sign(head, by: key)
        try storeKey()
    }

    private func sign(_ head: Head, by key: SigningKey) throws {
        let (last, isCopyBehind) = state.withLock { ($0.signed, $0.isCopyBehind) }
        if let last, last.checkpoint.size >= head.size, last.note.isSigned(by: key.verifier) {
            if isCopyBehind, try checkCopy() { writeCopy(last) }
            return
        }
        let checkpoint = try Checkpoint(
            origin: key.verifier.name, size: head.size, root: head.root)
        let signed = try checkpoint.signed(by: key, atSeconds: now)
        try checkPlace()
        try file.replace(by: signed) { standing in
            try check(standing, in: file, after: last)
            return true
        }
        let isCopyFree = try checkCopy()
        state.withLock { $0.signed = signed }
        keep(signed)
        if isCopyFree { writeCopy(signed) }
    }

    /// Seconds since 1970; nil where checkpoints are not dated.
    private var now: UInt64? {
        isDating ? clock.now().evidenceSeconds : nil
    }

    /// Looks whether this still is the ledger's place: nothing is signed into another's.
    private func checkPlace() throws {
        do { try log.check() } catch {
            let failure = LedgerError(error, while: "signing a checkpoint")
            stop(failure)
            throw failure
        }
    }

    /// Looks at what stands in a file before it is replaced. Others may have written it: the
    /// ledger's own twin, on a machine that was put back to an earlier state.
    private func check(
        _ standing: SignedCheckpoint?, in file: CheckpointFile, after last: SignedCheckpoint?
    ) throws {
        guard let standing, standing != last else { return }
        let (keys, origin, size) = state.withLock {
            ($0.keys, $0.key.verifier.name, $0.head.size)
        }
        do {
            try file.checkReplaced(
                standing, origin: origin, LogTree(of: log, size: size), keys: keys)
        } catch let error as LedgerError where error.code == .checkpointMismatch {
            // Anybody may put a file there; but two histories under one key are never gone on with.
            let isOwn = (try? standing.verified(by: keys, origin: origin)) != nil
            if isOwn { stop(error) }
            throw error
        }
    }

    private func stop(_ error: LedgerError) {
        let tell = state.withLock { state in
            state.isContradicted = true
            return state.contradicted
        }
        tell(error)
    }

    /// - Returns: whether a checkpoint may be written to the copy.
    /// - Throws: `LedgerError` with `checkpointMismatch` where another history was signed there.
    private func checkCopy() throws -> Bool {
        guard let copy else { return false }
        do {
            try check(copy.read(), in: copy, after: state.withLock { $0.copied })
            return true
        } catch {
            if state.withLock({ $0.isContradicted }) { throw error }
            state.withLock { $0.isCopyBehind = true }
            warn("the checkpoint's copy was not written", error)
            return false
        }
    }

    private func writeCopy(_ signed: SignedCheckpoint) {
        do {
            try copy?.write(signed)
            state.withLock { ($0.copied, $0.isCopyBehind) = (signed, false) }
        } catch {
            state.withLock { $0.isCopyBehind = true }
            warn("the checkpoint's copy was not written", error)
        }
    }

    /// Stores a new key, once there is a checkpoint of it.
    private func storeKey() throws {
        guard state.withLock({ $0.isKeyNew }) else { return }
        try LedgerKey.store(key, in: store)
        let replacesLost = state.withLock { state in
            defer { (state.isKeyNew, state.replacesLost) = (false, false) }
            return state.replacesLost
        }
        // Not before: what is refused at opening changes nothing.
        guard replacesLost else { return }
        logger.warning(
            """
            the key was lost: another one signs from now on, and the receipts and checkpoints of \
            before are checked by the former one
            """,
            metadata: ["key": "\(key.verifier)"])
    }

    private func keep(_ signed: SignedCheckpoint) {
        // Without a time it would not answer what it is kept for.
        guard isDating else { return }
        do {
            let aside = try kept.withLock { history in
                _ = try load(&history)
                return try history?.add(signed, in: store)
            }
            if let aside {
                logger.warning(
                    "the damaged file of kept checkpoints was set aside",
                    metadata: ["as": "\(aside)"])
            }
        } catch {
            warn("a checkpoint was not kept", error)
        }
    }

    private func load(_ history: inout CheckpointHistory?) throws -> CheckpointHistory {
        if let history { return history }
        let read = try CheckpointHistory(in: store)
        if read.isDamaged {
            logger.warning(
                "some of what was kept is no checkpoint",
                metadata: ["file": "\(store.place(of: .keptCheckpoints))"])
        }
        history = read
        return read
    }

    private func warn(_ what: Logger.Message, _ error: any Error) {
        let why =
            (error as? LedgerError)?.reason ?? (error as? NamedFileError)?.reason ?? "\(error)"
        let isNew = state.withLock { state in
            defer { state.warned = "\(what) \(why)" }
            return state.warned != "\(what) \(why)"
        }
        if isNew { logger.warning(what, metadata: ["why": "\(why)"]) }
    }

    /// A checkpoint over all entries of a copy of the log.
    /// - Returns: nil where the copy has entries that do not become durable.
    func checkpoint(
        ofCopy copy: any LogReader, durableCount: () throws -> UInt64
    ) throws -> SignedCheckpoint? {
        let size = try copy.entryCount
        guard try isReached(size, by: durableCount) else { return nil }
        let root = try LogTree(of: copy, size: size).tree(of: size).root
        let key = key
        return try Checkpoint(origin: key.verifier.name, size: size, root: root)
            .signed(by: key, atSeconds: now)
    }

    /// Runs `body`, in which another key takes the place of this one, unless that is under way
    /// already: two would write over each other's key file, and the log would name a key that
    /// nobody has.
    /// - Throws: `LedgerError` with `keyMismatch` where it is; what `body` throws.
    func rotating<R>(_ body: () async throws -> R) async throws -> R {
        let isFree = state.withLock { state in
            defer { state.isRotating = true }
            return !state.isRotating
        }
        guard isFree else {
            throw LedgerError(.keyMismatch, "the key is being replaced already: try again")
        }
        defer { state.withLock { $0.isRotating = false } }
        return try await body()
    }

    /// Signs from now on with another key, which the log names. The former one signs once more.
    func replaceKey(by key: SigningKey) {
        queue.sync {
            state.withLock { state in
                state.retiring = state.key
                state.keys = [key.verifier, state.key.verifier]
                (state.key, state.isKeyNew) = (key, true)
            }
        }
    }

    /// Ends what is under way. Nothing is noted any more, and the log is not read again.
    /// - Parameter isSigning: whether to sign a last time.
    func finish(isSigning: Bool) {
        queue.sync {
            if isSigning {
                do { try sign() } catch { warn("the last checkpoint was not written", error) }
            }
            state.withLock { $0.dueAt = .max }
        }
    }
}

extension [SignedCheckpoint] {
    /// With a checkpoint at the end, where that is larger than all.
    package func followed(by last: SignedCheckpoint?) -> Self {
        guard let last, last.checkpoint.size > self.last?.checkpoint.size ?? 0 else { return self }
        return self + [last]
    }
}

extension SignedNote {
    /// Whether a signature claims to be of a key.
    fileprivate func isSigned(by key: VerifierKey) -> Bool {
        signatures.contains { $0.claims(key) }
    }
}
