// An entry held against the rules: its command judged once more, on the state before it.
//
// Invariant: nothing here is a rule of its own. An outcome is what `decide` gives; when and as whom
// the engine writes an entry by itself is what its writer does. Only what a log can show is
// asked: an auction may be held open after its end, which the log does not say, and while it is
// neither a bid on it nor its purchase nor a request to close it is taken. So one of those that
// stands behind the end of its own auction is no work of the engine; any other entry may be, and
// so may the closing of an auction that ended later than one which is held.

/// What the rules give for a recorded entry that says something else.
public enum Ruling: Hashable, Sendable {
    case outcome(Outcome)
    /// The engine would not have closed the auction yet; nil where time does not end it.
    case notDue(closesAt: Timestamp?)
    /// There is nothing to close: the auction was finished at that position.
    case finished(position: UInt64)
    /// The engine would have closed the command's own auction before it judged the command, or,
    /// with the auction held, have refused the command.
    case closingDue(AuctionHandle, closesAt: Timestamp)
    /// The engine would not have moved the end for such an outage.
    case noOutage(OutageObjection)
    /// The engine would have given the closing this time: the end, or the time of the entry
    /// before where that is later.
    case otherTime(Timestamp)
    /// The ledger had this epoch before the entry, so it does not open that one.
    case otherEpoch(UInt32)
    /// What the engine does by itself nobody else does, and it does nothing else.
    case otherActor
    /// The engine would have refused the command, and so written no entry.
    case refused(Refusal)
}

extension State {
    /// Holds the next entry of a log whose state this is against the rules.
    /// - Parameters:
    ///   - rejection: as recorded; nil where the command was accepted.
    ///   - recorded: the events as recorded.
    ///   - events: room for what the rules give; its contents mean nothing.
    /// - Returns: nil where the entry is what the rules give.
    /// - Precondition: `check(_:by:at:)` lets the entry stand here.
    /// - Complexity: as `decide`.
    public func ruling(
        on command: CanonicalCommand, by actor: CanonicalActor, rejection: Rejection?,
        events recorded: EventList, at time: Timestamp, using events: inout EventList
    ) -> Ruling? {
        if let ruling = ruling(onTimeOf: command, by: actor, at: time) { return ruling }
        events.removeAll(keepingCapacity: true)
        do {
            try decide(command, by: actor, at: time, into: &events)
            let isSame = rejection == nil && recorded == events
            return isSame ? nil : .outcome(.accepted(events))
        } catch {
            return rejection == error ? nil : .outcome(.rejected(error))
        }
    }

    /// Asks what is settled before any rule: who writes such an entry, and what is due.
    /// - Returns: nil where nothing stands against it.
    @inline(__always)
    package func ruling(
        onTimeOf command: CanonicalCommand, by actor: CanonicalActor, at time: Timestamp
    ) -> Ruling? {
        guard let act = command.engineAct else {
            if actor == .system { return .otherActor }
            return command.auctionAskedAtItsTime.flatMap { rulingOnDue($0, at: time) }
        }
        guard actor == .system else { return .otherActor }
        switch act {
        case .creates, .rotates, .restores: return nil
        case .opens(let next, _): return next == epoch &+ 1 ? nil : .otherEpoch(epoch)
        case .closes(let auction): return ruling(onClosing: auction, at: time)
        case .extends(let auction, let since, let until):
            return outageObjection(auction, since: since, until: until, at: time)
                .map { .noOutage($0) }
        }
    }

    /// Whether an auction had to be closed before a bid on it, its purchase or a request to close
    /// it.
    @inline(__always)
    package func rulingOnDue(_ auction: AuctionHandle, at time: Timestamp) -> Ruling? {
        let record = auctions[auction.index]
        guard record.phase == .open, record.closesAt <= time else { return nil }
        return .closingDue(auction, closesAt: record.closesAt)
    }

    private func ruling(
        onClosing auction: AuctionHandle, at time: Timestamp
    ) -> Ruling? {
        let record = self[auction]
        guard record.phase == .open else { return .finished(position: record.closedPosition) }
        let end = record.closesAt
        guard end <= time else { return .notDue(closesAt: end == .noEnd ? nil : end) }
        let expected = max(self.time, end)
        return time == expected ? nil : .otherTime(expected)
    }
}
