// encode and append: whole bids, through the queue, the writer and the log.

import Benchmark
import Gavel

/// Measures batches of bids on a ledger that lives as long as the benchmark.
private func addBatches(_ name: String, bids: Int, isDurable: Bool) {
    var fixture: LedgerFixture?
    Benchmark(name, configuration: configuration(.waiting)) { benchmark in
        guard let fixture else { return benchmark.error("the ledger was not made") }
        let batch = fixture.bids(bids)
        benchmark.startMeasurement()
        try fixture.submit(batch)
        benchmark.stopMeasurement()
    } setup: {
        fixture = try LedgerFixture(isDurable: isDurable)
    } teardown: {
        try fixture?.remove()
        fixture = nil
    }
}

func addEngineSuites() {
    // Encoding has no public door of its own: this is all of the engine but the disk, which is
    // deciding, evolving, encoding, hashing, decoding and the second fold of 1,000 bids.
    addBatches("encode-1000-in-memory", bids: 1_000, isDurable: false)
    addBatches("append-1000", bids: 1_000, isDurable: true)
    addBatches("append-1", bids: 1, isDurable: true)
}
