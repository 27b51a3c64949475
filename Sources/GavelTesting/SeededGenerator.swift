// Pseudo-random numbers that a seed fixes for ever: SplitMix64 (Steele, Lea, Flood 2014).
//
// Invariant: the same seed gives the same sequence on every machine and with every version of
// the standard library; therefore the draws below are written out here and never left to
// `Int.random(in:using:)`, whose way of drawing is not promised. No use for secrets.

/// A deterministic source of numbers for workloads and tests.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Any seed is good; near seeds give unrelated sequences.
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and not including a bound. The bias of the multiplication is below
    /// bound / 2⁶⁴, which no test of ours can notice.
    /// - Precondition: `bound` is at least 1.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound >= 1, "a draw needs at least one possibility")
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number from a closed range of at most 2⁶³ members.
    public mutating func number(in range: ClosedRange<Int64>) -> Int64 {
        let span = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
        precondition(span >= 1 && span <= 1 << 63, "the range must have 1 to 2^63 members")
        let offset = next().multipliedFullWidth(by: span).high
        return range.lowerBound &+ Int64(bitPattern: offset)
    }

    /// True in so many of a thousand draws on average.
    public mutating func chance(perMille: Int) -> Bool { below(1_000) < perMille }

    /// One element.
    /// - Precondition: there is at least one.
    public mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    /// One element, each as likely as its weight says.
    /// - Precondition: no weight is negative and at least one is above 0.
    public mutating func pick<Element>(weighted elements: [(weight: Int, Element)]) -> Element {
        var draw = below(elements.reduce(0) { $0 + $1.weight })
        for (weight, element) in elements {
            if draw < weight { return element }
            draw -= weight
        }
        preconditionFailure("a draw lies below the sum of the weights")
    }
}
