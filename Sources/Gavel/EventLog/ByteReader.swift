// Reading the integers, amounts and texts of entries and snapshots.
//
// Invariant: nothing is read beyond the end; what is missing or out of range is a `LogFault`,
// never a trap.

internal import AuctionDomain
internal import Platform

/// Reads integers and texts one after the other out of a run of bytes.
struct ByteReader {
    /// What is read, for messages: "an entry".
    let what: StaticString
    private(set) var offset: Int
    let end: Int

    init(_ what: StaticString, from offset: Int, to end: Int) {
        self.what = what
        self.offset = offset
        self.end = end
    }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type, _ bytes: RawSpan
    ) throws(LogFault) -> T {
        let next = offset &+ MemoryLayout<T>.size
        guard next <= end else { throw LogFault("\(what) ends inside a field") }
        defer { offset = next }
        return bytes.load(type, at: offset)
    }

    /// An amount. None is ever negative, so that two of them can be subtracted.
    @inline(__always)
    mutating func money(_ bytes: RawSpan) throws(LogFault) -> Money {
        let amount = try integer(Int64.self, bytes)
        guard amount >= 0 else { throw LogFault("an amount is negative") }
        return Money(minorUnits: amount)
    }

    @inline(__always)
    mutating func user(_ bytes: RawSpan) throws(LogFault) -> UserHandle {
        UserHandle(rawValue: try integer(UInt32.self, bytes))
    }

    /// A user, or nobody: 0xFFFF_FFFF.
    mutating func userIfAny(_ bytes: RawSpan) throws(LogFault) -> UserHandle? {
        let user = try user(bytes)
        return user == .none ? nil : user
    }

    @inline(__always)
    mutating func auction(_ bytes: RawSpan) throws(LogFault) -> AuctionHandle {
        AuctionHandle(rawValue: try integer(UInt32.self, bytes))
    }

    mutating func time(_ bytes: RawSpan) throws(LogFault) -> Timestamp {
        Timestamp(nanoseconds: try integer(Int64.self, bytes))
    }

    mutating func bytes32(_ bytes: RawSpan) throws(LogFault) -> Bytes32 {
        Bytes32(
            try integer(UInt64.self, bytes).byteSwapped,
            try integer(UInt64.self, bytes).byteSwapped,
            try integer(UInt64.self, bytes).byteSwapped,
            try integer(UInt64.self, bytes).byteSwapped)
    }

    mutating func text(_ count: Int, _ bytes: RawSpan) throws(LogFault) -> String {
        guard offset &+ count <= end else { throw LogFault("\(what) ends inside a text") }
        guard let text = bytes.string(in: offset..<offset &+ count) else {
            throw LogFault("a text is not UTF-8")
        }
        offset &+= count
        return text
    }

    mutating func shortText(_ bytes: RawSpan) throws(LogFault) -> String {
        try text(Int(try integer(UInt8.self, bytes)), bytes)
    }

    mutating func longText(atMost bytesMax: Int, _ bytes: RawSpan) throws(LogFault) -> String {
        let count = Int(try integer(UInt16.self, bytes))
        guard count <= bytesMax else {
            throw LogFault("a text has at most \(bytesMax) bytes, not \(count)")
        }
        return try text(count, bytes)
    }

    mutating func identifier<ID: Identifier>(_ bytes: RawSpan) throws(LogFault) -> ID {
        do { return try ID(try shortText(bytes)) } catch { throw LogFault("\(error)") }
    }

    @inline(__always)
    mutating func enumeration<E: RawRepresentable<UInt8>>(
        _ bytes: RawSpan
    ) throws(LogFault) -> E {
        let number = try integer(UInt8.self, bytes)
        guard let value = E(rawValue: number) else { throw LogFault("unknown \(E.self) \(number)") }
        return value
    }

    mutating func flag(_ bytes: RawSpan) throws(LogFault) -> Bool {
        switch try integer(UInt8.self, bytes) {
        case 0: false
        case 1: true
        case let other: throw LogFault("a yes or no is \(other)")
        }
    }
}
