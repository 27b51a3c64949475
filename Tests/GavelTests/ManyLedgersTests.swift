// How many ledgers, and readers of one, a process may have, and how long a log's file may get.

import AuctionDomain
import GavelTesting
import Logging
import Platform
import Synchronization
import Testing

@testable import Gavel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Ledgers in one process")
struct ManyLedgersTests {
    @Test("Five hundred ledgers are open at once, each takes commands, and all close")
    func fiveHundred() async throws {
        let folder = try FileSystem.temporaryDirectory("gavel-tests-")
        defer { try? FileSystem.remove(folder) }
        await #expect(processExitsWith: .success) { [path = folder as String] in
            // Each has five files open, which many systems allow a process a thousand of.
            var limit = rlimit()
            try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            limit.rlim_cur = min(limit.rlim_max, 4096)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            var configuration = Configuration()
            configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var ledgers: [Ledger] = []
            for number in 0..<500 {
                ledgers.append(
                    try await Ledger.open(at: "\(path)/\(number)", configuration: configuration))
            }
            try await withThrowingTaskGroup(of: Receipt.self) { group in
                for ledger in ledgers {
                    group.addTask {
                        try await ledger.submit(.registerUser("alice"), id: .generate())
                    }
                }
                for try await receipt in group { try #require(receipt.status == .accepted) }
            }
            for ledger in ledgers { await ledger.close() }
            for number in [0, 255, 256, 499] {
                let reader = try await LedgerReader.open(at: "\(path)/\(number)")
                try #require(reader.reflects == 3)
            }
        }
    }

    @Test("Beside a ledger its own process may have as many readers of it as it likes")
    func readersBeside() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            let readers = try (0..<20).map { _ in try LedgerReader.openAndWait(at: path) }
            try register(5, "user", in: ledger)
            for reader in readers {
                try reader.refresh()
                #expect(reader.reflects == ledger.durableCount)
                #expect(try reader.wallet("user-4").value == ledger.wallet("user-4").value)
            }
            #expect(throws: LedgerError(.heldByWriter, "")) { try Ledger.openAndWait(at: path) }
            await ledger.close()
            // The files stay open for those who read them.
            #expect(try readers[0].entry(at: 3) != nil)
            for reader in readers { reader.close() }
            #expect(throws: (any Error).self) { try readers[0].entry(at: 3) }
            #expect(try FileSystem.listDirectory(path + "/log") == ["data.mdb"])
        }
    }

    @Test("Reading goes on while a ledger is written as fast as it can be")
    func besideBusyLedger() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            let isDone = Atomic<Bool>(false)
            // So far ahead of the reader and no further: what is verified in the end does not grow
            // with the time that the reading takes.
            let roundsMax = Atomic<Int>(40)
            let writing = onThread {
                var round = 0
                while !isDone.load(ordering: .acquiring) {
                    guard round < roundsMax.load(ordering: .acquiring) else {
                        usleep(200)
                        continue
                    }
                    try register(1 + round % 40, "r\(round % 120)", in: ledger)
                    round += 1
                }
            }
            let reader = try await LedgerReader.open(at: path)
            for round in 0..<30 {
                _ = roundsMax.wrappingAdd(20, ordering: .acquiringAndReleasing)
                let least = ledger.durableCount
                try reader.refresh()
                #expect(reader.reflects >= least)
                if round % 10 == 0 {
                    #expect(try Verifier.verify(at: path, level: .records).isClean)
                    try reader.backup(to: "\(path)-copy-\(round)")
                    let copied = try Verifier.verify(at: "\(path)-copy-\(round)", structure: true)
                    #expect(copied.isClean && copied.entries >= least, "\(copied.findings)")
                }
            }
            isDone.store(true, ordering: .releasing)
            try await writing.value
            await ledger.close()
            try reader.refresh()
            #expect(try Verifier.verify(at: path).isClean)
            reader.close()
        }
    }
}

@Suite("The length of a log's file")
struct MapBytesTests {
    private func configuration(_ mapBytes: Int, freeBytesMin: Int = 256 << 10) -> Configuration {
        var configuration = Configuration()
        configuration.mapBytes = mapBytes
        configuration.freeBytesMin = freeBytesMin
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return configuration
    }

    @Test(
        "A file that nears its length refuses bids as storage_low; with more the ledger goes on",
        arguments: [40, 500, 6_000])
    func nearsFull(batch: Int) async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path, configuration: configuration(4 << 20))
            for command: Command in [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
                .registerUser("alice"),
                .charge(user: "alice", currency: "USD", amount: 900_000, reference: "r"),
                .openAuction(OpenAuction(auction: "lot", seller: "bob", currency: "USD")),
            ] {
                let receipt = try await ledger.submit(command, id: .generate())
                try #require(receipt.status == .accepted)
            }
            var amount: Int64 = 0
            var refusal: Refusal?
            for _ in 0..<60_000 / batch where refusal == nil {
                let bids = (0..<batch).map { _ in
                    amount += 1
                    return Submission(
                        id: .generate(),
                        command: .placeBid(
                            auction: "lot", bidder: "alice", amount: Money(minorUnits: amount)))
                }
                refusal = try await ledger.submit(bids).compactMap(\.refusal).first
            }
            #expect(refusal == .storageLow)
            #expect(ledger.statistics.isStorageLow && ledger.failure == nil)
            let storage = try #require(ledger.statistics.storage)
            #expect(storage.mapBytes == 4 << 20 && storage.usedBytes < 4 << 20)
            // What frees money still goes.
            let closing = try await ledger.submit(
                .closeAuction("lot", hammer: true), id: .generate())
            #expect(closing.status == .accepted)
            await ledger.close()
            let larger = try await Ledger.open(at: path, configuration: configuration(64 << 20))
            let next = OpenAuction(auction: "next", seller: "bob", currency: "USD")
            let receipt = try await larger.submit(.openAuction(next), id: .generate())
            #expect(receipt.status == .accepted)
            await larger.close()
            #expect(try Verifier.verify(at: path).isClean)
            // Less than there is would end in a commit that fails.
            #expect(throws: LedgerError(.invalidConfiguration, "")) {
                try Ledger.openAndWait(at: path, configuration: configuration(1 << 20))
            }
            await #expect(try LedgerReader.open(at: path).reflects > 1000)
        }
    }
}
