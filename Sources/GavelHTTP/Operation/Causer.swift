// Who causes work, so that nobody takes more than a share.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

/// Who has asked for something, and so whose share it is taken from.
enum Causer: Hashable, Sendable {
    case user(UserID)
    case address(PeerAddress)
    /// Who runs the service: the command line, and what is done at the start.
    case house
}
