// The fields of a body that is no command.
//
// Invariants: unknown fields are refused by name before any is read; messages say what a field
// must be and never what a secret one was.

internal import AuctionDomain
internal import GavelJSON

/// The members of a body, by name.
struct BodyFields {
    private let members: [JSONMember]

    /// - Throws: `malformed` for an unknown field.
    init(_ members: [JSONMember], known: [String]) throws(Problem) {
        self.members = members
        for member in members where !known.contains(member.name) {
            throw Problem(
                .malformed,
                "unknown field \(member.name.debugDescription), expected "
                    + known.joined(separator: ", "))
        }
    }

    /// Whether a field is given, null or not.
    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// A field that must be a text.
    func text(_ name: String) throws(Problem) -> String {
        for member in members where member.name == name {
            guard case .string(let text) = member.value else {
                throw Problem(.malformed, "\(name) must be a string")
            }
            return text
        }
        throw Problem(.malformed, "missing field \"\(name)\"")
    }

    /// A field that may be left out, or null.
    func textIfPresent(_ name: String, _ rule: TextRule) throws(Problem) -> String? {
        for member in members where member.name == name {
            if member.value == .null { return nil }
            let text = try text(name)
            guard rule.allows(text) else {
                throw Problem(.malformed, "\(name) must be \(rule.inWords)")
            }
            return text
        }
        return nil
    }
}

/// What a text of a profile may be, for bodies and for the document.
struct TextRule: Sendable {
    let inWords: String
    let characters: ClosedRange<Int>
    /// As a regular expression of ECMA 262.
    let pattern: String
    let allowsCharacter: @Sendable (Unicode.Scalar) -> Bool
    var allowsWhole: @Sendable (String) -> Bool = { _ in true }

    func allows(_ text: String) -> Bool {
        characters.contains(text.unicodeScalars.count)
            && text.unicodeScalars.allSatisfy(allowsCharacter) && allowsWhole(text)
    }

    var schema: Schema {
        .string(pattern: pattern, min: characters.lowerBound, max: characters.upperBound)
    }

    static let displayName = TextRule(
        inWords: "a text of 1 to 64 characters without control characters",
        characters: 1...64, pattern: "^[^\\u0000-\\u001f\\u007f]*$",
        allowsCharacter: { $0.value >= 0x20 && $0.value != 0x7F })

    static let about = TextRule(
        inWords: "a text of 1 to 2000 characters with no control characters but tabs and newlines",
        characters: 1...2000, pattern: "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$",
        allowsCharacter: { scalar in
            scalar.value >= 0x20 && scalar.value != 0x7F || scalar == "\t" || scalar == "\n"
        })

    static let email = TextRule(
        inWords: "an address of at most 254 characters of printable ASCII with one @ inside",
        characters: 3...254, pattern: "^[!-?A-~]+@[!-?A-~]+$",
        allowsCharacter: { (0x21...0x7E).contains($0.value) },
        allowsWhole: { text in
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
        })
}
