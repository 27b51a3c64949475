// What is kept of an account, and the shapes of what people say of themselves.
//
// Invariants: the ledger's user id is drawn here and says nothing of the person; name, profile and
// credentials are in these rows only, so erasing the rows erases the person; a closed account
// keeps its id and nothing else.

internal import AuctionDomain
internal import Foundation
internal import Gavel
internal import GavelJSON

/// A name to sign in with: 3 to 32 of `A-Z a-z 0-9 . _ -`, letters or digits at both ends.
struct Username: Hashable, Sendable {
    static let pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{1,30}[A-Za-z0-9]$"

    /// As it was given.
    let text: String
    /// As it is compared: in lower case, so that nobody looks like somebody else.
    let key: String

    /// - Throws: `MalformedValue` naming the rule that the text breaks.
    init(_ text: String) throws(MalformedValue) {
        let bytes = Array(text.utf8)
        guard (3...32).contains(bytes.count) else {
            throw MalformedValue("a user name must have 3 to 32 characters, not \(bytes.count)")
        }
        guard let first = bytes.first, let last = bytes.last, Self.isAlphanumeric(first),
            Self.isAlphanumeric(last),
            bytes.allSatisfy({ Self.isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) })
        else {
            throw MalformedValue(
                "a user name may hold only A-Z a-z 0-9 . _ - with a letter or digit at both ends")
        }
        self.text = text
        key = text.lowercased()
    }

    /// Whether it reads like one of those who act in the log besides users: nobody may sign up
    /// under such a name.
    var isReserved: Bool { ["house", "operator", "payment", "system"].contains(key) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}

/// A row of `accounts`.
struct AccountRow: Codable, Sendable {
    enum Status: String, Codable, Sendable {
        /// The name is reserved; whether the ledger knows the user is not settled.
        case pending
        case active
        /// Only the id is left.
        case closed
    }

    var user: String
    var status: Status
    var username: String?
    var roles: [String] = []
    var password: PasswordHash?
    var displayName: String?
    var about: String?
    var email: String?
    /// When the user was registered in the ledger, in nanoseconds since 1970; until then, when the
    /// row was made.
    var since: Int64 = 0
    /// The command that registers the user; nil for an account of a user that was there before.
    var commandID: String?
    /// What the sign-up said besides the password, as a digest: a repeat must say the same.
    var signUpDigest: String?
    /// Where the ledger registered the user.
    var position: UInt64?
    /// Drawn anew with each password, and for each account: tokens given before are void, also
    /// for whoever has an account of the same user later.
    var generation = Drawing.generation()
    /// The families of refresh tokens, the oldest first.
    var families: [String] = []
    /// Digests of the addresses that somebody with the password or a refresh token has come from,
    /// the last first. Nil in rows that were written before there were any.
    var addresses: [String]?

    /// The most addresses that are kept.
    static let addressesMax = 8

    /// Takes note of an address.
    mutating func note(_ address: String) {
        addresses = Array(
            ([address] + (addresses ?? []).filter { $0 != address })
                .prefix(Self.addressesMax))
    }

    var userID: UserID { UserID(unchecked: user) }
    var memberSince: Timestamp { Timestamp(nanoseconds: since) }
    var roleSet: Roles {
        Roles(Roles.named.filter { roles.contains($0.name) }.map(\.role))
    }

    /// What is left of a closed account.
    static func tombstone(_ user: String) -> AccountRow {
        AccountRow(user: user, status: .closed)
    }

    /// The public profile, ready to be joined to listings.
    ///
    ///     {"user":"u…","username":"Ada","display_name":…,"about":…,"member_since":"…"}
    var profile: [UInt8] {
        var writer = JSONWriter()
        writer.object { writePublic(&$0) }
        return writer.bytes
    }

    /// The fields of the public profile.
    func writePublic(_ object: inout JSONWriter) {
        object.field("user", user)
        object.field("username", username)
        object.field("display_name", displayName)
        object.field("about", about)
        object.field("member_since", status == .active ? memberSince : nil)
    }

    /// The fields of the profile as its owner sees it.
    func writePrivate(_ object: inout JSONWriter) {
        writePublic(&object)
        object.field("email", email)
        object.name("roles")
        object.array { array in
            for role in roleSet.names { array.value(role) }
        }
    }
}

extension LedgerClock {
    /// The time in whole seconds since 1970, as tokens have it.
    var seconds: Int64 { now().nanoseconds / 1_000_000_000 }
}

/// Draws what must not be guessed; the system's generator is fit for that.
enum Drawing {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")

    /// Lower-case base 32, five bits a character.
    static func base32(characters: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String(
            (0..<characters).map { _ in alphabet[Int.random(in: 0..<32, using: &generator)] })
    }

    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// A generation of an account: 53 random bits, which every reader of JSON reads exactly.
    static func generation() -> Int {
        var generator = SystemRandomNumberGenerator()
        return Int.random(in: 0..<1 << 53, using: &generator)
    }

    /// A new user id of the ledger: `u` and 100 random bits.
    static func user() -> UserID { UserID(unchecked: "u" + base32(characters: 20)) }
}

extension [UInt8] {
    /// Base 64 as URLs and tokens have it: no padding (RFC 4648 section 5).
    var base64URL: String {
        Data(self).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    /// Reads `base64URL`; nil for anything else, also for another spelling of the same bytes: no
    /// padding, and no bits in the last character that say nothing.
    init?(base64URL text: some StringProtocol) {
        guard text.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2F && $0 != 0x3D }) else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let standard = String(text).replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: standard) else { return nil }
        self = Array(data)
        guard base64URL.utf8.elementsEqual(text.utf8) else { return nil }
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    func isEqualInConstantTime(to other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for (left, right) in zip(self, other) { difference |= left ^ right }
        return difference == 0
    }
}
