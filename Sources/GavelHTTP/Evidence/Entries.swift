// Entries of the log: for everybody as far as they are public, whole for auditors, and to its owner
// what is the owner's; and what became of a command.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

extension EvidenceRoutes {
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
                let next = from + UInt64(entries.count)
                object.field("next", next)
                // What is shown may have come since; beyond the end nothing is shown.
                object.field("reflects", entries.isEmpty ? reflects : max(reflects, next))
            }
        }
    }

    static let events = Route(
        operation: Operation(
            method: .get, path: "/log/events", id: "listPublicEntries", tag: .log,
            summary: "The complete sequence of what is public",
            detail: "Every entry stands with its position and the hash of its leaf; an accepted "
                + "one about an auction also with its time and with what anyone may see of it: "
                + "of a bid the bidder and the price it led to. Of a rejected command, a "
                + "registration or a payment no more is told here, and no time; about when it was "
                + "can be seen from the number of entries that checkpoints give with theirs.",
            access: .anyone, isRead: true, parameters: pageParameters,
            answer: .init(schema: pageSchema(.reference("PublicEntry"))))
    ) { call in
        let ledger = call.ledger
        return try page(call, ledger.publicEntries(from:limit:)) {
            $0.publicEntry($1, names: ledger.reading)
        }
    }

    static let entries = Route(
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

    static let entry = Route(
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

    static let command = Route(
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
}

extension Call {
    /// The entry of the command whose key or id is in the path.
    /// - Throws: `parameterMalformed`, `entryNotFound` or `busy`; `LedgerError`.
    func entryOfCommand() async throws -> (key: CommandID, entry: LedgerEntry) {
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
        if caller.readsEverything { return entry }
        guard let own = ledger.own(entry, of: caller.user) else { throw Problem(.notYours) }
        return own.entry
    }

    fileprivate func answer(_ entry: LedgerEntry) -> Response {
        Response(reflecting: ledger.reflects) { $0.entry(entry, names: ledger.reading) }
    }
}

extension JSONWriter {
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
    static let publicEntrySchema = Schema.object([
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

    static let entrySchema = Schema.object(
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

    static let receiptSchema = Schema.object([
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
