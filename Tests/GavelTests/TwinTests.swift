// A twin that knows only the bytes: every entry of a random workload is encoded, decoded and
// evolved by a second state, and compared with the first by digest after each step.

import AuctionDomain
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

/// Decides like the writer and keeps the bytes like the log, without threads.
private struct ByteLedger {
    private(set) var state = State()
    private(set) var entries: [[UInt8]] = []
    private var links = ContiguousArray<EntryLink>()
    private let salts: SaltSource

    init(at time: Timestamp, salting: Salting = .fixed(LedgerHash(of: [1]))) {
        salts = SaltSource(salting)
        write(.createLedger(LedgerID(high: 7, low: 9)), .none, .system, time)
        write(.openEngine(epoch: 1, version: "twin"), .none, .system, time)
    }

    mutating func submit(_ step: WorkloadStep) {
        let time = max(step.time, state.time)
        while let auction = state.nextDue(at: time) {
            write(.closeDue(auction), .none, .system, max(state.time, state[auction].closesAt))
        }
        guard (try? step.command.validate()) != nil,
            let actor = try? state.resolve(step.actor, of: step.command),
            let command = try? state.resolve(step.command)
        else { return }
        write(command, step.id, actor, time)
    }

    private mutating func write(
        _ command: CanonicalCommand, _ id: CommandID, _ actor: CanonicalActor, _ time: Timestamp
    ) {
        let outcome = state.decide(command, by: actor, at: time)
        let point = EntryPoint(position: state.entryCount, time: time)
        for event in outcome.events { state.evolve(event, at: point) }
        links.removeAll()
        state.finishEntry(
            command, rejected: outcome.rejection != nil, events: outcome.events, at: point,
            links: &links)
        var buffer = ByteBuffer(capacity: 256)
        buffer.appendEntry(
            command, id: id, actor: actor, at: point, rejection: outcome.rejection,
            events: outcome.events, links: links,
            salt: id == .none
                ? salts.ofEngine(at: point.position) : salts.ofCommand(at: point.position))
        entries.append(buffer.array())
    }
}

@Suite("A twin evolved from the encoded bytes")
struct TwinTests {
    @Test(
        "has the same digest and links at each step, and so has a full replay every 1,000 steps",
        arguments: 1...5)
    func twin(_ seed: UInt64) throws {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = ByteLedger(at: configuration.start)
        var twin = ReadState()
        var decoded = DecodedEntry()
        var applied = 0
        for step in 0..<(20_000 * campaignScale) {
            ledger.submit(workload.nextStep())
            while applied < ledger.entries.count {
                try withBytes(of: ledger.entries[applied]) { bytes in
                    try decoded.decode(bytes, in: 0..<bytes.byteCount)
                }
                try twin.apply(decoded)
                #expect(twin.hasLinks(decoded), "seed \(seed) step \(step)")
                applied += 1
            }
            try #require(twin.state.digest == ledger.state.digest, "seed \(seed) step \(step)")
            if step % 1000 == 999 {
                let differences = workload.model.differences(from: twin.state)
                try #require(differences.isEmpty, "seed \(seed) step \(step): \(differences)")
            }
            // A replay costs as much as all steps before it: a long campaign stops at some point.
            if step % 1000 == 999, step < 20_000 { try replay(ledger, seed, step) }
        }
        try replay(ledger, seed, -1)
    }

    @Test(
        "Accepted bids as flat values give the same state, lists, links and bytes as events",
        arguments: 6...8)
    func flatBids(_ seed: UInt64) throws {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        // As live, as an import, and as before there were salts.
        let salting: Salting =
            [.fixed(LedgerHash(of: [2])), .imported(LedgerHash(of: [3])), .none][Int(seed % 3)]
        var ledger = ByteLedger(at: configuration.start, salting: salting)
        for _ in 0..<(10_000 * campaignScale) { ledger.submit(workload.nextStep()) }
        var (flat, general) = (ReadState(), ReadState())
        var (bid, events) = (DecodedEntry(), DecodedEntry())
        var kinds: [AcceptedBid.Kind: Int] = [:]
        var extended = 0
        for (position, entry) in ledger.entries.enumerated() {
            let place = Comment(rawValue: "seed \(seed) position \(position)")
            try withBytes(of: entry) { bytes in
                try bid.decode(bytes, in: 0..<bytes.byteCount)
                try events.decode(bytes, in: 0..<bytes.byteCount, flattensBids: false)
            }
            #expect(events.bid == nil, place)
            try #require(bid.entry == events.entry && bid.salt == events.salt, place)
            try flat.apply(bid)
            try general.apply(events)
            try #require(flat.hasLinks(bid) && general.hasLinks(events), place)
            try #require(flat.state.digest == general.state.digest, place)
            guard let accepted = bid.bid else { continue }
            #expect((bid.salt != nil) == (seed % 3 == 1), place)
            kinds[accepted.kind, default: 0] += 1
            if accepted.closesAt != nil { extended += 1 }
            let links = bid.entry.links.map(\.storedPrevious)
            var buffer = ByteBuffer(capacity: 256)
            buffer.appendEntry(
                accepted, id: bid.id, actor: bid.actor, at: bid.point,
                links: BidLinks(
                    auction: links[0], bidder: links[1],
                    refunded: links.count == 3 ? links[2] : nil, currency: .none),
                salt: bid.salt)
            try #require(buffer.array() == entry, place)
        }
        #expect(kinds.count == 3 && kinds.values.allSatisfy { $0 > 50 } && extended > 50)
        #expect(flat.holdings == general.holdings)
        for index in flat.state.wallets.indices {
            #expect(flat.state.wallets[index] == general.state.wallets[index])
            #expect(flat.userLists[index] == general.userLists[index])
        }
        for index in flat.state.auctions.indices {
            #expect(flat.state.auctions[index] == general.state.auctions[index])
            #expect(flat.auctionLists[index] == general.auctionLists[index])
        }
        #expect(flat.bidders.nodes.count == general.bidders.nodes.count)
    }

