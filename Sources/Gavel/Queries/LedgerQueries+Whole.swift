// What a ledger is as a whole: its id, the root over its entries, and each currency's totals.

public import AuctionDomain
internal import Synchronization

/// A currency and where all its money is.
public struct CurrencyTotals: Hashable, Sendable {
    public let currency: Currency
    /// All that ever came in, and went out.
    public let charged: Money
    public let withdrawn: Money
    /// The sums over all wallets, the house's included.
    public let available: Money
    public let locked: Money

    /// Whether what came in and did not go out is what the wallets hold.
    public var isConserved: Bool {
        available.adding(locked) == charged - withdrawn
    }
}

extension LedgerQueries {
    /// The ledger's id; nil before its first entry.
    public var ledgerID: LedgerID? { reading.readState.withLock { $0.state.ledgerID } }

    /// The root of the Merkle tree over the entries reflected (RFC 6962 section 2.1).
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(256) reads.
    public func root() throws(LedgerError) -> LedgerHash {
        let count = reflects
        do {
            return try LogTree(of: reading.log, size: count).tree(of: count).root
        } catch {
            throw LedgerError(error, while: "hashing \(count) entries")
        }
    }

    /// Each currency's totals, in order of registration, all as of one position.
    /// - Complexity: O(currencies).
    public var totals: [CurrencyTotals] {
        reading.readState.withLock { readState in
            zip(readState.state.currencies, readState.holdings).map { record, holdings in
                CurrencyTotals(
                    currency: record.currency, charged: record.charged,
                    withdrawn: record.withdrawn, available: holdings.available,
                    locked: holdings.locked)
            }
        }
    }
}
