// How the core judges one command: names, ids seen before, capacity, the rules; and how what was
// decided is written.

internal import AuctionDomain

extension EngineCore {
    /// With fewer users their names lie in the cache anyhow.
    private static let lookAheadUsersMin = 1 << 14

    // MARK: Submissions

    typealias BidHandles = (
        auction: AuctionHandle, bidder: UserHandle, actor: CanonicalActor
    )

    /// Looks up the names of bids and touches what they will read, all before the first is judged.
    func lookUp(_ submissions: ArraySlice<Submission>) -> BidLookUps {
        guard settings.shortcuts.contains(.flatBids) else { return BidLookUps() }
        let looksAhead = settings.shortcuts.contains(.lookAhead)
        let touches = looksAhead && state.userCount >= Self.lookAheadUsersMin
        let first = submissions.startIndex
        return state.lookUp(submissions.count, touches: touches) { place in
            guard case .placeBid(let auction, let bidder, _) = submissions[first + place].command
            else { return nil }
            return (bidder, auction)
        }
    }

    /// Who bids where, for a bid that comes alone.
    func handles(of submission: Submission) -> BidHandles? {
        guard settings.shortcuts.contains(.flatBids),
            case .placeBid(let auction, let bidder, _) = submission.command,
            let user = state.user(bidder), let lot = state.auction(auction)
        else { return nil }
        return handles((lot, user), of: submission)
    }

    /// Adds who acts to who bids where.
    /// - Returns: nil where it is no bid, a name is not there, or the actor needs a look-up of its
    ///   own: `submitOther` then does everything.
    @inline(__always)
    func handles(
        _ found: (auction: AuctionHandle, bidder: UserHandle)?, of submission: Submission
    ) -> BidHandles? {
        guard let (auction, bidder) = found else { return nil }
        switch submission.actor {
        case .operator: return (auction, bidder, .operator)
        case .user(let id):
            guard case .placeBid(_, id, _) = submission.command else { return nil }
            return (auction, bidder, .user(bidder))
        case .payment: return nil
        }
    }

    /// Judges one submission, whose time no auction's end stands before any more.
    /// - Parameter handles: of a bid, where they were found.
    @inline(__always)
    mutating func submit(
        _ submission: Submission, _ handles: BidHandles?, at time: Timestamp
    ) throws(Stop) -> Receipt {
        if let handles, case .placeBid(_, _, let amount) = submission.command, amount >= 1,
            let receipt = try submitBid(handles, amount, id: submission.id, at: time)
        {
            return receipt
        }
        return try submitOther(submission, at: time)
    }

    /// Judges a new bid whose names were found.
    ///
    /// What it writes is not held against the reader's check: a test shows that an accepted bid
    /// always passes it.
    /// - Returns: nil where anything else is the matter: `submitOther` then does all of it.
    @inline(__always)
    mutating func submitBid(
        _ handles: BidHandles, _ amount: Money, id: CommandID, at time: Timestamp
    ) throws(Stop) -> Receipt? {
        guard window.refusal(of: id, at: time) == nil,
            window.position(of: id, { _ in true }) == nil,
            !isStorageLow, !holdsClosings, outage == nil
        else { return nil }
        let point = EntryPoint(position: state.entryCount, time: time)
        events.removeAll(keepingCapacity: true)
        let bid: AcceptedBid
        do {
            guard
                let decided = try state.decideBid(
                    handles.auction, handles.bidder, amount, by: handles.actor, at: time,
                    purchase: &events)
            else { return nil }
            bid = decided
        } catch {
            let command = CanonicalCommand.placeBid(
                auction: handles.auction, bidder: handles.bidder, amount: amount)
            events.removeAll(keepingCapacity: true)
            try write(command, id: id, by: handles.actor, at: time, rejection: error)
            window.insert(id, at: point.position)
            return Receipt(rejectedAt: point.position, time: time, error)
        }
        let links = state.evolve(bid, at: point)
        frame.append(
            bid, id: id, actor: handles.actor, at: point, links: links,
            salt: salts.ofCommand(at: point.position))
        window.insert(id, at: point.position)
        return Receipt(acceptedAt: point.position, time: time)
    }

    mutating func submitOther(
        _ submission: Submission, at time: Timestamp
    ) throws(Stop) -> Receipt {
        do {
            try refuseByShape(submission, at: time)
        } catch { return Receipt(refused: error, id: submission.id, at: time) }
        let resolved = resolve(submission)
        if let position = try position(of: submission.id) {
            return repeated(resolved, at: position)
        }
        switch resolved {
        case .failure(let refusal): return Receipt(refused: refusal)
        case .success(let (command, actor)):
            if let refusal = refusalByCapacity(command) { return Receipt(refused: refusal) }
            return try decide(command, id: submission.id, by: actor, at: time)
        }
    }

    typealias Resolved = Result<(command: CanonicalCommand, actor: CanonicalActor), Refusal>

    func refuseByShape(_ submission: Submission, at time: Timestamp) throws(Refusal) {
        do { try submission.command.validate() } catch { throw .malformed }
        if let refusal = window.refusal(of: submission.id, at: time) { throw refusal }
    }

