// The OpenAPI 3.1 document, made from the routes themselves. It is served at `/openapi.json`; a
// copy for readers and generators of clients is kept in the repository, and a test holds it
// against this.
//
// Invariant: the same routes give the same bytes: members stand in a fixed order.

internal import Gavel
internal import GavelJSON
internal import HTTPTypes

/// Writes the document.
struct OpenAPIDocument: Sendable {
    let operations: [Operation]
    let schemas: [(name: String, schema: Schema)]

    /// The document of the whole service.
    static let whole = OpenAPIDocument(
        operations: AuctionService.routes.map(\.operation), schemas: AuctionService.schemas)

    /// Its bytes, indented.
    static let bytes: [UInt8] = Array(whole.json.indented.utf8)

    var json: JSONValue {
        .members(
            ("openapi", .string("3.1.0")),
            (
                "info",
                .members(
                    ("title", .string("Gavel")),
                    ("version", .string(Ledger.version)),
                    ("summary", .string("An event-sourced ledger of wallets and auctions")),
                    ("description", .string(Self.introduction)),
                    (
                        "license",
                        .members(
                            ("name", .string("Apache 2.0")),
                            ("identifier", .string("Apache-2.0")))
                    ))
            ),
            ("servers", .array([.members(("url", .string("/")))])),
            (
                "tags",
                .array(
                    Operation.Tag.allCases.map { .members(("name", .string($0.rawValue))) })
            ),
            ("paths", paths),
            ("components", components))
    }

    private static let introduction = """
        Amounts are integers in minor units of their currency; times are RFC 3339 in UTC. Every \
        write to the ledger carries an Idempotency-Key, a UUID version 7 of the caller's own: \
        sent again, it is answered with the first receipt. Answers carry Gavel-Position: the \
        position of the entry written, or how many entries a read reflects; a read with \
        Gavel-Min-Position waits until that entry is shown. HEAD is answered wherever GET is, \
        without content. Problems are RFC 9457 documents with \
        a code and a stable number.
        """

    // MARK: Paths

    private var paths: JSONValue {
        var paths: [(path: String, operations: [Operation])] = []
        for operation in operations {
            if let index = paths.firstIndex(where: { $0.path == operation.path }) {
                paths[index].operations.append(operation)
            } else {
                paths.append((operation.path, [operation]))
            }
        }
        return .object(
            paths.map { path, operations in
                let parameters = Self.parameterNames(in: path).map { name -> JSONValue in
                    .members(
                        ("name", .string(name)), ("in", .string("path")),
                        ("required", .bool(true)),
                        ("schema", (PathParameters.schema(of: name) ?? .string()).json))
                }
                var members: [JSONMember] = []
                if !parameters.isEmpty {
                    members.append(JSONMember("parameters", .array(parameters)))
                }
                members += operations.map {
                    JSONMember($0.method.rawValue.lowercased(), json(of: $0))
                }
                return JSONMember(path, .object(members))
            })
    }

