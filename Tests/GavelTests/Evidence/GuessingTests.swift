// An outsider has every public byte and guesses: for each entry that holds a secret he tries every
// value the secret may have, and compares leaf hashes. He is given more than any outsider can know:
// every byte of the entry but the secret and what makes the entry unguessable (its salt, or the
// caller's command id). He must not find the secret without these, and must find it with them.

import AuctionDomain
import Foundation
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// Who sees hash tiles and knows how entries are written.
private struct Outsider {
    /// The leaf hashes, out of the exported tiles.
    private var leaves: Set<LedgerHash> = []

    init(_ reader: LedgerReader) throws {
        let export = try reader.tileExport()
        for tile in export.tiles() where tile.level == 0 {
            let bytes = try export.bytes(of: tile)
            for start in stride(from: 0, to: bytes.count, by: 32) {
                leaves.insert(LedgerHash(bytes: Array(bytes[start..<start + 32]))!)
            }
        }
        precondition(leaves.count > 10)
    }

    /// Which of the amounts give an entry whose leaf is public.
    /// - Parameters:
    ///   - entry: what he knows of it; its amounts are the right ones and are not looked at.
    ///   - id: the command id to assume with an amount.
    ///   - salt: the salt to assume; nil for none.
    ///   - rewrite: puts an amount where the secret stands.
    func confirmed(
        _ amounts: ClosedRange<Int64>, in entry: LedgerEntry, id: (Money) -> CommandID,
        salt: UInt64?, _ rewrite: (Money) -> Guess
    ) -> [Int64] {
        var buffer = ByteBuffer(capacity: 512)
        return amounts.filter { amount in
            let amount = Money(minorUnits: amount)
            let guess = rewrite(amount)
            buffer.removeAll()
            buffer.appendEntry(
                guess.command, id: id(amount), actor: entry.actor,
                at: EntryPoint(position: entry.position, time: entry.time),
                rejection: guess.rejection, events: guess.events, links: entry.links, salt: salt)
            return leaves.contains(buffer.withBytes { LedgerHash.leaf($0) })
        }
    }
}

private struct Guess {
    var command: CanonicalCommand
    var events: EventList
    var rejection: Rejection?
}

/// The entry with one secret amount in it replaced, everywhere where it stands.
private func rewriting(_ entry: LedgerEntry) throws -> (secret: Int64, (Money) -> Guess) {
    let events = entry.outcome.events
    let rejection = entry.outcome.rejection
    switch entry.command {
    case .closeDue:
        for (index, event) in events.enumerated() {
            guard case .refunded(let auction, let user, let refund, .change) = event else {
                continue
            }
            return (
                refund.minorUnits,
                { amount in
                    var events = events
                    events[index] = .refunded(
                        auction: auction, user: user, amount: amount, reason: .change)
                    return Guess(command: entry.command, events: events)
                }
            )
        }
    case .openAuction(let opening):
        let reserve = try #require(opening.rules.reservePrice)
        return (
            reserve.minorUnits,
            { amount in
                var rules = opening.rules
                rules.reservePrice = amount
                let opening = CanonicalOpening(
                    auction: opening.auction, title: opening.title, seller: opening.seller,
                    currency: opening.currency, opensAt: opening.opensAt,
                    closesAt: opening.closesAt, rules: rules)
                guard case .auctionOpened(let auction, _, let opensAt)? = events.first else {
                    preconditionFailure("an opening has its own event")
                }
                return Guess(
                    command: .openAuction(opening),
                    events: [.auctionOpened(auction, opening, opensAt: opensAt)])
            }
        )
    case .placeBid(let auction, let bidder, let maximum):
        return (
            maximum.minorUnits,
            { amount in
                let command = CanonicalCommand.placeBid(
                    auction: auction, bidder: bidder, amount: amount)
                let events = EventList(
                    events.map { event in
                        guard case .locked = event else { return event }
                        return .locked(
                            auction: auction, user: bidder, amount: amount, held: amount)
                    })
                return Guess(command: command, events: events, rejection: rejection)
            }
        )
    case .charge(let payment):
        return (
            payment.amount.minorUnits,
            { amount in
                let payment = Payment(
                    user: payment.user, currency: payment.currency, amount: amount,
                    reference: payment.reference)
                return Guess(command: .charge(payment), events: [.charged(payment)])
            }
        )
    default: break
    }
    throw LogFault("nothing secret in \(entry.command)")
}

@Suite("An outsider who guesses")
struct GuessingTests {
    private static let start = Timestamp(seconds: 1_700_000_000)
    private static let end = Timestamp(seconds: 1_700_003_600)
    private static let amounts: ClosedRange<Int64> = 1...6000

    /// A history with one secret of each sort.
    private static let history: [Command] = [
        .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("sam"),
        .registerUser("alice"), .registerUser("bob"),
        .charge(user: "alice", currency: "USD", amount: 5432, reference: "a"),
        .charge(user: "bob", currency: "USD", amount: 4000, reference: "b"),
        .openAuction(
            OpenAuction(
                auction: "lot", title: "A clock", seller: "sam", currency: "USD",
                opensAt: start, closesAt: end,
                rules: AuctionRules(openingPrice: 100, proxy: true, reservePrice: 987))),
        .placeBid(auction: "lot", bidder: "alice", amount: 3210),
        .placeBid(auction: "lot", bidder: "bob", amount: 2),
        .registerUser("last"),
    ]

