// Names to dense numbers and back.
//
// Invariants: the n-th distinct name inserted has number n for ever; the table is never
// iterated, so the per-process seed of Swift's hasher (which keeps crafted names from
// colliding) cannot reach any result.

/// A set of names in order of insertion, about 21 bytes and the name itself each.
public struct NameTable: Sendable {
    /// Names of one run of 4,096, end to end.
    struct Run: Sendable {
        var bytes: ContiguousArray<UInt8> = []
        var ends: ContiguousArray<UInt32> = []
    }
    private static let runShift = 12
    private static let runMask = (1 << runShift) - 1

    private var runs: ContiguousArray<Run> = []
    /// Open addressing, linear probing: 32 bits of hash above number + 1; 0 is free. The hash
    /// stands in the slot, so growing touches no name.
    private var slots: ContiguousArray<UInt64> = [0, 0, 0, 0, 0, 0, 0, 0]
    public private(set) var count = 0

    public init() {}

    /// The number of a name, or nil.
    /// - Complexity: O(1) expected.
    public func number(of name: String) -> Int? {
        let hash = Self.hash(name)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[slot]
            if entry == 0 { return nil }
            if entry >> 32 == hash {
                let number = Int(truncatingIfNeeded: entry & 0xFFFF_FFFF) - 1
                if isEqual(number, name) { return number }
            }
            slot = (slot + 1) & mask
        }
    }

    /// The name with a number.
    public func name(_ number: Int) -> String {
        let run = runs[number >> Self.runShift]
        let (start, end) = bounds(number)
        return String(decoding: run.bytes[start..<end], as: UTF8.self)
    }

    /// Adds a name that is not there yet.
    /// - Returns: its number.
    @discardableResult
    public mutating func insert(_ name: String) -> Int {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let number = count
        place(hash: Self.hash(name), number: number)
        if number & Self.runMask == 0 { runs.append(Run()) }
        let run = number >> Self.runShift
        runs[run].bytes.append(contentsOf: name.utf8)
        runs[run].ends.append(UInt32(runs[run].bytes.count))
        count += 1
        return number
    }

    private static func hash(_ name: String) -> UInt64 {
        UInt64(truncatingIfNeeded: name.hashValue) & 0xFFFF_FFFF
    }

    private func bounds(_ number: Int) -> (start: Int, end: Int) {
        let run = number >> Self.runShift
        let place = number & Self.runMask
        return (place == 0 ? 0 : Int(runs[run].ends[place - 1]), Int(runs[run].ends[place]))
    }

    private func isEqual(_ number: Int, _ name: String) -> Bool {
        let (start, end) = bounds(number)
        let utf8 = name.utf8
        guard utf8.count == end - start else { return false }
        var offset = start
        for byte in utf8 {
            if runs[number >> Self.runShift].bytes[offset] != byte { return false }
            offset += 1
        }
        return true
    }

    private mutating func place(hash: UInt64, number: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = hash << 32 | UInt64(number + 1)
    }

    /// Doubles the slots.
    private mutating func grow() {
        let old = slots
        slots = ContiguousArray(repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 {
            place(hash: entry >> 32, number: Int(truncatingIfNeeded: entry & 0xFFFF_FFFF) - 1)
        }
    }
}
