// The histories of Fixtures/histories/rules: every line's answer, and the auction after it, against
// what was worked out by hand from the article Auctions. The engine runs in memory, line by line;
// the command builds a ledger of the same history and must list the same auctions and wallets.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import Testing

/// One row of a history's table.
private struct Row {
    let line: Int
    /// `accepted`, or the code of a rejection and its number.
    let answer: String
    let price: String
    let leader: String
    let held: String
    let ends: String

    init(_ text: Substring) throws {
        let cells = text.split(separator: "|", omittingEmptySubsequences: false)
            .dropFirst().dropLast()
            .map { $0.trimmingCharacters(in: .whitespaces).replacing("`", with: "") }
        try #require(cells.count == 8, "\(text)")
        line = try #require(Int(cells[0]))
        (answer, price, leader) = (cells[2], cells[3], cells[4])
        (held, ends) = (cells[5], cells[6])
    }
}

@Suite("Rules worked out by hand")
struct RuleHistoryTests {
    static let names = [
        "steps", "reserve", "buy_now", "soft_close_reset", "soft_close_add", "first_bid_clock",
        "fees", "cancel_and_extend", "all_together",
    ]

    private func table(_ name: String) throws -> [Row] {
        try Place.text("histories/rules/\(name).md").split(separator: "\n")
            .filter { $0.prefix { $0 == "|" || $0 == " " || $0.isNumber }.contains { $0.isNumber } }
            .map { try Row($0) }
    }

    /// A ledger in memory, and a clock to set.
    private func openLedger() throws -> (Ledger, ManualClock) {
        let clock = ManualClock(at: .zero)
        var configuration = Configuration()
        configuration.clock = clock
        configuration.closesByTimer = false
        return (try Ledger.openAndWait(in: MemoryStore(), configuration: configuration), clock)
    }

    private func answer(_ receipt: Receipt) -> String {
        guard let rejection = receipt.rejection else { return receipt.status.name }
        guard rejection.code.limitName != nil else { return rejection.code.name }
        return "\(rejection.code.name) \(rejection.limit.minorUnits)"
    }

    @Test("No history of the folder is left out")
    func complete() throws {
        let folder = Place.fixtures.appending(path: "histories/rules").path
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        let kinds = ["jsonl", "md", "expected.csv", "wallets.csv"]
        let expected = Self.names.flatMap { name in kinds.map { "\(name).\($0)" } }
        #expect(files.sorted() == (expected + ["README.md"]).sorted())
    }

    @Test("Each line is answered, and each auction stands, as the table says", arguments: names)
    func lines(name: String) throws {
        let (ledger, clock) = try openLedger()
        defer { ledger.closeNow() }
        let rows = try table(name)
        let lines = try Place.text("histories/rules/\(name).jsonl").split(separator: "\n")
        try #require(rows.map(\.line) == Array(1...lines.count), "\(name)")
        for (line, row) in zip(lines, rows) {
            let parsed = try parseCommand(String(line), allowing: .history)
            let time = try #require(parsed.at)
            clock.advance(to: time)
            let id = CommandID(
                milliseconds: UInt64(time.nanoseconds / 1_000_000), randomHigh: 0,
                randomLow: UInt64(row.line))
            let submission = Submission(
                id: id, actor: parsed.actor ?? .operator, command: parsed.command)
            let receipt = try #require(try ledger.enqueue([submission]).wait().first)
            let place = Comment(rawValue: "\(name):\(row.line) \(line)")
            #expect(answer(receipt) == row.answer, place)
            guard let auction = auction(of: parsed.command) else {
                #expect(
                    [row.price, row.leader, row.held, row.ends] == ["-", "-", "-", "-"], place)
                continue
            }
            let view = try ledger.auction(auction).value
            #expect(String(view.price?.minorUnits ?? 0) == row.price, place)
            #expect(view.leader?.string ?? "-" == row.leader, place)
            #expect(view.closesAt?.rfc3339 ?? "-" == row.ends, place)
            #expect(try held(view, ledger) == row.held, place)
        }
    }

    private func auction(of command: Command) -> AuctionID? {
        switch command {
        case .openAuction(let opening): opening.auction
        case .placeBid(let auction, _, _), .buyNow(let auction, _), .closeAuction(let auction, _),
            .extendAuction(let auction, _), .cancelAuction(let auction, _):
            auction
        case .registerCurrency, .registerUser, .charge, .withdraw: nil
        }
    }

    private func held(_ view: AuctionView, _ ledger: Ledger) throws -> String {
        guard let leader = view.leader else { return "0" }
        let holds = try ledger.wallet(leader).value.balances.flatMap(\.holds)
        return String(holds.first { $0.auction == view.auction }?.amount.minorUnits ?? 0)
    }

    @Test("The command lists the auctions and wallets worked out, and verifies", arguments: names)
    func commands(name: String) throws {
        let place = try Place()
        let run = try place.shell(
            #"gavel import "$FIXTURES/histories/rules/\#(name).jsonl" --ledger house"#)
        try #require(run.status == 0, "\(run.errors)")
        for (command, file) in [("auctions", "expected"), ("wallets", "wallets")] {
            let found = try place.shell("gavel \(command) --ledger house --format csv").output
            let expected = try Place.text("histories/rules/\(name).\(file).csv")
            for (mine, theirs) in zip(found.split(separator: "\n"), expected.split(separator: "\n"))
            {
                #expect(mine == theirs, "\(name).\(file).csv")
            }
            #expect(found.split(separator: "\n").count == expected.split(separator: "\n").count)
        }
        let verified = try place.shell("gavel audit verify --ledger house")
        #expect(verified.status == 0, "\(verified.output)")
    }
}
