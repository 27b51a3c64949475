// Views of every entry of a random world, for every user: whom it concerns has one, and nothing
// that is another's changes it.

import AuctionDomain
import GavelJSON
import GavelTesting
import Synchronization
import Testing

@testable import Gavel

extension LedgerEntry {
    /// The entry as it would be if everything that is others' and not public were another amount.
    fileprivate func changed(for viewer: UserHandle) -> LedgerEntry {
        var command = command
        if case .placeBid(let auction, let bidder, let amount) = command, bidder != viewer,
            actor != .user(viewer)
        {
            command = .placeBid(auction: auction, bidder: bidder, amount: amount.plus(1))
        }
        let events = EventList(outcome.events.map { $0.changed(for: viewer) })
        return LedgerEntry(
            position: position, time: time, commandID: nil, actor: actor, command: command,
            outcome: outcome.rejection.map { .rejected($0) } ?? .accepted(events), links: [])
    }
}

extension Event {
    fileprivate func changed(for viewer: UserHandle) -> Event {
        switch self {
        case .locked(let auction, let user, let amount, let held) where user != viewer:
            .locked(auction: auction, user: user, amount: amount.plus(1), held: held.plus(2))
        case .refunded(let auction, let user, let amount, let reason) where user != viewer:
            .refunded(auction: auction, user: user, amount: amount.plus(1), reason: reason)
        case .leadTaken(let auction, let bidder, let maximum, let price) where bidder != viewer:
            .leadTaken(auction: auction, bidder: bidder, maximum: maximum.plus(1), price: price)
        case .maximumRaised(let auction, let bidder, let maximum, let price)
        where bidder != viewer:
            .maximumRaised(
                auction: auction, bidder: bidder, maximum: maximum.plus(1), price: price)
        case .settled(let auction, let winner, let seller, let amount, let fee):
            // The winner is told what she paid, the seller what he got: not what the other was.
            .settled(
                auction: auction, winner: winner, seller: seller,
                amount: winner == viewer ? amount : amount.plus(3),
                fee: amount.minorUnits > 1 << 62 ? fee.plus(-3) : fee.plus(3))
        default: self
        }
    }
}

extension Money {
    /// Amounts of a workload go up to the largest there is.
    fileprivate func plus(_ more: Int64) -> Money {
        Money(minorUnits: minorUnits > 1 << 62 ? minorUnits - more : minorUnits + more)
    }
}

@Suite("Views of a random world")
struct ViewWorldTests {
    @Test("Whose money an entry moves has a view of it, and what is another's changes none")
    func world() async throws {
        var workload = Workload(seed: 1313)
        let bench = try Bench()
        bench.clock.advance(to: workload.configuration.start)
        for _ in 0..<2500 * campaignScale {
            let step = workload.nextStep()
            bench.clock.advance(to: step.time)
            try await bench.ledger.tick()
            _ = try await bench.ledger.submit(step.command, id: step.id, by: step.actor)
        }
        let names = bench.ledger.reading
        let userCount = names.readState.withLock { $0.state.userCount }
        let users = (1..<userCount).map { number in
            let handle = UserHandle(rawValue: UInt32(number))
            return (handle, names.id(of: handle))
        }
        var views = 0
        var refunds: Set<RefundReason> = []
        for position in 0..<bench.ledger.reflects {
            let entry = try #require(try bench.ledger.entry(at: position))
            for (handle, id) in users {
                let view = EntryView(of: entry, for: id, names: names)
                let isTouched = entry.links.contains { $0.chain == .wallet(handle) }
                #expect(view != nil || !isTouched, "\(id) has no view of entry \(position)")
                guard let view else { continue }
                views += 1
                #expect(view == EntryView(of: entry.changed(for: handle), for: id, names: names))
                #expect(try EntryView(parsing: view.json) == view)
                for case .refunded(_, handle, _, let reason) in entry.outcome.events {
                    #expect(view.facts.contains { $0.reason == reason.jsonName })
                    refunds.insert(reason)
                }
            }
        }
        #expect(views > 2000)
        #expect(refunds == Set(RefundReason.allCases))
    }

    @Test("An amount of another's that a view did tell would be seen: the check is no dummy")
    func canary() {
        let (alice, bob) = (UserHandle(rawValue: 1), UserHandle(rawValue: 2))
        let event = Event.refunded(
            auction: AuctionHandle(rawValue: 0), user: bob, amount: 5, reason: .outbid)
        #expect(event.changed(for: alice) != event)
        #expect(event.changed(for: bob) == event)
    }
}
