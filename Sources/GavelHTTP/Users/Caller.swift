// Who is calling, as a token has proven.

internal import AuctionDomain

/// What an account may do besides acting for itself.
struct Roles: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// The house's staff: hammers, cancels, registers currencies, reads every wallet.
    static let `operator` = Roles(rawValue: 1)
    /// Reads whole entries of the log, and every wallet.
    static let auditor = Roles(rawValue: 2)
    /// The payment provider: charges wallets.
    static let payment = Roles(rawValue: 4)

    /// Every role by its name in tokens, rows and the command line.
    static let named: [(name: String, role: Roles)] = [
        ("operator", .operator), ("auditor", .auditor), ("payment", .payment),
    ]

    /// The names of the roles, in the order of `named`; every account is a `user` as well.
    var names: [String] { Self.named.filter { contains($0.role) }.map(\.name) }
}

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
