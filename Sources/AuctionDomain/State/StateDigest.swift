// A 64-bit fingerprint of all users, wallets, currencies and auctions, kept up to date at the
// price of one multiplication a changed field: the wrapping sum over all fields of
// value × coefficient(record) × coefficient(field).
//
// Linear on purpose: a change adds `(new − old) × coefficient`, nothing is hashed again, and the
// order of changes does not matter. It finds two folds that differ (chance of a miss about
// 2⁻⁶⁴ for an accident); it is no defence against forgery, that is the Merkle root's task.

/// The fingerprint.
public struct StateDigest: Hashable, Sendable, CustomStringConvertible {
    public private(set) var value: UInt64

    public init(value: UInt64 = 0) { self.value = value }

    /// What kind of record a field belongs to.
    enum Record: UInt64 {
        case user = 1
        case account, auction, currency, reference
    }

    /// The changes of one record's fields: summed first, so that a record is looked up once.
    struct Delta {
        fileprivate var sum: UInt64 = 0

        @inline(__always)
        mutating func add(field: UInt64, _ delta: UInt64) {
            sum &+= delta &* StateDigest.scrambled(field &+ 1)
        }

        /// Adds a change of one amount, count or time.
        @inline(__always)
        mutating func add(field: UInt64, from old: Int64, to new: Int64) {
            add(field: field, UInt64(bitPattern: new &- old))
        }
    }

    /// Adds the changes of one record.
    @inline(__always)
    mutating func add(_ record: Record, _ index: Int, _ delta: Delta) {
        let number = UInt64(truncatingIfNeeded: index) << 3 | record.rawValue
        value &+= delta.sum &* Self.scrambled(number)
    }

    /// Adds a change of one field.
    @inline(__always)
    mutating func add(_ record: Record, _ index: Int, field: UInt64, _ delta: UInt64) {
        var change = Delta()
        change.add(field: field, delta)
        add(record, index, change)
    }

    /// Adds a change of one amount, count or time.
    @inline(__always)
    mutating func add(_ record: Record, _ index: Int, field: UInt64, from old: Int64, to new: Int64)
    {
        add(record, index, field: field, UInt64(bitPattern: new &- old))
    }

    /// An odd pseudo-random number for each number (finalizer of SplitMix64). A field's
    /// coefficient is the product of its record's and its own: odd again, so that no change of a
    /// single field is ever lost.
    @inline(__always)
    private static func scrambled(_ number: UInt64) -> UInt64 {
        var x = number &+ 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return (x ^ (x >> 31)) | 1
    }

    /// A fingerprint of text (FNV-1a).
    static func of(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }

    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
