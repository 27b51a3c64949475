// One history, lived by a ledger with its service, and all that anyone saw of it.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import HTTPTypes
import Logging
import Testing

@testable import GavelHTTP

/// Something that anyone saw, or the stranger.
struct Observation: Equatable, Sendable {
    /// What was looked at, and after which step.
    var what: String
    var text: String
}

/// A folder with the service's own tables, which the worlds of one test share in turn.
final class SharedStore: Sendable {
    let store: ServiceStore
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-worlds-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        store = try ServiceStore(ledger: folder.path)
    }

    deinit {
        store.close()
        try? FileManager.default.removeItem(at: folder)
    }
}

/// A running history.
final class World {
    private let clock: ManualClock
    private let ledger: Ledger
    private let service: AuctionService
    private let client: RouterClient
    private let pair: WorldPair
    private let leak: PlantedLeak?
    /// Draws the calls that are made where not all are; the same in both worlds.
    private var sampler: SeededGenerator
    private var listeners: [(name: String, listener: LiveListener, seat: LiveSeat)] = []
    private var followed: Set<AuctionID> = []
    private var chainHeads: [AuctionID: UInt64] = [:]
    private(set) var seen: [Observation] = []

    /// The key of every ledger here: it is public, and may not tell worlds apart.
    private static let key = Result { try SigningKey.generate(name: "test/world") }

    init(
        _ pair: WorldPair, in shared: SharedStore, leak: PlantedLeak? = nil
    ) async throws {
        self.pair = pair
        self.leak = leak
        sampler = SeededGenerator(seed: pair.seed)
        clock = ManualClock(at: pair.first[0].time)
        var configuration = Configuration()
        configuration.clock = clock
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        configuration.ledgerID = LedgerID(high: 7, low: pair.seed)
        configuration.secret = LedgerSecret(Array(repeating: 7, count: LedgerSecret.byteCount))
        configuration.signingKey = try Self.key.get()
        configuration.checkpointIntervalMilliseconds = 1
        ledger = try await Ledger.open(in: MemoryStore(), configuration: configuration)
        var options = ServiceOptions()
        options.callsPerSecondByUser = 0
        options.callsPerSecondByAddress = 0
        options.rejectionsPerMinute = 0
        options.watchesConnections = false
        service = try await AuctionService(
            ledger: ledger, store: shared.store, authenticator: NamedCallers(), options: options,
            logger: configuration.logger, clock: clock,
            routes: leak?.routes(AuctionService.routes) ?? AuctionService.routes)
        client = RouterClient(service)
    }

    /// Lives a history.
    /// - Parameter steps: of the pair's first world, or of its second.
    func run(_ steps: [WorkloadStep]) async throws {
        try follow(.feed, "the feed")
        // In the middle of things, and when the last command is done.
        let (middle, last) = (steps.count / 2, steps.count - 1)
        for (number, step) in steps.enumerated() {
            clock.advance(to: step.time)
            let answer = try await submit(step)
            if step.actor == .user(pair.stranger) { note("step \(number)", answer) }
            try await takeEvents("step \(number)")
            if number == middle {
                try await look("step \(number)", until: number, perMille: 250)
            }
            if number == last {
                try await look("step \(number)", until: number, perMille: 500)
                try await lookAtOperations()
            }
        }
        if pair.reachesEnd {
            clock.advance(to: pair.endTime)
            try await ledger.tick()
            try await takeEvents("the end")
            try await look("the end", until: last, perMille: 250)
        }
        listeners.removeAll()
        await ledger.close()
    }

    private func note(_ what: String, _ text: String) {
        seen.append(Observation(what: what, text: text))
    }

    // MARK: Commands

    /// Submits a command as its caller would: over HTTP where there is such a call.
    private func submit(_ step: WorkloadStep) async throws -> String {
        guard let call = HTTPCommand(step) else {
            let receipt = try await ledger.submit(step.command, id: step.id, by: step.actor)
            return "\(receipt.status) \(receipt.position ?? 0)"
        }
        var headers = HTTPFields()
        headers[.authorization] = "Bearer \(call.caller)"
        headers[.idempotencyKey] = step.id.description
        return try await client.call(
            .post, call.path, headers: headers, body: Array(call.body.utf8)
        ).text
    }

    // MARK: Streams

    private func follow(_ topic: LiveTopic, _ name: String) throws {
        var mark: ChangeMark?
        if case .auction(let id) = topic { mark = ledger.marks(of: [id])[0] }
        let listener = LiveListener()
        let (seat, _) = try service.live.listen(
            listener, to: topic, mark: mark, for: .house, most: .max)
        listeners.append((name, listener, seat))
    }

    /// Takes what the streams tell after a step.
    private func takeEvents(_ when: String) async throws {
        _ = service.live.tellChanges(since: nil, .now)
        if leak?.leaksInStreams == true { leakIntoStreams(when) }
        for (name, listener, _) in listeners {
            // A listener without news has a heartbeat instead, so that nobody waits.
            listener.beat(after: .zero, at: .now)
            guard let event = await listener.next(), !event.text.hasPrefix(":") else { continue }
            note("\(name) after \(when)", event.text)
        }
        for id in pair.auctions where !followed.contains(id) {
            guard ledger.marks(of: [id])[0] != nil else { continue }
            followed.insert(id)
            try follow(.auction(id), "the stream of \(id)")
        }
    }

