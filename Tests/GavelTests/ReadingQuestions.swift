// Everything that reads a ledger back for people, as questions with answers to compare: what the
// sweeps over damaged logs ask.
//
// Invariant: the answers to all of them are the same however often a sound ledger is asked.

import AuctionDomain
import GavelJSON
import GavelTesting
import Testing

@testable import Gavel

/// A question to a reader, and its answer as something to compare.
struct ReadingQuestion {
    let name: String
    let ask: (LedgerReader) throws -> AnyHashable
}

/// A ledger in which users bid on lots, closed, and what is asked about it.
struct AskedLedger {
    /// What was submitted, and where its entry stands.
    private(set) var submissions: [(Submission, UInt64)] = []
    private(set) var count: UInt64 = 0
    private let users: [UserID]
    private let lots: [AuctionID]

    /// - Parameters:
    ///   - lots: 2 at least; on each there is one bid in a round.
    init(at path: String, users: Int, lots: Int, rounds: Int) throws {
        self.users = (0..<users).map { UserID(unchecked: "user-\($0)") }
        self.lots = (0..<lots).map { AuctionID(unchecked: "lot-\($0)") }
        let clock = ManualClock()
        var configuration = Bench.configuration(clock)
        configuration.ledgerID = LedgerID(high: 1, low: 2)
        let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
        for commands in commands(rounds) {
            let batch = commands.map { Submission(id: .generate(at: clock.now()), command: $0) }
            let receipts = try ledger.enqueue(batch).wait()
            submissions += zip(batch, receipts).map { ($0, $1.position ?? .max) }
        }
        count = ledger.reflects
        ledger.closeAndWait()
    }

    /// What is submitted, a batch a frame.
    private func commands(_ rounds: Int) -> [[Command]] {
        var batches: [[Command]] = [
            [.registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("sam")]
        ]
        for user in users {
            batches.append([.registerUser(user)])
            batches.append([
                .charge(user: user, currency: "USD", amount: 1_000_000, reference: "psp")
            ])
        }
        for lot in lots {
            batches.append([
                .openAuction(
                    OpenAuction(
                        auction: lot, title: "A clock", seller: "sam", currency: "USD",
                        rules: AuctionRules(
                            increments: .table([IncrementRow(from: 0, step: 5)]))))
            ])
        }
        for round in 0..<rounds {
            batches.append(
                lots.indices.map { lot in
                    .placeBid(
                        auction: lots[lot], bidder: users[(round + lot) % users.count],
                        // Some are below the minimum.
                        amount: Money(
                            minorUnits: Int64(10 * (round + 1) - (round % 7 == 3 ? 9 : 0))))
                })
        }
        batches.append([.closeAuction(lots[0], hammer: true), .cancelAuction(lots[1])])
        return batches
    }

    // MARK: Questions

    /// All of them.
    var questions: [ReadingQuestion] { stories + pictures + past + evidence + exports }

    private func pages(
        _ reader: LedgerReader, _ subject: History.Subject, _ direction: History.Direction
    ) throws -> [LedgerEntry] {
        var (items, cursor): ([LedgerEntry], String?) = ([], nil)
        repeat {
            let page = try reader.history(of: subject, direction, after: cursor, limit: 100)
            items += page.items
            cursor = page.cursor
        } while cursor != nil
        return items
    }

