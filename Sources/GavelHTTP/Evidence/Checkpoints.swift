// The log's static files: the signed head, those that are kept, the key they are checked with, and
// tiles as C2SP tlog-tiles has them.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

extension EvidenceRoutes {
    static let checkpoint = Route(
        operation: Operation(
            method: .get, path: "/log/checkpoint", id: "getCheckpoint", tag: .log,
            summary: "The log's signed head",
            detail: "A C2SP checkpoint: a signed note with the log's name, size and root.",
            access: .anyone,
            answer: .init(mediaType: "text/plain", detail: "The signed note."),
            problems: [.notProven])
    ) { call in
        guard let checkpoint = call.ledger.checkpoint else {
            throw Problem(.notProven, "the ledger has signed no checkpoint yet")
        }
        return Response(file: checkpoint.bytes, "text/plain; charset=utf-8", .changing)
    }

    static let checkpoints = Route(
        operation: Operation(
            method: .get, path: "/log/checkpoints", id: "listCheckpoints", tag: .log,
            summary: "The signed heads that are kept, the oldest first",
            detail: "The newest thousand, before them the last of every hour, and further back the "
                + "last of every day (UTC). An entry was signed at the latest when the first item "
                + "was whose size is above the entry's position.",
            access: .anyone,
            parameters: [
                Operation.Parameter(
                    name: "from", schema: .integer(min: 0),
                    detail: "Only those over at least so many entries."),
                Operation.Parameter(
                    name: "limit", schema: .integer(min: 1, max: 1000),
                    detail: "How many at most; 100 where it is not given."),
            ],
            answer: .init(
                schema: .object([
                    .init("items", .array(.reference("KeptCheckpoint"))),
                    .init(
                        "next", .nullable(.integer(min: 0)),
                        "The value of `from` to go on with; null where these are the last."),
                ])))
    ) { call in
        let from = try call.integer("from", in: 0...UInt64(Int64.max)) ?? 0
        let limit = try call.pageLimit(default: 100, max: 1000)
        let all = try call.ledger.checkpoints()
        let page = all.drop { $0.checkpoint.size < from }.prefix(limit)
        let isLast = page.endIndex == all.endIndex
        return Response(reflecting: call.ledger.reflects) { writer in
            writer.object { object in
                object.name("items")
                object.array { array in
                    for checkpoint in page { array.keptCheckpoint(checkpoint) }
                }
                object.field(
                    "next", isLast ? nil : page.last.map { $0.checkpoint.size + 1 })
            }
        }
    }

    static let key = Route(
        operation: Operation(
            method: .get, path: "/log/key", id: "getVerifierKey", tag: .log,
            summary: "The key that checkpoints are checked with",
            detail: "Whoever relies on evidence should have the key from elsewhere too.",
            access: .anyone,
            answer: .init(mediaType: "text/plain", detail: "The verifier key, on one line."))
    ) { call in
        Response(
            file: Array("\(call.ledger.verifierKey)\n".utf8), "text/plain; charset=utf-8",
            .changing)
    }

    /// Paths of tiles have a part for every three digits of the number, and one for the width of
    /// a partial tile.
    private static let partsMax = 5

    private static func path(_ count: Int) -> String {
        (1...count).map { "/{n\($0)}" }.joined()
    }

    private static func parts(_ call: Call, _ count: Int) -> [String] {
        (1...count).map { call.text(inPath: "n\($0)") }
    }

    static let tiles = (1...partsMax).map { count in
        Route(
            operation: Operation(
                method: .get, path: "/log/tile/{level}\(path(count))", id: "getTile\(count)",
                tag: .log, summary: "A hash tile, its number in \(count) parts",
                detail: "As C2SP tlog-tiles has it: `/log/tile/0/x001/234`, "
                    + "`/log/tile/1/000.p/17`.",
                access: .anyone,
                answer: .init(
                    mediaType: "application/octet-stream", detail: "32 bytes for each hash."),
                problems: [.notFound, .notProven])
        ) { call in
            let export = try call.tileExport()
            let level = call.text(inPath: "level")
            guard let number = Int(level), String(number) == level,
                let tile = HashTile(level: number, pathEnd: parts(call, count)),
                tile.isCovered(bySize: export.checkpoint.checkpoint.size)
            else { throw Problem(.notFound, "the signed log has no such tile") }
            return Response(
                file: try export.bytes(of: tile), "application/octet-stream", .tile(tile))
        }
    }

    static let bundles = (1...partsMax).map { count in
        Route(
            operation: Operation(
                method: .get, path: "/log/tile/entries\(path(count))", id: "getBundle\(count)",
                tag: .log, summary: "The whole entries under a tile, its number in \(count) parts",
                detail: "As C2SP tlog-tiles has it, each entry behind its length in two bytes.",
                access: .roles(.auditor),
                answer: .init(mediaType: "application/octet-stream", detail: "The entries."),
                problems: [.notFound, .notProven])
        ) { call in
            let export = try call.tileExport()
            guard let tile = HashTile(level: 0, pathEnd: parts(call, count)),
                tile.isCovered(bySize: export.checkpoint.checkpoint.size)
            else { throw Problem(.notFound, "the signed log has no such tile") }
            // Not for shared caches: it is for auditors only.
            return Response(
                file: try export.entries(under: tile), "application/octet-stream", .secret)
        }
    }

    static let keptCheckpointSchema = Schema.object([
        .init("size", .integer(min: 1), "How many entries it is over."),
        .init("root", .string(), "Their root, in base64."),
        .init("time", .nullable(.time), "When it was signed, as the note says."),
        .init("note", .string(), "The signed note."),
    ])
}

extension Call {
    fileprivate func tileExport() throws -> TileExport {
        try proven { try ledger.tileExport() }
    }
}

extension JSONWriter {
    fileprivate mutating func keptCheckpoint(_ signed: SignedCheckpoint) {
        object { object in
            object.field("size", signed.checkpoint.size)
            object.field("root", signed.checkpoint.root.base64)
            object.field("time", signed.claimedTime)
            object.field("note", String(decoding: signed.bytes, as: UTF8.self))
        }
    }
}
