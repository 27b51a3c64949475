// Names of accounts and commodities in the journals of other tools.
//
// Invariant: two users never share an account and two currencies never a commodity. A byte that
// may not stand in a name is written `-XX`, two upper-case hexadecimal digits; `-` itself is never
// left as it is, so what was written can be read back.

package import AuctionDomain

package enum JournalNames {
    /// A user's part of an account: `U` and the id with all bytes but letters and digits escaped.
    /// Both tools take that, and keep upper and lower case apart.
    package static func account(of user: UserID) -> String {
        "U" + escaped(user.string) { isLetter($0) || ASCII.isDigit($0) }
    }

    /// A commodity for hledger: the code where it is letters only, otherwise escaped as a user is
    /// and in quotes, in which any of that may stand.
    package static func hledgerCommodity(_ code: CurrencyCode) -> String {
        let name = code.string
        if name == hledgerMissing { return "\"\(escapingFirst(name))\"" }
        if name.utf8.allSatisfy(isLetter) { return name }
        return "\"" + escaped(name) { isLetter($0) || ASCII.isDigit($0) } + "\""
    }

    /// A commodity for beancount, which wants 2 to 24 bytes, upper case, a letter first: the code
    /// where it is that. Otherwise `C` and the code with all bytes but `A-Z` and digits escaped
    /// (its first byte where there are no such). Where that is too long, `C.` and the currency's
    /// registration number.
    ///
    /// The three kinds cannot meet: the first has neither `-` nor `.`, the second has a `-` and no
    /// `.`, the third has a `.`.
    package static func beancountCommodity(
        _ code: CurrencyCode, registeredAs handle: CurrencyHandle
    ) -> String {
        let name = code.string
        let isPlain = name.utf8.allSatisfy(isUpperOrDigit)
        let fits = (2...beancountBytesMax).contains(name.utf8.count)
        if isPlain, fits, !ASCII.isDigit(name.utf8.first!), !beancountWords.contains(name) {
            return name
        }
        let encoded = "C" + (isPlain ? escapingFirst(name) : escaped(name, keeps: isUpperOrDigit))
        return encoded.utf8.count <= beancountBytesMax ? encoded : "C.\(handle.rawValue)"
    }

    /// A payment's reference as the value of a tag in hledger, which ends at a comma: that and `%`
    /// are written as in a URL, `%2C` and `%25`.
    package static func hledgerTag(_ reference: PaymentReference) -> String {
        reference.string.reduce(into: "") { text, character in
            switch character {
            case ",": text += "%2C"
            case "%": text += "%25"
            default: text.append(character)
            }
        }
    }

    /// A payment's reference in quotes, as beancount reads strings.
    package static func beancountString(_ reference: PaymentReference) -> String {
        let escaped = reference.string.reduce(into: "") { text, character in
            if character == "\"" || character == "\\" { text += "\\" }
            text.append(character)
        }
        return "\"\(escaped)\""
    }

    /// hledger's own mark for an amount left out; it takes a commodity of that name for one.
    private static let hledgerMissing = "AUTO"

    /// Beancount's lexer reads these as values, never as commodities.
    private static let beancountWords = ["TRUE", "FALSE", "NULL"]

    /// Beancount 2 takes no longer one.
    private static let beancountBytesMax = 24

    private static func escapingFirst(_ name: String) -> String {
        var isFirst = true
        return escaped(name) { _ in
            defer { isFirst = false }
            return !isFirst
        }
    }

    private static func escaped(_ name: String, keeps: (UInt8) -> Bool) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if keeps(byte) {
                bytes.append(byte)
            } else {
                bytes += [ASCII.minus, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isUpperOrDigit(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || ASCII.isDigit(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

extension Timestamp {
    /// The day in UTC, counted from 1970-01-01.
    var day: Int64 { nanoseconds / Self.nanosecondsPerDay }

    /// The date of a day: `2026-03-01`.
    static func date(ofDay day: Int64) -> String {
        String(Timestamp(nanoseconds: day * nanosecondsPerDay).rfc3339.prefix(10))
    }

    private static let nanosecondsPerDay: Int64 = 86_400_000_000_000
}