    /// The names in braces.
    static func parameterNames(in path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            String($0.dropFirst().dropLast())
        }
    }

    private func json(of operation: Operation) -> JSONValue {
        var members = [
            JSONMember("operationId", .string(operation.id)),
            JSONMember("tags", .array([.string(operation.tag.rawValue)])),
            JSONMember("summary", .string(operation.summary)),
        ]
        if let detail = detail(of: operation) {
            members.append(JSONMember("description", .string(detail)))
        }
        members.append(JSONMember("security", security(of: operation)))
        let parameters = parameters(of: operation)
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters))) }
        if let body = operation.body {
            let media = JSONValue.members(
                ("schema", body.schema.json), ("example", body.example))
            members.append(
                JSONMember(
                    "requestBody",
                    .members(
                        ("required", .bool(!body.isOptional)),
                        ("content", .members(("application/json", media))))))
        }
        members.append(JSONMember("responses", responses(of: operation)))
        return .object(members)
    }

    private func detail(of operation: Operation) -> String? {
        var parts = operation.detail.isEmpty ? [] : [operation.detail]
        if case .roles(let roles) = operation.access {
            parts.append("For the role \(roles.names.joined(separator: " or ")).")
        }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    /// Nobody must sign in where anyone may call, but may.
    private func security(of operation: Operation) -> JSONValue {
        let bearer = JSONValue.members(("bearer", .array([])))
        if case .anyone = operation.access { return .array([.object([]), bearer]) }
        return .array([bearer])
    }

    private func parameters(of operation: Operation) -> [JSONValue] {
        var parameters = operation.parameters.map { parameter -> JSONValue in
            .members(
                ("name", .string(parameter.name)), ("in", .string("query")),
                ("required", .bool(parameter.isRequired)),
                ("description", .string(parameter.detail)), ("schema", parameter.schema.json))
        }
        if operation.isWrite {
            parameters.append(
                header("Idempotency-Key", "#/components/parameters/IdempotencyKey"))
        }
        if operation.isRead {
            parameters.append(
                header("Gavel-Min-Position", "#/components/parameters/MinPosition"))
        }
        return parameters
    }

    private func header(_ name: String, _ reference: String) -> JSONValue {
        .members(("$ref", .string(reference)))
    }

    // MARK: Answers

    private func responses(of operation: Operation) -> JSONValue {
        let answer = operation.answer
        var success = [JSONMember("description", .string(answer.detail))]
        if operation.isWrite || operation.isRead {
            var headers = [JSONMember("Gavel-Position", reference("headers/Position"))]
            if operation.isWrite {
                headers.append(JSONMember("Idempotency-Replayed", reference("headers/Replayed")))
            }
            success.append(JSONMember("headers", .object(headers)))
        }
        if answer.status != 204 {
            var media: [JSONMember] = []
            if let schema = answer.schema { media.append(JSONMember("schema", schema.json)) }
            if let example = answer.example { media.append(JSONMember("example", example)) }
            success.append(
                JSONMember("content", .object([JSONMember(answer.mediaType, .object(media))])))
        }
        var responses = [JSONMember(String(answer.status), .object(success))]
        let byStatus = Dictionary(grouping: operation.allProblems) { $0.status.code }
        for (status, kinds) in byStatus.sorted(by: { $0.key < $1.key }) {
            responses.append(JSONMember(String(status), response(to: kinds)))
        }
        return .object(responses)
    }

    private func response(to kinds: [ProblemKind]) -> JSONValue {
        let examples = kinds.map { kind in
            JSONMember(
                kind.code,
                .members(
                    (
                        "value",
                        .members(
                            ("type", .string("/problems/\(kind.code)")),
                            ("title", .string(kind.title)),
                            ("status", .integer(Int64(kind.status.code))),
                            ("detail", .string(kind.title)), ("code", .string(kind.code)),
                            ("number", .integer(Int64(kind.number))))
                    )))
        }
        var members = [
            JSONMember(
                "description",
                .string(kinds.map { "\($0.code): \($0.title)." }.joined(separator: " ")))
        ]
        if kinds.contains(where: { $0.retryAfter != nil }) {
            members.append(
                JSONMember(
                    "headers", .members(("Retry-After", reference("headers/RetryAfter")))))
        }
        members.append(
            JSONMember(
                "content",
                .members(
                    (
                        "application/problem+json",
                        .members(
                            ("schema", Schema.reference("Problem").json),
                            ("examples", .object(examples)))
                    ))))
        return .object(members)
    }

    // MARK: Components

    private func reference(_ path: String) -> JSONValue {
        .members(("$ref", .string("#/components/\(path)")))
    }

    private var components: JSONValue {
        .members(
            ("schemas", .object(schemas.map { JSONMember($0.name, $0.schema.json) })),
            (
                "parameters",
                .members(
                    (
                        "IdempotencyKey",
                        .members(
                            ("name", .string("Idempotency-Key")), ("in", .string("header")),
                            ("required", .bool(true)),
                            (
                                "description",
                                .string(
                                    "The command's id: a UUID version 7, new for each command "
                                        + "and the same for each repetition.")
                            ),
                            (
                                "schema",
                                Schema.string(format: "uuid", pattern: Schema.uuid7).json
                            ))
                    ),
                    (
                        "MinPosition",
                        .members(
                            ("name", .string("Gavel-Min-Position")), ("in", .string("header")),
                            ("required", .bool(false)),
                            (
                                "description",
                                .string("The position of an entry that the answer must reflect.")
                            ),
                            ("schema", Schema.integer(min: 0).json))
                    ))
            ),
            (
                "headers",
                .members(
                    (
                        "Position",
                        .members(
                            (
                                "description",
                                .string(
                                    "The position of the entry written, or how many entries the "
                                        + "answer reflects.")
                            ), ("schema", Schema.integer(min: 0).json))
                    ),
                    (
                        "Replayed",
                        .members(
                            (
                                "description",
                                .string("`true` where the first receipt is given again.")
                            ), ("schema", Schema.word(["true"]).json))
                    ),
                    (
                        "RetryAfter",
                        .members(
                            ("description", .string("Seconds to wait before another try.")),
                            ("schema", Schema.integer(min: 0).json))
                    ))
            ),
            (
                "securitySchemes",
                .members(
                    (
                        "bearer",
                        .members(
                            ("type", .string("http")), ("scheme", .string("bearer")),
                            ("bearerFormat", .string("JWT")))
                    ))
            ))
    }
}

