// Open addressing in segments: where a number stands for a hash.
//
// Invariants: a slot holds 32 bits of hash above number + 1, 0 is free; a segment is at most three
// quarters full, so every probe ends; a number is found again by the hash it was placed under.
//
// Segments, because one large table stops everything when it grows (a hundred milliseconds at
// four million numbers) and again when a copy of it is kept and the next number is placed: a
// segment is 1/1024 of that. They grow by halves, so that at least half of their slots are in use.

/// A set of numbers, each under a hash of 32 bits.
@usableFromInline
package struct HashSlots: Sendable {
    @usableFromInline
    package struct Segment: Sendable {
        @usableFromInline var slots: ContiguousArray<UInt64> = []
        @usableFromInline var count = 0
    }

    @inlinable static var segmentBits: UInt64 { 10 }
    @usableFromInline var segments = ContiguousArray(
        repeating: Segment(), count: 1 << Int(HashSlots.segmentBits))

    package init() {}

    /// Makes room for so many numbers in all.
    package init(minimumCapacity: Int) {
        let each = minimumCapacity >> Int(Self.segmentBits)
        guard each > 0 else { return }
        // Segments differ by some standard deviations.
        let size = each * 3 / 2 + 16
        for index in segments.indices {
            segments[index].slots = ContiguousArray(repeating: 0, count: size)
        }
    }

    /// Finds a number.
    /// - Parameters:
    ///   - hash: 32 bits, well mixed.
    ///   - isIt: whether a number with this hash is the one; asked almost only of the one it is.
    /// - Complexity: O(1) expected.
    @inlinable @inline(__always)
    package func first(_ hash: UInt64, where isIt: (Int) -> Bool) -> Int? {
        let slots = segments[Self.segment(hash)].slots
        guard !slots.isEmpty else { return nil }
        var index = Self.start(hash, slots.count)
        while true {
            let slot = slots[index]
            if slot == 0 { return nil }
            if slot >> 32 == hash {
                let number = Int(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1
                if isIt(number) { return number }
            }
            index += 1
            if index == slots.count { index = 0 }
        }
    }

    /// Places a number that is not there yet.
    /// - Parameter number: below 2³² − 1.
    /// - Complexity: O(1) amortized; at worst the length of a segment.
    @inlinable @inline(__always)
    package mutating func insert(_ hash: UInt64, _ number: Int) {
        let segment = Self.segment(hash)
        if (segments[segment].count + 1) * 4 > segments[segment].slots.count * 3 { grow(segment) }
        Self.place(hash << 32 | UInt64(number + 1), in: &segments[segment].slots)
        segments[segment].count += 1
    }

    /// The slot at which a search begins: touched ahead, it is in the cache when it does.
    @inlinable @inline(__always)
    package func warmth(_ hash: UInt64) -> UInt64 {
        let slots = segments[Self.segment(hash)].slots
        return slots.isEmpty ? 0 : slots[Self.start(hash, slots.count)]
    }

    @usableFromInline
    mutating func grow(_ segment: Int) {
        let old = segments[segment].slots
        var slots = ContiguousArray<UInt64>(repeating: 0, count: max(8, old.count * 3 / 2))
        for slot in old where slot != 0 { Self.place(slot, in: &slots) }
        segments[segment].slots = slots
    }

    @inlinable @inline(__always)
    static func place(_ slot: UInt64, in slots: inout ContiguousArray<UInt64>) {
        var index = start(slot >> 32, slots.count)
        while slots[index] != 0 {
            index += 1
            if index == slots.count { index = 0 }
        }
        slots[index] = slot
    }

    @inlinable @inline(__always)
    static func segment(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> (32 - segmentBits))
    }

    /// The bits that do not choose the segment, as a share of its slots.
    @inlinable @inline(__always)
    static func start(_ hash: UInt64, _ count: Int) -> Int {
        let rest = (hash << segmentBits) & 0xFFFF_FFFF
        return Int(truncatingIfNeeded: (rest &* UInt64(count)) >> 32)
    }
}
