// The log's evidence over HTTP: the signed head, hash tiles as C2SP tlog-tiles has them, proofs,
// and entries, for everybody as far as they are public, whole for auditors, and to its owner what
// is the owner's.
//
// Invariants: the bytes of an entry go to auditors and operators, and to its owner where nothing
// of another is in them; hashes say nothing of an entry and are for everybody; all proofs stand
// under a checkpoint that is handed out beside them.

internal import Gavel
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
        ("LogEntry", entrySchema), ("CommandReceipt", receiptSchema),
    ]
}

extension Call {
    /// - Throws: `entryNotFound`.
    func check(_ position: UInt64) throws(Problem) {
        let reflects = ledger.reflects
        guard position < reflects else {
            throw Problem(
                .entryNotFound, "there are \(reflects) entries, none at position \(position)")
        }
    }

    /// - Throws: `entryNotFound`; `LedgerError` with `damaged` or `storage`.
    func entry(at position: UInt64) throws -> LedgerEntry {
        try check(position)
        guard let entry = try ledger.entry(at: position) else { throw Problem(.entryNotFound) }
        return entry
    }

    /// - Throws: `notProven` where no checkpoint reaches as far; `LedgerError`.
    func proven<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as EvidenceError where error.code == .notProven {
            throw Problem(.notProven, error.reason)
        }
    }
}

/// How long an answer may be kept, and by whom.
enum Keeping {
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
    init(file bytes: [UInt8], _ type: String, _ keeping: Keeping) {
        self.init(
            status: .ok,
            headers: [
                .contentType: type, .contentLength: String(bytes.count),
                .cacheControl: keeping.text,
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
