// What somebody may ask of the history of an auction or a wallet.

public import AuctionDomain

/// A part of the log: the entries about one auction or one wallet.
public enum History {
    /// Whose history.
    public enum Subject: Hashable, Sendable {
        case auction(AuctionID)
        case wallet(UserID)

        func add(to scope: inout CursorScope) {
            switch self {
            case .auction(let id):
                scope.add("auction")
                scope.add(id.string)
            case .wallet(let id):
                scope.add("wallet")
                scope.add(id.string)
            }
        }
    }

    /// In which direction a history is read.
    public enum Direction: String, Hashable, Sendable, CaseIterable {
        case newestFirst = "newest_first"
        case oldestFirst = "oldest_first"
    }

    /// Which of the entries about an auction or a wallet a page is made of.
    public enum Selection: String, Hashable, Sendable, CaseIterable {
        /// Every one.
        case all
        /// Those of accepted commands: of an auction's, those that anyone may know of.
        case accepted
        /// Accepted bids and purchases.
        case acceptedBids = "accepted_bids"

        /// Whether an entry counts.
        func includes(_ command: CanonicalCommand, _ rejection: Rejection?) -> Bool {
            switch self {
            case .all: return true
            case .accepted: return rejection == nil
            case .acceptedBids:
                return rejection == nil && command.bid != nil
            }
        }
    }
}
