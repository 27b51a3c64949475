// Names that callers choose.
//
// Invariant: a name holds 1 to 64 bytes of `A-Z a-z 0-9 . _ : -` (a payment reference: any
// printable ASCII but the space) and never changes.

/// A caller-chosen name: 1 to 64 bytes, each allowed by the conforming type's alphabet.
public protocol Identifier:
    Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral
where StringLiteralType == String {
    /// What the name names, in the words of an error message: "a user", "an auction", ….
    static var kind: String { get }
    /// Whether a byte may stand in such a name.
    static func allows(_ byte: UInt8) -> Bool
    /// The name itself.
    var string: String { get }
    /// Wraps a string already known to be well formed: one read back from a ledger, or one that is
    /// looked up in it, where an ill-formed name is simply not found. Commands that register a
    /// name check it again.
    init(unchecked string: String)
}

/// The longest name, reference or title part in bytes.
public let identifierBytesMax = 64

extension Identifier {
    /// Checks and wraps a name. A string literal in the place of `string` is taken by
    /// `init(stringLiteral:)`, which traps where this throws.
    /// - Throws: `MalformedValue` naming the rule that the string breaks.
    public init(_ string: String) throws(MalformedValue) {
        self.init(unchecked: string)
        try validate()
    }

    /// Checks the name.
    /// - Throws: `MalformedValue` naming the rule that it breaks.
    func validate() throws(MalformedValue) {
        let count = string.utf8.count
        guard count >= 1, count <= identifierBytesMax else {
            throw MalformedValue(
                "\(Self.kind) must have 1 to \(identifierBytesMax) characters, not \(count)")
        }
        guard string.utf8.allSatisfy(Self.allows) else {
            throw MalformedValue(
                "\(Self.kind) may hold only \(Self.alphabet), not \(string.debugDescription)")
        }
    }

    /// A literal is checked when it is used; a malformed one is a programmer's error and traps.
    public init(stringLiteral value: String) {
        do { try self.init(value) } catch { preconditionFailure(error.reason) }
    }

    public static func < (left: Self, right: Self) -> Bool { left.string < right.string }
    public var description: String { string }

    /// The alphabet in words, for messages.
    static var alphabet: String {
        allows(0x23) ? "printable ASCII without spaces" : "A-Z a-z 0-9 . _ : -"
    }

    /// The alphabet of users, auctions and currencies.
    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x3A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}

/// The name of a user, and of the wallet that every user has.
public struct UserID: Identifier {
    public static var kind: String { "a user" }
    public let string: String
    public init(unchecked string: String) { self.string = string }

    /// The reserved user that collects fees; created with the ledger.
    public static let house = UserID(unchecked: "house")
}

/// The name of an auction.
public struct AuctionID: Identifier {
    public static var kind: String { "an auction" }
    public let string: String
    public init(unchecked string: String) { self.string = string }
}

/// The name of a currency, usually its ISO 4217 code; any registered name serves.
public struct CurrencyCode: Identifier {
    public static var kind: String { "a currency" }
    public let string: String
    public init(unchecked string: String) { self.string = string }
}

/// A payment's name at the payment provider. Unique per user and kind of payment, for ever.
public struct PaymentReference: Identifier {
    public static var kind: String { "a reference" }
    public let string: String
    public init(unchecked string: String) { self.string = string }
    /// Providers' references hold slashes, hashes and the like: all printable ASCII is allowed.
    public static func allows(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }
}
