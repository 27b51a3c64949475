// Questions and answers: every list against a plain filter over everything, every history against
// a scan of the log, and the past against what was true then.

import AuctionDomain
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

/// A ledger that a few thousand random commands went through.
func workedLedger(_ seed: UInt64, steps: Int = 3000) async throws -> (Bench, Workload) {
    var workload = Workload(seed: seed)
    let bench = try Bench()
    bench.clock.advance(to: workload.configuration.start)
    for _ in 0..<steps {
        let step = workload.nextStep()
        bench.clock.advance(to: step.time)
        try await bench.ledger.tick()
        _ = try await bench.ledger.submit(step.command, id: step.id, by: step.actor)
    }
    return (bench, workload)
}

extension LedgerQueries {
    func allAuctions(_ filter: AuctionFilter, limit: Int) throws -> [AuctionView] {
        var all: [AuctionView] = []
        var cursor: String?
        repeat {
            let page = try auctions(filter, after: cursor, limit: limit)
            #expect(page.items.count <= limit)
            all += page.items
            cursor = page.cursor
        } while cursor != nil
        return all
    }

    fileprivate func wholeHistory(
        of subject: History.Subject, _ direction: History.Direction, limit: Int
    ) throws -> [LedgerEntry] {
        var all: [LedgerEntry] = []
        var cursor: String?
        repeat {
            let page = try history(of: subject, direction, after: cursor, limit: limit)
            all += page.items
            cursor = page.cursor
        } while cursor != nil
        return all
    }
}

/// Counts how often frames are asked for: once for each entry that is looked at by itself.
private final class CountedLog: WrappedLog, @unchecked Sendable {
    override var keepsTileRoots: Bool { false }
    private let count = Atomic<Int>(0)
    var reads: Int { count.load(ordering: .relaxed) }

    override func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        count.wrappingAdd(1, ordering: .relaxed)
        try super.forEachFrame(from: position, body)
    }
}

@Suite("Queries")
struct QueryTests {
    @Test("Lists of auctions are what a plain filter over all auctions gives")
    func lists() async throws {
        let (bench, _) = try await workedLedger(11)
        let ledger = bench.ledger
        let all = try ledger.allAuctions(AuctionFilter(), limit: 7)
        #expect(all.count > 20)
        #expect(all.map(\.openedPosition) == all.map(\.openedPosition).sorted())
        for status in PublicAuction.Status.allCases {
            let expected = all.filter { $0.status == status }
            #expect(try ledger.allAuctions(AuctionFilter(status: status), limit: 5) == expected)
        }
        for seller in Set(all.map(\.seller)) {
            let expected = all.filter { $0.seller == seller }.reversed()
            let listed = try ledger.allAuctions(AuctionFilter(seller: seller), limit: 3)
            #expect(listed == Array(expected))
        }
        let soon = try ledger.allAuctions(AuctionFilter(order: .endingSoon), limit: 2)
        let ends = all.enumerated().filter {
            $0.element.closesAt != nil && [.open, .scheduled].contains($0.element.status)
        }
        let expected = ends.sorted { ($0.1.closesAt!, $0.0) < ($1.1.closesAt!, $1.0) }
        #expect(soon == expected.map(\.element))
        let newest = try ledger.allAuctions(AuctionFilter(order: .newest), limit: 9)
        #expect(newest == all.reversed())
    }

