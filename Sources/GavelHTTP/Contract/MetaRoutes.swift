// What the service says of itself: its name, its problems, its document.

internal import Gavel
internal import GavelJSON
internal import Hummingbird

/// The routes that describe the service.
enum MetaRoutes {
    static let routes = [hello, document, problems, problem]
    static let schemas: [(name: String, schema: Schema)] = [
        (
            "ProblemKind",
            .object([
                .init("code", .string()), .init("number", .integer(min: 1)),
                .init("status", .integer(min: 400, max: 599)), .init("title", .string()),
                .init("retry_after", .nullable(.integer(min: 0)), "Seconds."),
            ])
        ),
        (
            "Problem",
            .object([
                .init("type", .string(format: "uri-reference")), .init("title", .string()),
                .init("status", .integer(min: 400, max: 599)), .init("detail", .string()),
                .init("code", .string()), .init("number", .integer(min: 1)),
                .optional("minimum", .money, "The least bid that would have been taken."),
                .optional("maximum", .money, "The caller's own maximum."),
                .optional("available", .money, "What the caller's wallet has available."),
                .optional("position", .position, "Where the rejection stands in the log."),
                .optional("time", .time),
                .optional("id_time", .time, "The time in the key."),
                .optional("ledger_time", .time, "The ledger's, when it refused the key."),
            ])
        ),
    ]

    private static let document = Route(
        operation: Operation(
            method: .get, path: "/openapi.json", id: "getDocument", tag: .operation,
            summary: "Gives this document", access: .anyone,
            answer: .init(schema: .object([], isClosed: false)))
    ) { _ in Response(json: OpenAPIDocument.bytes) }

    private static let hello = Route(
        operation: Operation(
            method: .get, path: "/", id: "hello", tag: .operation,
            summary: "Says what answers here", access: .anyone,
            answer: .init(
                schema: .object([
                    .init("service", .string()), .init("version", .string()),
                    .init("document", .string()),
                ]),
                example: .members(
                    ("service", .string("gavel")), ("version", .string(Ledger.version)),
                    ("document", .string("/openapi.json")))))
    ) { _ in
        var writer = JSONWriter()
        writer.object { object in
            object.field("service", "gavel")
            object.field("version", Ledger.version)
            object.field("document", "/openapi.json")
        }
        return Response(json: writer)
    }

    private static let problems = Route(
        operation: Operation(
            method: .get, path: "/problems", id: "listProblems", tag: .operation,
            summary: "Lists every kind of problem with its status", access: .anyone,
            answer: .init(
                schema: .object([.init("items", .array(.reference("ProblemKind")))])))
    ) { _ in
        var writer = JSONWriter()
        writer.object { object in
            object.name("items")
            object.array { array in
                for kind in ProblemKind.all { array.problemKind(kind) }
            }
        }
        return Response(json: writer)
    }

    private static let problem = Route(
        operation: Operation(
            method: .get, path: "/problems/{code}", id: "getProblem", tag: .operation,
            summary: "Says what a kind of problem means", access: .anyone,
            answer: .init(schema: .reference("ProblemKind")), problems: [.notFound])
    ) { call in
        let code = call.text(inPath: "code")
        guard let kind = ProblemKind.all.first(where: { $0.code == code }) else {
            throw Problem(.notFound, "there is no problem \(code.debugDescription)")
        }
        var writer = JSONWriter()
        writer.problemKind(kind)
        return Response(json: writer)
    }
}

extension JSONWriter {
    fileprivate mutating func problemKind(_ kind: ProblemKind) {
        object { object in
            object.field("code", kind.code)
            object.field("number", kind.number)
            object.field("status", kind.status.code)
            object.field("title", kind.title)
            object.field("retry_after", kind.retryAfter)
        }
    }
}
