// One line of input to one command: what `gavel submit`, `gavel import` and the bodies of HTTP
// requests share.
//
// Invariants: a command that comes out has passed `Command.validate`; nothing in the line was
// ignored, replaced by a default although given, or taken in another type than it was written in.
//
// An id that is no UUID is an error here. A UUID of another version than 7 is a well-formed id:
// the engine answers it with the refusal `command_id_malformed`.

public import AuctionDomain

/// A command as its caller wrote it.
public struct ParsedCommand: Hashable, Sendable {
    public var command: Command
    /// Nil when the line gives none and the reader has to make one.
    public var id: CommandID?
    /// Nil when the line does not say who stands behind the command.
    public var actor: LedgerActor?
    /// Nil when the line gives no time.
    public var at: Timestamp?

    public init(
        command: Command, id: CommandID? = nil, actor: LedgerActor? = nil, at: Timestamp? = nil
    ) {
        self.command = command
        self.id = id
        self.actor = actor
        self.at = at
    }
}

/// Which fields may stand beside a command's own.
public struct EnvelopeFields: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `id`, the command's UUID.
    public static let id = EnvelopeFields(rawValue: 1)
    /// `by`, who stands behind it.
    public static let actor = EnvelopeFields(rawValue: 2)
    /// `at`, when it happened.
    public static let time = EnvelopeFields(rawValue: 4)

    /// What lines for a running ledger may carry: the engine takes the time itself.
    public static let submission: EnvelopeFields = [.id, .actor]
    /// What lines of a history may carry. That `at` is never missing is the importer's check.
    public static let history: EnvelopeFields = [.id, .actor, .time]
}

/// Why a line is no command.
public struct CommandError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was found and what was expected, as one sentence without a full stop.
    public let reason: String
    /// The byte of the line, from 1, where it stops being JSON; nil where it is JSON and the
    /// reason names the field.
    public let column: Int?

    public init(_ reason: String, column: Int? = nil) {
        self.reason = reason
        self.column = column
    }

    public var description: String { column.map { "column \($0): \(reason)" } ?? reason }
}

/// The longest line read as a command. The longest that makes sense, all characters of the title
/// escaped and all 64 rows of increments used, has about 8 KiB.
public let commandLineBytesMax = 65_536

/// Reads one line: a JSON object that is a command. A line end may stand at its end.
///
/// - Parameters:
///   - line: the bytes of the line; need not be valid UTF-8.
///   - fields: what may stand beside the command's own fields.
/// - Complexity: O(bytes).
/// - Throws: `CommandError`, never a trap, whatever the bytes are.
public func parseCommand(
    _ line: Span<UInt8>, allowing fields: EnvelopeFields = .submission
) throws(CommandError) -> ParsedCommand {
    guard line.count <= commandLineBytesMax else {
        throw CommandError(
            "a line must have at most \(commandLineBytesMax) bytes, not \(line.count)")
    }
    try checkBeginning(line)
    let value: JSONValue
    do {
        value = try JSONValue(parsing: line)
    } catch {
        throw CommandError(error.reason, column: error.column)
    }
    return try parseCommand(value, allowing: fields)
}

/// Reads one line from the bytes of an array.
public func parseCommand(
    _ line: [UInt8], allowing fields: EnvelopeFields = .submission
) throws(CommandError) -> ParsedCommand {
    try parseCommand(line.span, allowing: fields)
}

/// Reads one line from a string.
public func parseCommand(
    _ line: String, allowing fields: EnvelopeFields = .submission
) throws(CommandError) -> ParsedCommand {
    try parseCommand(line.utf8.span, allowing: fields)
}

/// Reads a command from JSON that was read, and perhaps completed, before: a service adds the
/// members that path and token fix.
public func parseCommand(
    _ value: JSONValue, allowing fields: EnvelopeFields = .submission
) throws(CommandError) -> ParsedCommand {
    guard case .object(let members) = value else {
        throw CommandError("a line must be a JSON object, not \(value.found)")
    }
    let object = try CommandObject(members, envelope: fields)
    let command = try object.command()
    do {
        try command.validate()
    } catch {
        throw CommandError(error.reason)
    }
    return ParsedCommand(
        command: command, id: try object.id(), actor: try object.actor(),
        at: try object.fields.timeIfPresent("at"))
}

/// Two beginnings that deserve clearer words than "found the end" and "found byte 0xEF".
private func checkBeginning(_ line: Span<UInt8>) throws(CommandError) {
    var isBlank = true
    for index in line.indices {
        switch line[index] {
        case ASCII.space, ASCII.tab, ASCII.newline, ASCII.carriageReturn: continue
        default: isBlank = false
        }
        break
    }
    if isBlank { throw CommandError("a line must be a JSON object, not empty") }
    if line.count >= 3, line[0] == 0xEF, line[1] == 0xBB, line[2] == 0xBF {
        throw CommandError("a line must not start with a byte order mark", column: 1)
    }
}
