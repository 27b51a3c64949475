// When the core closes auctions: at their end, after an outage by their rules, or when an operator
// says so.

internal import AuctionDomain

extension EngineCore {
    // MARK: Outages

    /// Takes note of an outage. Auctions whose end lies in it wait for an operator, unless it is
    /// short by their rules, or those say what becomes of them.
    mutating func note(_ found: Outage) {
        var whole = found
        if let outage {
            whole.since = min(outage.since, found.since)
            whole.until = max(outage.until, found.until)
        }
        outage = whole
        isOutageConfirmed = false
        firstUnheld = .first
        var held = 0
        var moved = 0
        state.sortDeadlines()
        state.deadlines.forEach(from: .first) { key in
            guard key.end <= whole.until else { return false }
            switch treatment(of: key.auction) {
            case .close: break
            case .wait: held += 1
            case .move: moved += 1
            }
            return true
        }
        if held + moved == 0 {
            endOutage(whole)
        } else {
            notices.append(.outage(whole, held: held, moved: moved))
        }
    }

    /// Nobody waits any more, once what was decided until now is durable.
    mutating func endOutage(_ ended: Outage) {
        endedOutage = (min(ended.since, endedOutage?.since ?? ended.since), state.entryCount)
        outage = nil
    }

    /// What becomes of an auction whose end has come.
    enum Treatment {
        case close
        /// It waits for an operator.
        case wait
        /// It gets a later end by its rules.
        case move
    }

    /// What becomes of an auction: an end within an outage that is long by its rules does not close
    /// it. One that is closed already waits for nothing.
    func treatment(of auction: AuctionHandle) -> Treatment {
        guard let outage, state[auction].phase == .open else { return .close }
        let end = state[auction].closesAt
        guard end > outage.since, end <= outage.until,
            outage.nanoseconds > state.outageLimit(of: auction)
        else { return .close }
        if state.outageMove(of: auction) != nil { return .move }
        return isOutageConfirmed ? .close : .wait
    }

    /// Whether neither bids are taken on an auction nor requests to close it, since its end came in
    /// an outage.
    func isHeld(_ auction: AuctionHandle) -> Bool { treatment(of: auction) != .close }

    // MARK: Closing

    @inline(__always)
    mutating func closeDue(at trusted: Timestamp) throws(Stop) {
        guard let next = state.nextDeadline, next <= trusted, !holdsClosings else { return }
        try closeEachDue(at: trusted)
    }

    mutating func closeDueByTime() throws(Stop) {
        guard settings.closesByTime else { return }
        see(boot)
        try closeDue(at: time.at(boot: boot))
    }

    /// Closes every auction whose end has come, as entries of the engine's own in order of (end,
    /// opening). An entry's time is the end it was due: a timer's jitter is nobody's business.
    mutating func closeEachDue(at trusted: Timestamp) throws(Stop) {
        while let auction = nextDue(at: trusted) {
            if frame.isFull { throw .frameIsFull }
            if let outage, treatment(of: auction) == .move {
                // Until now nobody could bid on it: the new end comes that long after now.
                let until = max(outage.until, trusted)
                try writeOwn(
                    .extendOutage(auction: auction, since: outage.since, until: until),
                    at: max(state.time, until))
            } else {
                try writeOwn(.closeDue(auction), at: max(state.time, state[auction].closesAt))
            }
        }
    }

    /// The next auction that is due and does not wait for an operator.
    mutating func nextDue(at trusted: Timestamp) -> AuctionHandle? {
        guard let outage else { return state.nextDue(at: trusted) }
        state.sortDeadlines()
        guard let first = state.nextDeadline, first <= outage.until else {
            endOutage(outage)
            return state.nextDue(at: trusted)
        }
        var found: AuctionHandle?
        var start = firstUnheld
        state.deadlines.forEach(from: start) { key in
            guard key.end <= trusted else { return false }
            if treatment(of: key.auction) == .wait {
                start = key.next
                return true
            }
            found = key.auction
            return false
        }
        firstUnheld = start
        return found
    }
}
