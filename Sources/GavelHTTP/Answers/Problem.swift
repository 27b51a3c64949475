// One problem as RFC 9457 has it: `application/problem+json`.
//
//     {"type":"/problems/bid_below_minimum","title":"…","status":422,"detail":"…",
//      "code":"bid_below_minimum","number":41,"minimum":1600,"position":12,"time":"…"}
//
// A refusal by the time in a key has `id_time` and `ledger_time`.
//
// Invariant: a problem repeats nothing secret: no token, no password, no header.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

/// An occurrence of a problem.
struct Problem: Error, Sendable {
    let kind: ProblemKind
    /// What was wrong here and what was expected; the kind's title where there is no more to say.
    var detail: String?
    /// The rejection with its limit, and where it stands in the log.
    var rejection: Rejection?
    var position: UInt64?
    var time: Timestamp?
    var isReplay = false
    /// The time in the caller's key and the ledger's, where the key is refused by its time.
    var clocks: (id: Timestamp, ledger: Timestamp)?
    /// Overrides the kind's, where the moment is known.
    var retryAfter: Int?
    var headers = HTTPFields()

    init(_ kind: ProblemKind, _ detail: String? = nil) {
        self.kind = kind
        self.detail = detail
    }

    init(_ refusal: Refusal, _ detail: String? = nil) {
        self.init(ProblemKind(refusal), detail)
    }

    /// The problem of a receipt that is not accepted.
    init?(_ receipt: Receipt) {
        switch receipt.status {
        case .accepted: return nil
        case .refused:
            guard let refusal = receipt.refusal else { return nil }
            self.init(refusal)
            if let clocks = receipt.clocks { add(clocks, refusal) }
        case .rejected:
            guard let rejection = receipt.rejection else { return nil }
            self.init(ProblemKind(rejection.code), rejection.description)
            self.rejection = rejection
            position = receipt.position
            time = receipt.time
            isReplay = receipt.isReplay
        }
    }

    /// Says what the clocks are, and after how long the same key is taken where that helps.
    private mutating func add(
        _ clocks: (id: Timestamp, ledger: Timestamp), _ refusal: Refusal
    ) {
        self.clocks = clocks
        let times =
            "the time in the key is \(clocks.id.rfc3339), the ledger's is \(clocks.ledger.rfc3339)"
        guard refusal == .commandIDInFuture else {
            detail = times + ": the outcome is kept, but not by this key any more"
            return
        }
        detail = times + ": a key may be at most 5 minutes ahead"
        let second: Int64 = 1_000_000_000
        let ahead = clocks.id.nanoseconds / second - clocks.ledger.nanoseconds / second
        retryAfter = Int(max(0, ahead - 300)) + 1
    }

    /// What the engine throws.
    init(_ error: LedgerError) {
        switch error.code {
        case .badCursor: self.init(.badCursor, error.reason)
        case .outcomeUnknown, .fenced:
            self.init(.outcomeUnknown, "send it again with the same Idempotency-Key")
        case .closed: self.init(.shuttingDown)
        // Where a name is unknown, routes say which; storage and damage are not for callers.
        default: self.init(.internalError)
        }
    }

    var response: Response {
        var writer = JSONWriter()
        writer.object { object in
            object.field("type", "/problems/\(kind.code)")
            object.field("title", kind.title)
            object.field("status", kind.status.code)
            object.field("detail", detail ?? kind.title)
            object.field("code", kind.code)
            object.field("number", kind.number)
            if let rejection, let name = rejection.code.limitName {
                object.field(name, rejection.limit)
            }
            if let position { object.field("position", position) }
            if let time { object.field("time", time) }
            if let clocks { object.clocks(clocks) }
        }
        var response = Response(json: writer, status: kind.status)
        response.headers[.contentType] = "application/problem+json"
        if let seconds = retryAfter ?? kind.retryAfter {
            response.headers[.retryAfter] = String(seconds)
        }
        if kind.status == .unauthorized {
            response.headers[.wwwAuthenticate] = "Bearer realm=\"gavel\""
        }
        if isReplay { response.headers[.idempotencyReplayed] = "true" }
        if let position { response.headers[.gavelPosition] = String(position) }
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension HTTPField.Name {
    /// The command id of a write.
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    /// `true` where the first receipt is given again.
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed")!
    /// In answers: the position of the entry written, or how many entries a read reflects.
    static let gavelPosition = HTTPField.Name("Gavel-Position")!
    /// In calls: how many entries a read must reflect at least.
    static let gavelMinPosition = HTTPField.Name("Gavel-Min-Position")!
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let requestID = HTTPField.Name("X-Request-ID")!
}

extension HTTPRequest.Method {
    /// A safe method with a body (draft-ietf-httpbis-safe-method-w-body).
    static let query = HTTPRequest.Method("QUERY")!
}
