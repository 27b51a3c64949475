// Amounts of money: whole minor units of one currency, with checked arithmetic.
//
// Invariant: no operation wraps. Where a rule has shown that a sum fits, `+` and `-` are used
// and a failure is a broken invariant that stops the process; everywhere else `adding` answers
// nil and the rule decides.

/// An amount in minor units (cents of USD, yen of JPY); the currency is known from context.
public struct Money: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral {
    /// The number of minor units.
    public let minorUnits: Int64

    @inlinable public init(minorUnits: Int64) { self.minorUnits = minorUnits }
    @inlinable public init(integerLiteral value: Int64) { minorUnits = value }

    public static let zero = Money(minorUnits: 0)
    /// The largest amount; also the most that can be charged in one currency.
    public static let max = Money(minorUnits: .max)

    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.minorUnits < right.minorUnits
    }
    /// Traps on overflow: only for sums that a rule has bounded.
    @inlinable public static func + (left: Self, right: Self) -> Self {
        Money(minorUnits: left.minorUnits + right.minorUnits)
    }
    /// Traps on overflow: only for differences that a rule has bounded.
    @inlinable public static func - (left: Self, right: Self) -> Self {
        Money(minorUnits: left.minorUnits - right.minorUnits)
    }
    /// The sum, or nil where it does not fit.
    @inlinable public func adding(_ other: Self) -> Self? {
        let (sum, overflow) = minorUnits.addingReportingOverflow(other.minorUnits)
        return overflow ? nil : Money(minorUnits: sum)
    }

    /// Which way a share that is no whole number of units goes.
    enum Rounding { case down, up }

    /// A share of an amount, in hundredths of a percent from 0 to 10,000; what lies outside counts
    /// as the nearer of the two. Never more than the amount, so it cannot overflow.
    func share(basisPoints: Int, rounded: Rounding) -> Money {
        let (whole, rest) = minorUnits.quotientAndRemainder(dividingBy: 10_000)
        let share = Int64(Swift.min(Swift.max(0, basisPoints), 10_000))
        let rounding: Int64 = rounded == .up ? 9_999 : 0
        return Money(minorUnits: whole * share + (rest * share + rounding) / 10_000)
    }
}
