// Whoever can be asked, of which moment, and what an answer reflects.

public import AuctionDomain
internal import Synchronization

/// Whoever can be asked about wallets, auctions and entries: an open `Ledger`, a `LedgerReader`
/// beside a writer, and either as of a past moment.
///
/// Every answer is consistent in itself and says how many entries it reflects.
public protocol LedgerQueries: Sendable {
    /// Where the answers come from.
    var reading: Reading { get }

    /// The ledger as it stood at a past moment: every query answers as of then.
    func past(_ moment: LedgerReader.Moment) throws(LedgerError) -> LedgerReader
}

/// One answer and the position it reflects.
public struct Answer<Value: Sendable>: Sendable {
    public let value: Value
    /// How many entries are reflected.
    public let reflects: UInt64

    init(_ value: Value, reflects: UInt64) {
        self.value = value
        self.reflects = reflects
    }
}

extension LedgerReader {
    /// A moment of a ledger's past.
    public enum Moment: Hashable, Sendable {
        /// After the entry at a position.
        case position(UInt64)
        /// After the last entry that was admitted at or before a time.
        case time(Timestamp)

        /// The moment just before the entry at a position.
        public static func before(_ position: UInt64) -> Moment {
            // No entry was admitted before 1970.
            position == 0 ? .time(Timestamp(nanoseconds: -1)) : .position(position - 1)
        }
    }
}
