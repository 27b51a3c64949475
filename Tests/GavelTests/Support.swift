// What the tests of this folder share: folders of their own, ledgers in memory, short commands.

import AuctionDomain
import Foundation
import GavelTesting
import Logging
import Platform
import Synchronization
import Testing

@testable import Gavel

/// Runs `body` with a path at which a ledger may be made; everything is removed afterwards.
func withLedgerPath<R>(_ body: (String) async throws -> R) async throws -> R {
    let folder = try FileSystem.temporaryDirectory("gavel-tests-")
    defer { try? FileSystem.remove(folder) }
    return try await body(folder + "/ledger")
}

/// Runs work on a thread of its own, to be waited for: what goes on until somebody stops it must
/// not hold one of the few threads that all tasks share.
func onThread<R: Sendable>(
    _ work: @escaping @Sendable () throws -> R
) -> Task<R, any Error> {
    Task { try await DedicatedThread.run(named: "gavel.test", work) }
}

/// Registers users in one batch.
func register(_ users: Int, _ prefix: String, in ledger: Ledger) throws {
    let commands = (0..<users).map { number in
        Submission(
            id: .generate(), command: .registerUser(UserID(unchecked: "\(prefix)-\(number)")))
    }
    _ = try ledger.enqueue(commands).wait()
}

/// A ledger in memory with a clock that stands still, and the log under it.
struct Bench {
    static let logger = Logger(label: "tests")

    let clock: ManualClock
    let store: MemoryStore
    let ledger: Ledger
    var log: any LogReader { ledger.log }

    init(_ change: (inout Configuration) -> Void = { _ in }) throws {
        clock = ManualClock()
        store = MemoryStore()
        ledger = try Ledger.openAndWait(
            in: store, configuration: Self.configuration(clock, change))
    }

    static func configuration(
        _ clock: ManualClock, _ change: (inout Configuration) -> Void = { _ in }
    ) -> Configuration {
        var configuration = Configuration()
        configuration.clock = clock
        change(&configuration)
        return configuration
    }

    /// Submits a command under a new id.
    @discardableResult
    func submit(_ command: Command, by actor: LedgerActor = .operator) async throws -> Receipt {
        try await ledger.submit(command, id: .generate(at: ledger.now), by: actor)
    }

    /// Submits commands that must be accepted.
    func accept(_ commands: Command...) async throws {
        for command in commands {
            let receipt = try await submit(command)
            try #require(receipt.status == .accepted, "\(command): \(receipt)")
        }
    }

    /// USD, bob who sells, and alice and carol with money.
    func prepare(money: Money = 10_000) async throws {
        try await accept(
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
            .registerUser("alice"), .registerUser("carol"),
            .charge(user: "alice", currency: "USD", amount: money, reference: "a-1"),
            .charge(user: "carol", currency: "USD", amount: money, reference: "c-1"))
    }

    /// Opens an auction that ends so many seconds from now.
    func open(_ auction: AuctionID, seconds: Int64? = 3600, proxy: Bool = false) async throws {
        let now = clock.now().nanoseconds
        try await accept(
            .openAuction(
                OpenAuction(
                    auction: auction, seller: "bob", currency: "USD",
                    closesAt: seconds.map { Timestamp(nanoseconds: now + $0 * 1_000_000_000) },
                    rules: AuctionRules(proxy: proxy))))
    }

    func bid(_ bidder: UserID, _ amount: Money, on auction: AuctionID = "lot-1") async throws
        -> Receipt
    {
        try await submit(.placeBid(auction: auction, bidder: bidder, amount: amount))
    }
}

extension LedgerQueries {
    /// What a user has in USD.
    func usd(_ user: UserID) throws -> (available: Money, locked: Money) {
        let balance = try wallet(user).value.balances.first { $0.currency.code == "USD" }
        return (balance?.available ?? 0, balance?.locked ?? 0)
    }
}

/// Short campaigns by default; `GAVEL_CAMPAIGN=20` runs them twenty times as long.
let campaignScale: Int = {
    ProcessInfo.processInfo.environment["GAVEL_CAMPAIGN"].flatMap(Int.init) ?? 1
}()

/// Writes the file of a key.
func writeKey(_ key: SigningKey, to path: String) throws {
    try FileSystem.writeFileAtomically(path, Array(key.fileText.utf8), mode: 0o600)
}

extension MemoryStore {
    /// Takes the key away, and what it signed: the log names another one, which the test made up.
    func forgetKey() throws {
        try remove(.key)
        try remove(.checkpoint)
    }
}

/// A door between a log and its reports.
final class Gate: Sendable {
    let isShut = Atomic<Bool>(false)
    /// Whether reading back throws.
    let isUnreadable = Atomic<Bool>(false)
    /// How many frames came to the shut door.
    let stored = Atomic<Int>(0)
}

/// A log that is seen through another, which changes some of what it does.
class WrappedLog: LogWriter, @unchecked Sendable {
    // Sendable without a check: what subclasses add is immutable, atomic or under a lock.
    let log: any LogReader

    init(_ log: any LogReader) { self.log = log }

    private var writer: any LogWriter {
        guard let writer = log as? any LogWriter else { fatalError("the log is only read") }
        return writer
    }

    var entryCount: UInt64 { get throws { try log.entryCount } }
    var keepsTileRoots: Bool { log.keepsTileRoots }
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try log.forEachFrame(from: position, body)
    }
    func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        try log.tileRoots(endingWith: tile)
    }
    func close() { log.close() }

    var framesInFlightMax: Int { writer.framesInFlightMax }
    var lastHeartbeat: Heartbeat? { writer.lastHeartbeat }
    var freeBytes: Int? { writer.freeBytes }
    func append(_ frames: [SealedFrame]) throws(StoreFailure) { try writer.append(frames) }
    func replaceTiles(by tiles: StoredTiles) throws { try writer.replaceTiles(by: tiles) }
    func publish(durableCount: UInt64) throws { try writer.publish(durableCount: durableCount) }
    func publish(epoch: UInt64) throws { try writer.publish(epoch: epoch) }
    func publish(_ heartbeat: Heartbeat) throws { try writer.publish(heartbeat) }
    func check() throws(StoreFailure) { try writer.check() }
}

/// Stores like the log under it and holds its reports back while the gate is shut.
final class GatedLog: WrappedLog, @unchecked Sendable {
    private let gate: Gate

    init(_ log: any LogWriter, _ gate: Gate) {
        self.gate = gate
        super.init(log)
    }

    override func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        try super.append(frames)
        if gate.isShut.load(ordering: .acquiring) {
            _ = gate.stored.wrappingAdd(1, ordering: .releasing)
        }
        while gate.isShut.load(ordering: .acquiring) { usleep(500) }
    }

    override func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        if gate.isUnreadable.load(ordering: .acquiring) { throw LogFault("asked for") }
        try super.forEachFrame(from: position, body)
    }
}