    func resolve(_ submission: Submission) -> Resolved {
        do {
            let actor = try state.resolve(submission.actor, of: submission.command)
            return .success((try state.resolve(submission.command), actor))
        } catch {
            return .failure(error)
        }
    }

    func refusalByCapacity(_ command: CanonicalCommand) -> Refusal? {
        if isStorageLow, command.bid != nil || command.isOpening { return .storageLow }
        guard let auction = command.auctionAskedAtItsTime else { return nil }
        return holdsClosings || isHeld(auction) ? .closingHeld : nil
    }

    mutating func decide(
        _ command: CanonicalCommand, id: CommandID, by actor: CanonicalActor, at time: Timestamp
    ) throws(Stop) -> Receipt {
        let position = state.entryCount
        events.removeAll(keepingCapacity: true)
        var rejection: Rejection?
        do {
            try state.decide(command, by: actor, at: time, into: &events)
        } catch { rejection = error }
        try write(command, id: id, by: actor, at: time, rejection: rejection)
        window.insert(id, at: position)
        return rejection.map { Receipt(rejectedAt: position, time: time, $0) }
            ?? Receipt(acceptedAt: position, time: time)
    }

    // MARK: The engine's own commands

    mutating func rotate(
        _ rotation: KeyRotation, at time: Timestamp
    ) throws(Stop) -> CoreAnswer.Content {
        // Somebody may have changed the key since whoever asks looked at it.
        if settings.checksEntries {
            do { try state.check(.keyRotated(rotation)) } catch {
                return .refused(LedgerError(.keyMismatch, error.reason))
            }
        }
        try writeOwn(.rotateKey(rotation), at: time)
        return .done
    }

    /// Decides and writes a command of the engine's own.
    /// - Throws: `Stop.impossible` where it cannot stand.
    mutating func writeOwn(
        _ command: CanonicalCommand, at time: Timestamp
    ) throws(Stop) {
        events.removeAll(keepingCapacity: true)
        do {
            try state.decide(command, by: .system, at: time, into: &events)
        } catch {
            throw .impossible("the engine's own command was rejected: \(error)")
        }
        try write(command, id: .none, by: .system, at: time, rejection: nil)
    }

    /// Evolves the state by `events` and encodes the entry, after the same checks that the reader
    /// of the log makes.
    /// - Throws: `Stop.impossible` where the reader would refuse it; the state is of no use then.
    mutating func write(
        _ command: CanonicalCommand, id: CommandID, by actor: CanonicalActor, at time: Timestamp,
        rejection: Rejection?
    ) throws(Stop) {
        let point = EntryPoint(position: state.entryCount, time: time)
        do {
            if settings.checksEntries { try state.check(command, by: actor, at: point) }
            for event in events {
                if settings.checksEntries { try state.check(event) }
                state.evolve(event, at: point)
            }
            if settings.checksEntries, let auction = command.auction {
                try state.checkConsistency(of: auction)
            }
        } catch {
            throw .impossible(
                "entry \(point.position) would be refused by every reader: \(error.reason)")
        }
        links.removeAll(keepingCapacity: true)
        state.finishEntry(
            command, rejected: rejection != nil, events: events, at: point, links: &links)
        let salt =
            id == .none ? salts.ofEngine(at: point.position) : salts.ofCommand(at: point.position)
        frame.append(
            command, id: id, actor: actor, at: point, rejection: rejection, events: events,
            links: links, salt: salt)
        if rejection == nil, events.contains(where: { $0.end != nil }) { frame.holdsClosing = true }
    }
}

// MARK: - Repeated commands

extension EngineCore {
    /// Where an id is in the log; nil where it is new.
    private mutating func position(of id: CommandID) throws(Stop) -> UInt64? {
        var first = DecodedEntry()
        swap(&first, &decoded)
        defer { swap(&first, &decoded) }
        return try window.position(of: id) { position throws(Stop) in
            try read(&first, at: position)
            return first.id == id
        }
    }

    /// The first receipt again, or a refusal where the content is another. `decoded` is that entry.
    private func repeated(_ resolved: Resolved, at position: UInt64) -> Receipt {
        // What cannot be resolved now was never taken before: names stay registered for ever.
        guard case .success(let repeated) = resolved, repeated.command == decoded.command,
            repeated.actor == decoded.actor
        else { return Receipt(refused: .commandIDReused) }
        return decoded.receipt(isReplay: true)
    }

    /// Reads an entry that is in the open frame, in a recent one, or was supplied.
    private mutating func read(_ entry: inout DecodedEntry, at position: UInt64) throws(Stop) {
        do {
            if position >= frame.firstPosition {
                return try frame.withEntry(at: position) { try entry.decode($0, in: $1) }
            }
            if let frame = recent.frame(with: position) {
                return try frame.withEntry(at: position) { try entry.decode($0, in: $1) }
            }
        } catch {
            throw .impossible("an entry of an open frame cannot be read: \(error)")
        }
        guard let supplied, supplied.position == position else { throw .needs(position: position) }
        guard let first = supplied.entry else {
            throw .impossible("entry \(position) is not in the log")
        }
        entry = first
    }
}
