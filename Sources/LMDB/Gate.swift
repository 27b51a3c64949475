// Who is using LMDB's environment handle, so that it is closed and remapped only when nobody is.
//
// States: open (any number of uses), locked out (somebody waits for a moment without uses, or has
// the handle alone), closing (no new uses; the last one under way lets go of the handle), closed.
//
// Invariants: the handle is let go of once, by whoever finds it unused after closing began; no use
// begins after that; whoever waits for the closing waits for no use of her own thread.

import Platform
import Synchronization

/// Counts the uses of an environment handle.
final class Gate: Sendable {
    private struct State {
        /// Nil once it was let go of.
        var handle: EnvironmentHandle?
        /// The thread of each use under way.
        var users: [UInt] = []
        var isLockedOut = false
        var isClosing = false
        /// Whether the handle was let go of, and that is done.
        var isClosed = false
        /// The commit or sync after which no write is safe any more.
        var failure: LMDBError?
    }

    private let state: Mutex<State>
    private let letGo: @Sendable (EnvironmentHandle) -> Void

    /// - Parameter letGo: closes the handle; called once.
    init(_ handle: EnvironmentHandle, letGo: @escaping @Sendable (EnvironmentHandle) -> Void) {
        state = Mutex(State(handle: handle))
        self.letGo = letGo
    }

    /// Takes the handle for a use that ends with `leave()` on the same thread.
    ///
    /// Uses nested in a use of the same thread may enter while somebody waits for the outer one:
    /// that one would otherwise never end. A lock-out holds entrants back only once it is complete.
    /// - Throws: `.closed` once closing has begun, also inside a use that began before.
    func enter(_ operation: StaticString) throws(LMDBError) -> EnvironmentHandle {
        let thread = currentThreadNumber()
        while true {
            let entered = state.withLock { state -> (isSettled: Bool, handle: EnvironmentHandle?) in
                guard !state.isClosing, let handle = state.handle else { return (true, nil) }
                if state.isLockedOut && state.users.isEmpty { return (false, nil) }
                state.users.append(thread)
                return (true, handle)
            }
            if let handle = entered.handle { return handle }
            if entered.isSettled {
                throw LMDBError(.closed, operation: operation.description)
            }
            sleepBriefly()
        }
    }

    func leave() {
        let thread = currentThreadNumber()
        state.withLock { state in
            guard let place = state.users.lastIndex(of: thread) else {
                preconditionFailure("a use of an environment ended on another thread")
            }
            state.users.remove(at: place)
        }
        closeIfUnused()
    }

    /// Waits until nobody uses the handle, and keeps new uses out until `letIn()`.
    ///
    /// - Returns: false when it is closed, or about to be; then nothing is locked.
    /// - Throws: `.busy` when uses remain; then nothing is locked.
    func lockOut(
        timeoutMilliseconds: Int, _ operation: StaticString
    ) throws(LMDBError) -> Bool {
        for millisecond in 0...max(timeoutMilliseconds, 0) {
            if millisecond > 0 { sleepBriefly() }
            let locked = state.withLock { state -> Bool? in
                if state.isClosing { return false }
                if !state.users.isEmpty || state.isLockedOut { return nil }
                state.isLockedOut = true
                return true
            }
            if let locked { return locked }
        }
        throw LMDBError(.busy, operation: operation.description)
    }

    func letIn() {
        state.withLock { $0.isLockedOut = false }
        closeIfUnused()
    }

    func handleWhileLockedOut() -> EnvironmentHandle? {
        state.withLock { $0.handle }
    }

    /// Lets nobody in any more, and waits until the last use under way has ended and the handle was
    /// let go of. Inside a use of the same thread, which cannot end before this returns, nothing is
    /// waited for: that use lets go of it.
    func close() {
        let thread = currentThreadNumber()
        state.withLock { $0.isClosing = true }
        closeIfUnused()
        while !state.withLock({ $0.isClosed || $0.users.contains(thread) }) { sleepBriefly() }
    }

    private func closeIfUnused() {
        let unused = state.withLock { state -> EnvironmentHandle? in
            guard state.isClosing, state.users.isEmpty, !state.isLockedOut else { return nil }
            return state.handle.take()
        }
        guard let unused else { return }
        letGo(unused)
        state.withLock { $0.isClosed = true }
    }

    /// Keeps a failure that makes further writes unsafe.
    ///
    /// After a failed flush the system marks the lost pages clean, so a later commit could succeed
    /// on top of data that never reached the device. LMDB would go on; we do not. A full disk is
    /// different: every page of the next commit is written anew, and the meta page was not. That is
    /// known only where LMDB says so itself: an EIO that is put down to a full disk may be a
    /// flush's.
    /// - Parameter result: what LMDB answered.
    func remember(failure: LMDBError, of result: Int32) {
        let said = LMDBError(.init(result: result), operation: failure.operation)
        guard case .system = failure.code, !said.isNoSpace else { return }
        state.withLock { state in
            if state.failure == nil { state.failure = failure }
        }
    }

    func refuseAfterFailure() throws(LMDBError) {
        if let failure = state.withLock({ $0.failure }) {
            throw LMDBError(
                .panic, operation: "begin", reason: "reopen after the failure of \(failure)")
        }
    }
}
