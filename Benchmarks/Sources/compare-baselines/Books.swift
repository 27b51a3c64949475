// What a peer's books say at the end, and what they have to say: the same for all who keep books.

import BidPlan

/// Sums over a peer's wallets, lots and bids.
struct Books: Equatable {
    /// Of all that is available or locked, over all wallets.
    var total: Int64
    /// Of all that is locked.
    var locked: Int64
    /// Of the leading bids.
    var leading: Int64
    /// How many bids were recorded as taken.
    var bids: Int64
    /// Wallets whose locked money is not what they lead with; 0 where that was not asked for.
    var wrongWallets: Int64 = 0
}

/// Checks a peer's books against the plan and what it had answered.
/// - Throws: `Failure` with both.
func expectBooks(_ books: Books, _ plan: BidPlan, _ tally: Tally) throws {
    var expected = books
    expected.total = plan.totalMinorUnits
    expected.locked = books.leading
    expected.bids = tally.accepted
    expected.wrongWallets = 0
    guard books == expected, tally.accepted > 0, books.leading > 0 else {
        throw Failure("the books are wrong: \(books), expected \(expected)")
    }
}

/// The books of a peer that keeps them in SQL: five sums, in the order of the fields of `Books`.
enum BooksSQL {
    static let queries = [
        "SELECT sum(balance + locked_balance) FROM wallets",
        "SELECT sum(locked_balance) FROM wallets",
        "SELECT sum(current_price) FROM auctions WHERE highest_bidder_id IS NOT NULL",
        "SELECT count(*) FROM bids",
        """
        SELECT count(*) FROM wallets w LEFT JOIN (
            SELECT highest_bidder_id, sum(current_price) AS locked FROM auctions
            GROUP BY highest_bidder_id
        ) led ON led.highest_bidder_id = w.user_id
        WHERE w.locked_balance <> coalesce(led.locked, 0)
        """,
    ]

    /// The books, by whatever runs a query that gives one number.
    static func books(_ number: (String) throws -> Int64) throws -> Books {
        let sums = try queries.map(number)
        return Books(
            total: sums[0], locked: sums[1], leading: sums[2], bids: sums[3],
            wrongWallets: sums[4])
    }
}
