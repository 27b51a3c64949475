// Pseudo-random numbers for the load: SplitMix64 (Steele, Lea, Flood 2014), a few nanoseconds each.
//
// Invariant: the same seed gives the same sequence on every machine; nothing of a storm's plan
// comes from anywhere else, so a storm can be repeated.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A deterministic source of draws.
struct StormRandom {
    private var state: UInt64

    /// Any seed is good; near seeds give unrelated sequences.
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and not including a bound of at least 1.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number from 0 up to and not including 1.
    mutating func share() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// The gap to the next arrival where arrivals come independently of each other: exponential
    /// with mean 1.
    mutating func gap() -> Double { -log(1 - share()) }

    /// One of the numbers 1 to `count`, k with a weight of k to the power of −`exponent`, by
    /// inverting the continuous law: good enough for sizes and prices of a made-up market.
    mutating func zipf(_ count: Int, exponent: Double) -> Int {
        let top = pow(Double(count) + 1, 1 - exponent)
        let value = pow(1 + share() * (top - 1), 1 / (1 - exponent))
        return min(count, max(1, Int(value)))
    }
}
