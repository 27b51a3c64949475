// Names to dense numbers and back.
//
// Invariants: the n-th distinct name inserted has number n for ever; the table is never
// iterated, so the per-process seeds (which keep crafted names from colliding) cannot reach any
// result; a name of at most 15 bytes is its `NameKey`, a longer one stands in `long` and its key
// says where.

/// A name packed into 16 bytes: up to 15 bytes of UTF-8 and, in the last one, how many; one
/// comparison and a few instructions of hashing, where a string takes a loop for each.
@usableFromInline
package struct NameKey: Hashable, Sendable {
    @usableFromInline var low: UInt64 = 0
    @usableFromInline var high: UInt64 = 0

    @inlinable static var bytesMax: Int { 15 }

    /// The key of the empty name, to which bytes can be appended.
    @inlinable package init() {}
    private static let isLong: UInt64 = 0xFF << 56

    /// Packs a name; nil when it is longer than 15 bytes.
    @inline(__always)
    package init?(_ name: String) {
        let utf8 = name.utf8
        let count = utf8.count
        guard count <= Self.bytesMax else { return nil }
        var index = 0
        for byte in utf8 {
            let shifted = UInt64(byte) &<< UInt64(8 &* (index & 7))
            if index < 8 { low |= shifted } else { high |= shifted }
            index &+= 1
        }
        high |= UInt64(count) &<< 56
    }

    /// Appends a byte of a name.
    /// - Returns: false where the name gets too long for a key.
    @inlinable @inline(__always)
    package mutating func append(_ byte: UInt8) -> Bool {
        let count = Int(high >> 56)
        guard count < Self.bytesMax else { return false }
        let shifted = UInt64(byte) &<< UInt64(8 &* (count & 7))
        if count < 8 { low |= shifted } else { high |= shifted }
        high &+= 1 << 56
        return true
    }

    /// The key of the name with a number among the long ones.
    fileprivate init(long number: Int) {
        low = UInt64(number)
        high = Self.isLong
    }

    /// The number among the long names, when it is the key of one.
    fileprivate var longNumber: Int? { high == Self.isLong ? Int(low) : nil }

    fileprivate var name: String {
        let count = Int(high >> 56)
        return String(
            decoding: (0..<count).map { index in
                UInt8(truncatingIfNeeded: (index < 8 ? low : high) >> UInt64(8 * (index & 7)))
            }, as: UTF8.self)
    }
}

/// Up to 32 names that are looked up together.
struct NameRun {
    fileprivate var keys = InlineArray<32, NameKey>(repeating: NameKey())
    fileprivate var hashes = InlineArray<32, UInt64>(repeating: 0)
    fileprivate var isShort = InlineArray<32, Bool>(repeating: false)
    /// What was found at each place; `UInt32.max` where nothing was.
    fileprivate(set) var numbers = InlineArray<32, UInt32>(repeating: .max)

    /// Takes up a name; a long one is looked up at once.
    @inline(__always)
    mutating func add(_ name: String, at place: Int, of table: NameTable) {
        guard let key = NameKey(name) else {
            if let number = table.number(of: name) { numbers[place] = UInt32(number) }
            return
        }
        keys[place] = key
        hashes[place] = table.hash(key)
        isShort[place] = true
    }
}

/// Hashes of up to 32 names that are touched together: one after the other, with other work between
/// them, each would be waited for.
package struct NameHashes: Sendable {
    fileprivate var hashes = InlineArray<32, UInt64>(repeating: 0)
    package private(set) var count = 0

    package init() {}

    mutating func add(_ key: NameKey, of table: NameTable) {
        hashes[count] = table.hash(key)
        count += 1
    }
}

/// A set of names in order of insertion: 16 bytes a name of up to 15 bytes, and a slot of
/// `HashSlots`.
public struct NameTable: Sendable {
    /// Names of one run of 4,096 long ones, end to end.
    private struct Run: Sendable {
        var bytes: ContiguousArray<UInt8> = []
        var ends: ContiguousArray<UInt32> = []
    }
    private static let runShift = 12
    private static let runMask = (1 << runShift) - 1

    private var keys = ChunkedArray<NameKey>()
    private var long: ContiguousArray<Run> = []
    private var longCount = 0
    private var slots = HashSlots()
    private let seeds = Self.processSeeds
    public var count: Int { keys.count }

