// What one address does with one method: said once, and used three times: to find the handler,
// to check a call before the handler sees it, and to write the OpenAPI document. So routes and
// document cannot disagree about what is there, who may call it and what it takes.

internal import AuctionDomain
internal import GavelJSON
internal import HTTPTypes

/// The contract of one route.
struct Operation: Sendable {
    /// Whose part of the house it belongs to.
    enum Tag: String, Sendable, CaseIterable {
        case users, payments, auctions, live, log, operation
    }

    /// Who may call it.
    enum Access: Sendable {
        case anyone
        case signedIn
        /// Signed in with one of these roles.
        case roles(Roles)
    }

    /// What a successful answer is.
    struct Answer: Sendable {
        var status = 200
        var mediaType = "application/json"
        /// Nil for an answer without a body, or whose body is no JSON.
        var schema: Schema?
        var example: JSONValue?
        var detail = "Done."
    }

    /// A JSON body that is taken.
    struct Body: Sendable {
        var schema: Schema
        var example: JSONValue
        /// Whether an empty body stands for an object without members.
        var isOptional = false
    }

    /// A parameter in the query.
    struct Parameter: Sendable {
        var name: String
        var schema: Schema
        var detail: String
        var isRequired = false
    }

    let method: HTTPRequest.Method
    /// With parameters in braces: `/auctions/{auction}/bid`.
    let path: String
    /// A name for generated clients: `placeBid`.
    let id: String
    let tag: Tag
    let summary: String
    var detail = ""
    var access = Access.signedIn
    /// Whether a token that comes along is not looked at: it may well have expired.
    var ignoresToken = false
    /// Whether it submits a command to the ledger, under the Idempotency-Key.
    var isWrite = false
    /// Whether it voids the caller's tokens and waits for what else she does by them. It is no act
    /// itself then, or it would wait for itself.
    var endsOthers = false
    /// Whether it takes an Idempotency-Key but makes one itself where none is given.
    var takesKey = false
    /// Whether it answers from the ledger's state, and so takes a least position.
    var isRead = false
    var parameters: [Parameter] = []
    var body: Body?
    var answer = Answer()
    /// What it may answer besides what every route, write or body may.
    var problems: [ProblemKind] = []

    /// Whether a caller changes something by it: then her rights are looked at once more before it
    /// runs, and whoever takes them away waits until it has run.
    var isAct: Bool { method != .get && !ignoresToken && !endsOthers }

    /// All problems it may answer, in order of number.
    var allProblems: [ProblemKind] {
        var kinds: Set<ProblemKind> = [.rateLimited, .internalError, .parameterMalformed]
        switch access {
        case .anyone:
            // A token that comes along is checked.
            if !ignoresToken { kinds.formUnion([.tokenInvalid, .tokenExpired]) }
        case .signedIn: kinds.formUnion([.tokenMissing, .tokenInvalid, .tokenExpired])
        case .roles:
            kinds.formUnion([.tokenMissing, .tokenInvalid, .tokenExpired, .roleRequired])
        }
        if isWrite {
            kinds.formUnion([.commandIDMissing, .outcomeUnknown])
            kinds.formUnion(
                [
                    .commandIDMalformed, .commandIDExpired, .commandIDInFuture,
                    .commandIDReused, .queueFull, .storageLow, .shuttingDown,
                    .tooManyRejections,
                ].map { (refusal: Refusal) in ProblemKind(refusal) })
        }
        if isAct { kinds.insert(.busy) }
        if takesKey { kinds.insert(ProblemKind(.commandIDMalformed)) }
        if isRead { kinds.insert(.positionNotReached) }
        if body != nil {
            kinds.formUnion([ProblemKind(.malformed), .bodyTooLarge, .mediaTypeUnsupported])
        }
        kinds.formUnion(problems)
        return kinds.sorted { $0.number < $1.number }
    }
}
