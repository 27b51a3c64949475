// The steps of an auction's story as JSON. Shapes are constant: what a step does not have is null.

public import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes a step:
    ///
    ///     {"position":12,"time":"…","by":"alice","bidder":"alice","amount":500,"rejection":null,
    ///      "what":[{"fact":"leads","over":"bob"}],"price":410,
    ///      "price_reason":"step_above_former_maximum","leader":"alice","reserve_met":null,
    ///      "closes_at":"…"}
    public mutating func step(_ step: AuctionStep, names: some Names) {
        object { object in
            object.begin(
                step.point, by: step.actor, bidder: step.bidder, step.amount, names: names)
            object.name("rejection")
            if let rejection = step.rejection {
                object.rejection(rejection)
            } else {
                object.null()
            }
            object.end(
                step.facts, price: step.price, because: step.priceReason?.rawValue,
                leader: step.leader, step.isReserveMet, closesAt: step.closesAt, names: names)
        }
    }

    /// Writes a step as anyone may see it: as `step(_:names:)` does, without a `rejection`, and
    /// with a `price_reason` that says no more than the price.
    public mutating func publicStep(_ step: PublicStep, names: some Names) {
        object { object in
            object.begin(
                step.point, by: step.actor, bidder: step.bidder, step.amount, names: names)
            object.end(
                step.facts, price: step.price, because: step.priceReason?.rawValue,
                leader: step.leader, step.isReserveMet, closesAt: step.closesAt, names: names)
        }
    }

    /// Writes what a step says of its command.
    private mutating func begin(
        _ point: EntryPoint, by actor: CanonicalActor, bidder: UserHandle?, _ amount: Money?,
        names: some Names
    ) {
        field("position", point.position)
        field("time", point.time)
        field("by", actorName(actor, names: names))
        field("bidder", bidder.map { names.id(of: $0) })
        field("amount", amount)
    }

    /// Writes what a step did, and how the auction stands after it.
    private mutating func end(
        _ facts: [AuctionFact], price: Money?, because reason: String?, leader: UserHandle?,
        _ isReserveMet: Bool?, closesAt: Timestamp?, names: some Names
    ) {
        name("what")
        array { array in
            for fact in facts { array.fact(fact, names: names) }
        }
        field("price", price)
        field("price_reason", reason)
        field("leader", leader.map { names.id(of: $0) })
        field("reserve_met", isReserveMet)
        field("closes_at", closesAt)
    }

    /// Writes an accepted bid as anyone may see it:
    ///
    ///     {"position":12,"time":"…","bidder":"alice","amount":null,"kind":"leads","price":1500}
    public mutating func publicBid(_ bid: PublicBid, names: some Names) {
        object { object in
            object.field("position", bid.point.position)
            object.field("time", bid.point.time)
            object.field("bidder", names.id(of: bid.bidder))
            object.field("amount", bid.amount)
            object.field("kind", bid.kind.rawValue)
            object.field("price", bid.price)
        }
    }

    private mutating func fact(_ fact: AuctionFact, names: some Names) {
        object { object in
            object.field("fact", fact.jsonName)
            switch fact {
            case .opened(let opensAt, let closesAt):
                object.field("opens_at", opensAt)
                object.field("closes_at", closesAt)
            case .leads(let former):
                object.field("over", former.map { names.id(of: $0) })
            case .absorbed(let leader):
                object.field("by", names.id(of: leader))
            case .extended(let closesAt, let reason):
                object.field("closes_at", closesAt)
                object.field("reason", reason.jsonName)
            case .sold(let winner, let paid):
                object.field("winner", names.id(of: winner))
                object.field("paid", paid)
            case .closed(let outcome):
                object.field("outcome", outcome.jsonName)
            case .closeConfirmed(let position, let outcome):
                object.field("position", position)
                object.field("outcome", outcome.jsonName)
            case .cancelled(let reason):
                object.field("reason", reason)
            case .raised, .boughtNow: break
            }
        }
    }
}

/// Who acted, in a word; who registers herself stands in no auction's story.
public func actorName(_ actor: CanonicalActor, names: some Names) -> String {
    switch actor {
    case .system: "system"
    case .operator: "operator"
    case .payment: "payment"
    case .registrant: "?"
    case .user(let user): names.id(of: user).string
    }
}

extension AuctionFact {
    /// The fact in JSON.
    public var jsonName: String {
        switch self {
        case .opened: "opened"
        case .leads: "leads"
        case .raised: "raised"
        case .absorbed: "absorbed"
        case .boughtNow: "bought_now"
        case .extended: "extended"
        case .sold: "sold"
        case .closed: "closed"
        case .closeConfirmed: "close_confirmed"
        case .cancelled: "cancelled"
        }
    }
}
