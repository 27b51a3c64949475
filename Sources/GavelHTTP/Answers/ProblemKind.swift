// Every way the service says no, with its HTTP status: one table for code, number, status and
// words, from which answers, the served list of problems and the OpenAPI document are made.
//
// Invariants: a rejection or refusal of the engine keeps its code and number; the service's own
// kinds have numbers from 1000 on, never used again; a kind that a later try may overcome carries
// `retryAfter` seconds.

internal import AuctionDomain
internal import Gavel
internal import HTTPTypes

/// What kind of problem an answer reports (RFC 9457).
struct ProblemKind: Hashable, Sendable {
    let code: String
    let number: UInt16
    let status: HTTPResponse.Status
    /// The kind in words, the same for every occurrence.
    let title: String
    /// After how many seconds another try makes sense; nil where none does.
    var retryAfter: Int?

    static func == (left: Self, right: Self) -> Bool { left.number == right.number }
    func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

extension ProblemKind {
    // MARK: The service's own

    // Who is calling.
    static let tokenMissing = own(1000, "token_missing", 401, "The call needs an access token")
    static let tokenInvalid = own(1001, "token_invalid", 401, "The access token is not valid")
    static let tokenExpired = own(1002, "token_expired", 401, "The access token has expired")
    static let credentialsWrong = own(
        1003, "credentials_wrong", 401, "User name or password is wrong")
    static let refreshTokenInvalid = own(
        1004, "refresh_token_invalid", 401, "The refresh token is not valid")
    static let roleRequired = own(1010, "role_required", 403, "The call needs another role")
    static let notYours = own(1011, "not_yours", 403, "This belongs to another user")
    static let selfChargeOff = own(
        1012, "self_charge_off", 403, "Users may not charge their own wallets here")

    // What is asked for.
    static let notFound = own(1020, "not_found", 404, "There is nothing at this address")
    static let methodNotAllowed = own(
        1021, "method_not_allowed", 405, "The address does not take this method")
    static let parameterMalformed = own(
        1022, "parameter_malformed", 400, "A parameter does not have the shape it must have")
    static let badCursor = own(1023, "bad_cursor", 400, "The cursor is none of this list")
    static let commandIDMissing = own(
        1024, "command_id_missing", 400, "A write needs an Idempotency-Key")
    static let bodyTooLarge = own(1025, "body_too_large", 413, "The body is too large")
    static let mediaTypeUnsupported = own(
        1026, "media_type_unsupported", 415, "The body is not JSON by its Content-Type")
    static let profileNotFound = own(1027, "profile_not_found", 404, "The user has no profile")
    static let entryNotFound = own(1028, "entry_not_found", 404, "The log has no such entry")
    static let momentAhead = own(1029, "moment_ahead", 400, "The moment lies in the future")

    // What stands in the way.
    static let usernameTaken = own(1040, "username_taken", 409, "The user name is taken")
    static let accountHasFunds = own(
        1041, "account_has_funds", 409, "The wallet is not empty, or lots are under way")
    static let descriptionFrozen = own(
        1042, "description_frozen", 409, "What a lot is may not change after its first bid")
    static let accountClosed = own(1043, "account_closed", 409, "The account is closed")

    // What the service cannot do now.
    static let rateLimited = own(1050, "rate_limited", 429, "Too many calls", retryAfter: 1)
    static let busy = own(1051, "busy", 503, "The service has too much to do", retryAfter: 1)
    static let positionNotReached = own(
        1052, "position_not_reached", 412, "The ledger has not reached the position")
    static let outcomeUnknown = own(
        1053, "outcome_unknown", 503, "What became of the command is not known", retryAfter: 5)
    static let notProven = own(
        1054, "not_proven", 503, "No checkpoint covers the entry yet", retryAfter: 1)
    static let tooManyCommands = own(
        1055, "too_many_commands", 429, "Too many commands that cost nothing", retryAfter: 1)
    static let internalError = own(1060, "internal_error", 500, "The service has failed")

