// decide, evolve and hash: the pure parts, on one thread and without a disk.

import Benchmark
import BidPlan
import Gavel

/// Two folds of the same bids, one of them ahead: so that what is evolved was decided outside the
/// measured time.
private struct Domain {
    private(set) var ahead: State
    private var behind: State
    private var lane: BidLane
    private var links: ContiguousArray<EntryLink> = []
    private let lots: [AuctionHandle]
    private let bidders: [UserHandle]

    /// An entry on its way from one fold to the other.
    typealias Entry = (command: CanonicalCommand, events: EventList, point: EntryPoint)

    init(_ plan: BidPlan) throws {
        lane = BidLane(plan, lane: 0, of: 1)
        var setup: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("seller"),
        ]
        let users = try (0..<plan.users).map { try UserID("bidder-\($0)") }
        for user in users {
            setup.append(.registerUser(user))
            setup.append(
                .charge(
                    user: user, currency: "USD",
                    amount: Money(minorUnits: BidPlan.fundsMinorUnits), reference: "funds"))
        }
        let auctions = try (0..<plan.auctions).map { try AuctionID("lot-\($0)") }
        setup += auctions.map {
            .openAuction(OpenAuction(auction: $0, seller: "seller", currency: "USD"))
        }
        // The reserved user and the ledger itself come first.
        var links: ContiguousArray<EntryLink> = []
        var fold = State()
        Self.take(.createLedger(LedgerID(high: 1, low: 2)), into: &fold, &links, by: .system)
        for command in setup {
            Self.take(try fold.resolve(command), into: &fold, &links, by: .operator)
        }
        (ahead, behind) = (fold, fold)
        lots = auctions.compactMap(fold.auction)
        bidders = users.compactMap(fold.user)
    }

    /// Decides and evolves a command that no rule refuses.
    @discardableResult
    private static func take(
        _ command: CanonicalCommand, into fold: inout State,
        _ links: inout ContiguousArray<EntryLink>, by actor: CanonicalActor
    ) -> Entry {
        let point = EntryPoint(position: fold.entryCount, time: fold.time)
        let outcome = fold.decide(command, by: actor, at: point.time)
        precondition(outcome.rejection == nil, "a rule refused \(command)")
        let entry = (command, outcome.events, point)
        evolve(entry, in: &fold, &links)
        return entry
    }

    private static func evolve(
        _ entry: Entry, in fold: inout State, _ links: inout ContiguousArray<EntryLink>
    ) {
        for event in entry.events { fold.evolve(event, at: entry.point) }
        links.removeAll(keepingCapacity: true)
        fold.finishEntry(
            entry.command, rejected: false, events: entry.events, at: entry.point, links: &links)
    }

    /// The next bid that takes the lead in the fold that is ahead.
    mutating func nextBid() -> CanonicalCommand {
        let bid = lane.next()
        let price = ahead[lots[bid.auction]].price
        return .placeBid(
            auction: lots[bid.auction], bidder: bidders[bid.bidder],
            amount: price + Money(minorUnits: 1))
    }

    /// Decides bids in the fold that is ahead.
    mutating func decided(_ count: Int) -> [Entry] {
        (0..<count).map { _ in
            let command = nextBid()
            return Self.take(command, into: &ahead, &links, by: .operator)
        }
    }

    /// Brings the other fold after it.
    mutating func evolve(_ entries: [Entry]) {
        for entry in entries { Self.evolve(entry, in: &behind, &links) }
    }

    var isLevel: Bool { ahead.digest == behind.digest && ahead.entryCount == behind.entryCount }
}

/// Adds a suite on two folds that live as long as it does.
private func addDomainSuite(
    _ name: String, _ body: @escaping (Benchmark, inout Domain) throws -> Void
) {
    var domain: Domain?
    Benchmark(
        name, configuration: configuration(.computing, scalingFactor: .kilo)
    ) { benchmark in
        guard var current = domain.take() else {
            return benchmark.error("the folds were not made")
        }
        try body(benchmark, &current)
        domain = current
    } setup: {
        domain = try Domain(BidPlan(auctions: 1_000, users: 10_000, seed: 1))
    }
}

func addDomainSuites() {
    addDomainSuite("decide") { benchmark, domain in
        let bids = benchmark.scaledIterations.map { _ in domain.nextBid() }
        let state = domain.ahead
        var events = EventList()
        benchmark.startMeasurement()
        for bid in bids {
            events.removeAll(keepingCapacity: true)
            try state.decide(bid, by: .operator, at: state.time, into: &events)
        }
        benchmark.stopMeasurement()
        blackHole(events)
        // So that the next bids meet other leaders.
        domain.evolve(domain.decided(100))
    }

    addDomainSuite("evolve") { benchmark, domain in
        let entries = domain.decided(benchmark.scaledIterations.count)
        benchmark.startMeasurement()
        domain.evolve(entries)
        benchmark.stopMeasurement()
        precondition(domain.isLevel, "the same entries gave another state")
    }

    Benchmark(
        "hash", configuration: configuration(.computing, scalingFactor: .kilo)
    ) { benchmark in
        // As many bytes as a bid's entry has.
        let entry = [UInt8](repeating: 7, count: 114)
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(LedgerHash(of: entry)) }
        benchmark.stopMeasurement()
    }
}
