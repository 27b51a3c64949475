// Values that do not fit, given to the engine: configuration, ids, times, places and proofs.

import AuctionDomain
import GavelTesting
import Testing

@testable import Gavel

/// Numbers at and around every edge of 64 bits, and at random.
private func extremes(_ seed: UInt64) -> [UInt64] {
    var generator = SeededGenerator(seed: seed)
    var numbers: [UInt64] = [0, 1, 255, 256, .max, .max - 1, 1 << 63, (1 << 63) - 1, 1 << 48]
    for shift in 0..<64 { numbers.append(generator.next() >> UInt64(shift)) }
    return numbers
}

@Suite("Values that do not fit the engine")
struct ExtremeValueTests {
    /// A configuration's numbers by name, so that a test can set each.
    private static let numbers: [(String, any WritableKeyPath<Configuration, Int> & Sendable)] = [
        ("queueCommandsMax", \.queueCommandsMax),
        ("commandIDRetentionSeconds", \.commandIDRetentionSeconds),
        ("commandIDsMax", \.commandIDsMax),
        ("freeBytesMin", \.freeBytesMin),
        ("mapBytes", \.mapBytes),
        ("snapshotIntervalEntries", \.snapshotIntervalEntries),
        ("drainMilliseconds", \.drainMilliseconds),
        ("checkpointIntervalMilliseconds", \.checkpointIntervalMilliseconds),
    ]

    @Test("Every number of a configuration has a range, and a public one that has none is noticed")
    func allNumbers() {
        let fields = Mirror(reflecting: Configuration()).children
            .filter { $0.value is Int }.compactMap(\.label)
        #expect(Set(fields) == Set(Self.numbers.map(\.0)))
        #expect(Configuration.rules.map(\.name).sorted() == fields.sorted())
    }

    @Test("A configuration's number out of range is an error at opening that names field and range")
    func configurations() async throws {
        for (name, field) in Self.numbers {
            for value in [Int.min, -1, 0, .max] {
                var configuration = Bench.configuration(ManualClock())
                configuration[keyPath: field] = value
                let isRefused = (try? configuration.check()) == nil
                #expect(value >= 0 || isRefused)
                let log = MemoryStore()
                guard isRefused else {
                    // In range, so it opens, whatever the value; the queue alone needs memory.
                    if name != "queueCommandsMax" {
                        try await Ledger.open(in: log, configuration: configuration).close()
                    }
                    continue
                }
                let error = #expect(throws: LedgerError.self) {
                    try Ledger.openAndWait(in: log, configuration: configuration)
                }
                #expect(error?.code == .invalidConfiguration)
                #expect(error?.reason.hasPrefix("\(name) is \(value), and must be from ") == true)
                #expect(log.frames.count == 0)
                try await withLedgerPath { path in
                    #expect(throws: LedgerError(.invalidConfiguration, "")) {
                        try Ledger.openAndWait(at: path, configuration: configuration)
                    }
                    // Nothing was made.
                    #expect(throws: LedgerError(.notFound, "")) {
                        try LedgerReader.openAndWait(at: path)
                    }
                }
            }
        }
    }

    @Test("An id made at any time is an id, and asking for it is no trap")
    func ids() async throws {
        let bench = try Bench()
        try await bench.prepare()
        for number in extremes(1).map({ Int64(bitPattern: $0) }) {
            let id = CommandID.generate(at: Timestamp(nanoseconds: number))
            #expect(id.isVersion7)
            #expect(id.milliseconds == UInt64(max(0, number)) / 1_000_000)
            _ = try await bench.ledger.submit(.registerUser("dave"), id: id)
            _ = try bench.ledger.outcome(of: id)
            _ = try bench.ledger.entry(withID: id)
            let bits = UInt64(bitPattern: number)
            let far = CommandID(milliseconds: bits, randomHigh: bits, randomLow: bits)
            #expect(try bench.ledger.outcome(of: far, retentionSeconds: .max) == nil)
            #expect(try bench.ledger.entry(withID: far) == nil)
        }
    }

    @Test("Moments, places and proofs of any numbers give an answer or an error")
    func places() async throws {
        let bench = try Bench()
        try await bench.prepare()
        let ledger = bench.ledger
        let numbers = extremes(2)
        for (index, number) in numbers.enumerated() {
            let other = numbers[numbers.count - 1 - index]
            let signed = Int64(bitPattern: number)
            for time in [
                Timestamp(nanoseconds: signed), Timestamp(seconds: signed),
                Timestamp(milliseconds: signed),
            ] {
                _ = try ledger.position(notBefore: time)
                _ = try ledger.past(.time(time)).reflects
            }
            _ = try ledger.past(.before(number)).reflects
            _ = try ledger.auctionsChanged(from: number, entriesMax: .max, auctionsMax: .max)
            _ = try ledger.auctionsChanged(
                from: number, entriesMax: Int(truncatingIfNeeded: other), auctionsMax: 1)
            #expect(try ledger.entries(from: number, limit: .max).count <= Int(ledger.reflects))
            var runs = ledger.subscribe(from: number).makeAsyncIterator()
            if number < ledger.reflects {
                #expect(try await runs.next()?.first?.position == number)
            } else if number > ledger.reflects {
                await #expect(throws: LedgerError(.otherHistory, "")) { try await runs.next() }
            }
            let leaf = LedgerHash(of: [1])
            let proof = try InclusionProof(index: number, hashes: [leaf, leaf])
            _ = proof.root(fromLeaf: leaf, size: other)
            let consistency = try ConsistencyProof(
                oldSize: number, newSize: other, hashes: [leaf])
            _ = consistency.roots(assuming: leaf)
            _ = consistency.proves(oldRoot: leaf, newRoot: leaf)
            let checkpoint = try Checkpoint(origin: "example.org/x", size: number, root: leaf)
            #expect(try Checkpoint(parsing: checkpoint.text) == checkpoint)
            let receipt = Receipt(acceptedAt: number, time: Timestamp(nanoseconds: signed))
            _ = receipt.position
            let entry = LedgerEntry(
                position: number, time: Timestamp(nanoseconds: signed), commandID: nil,
                actor: .registrant, command: .registerUser("x"), outcome: .accepted([]),
                links: [EntryLink(chain: .wallet(.house), previous: other)])
            #expect(entry.links[0].previous == (other == .max ? nil : other))
        }
    }
}
