// What somebody may do.

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
