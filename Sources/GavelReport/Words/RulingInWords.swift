// What the rules give where an entry says otherwise, in words and as JSON: for deciding again,
// verification, explanations and pages alike.

package import Gavel
package import GavelJSON

/// An outcome by the names of its rejection or events.
package func describeOutcome(_ outcome: Outcome, in currency: Currency?) -> String {
    outcome.rejection.map { describeRejection($0, in: currency) }
        ?? outcome.events.map(\.name).joined(separator: " ")
}

/// What the rules give, without a full stop.
package func describeRuling(_ ruling: Ruling, in currency: Currency?, _ names: some Names) -> String
{
    switch ruling {
    case .outcome(let outcome): describeOutcome(outcome, in: currency)
    case .notDue(let closesAt):
        closesAt.map { "not yet: it ends at \($0.rfc3339)" } ?? "not at all: time does not end it"
    case .finished(let position): "nothing: it was finished at position \(position)"
    case .closingDue(let auction, let closesAt):
        "\(names.id(of: auction)) would close first, which ended at \(closesAt.rfc3339)"
    case .noOutage(let objection): describeObjection(objection)
    case .otherTime(let time): "it would close with the time \(time.rfc3339)"
    case .otherEpoch(let epoch): "epoch \(epoch) is followed by \(epoch &+ 1)"
    case .otherActor: "what the engine does by itself nobody else does, and it does nothing else"
    case .refused(let refusal): "no entry: such a command is refused, \(refusal.name)"
    }
}

/// Why the engine would not have moved an end for an outage, without a full stop.
private func describeObjection(_ objection: OutageObjection) -> String {
    switch objection {
    case .finished(let position): "nothing: it was finished at position \(position)"
    case .movesNothing: "nothing: the auction's rules move no end for an outage"
    case .tooShort(let limit):
        "nothing: the outage was not longer than \(limit / 1_000_000) ms, which its rules let pass"
    case .endOutside(let closesAt):
        "nothing: "
            + (closesAt.map { "it ends at \($0.rfc3339), outside of the outage" }
                ?? "time does not end it")
    case .notOver: "nothing yet: the outage was not over"
    }
}

extension OutageObjection {
    /// The objection in JSON.
    fileprivate var jsonName: String {
        switch self {
        case .finished: "finished"
        case .movesNothing: "moves_nothing"
        case .tooShort: "too_short"
        case .endOutside: "end_outside"
        case .notOver: "not_over"
        }
    }
}

extension JSONWriter {
    /// Writes what the rules give as fields.
    package mutating func ruling(_ ruling: Ruling, names: some Names) {
        switch ruling {
        case .outcome(let outcome): self.outcome(outcome, names: names)
        case .notDue(let closesAt):
            field("status", "not_due")
            field("closes_at", closesAt)
        case .finished(let position):
            field("status", "finished")
            field("position", position)
        case .closingDue(let auction, let closesAt):
            field("status", "closing_due")
            field("auction", names.id(of: auction))
            field("closes_at", closesAt)
        case .noOutage(let objection):
            field("status", "no_outage")
            field("why", objection.jsonName)
        case .otherTime(let time):
            field("status", "other_time")
            field("time", time)
        case .otherEpoch(let epoch):
            field("status", "other_epoch")
            field("epoch", epoch)
        case .otherActor: field("status", "other_actor")
        case .refused(let refusal):
            field("status", "refused")
            field("code", refusal.name)
        }
    }

    /// Writes an outcome as fields.
    package mutating func outcome(_ outcome: Outcome, names: some Names) {
        switch outcome {
        case .accepted(let events):
            field("status", "accepted")
            name("events")
            self.events(events, names: names)
        case .rejected(let rejection):
            field("status", "rejected")
            name("rejection")
            self.rejection(rejection)
        }
    }

    /// Writes the first entry that the rules do not give; null where there is none.
    package mutating func contradiction(_ contradiction: Contradiction?) {
        guard let contradiction else { return null() }
        let (found, names) = (contradiction.redecision, contradiction.names)
        object { object in
            object.field("position", found.recorded.position)
            object.name("recorded")
            object.object { $0.outcome(found.recorded.outcome, names: names) }
            object.name("expected")
            object.object { $0.ruling(found.ruling, names: names) }
        }
    }
}
