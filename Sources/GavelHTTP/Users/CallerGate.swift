// Who may still act: what takes a right away ends what was begun with it.
//
// A caller carries the mark under which her account was read. Whatever takes a right away (another
// password, closing, other roles) raises the mark that her callers must have, so each call asks
// once more when it is about to act, however long its body took. What has begun to act by then is
// waited for: once a right is gone nothing happens by it any more.
//
// Invariants: a caller whose mark was taken before a revocation is refused after it; when `revoke`
// returns, no act is under way that began before it; while somebody's account is being closed
// nothing of hers begins; what is kept grows with what is under way and with the revocations of
// the last minutes, not with accounts.

internal import AuctionDomain
internal import Synchronization

/// Lets callers act as long as they may.
final class CallerGate: Sendable {
    fileprivate struct Revocation {
        /// The least mark that counts.
        var mark: UInt64
        var time: ContinuousClock.Instant
    }

    fileprivate struct State {
        var revoked: [UserID: Revocation] = [:]
        /// The least mark that counts for anybody.
        var revokedAll: UInt64 = 0
        /// How many acts of a user are under way.
        var acting: [UserID: Int] = [:]
        /// By how many who wait for a user's acts.
        var barred: [UserID: Int] = [:]
        var waiting: [UserID: [CheckedContinuation<Void, Never>]] = [:]
        var observers: [@Sendable (UserID?) -> Void] = []
        /// When there are more revocations than this, old ones are looked for.
        var revokedMax = 1024
    }

    /// No caller is remembered, and no call waits with one, for longer.
    private static let callerMax = Duration.seconds(2 * AccessTokens.seconds)

    private let latest = Atomic<UInt64>(0)
    private let state = Mutex(State())

    /// The mark of a caller whose account is read after it was taken.
    var mark: UInt64 { latest.load(ordering: .acquiring) }

    /// Has revocations told: of a user, or of everybody.
    func observe(_ observer: @escaping @Sendable (UserID?) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    // MARK: Acting

    /// Whether nothing was taken from a caller since her account was read.
    func isCurrent(_ caller: Caller) -> Bool {
        caller.mark >= mark || state.withLock { $0.isCurrent(caller) }
    }

    /// - Throws: `tokenInvalid` where something was.
    func check(_ caller: Caller) throws(Problem) {
        guard isCurrent(caller) else { throw Self.revoked }
    }

    /// Runs what a caller does, or what is done for somebody else.
    /// - Parameter other: whose account must not be closed meanwhile, besides the caller's.
    /// - Throws: `tokenInvalid`, `busy` while the account is being closed; what `body` throws.
    func act<R: Sendable>(
        as caller: Caller, for other: UserID? = nil, _ body: () async throws -> R
    ) async throws -> R {
        let users = [caller.user] + (other.map { [$0] } ?? [])
        try state.withLock { state throws(Problem) in
            guard state.isCurrent(caller) else { throw Self.revoked }
            for user in users where state.barred[user] != nil {
                throw Problem(.busy, "the account of \(user) is being changed")
            }
            for user in users { state.acting[user, default: 0] += 1 }
        }
        defer { end(users) }
        return try await body()
    }

    private func end(_ users: [UserID]) {
        let waiting = state.withLock { state in
            var waiting: [CheckedContinuation<Void, Never>] = []
            for user in users {
                let left = state.acting[user, default: 1] - 1
                state.acting[user] = left == 0 ? nil : left
                if left == 0 { waiting += state.waiting.removeValue(forKey: user) ?? [] }
            }
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private static var revoked: Problem {
        Problem(.tokenInvalid, "the token's account has changed; sign in again")
    }

    // MARK: Revoking

    /// Ends what a user's callers have under way. To be called after what takes the right away is
    /// durable, and before it is answered.
    func revoke(_ user: UserID) async {
        raise(user)
        await barring(user) {}
    }

    /// Ends what everybody's callers have under way.
    func revokeAll() {
        let observers = state.withLock { state in
            state.revokedAll = latest.wrappingAdd(1, ordering: .releasing).newValue
            return state.observers
        }
        for observer in observers { observer(nil) }
    }

    /// Takes a user's rights away for good: waits for what is under way, lets nothing begin, and
    /// runs `body`, which may find that it cannot be done.
    /// - Throws: what `body` throws; then nothing was taken away.
    func close(_ user: UserID, _ body: () async throws -> Void) async throws {
        try await barring(user) {
            try await body()
            raise(user)
        }
    }

    /// Runs `body` while nothing of a user's is under way.
    private func barring(
        _ user: UserID, _ body: () async throws -> Void
    ) async rethrows {
        state.withLock { $0.barred[user, default: 0] += 1 }
        defer {
            state.withLock { state in
                let left = state.barred[user, default: 1] - 1
                state.barred[user] = left == 0 ? nil : left
            }
        }
        await withCheckedContinuation { continuation in
            let isQuiet = state.withLock { state in
                guard state.acting[user] != nil else { return true }
                state.waiting[user, default: []].append(continuation)
                return false
            }
            if isQuiet { continuation.resume() }
        }
        try await body()
    }

    private func raise(_ user: UserID) {
        let observers = state.withLock { state in
            let mark = latest.wrappingAdd(1, ordering: .releasing).newValue
            state.revoked[user] = Revocation(mark: mark, time: .now)
            if state.revoked.count > state.revokedMax {
                let oldest = ContinuousClock.now - Self.callerMax
                state.revoked = state.revoked.filter { $0.value.time > oldest }
                state.revokedMax = max(1024, 2 * state.revoked.count)
            }
            return state.observers
        }
        for observer in observers { observer(user) }
    }
}

extension CallerGate.State {
    fileprivate func isCurrent(_ caller: Caller) -> Bool {
        caller.mark >= revokedAll && caller.mark >= revoked[caller.user]?.mark ?? 0
    }
}
