// Typed access to the fields of one JSON object, with messages that name the field by its path.
//
// Invariants: unknown fields are refused before any field is read, so that a misspelled name is
// reported as such and not as the absence of the right one; nothing is converted: an integer in
// quotes is a string, and null is a value of the wrong type, not an absent field.

import AuctionDomain

/// The fields of one object.
struct FieldReader {
    let members: [JSONMember]
    /// What stands before a field's name in messages: nothing, `rules.`, `rules.increments[3].`.
    let prefix: String

    /// - Parameters:
    ///   - object: what the object is, in the words of a message: `place_bid`, `rules`.
    ///   - known: every name that may stand in it.
    init(
        _ members: [JSONMember], prefix: String = "", of object: @autoclosure () -> String,
        known: [String]
    ) throws(CommandError) {
        self.members = members
        self.prefix = prefix
        for member in members where !known.contains(member.name) {
            throw CommandError(
                "unknown field \(quoted(member.name)) in \(object()), which may have "
                    + known.joined(separator: ", "))
        }
    }

    func ifPresent(_ name: String) -> JSONValue? {
        for member in members where member.name == name { return member.value }
        return nil
    }

    func required(_ name: String) throws(CommandError) -> JSONValue {
        guard let value = ifPresent(name) else {
            throw CommandError("missing field \"\(prefix)\(name)\"")
        }
        return value
    }

    // MARK: Required fields

    func string(_ name: String) throws(CommandError) -> String {
        try string(name, try required(name))
    }

    func integer(_ name: String) throws(CommandError) -> Int64 {
        try integer(name, try required(name))
    }

    func money(_ name: String) throws(CommandError) -> Money {
        Money(minorUnits: try integer(name))
    }

    func time(_ name: String) throws(CommandError) -> Timestamp {
        try time(name, try required(name))
    }

    func identifier<ID: Identifier>(_ name: String, as type: ID.Type) throws(CommandError) -> ID {
        let text = try string(name)
        do {
            return try ID(text)
        } catch {
            throw malformed(name, error)
        }
    }

    // MARK: Optional fields

    func stringIfPresent(_ name: String) throws(CommandError) -> String? {
        guard let value = ifPresent(name) else { return nil }
        return try string(name, value)
    }

    func moneyIfPresent(_ name: String) throws(CommandError) -> Money? {
        guard let value = ifPresent(name) else { return nil }
        return Money(minorUnits: try integer(name, value))
    }

    func timeIfPresent(_ name: String) throws(CommandError) -> Timestamp? {
        guard let value = ifPresent(name) else { return nil }
        return try time(name, value)
    }

    func integerIfPresent(_ name: String) throws(CommandError) -> Int64? {
        guard let value = ifPresent(name) else { return nil }
        return try integer(name, value)
    }

    /// One of the words of an enumeration.
    func wordIfPresent<Word: JSONWord>(
        _ name: String, as type: Word.Type
    ) throws(CommandError) -> Word? {
        guard let value = ifPresent(name) else { return nil }
        for word in Word.allCases where value == .string(word.jsonName) { return word }
        let words = Word.allCases.map { "\"\($0.jsonName)\"" }
        throw wrong(name, value, words.joined(separator: " or "))
    }

    /// A nested object; its fields are named with the path to them.
    func objectIfPresent(
        _ name: String, known: [String]
    ) throws(CommandError) -> FieldReader? {
        guard let value = ifPresent(name) else { return nil }
        guard case .object(let members) = value else { throw wrong(name, value, "an object") }
        let path = prefix + name
        return try FieldReader(members, prefix: path + ".", of: path, known: known)
    }

    func boolIfPresent(_ name: String) throws(CommandError) -> Bool? {
        guard let value = ifPresent(name) else { return nil }
        guard case .bool(let bool) = value else { throw wrong(name, value, "true or false") }
        return bool
    }

    // MARK: Types

    private func string(_ name: String, _ value: JSONValue) throws(CommandError) -> String {
        guard case .string(let text) = value else { throw wrong(name, value, "a string") }
        return text
    }

    private func integer(_ name: String, _ value: JSONValue) throws(CommandError) -> Int64 {
        switch value {
        case .integer(let integer): return integer
        case .number(let text):
            // Fraction and exponent are refused even where the value is whole: what is exact must
            // not depend on how a reader rounds.
            let isWhole = text.utf8.allSatisfy { ASCII.isDigit($0) || $0 == ASCII.minus }
            throw wrong(
                name, value,
                isWhole
                    ? "an integer of at most 64 bits"
                    : "an integer written without fraction and exponent")
        default: throw wrong(name, value, "an integer")
        }
    }

    private func time(_ name: String, _ value: JSONValue) throws(CommandError) -> Timestamp {
        let text = try string(name, value)
        do {
            return try Timestamp(rfc3339: text)
        } catch {
            throw malformed(name, error)
        }
    }

    // MARK: Messages

    /// A field with a value of the wrong type or range.
    func wrong(_ name: String, _ value: JSONValue, _ expected: String) -> CommandError {
        CommandError("\(prefix)\(name) must be \(expected), not \(value.found)")
    }

    /// A field whose text breaks the shape it must have.
    func malformed(_ name: String, _ error: MalformedValue) -> CommandError {
        CommandError("\(prefix)\(name): \(error.reason)")
    }
}
