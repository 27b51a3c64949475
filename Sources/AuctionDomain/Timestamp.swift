// Moments, as the log stores them.

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
