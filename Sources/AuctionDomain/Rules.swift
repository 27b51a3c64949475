// The rules of one auction, frozen into its opening entry: what replay uses is always what was
// written there, never today's configuration.
//
// Invariants of a value that passed `validate`: the opening price is at least 1; the increment
// table starts at 0, rises strictly, and each step is at least 1.

/// One bracket of an increment table: from this price on, the next bid must be `step` higher.
public struct IncrementRow: Hashable, Sendable {
    public let from: Money
    public let step: Money
    @inlinable public init(from: Money, step: Money) {
        self.from = from
        self.step = step
    }
}

/// How far apart bids must lie, by price.
public struct IncrementTable: Hashable, Sendable {
    public let rows: [IncrementRow]

    public init(_ rows: [IncrementRow]) { self.rows = rows }

    /// A step of one minor unit at every price.
    public static let one = IncrementTable([IncrementRow(from: 0, step: 1)])

    /// The step at a price: the row with the greatest `from` not above it.
    /// - Complexity: O(rows), at most `Limits.incrementRowsMax`; tables are short and hot in cache.
    @inlinable public func step(at price: Money) -> Money {
        var step = rows[0].step
        for index in 1..<max(1, rows.count) {
            let row = rows[index]
            if row.from > price { break }
            step = row.step
        }
        return step
    }
}

/// The way an auction is run. One format so far; sealed, Dutch and multi-unit get own cases.
public enum AuctionFormat: UInt8, Hashable, Sendable {
    /// Open ascending bids; the highest wins.
    case english = 0
}

/// The whole rule set of an auction. The default is the plain English auction.
public struct AuctionRules: Hashable, Sendable {
    public var format: AuctionFormat
    /// The least first bid, and the price a first proxy bid sets.
    public var openingPrice: Money
    /// Whether a bid is the bidder's maximum, spent only as far as the competition asks.
    public var proxy: Bool
    public var increments: IncrementTable

    public init(
        format: AuctionFormat = .english, openingPrice: Money = 1, proxy: Bool = false,
        increments: IncrementTable = .one
    ) {
        self.format = format
        self.openingPrice = openingPrice
        self.proxy = proxy
        self.increments = increments
    }

    /// Checks that the rules make sense together.
    /// - Throws: `MalformedValue` naming the field and the reason.
    public func validate() throws(MalformedValue) {
        guard openingPrice >= 1 else {
            throw MalformedValue(
                "rules.opening_price must be at least 1, not \(openingPrice.minorUnits)")
        }
        let rows = increments.rows
        guard rows.count >= 1, rows.count <= Limits.incrementRowsMax else {
            throw MalformedValue(
                "rules.increments must have 1 to \(Limits.incrementRowsMax) rows, "
                    + "not \(rows.count)")
        }
        guard rows[0].from == 0 else {
            throw MalformedValue(
                "rules.increments must start with from 0, not \(rows[0].from.minorUnits)")
        }
        for (index, row) in rows.enumerated() {
            guard row.step >= 1 else {
                throw MalformedValue(
                    "rules.increments[\(index)].step must be at least 1, "
                        + "not \(row.step.minorUnits)")
            }
            guard index == 0 || row.from > rows[index - 1].from else {
                throw MalformedValue(
                    "rules.increments[\(index)].from must be above the row before it")
            }
        }
    }

    /// The part many auctions share; `State` keeps each distinct value once.
    package var terms: AuctionTerms {
        AuctionTerms(format: format, proxy: proxy, increments: increments)
    }
}

/// Rules without the numbers that differ from lot to lot.
package struct AuctionTerms: Hashable, Sendable {
    package let format: AuctionFormat
    package let proxy: Bool
    package let increments: IncrementTable

    package init(format: AuctionFormat, proxy: Bool, increments: IncrementTable) {
        self.format = format
        self.proxy = proxy
        self.increments = increments
    }
}
