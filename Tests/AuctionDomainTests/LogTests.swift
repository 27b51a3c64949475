// What a log of entries promises about the state: replay without deciding, and links that lead
// back through every entry of an auction or a wallet.

import AuctionDomain
import GavelTesting
import Testing

@Suite("The log")
struct LogTests {
    /// Some thousand entries of every kind.
    private static func recordedLedger(seed: UInt64) -> TestLedger {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = TestLedger(at: configuration.start, recording: true)
        for _ in 0..<4_000 {
            let step = workload.nextStep()
            ledger.submit(step.command, by: step.actor, at: step.time)
        }
        return ledger
    }

    @Test("evolving the recorded events alone gives the same state", arguments: [1, 2] as [UInt64])
    func replay(seed: UInt64) throws {
        let ledger = Self.recordedLedger(seed: seed)
        var replayed = State()
        for entry in ledger.entries {
            let point = EntryPoint(position: entry.position, time: entry.time)
            // What these rules wrote is never called impossible.
            try replayed.check(entry.command, by: .operator, at: point)
            for event in entry.outcome.events {
                try replayed.check(event)
                replayed.evolve(event, at: point)
            }
            var links = ContiguousArray<EntryLink>()
            replayed.finishEntry(
                entry.command, rejected: entry.outcome.rejection != nil,
                events: entry.outcome.events, at: point, links: &links)
            guard links == entry.links else {
                Issue.record("entry \(entry.position) was linked otherwise, seed \(seed)")
                return
            }
        }
        #expect(replayed.digest == ledger.state.digest)
        #expect(replayed.invariantViolations() == [])
        #expect(replayed.entryCount == ledger.state.entryCount)
        #expect(replayed.time == ledger.state.time && replayed.epoch == ledger.state.epoch)
        #expect(replayed.ledgerID == ledger.state.ledgerID)
        for index in ledger.state.auctions.indices
        where replayed.auctions[index] != ledger.state.auctions[index] {
            Issue.record("auction \(index) was replayed otherwise, seed \(seed)")
        }
        for index in ledger.state.wallets.indices
        where replayed.wallets[index] != ledger.state.wallets[index] {
            Issue.record("user \(index) was replayed otherwise, seed \(seed)")
        }
    }

    /// Whose chains an entry belongs to, told from its content alone.
    private static func chains(of entry: TestLedger.Entry) -> Set<EntryLink.Chain> {
        var chains: Set<EntryLink.Chain> = []
        if let auction = entry.command.auction { chains.insert(.auction(auction)) }
        if let user = entry.command.user { chains.insert(.wallet(user)) }
        for event in entry.outcome.events {
            switch event {
            case .userRegistered(let user, _): chains.insert(.wallet(user))
            case .charged(let payment), .withdrawn(let payment):
                chains.insert(.wallet(payment.user))
            case .locked(_, let user, _, _), .refunded(_, let user, _, _):
                chains.insert(.wallet(user))
            case .settled(_, let winner, let seller, _, let fee):
                chains.formUnion([.wallet(winner), .wallet(seller)])
                if fee > 0 { chains.insert(.wallet(.house)) }
            case .auctionOpened(let auction, _, _): chains.insert(.auction(auction))
            default: break
            }
        }
        return chains
    }

    @Test("links lead from the last entry of an auction or wallet back through all of them, once")
    func links() {
        let ledger = Self.recordedLedger(seed: 3)
        var expected: [EntryLink.Chain: [UInt64]] = [:]
        for entry in ledger.entries {
            let chains = Self.chains(of: entry)
            #expect(entry.links.count == chains.count)
            #expect(Set(entry.links.map(\.chain)) == chains)
            for chain in chains { expected[chain, default: []].append(entry.position) }
        }
        for (chain, positions) in expected {
            var walked: [UInt64] = []
            var next =
                switch chain {
                case .auction(let auction): ledger.state[auction].lastPosition
                case .wallet(let user): ledger.state[user].lastPosition
                }
            while next != noPosition && walked.count <= positions.count {
                walked.append(next)
                let links = ledger.entries[Int(next)].links
                next = links.first { $0.chain == chain }?.previous ?? noPosition
            }
            #expect(walked == positions.reversed(), "\(chain)")
        }
        #expect(expected.count > 100)
    }

    @Test("an auction knows where it was opened and where it ended")
    func positions() {
        let ledger = Self.recordedLedger(seed: 4)
        for entry in ledger.entries {
            for event in entry.outcome.events {
                switch event {
                case .auctionOpened(let auction, _, _):
                    #expect(ledger.state[auction].openedPosition == entry.position)
                case .auctionClosed(let auction, _, _, _), .auctionCancelled(let auction):
                    #expect(ledger.state[auction].closedPosition == entry.position)
                case .closeConfirmed(let auction, let position, let outcome):
                    #expect(ledger.state[auction].closedPosition == position)
                    #expect(ledger.state[auction].outcome == outcome)
                default: break
                }
            }
        }
    }

    @Test("any event that changes something changes the digest")
    func digestSeesEveryChange() {
        let ledger = Self.recordedLedger(seed: 5)
        var state = State()
        var digests: Set<UInt64> = [state.digest.value]
        var changes = 0
        for entry in ledger.entries {
            let point = EntryPoint(position: entry.position, time: entry.time)
            let before = state.digest
            for event in entry.outcome.events { state.evolve(event, at: point) }
            var links = ContiguousArray<EntryLink>()
            state.finishEntry(
                entry.command, rejected: entry.outcome.rejection != nil,
                events: entry.outcome.events, at: point, links: &links)
            let names = Set(entry.outcome.events.map(\.name))
            let changesNothing = names.isSubset(of: ["close_confirmed", "engine_opened"])
            #expect((state.digest == before) == changesNothing, "\(entry.outcome)")
            if !changesNothing {
                changes += 1
                digests.insert(state.digest.value)
            }
        }
        // No two states met on the way have the same digest.
        #expect(digests.count == changes + 1)
    }
}
