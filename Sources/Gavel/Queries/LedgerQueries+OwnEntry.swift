// An entry as those may see it whom it belongs to: who sent the command, and for whom it speaks.
//
// Invariant: of what the entry did to others nothing is in it but what anyone may see: no hold and
// no refund of another, no maximum of another, no other wallet's place in the log; nor the command
// id, with which what is left out could be guessed by the entry's hash.

package import AuctionDomain
internal import Synchronization

/// One's own entry.
package struct OwnEntry: Hashable, Sendable {
    /// The entry with the events that are public or the owner's.
    package let entry: LedgerEntry
    /// Whether that is all of it, so that its bytes may be given to the owner too.
    package let isWhole: Bool
}

extension LedgerQueries {
    /// What a user may see of an entry as its owner: as its actor, or as the one that the command
    /// speaks for.
    /// - Returns: nil where the entry is not the user's.
    /// - Complexity: O(events).
    package func own(_ entry: LedgerEntry, of user: UserID) -> OwnEntry? {
        let handle = reading.readState.withLock { $0.state.user(user) }
        var isOwner =
            handle.map { entry.actor == .user($0) || entry.command.user == $0 } ?? false
        if case .registerUser(let registered) = entry.command { isOwner = registered == user }
        guard isOwner, let handle else { return nil }
        let events = EventList(entry.outcome.events.filter { $0.isOpen(to: handle) })
        // A link says when a wallet was touched before.
        let links = entry.links.filter { link in
            if case .wallet(let user) = link.chain { user == handle } else { true }
        }
        let isWhole =
            events.count == entry.outcome.events.count && links.count == entry.links.count
        return OwnEntry(
            entry: LedgerEntry(
                position: entry.position, time: entry.time,
                commandID: isWhole ? entry.commandID : nil,
                actor: entry.actor, command: entry.command,
                outcome: entry.outcome.rejection.map { .rejected($0) } ?? .accepted(events),
                links: ContiguousArray(links)),
            isWhole: isWhole)
    }
}