    /// Each entry with a secret that one of `history` or the engine wrote.
    private static func secrets(in reader: LedgerReader) throws -> [(LedgerEntry, UInt64?)] {
        var found: [(LedgerEntry, UInt64?)] = []
        for position in 0..<reader.reflects {
            let decoded = try #require(try reader.reading.log.entry(at: position))
            if (try? rewriting(decoded.entry)) != nil {
                found.append((decoded.entry, decoded.salt))
            }
        }
        // Two charges, the opening, a bid that leads, one that is rejected, and the closing.
        try #require(found.count == 6)
        try #require(found.contains { $0.0.outcome.rejection != nil })
        return found
    }

    /// Salts that can be made of what is public, and none.
    private static func publicSalts(_ reader: LedgerReader, _ position: UInt64) -> [UInt64?] {
        let id = reader.ledgerID!
        var bytes = ByteBuffer(capacity: 16)
        bytes.append(id.high.byteSwapped)
        bytes.append(id.low.byteSwapped)
        let secrets = [LedgerHash(of: bytes.array()), LedgerHash(of: []), LedgerHash.empty]
        return [nil, 0, position]
            + secrets.map { SaltSource(.imported($0)).ofCommand(at: position) }
    }

    @Test("finds no secret of an imported ledger, though he knows every line but for the secret")
    func imported() async throws {
        try await withLedgerPath { path in
            // As `gavel import` makes the ids: of the line, which he can write for each amount.
            func line(_ command: CanonicalCommand, _ amount: Money) -> [UInt8] {
                Array("\(amount.minorUnits)".utf8)
            }
            func id(at time: Timestamp, _ line: Int, _ amount: Money) -> CommandID {
                .derived(
                    at: time, file: 0, line: line, content: Array("\(amount.minorUnits)".utf8))
            }
            let building = try LedgerImport(to: path, fingerprint: LedgerHash(of: [1, 2, 3]))
            var secretOfLine: [Money] = []
            for (index, command) in Self.history.enumerated() {
                let time = command == Self.history.last ? Self.end : Self.start
                let secret: Money =
                    switch command {
                    case .charge(_, _, let amount, _), .placeBid(_, _, let amount): amount
                    case .openAuction(let opening): opening.rules.reservePrice ?? 0
                    default: 0
                    }
                secretOfLine.append(secret)
                try building.add(
                    Submission(id: id(at: time, index, secret), actor: .operator, command: command),
                    at: time)
            }
            try building.finish()
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            let outsider = try Outsider(reader)
            for (entry, salt) in try Self.secrets(in: reader) {
                let (secret, rewrite) = try rewriting(entry)
                let salt = try #require(salt)
                let line = entry.commandID.flatMap { known in
                    secretOfLine.indices.first {
                        id(at: entry.time, $0, secretOfLine[$0]) == known
                    }
                }
                func assumed(_ amount: Money) -> CommandID {
                    line.map { id(at: entry.time, $0, amount) } ?? .none
                }
                for guess in Self.publicSalts(reader, entry.position) {
                    let found = outsider.confirmed(
                        Self.amounts, in: entry, id: assumed, salt: guess, rewrite)
                    #expect(found == [], "\(entry.command) with salt \(String(describing: guess))")
                }
                let found = outsider.confirmed(
                    Self.amounts, in: entry, id: assumed, salt: salt, rewrite)
                #expect(found == [secret], "\(entry.command) with its own salt")
            }
        }
    }

    @Test("finds no secret of a live ledger without the callers' command ids and the salts")
    func live() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock(at: Self.start)
            let ledger = try await Ledger.open(at: path, configuration: Bench.configuration(clock))
            for command in Self.history {
                if command == Self.history.last { clock.advance(to: Self.end) }
                let receipt = try await ledger.submit(command, id: .generate(at: clock.now()))
                try #require(receipt.status != .refused)
            }
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            let outsider = try Outsider(reader)
            for (entry, salt) in try Self.secrets(in: reader) {
                let (secret, rewrite) = try rewriting(entry)
                #expect((entry.commandID == nil) == (salt != nil), "\(entry.command)")
                // What can be known of an id is its time.
                let known = entry.commandID.map {
                    CommandID(milliseconds: $0.milliseconds, randomHigh: 0, randomLow: 0)
                }
                for guess in Self.publicSalts(reader, entry.position) {
                    let found = outsider.confirmed(
                        Self.amounts, in: entry, id: { _ in known ?? .none }, salt: guess, rewrite)
                    #expect(found == [], "\(entry.command) with salt \(String(describing: guess))")
                }
                let found = outsider.confirmed(
                    Self.amounts, in: entry, id: { _ in entry.commandID ?? .none }, salt: salt,
                    rewrite)
                #expect(found == [secret], "\(entry.command) with its own salt or id")
            }
        }
    }

    @Test("Every entry of the engine's own has a salt, and no two openings give the same")
    func everyEngineEntry() async throws {
        let clock = ManualClock(at: Self.start)
        var seen: [[UInt64]] = []
        for _ in 0..<2 {
            let store = MemoryStore()
            var configuration = Bench.configuration(clock)
            configuration.ledgerID = LedgerID(high: 1, low: 2)
            for _ in 0..<2 {
                try await Ledger.open(in: store, configuration: configuration).close()
            }
            let log = try store.openForReading()
            var salts: [UInt64] = []
            for position in 0..<UInt64(3) {
                let entry = try #require(try log.entry(at: position))
                #expect(entry.id == .none)
                salts.append(try #require(entry.salt))
            }
            seen.append(salts)
        }
        #expect(Set(seen.flatMap(\.self)).count == 6)
    }
}
