// Who stands behind a command.

/// Who stands behind a command. Part of the command's content.
public enum LedgerActor: Hashable, Sendable {
    /// A user, acting for herself.
    case user(UserID)
    /// The house's staff, and code that embeds the engine.
    case `operator`
    /// The payment provider, which alone with the operator may charge wallets.
    case payment
}
