// Sums that stop at the greatest number, where a value from outside could overflow them.

extension FixedWidthInteger {
    /// The sum, or the greatest number where it does not fit.
    @inline(__always)
    func addingClamped(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
