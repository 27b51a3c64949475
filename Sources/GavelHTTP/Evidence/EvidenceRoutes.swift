// The log's evidence over HTTP: the signed head, hash tiles as C2SP tlog-tiles has them, proofs,
// and entries, for everybody as far as they are public, whole for auditors, and to its owner what
// is the owner's.
//
// Invariants: the bytes of an entry go to auditors and operators, and to its owner where nothing
// of another is in them; hashes say nothing of an entry and are for everybody; all proofs stand
// under a checkpoint that is handed out beside them.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The routes of the log.
enum EvidenceRoutes {
    static let routes: [Route] =
        [checkpoint, checkpoints, key] + tiles + bundles
        + [events, entries, entry, entryProof, command, commandProof, inclusion, consistency]

    static let schemas: [(String, Schema)] = [
        ("KeptCheckpoint", keptCheckpointSchema), ("PublicEntry", publicEntrySchema),
        ("LogEntry", entrySchema),
        ("CommandReceipt", receiptSchema),
    ]

    // MARK: Static files

    private static let checkpoint = Route(
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

    private static let checkpoints = Route(
        operation: Operation(
            method: .get, path: "/log/checkpoints", id: "listCheckpoints", tag: .log,
            summary: "The signed heads that are kept, the oldest first",
            detail: "The newest thousand, before them the last of every hour, and further back the "
                + "last of every day (UTC). The first item from one above an entry's position on "
                + "says when that entry was signed at the latest.",
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

    private static let key = Route(
        operation: Operation(
            method: .get, path: "/log/key", id: "getVerifierKey", tag: .log,
            summary: "The key that checkpoints are checked with",
            detail: "Whoever relies on evidence should have the key from elsewhere too.",
            access: .anyone,
            answer: .init(mediaType: "text/plain", detail: "The verifier key, on one line."),
            problems: [.notFound])
    ) { call in
        guard let key = call.ledger.verifierKey else {
            throw Problem(.notFound, "the ledger has no key")
        }
        return Response(file: Array("\(key)\n".utf8), "text/plain; charset=utf-8", .changing)
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

    private static let tiles = (1...partsMax).map { count in
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

    private static let bundles = (1...partsMax).map { count in
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

    // MARK: Entries

    private static let pageParameters = [
        Operation.Parameter(
            name: "from", schema: .integer(min: 0),
            detail: "The position of the first entry; 0 where it is not given."),
        Operation.Parameter(
            name: "limit", schema: .integer(min: 1, max: 1000),
            detail: "How many entries at most; 100 where it is not given."),
    ]

    private static func pageSchema(_ item: Schema) -> Schema {
        .object([
            .init("items", .array(item)),
            .init("next", .integer(min: 0), "The position to go on from."),
            .init("reflects", .position, "How many entries there are."),
        ])
    }

    /// A page of the log.
    private static func page<Entry>(
        _ call: Call, _ read: (_ from: UInt64, _ limit: Int) throws -> [Entry],
        _ item: (inout JSONWriter, Entry) -> Void
    ) throws -> Response {
        let from = try call.integer("from", in: 0...UInt64(Int64.max)) ?? 0
        let limit = try call.pageLimit(default: 100, max: 1000)
        let reflects = call.ledger.reflects
        let entries = try read(from, limit)
        return Response(reflecting: reflects) { writer in
            writer.object { object in
                object.name("items")
                object.array { array in
                    for entry in entries { item(&array, entry) }
                }
                object.field("next", from + UInt64(entries.count))
                object.field("reflects", max(reflects, from + UInt64(entries.count)))
            }
        }
    }

    private static let events = Route(
        operation: Operation(
            method: .get, path: "/log/events", id: "listPublicEntries", tag: .log,
            summary: "The complete sequence of what is public",
            detail: "Every entry stands with its position and the hash of its leaf; an accepted "
                + "one about an auction also with its time and with what anyone may see of it: "
                + "of a bid the bidder and the price it led to. Of a rejected command, a "
                + "registration or a payment nothing else is told, not even when it was.",
            access: .anyone, isRead: true, parameters: pageParameters,
            answer: .init(schema: pageSchema(.reference("PublicEntry"))))
    ) { call in
        let ledger = call.ledger
        return try page(call, ledger.publicEntries(from:limit:)) {
            $0.publicEntry($1, names: ledger.reading)
        }
    }

    private static let entries = Route(
        operation: Operation(
            method: .get, path: "/log/entries", id: "listEntries", tag: .log,
            summary: "Whole entries, for auditors",
            access: .roles(.auditor), isRead: true, parameters: pageParameters,
            answer: .init(schema: pageSchema(.reference("LogEntry"))))
    ) { call in
        let ledger = call.ledger
        return try page(call, ledger.entries(from:limit:)) {
            $0.entry($1, names: ledger.reading)
        }
    }

    private static let entry = Route(
        operation: Operation(
            method: .get, path: "/log/entries/{position}", id: "getEntry", tag: .log,
            summary: "One entry, for auditors, operators and its owner",
            detail: "The owner is who sent the command or for whom it speaks, and is shown the "
                + "command and the events that are public or the owner's own.",
            isRead: true, answer: .init(schema: .reference("LogEntry")),
            problems: [.notYours, .entryNotFound])
    ) { call in
        let entry = try call.entry(at: try call.position(inPath: "position"))
        return call.answer(try call.readable(entry))
    }

    private static let command = Route(
        operation: Operation(
            method: .get, path: "/log/commands/{id}", id: "getCommand", tag: .log,
            summary: "What became of a command",
            detail: "By the caller's own Idempotency-Key, however long ago, or by the id that the "
                + "log has; for who sent it or for whom it speaks, for auditors and operators.",
            isRead: true, answer: .init(schema: .reference("CommandReceipt")),
            problems: [.notYours, .entryNotFound, .busy])
    ) { call in
        let (key, entry) = try await call.entryOfCommand()
        let readable = try call.readable(entry)
        return Response(reflecting: call.ledger.reflects) { $0.receipt(of: readable, key) }
    }

    // MARK: Proofs

    private static let proofDetail =
        "For users a gavel-statement/v1 file: what the entry says to the caller, signed by the "
        + "ledger, and the proof of the entry's place; the entry's bytes are in it where nothing "
        + "in them is about others. An entry concerns who sent its command, for whom that speaks, "
        + "and whose money or lead it changes; what ends an auction concerns everybody. Auditors "
        + "and operators get the entry itself, as a C2SP tlog-proof file."

    private static let entryProof = Route(
        operation: Operation(
            method: .get, path: "/log/entries/{position}/proof", id: "getEntryProof", tag: .log,
            summary: "An entry's proof, for whoever it concerns",
            detail: proofDetail,
            isRead: true, answer: .init(mediaType: "text/plain", detail: "The file."),
            problems: [.notYours, .entryNotFound, .notProven])
    ) { call in
        let entry = try call.entry(at: try call.position(inPath: "position"))
        return try call.proofFile(of: entry)
    }

    private static let commandProof = Route(
        operation: Operation(
            method: .get, path: "/log/commands/{id}/proof", id: "getCommandProof", tag: .log,
            summary: "The proof of a command's entry, for whoever it concerns",
            detail: "As for an entry by its position.",
            isRead: true, answer: .init(mediaType: "text/plain", detail: "The file."),
            problems: [.notYours, .entryNotFound, .notProven, .busy])
    ) { call in
        try call.proofFile(of: try await call.entryOfCommand().entry)
    }

    private static let inclusion = Route(
        operation: Operation(
            method: .get, path: "/log/proof/inclusion", id: "getInclusionProof", tag: .log,
            summary: "The hashes that prove an entry which the caller has",
            access: .anyone, isRead: true,
            parameters: [
                .init(
                    name: "position", schema: .integer(min: 0), detail: "The entry's.",
                    isRequired: true)
            ],
            answer: .init(
                schema: .object([
                    .init("index", .integer(min: 0), "The entry's position."),
                    .init("size", .integer(min: 1), "How many entries are signed."),
                    .init("hashes", .array(.string()), "In base64, from the leaf up."),
                    .init("checkpoint", .string(), "The signed note."),
                ])),
            problems: [.entryNotFound, .notProven])
    ) { call in
        let position = try call.integer("position", in: 0...UInt64(Int64.max)) ?? 0
        try call.check(position)
        let file = try call.proven { try call.ledger.proof(ofEntryAt: position) }
        return Response(reflecting: file.checkpoint.checkpoint.size) { writer in
            writer.object { object in
                object.field("index", file.proof.index)
                object.field("size", file.checkpoint.checkpoint.size)
                object.hashes(file.proof.hashes)
                object.field("checkpoint", String(decoding: file.checkpoint.bytes, as: UTF8.self))
            }
        }
    }

    private static let consistency = Route(
        operation: Operation(
            method: .get, path: "/log/proof/consistency", id: "getConsistencyProof", tag: .log,
            summary: "The hashes that prove that the log goes on from an earlier size",
            access: .anyone, isRead: true,
            parameters: [
                .init(
                    name: "from", schema: .integer(min: 0), detail: "The earlier size.",
                    isRequired: true)
            ],
            answer: .init(
                schema: .object([
                    .init("from", .integer(min: 0), "The earlier size."),
                    .init("size", .integer(min: 1), "How many entries are signed."),
                    .init("hashes", .array(.string()), "In base64."),
                    .init("checkpoint", .string(), "The signed note."),
                ])),
            problems: [.entryNotFound, .notProven])
    ) { call in
        let from = try call.integer("from", in: 0...UInt64(Int64.max)) ?? 0
        if from > 0 { try call.check(from - 1) }
        let (proof, checkpoint) = try call.proven {
            try call.ledger.consistencyProof(from: from)
        }
        return Response(reflecting: proof.newSize) { writer in
            writer.object { object in
                object.field("from", proof.oldSize)
                object.field("size", proof.newSize)
                object.hashes(proof.hashes)
                object.field("checkpoint", String(decoding: checkpoint.bytes, as: UTF8.self))
            }
        }
    }
}

// MARK: Steps

extension Call {
    /// - Throws: `entryNotFound`.
    fileprivate func check(_ position: UInt64) throws(Problem) {
        let reflects = ledger.reflects
        guard position < reflects else {
            throw Problem(
                .entryNotFound, "there are \(reflects) entries, none at position \(position)")
        }
    }

    /// - Throws: `entryNotFound`; `LedgerError` with `damaged` or `storage`.
    fileprivate func entry(at position: UInt64) throws -> LedgerEntry {
        try check(position)
        guard let entry = try ledger.entry(at: position) else { throw Problem(.entryNotFound) }
        return entry
    }

    /// The entry of the command whose key or id is in the path.
    /// - Throws: `parameterMalformed`, `entryNotFound` or `busy`; `LedgerError`.
    fileprivate func entryOfCommand() async throws -> (key: CommandID, entry: LedgerEntry) {
        let text = text(inPath: "id")
        guard let key = try? CommandID(text), key.isVersion7 else {
            throw Problem(
                .parameterMalformed,
                "id must be a UUID version 7, not \(String(text.prefix(40)).debugDescription)")
        }
        let ledger = ledger
        let ids = service.commandIDs
        let ownIDs = [ids.id(of: key, by: try caller.user), ids.signUpID(of: key)]
        let found = try await slowly {
            try ledger.entry(withAnyOf: ownIDs, searchesAll: false)
                ?? ledger.entry(withID: key, searchesAll: false)
        }
        guard let found else { throw Problem(.entryNotFound, "no entry has the id \(key)") }
        return (key, found)
    }

    /// What the caller may see of an entry: all, or the own part.
    /// - Throws: `notYours`.
    fileprivate func readable(
        _ entry: LedgerEntry
    ) throws(Problem) -> LedgerEntry {
        let caller = try caller
        if caller.readsWholeEntries { return entry }
        guard let own = ledger.own(entry, of: caller.user) else { throw Problem(.notYours) }
        return own.entry
    }

    fileprivate func answer(_ entry: LedgerEntry) -> Response {
        Response(reflecting: ledger.reflects) { $0.entry(entry, names: ledger.reading) }
    }

    /// The entry whole for staff, else what it says to the caller.
    /// - Throws: `notYours`, `notProven`; `LedgerError`.
    fileprivate func proofFile(of entry: LedgerEntry) throws -> Response {
        let caller = try caller
        let position = entry.position
        let bytes: [UInt8]
        if caller.readsWholeEntries {
            bytes = try proven { try ledger.proof(ofEntryAt: position).bytes }
        } else {
            // Asked first: whom an entry does not concern is not told whether it is proven yet.
            guard EntryView(of: entry, for: caller.user, names: ledger.reading) != nil else {
                throw Problem(.notYours)
            }
            let file = try proven {
                try ledger.statementFile(ofEntryAt: position, for: caller.user)
            }
            guard let file else { throw Problem(.notYours) }
            bytes = file.bytes
        }
        return Response(file: bytes, "text/plain; charset=utf-8", .secret)
    }

    fileprivate func tileExport() throws -> TileExport {
        try proven { try ledger.tileExport() }
    }

    /// - Throws: `notProven` where no checkpoint reaches as far; `LedgerError`.
    fileprivate func proven<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as EvidenceError where error.code == .notProven {
            throw Problem(.notProven, error.reason)
        }
    }
}

extension Caller {
    /// Whether whole entries are shown, whomever they are about.
    fileprivate var readsWholeEntries: Bool {
        !roles.isDisjoint(with: [.auditor, .operator])
    }
}

/// How long an answer may be kept, and by whom.
private enum Keeping {
    /// It is another one soon.
    case changing
    /// A full tile never changes; a partial one is of no more use soon.
    case tile(HashTile)
    /// By the caller alone.
    case secret

    var text: String {
        switch self {
        case .changing: "no-cache"
        case .tile(let tile):
            tile.isFull ? "public, max-age=31536000, immutable" : "public, max-age=60"
        case .secret: "private, no-store"
        }
    }
}

extension Response {
    /// An answer that is a file.
    fileprivate init(file bytes: [UInt8], _ type: String, _ keeping: Keeping) {
        self.init(
            status: .ok,
            headers: [
                .contentType: type, .contentLength: String(bytes.count),
                .cacheControl: keeping.text,
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension JSONWriter {
    fileprivate mutating func hashes(_ hashes: [Digest]) {
        name("hashes")
        array { array in
            for hash in hashes { array.value(hash.base64) }
        }
    }

    fileprivate mutating func keptCheckpoint(_ signed: SignedCheckpoint) {
        object { object in
            object.field("size", signed.checkpoint.size)
            object.field("root", signed.checkpoint.root.base64)
            object.field("time", signed.claimedTime)
            object.field("note", String(decoding: signed.bytes, as: UTF8.self))
        }
    }

    /// Writes what became of a command, `id` as the caller has asked for it:
    ///
    ///     {"id":"…","command_id":null,"status":"rejected","position":12,"time":"…",
    ///      "replayed":false,"rejection":{"code":"bid_below_minimum","number":41,"minimum":1600}}
    fileprivate mutating func receipt(of entry: LedgerEntry, _ key: CommandID) {
        object { object in
            object.field("id", key.description)
            object.field("command_id", entry.commandID?.description)
            object.field("status", entry.outcome.rejection == nil ? "accepted" : "rejected")
            object.field("position", entry.position)
            object.field("time", entry.time)
            object.field("replayed", false)
            object.name("rejection")
            if let rejection = entry.outcome.rejection {
                object.rejection(rejection)
            } else {
                object.null()
            }
        }
    }
}

// MARK: Schemas

extension EvidenceRoutes {
    private static let keptCheckpointSchema = Schema.object([
        .init("size", .integer(min: 1), "How many entries it is over."),
        .init("root", .string(), "Their root, in base64."),
        .init("time", .nullable(.time), "When it was signed, as the note says."),
        .init("note", .string(), "The signed note."),
    ])

    private static let publicEntrySchema = Schema.object([
        .init("position", .position),
        .init("leaf", .string(), "The hash of the entry's bytes as a leaf, in base64."),
        .init("time", .nullable(.time), "Null, as all below, where nothing else is public."),
        .init("command", .nullable(.word(PublicEntry.Kind.allCases.map(\.rawValue)))),
        .init("auction", .nullable(.string())),
        .init("events", .array(.string()), "The names of the public events."),
        .init("title", .nullable(.string())),
        .init("seller", .nullable(.string())),
        .init("currency", .nullable(.string())),
        .init("bidder", .nullable(.string()), "Who bid or bought."),
        .init("price", .nullable(.integer(min: 0)), "The price after the entry."),
        .init("opens_at", .nullable(.time)),
        .init("closes_at", .nullable(.time)),
        .init(
            "reason", .nullable(.string()),
            "Why the end was moved; why the auction was cancelled, in the words of who did it."),
        .init(
            "outcome", .nullable(.word(AuctionOutcome.allCases.map(\.jsonName)))),
        .init("winner", .nullable(.string())),
        .init("paid", .nullable(.integer(min: 0)), "The hammer price and the premium."),
    ])

    private static let entrySchema = Schema.object(
        [
            .init(
                "id", .nullable(.string(format: "uuid")),
                "The command's id in the log; null where there is none, and for an owner where "
                    + "the entry tells of others too."),
            .init("status", .word(["accepted", "rejected"])),
            .init("position", .position),
            .init("time", .time),
            .init("replayed", .boolean),
            .init("command", .object([.init("command", .string())], isClosed: false)),
            .optional(
                "events", .array(.object([.init("event", .string())], isClosed: false)),
                "Of an accepted command."),
            .optional("rejection", rejectionSchema, "Of a rejected command."),
        ], isClosed: false)

    private static let rejectionSchema = Schema.object([
        .init("code", .word(Rejection.Code.allCases.map(\.name))),
        .init("number", .integer(min: 0)),
        .optional("minimum", .integer(min: 0)),
        .optional("maximum", .integer(min: 0)),
        .optional("available", .integer(min: 0)),
    ])

    private static let receiptSchema = Schema.object([
        .init("id", .string(format: "uuid"), "The key or id that was asked for."),
        .init(
            "command_id", .nullable(.string(format: "uuid")),
            "The command's id in the log; null where the entry tells of others too, whom the id "
                + "keeps from being guessed."),
        .init("status", .word(["accepted", "rejected"])),
        .init("position", .position),
        .init("time", .time),
        .init("replayed", .boolean),
        .init("rejection", .nullable(rejectionSchema)),
    ])
}
