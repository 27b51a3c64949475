// Who is using LMDB's environment handle, so that it is closed and remapped only when nobody is.
//
// States: open (count >= 0 uses), locked out (somebody waits for the count to fall to 0, or has
// the handle alone), closed (no handle). New uses wait while locked out and fail once closed.

import Platform
import Synchronization

/// Counts the uses of an environment handle.
final class Gate: Sendable {
    private struct State {
        /// Nil once closed.
        var handle: EnvironmentHandle?
        var useCount = 0
        var isLockedOut = false
        /// The commit or sync after which no write is safe any more.
        var failure: LMDBError?
    }

    private let state: Mutex<State>

    init(_ handle: EnvironmentHandle) {
        state = Mutex(State(handle: handle))
    }

    /// Takes the handle for a use that ends with `leave()`.
    ///
    /// Uses nested in a use of the same thread may enter while somebody waits for the outer one:
    /// that one would otherwise never end. A lock-out holds entrants back only once it is complete.
    func enter(_ operation: StaticString) throws(LMDBError) -> EnvironmentHandle {
        while true {
            let entered = state.withLock { state -> (isSettled: Bool, handle: EnvironmentHandle?) in
                guard let handle = state.handle else { return (true, nil) }
                if state.isLockedOut && state.useCount == 0 { return (false, nil) }
                state.useCount += 1
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
        state.withLock { $0.useCount -= 1 }
    }

    /// Waits until nobody uses the handle, and keeps new uses out until `letIn()` or closing.
    ///
    /// - Returns: false when the handle is closed already; then nothing is locked.
    /// - Throws: `.busy` when uses remain; then nothing is locked.
    func lockOut(
        timeoutMilliseconds: Int, _ operation: StaticString
    ) throws(LMDBError) -> Bool {
        for millisecond in 0...max(timeoutMilliseconds, 0) {
            if millisecond > 0 { sleepBriefly() }
            let locked = state.withLock { state -> Bool? in
                if state.handle == nil { return false }
                if state.useCount > 0 || state.isLockedOut { return nil }
                state.isLockedOut = true
                return true
            }
            if let locked { return locked }
        }
        throw LMDBError(.busy, operation: operation.description)
    }

    func letIn() {
        state.withLock { $0.isLockedOut = false }
    }

    func handleWhileLockedOut() -> EnvironmentHandle? {
        state.withLock { $0.handle }
    }

    /// Gives the handle away for closing; nil when it was closed before.
    func closeUnused() -> EnvironmentHandle? {
        state.withLock { state in
            precondition(state.useCount == 0, "an environment was closed under a transaction")
            let handle = state.handle
            state.handle = nil
            state.isLockedOut = false
            return handle
        }
    }

    /// Keeps a failure that makes further writes unsafe.
    ///
    /// After a failed flush the system marks the lost pages clean, so a later commit could succeed
    /// on top of data that never reached the device. LMDB would go on; we do not. A full disk is
    /// different: every page of the next commit is written anew, and the meta page was not.
    func remember(failure: LMDBError) {
        guard case .system = failure.code, !failure.isNoSpace else { return }
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
