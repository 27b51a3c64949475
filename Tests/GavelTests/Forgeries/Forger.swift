// Somebody who holds the key and the disk: rewrites a ledger's log from one entry on, makes every
// link, hash and root anew, and signs the checkpoint again.

import AuctionDomain
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// One entry of a log, as the forger would have it.
struct ForgedLine {
    var time: Timestamp
    var id: CommandID
    var actor: CanonicalActor
    var command: CanonicalCommand
    var outcome: Outcome
    /// As in the true log: what stands where the fold cannot follow the forger any more.
    var links: ContiguousArray<EntryLink>

    init(_ entry: LedgerEntry) {
        time = entry.time
        id = entry.commandID ?? .none
        actor = entry.actor
        command = entry.command
        outcome = entry.outcome
        links = entry.links
    }
}

/// A true ledger and its forgeries.
struct Forger {
    static let start: Int64 = 1_735_689_600

    static func at(_ seconds: Int64) -> Timestamp { Timestamp(seconds: start + seconds) }

    let lines: [ForgedLine]
    private let ledgerID: LedgerID
    let key: SigningKey
    let path: String

    /// Imports a history whose entries the forgeries below change: fees, proxy bids, a reserve, a
    /// soft close, a purchase, rejections, and an end that an outage would move.
    init(at path: String) throws {
        self.path = path
        key = SigningKey(
            key: try PrivateNoteKey(
                name: "ledger.example/forged", type: .signature, seed: Array(0x61...0x80)))
        var configuration = Configuration()
        configuration.engineVersion = "forger"
        configuration.signingKey = key
        let fingerprint = LedgerHash(of: Array("forged".utf8))
        ledgerID = .derived(from: fingerprint.bytes)
        let history = try LedgerImport(
            to: path, fingerprint: fingerprint, configuration: configuration)
        var number: UInt64 = 0
        for (seconds, command) in Self.history {
            number += 1
            let time = Self.at(seconds)
            let id = CommandID(
                milliseconds: UInt64(time.nanoseconds / 1_000_000), randomHigh: 7,
                randomLow: number)
            try history.add(Submission(id: id, command: command), at: time)
        }
        try history.finish()
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        lines = try reader.entries(from: 0).map { ForgedLine($0) }
    }

    private static func bid(
        _ bidder: UserID, _ amount: Money, _ auction: AuctionID, at seconds: Int64
    ) -> (Int64, Command) {
        (seconds, .placeBid(auction: auction, bidder: bidder, amount: amount))
    }

    private static var history: [(Int64, Command)] {
        let steps = Increments.table([IncrementRow(from: 0, step: 10)])
        func open(
            _ auction: AuctionID, until end: Int64, _ rules: AuctionRules
        ) -> (Int64, Command) {
            (
                2,
                .openAuction(
                    OpenAuction(
                        auction: auction, seller: "sam", currency: "USD", closesAt: at(end),
                        rules: rules))
            )
        }
        var history: [(Int64, Command)] = [
            (0, .registerCurrency(Currency(code: "USD", scale: 2)))
        ]
        for user in ["sam", "alice", "bob", "carol"] as [UserID] {
            history.append((1, .registerUser(user)))
        }
        for user in ["alice", "bob", "carol"] as [UserID] {
            history.append(
                (1, .charge(user: user, currency: "USD", amount: 10_000, reference: "psp")))
        }
        let bidding: [(Int64, Command)] = [
            open(
                "lot-1", until: 100,
                AuctionRules(
                    openingPrice: 100, proxy: true, increments: steps,
                    softClose: SoftClose(windowMilliseconds: 30_000, extensionMilliseconds: 60_000),
                    fees: Fees(seller: Fee(basisPoints: 1000)))),
            open(
                "lot-2", until: 300,
                AuctionRules(
                    openingPrice: 100, increments: steps,
                    buyNow: BuyNow(price: 5000, until: .end))),
            open(
                "lot-3", until: 150,
                AuctionRules(openingPrice: 100, increments: steps, reservePrice: 2000)),
            open(
                "lot-4", until: 200,
                AuctionRules(outage: OutageRule(moveMilliseconds: 60_000))),
            bid("alice", 540, "lot-1", at: 10), bid("bob", 300, "lot-1", at: 20),
            bid("bob", 105, "lot-1", at: 30), bid("alice", 600, "lot-1", at: 40),
            bid("bob", 700, "lot-1", at: 80), bid("carol", 1000, "lot-3", at: 85),
            bid("bob", 700, "lot-2", at: 90), bid("alice", 800, "lot-2", at: 90),
            // The very end, which the soft close moved to 140.
            bid("alice", 1500, "lot-1", at: 140),
            bid("carol", 900, "lot-2", at: 145),
            bid("alice", 1000, "lot-2", at: 160),
            (170, .buyNow(auction: "lot-2", buyer: "carol")),
            (180, .withdraw(user: "sam", currency: "USD", amount: 100, reference: "out")),
        ]
        return history + bidding
    }

    /// The first entry of which something holds.
    func place(where fits: (ForgedLine) -> Bool) throws -> Int {
        let place = lines.firstIndex(where: fits)
        return try #require(place)
    }

    /// The first accepted entry that has such an event.
    func place(of name: String, _ fits: (ForgedLine) -> Bool = { _ in true }) throws -> Int {
        try place { line in line.outcome.events.contains { $0.name == name } && fits(line) }
    }

