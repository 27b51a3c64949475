// Pairs of histories that show the same and hide different things.
//
// The first is drawn as the model tests draw theirs; the second is the first with hidden things
// exchanged, one after the other, each kept only where the naive model says that anyone, and one
// signed-in stranger, still sees the same. The same seed gives the same pair on every machine.

import AuctionDomain
import GavelTesting

/// A hidden thing that can be exchanged.
enum HiddenThing: String, CaseIterable {
    /// What a bidder was ready to pay.
    case maximum
    /// A reserve that no close has revealed.
    case reserve
    /// A rejected bid: by whom, on which lot, how much, why.
    case rejectedBid
    /// Another rejected command about an auction.
    case rejectedCommand
    /// A payment: whose, how much, its reference.
    case payment
    /// When a hidden entry was made.
    case time
    /// A hidden entry of one kind for one of another.
    case kind
}

/// Two histories that show the same.
struct WorldPair: Sendable {
    let seed: UInt64
    private(set) var first: [WorkloadStep] = []
    private(set) var second: [WorkloadStep] = []
    /// Whom none of the differences concerns.
    let stranger: UserID = "user-3"
    /// What is different.
    private(set) var differences: [HiddenThing] = []
    /// Whether all auctions with an end come to it.
    private(set) var reachesEnd = false
    /// Whether hidden entries are of the same kinds, and accepted in both worlds or in neither:
    /// else the operations listener may differ.
    let hasSameKinds: Bool
    /// The names of all auctions that are opened, and of some that are not.
    private(set) var auctions: [AuctionID] = []

    private var moments: [PublicMoment] = []
    private var outcomes: [ModelOutcome] = []
    private var end: [AuctionFacts] = []
    private var generator: SeededGenerator

    /// So late that everything with an end has come to it.
    var endTime: Timestamp {
        Timestamp(nanoseconds: first.last!.time.nanoseconds + 86_400 * 1_000_000_000)
    }

