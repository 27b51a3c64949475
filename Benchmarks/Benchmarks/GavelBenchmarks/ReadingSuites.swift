// query, subscribe and open: what readers wait for.

import Benchmark
import Gavel

/// A durable ledger with bids in it.
private func filledFixture(bids: Int) throws -> LedgerFixture {
    let fixture = try LedgerFixture(isDurable: true)
    for _ in 0..<(bids / 10_000) { try fixture.submit(fixture.bids(10_000)) }
    return fixture
}

/// Measures a question, asked a thousand times.
private func addQuery(_ name: String, _ ask: @escaping (LedgerFixture, Int) throws -> Void) {
    var fixture: LedgerFixture?
    Benchmark(
        name, configuration: configuration(.computing, scalingFactor: .kilo)
    ) { benchmark in
        guard let fixture else { return benchmark.error("the ledger was not made") }
        benchmark.startMeasurement()
        for number in benchmark.scaledIterations { try ask(fixture, number) }
        benchmark.stopMeasurement()
    } setup: {
        fixture = try filledFixture(bids: 50_000)
    } teardown: {
        try fixture?.remove()
        fixture = nil
    }
}

private func addQueries() {
    addQuery("query-wallet") { fixture, number in
        blackHole(try fixture.ledger.wallet(fixture.users[number % fixture.users.count]))
    }
    addQuery("query-auction") { fixture, number in
        blackHole(try fixture.ledger.auction(fixture.auctions[number % fixture.auctions.count]))
    }
    addQuery("query-page-of-20-auctions") { fixture, _ in
        blackHole(try fixture.ledger.auctions(limit: 20))
    }
    addQuery("query-last-20-entries-of-an-auction") { fixture, number in
        let auction = fixture.auctions[number % fixture.auctions.count]
        blackHole(try fixture.ledger.history(of: .auction(auction), limit: 20))
    }
}

/// Measures 1,000 bids on their way to every one of some followers of the log.
private func addFanOut(subscribers: Int) {
    var fixture: LedgerFixture?
    Benchmark(
        "subscribe-1000-to-\(subscribers)",
        configuration: configuration(.waiting, maxIterations: 300)
    ) { benchmark in
        guard let fixture else { return benchmark.error("the ledger was not made") }
        let (ledger, start) = (fixture.ledger, fixture.ledger.durableCount)
        let batch = fixture.bids(1_000)
        benchmark.startMeasurement()
        let followers = (0..<subscribers).map { _ in
            Task {
                var count = 0
                for try await run in ledger.subscribe(from: start) {
                    count += run.count
                    if count >= 1_000 { break }
                }
                return count
            }
        }
        try fixture.submit(batch)
        for follower in followers {
            let count = try await follower.value
            precondition(count == 1_000, "a follower saw \(count) entries")
        }
        benchmark.stopMeasurement()
    } setup: {
        fixture = try LedgerFixture(isDurable: true)
    } teardown: {
        try fixture?.remove()
        fixture = nil
    }
}

/// Measures opening a ledger of 121,000 entries, 100,000 of them bids.
private func addOpening(_ name: String, removesSnapshots: Bool) {
    var fixture: LedgerFixture?
    Benchmark(name, configuration: configuration(.waiting)) { benchmark in
        guard let fixture else { return benchmark.error("the ledger was not made") }
        fixture.close()
        if removesSnapshots { try fixture.removeSnapshots() }
        benchmark.startMeasurement()
        try fixture.reopen()
        benchmark.stopMeasurement()
    } setup: {
        fixture = try filledFixture(bids: 100_000)
    } teardown: {
        try fixture?.remove()
        fixture = nil
    }
}

func addReadingSuites() {
    addQueries()
    addFanOut(subscribers: 1)
    addFanOut(subscribers: 16)
    addOpening("open-with-snapshot", removesSnapshots: false)
    addOpening("open-by-replay", removesSnapshots: true)
}
