// Whole listings, a page at a time, and what an answer is as of.

package import Gavel
import GavelJSON

extension LedgerQueries {
    /// Visits all auctions that a filter lets through.
    package func forEachAuction(
        _ filter: AuctionFilter = AuctionFilter(), _ body: (AuctionView) throws -> Void
    ) throws {
        var cursor: String?
        repeat {
            let page = try auctions(filter, after: cursor, limit: pageItemsMax)
            try page.items.forEach(body)
            cursor = page.cursor
        } while cursor != nil
    }

    /// Visits all wallets, in order of registration.
    package func forEachWallet(_ body: (WalletView) throws -> Void) throws {
        var cursor: String?
        repeat {
            let page = try wallets(after: cursor, limit: pageItemsMax)
            try page.items.forEach(body)
            cursor = page.cursor
        } while cursor != nil
    }

    /// What an answer reflects, for the foot of a table.
    package var asOf: String {
        let count = reflects
        guard count > 0 else { return "before the first entry" }
        return "as of position \(count - 1), \(lastEntryTime.rfc3339)"
    }
}