    /// The service's own kinds, in order of number.
    static let own: [ProblemKind] = [
        tokenMissing, tokenInvalid, tokenExpired, credentialsWrong, refreshTokenInvalid,
        roleRequired, notYours, selfChargeOff, notFound, methodNotAllowed, parameterMalformed,
        badCursor, commandIDMissing, bodyTooLarge, mediaTypeUnsupported, profileNotFound,
        entryNotFound, momentAhead, usernameTaken, accountHasFunds, descriptionFrozen,
        accountClosed, rateLimited, busy, positionNotReached, outcomeUnknown, notProven,
        tooManyCommands, internalError,
    ]

    /// All kinds: refusals, rejections, the service's own.
    static let all: [ProblemKind] =
        Refusal.allCases.map { ProblemKind($0) } + Rejection.Code.allCases.map { ProblemKind($0) }
        + own

    private static func own(
        _ number: UInt16, _ code: String, _ status: Int, _ title: String, retryAfter: Int? = nil
    ) -> ProblemKind {
        ProblemKind(
            code: code, number: number, status: .init(code: status), title: title,
            retryAfter: retryAfter)
    }
}

// MARK: The engine's

extension ProblemKind {
    /// A command that was not taken: nothing was written, and its key stays free.
    init(_ refusal: Refusal) {
        let (status, title): (Int, String) =
            switch refusal {
            case .malformed: (400, "The body is not what it must be")
            case .commandIDMalformed: (400, "The Idempotency-Key is no UUID version 7")
            case .commandIDExpired: (409, "The Idempotency-Key is too old")
            case .commandIDInFuture: (409, "The Idempotency-Key lies in the future")
            case .commandIDReused: (409, "The Idempotency-Key was used for another command")
            case .userNotFound: (404, "There is no such user")
            case .currencyNotFound: (404, "There is no such currency")
            case .auctionNotFound: (404, "There is no such auction")
            case .queueFull: (503, "Too many commands are waiting")
            case .storageLow: (503, "The disk is nearly full")
            case .closingHeld: (503, "Closings are held until an operator confirms them")
            case .shuttingDown: (503, "The service is shutting down")
            case .tooManyRejections: (429, "Too many commands of this user were rejected")
            case .batchTooLarge: (413, "The batch has more commands than the queue holds")
            }
        let retryAfter: Int? =
            switch refusal {
            case .queueFull: 1
            case .closingHeld, .storageLow: 30
            case .shuttingDown: 5
            case .tooManyRejections, .commandIDInFuture: 60
            default: nil
            }
        self.init(
            code: refusal.name, number: refusal.rawValue, status: .init(code: status),
            title: title, retryAfter: retryAfter)
    }

    /// A command that a rule said no to: an entry of the log, and its key is used up.
    init(_ code: Rejection.Code) {
        let (status, title): (Int, String) =
            switch code {
            case .sellerCannotBid: (403, "Sellers may not bid on their own lots")
            case .notPermitted: (403, "The caller may not do this")
            case .userAlreadyRegistered: (409, "The user is registered already")
            case .currencyAlreadyRegistered: (409, "The currency is registered already")
            case .auctionAlreadyOpened: (409, "There is an auction of this name already")
            case .referenceAlreadyUsed: (409, "The payment's reference was used before")
            case .auctionNotOpen: (409, "The auction has not opened yet")
            case .auctionEnded: (409, "The auction has ended")
            case .auctionCancelled: (409, "The auction was cancelled")
            case .auctionAlreadyClosed: (409, "The auction is closed already")
            case .auctionNotEnded: (409, "The auction has not ended yet")
            case .auctionHasBids: (409, "The auction has bids")
            case .closesAtTooEarly: (422, "The new end is not later than it must be")
            case .buyNowNotOffered: (409, "The auction cannot be bought now")
            case .buyNowEnded: (409, "The auction can no longer be bought now")
            case .bidBelowOpening: (422, "The bid is below the opening price")
            case .bidBelowMinimum: (422, "The bid is below the least next bid")
            case .bidNotAboveOwnMaximum: (422, "The bid is not above the bidder's own maximum")
            case .exceedsAvailable: (402, "The wallet does not have enough available")
            case .overflowsTotalCharged: (422, "The currency cannot hold so much money")
            case .overflowsPrice: (422, "The price would be too large")
            case .overflowsCurrencies: (422, "No more currencies can be registered")
            }
        self.init(
            code: code.name, number: code.rawValue, status: .init(code: status), title: title)
    }
}