    private func replay(_ ledger: ByteLedger, _ seed: UInt64, _ step: Int) throws {
        var replayed = ReadState()
        var decoded = DecodedEntry()
        for entry in ledger.entries {
            try withBytes(of: entry) { try decoded.decode($0, in: 0..<$0.byteCount) }
            try replayed.apply(decoded)
        }
        let place = Comment(rawValue: "seed \(seed) step \(step)")
        try #require(replayed.state.digest == ledger.state.digest, place)
        try #require(replayed.state.invariantViolations() == [], place)
        try #require(replayed.holdings == replayed.state.sumOfHoldings(), place)
    }

    @Test("Decoding any damaged entry gives an error or an entry, never a trap")
    func damagedEntries() throws {
        var workload = Workload(seed: 3)
        var ledger = ByteLedger(
            at: Timestamp(seconds: 1_700_000_000), salting: .imported(LedgerHash(of: [4])))
        for _ in 0..<600 { ledger.submit(workload.nextStep()) }
        var generator = SeededGenerator(seed: 5)
        var decoded = DecodedEntry()
        var refused = 0
        for entry in ledger.entries {
            for _ in 0..<20 {
                var damaged = entry
                switch generator.below(3) {
                case 0: damaged[generator.below(damaged.count)] ^= UInt8(1 + generator.below(255))
                case 1: damaged.removeLast(1 + generator.below(damaged.count))
                default: damaged.append(UInt8(generator.below(256)))
                }
                do {
                    try withBytes(of: damaged) { try decoded.decode($0, in: 0..<$0.byteCount) }
                } catch is LogFault {
                    refused += 1
                }
            }
        }
        #expect(refused > ledger.entries.count * 10)
    }
}

@Suite("The engine against the naive model")
struct EngineModelTests {
    @Test(
        "Every receipt is the model's, ids included, and reopening changes nothing",
        arguments: [1, 2])
    func receipts(_ seed: UInt64) async throws {
        var workload = Workload(seed: seed)
        let clock = ManualClock(at: workload.configuration.start)
        let log = MemoryStore()
        var ledger = try await Ledger.open(in: log, configuration: Bench.configuration(clock))
        for step in 0..<(4000 * campaignScale) {
            let next = workload.nextStep()
            clock.advance(to: next.time)
            try await ledger.tick()
            let receipt = try await ledger.submit(next.command, id: next.id, by: next.actor)
            let place = Comment(rawValue: "seed \(seed) step \(step) \(next)")
            try #require(Self.outcome(of: receipt) == workload.outcome, place)
            if step % 1000 == 999 {
                let digest = ledger.digest
                await ledger.close()
                ledger = try await Ledger.open(in: log, configuration: Bench.configuration(clock))
                try #require(ledger.digest == digest, place)
            }
        }
        let differences = ledger.reading.readState.withLock {
            workload.model.differences(from: $0.state)
        }
        #expect(differences == [])
        #expect(ledger.verify().isClean)
        await ledger.close()
    }

    /// A receipt in the model's words.
    private static func outcome(of receipt: Receipt) -> ModelOutcome {
        let first: ModelOutcome =
            if let refusal = receipt.refusal {
                .refused(refusal)
            } else if let rejection = receipt.rejection {
                .rejected(rejection)
            } else {
                .accepted
            }
        return receipt.isReplay ? .replayed(first) : first
    }
}
