// When checkpoints are signed: after frames that held a closing, ten times a second at most; after
// an interval while entries come; when asked; and at the end.
//
// Invariants: only sizes whose entries are durable are signed, and none smaller than one signed
// before; nothing of this happens on the thread that decides or on the one that stores.

internal import AuctionDomain
internal import Dispatch
internal import LMDB
internal import Logging
internal import Synchronization

/// Signs the heads of one ledger's log.
final class CheckpointSigner: Sendable {
    /// What closings may ask for in a second.
    private static let closingInterval: UInt64 = 100_000_000

    private struct Head {
        var size: UInt64 = 0
        var root = Digest.empty
    }

    private struct State {
        var key: SigningKey
        /// The newest durable head.
        var head: Head
        var signed: SignedCheckpoint?
        /// When signing may next be done, and when it will be; both by the machine's uptime.
        var lastSigning: UInt64 = 0
        var dueAt = UInt64.max
    }

    private let file: CheckpointFile
    private let copy: CheckpointFile?
    private let interval: UInt64
    private let logger: Logger
    private let queue = DispatchQueue(label: "gavel.checkpoint", qos: .utility)
    private let state: Mutex<State>

    init(
        file: CheckpointFile, key: SigningKey, signed: SignedCheckpoint?,
        configuration: Configuration
    ) {
        self.file = file
        copy = configuration.checkpointCopyPath.map { CheckpointFile(path: $0) }
        interval = UInt64(max(1, configuration.checkpointIntervalMilliseconds)) * 1_000_000
        logger = configuration.logger
        state = Mutex(State(key: key, head: Head(), signed: signed))
    }

    /// The checkpoint signed last.
    var signed: SignedCheckpoint? { state.withLock { $0.signed } }
    var key: SigningKey { state.withLock { $0.key } }

    /// Takes note of a durable frame. Called in order.
    func note(size: UInt64, root: Digest, holdsClosing: Bool) {
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
        do { try sign() } catch {
            // The log has everything; the next checkpoint covers it.
            logger.warning("a checkpoint was not written", metadata: ["why": "\(error)"])
        }
    }

    /// Signs the newest durable head, unless it is signed already, and waits until it is written.
    /// - Throws: `EvidenceError.signing`; `LMDBError` where a file cannot be written.
    @discardableResult
    func signNow() throws -> SignedCheckpoint? {
        try queue.sync {
            try sign()
            return signed
        }
    }

    /// Runs on the queue.
    private func sign() throws {
        let (key, head, last) = state.withLock { state in
            state.dueAt = .max
            state.lastSigning = DispatchTime.now().uptimeNanoseconds
            return (state.key, state.head, state.signed)
        }
        let isSigned =
            last.map { $0.checkpoint.size >= head.size && $0.note.isSigned(by: key.verifier) }
        guard head.size > 0, isSigned != true else { return }
        let checkpoint = try Checkpoint(
            origin: key.verifier.name, size: head.size, root: head.root)
        let signed = try checkpoint.signed(by: key)
        try file.write(signed)
        state.withLock { $0.signed = signed }
        do { try copy?.write(signed) } catch {
            logger.warning("the checkpoint's copy was not written", metadata: ["why": "\(error)"])
        }
    }

    /// Signs from now on with another key.
    func replaceKey(by key: SigningKey) {
        queue.sync { state.withLock { $0.key = key } }
    }

    /// Signs a last time. Nothing is noted any more.
    func finish() {
        do { try signNow() } catch {
            logger.warning("the last checkpoint was not written", metadata: ["why": "\(error)"])
        }
    }
}

extension SignedNote {
    /// Whether a signature claims to be of a key.
    fileprivate func isSigned(by key: VerifierKey) -> Bool {
        signatures.contains { $0.claims(key) }
    }
}
