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

/// A currency: its name and how many digits stand behind the decimal point.
public struct Currency: Hashable, Sendable {
    /// The most digits behind the decimal point.
    public static let scaleMax: UInt8 = 9

    public let code: CurrencyCode
    /// 0 for KRW, 2 for USD, at most 9.
    public let scale: UInt8

    public init(code: CurrencyCode, scale: UInt8) {
        self.code = code
        self.scale = scale
    }
}

/// A moment: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted, years 1970-2261.
///
/// Any number of nanoseconds can be held; where a time is taken, as in a command, one that is not
/// `isInRange` is refused.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    /// A time by milliseconds since 1970. More than can be held gives a time that is not in range.
    @inlinable public init(milliseconds: Int64) {
        self.init(milliseconds, unitNanoseconds: 1_000_000)
    }
    /// A time by seconds since 1970. More than can be held gives a time that is not in range.
    @inlinable public init(seconds: Int64) {
        self.init(seconds, unitNanoseconds: 1_000_000_000)
    }

    @inlinable init(_ count: Int64, unitNanoseconds: Int64) {
        let (product, isTooFar) = count.multipliedReportingOverflow(by: unitNanoseconds)
        // One less than the greatest number, which says that an auction has no end.
        nanoseconds = isTooFar ? (count < 0 ? .min : .max - 1) : product
    }

    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    public static let zero = Timestamp(nanoseconds: 0)
    /// The last nanosecond of 2261; a deadline that never comes is not a time but nil.
    public static let max = Timestamp(nanoseconds: 9_214_646_399_999_999_999)

    /// The time that much later, but never beyond `max`.
    func adding(milliseconds: Int64) -> Timestamp {
        let (span, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, tooLate) = nanoseconds.addingReportingOverflow(span)
        return tooLong || tooLate ? .max : min(.max, Timestamp(nanoseconds: sum))
    }

    @inlinable public var isInRange: Bool { self >= .zero && self <= .max }
}
