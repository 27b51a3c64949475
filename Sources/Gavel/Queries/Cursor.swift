// Cursors: where a page ended, as text that its owner keeps and gives back.
//
// A cursor is 16 bytes of tag and a few numbers, in base64url: opaque, and short enough for an
// address. The tag is an HMAC, under a key of the ledger's own, of what the cursor is good for and
// of the numbers; the numbers are masked by what another key makes of the tag (a synthetic IV, as
// in RFC 5297). So the same question and place have the same cursor, and nobody can make one, alter
// one, or read more out of one than whether it is the same as another.
//
// Invariants: the tag covers the query, its filters, the caller and the ledger's id, each so
// encoded that no two of them have the same bytes; what is written can be read: the longest numbers
// fit into the longest cursor; whoever reads numbers checks each again as if it were forged, since
// a key may leak and a ledger may have been restored to before the cursor was made.

public import AuctionDomain
internal import Synchronization

/// What a page's cursor is good for besides the question itself.
public struct CursorBinding: Hashable, Sendable {
    /// Who asks; nil for nobody in particular.
    public var caller: UserID?
    /// A condition that whoever asks puts to the items of a page afterwards.
    public var condition: String?

    /// Nobody in particular, and no further condition.
    public static let none = CursorBinding()

    public init(caller: UserID? = nil, condition: String? = nil) {
        self.caller = caller
        self.condition = condition
    }
}

/// The longest cursor in characters: the tag and four numbers of 64 bits.
public let cursorCharactersMax = 75

/// What a cursor belongs to, as bytes: parts that each say how long they are.
struct CursorScope {
    private(set) var bytes: [UInt8] = []

    init(_ query: String, of ledger: LedgerID?, _ binding: CursorBinding) {
        bytes.reserveCapacity(96)
        for word in [ledger?.high ?? 0, ledger?.low ?? 0] {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift)))
            }
        }
        add(query)
        add(binding.caller?.string)
        add(binding.condition)
    }

    /// Adds a part, or that it is not there.
    mutating func add(_ text: String?) {
        guard let text else { return bytes.append(0) }
        bytes.append(1)
        Cursor.append(UInt64(text.utf8.count), to: &bytes)
        bytes += text.utf8
    }
}

/// Writes and reads cursors.
enum Cursor {
    static let tagBytes = 16
    /// The most numbers in a cursor, and the most bytes of one.
    static let numbersMax = 4
    private static let numberBytesMax = 10

    /// The cursor of some numbers.
    /// - Precondition: there are at most `numbersMax`.
    static func text(
        _ numbers: [UInt64], _ scope: CursorScope, _ secret: LedgerSecret
    ) -> String {
        var payload: [UInt8] = []
        for number in numbers { append(number, to: &payload) }
        let tag = tag(of: payload, scope, secret)
        return Base64.encodeURL(tag + masked(payload, by: tag, secret))
    }

    /// The numbers in a cursor.
    /// - Parameter count: how many there must be.
    /// - Throws: `badCursor` where the cursor is not one that `text` wrote for the same scope.
    static func numbers(
        in text: String, count: Int, _ scope: CursorScope, _ secret: LedgerSecret
    ) throws(LedgerError) -> [UInt64] {
        guard text.utf8.count <= cursorCharactersMax, let bytes = Base64.decodeURL(text),
            bytes.count > tagBytes
        else { throw .badCursor }
        let tag = Array(bytes[..<tagBytes])
        let payload = masked(Array(bytes[tagBytes...]), by: tag, secret)
        guard isSame(tag, Self.tag(of: payload, scope, secret)),
            let numbers = numbers(in: payload), numbers.count == count
        else { throw .badCursor }
        return numbers
    }

    private static func tag(
        of payload: [UInt8], _ scope: CursorScope, _ secret: LedgerSecret
    ) -> [UInt8] {
        // The scope's parts end where they say, so no payload reads as a part of it.
        Array(secret.code(.cursorTag, of: scope.bytes + payload).prefix(tagBytes))
    }

    /// Masks bytes, and unmasks them.
    private static func masked(
        _ bytes: [UInt8], by tag: [UInt8], _ secret: LedgerSecret
    ) -> [UInt8] {
        var mask: [UInt8] = []
        var block: UInt8 = 0
        while mask.count < bytes.count {
            mask += secret.code(.cursorMask, of: tag + [block])
            block += 1
        }
        return zip(bytes, mask).map { $0 ^ $1 }
    }

    /// In a time that does not depend on where they differ.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference: UInt8 = left.count == right.count ? 0 : 1
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }

    // MARK: Numbers

    /// Appends a number, seven bits a byte, the lowest first; all bytes but the last have bit 7.
    static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// The numbers in bytes; nil where the bytes are not what `append` wrote.
    static func numbers(in bytes: [UInt8]) -> [UInt64]? {
        var numbers: [UInt64] = []
        var number: UInt64 = 0
        var shift: UInt64 = 0
        for byte in bytes {
            let bits = UInt64(byte & 0x7F)
            guard shift < 64, (bits << shift) >> shift == bits else { return nil }
            number |= bits << shift
            if byte & 0x80 != 0 {
                shift += 7
                continue
            }
            // A number has one spelling only.
            guard shift == 0 || byte != 0, numbers.count < numbersMax else { return nil }
            numbers.append(number)
            (number, shift) = (0, 0)
        }
        return shift == 0 ? numbers : nil
    }
}

extension LedgerError {
    /// One reason for all that may be wrong with a cursor: a forger learns nothing from it.
    static var badCursor: LedgerError {
        LedgerError(
            .badCursor,
            "the cursor is none of this list: it must be the one of the page before, with the same "
                + "question, by the same caller, of the same ledger")
    }
}

extension Reading {
    /// What the cursors of a query belong to.
    func scope(_ query: String, _ binding: CursorBinding) -> CursorScope {
        CursorScope(query, of: readState.withLock { $0.state.ledgerID }, binding)
    }

    /// The cursor of some numbers.
    func cursor(_ numbers: [UInt64], _ scope: CursorScope) -> String {
        Cursor.text(numbers, scope, secret)
    }

    /// The numbers in a cursor; nil where there is no cursor.
    /// - Throws: `badCursor`.
    func numbers(
        in cursor: String?, count: Int, _ scope: CursorScope
    ) throws(LedgerError) -> [UInt64]? {
        guard let cursor else { return nil }
        return try Cursor.numbers(in: cursor, count: count, scope, secret)
    }
}
