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
        self.step(step, names: names) { object in
            object.name("rejection")
            if let rejection = step.rejection {
                object.rejection(rejection)
            } else {
                object.null()
            }
        }
    }

    /// Writes a step as anyone may see it: as `step(_:names:)` does, without a `rejection`, and
    /// with a `price_reason` that says no more than the price.
    public mutating func publicStep(_ step: PublicStep, names: some Names) {
        self.step(step, names: names) { _ in }
    }

    /// - Parameter more: writes the fields that stand behind the bid.
    private mutating func step(
        _ step: some ToldStep, names: some Names, _ more: (inout JSONWriter) -> Void
    ) {
        object { object in
            object.field("position", step.point.position)
            object.field("time", step.point.time)
            object.field("by", actorName(step.actor, names: names))
            object.field("bidder", step.bidder.map { names.id(of: $0) })
            object.field("amount", step.amount)
            more(&object)
            object.name("what")
            object.array { array in
                for fact in step.facts { array.fact(fact, names: names) }
            }
            object.field("price", step.price)
            object.field("price_reason", step.priceReasonName)
            object.field("leader", step.leader.map { names.id(of: $0) })
            object.field("reserve_met", step.isReserveMet)
            object.field("closes_at", step.closesAt)
        }
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

/// What a step and its public view have in common.
private protocol ToldStep {
    var point: EntryPoint { get }
    var actor: CanonicalActor { get }
    var bidder: UserHandle? { get }
    var amount: Money? { get }
    var facts: [AuctionFact] { get }
    var price: Money? { get }
    var priceReasonName: String? { get }
    var leader: UserHandle? { get }
    var isReserveMet: Bool? { get }
    var closesAt: Timestamp? { get }
}

extension AuctionStep: ToldStep {
    fileprivate var priceReasonName: String? { priceReason?.rawValue }
}

extension PublicStep: ToldStep {
    fileprivate var priceReasonName: String? { priceReason?.rawValue }
}

/// Who acted, in a word; who registers herself stands in no auction's story.
public func actorName(_ actor: CanonicalActor, names: some Names) -> String {
    switch actor {
    case .system: "system"
    case .operator: "operator"
    case .payment: "payment"
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
