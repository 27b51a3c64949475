// What a caller gives.

public import AuctionDomain

/// A command with its identity, ready to be submitted.
public struct Submission: Hashable, Sendable {
    public var id: CommandID
    public var actor: LedgerActor
    public var command: Command

    /// - Parameters:
    ///   - id: a UUID version 7 of the caller's own; resubmitting under the same id is safe.
    ///   - actor: who stands behind the command; code that embeds the engine acts as operator.
    public init(id: CommandID, actor: LedgerActor = .operator, command: Command) {
        self.id = id
        self.actor = actor
        self.command = command
    }
}