    // MARK: Forging

    /// The log with some entries replaced. What follows is decided by the rules, so that nothing
    /// else contradicts them; where not even the fold can follow, the rest stays as it was.
    func forged(_ range: Range<Int>, by replacement: [ForgedLine]) -> [LedgerEntry] {
        var run = ForgedRun()
        for line in lines[..<range.lowerBound] { run.append(line) }
        for line in replacement { run.append(line) }
        for line in lines[range.upperBound...] { run.decideAndAppend(line) }
        run.closeDue(until: lines.last?.time ?? .zero)
        return run.entries
    }

    /// The log with an entry of the engine behind its last, which moves the end of lot 4.
    /// - Parameter change: what is wrong with it.
    func withOutage(
        since: Int64 = 195, until: Int64 = 215, at seconds: Int64 = 215,
        _ change: (inout ForgedLine) -> Void = { _ in }
    ) -> (entries: [LedgerEntry], position: Int) {
        let lot4 = AuctionHandle(rawValue: 3)
        var line = ForgedLine(
            LedgerEntry(
                position: 0, time: Self.at(seconds), commandID: nil, actor: .system,
                command: .extendOutage(
                    auction: lot4, since: Self.at(since), until: Self.at(until)),
                outcome: .accepted([
                    .auctionExtended(
                        auction: lot4, closesAt: Self.at(until + 60), reason: .outage)
                ]), links: []))
        change(&line)
        return (forged(lines.count..<lines.count, by: [line]), lines.count)
    }

    /// The log with the outcome of one entry changed.
    func forged(_ index: Int, _ change: (inout EventList) -> Void) -> [LedgerEntry] {
        var line = lines[index]
        var events = line.outcome.events
        change(&events)
        line.outcome = .accepted(events)
        return forged(index..<index + 1, by: [line])
    }

    /// One frame of entries, with the root that they give.
    func frame(of entries: [LedgerEntry]) throws -> (bytes: [UInt8], root: LedgerHash) {
        var builder = FrameBuilder(firstPosition: 0, capacity: 1 << 16)
        for entry in entries {
            builder.append(
                entry.command, id: entry.commandID ?? .none, actor: entry.actor,
                at: EntryPoint(position: entry.position, time: entry.time),
                rejection: entry.outcome.rejection, events: entry.outcome.events,
                links: entry.links, salt: nil)
        }
        let frame = builder.finish()
        var tree = MerkleTree()
        frame.seal(
            Frame.Identity(ledgerID: ledgerID, epoch: 1, number: 0, horizon: CommandHorizon()),
            tree: &tree)
        var bytes: [UInt8] = []
        frame.withParts { bytes += $0.array() }
        return (bytes, tree.root)
    }

    /// Puts a log of these entries, and a checkpoint over it by the ledger's own key, in the place
    /// of the true one.
    func write(_ entries: [LedgerEntry]) throws {
        let frame = try frame(of: entries)
        try replaceLog(at: path, by: [(0, frame.bytes)])
        try? FileSystem.remove(path + "/snapshots")
        let checkpoint = try Checkpoint(
            origin: key.verifier.name, size: UInt64(entries.count), root: frame.root)
        try FolderStore(at: path).write(.checkpoint, checkpoint.signed(by: key).bytes)
        try FileSystem.writeFileAtomically(
            path + "/key", Array(key.fileText.utf8), mode: 0o600)
    }
}

/// A log as it is written on.
private struct ForgedRun {
    private(set) var entries: [LedgerEntry] = []
    private var state = State()
    /// Whether the fold can follow.
    private var isSound = true

    /// Appends an entry as it is.
    mutating func append(_ line: ForgedLine) {
        let point = EntryPoint(position: UInt64(entries.count), time: line.time)
        let events = line.outcome.events
        if isSound { isSound = (try? evolved(line, at: point)) != nil }
        var links = line.links
        if isSound {
            links = []
            state.finishEntry(
                line.command, rejected: line.outcome.rejection != nil, events: events, at: point,
                links: &links)
        }
        entries.append(
            LedgerEntry(
                position: point.position, time: line.time,
                commandID: line.id == .none ? nil : line.id, actor: line.actor,
                command: line.command, outcome: line.outcome, links: links))
    }

    private mutating func evolved(_ line: ForgedLine, at point: EntryPoint) throws {
        try state.check(line.command, by: line.actor, at: point)
        for event in line.outcome.events {
            try state.check(event)
            state.evolve(event, at: point)
        }
        if let auction = line.command.auction { try state.checkConsistency(of: auction) }
    }

    /// Appends what the engine writes for a caller's command. Its own entries come by themselves.
    mutating func decideAndAppend(_ line: ForgedLine) {
        guard isSound else { return append(line) }
        if line.actor == .system {
            // Closings come by themselves.
            if case .closeDue = line.command { return }
            return append(line)
        }
        closeDue(until: line.time)
        var line = line
        line.outcome = state.decide(line.command, by: line.actor, at: line.time)
        append(line)
    }

    mutating func closeDue(until time: Timestamp) {
        while isSound, let auction = state.nextDue(at: time) {
            var line = ForgedLine(
                LedgerEntry(
                    position: 0, time: max(state.time, state[auction].closesAt), commandID: nil,
                    actor: .system, command: .closeDue(auction), outcome: .accepted([]), links: []))
            line.outcome = state.decide(line.command, by: .system, at: line.time)
            append(line)
        }
    }
}
