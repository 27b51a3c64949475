// The story of one auction: each entry about it as a step, with the reason for every change of
// the price. It tells everything: what anyone may read of it is `PublicStep`.
//
// Invariant: a step follows from the entries up to its own, from the opening on, and from nothing
// else.

/// Why the price is what it is.
public enum PriceReason: String, Hashable, Sendable, CaseIterable {
    /// The first maximum leads at the opening price.
    case openingPrice = "opening_price"
    /// Without proxy bidding the price is the bid.
    case bid
    /// A challenger leads one step above the former leader's maximum.
    case stepAboveFormerMaximum = "step_above_former_maximum"
    /// One step above the former maximum would be more than the challenger offered.
    case ownMaximum = "own_maximum"
    /// The leader stays ahead, one step above a bid that was absorbed.
    case stepAboveAbsorbedBid = "step_above_absorbed_bid"
    /// One step above an absorbed bid would be more than the leader offered.
    case leaderMaximum = "leader_maximum"
    /// A maximum has reached the reserve.
    case reserve
    case buyNow = "buy_now"
}

/// What an entry did to an auction.
public enum AuctionFact: Hashable, Sendable {
    case opened(opensAt: Timestamp, closesAt: Timestamp?)
    /// The bidder leads now.
    case leads(over: UserHandle?)
    /// The leader raised the own maximum, or without proxy bidding the own bid.
    case raised
    /// The leader's maximum was not passed.
    case absorbed(by: UserHandle)
    case boughtNow
    case extended(closesAt: Timestamp, reason: ExtensionReason)
    /// `paid` is the hammer price and the buyer's premium.
    case sold(to: UserHandle, paid: Money)
    /// Without a sale.
    case closed(AuctionOutcome)
    case closeConfirmed(position: UInt64, outcome: AuctionOutcome)
    case cancelled(reason: String)
}

/// One entry about an auction.
public struct AuctionStep: Hashable, Sendable {
    public var point: EntryPoint
    public var actor: CanonicalActor
    /// Who bid or bought.
    public var bidder: UserHandle?
    /// What was bid: with proxy bidding a maximum.
    public var amount: Money?
    /// Why nothing happened.
    public var rejection: Rejection?
    /// What happened, in order.
    public var facts: [AuctionFact]
    /// Why the price changed; nil where it did not.
    public var priceReason: PriceReason?
    /// The price after the entry; nil before the first bid.
    public var price: Money?
    /// Who leads, or won, after the entry.
    public var leader: UserHandle?
    /// Whether the price has reached the reserve; nil where there is none.
    public var isReserveMet: Bool?
    /// When it ends, as of the entry; nil where time does not end it.
    public var closesAt: Timestamp?
    /// Whether a bid is a maximum in this auction.
    public var proxy: Bool
    /// Whether anyone may see at once what was bid.
    public var showsAmount: Bool

    /// What anyone may see: nothing of a rejected command, and of a proxy bid that it was made.
    public var publicView: PublicStep? { PublicStep(self) }
}

/// Turns the entries about one auction, in order from its opening, into steps.
public struct AuctionSteps: Sendable {
    private(set) var rules = AuctionRules()
    private(set) var price: Money?
    private(set) var maximum = Money.zero
    private(set) var leader: UserHandle?
    private var closesAt: Timestamp?

    public init() {}

    /// Goes on with an auction from where a state has it.
    public init(resuming auction: AuctionHandle, in state: State) {
        let record = state[auction]
        rules = state.rules(of: auction)
        closesAt = record.endsAt
        guard record.leader != .none else { return }
        (price, maximum, leader) = (record.price, record.maximum, record.leader)
    }

    /// Goes on with an auction from what its story has come to.
    /// - Parameters:
    ///   - rules: those it was opened with.
    ///   - maximum: what the leader's last bid offered.
    package init(
        rules: AuctionRules, price: Money?, leader: UserHandle?, maximum: Money,
        closesAt: Timestamp?
    ) {
        (self.rules, self.price, self.leader) = (rules, price, leader)
        (self.maximum, self.closesAt) = (maximum, closesAt)
    }

    /// The step of the next entry.
    public mutating func next(
        _ command: CanonicalCommand, by actor: CanonicalActor, outcome: Outcome,
        at point: EntryPoint
    ) -> AuctionStep {
        var step = AuctionStep(
            point: point, actor: actor, bidder: nil, amount: nil, rejection: outcome.rejection,
            facts: [], priceReason: nil, price: nil, leader: nil, isReserveMet: nil,
            closesAt: nil, proxy: false, showsAmount: false)
        if let bid = command.bid { (step.bidder, step.amount) = (bid.bidder, bid.amount) }
        let before = price
        for event in outcome.events { apply(event, of: command, to: &step) }
        if price == before { step.priceReason = nil }
        step.price = price
        step.leader = leader
        step.isReserveMet = rules.reservePrice.map { price ?? .zero >= $0 }
        step.closesAt = closesAt
        step.proxy = rules.proxy
        step.showsAmount = rules.showsAmounts
        return step
    }

    private mutating func apply(
        _ event: Event, of command: CanonicalCommand, to step: inout AuctionStep
    ) {
        if let reason = rules.format.rules.priceReason(of: event, bid: step.amount, in: self) {
            step.priceReason = reason
        }
        switch event {
        case .auctionOpened(_, let opening, let opensAt):
            rules = opening.rules
            closesAt = opening.closesAt
            step.facts.append(.opened(opensAt: opensAt, closesAt: opening.closesAt))
        case .leadTaken(_, let bidder, let maximum, let price):
            step.facts.append(.leads(over: leader))
            (leader, self.maximum, self.price) = (bidder, maximum, price)
        case .maximumRaised(_, _, let maximum, let price):
            step.facts.append(.raised)
            (self.maximum, self.price) = (maximum, price)
        case .bidAbsorbed(_, _, let price):
            guard let leader else { break }
            step.facts.append(.absorbed(by: leader))
            self.price = price
        case .boughtNow(_, let buyer, let price):
            step.facts.append(.boughtNow)
            (leader, self.maximum, self.price) = (buyer, price, price)
        case .auctionExtended(_, let closesAt, let reason):
            step.facts.append(.extended(closesAt: closesAt, reason: reason))
            self.closesAt = closesAt
        case .settled(_, let winner, _, let amount, _):
            step.facts.append(.sold(to: winner, paid: amount))
        case .auctionClosed(_, let outcome, _, _):
            if outcome != .sold { step.facts.append(.closed(outcome)) }
        case .closeConfirmed(_, let position, let outcome):
            step.facts.append(.closeConfirmed(position: position, outcome: outcome))
        case .auctionCancelled:
            var reason = ""
            if case .cancelAuction(_, let given) = command { reason = given }
            step.facts.append(.cancelled(reason: reason))
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .charged,
            .withdrawn, .locked, .refunded:
            break
        }
    }
}
