// SIGKILL at random moments: what was acknowledged is there once, nothing is there by halves, and
// sending everything again changes nothing.
//
// A killed process loses nothing that the operating system has already taken; power loss is
// another matter and needs the crash-state test of Durability.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Platform
import Testing

/// The load of one round: what a child submits and its parent submits again.
private enum Load {
    static let bidders = 20
    static let lots = 4

    /// The n-th batch: preparation first, then bids that mostly take the lead.
    static func batch(_ number: Int, round: UInt64) -> [Submission] {
        if number == 0 { return preparation(round) }
        var generator = SeededGenerator(seed: round << 32 | UInt64(number))
        return (0..<(1 + generator.below(40))).map { index in
            let price = number * 10 + generator.below(12)
            let command = Command.placeBid(
                auction: AuctionID(unchecked: "lot-\(generator.below(lots))"),
                bidder: UserID(unchecked: "bidder-\(generator.below(bidders))"),
                amount: Money(minorUnits: Int64(price)))
            return Submission(id: id(number, index, round), command: command)
        }
    }

    private static func preparation(_ round: UInt64) -> [Submission] {
        var commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
        ]
        for number in 0..<bidders {
            let user = UserID(unchecked: "bidder-\(number)")
            commands.append(.registerUser(user))
            commands.append(
                .charge(user: user, currency: "USD", amount: 1_000_000, reference: "r"))
        }
        for number in 0..<lots {
            let auction = AuctionID(unchecked: "lot-\(number)")
            commands.append(
                .openAuction(OpenAuction(auction: auction, seller: "bob", currency: "USD")))
        }
        return commands.enumerated().map {
            Submission(id: id(0, $0.offset, round), command: $0.element)
        }
    }

    /// The clock stands still over a round, so ids of any age are in the window.
    static let time = Timestamp(seconds: 1_700_000_000)

    private static func id(_ batch: Int, _ index: Int, _ round: UInt64) -> CommandID {
        CommandID(
            milliseconds: UInt64(time.nanoseconds / 1_000_000), randomHigh: round,
            randomLow: UInt64(batch) << 16 | UInt64(index))
    }

    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.clock = ManualClock(at: time)
        configuration.snapshotIntervalEntries = 500
        return configuration
    }
}

@Suite("Kill", .serialized)
struct KillTests {
    @Test("After SIGKILL at any moment every acknowledged command is there once, none by halves")
    func killed() async throws {
        for round in 1...(50 * campaignScale) {
            try await withLedgerPath { path in
                try await Self.runChild(path: path, round: UInt64(round))
                try Self.check(path: path, round: UInt64(round))
            }
        }
    }

    /// The child: submits batches and writes down each one that was acknowledged, until it kills
    /// itself after a random time.
    private static func runChild(path: String, round: UInt64) async throws {
        try await #require(processExitsWith: .signal(SIGKILL)) { [path, round] in
            var generator = SeededGenerator(seed: round)
            let microseconds = UInt32(2_000 + generator.below(120_000))
            Thread.detachNewThread {
                usleep(microseconds)
                kill(getpid(), SIGKILL)
            }
            let file = open(path + ".acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
            let ledger = try await Ledger.open(at: path, configuration: Load.configuration())
            var tickets: [(Int, BatchTicket)] = []
            for number in 0..<1_000_000 {
                tickets.append((number, try ledger.enqueue(Load.batch(number, round: round))))
                guard tickets.count > 3 else { continue }
                let (first, ticket) = tickets.removeFirst()
                let positions = try await ticket.value().map { "\($0.position ?? 0)" }
                let line = "\(first) \(positions.joined(separator: " "))\n"
                _ = line.withCString { write(file, $0, strlen($0)) }
            }
        }
    }

    private static func check(path: String, round: UInt64) throws {
        let place = Comment(rawValue: "round \(round)")
        let ledger = try Ledger.openAndWait(at: path, configuration: Load.configuration())
        defer { ledger.closeNow() }
        #expect(ledger.verify().isClean, place)
        let text = (try? String(contentsOfFile: path + ".acknowledged", encoding: .utf8)) ?? ""
        // The last line may be cut: then its batch was acknowledged and we do not know where.
        let lines = text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1)
        var last = -1
        for line in lines {
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            let batch = Load.batch(Int(numbers[0]), round: round)
            for (submission, position) in zip(batch, numbers.dropFirst()) {
                let entry = try #require(try ledger.entry(at: position), place)
                #expect(entry.commandID == submission.id, place)
            }
            last = Int(numbers[0])
        }
        try checkResubmission(ledger, through: last + 6, round: round, place)
    }

    /// Sends everything again, twice: the first time completes what was cut off, the second time
    /// changes nothing.
    private static func checkResubmission(
        _ ledger: Ledger, through last: Int, round: UInt64, _ place: Comment
    ) throws {
        var first: [[Receipt]] = []
        for number in 0...last {
            first.append(try ledger.enqueue(Load.batch(number, round: round)).wait())
        }
        let (digest, count) = (ledger.digest, ledger.reflects)
        for number in 0...last {
            let receipts = try ledger.enqueue(Load.batch(number, round: round)).wait()
            let replays = receipts.filter(\.isReplay).count
            #expect(replays == receipts.count, place)
            #expect(receipts.map(\.position) == first[number].map(\.position), place)
        }
        #expect(ledger.digest == digest && ledger.reflects == count, place)
        // Each id once: as many entries as commands, besides the engine's own openings.
        let commands = (0...last).reduce(0) { $0 + Load.batch($1, round: round).count }
        let own = try ledger.entries(from: 0, limit: .max).filter { $0.commandID == nil }.count
        #expect(Int(count) == commands + own, place)
        #expect(ledger.verify().isClean, place)
    }
}
