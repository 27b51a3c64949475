// One call that has passed what its operation demands: who is calling, the key of a write, the
// body and the parameters.
//
// Invariant: whatever a call gives out was checked; what is malformed is a problem that names the
// field, what was found and what was expected.

internal import AuctionDomain
internal import Foundation
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// A checked call.
struct Call: Sendable {
    let request: Request
    let context: ServiceContext
    /// Nil only where anyone may call and no token was given.
    let signedIn: Caller?
    /// The key of a write.
    let key: CommandID?
    /// The body; empty where the operation takes none.
    let bytes: [UInt8]
    let service: AuctionService
    /// The query's parameters, in order, percent-decoded.
    let query: [(name: Substring, value: Substring)]

    var ledger: Ledger { service.ledger }
    var logger: Logger { context.logger }
    /// Where the call comes from.
    var peer: PeerAddress { Gatekeeper(service: service).peer(of: request, context) }

    /// Whether only the head of the answer is asked for.
    var isHead: Bool { request.method == .head }

    /// Whose share it is that the call takes from.
    var causer: Causer { signedIn.map { .user($0.user) } ?? .address(peer) }

    /// Who is calling.
    var caller: Caller {
        get throws(Problem) {
            guard let signedIn else { throw Problem(.tokenMissing) }
            return signedIn
        }
    }

    /// The key of a write.
    var idempotencyKey: CommandID {
        get throws(Problem) {
            guard let key else { throw Problem(.commandIDMissing) }
            return key
        }
    }

    /// What the cursors of the call's pages are good for: the caller alone.
    func binding(_ condition: String? = nil) -> CursorBinding {
        CursorBinding(caller: signedIn?.user, condition: condition)
    }

    // MARK: Path

    /// A name in the path.
    func path<ID: Identifier>(_ name: String, as type: ID.Type) throws(Problem) -> ID {
        let text = text(inPath: name)
        do { return try ID(text) } catch {
            throw Problem(.parameterMalformed, "\(name): \(error.reason)")
        }
    }

    /// A number in the path.
    func position(inPath name: String) throws(Problem) -> UInt64 {
        let text = text(inPath: name)
        guard let position = UInt64(text) else {
            throw Problem(
                .parameterMalformed, "\(name) must be a position, not \(text.debugDescription)")
        }
        return position
    }

    /// A part of the path, percent-decoded.
    func text(inPath name: String) -> String {
        let text = context.parameters.get(name) ?? ""
        return text.removingPercentEncoding ?? text
    }

    // MARK: Query

    /// A parameter's text; nil where it is not given.
    func parameter(_ name: String) throws(Problem) -> String? {
        var found: String?
        for (key, value) in query where key == name {
            if found != nil { throw Problem(.parameterMalformed, "\(name) is given twice") }
            found = String(value)
        }
        return found
    }

    /// A parameter that is a whole number within bounds.
    func integer<Number: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Number>
    ) throws(Problem) -> Number? {
        guard let text = try parameter(name) else { return nil }
        guard let number = Number(text), range.contains(number) else {
            throw Problem(
                .parameterMalformed,
                "\(name) must be \(range.lowerBound) to \(range.upperBound), "
                    + "not \(text.debugDescription)")
        }
        return number
    }

    /// A parameter that is one of a few words.
    func word<Word>(_ name: String, _ words: [(String, Word)]) throws(Problem) -> Word? {
        guard let text = try parameter(name) else { return nil }
        for (word, meaning) in words where word == text { return meaning }
        throw Problem(
            .parameterMalformed,
            "\(name) must be \(words.map(\.0).joined(separator: " or ")), "
                + "not \(text.debugDescription)")
    }

    /// A parameter that is a name.
    func identifier<ID: Identifier>(_ name: String, as type: ID.Type) throws(Problem) -> ID? {
        guard let text = try parameter(name) else { return nil }
        do { return try ID(text) } catch {
            throw Problem(.parameterMalformed, "\(name): \(error.reason)")
        }
    }

    /// How many items a page should have; `limit` in the query.
    func pageLimit(default standard: Int = 50, max: Int = 200) throws(Problem) -> Int {
        try integer("limit", in: 1...max) ?? standard
    }

    // MARK: Body

    /// The members of the body, which is a JSON object.
    func members() throws(Problem) -> [JSONMember] {
        if bytes.isEmpty { return [] }
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw Problem(.malformed, "the body is no JSON: \(error)")
        }
        guard case .object(let members) = value else {
            throw Problem(.malformed, "the body must be a JSON object")
        }
        return members
    }

    /// The body as a command, completed by what path and token fix. A body that gives one of these
    /// members itself, or one that the call does not know, is refused by name.
    /// - Parameters:
    ///   - own: the body's members, where they were read before.
    ///   - further: what the call knows besides and has taken out of them.
    func command(
        _ name: String, fixed: (String, JSONValue)..., own: [JSONMember]? = nil,
        besides further: [String] = []
    ) throws(Problem) -> Command {
        var members: [JSONMember]
        if let own { members = own } else { members = try self.members() }
        let others = ["command", "id", "by", "at"] + fixed.map(\.0)
        for member in members where others.contains(member.name) {
            throw Problem(
                .malformed,
                "field \"\(member.name)\" is not allowed here: the call itself says it")
        }
        let known = commandFields(of: name).filter { !others.contains($0) } + further
        for member in members where !known.contains(member.name) {
            throw Problem(
                .malformed,
                "unknown field \(member.name.debugDescription), "
                    + (known.isEmpty
                        ? "there are none here" : "expected " + known.joined(separator: ", ")))
        }
        members.append(JSONMember("command", .string(name)))
        members += fixed.map { JSONMember($0.0, $0.1) }
        do {
            return try parseCommand(.object(members), allowing: []).command
        } catch {
            throw Problem(.malformed, error.reason)
        }
    }
}
