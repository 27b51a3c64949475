// Receipts and entries as lines of JSON.
//
// Invariants: `id`, `status`, `position`, `time` and `replayed` always stand, null where there is
// none; of `events`, `rejection` and `refusal` only the one that applies stands, so that its
// presence can be asked for and nothing has to be read past.

public import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes a receipt as one object:
    ///
    ///     {"line":7,"id":"…","status":"accepted","position":12,"time":"…","replayed":false,
    ///      "events":[…]}
    ///
    /// - Parameters:
    ///   - line: the number of the line of input that is answered, from 1; nil leaves it out.
    ///   - id: the command's id; nil where the line was too malformed to have one.
    ///   - events: the events at the receipt's position; nil leaves them out of an accepted
    ///     receipt. Not looked at otherwise.
    ///   - reason: what was wrong, for a refusal that has more to say than its code.
    public mutating func receipt(
        _ receipt: Receipt, line: Int? = nil, id: CommandID?, events: EventList?,
        names: some Names, reason: String? = nil
    ) {
        object { object in
            if let line { object.field("line", line) }
            object.header(
                id: id, status: receipt.status, position: receipt.position, time: receipt.time,
                isReplay: receipt.isReplay)
            switch receipt.status {
            case .accepted:
                guard let events else { break }
                object.name("events")
                object.events(events, names: names)
            case .rejected:
                guard let rejection = receipt.rejection else { break }
                object.name("rejection")
                object.rejection(rejection)
            case .refused:
                guard let refusal = receipt.refusal else { break }
                object.name("refusal")
                object.refusal(refusal, reason: reason, clocks: receipt.clocks)
            }
        }
    }

    /// Writes the receipt of a line that is no command: the refusal `malformed` with its reason.
    public mutating func receipt(malformed error: CommandError, line: Int? = nil) {
        object { object in
            if let line { object.field("line", line) }
            object.header(id: nil, status: .refused, position: nil, time: nil, isReplay: false)
            object.name("refusal")
            object.refusal(.malformed, reason: error.description)
        }
    }

    /// Writes an entry of the log: the fields of its receipt, `by` and `command`. `replayed` is
    /// always false here; it stands so that one reader serves both kinds of line.
    public mutating func entry(_ entry: LedgerEntry, names: some Names) {
        object { object in
            object.header(
                id: entry.commandID, status: entry.status, position: entry.position,
                time: entry.time, isReplay: false)
            object.name("by")
            object.actor(of: entry, names: names)
            object.name("command")
            object.command(entry.command, names: names)
            switch entry.outcome {
            case .accepted(let events):
                object.name("events")
                object.events(events, names: names)
            case .rejected(let rejection):
                object.name("rejection")
                object.rejection(rejection)
            }
        }
    }

    /// Writes a rejection: its code, its stable number, and the limit where it has one.
    public mutating func rejection(_ rejection: Rejection) {
        object { object in
            object.field("code", rejection.code.name)
            object.field("number", rejection.code.rawValue)
            if let limitName = rejection.code.limitName {
                object.field(limitName, rejection.limit)
            }
        }
    }

    /// Writes a refusal: its code, its stable number, the reason where one is given, and both
    /// clocks where a time is why.
    public mutating func refusal(
        _ refusal: Refusal, reason: String? = nil,
        clocks: (id: Timestamp, ledger: Timestamp)? = nil
    ) {
        object { object in
            object.field("code", refusal.name)
            object.field("number", refusal.rawValue)
            if let reason { object.field("reason", reason) }
            if let clocks { object.clocks(clocks) }
        }
    }

    /// Writes the fields of the clocks that speak against each other.
    public mutating func clocks(_ clocks: (id: Timestamp, ledger: Timestamp)) {
        field("id_time", clocks.id)
        field("ledger_time", clocks.ledger)
    }

    private mutating func header(
        id: CommandID?, status: Receipt.Status, position: UInt64?, time: Timestamp?,
        isReplay: Bool
    ) {
        field("id", id?.description)
        field("status", status.name)
        field("position", position)
        field("time", time)
        field("replayed", isReplay)
    }
}

extension LedgerEntry {
    /// What the entry's receipt says; an entry is never `refused`.
    var status: Receipt.Status { outcome.rejection == nil ? .accepted : .rejected }
}