    private func entries(_ reader: LedgerReader) throws -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        while entries.count < Int(reader.reflects) {
            entries += try reader.entries(from: UInt64(entries.count))
        }
        return entries
    }

    private var stories: [ReadingQuestion] {
        let (user, lot, ids) = (users[1], lots[lots.count - 1], submissions.map(\.0.id))
        return [
            ReadingQuestion(name: "entries") { try entries($0) },
            ReadingQuestion(name: "history of an auction") {
                try pages($0, .auction(lot), .newestFirst)
            },
            ReadingQuestion(name: "history of a wallet") {
                try pages($0, .wallet(user), .oldestFirst)
            },
            ReadingQuestion(name: "story") { reader in
                var steps: [AuctionStep] = []
                try reader.forEachStep(of: lot) { steps.append($0) }
                return steps
            },
            ReadingQuestion(name: "outcome of a command") {
                try $0.outcome(of: ids[ids.count / 2])
            },
            ReadingQuestion(name: "entry of a command") {
                try $0.entry(withID: ids[ids.count / 3])
            },
            ReadingQuestion(name: "movements") { reader in
                var movements: [WalletView.Movement] = []
                try reader.forEachMovement(of: user) { movements.append($0) }
                return movements
            },
        ]
    }

    /// What is answered from memory.
    private var pictures: [ReadingQuestion] {
        let user = users[0]
        return [
            ReadingQuestion(name: "wallets") { try $0.wallets(limit: 1000).items },
            ReadingQuestion(name: "wallet and its auctions") { try $0.overview(user).value },
            ReadingQuestion(name: "auctions") { try $0.auctions(limit: 1000).items },
            ReadingQuestion(name: "auctions of a bidder") {
                try $0.auctions(AuctionFilter(bidder: user)).items
            },
            ReadingQuestion(name: "state") { $0.digest },
        ]
    }

    private var past: [ReadingQuestion] {
        let (user, count, lot) = (users[users.count - 1], count, lots[0])
        return [
            ReadingQuestion(name: "wallet of the past") {
                try $0.wallet(user, asOf: .position(count / 2)).value
            },
            ReadingQuestion(name: "state of the past") { try $0.past(.position(count / 2)).digest },
            ReadingQuestion(name: "explanation") { reader in
                let entry = try #require(try reader.entry(at: count - 5))
                return try reader.explanation(of: entry)
            },
            ReadingQuestion(name: "explanations") { reader in
                var all: [Explanation] = []
                try reader.forEachExplanation(of: lot) { all.append($1) }
                return all
            },
            ReadingQuestion(name: "re-decide") { try $0.redecide { _ in } },
        ]
    }

    private var evidence: [ReadingQuestion] {
        let (count, users) = (count, users)
        return [
            ReadingQuestion(name: "root") { try $0.root() },
            ReadingQuestion(name: "proof") { try $0.proof(ofEntryAt: count / 3).bytes },
            ReadingQuestion(name: "evidence") { try $0.evidence(ofEntryAt: count - 4).bytes },
            ReadingQuestion(name: "growth") {
                let (proof, checkpoint) = try $0.consistencyProof(from: count / 2)
                return proof.fileBytes(with: checkpoint)
            },
            ReadingQuestion(name: "views of entries") { reader in
                // What a user is told of each entry that concerns her, and of no other.
                try users.flatMap { user in
                    try entries(reader).compactMap {
                        EntryView(of: $0, for: user, names: reader.reading)?.json
                    }
                }
            },
            ReadingQuestion(name: "statements") { reader in
                // Of the last bids, to those whom they concern.
                try (count - 6..<count - 2).flatMap { position in
                    try users.compactMap {
                        try reader.statementFile(ofEntryAt: position, for: $0)?.bytes
                    }
                }
            },
            ReadingQuestion(name: "tiles") { reader in
                let export = try reader.tileExport()
                var files: [[UInt8]] = []
                for tile in export.tiles() {
                    files.append(try export.bytes(of: tile))
                    if tile.level == 0 { files.append(try export.entries(under: tile)) }
                }
                return files
            },
        ]
    }

    private var exports: [ReadingQuestion] {
        [
            ReadingQuestion(name: "archive") { reader in
                var bytes: [UInt8] = []
                try reader.archive { bytes += $0 }
                return bytes
            },
            ReadingQuestion(name: "journals") { reader in
                var (hledger, beancount) = (HledgerJournal(), BeancountJournal())
                var (json, csv, fold) = (JSONWriter(), CSVWriter(), MovementFold())
                let names = reader.reading
                for entry in try entries(reader) {
                    let movements = try fold.movements(of: entry, names: names)
                    hledger.entry(entry, movements, names: names)
                    beancount.entry(entry, movements, names: names)
                    csv.entry(entry, names: names)
                    for movement in movements { json.movement(movement, of: entry, names: names) }
                }
                beancount.end(names: names)
                return [hledger.bytes, beancount.bytes, csv.bytes, json.bytes]
            },
        ]
    }
}

extension [ReadingQuestion] {
    /// The answers, as they have to be.
    func answers(of reader: LedgerReader) throws -> [AnyHashable] {
        try map { try $0.ask(reader) }
    }

    /// Asks all of a reader whose ledger is damaged: each answer is right, or an error that says
    /// where the damage is.
    /// - Returns: which questions were refused.
    func check(
        _ reader: LedgerReader, against truth: [AnyHashable], _ place: String
    ) -> [Int] {
        var refused: [Int] = []
        for (index, question) in enumerated() {
            do {
                let answer = try question.ask(reader)
                #expect(answer == truth[index], "\(question.name), \(place)")
            } catch {
                refused.append(index)
                expectDamage(error, "\(question.name), \(place)")
            }
        }
        return refused
    }
}

/// Checks that an error says that stored bytes are not what was written, and of what.
func expectDamage(_ error: any Error, _ place: String) {
    guard let error = error as? LedgerError else {
        Issue.record("\(place): \(error)")
        return
    }
    #expect(
        error.code == .damaged || error.code == .checkpointMismatch || error.code == .newerFormat,
        "\(place): \(error)")
    // A place in the log, and not just digits of the path; roots of tiles are all made anew.
    let names = /(entry|entries|frame|position|tile|from|to|first) \d/
    #expect(
        error.reason.contains(names) || error.reason.contains("roots of tiles"),
        "\(place): \(error)")
}