    /// What a stream would tell that wakes on rejected bids, or counts them.
    private func leakIntoStreams(_ when: String) {
        for id in followed.sorted(by: { $0.string < $1.string }) {
            guard let view = try? ledger.auction(id).value,
                let last = try? ledger.history(of: .auction(id), limit: 1).items.first?.position
            else { continue }
            let hasWoken = chainHeads.updateValue(last, forKey: id) != last
            guard hasWoken else { continue }
            note(
                "the leaky stream of \(id) after \(when)",
                leak == .countedRejections ? "bids \(view.bids)" : "woken")
        }
    }

    // MARK: Looking

    /// Calls what anyone may call, as nobody and as the stranger.
    /// - Parameter perMille: how many of a thousand calls are made.
    private func look(_ when: String, until step: Int, perMille: Int) async throws {
        // Which checkpoint covers what is a matter of time, until the last one covers all.
        while ledger.statistics.checkpointCount != ledger.durableCount {
            try await Task.sleep(for: .milliseconds(1))
        }
        let facts = PublicFacts(
            auctions: pair.auctions.filter { followed.contains($0) }, size: ledger.reflects,
            times: pair.times(until: step), stranger: pair.stranger)
        for operation in PublicCalls.operations where leak?.leaks(through: operation.id) ?? true {
            let calls = PublicCalls.table[operation.id]?(facts) ?? []
            for caller in [nil, pair.stranger] {
                // Who is not signed in is told so, whatever she asks for.
                let isRefused = caller == nil && !operation.isForAnyone
                for call in isRefused ? calls.prefix(1) : calls[...]
                where leak != nil || sampler.chance(perMille: perMille) {
                    try await look(call, of: operation.id, as: caller, when)
                }
            }
        }
    }

    /// Calls the operations listener.
    private func lookAtOperations() async throws {
        guard pair.hasSameKinds, leak == nil else { return }
        for path in ["/live", "/ready", "/metrics"] {
            note("operations \(path)", try await client.operation(path).withoutTimes)
        }
    }

    private func look(
        _ first: PublicCall, of operation: String, as caller: UserID?, _ when: String
    ) async throws {
        var call = first
        while true {
            let text = try await answer(to: call, of: operation, as: caller, when)
            guard call.walksPages, let next = text.firstMatch(of: #/"cursor":"([^"]+)"/#)
            else { return }
            call.path = "\(first.path)&cursor=\(next.1)"
        }
    }

    private func answer(
        to call: PublicCall, of operation: String, as caller: UserID?, _ when: String
    ) async throws -> String {
        var headers = call.headers
        if let caller { headers[.authorization] = "Bearer \(caller)" }
        if call.body != nil { headers[.idempotencyKey] = PublicCalls.key }
        let answer = try await client.call(
            call.method, call.path, headers: headers, body: call.body.map { Array($0.utf8) })
        let text = answer.text(hashesIn: operation)
        note(
            "\(operation) \(call.path) \(call.headers) of \(caller?.string ?? "anyone") after "
                + when,
            text)
        return text
    }
}

/// A command as a call of HTTP.
struct HTTPCommand {
    let caller: String
    let path: String
    let body: String

    /// - Returns: nil where the service has no such call, or the caller may not make it.
    init?(_ step: WorkloadStep) {
        switch (step.command, step.actor) {
        case (.placeBid(let auction, let bidder, let amount), .user(let user))
        where user == bidder:
            (caller, path) = (user.string, "/auctions/\(auction)/bid")
            body = #"{"amount":\#(amount.minorUnits)}"#
        case (.buyNow(let auction, let buyer), .user(let user)) where user == buyer:
            (caller, path, body) = (user.string, "/auctions/\(auction)/buy", "{}")
        case (.closeAuction(let auction, let hammer), .user(let user)):
            (caller, path) = (user.string, "/auctions/\(auction)/close")
            body = #"{"hammer":\#(hammer)}"#
        case (.cancelAuction(let auction, let reason), .user(let user)):
            (caller, path) = (user.string, "/auctions/\(auction)/cancel")
            body = #"{"reason":"\#(reason)"}"#
        case (.charge(let user, let currency, let amount, let reference), .payment):
            (caller, path) = ("payment", "/wallets/\(user)/charge")
            body = Self.payment(currency, amount, reference)
        case (.withdraw(let owner, let currency, let amount, let reference), .user(let user))
        where user == owner:
            (caller, path) = (user.string, "/wallet/withdraw")
            body = Self.payment(currency, amount, reference)
        default: return nil
        }
    }

    private static func payment(
        _ currency: CurrencyCode, _ amount: Money, _ reference: PaymentReference
    ) -> String {
        #"{"currency":"\#(currency)","amount":\#(amount.minorUnits),"reference":"\#(reference)"}"#
    }
}

extension RouterAnswer {
    /// The answer but for what differs wherever any byte of the log does: hashes, signatures, and
    /// the bytes of an own entry in its proof, which name the entry before it.
    fileprivate func text(hashesIn operation: String) -> String {
        switch operation {
        case "getTile1": "\(status) \(headers) \(body.count) bytes"
        // How many were signed is a matter of the machine's time.
        case "listCheckpoints": "\(status)"
        case "listPublicEntries", "getCheckpoint", "getInclusionProof", "getConsistencyProof",
            "getEntryProof":
            text.replacing(#/[A-Za-z0-9+\/]{40,}={0,2}/#) { _ in "#" }
        default: text
        }
    }

    /// The figures but for those that measure time: how long calls and commits took, and how many
    /// entries happened to share one.
    fileprivate var withoutTimes: String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { line in
                !["_seconds", "_frame_entries", "Content-Length"].contains { line.contains($0) }
            }
            .joined(separator: "\n")
    }
}
