// What would have to be different for a refused command to be taken.

package import Gavel

extension Refusal {
    /// The code and what it asks of the line.
    package var sentence: String { "\(name): \(expectation)" }

    /// What would have to be different for the command to be taken.
    package var expectation: String {
        switch self {
        case .malformed: "the command breaks the shape it must have"
        case .commandIDMalformed: "an id must be a UUID version 7"
        case .commandIDExpired: "the time in the id is too long before the command's time"
        case .commandIDInFuture: "the time in the id is more than 5 minutes after the command's"
        case .commandIDReused: "another command had this id already"
        case .userNotFound: "every user must be registered before"
        case .currencyNotFound: "the currency must be registered before"
        case .auctionNotFound: "the auction must be opened before"
        case .queueFull: "too many commands are waiting"
        case .storageLow: "the disk is nearly full"
        case .closingHeld: "closings are held, so bids are not taken"
        case .shuttingDown: "the ledger is closing"
        case .tooManyRejections: "too many commands of this user were rejected"
        case .batchTooLarge: "the batch has more commands than the queue holds"
        }
    }
}
