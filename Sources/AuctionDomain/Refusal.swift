// Why a command is not taken at all. Precedence and numbers are those that Rejection.swift says.

/// A command that was not taken: nothing was written and its id stays free.
public enum Refusal: UInt16, Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    // Shape.
    case malformed = 1
    // Command id.
    case commandIDMalformed = 2
    case commandIDExpired = 3
    case commandIDInFuture = 4
    case commandIDReused = 5
    // Existence.
    case userNotFound = 6
    case currencyNotFound = 7
    case auctionNotFound = 8
    // Capacity.
    case queueFull = 10
    case storageLow = 11
    case closingHeld = 12
    case shuttingDown = 13
    case tooManyRejections = 14
    case batchTooLarge = 15

    /// The code in JSON and tables.
    public var name: String {
        switch self {
        case .malformed: "malformed"
        case .commandIDMalformed: "command_id_malformed"
        case .commandIDExpired: "command_id_expired"
        case .commandIDInFuture: "command_id_in_future"
        case .commandIDReused: "command_id_reused"
        case .userNotFound: "user_not_found"
        case .currencyNotFound: "currency_not_found"
        case .auctionNotFound: "auction_not_found"
        case .queueFull: "queue_full"
        case .storageLow: "storage_low"
        case .closingHeld: "closing_held"
        case .shuttingDown: "shutting_down"
        case .tooManyRejections: "too_many_rejections"
        case .batchTooLarge: "batch_too_large"
        }
    }

    /// Whether it is a matter of the moment: the same command, sent again later, may be taken
    /// although nobody has registered anything meanwhile.
    public var isTransient: Bool {
        switch self {
        case .commandIDInFuture, .queueFull, .storageLow, .closingHeld, .shuttingDown,
            .tooManyRejections:
            true
        case .malformed, .commandIDMalformed, .commandIDExpired, .commandIDReused, .userNotFound,
            .currencyNotFound, .auctionNotFound, .batchTooLarge:
            false
        }
    }

    public var description: String { name }
}
