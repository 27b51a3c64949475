// How far apart bids must lie: a step for each bracket of prices, or a share of the price.
//
// Invariant of a value that passed `validate`: a step is at least one minor unit at every price,
// so an equal bid never leads. (Shares rounded down let equal bids lead below 1 / share: ZORA
// and Nouns did; ours are rounded up.)

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
public enum Increments: Hashable, Sendable {
    /// The row with the greatest `from` not above the price gives the step.
    case table([IncrementRow])
    /// The price's share in hundredths of a percent (1 to 10,000), rounded up, at least one unit.
    case basisPoints(Int)

    /// A step of one minor unit at every price.
    public static let one = Increments.table([IncrementRow(from: 0, step: 1)])

    /// The step at a price.
    /// - Complexity: O(rows), at most `Limits.incrementRowsMax`; tables are short and hot in cache.
    public func step(at price: Money) -> Money {
        switch self {
        case .table(let rows):
            guard var step = rows.first?.step else { return 1 }
            for index in 1..<max(1, rows.count) {
                let row = rows[index]
                if row.from > price { break }
                step = row.step
            }
            return step
        case .basisPoints(let share):
            return max(1, price.share(basisPoints: share, rounded: .up))
        }
    }

    func validate() throws(MalformedValue) {
        switch self {
        case .table(let rows): try Self.validate(rows)
        case .basisPoints(let share):
            guard share >= 1, share <= Limits.basisPointsMax else {
                throw MalformedValue(
                    "rules.increments.basis_points must be 1 to \(Limits.basisPointsMax), "
                        + "not \(share)")
            }
        }
    }

    private static func validate(_ rows: [IncrementRow]) throws(MalformedValue) {
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
}
