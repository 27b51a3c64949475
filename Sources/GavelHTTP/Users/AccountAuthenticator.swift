// From a bearer token to its caller: on the way of every bid.
//
// Invariants: a token is remembered only after it was verified and its account found active, with
// the roles of that moment, at most until it expires, and no longer than the gate lets its caller
// act; at most `rememberedMax` tokens are remembered.

internal import AuctionDomain
internal import Foundation
internal import Gavel
internal import Synchronization

/// Tells callers by the tokens of their accounts.
final class AccountAuthenticator: Authenticator {
    private struct Remembered {
        let caller: Caller
        /// In nanoseconds since 1970.
        let expires: Int64
    }

    /// Two halves: what is used moves to the young one, and when that is full the old one goes.
    private struct Cache {
        var young: [Substring: Remembered] = [:]
        var old: [Substring: Remembered] = [:]

        mutating func find(_ token: Substring, halfMax: Int) -> Remembered? {
            if let found = young[token] { return found }
            guard let found = old.removeValue(forKey: token) else { return nil }
            keep(found, for: token, halfMax: halfMax)
            return found
        }

        mutating func keep(_ remembered: Remembered, for token: Substring, halfMax: Int) {
            if young.count >= halfMax {
                old = young
                young.removeAll(keepingCapacity: true)
            }
            young[token] = remembered
        }
    }

    private let tokens: AccessTokens
    private let accounts: AccountStore
    private let gate: CallerGate
    private let halfMax: Int
    private let cache = Mutex(Cache())

    /// - Parameter rememberedMax: 0 verifies each token each time.
    init(tokens: AccessTokens, accounts: AccountStore, gate: CallerGate, rememberedMax: Int) {
        self.tokens = tokens
        self.accounts = accounts
        self.gate = gate
        halfMax = rememberedMax / 2
    }

    func known(bearing token: Substring) -> Caller? {
        guard let found = remembered(token), accounts.clock.now().nanoseconds < found.expires
        else { return nil }
        return found.caller
    }

    /// What is remembered of a token, also after it has expired.
    private func remembered(_ token: Substring) -> Remembered? {
        guard halfMax > 0, let found = cache.withLock({ $0.find(token, halfMax: halfMax) }),
            gate.isCurrent(found.caller)
        else { return nil }
        return found
    }

    func caller(bearing token: Substring) async throws(Problem) -> Caller {
        if let found = remembered(token) {
            guard accounts.clock.now().nanoseconds < found.expires else {
                throw Problem(.tokenExpired)
            }
            return found.caller
        }
        let verified = try await verify(token)
        guard halfMax > 0 else { return verified.caller }
        // A text of its own: the slice would keep the whole header.
        let key = Substring(String(token))
        cache.withLock { $0.keep(verified, for: key, halfMax: halfMax) }
        return verified.caller
    }

    private func verify(_ token: Substring) async throws(Problem) -> Remembered {
        let mark = gate.mark
        let claims = try await tokens.verify(String(token))
        let account: AccountRow?
        do { account = try accounts.account(of: UserID(unchecked: claims.sub)) } catch {
            throw Problem(.internalError)
        }
        guard let account, account.status == .active, account.generation == claims.gen else {
            throw Problem(.tokenInvalid, "the token's account has changed; sign in again")
        }
        let expires = claims.exp * 1_000_000_000
        let left = Duration.nanoseconds(expires - accounts.clock.now().nanoseconds)
        return Remembered(
            caller: Caller(
                user: account.userID, roles: account.roleSet, expires: .now + left,
                mark: mark),
            expires: expires)
    }

    /// How many tokens are remembered.
    var rememberedCount: Int { cache.withLock { $0.young.count + $0.old.count } }
}
