// The fold of a log from the first entry on, by `evolve` alone: no snapshot, clock or decision has
// a part in it.

package import Gavel

/// Folds all entries that a reader knows, with progress on a terminal.
/// - Throws: `Failure` at the first entry that cannot follow those before it; `LedgerError`.
/// - Complexity: O(entries).
package func replayed(_ reader: LedgerReader) throws -> State {
    var progress = Progress("replaying")
    defer { progress.clear() }
    var state = State()
    var fold = EntryFold()
    while state.entryCount < reader.reflects {
        let run = try reader.entries(from: state.entryCount, limit: 10_000)
        guard !run.isEmpty else {
            throw Failure(.unusable, "entry \(state.entryCount) is not in the log")
        }
        for entry in run { try fold.apply(entry, to: &state) }
        progress.show(state.entryCount, of: reader.reflects)
    }
    return state
}

/// Applies entries of a log to a state, one after the other.
private struct EntryFold {
    private var links = ContiguousArray<EntryLink>()

    /// - Throws: `Failure` when the entry cannot follow those before it.
    mutating func apply(_ entry: LedgerEntry, to state: inout State) throws {
        let point = entry.point
        let events = entry.outcome.events
        do {
            try state.check(entry.command, by: entry.actor, at: point)
            for event in events {
                try state.check(event)
                state.evolve(event, at: point)
            }
        } catch {
            throw Failure(.stopped, "entry \(entry.position) cannot be replayed: \(error.reason)")
        }
        links.removeAll(keepingCapacity: true)
        state.finishEntry(
            entry.command, rejected: entry.outcome.rejection != nil, events: events, at: point,
            links: &links)
    }
}