    /// Two numbers that nobody outside the process knows: from Swift's own hasher, whose seed is
    /// drawn when the process starts.
    private static let processSeeds: (UInt64, UInt64) = (
        UInt64(truncatingIfNeeded: "names".hashValue) | 1,
        UInt64(truncatingIfNeeded: "and numbers".hashValue) | 1
    )

    public init() {}

    /// The number of a name, or nil.
    /// - Complexity: O(1) expected.
    @inline(__always)
    public func number(of name: String) -> Int? {
        guard let key = NameKey(name) else { return longNumber(of: name) }
        return number(of: key, hash: hash(key))
    }

    @inline(__always)
    private func number(of key: NameKey, hash: UInt64) -> Int? {
        slots.first(hash) { keys[$0] == key }
    }

    private func longNumber(of name: String) -> Int? {
        slots.first(Self.hash(long: name)) { number in
            keys[number].longNumber.map { isEqual($0, name) } ?? false
        }
    }

    /// Touches where names stand, or will stand once they are inserted.
    /// - Returns: nothing that means anything.
    func touch(_ names: NameHashes) -> UInt64 {
        var warmth: UInt64 = 0
        for place in 0..<names.count { warmth &+= slots.warmth(names.hashes[place]) }
        return warmth
    }

    /// Finds the names of a run: each step for all of them before the next.
    /// - Parameter touches: whether what the next step reads is touched first.
    /// - Returns: nothing that means anything.
    func find(_ run: inout NameRun, _ count: Int, touches: Bool) -> UInt64 {
        var warmth: UInt64 = 0
        if touches {
            for place in 0..<count { warmth &+= slots.warmth(run.hashes[place]) }
        }
        for place in 0..<count where run.isShort[place] {
            if let number = slots.first(run.hashes[place], where: { _ in true }) {
                run.numbers[place] = UInt32(number)
            }
        }
        if touches {
            for place in 0..<count where run.numbers[place] != .max {
                warmth &+= keys[Int(run.numbers[place])].low
            }
        }
        for place in 0..<count where run.isShort[place] && run.numbers[place] != .max {
            if keys[Int(run.numbers[place])] == run.keys[place] { continue }
            // Another name with the same 32 bits of hash stood first.
            let number = number(of: run.keys[place], hash: run.hashes[place])
            run.numbers[place] = number.map { UInt32($0) } ?? .max
        }
        return warmth
    }

    /// The name with a number.
    public func name(_ number: Int) -> String {
        guard let place = keys[number].longNumber else { return keys[number].name }
        let (start, end) = bounds(place)
        return String(decoding: long[place >> Self.runShift].bytes[start..<end], as: UTF8.self)
    }

    /// Adds a name that is not there yet.
    /// - Returns: its number.
    @discardableResult
    public mutating func insert(_ name: String) -> Int {
        let number = count
        if let key = NameKey(name) {
            slots.insert(hash(key), number)
            keys.append(key)
        } else {
            slots.insert(Self.hash(long: name), number)
            keys.append(NameKey(long: longCount))
            keep(name)
        }
        return number
    }

    private mutating func keep(_ name: String) {
        if longCount & Self.runMask == 0 { long.append(Run()) }
        let run = longCount >> Self.runShift
        long[run].bytes.append(contentsOf: name.utf8)
        long[run].ends.append(UInt32(long[run].bytes.count))
        longCount += 1
    }

    /// The folded product of both halves, each hidden by a seed: 32 bits of it.
    @inline(__always)
    fileprivate func hash(_ key: NameKey) -> UInt64 {
        let product = (key.low ^ seeds.0).multipliedFullWidth(
            by: (key.high ^ seeds.1) | 0x8000_0000)
        let folded = product.high ^ product.low
        return (folded ^ folded >> 32) & 0xFFFF_FFFF
    }

    private static func hash(long name: String) -> UInt64 {
        UInt64(truncatingIfNeeded: name.hashValue) & 0xFFFF_FFFF
    }

    private func bounds(_ place: Int) -> (start: Int, end: Int) {
        let run = long[place >> Self.runShift]
        let index = place & Self.runMask
        return (index == 0 ? 0 : Int(run.ends[index - 1]), Int(run.ends[index]))
    }

    private func isEqual(_ place: Int, _ name: String) -> Bool {
        let (start, end) = bounds(place)
        return long[place >> Self.runShift].bytes[start..<end].elementsEqual(name.utf8)
    }
}
