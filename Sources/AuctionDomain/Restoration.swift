// What the log says about a history that was lost.

/// A ledger went on from an older copy although entries were known to be lost. It has another
/// name from here on, so that nobody takes the two histories for one.
public struct Restoration: Hashable, Sendable {
    /// The ledger's new id.
    public let ledger: LedgerID
    /// How many entries the log had by the checkpoint that it could not live up to.
    public let checkpointSize: UInt64
    /// The Merkle root of that checkpoint.
    public let checkpointRoot: Bytes32

    public init(ledger: LedgerID, checkpointSize: UInt64, checkpointRoot: Bytes32) {
        self.ledger = ledger
        self.checkpointSize = checkpointSize
        self.checkpointRoot = checkpointRoot
    }
}