    /// - Returns: nil where nothing hidden could be exchanged.
    init?(seed: UInt64) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        hasSameKinds = !generator.chance(perMille: 250)
        reachesEnd = generator.chance(perMille: 500)
        drawFirst()
        second = first
        judgeFirst()
        let things = HiddenThing.allCases.filter { $0 != .kind || !hasSameKinds }
        for _ in 0..<8 {
            let thing = generator.pick(things)
            guard let changed = exchange(thing), changed != second, showsTheSame(changed)
            else { continue }
            second = changed
            differences.append(thing)
        }
        if differences.isEmpty { return nil }
    }

    /// The times of the first history that have passed in both worlds when a step is over.
    func times(until step: Int) -> [Timestamp] {
        let now = min(first[step].time, second[step].time)
        return first.map(\.time).filter { $0 <= now }
    }

    // MARK: The first history

    private mutating func drawFirst() {
        var configuration = Workload.Configuration()
        configuration.openAuctions = 3
        configuration.weights.charge = 90
        configuration.weights.registerUser = 8
        configuration.weights.registerCurrency = 4
        configuration.faults = .withoutIDs
        configuration.faults.malformed = 0
        configuration.faults.unknownName = 4
        var workload = Workload(seed: generator.next(), configuration: configuration)
        let count = 20 + generator.below(40)
        first = (0..<count).map { _ in workload.nextStep() }
        auctions = workload.model.opened
    }

    private mutating func judgeFirst() {
        var transcript = PublicTranscript(stranger: stranger, tellsKinds: hasSameKinds)
        for step in first {
            moments.append(transcript.next(step))
            outcomes.append(transcript.outcome)
        }
        end = reachesEnd ? transcript.end(at: endTime) : []
    }

    /// Whether a history shows what the first one does.
    private func showsTheSame(_ steps: [WorkloadStep]) -> Bool {
        var transcript = PublicTranscript(stranger: stranger, tellsKinds: hasSameKinds)
        for (step, moment) in zip(steps, moments) where transcript.next(step) != moment {
            return false
        }
        return !reachesEnd || transcript.end(at: endTime) == end
    }

    // MARK: Exchanging

    /// The second history with one more hidden thing exchanged; nil where there is none.
    private mutating func exchange(_ thing: HiddenThing) -> [WorkloadStep]? {
        let places = second.indices.filter { isExchangeable(thing, at: $0) }
        guard !places.isEmpty else { return nil }
        let place = generator.pick(places)
        var steps = second
        switch thing {
        case .maximum: steps[place].command = withOtherAmount(steps[place].command)
        case .reserve: steps[place].command = withOtherReserve(steps[place].command)
        case .rejectedBid: (steps[place].actor, steps[place].command) = anotherBid()
        case .rejectedCommand:
            (steps[place].actor, steps[place].command) = another(like: steps[place])
        case .payment: steps[place].command = anotherPayment(like: steps[place].command)
        case .time: steps[place].time = anotherTime(at: place)
        case .kind:
            (steps[place].actor, steps[place].command) =
                generator.chance(perMille: 500)
                ? anotherBid() : (.payment, anotherPayment(like: nil))
        }
        return steps
    }

    private func isExchangeable(_ thing: HiddenThing, at place: Int) -> Bool {
        let step = second[place]
        if step.actor == .user(stranger) || step.command.subject == stranger { return false }
        let isAccepted = outcomes[place] == .accepted
        var isRejected = false
        if case .rejected = outcomes[place] { isRejected = true }
        switch thing {
        case .maximum:
            if case .placeBid = step.command { return isAccepted }
            return false
        case .reserve:
            guard case .openAuction(let opening) = step.command else { return false }
            return isAccepted && opening.rules.reservePrice != nil
        case .rejectedBid:
            if case .placeBid = step.command { return isRejected }
            return false
        case .rejectedCommand: return isRejected && step.command.isAboutAuction
        case .payment:
            switch step.command {
            case .charge, .withdraw: return isAccepted || isRejected
            default: return false
            }
        case .time, .kind:
            guard isRejected || isAccepted && !step.command.isAboutAuction else { return false }
            switch step.command {
            // Names that exist are public.
            case .registerUser, .registerCurrency: return isRejected
            default: return true
            }
        }
    }

    /// Somebody whom the stranger does not know.
    private mutating func somebody() -> UserID {
        generator.pick(["user-0", "user-1", "user-2"])
    }

    private mutating func somewhere() -> AuctionID {
        auctions.isEmpty ? "lot-0" : generator.pick(auctions)
    }

    /// An amount near another, where the rules have their edges, or anywhere.
    private mutating func amount(near amount: Money) -> Money {
        let offset: Int64 =
            switch generator.below(5) {
            case 0: 1
            case 1: -1
            case 2: generator.number(in: -60...60)
            default: generator.number(in: -900...900)
            }
        let (sum, overflow) = amount.minorUnits.addingReportingOverflow(offset)
        return Money(minorUnits: overflow ? amount.minorUnits : max(1, sum))
    }

    private mutating func withOtherAmount(_ command: Command) -> Command {
        guard case .placeBid(let auction, let bidder, let amount) = command else { return command }
        return .placeBid(auction: auction, bidder: bidder, amount: self.amount(near: amount))
    }

    private mutating func withOtherReserve(_ command: Command) -> Command {
        guard case .openAuction(var opening) = command, let reserve = opening.rules.reservePrice
        else { return command }
        opening.rules.reservePrice = amount(near: reserve)
        return .openAuction(opening)
    }

    private mutating func anotherBid() -> (LedgerActor, Command) {
        let bidder = somebody()
        let amount = Money(minorUnits: generator.number(in: 1...2_000))
        return (.user(bidder), .placeBid(auction: somewhere(), bidder: bidder, amount: amount))
    }

    private mutating func another(like step: WorkloadStep) -> (LedgerActor, Command) {
        let user = somebody()
        let actor = generator.pick([step.actor, .user(user), .payment])
        switch step.command {
        case .placeBid: return anotherBid()
        case .buyNow: return (actor, .buyNow(auction: somewhere(), buyer: user))
        case .closeAuction(_, let hammer):
            return (actor, .closeAuction(somewhere(), hammer: hammer))
        case .extendAuction(_, let closesAt):
            return (actor, .extendAuction(somewhere(), closesAt: closesAt))
        case .cancelAuction: return (actor, .cancelAuction(somewhere(), reason: "hidden"))
        case .openAuction(var opening):
            opening.title = "hidden"
            opening.rules.openingPrice = amount(near: opening.rules.openingPrice)
            return (actor, .openAuction(opening))
        case .registerCurrency, .registerUser, .charge, .withdraw:
            return (step.actor, step.command)
        }
    }

    /// - Parameter command: of which the payment keeps its kind and currency; nil for a charge.
    private mutating func anotherPayment(like command: Command?) -> Command {
        let user = somebody()
        let reference = PaymentReference(unchecked: "hidden-\(generator.below(1_000))")
        switch command {
        case .withdraw(let old, let currency, let amount, _):
            return .withdraw(
                user: generator.chance(perMille: 500) ? old : user, currency: currency,
                amount: self.amount(near: amount), reference: reference)
        case .charge(let old, let currency, let amount, _):
            return .charge(
                user: generator.chance(perMille: 500) ? old : user, currency: currency,
                amount: self.amount(near: amount), reference: reference)
        default:
            return .charge(
                user: user, currency: "USD",
                amount: Money(minorUnits: generator.number(in: 1...500)), reference: reference)
        }
    }

    /// A time between the steps before and after.
    private mutating func anotherTime(at place: Int) -> Timestamp {
        let earliest = place == 0 ? second[0].time : second[place - 1].time
        let latest = place + 1 < second.count ? second[place + 1].time : second[place].time
        return Timestamp(
            nanoseconds: generator.number(in: earliest.nanoseconds...latest.nanoseconds))
    }
}

extension Command {
    /// Whether it is about an auction, so that anyone may see it once it was accepted.
    fileprivate var isAboutAuction: Bool {
        switch self {
        case .registerCurrency, .registerUser, .charge, .withdraw: false
        case .openAuction, .placeBid, .buyNow, .closeAuction, .extendAuction, .cancelAuction: true
        }
    }
}
