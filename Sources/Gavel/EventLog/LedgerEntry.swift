// One record of the log, read back.

public import AuctionDomain

/// An entry: who asked what when, and what was decided.
public struct LedgerEntry: Hashable, Sendable {
    /// The dense number of the entry, from 0.
    public let position: UInt64
    /// When it was admitted; for an automatic closing, the end of the auction.
    public let time: Timestamp
    /// The caller's id; nil for what the engine wrote by itself.
    public let commandID: CommandID?
    public let actor: CanonicalActor
    public let command: CanonicalCommand
    public let outcome: Outcome
    /// The previous entries about the same auction and wallets.
    public let links: ContiguousArray<EntryLink>

    public init(
        position: UInt64, time: Timestamp, commandID: CommandID?, actor: CanonicalActor,
        command: CanonicalCommand, outcome: Outcome, links: ContiguousArray<EntryLink>
    ) {
        self.position = position
        self.time = time
        self.commandID = commandID
        self.actor = actor
        self.command = command
        self.outcome = outcome
        self.links = links
    }

    /// Where and when it stands.
    public var point: EntryPoint { EntryPoint(position: position, time: time) }
}