    @Test("Rows of lists say what whole auctions say, and each tells where the list goes on")
    func listings() async throws {
        let (bench, _) = try await workedLedger(12, steps: 1500)
        let ledger = bench.ledger
        let all = try ledger.allAuctions(AuctionFilter(), limit: 1000)
        let bidder = try #require(all.compactMap(\.leader).first)
        let piece = String(try #require(all.map(\.title).first { $0.count > 3 }).suffix(3))
        let filters = [
            AuctionFilter(), AuctionFilter(order: .newest), AuctionFilter(order: .endingSoon),
            AuctionFilter(seller: all[0].seller), AuctionFilter(bidder: bidder),
            AuctionFilter(winner: bidder), AuctionFilter(titleContains: piece.uppercased()),
        ]
        let scopes = filters.map { filter in
            var scope = CursorScope("auctions", of: nil, .none)
            filter.add(to: &scope)
            return scope.bytes
        }
        #expect(Set(scopes).count == filters.count)
        for filter in filters {
            let expected = try ledger.allAuctions(filter, limit: 1000)
            let rows = try ledger.listings(filter, for: bidder, limit: 1000).items
            #expect(rows.map(\.publicView) == expected.map(\.row))
            for (place, row) in rows.enumerated() {
                let cursor = ledger.cursor(after: row, of: filter)
                let rest = try ledger.listings(filter, for: bidder, after: cursor, limit: 1000)
                #expect(rest.items == Array(rows[(place + 1)...]))
            }
        }
        let bids = Set(
            try ledger.allAuctions(AuctionFilter(bidder: bidder), limit: 9).map(\.auction))
        for row in try ledger.listings(for: bidder, limit: 1000).items {
            #expect((row.standing != nil) == bids.contains(row.auction))
            if row.winner == bidder { #expect(row.standing?.hasWon == true) }
        }
        let wins = all.filter { $0.winner == bidder }.map(\.auction)
        let won = try ledger.allAuctions(AuctionFilter(winner: bidder), limit: 2).map(\.auction)
        #expect(Set(won) == Set(wins) && won.count == wins.count)
    }

    @Test("A story in pages of any size is the story read at once")
    func stories() async throws {
        let (bench, _) = try await workedLedger(13, steps: 1000)
        for view in try bench.ledger.allAuctions(AuctionFilter(), limit: 1000) {
            var whole: [AuctionStep] = []
            try bench.ledger.forEachStep(of: view.auction) { whole.append($0) }
            for limit in [1, 3, 1000] {
                var steps: [AuctionStep] = []
                var cursor: String?
                repeat {
                    let page = try bench.ledger.story(
                        of: view.auction, after: cursor, limit: limit)
                    steps += page.items
                    cursor = page.cursor
                } while cursor != nil
                #expect(steps == whole)
            }
        }
    }

    @Test("A wallet as of a moment is the wallet of the ledger as of then")
    func pastWallets() async throws {
        let (bench, _) = try await workedLedger(14, steps: 800)
        let ledger = bench.ledger
        let users = try ledger.wallets(limit: 1000).items.map(\.user)
        var found = 0
        for position in stride(from: UInt64(0), to: ledger.reflects, by: 83) {
            let past = try ledger.past(.position(position))
            for user in users {
                let now = try ledger.wallet(user, asOf: .position(position))
                #expect(now.reflects == position + 1)
                guard var then = try? past.wallet(user).value else {
                    #expect(now.value.balances.isEmpty)
                    continue
                }
                then.balances.removeAll { $0.available == .zero && $0.locked == .zero }
                #expect(now.value == then)
                found += then.balances.count
            }
            let time = try #require(try ledger.entry(at: position)).time
            let atTime = try ledger.past(.time(time))
            for user in users.prefix(3) {
                let now = try ledger.wallet(user, asOf: .time(time))
                #expect(now.reflects == atTime.reflects)
            }
        }
        #expect(found > 100)
        #expect(throws: LedgerError.self) { try ledger.wallet("nobody", asOf: .position(1)) }
    }

    @Test("Auctions by bidder are those she bid in or bought, accepted or not")
    func byBidder() async throws {
        let (bench, _) = try await workedLedger(12)
        let ledger = bench.ledger
        var bids: [UserHandle: Set<AuctionHandle>] = [:]
        for entry in try ledger.entries(from: 0, limit: .max) {
            switch entry.command {
            case .placeBid(let auction, let bidder, _), .buyNow(let auction, let bidder):
                bids[bidder, default: []].insert(auction)
            default: break
            }
        }
        #expect(bids.count > 3)
        for (bidder, auctions) in bids {
            let filter = AuctionFilter(bidder: ledger.reading.id(of: bidder))
            let listed = try ledger.allAuctions(filter, limit: 4).map(\.auction)
            #expect(Set(listed) == Set(auctions.map { ledger.reading.id(of: $0) }))
            #expect(listed.count == auctions.count)
        }
    }

    @Test("Wallets name every hold, and holds sum to what is locked")
    func wallets() async throws {
        let (bench, workload) = try await workedLedger(13, steps: 1000)
        var users: [UserID] = []
        var cursor: String?
        repeat {
            let page = try bench.ledger.wallets(after: cursor, limit: 3)
            for wallet in page.items {
                users.append(wallet.user)
                for balance in wallet.balances {
                    let sum = balance.holds.reduce(Int64(0)) { $0 + $1.amount.minorUnits }
                    #expect(sum == balance.locked.minorUnits)
                    for hold in balance.holds {
                        let expected = workload.model.held(by: wallet.user, for: hold.auction)
                        #expect(hold.amount == expected)
                    }
                }
                let overview = try bench.ledger.overview(wallet.user).value
                #expect(overview.wallet == wallet)
                let held = wallet.balances.flatMap { $0.holds.map(\.auction) }
                #expect(Set(overview.auctions.map(\.auction)) == Set(held))
            }
            cursor = page.cursor
        } while cursor != nil
        #expect(users.count == Set(users).count && users.first == .house)
    }

    @Test("Histories in both directions are what a scan of the log gives")
    func histories() async throws {
        let (bench, _) = try await workedLedger(14, steps: 800)
        let ledger = bench.ledger
        let entries = try ledger.entries(from: 0, limit: .max)
        var chains: [EntryLink.Chain: [UInt64]] = [:]
        for entry in entries {
            for chain in entry.command.chains(events: entry.outcome.events) {
                chains[chain, default: []].append(entry.position)
            }
        }
        for (chain, positions) in chains {
            let subject: History.Subject =
                switch chain {
                case .auction(let auction): .auction(ledger.reading.id(of: auction))
                case .wallet(let user): .wallet(ledger.reading.id(of: user))
                }
            let up = try ledger.wholeHistory(of: subject, .oldestFirst, limit: 13)
            let down = try ledger.wholeHistory(of: subject, .newestFirst, limit: 13)
            #expect(up.map(\.position) == positions)
            #expect(down.map(\.position) == positions.reversed())
        }
    }

    @Test("A hot auction's history of ten thousand bids is paged in full, and walked back once")
    func longHistory() async throws {
        let bench = try Bench()
        try await bench.prepare(money: 1_000_000_000)
        try await bench.open("lot-1")
        let bids = (1...10_000).map { number in
            Submission(
                id: .generate(at: bench.clock.now()),
                command: .placeBid(
                    auction: "lot-1", bidder: number % 2 == 0 ? "alice" : "carol",
                    amount: Money(minorUnits: Int64(number))))
        }
        _ = try await bench.ledger.enqueue(bids).value()
        let log = CountedLog(bench.log)
        let reader = try LedgerReader(
            log: log, snapshots: StoredSnapshots(store: bench.store), store: bench.store,
            limit: .entries(bench.ledger.reflects), logger: Bench.logger)
        // 10,001 entries are 73 pages of 137, the last of them full.
        var (positions, reads): ([UInt64], [Int]) = ([], [])
        var cursor: String?
        repeat {
            let before = log.reads
            let page = try reader.history(
                of: .auction("lot-1"), .oldestFirst, after: cursor, limit: 137)
            #expect(page.items.count == 137)
            positions += page.items.map(\.position)
            reads.append(log.reads - before)
            cursor = page.cursor
        } while cursor != nil
        let first = try #require(positions.first)
        #expect(positions == Array(first..<first + 10_001))
        // Until no more entries are left than are walked back through.
        #expect(reads[0] > HistoryWalk.backwardMax)
        #expect(reads[1..<(10_001 - HistoryWalk.backwardMax) / 137].allSatisfy { $0 < 10 })
    }

    @Test("A cursor of another question, or no cursor at all, is refused")
    func cursors() async throws {
        let (bench, _) = try await workedLedger(15, steps: 800)
        let page = try bench.ledger.auctions(AuctionFilter(), limit: 2)
        let cursor = try #require(page.cursor)
        let wrong = LedgerError(.badCursor, "")
        #expect(throws: wrong) {
            try bench.ledger.auctions(AuctionFilter(status: .closed), after: cursor)
        }
        #expect(throws: wrong) { try bench.ledger.wallets(after: cursor) }
        #expect(throws: wrong) { try bench.ledger.auctions(after: "nonsense") }
        #expect(throws: wrong) { try bench.ledger.auctions(after: cursor + "x") }
        #expect(throws: LedgerError(.unknownName, "")) { try bench.ledger.wallet("nobody") }
    }

    @Test("The state at a past position or time is the state that was")
    func past() async throws {
        var workload = Workload(seed: 21)
        let bench = try Bench()
        bench.clock.advance(to: workload.configuration.start)
        var moments: [(count: UInt64, time: Timestamp, digest: StateDigest)] = []
        for number in 0..<1500 {
            let step = workload.nextStep()
            bench.clock.advance(to: step.time)
            try await bench.ledger.tick()
            _ = try await bench.ledger.submit(step.command, id: step.id, by: step.actor)
            if number % 300 == 299 {
                moments.append((bench.ledger.reflects, bench.clock.now(), bench.ledger.digest))
                bench.clock.advance(seconds: 1)
            }
        }
        for moment in moments {
            let byPosition = try bench.ledger.past(.position(moment.count - 1))
            let byTime = try bench.ledger.past(.time(moment.time))
            #expect(byPosition.digest == moment.digest && byPosition.reflects == moment.count)
            #expect(byTime.digest == moment.digest && byTime.reflects == moment.count)
            #expect(try byTime.entry(at: moment.count) == nil)
        }
    }

    @Test("The outcome of a command id is found in the log; an unknown id has none")
    func outcomes() async throws {
        let (bench, _) = try await workedLedger(16, steps: 1000)
        let entries = try bench.ledger.entries(from: 0, limit: .max)
        for entry in entries where entry.position % 50 == 0 {
            guard let id = entry.commandID else { continue }
            let receipt = try #require(try bench.ledger.outcome(of: id))
            #expect(receipt.position == entry.position && receipt.time == entry.time)
            #expect(receipt.rejection == entry.outcome.rejection)
        }
        #expect(try bench.ledger.outcome(of: .generate(at: bench.clock.now())) == nil)
    }

    @Test("Totals are what the wallets add up to, live, in the past and after reopening")
    func totals() async throws {
        let (bench, _) = try await workedLedger(17, steps: 1500)
        let ledger = bench.ledger
        let readers: [any LedgerQueries] = [
            ledger, try ledger.past(.position(ledger.reflects / 2)), try ledger.past(.position(3)),
        ]
        for reader in readers {
            var sums: [CurrencyCode: (available: Money, locked: Money)] = [:]
            var cursor: String?
            repeat {
                let page = try reader.wallets(after: cursor, limit: 100)
                for balance in page.items.flatMap(\.balances) {
                    let sum = sums[balance.currency.code] ?? (0, 0)
                    sums[balance.currency.code] = (
                        sum.available + balance.available, sum.locked + balance.locked
                    )
                }
                cursor = page.cursor
            } while cursor != nil
            for totals in reader.totals {
                let sum = sums[totals.currency.code] ?? (0, 0)
                #expect(totals.available == sum.available && totals.locked == sum.locked)
                #expect(totals.isConserved)
            }
        }
        #expect(ledger.totals.contains { $0.locked > 0 })
        try await withLedgerPath { path in
            let first = try await Ledger.open(at: path)
            _ = try await first.submit(
                .registerCurrency(Currency(code: "USD", scale: 2)), id: .generate())
            _ = try await first.submit(.registerUser("alice"), id: .generate())
            _ = try await first.submit(
                .charge(user: "alice", currency: "USD", amount: 700, reference: "r"),
                id: .generate())
            let totals = first.totals
            await first.close()
            // By the snapshot that closing wrote.
            let again = try await LedgerReader.open(at: path)
            #expect(again.totals == totals && totals.first?.available == 700)
        }
    }
}
