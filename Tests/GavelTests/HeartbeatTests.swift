// What a ledger writes down of being alive, and what the next opening makes of it.

import AuctionDomain
import Foundation
import GavelTesting
import Logging
import Platform
import Synchronization
import Testing

@testable import Gavel

@Suite("Heartbeats")
struct HeartbeatTests {
    private static func configuration(_ clock: ManualClock) -> Configuration {
        var configuration = Configuration()
        configuration.clock = clock
        return configuration
    }

    /// The last heartbeat in a ledger that nobody has open.
    private static func last(_ path: String) throws -> WriterFile.Heartbeat? {
        let file = try WriterFile.acquire(at: LedgerFolder(path: path).writer)
        defer { file.release() }
        return file.lastHeartbeat
    }

    @Test("A ledger beats while it is open and once more as it closes")
    func beats() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let ledger = try await Ledger.open(at: path, configuration: Self.configuration(clock))
            clock.advance(seconds: 40)
            await ledger.close()
            let beat = try #require(try Self.last(path))
            #expect(beat.time == clock.now().nanoseconds && beat.boot == 40_000_000_000)
        }
    }

    @Test("A ledger that has failed beats no more: the next opening knows since when")
    func failed() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            let gate = Gate()
            var configuration = Self.configuration(clock)
            // So that a command that is sent again is read from the store.
            configuration.shortcuts.remove(.recentFrames)
            let ledger = try Ledger.openAndWait(
                in: FolderStore(at: path), configuration: configuration
            ) {
                GatedLog($0, gate)
            }
            let first = Submission(
                id: .generate(at: clock.now()), command: .registerUser("dora"))
            _ = try await ledger.enqueue([first]).value()
            try await ledger.tick()
            let alive = clock.now()
            gate.isUnreadable.store(true, ordering: .releasing)
            await #expect(throws: LedgerError(.damaged, "")) {
                try await ledger.submit(first.command, id: first.id)
            }
            clock.advance(seconds: 3_600)
            await #expect(throws: LedgerError(.damaged, "")) { try await ledger.tick() }
            await ledger.close()
            #expect(try Self.last(path)?.time == alive.nanoseconds)
        }
    }

    @Test(
        "What ends while an operator holds closings waits at the next opening, until one confirms",
        arguments: [true, false])
    func holdOverRestart(closesInOrder: Bool) async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var ledger = try await Ledger.open(at: path, configuration: Self.configuration(clock))
            func submit(_ command: Command) async throws {
                let receipt = try await ledger.submit(command, id: .generate(at: clock.now()))
                try #require(receipt.status == .accepted, "\(receipt)")
            }
            try await submit(.registerCurrency(Currency(code: "USD", scale: 2)))
            try await submit(.registerUser("bob"))
            for (lot, seconds) in [("held", 20), ("later", 4_000)] as [(AuctionID, Int64)] {
                let end = Timestamp(nanoseconds: clock.now().nanoseconds + seconds * 1_000_000_000)
                try await submit(
                    .openAuction(
                        OpenAuction(auction: lot, seller: "bob", currency: "USD", closesAt: end)))
            }
            try await ledger.holdClosings()
            clock.advance(seconds: 30)
            if closesInOrder {
                try await ledger.tick()
                await ledger.close()
            } else {
                // What a process leaves that was killed: its folder as it is.
                try FileManager.default.copyItem(atPath: path, toPath: path + "-left")
                await ledger.close()
                try FileSystem.remove(path)
                try FileSystem.rename(path + "-left", to: path)
            }
            clock.advance(seconds: 1)
            ledger = try await Ledger.open(at: path, configuration: Self.configuration(clock))
            try await ledger.tick()
            #expect(try ledger.auction("held").value.status == .open)
            try await ledger.confirmClosings()
            #expect(try ledger.auction("held").value.status == .closed)
            #expect(try ledger.auction("later").value.status == .open)
            await ledger.close()
        }
    }

    @Test("What is logged of an outage says its times in UTC, and how long it was in seconds")
    func loggedOutage() async throws {
        try await withLedgerPath { path in
            let lines = LoggedLines()
            let clock = ManualClock(at: Timestamp(seconds: 1_800_000_000))
            var configuration = Self.configuration(clock)
            configuration.logger = Logger(label: "test") { _ in lines }
            configuration.freeBytesMin = .max
            let first = try await Ledger.open(at: path, configuration: configuration)
            for command: Command in [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
            ] {
                _ = try await first.submit(command, id: .generate(at: clock.now()))
            }
            await first.close()
            configuration.freeBytesMin = 0
            let second = try await Ledger.open(at: path, configuration: configuration)
            let end = Timestamp(nanoseconds: clock.now().nanoseconds + 20_000_000_000)
            _ = try await second.submit(
                .openAuction(
                    OpenAuction(auction: "lot", seller: "bob", currency: "USD", closesAt: end)),
                id: .generate(at: clock.now()))
            await second.close()
            clock.advance(seconds: 3_600)
            await (try Ledger.open(at: path, configuration: configuration)).close()
            let outage = try #require(
                lines.all.first { $0.hasPrefix("auctions ended while nobody could bid") })
            #expect(outage.contains("since=2027-01-15T08:00:00.000Z"), "\(outage)")
            #expect(outage.contains("until=2027-01-15T09:00:00.000Z"), "\(outage)")
            #expect(outage.contains("seconds=3600.0"), "\(outage)")
            let low = try #require(lines.all.first { $0.hasPrefix("storage is low") })
            #expect(low.contains("free_bytes_min=\(Int.max)"), "\(low)")
            #expect(low.contains(#/ free_bytes=\d+/#), "\(low)")
        }
    }

    @Test("A heartbeat of a time that cannot be is none", arguments: [Int64.min, -1, .max])
    func impossible(number: Int64) async throws {
        let fine = WriterFile.Heartbeat(
            time: 1_700_000_000_000_000_000, boot: 5, bootID: (1, 2), outageSince: .min)
        #expect(Heartbeat(fine)?.stored == fine)
        var (time, outage) = (fine, fine)
        time.time = number
        #expect(Heartbeat(time) == nil)
        outage.outageSince = number
        #expect((Heartbeat(outage) == nil) == (number != .min))
        try await withLedgerPath { path in
            let clock = ManualClock()
            try await Ledger.open(at: path, configuration: Self.configuration(clock)).close()
            let file = try WriterFile.acquire(at: LedgerFolder(path: path).writer)
            try file.publish(time)
            file.release()
            let ledger = try await Ledger.open(at: path, configuration: Self.configuration(clock))
            #expect(ledger.now == clock.now() && !ledger.statistics.isClockHeld)
            await ledger.close()
        }
    }
}

/// Every line that is logged: the message, and each field as ` name=value`, by name.
private final class LoggedLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }
        let line = "\(event.message)" + fields.map { " \($0.key)=\($0.value)" }.joined()
        lines.withLock { $0.append(line) }
    }
}
