// Proofs: of an entry for whom it concerns, and the hashes that prove inclusion and growth, for
// everybody.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

extension EvidenceRoutes {
    private static let proofDetail =
        "For users a gavel-statement/v1 file: what the entry says to the caller, signed by the "
        + "ledger, and the proof of the entry's place; the entry's bytes are in it where nothing "
        + "in them is about others. An entry concerns who sent its command, for whom that speaks, "
        + "and whose money or lead it changes; what ends an auction concerns everybody. Auditors "
        + "and operators get the entry itself, as a C2SP tlog-proof file."

    static let entryProof = Route(
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

    static let commandProof = Route(
        operation: Operation(
            method: .get, path: "/log/commands/{id}/proof", id: "getCommandProof", tag: .log,
            summary: "The proof of a command's entry, for whoever it concerns",
            detail: "As for an entry by its position.",
            isRead: true, answer: .init(mediaType: "text/plain", detail: "The file."),
            problems: [.notYours, .entryNotFound, .notProven, .busy])
    ) { call in
        try call.proofFile(of: try await call.entryOfCommand().entry)
    }

    static let inclusion = Route(
        operation: Operation(
            method: .get, path: "/log/proof/inclusion", id: "getInclusionProof", tag: .log,
            summary: "The hashes that prove an entry which the caller has",
            detail: "Kept as a file, `gavel audit check-receipt` and `compare` read the answer.",
            access: .anyone, isRead: true,
            parameters: [
                .init(
                    name: "position", schema: .integer(min: 0), detail: "The entry's.",
                    isRequired: true)
            ],
            answer: .init(
                schema: .object([
                    .init("index", .integer(min: 0), "The entry's position."),
                    .init("leaf", .string(), "The hash of its bytes as a leaf, in base64."),
                    .init("size", .integer(min: 1), "How many entries are signed."),
                    .init("hashes", .array(.string()), "In base64, from the leaf up."),
                    .init("checkpoint", .string(), "The signed note."),
                ])),
            problems: [.entryNotFound, .notProven])
    ) { call in
        let position = try call.integer("position", in: 0...UInt64(Int64.max)) ?? 0
        try call.check(position)
        let file = try call.proven { try call.ledger.proof(ofEntryAt: position) }
        guard let entry = file.extra else { throw Problem(.internalError) }
        return Response(reflecting: file.checkpoint.checkpoint.size) { writer in
            writer.object { object in
                object.field("index", file.proof.index)
                object.field("leaf", LedgerHash(leaf: entry).base64)
                object.field("size", file.checkpoint.checkpoint.size)
                object.hashes(file.proof.hashes)
                object.field("checkpoint", String(decoding: file.checkpoint.bytes, as: UTF8.self))
            }
        }
    }

    static let consistency = Route(
        operation: Operation(
            method: .get, path: "/log/proof/consistency", id: "getConsistencyProof", tag: .log,
            summary: "The hashes that prove that the log goes on from an earlier size",
            detail: "Kept as a file, `gavel audit check-receipt` and `compare --proof` read the "
                + "answer: two receipts over different numbers of entries are compared by it.",
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

extension Call {
    /// The entry whole for staff, else what it says to the caller.
    /// - Throws: `notYours`, `notProven`; `LedgerError`.
    fileprivate func proofFile(of entry: LedgerEntry) throws -> Response {
        let caller = try caller
        let position = entry.position
        let bytes: [UInt8]
        if caller.readsEverything {
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
}

extension JSONWriter {
    fileprivate mutating func hashes(_ hashes: [LedgerHash]) {
        name("hashes")
        array { array in
            for hash in hashes { array.value(hash.base64) }
        }
    }
}
