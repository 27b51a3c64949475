// Who is calling, as a token has proven.

internal import AuctionDomain

/// A signed-in caller.
struct Caller: Hashable, Sendable {
    /// The user of the ledger that the account is for.
    let user: UserID
    var roles: Roles = []
    /// When the token that proved it expires; nil where none does.
    var expires: ContinuousClock.Instant? = nil
    /// Taken from the `CallerGate` before the account was read; without an account the highest.
    var mark = UInt64.max

    /// Whether she is shown entries and wallets, whomever they are about.
    var readsEverything: Bool { !roles.isDisjoint(with: [.operator, .auditor]) }
}

/// Tells who a bearer token belongs to.
protocol Authenticator: Sendable {
    /// - Throws: `tokenInvalid` or `tokenExpired`.
    func caller(bearing token: Substring) async throws(Problem) -> Caller

    /// Who a token belongs to that was verified before and is still valid; nil where that is not
    /// known without verifying. Such a caller is not held up by others' bad tokens.
    func known(bearing token: Substring) -> Caller?
}

extension Authenticator {
    func known(bearing token: Substring) -> Caller? { nil }
}