/// The parameters that stand in paths, by name.
enum PathParameters {
    static func schema(of name: String) -> Schema? {
        switch name {
        case "auction", "user": .identifier
        case "position": .integer(min: 0)
        case "code": .string(min: 1, max: 64)
        case "id": .string(format: "uuid", pattern: Schema.uuid7)
        case "level": .integer(min: 0, max: 7)
        case "n1", "n2", "n3", "n4", "n5":
            .string(pattern: "^(x?[0-9]{3}|[0-9]{3}\\.p|[1-9][0-9]{0,2})$")
        default: nil
        }
    }
}

extension Schema {
    static let uuid7 =
        "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
    /// A user, an auction, a currency.
    static let identifier = Schema.string(pattern: "^[A-Za-z0-9._:-]{1,64}$")
    /// A time in UTC.
    static let time = Schema.string(format: "date-time")
    /// An amount in minor units.
    static let money = Schema.integer(min: 0)
    /// A position, or a number of entries.
    static let position = Schema.integer(min: 0)

    /// What an accepted command is answered with, and members of its own kind.
    static func receipt(_ more: [Property] = []) -> Schema {
        .object(
            [
                Property("id", .string(format: "uuid"), "The Idempotency-Key."),
                Property("status", .word(["accepted"])),
                Property("position", .position, "Where the entry stands in the log."),
                Property("time", .time, "When the command was admitted."),
                Property("replayed", .boolean, "Whether this is the first receipt again."),
            ] + more)
    }

    /// A page of a list.
    static func page(_ item: Schema) -> Schema {
        .object([
            Property("items", .array(item)),
            Property("cursor", .nullable(.string()), "Asks for the next page; null on the last."),
            Property("reflects", .position, "How many entries the answer reflects."),
        ])
    }
}

extension JSONValue {
    /// The value as text for readers: two spaces a level, a member a line.
    var indented: String {
        var text = ""
        append(to: &text, indent: "")
        return text + "\n"
    }

    private func append(to text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .array(let values) where !values.isEmpty:
            text += "[\n"
            for (index, value) in values.enumerated() {
                text += inner
                value.append(to: &text, indent: inner)
                text += index + 1 < values.count ? ",\n" : "\n"
            }
            text += indent + "]"
        case .object(let members) where !members.isEmpty:
            text += "{\n"
            for (index, member) in members.enumerated() {
                text += inner + JSONValue.string(member.name).compact + ": "
                member.value.append(to: &text, indent: inner)
                text += index + 1 < members.count ? ",\n" : "\n"
            }
            text += indent + "}"
        default:
            text += compact
        }
    }

    private var compact: String {
        var writer = JSONWriter()
        writer.value(self)
        return writer.text
    }
}
