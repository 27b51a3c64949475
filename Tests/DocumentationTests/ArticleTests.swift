// What the articles say, asked of the code: the worked bytes of LogFormat, the worked auctions of
// Auctions, the order of answers in Errors, and the list of decision records.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
private let catalog = root.appending(path: "Sources/Gavel/Gavel.docc")

private func article(_ name: String) throws -> String {
    try String(contentsOf: catalog.appending(path: name), encoding: .utf8)
}

/// A ledger's rules alone: commands are resolved, decided and evolved at given seconds.
private struct Book {
    private(set) var state = State()

    /// A book with dollars, a seller, and two bidders with 10.00 each.
    init() throws {
        let id = LedgerID(high: 1, low: 2)
        evolve(.createLedger(id), [.ledgerCreated(id)], at: 0)
        try accept(.registerCurrency(Currency(code: "USD", scale: 2)))
        for user: UserID in ["seller", "alice", "bob"] { try accept(.registerUser(user)) }
        for user: UserID in ["alice", "bob"] {
            try accept(.charge(user: user, currency: "USD", amount: 1000, reference: "psp"))
        }
    }

    /// Submits a command as the operator.
    mutating func submit(_ command: Command, at seconds: Int64 = 0) throws -> Outcome {
        try command.validate()
        let canonical = try state.resolve(command)
        let time = Timestamp(seconds: seconds)
        let outcome = state.decide(canonical, by: .operator, at: time)
        evolve(canonical, outcome.events, isRejected: outcome.rejection != nil, at: seconds)
        return outcome
    }

    mutating func accept(_ command: Command, at seconds: Int64 = 0) throws {
        let outcome = try submit(command, at: seconds)
        #expect(outcome.rejection == nil, "\(command)")
    }

    mutating func bid(
        _ bidder: UserID, _ amount: Money, at seconds: Int64 = 0
    ) throws -> Rejection? {
        try submit(.placeBid(auction: "lot", bidder: bidder, amount: amount), at: seconds)
            .rejection
    }

    private mutating func evolve(
        _ command: CanonicalCommand, _ events: EventList, isRejected: Bool = false,
        at seconds: Int64
    ) {
        let point = EntryPoint(position: state.entryCount, time: Timestamp(seconds: seconds))
        for event in events { state.evolve(event, at: point) }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            command, rejected: isRejected, events: events, at: point, links: &links)
    }

    // What the examples speak of.

    var lot: AuctionRecord { state[state.auction("lot")!] }
    var leader: UserID? { lot.leader == .none ? nil : state.id(of: lot.leader) }
    func locked(_ user: UserID) -> Money { account(user)?.locked ?? 0 }
    func available(_ user: UserID) -> Money { account(user)?.available ?? 0 }
    private func account(_ user: UserID) -> AccountRecord? {
        state.accounts(of: state.user(user)!).first
    }
}

private func opening(
    _ rules: AuctionRules, opensAt: Timestamp? = nil, closesAt: Timestamp? = nil
) -> Command {
    .openAuction(
        OpenAuction(
            auction: "lot", seller: "seller", currency: "USD", opensAt: opensAt,
            closesAt: closesAt, rules: rules))
}

private let stepOfTen = Increments.table([IncrementRow(from: 0, step: 10)])

@Suite("Articles")
struct ArticleTests {
    @Test("The worked example of LogFormat is the golden entry, and its hash is right")
    func workedEntry() throws {
        let text = try article("LogFormat.md")
        let block = text.components(separatedBy: "```text\n")[1].components(separatedBy: "```")[0]
        let hexadecimal = block.split(separator: "\n").map { line in
            String(line.prefix { $0 != " " })
        }.joined()
        let entries = try String(
            contentsOf: root.appending(path: "Fixtures/log/v1/entries.txt"), encoding: .utf8)
        let golden = try #require(
            entries.split(separator: "\n").first { $0.hasPrefix("13 ") }
        ).split(separator: " ", maxSplits: 3)
        #expect(hexadecimal == String(golden[2]))
        #expect(text.contains("`\(golden[1])`"))
        var bytes: [UInt8] = [0]
        var rest = Substring(hexadecimal)
        while !rest.isEmpty {
            bytes.append(try #require(UInt8(rest.prefix(2), radix: 16)))
            rest = rest.dropFirst(2)
        }
        #expect(bytes.count == 1 + 115)
        #expect(LedgerHash(of: bytes).description == String(golden[1]))
    }

    @Test("The plain auction of Auctions goes as it is told there")
    func plain() throws {
        var book = try Book()
        try book.accept(opening(AuctionRules(openingPrice: 100, increments: stepOfTen)))
        #expect(try book.bid("alice", 100) == nil)
        #expect(book.leader == "alice" && book.lot.price == 100 && book.locked("alice") == 100)
        #expect(try book.bid("bob", 105) == Rejection(.bidBelowMinimum, limit: 110))
        #expect(try book.bid("bob", 110) == nil)
        #expect(book.leader == "bob" && book.lot.price == 110 && book.locked("alice") == 0)
        #expect(book.state.minimumBid(on: book.state.auction("lot")!) == 120)
        #expect(try book.bid("bob", 130) == nil)
        #expect(book.lot.price == 130 && book.locked("bob") == 130)
    }

    @Test("The proxy auction of Auctions goes as it is told there")
    func proxy() throws {
        var book = try Book()
        try book.accept(
            opening(AuctionRules(openingPrice: 100, proxy: true, increments: stepOfTen)))
        #expect(try book.bid("alice", 500) == nil)
        #expect(book.lot.price == 100 && book.locked("alice") == 500)
        #expect(try book.bid("bob", 105) == Rejection(.bidBelowMinimum, limit: 110))
        #expect(try book.bid("bob", 200) == nil)
        #expect(book.lot.price == 210 && book.leader == "alice" && book.locked("bob") == 0)
        #expect(try book.bid("bob", 500) == nil)
        #expect(book.lot.price == 500 && book.leader == "alice")
        #expect(try book.bid("bob", 900) == nil)
        #expect(book.lot.price == 510 && book.leader == "bob")
        #expect(book.locked("bob") == 900 && book.locked("alice") == 0)
        #expect(try book.bid("bob", 1000) == nil)
        #expect(book.lot.price == 510 && book.locked("bob") == 1000)
        #expect(try book.bid("bob", 1000) == Rejection(.bidNotAboveOwnMaximum, limit: 1000))
        try book.accept(.closeAuction("lot", hammer: true))
        #expect(book.available("bob") == 490 && book.locked("bob") == 0)
        #expect(book.available("seller") == 510)
    }

    @Test("The steps of Auctions are those of its table")
    func steps() {
        let table = Increments.table([
            IncrementRow(from: 0, step: 5), IncrementRow(from: 100, step: 25),
        ])
        #expect(99 + table.step(at: 99) == 104)
        #expect(100 + table.step(at: 100) == 125)
        let share = Increments.basisPoints(500)
        #expect(10 + share.step(at: 10) == 11)
        #expect(100 + share.step(at: 100) == 105)
        #expect(101 + share.step(at: 101) == 107)
    }

    @Test("The rules object of Auctions is one that can be opened")
    func rulesObject() throws {
        let text = try article("Auctions.md").components(separatedBy: "```json\n")[1]
            .components(separatedBy: "```")[0]
        let line =
            #"{"command":"open_auction","auction":"a","seller":"b","currency":"USD","#
            + #""closes_at":"2026-05-01T20:00:00Z","rules":"# + text + "}"
        guard case .openAuction(let opening) = try parseCommand(line).command else {
            Issue.record("not an opening")
            return
        }
        #expect(opening.rules.softClose?.maxExtensions == 10)
        #expect(opening.rules.fees.seller.minimum == 30)
    }

    @Test("The reserve of Auctions is met as it is told there")
    func reserve() throws {
        let rules = AuctionRules(
            openingPrice: 100, proxy: true, increments: stepOfTen, reservePrice: 400)
        var book = try Book()
        try book.accept(opening(rules))
        #expect(try book.bid("alice", 250) == nil)
        #expect(book.lot.price == 100)
        #expect(try book.bid("bob", 300) == nil)
        #expect(book.lot.price == 260 && book.leader == "bob")
        var unmet = book
        try unmet.accept(.closeAuction("lot", hammer: true))
        #expect(unmet.lot.outcome == .reserveNotMet && unmet.available("bob") == 1000)
        #expect(try book.bid("bob", 450) == nil)
        #expect(book.lot.price == 400)
        #expect(try book.bid("alice", 420) == nil)
        #expect(book.lot.price == 430 && book.leader == "bob")
    }

    @Test("The buy-now offer of Auctions is taken as it is told there")
    func buyNow() throws {
        let rules = AuctionRules(
            openingPrice: 100, proxy: true, increments: stepOfTen,
            buyNow: BuyNow(price: 500, until: .end))
        var first = try Book()
        try first.accept(opening(rules))
        #expect(try first.bid("alice", 800) == nil)
        #expect(first.lot.outcome == .sold && first.available("alice") == 500)
        var book = try Book()
        try book.accept(opening(rules))
        #expect(try book.bid("alice", 400) == nil)
        #expect(try book.bid("alice", 800) == nil)
        #expect(book.lot.price == 100 && book.locked("alice") == 800)
        var other = book
        try other.accept(.buyNow(auction: "lot", buyer: "bob"))
        #expect(other.leader == "bob" && other.available("bob") == 500)
        #expect(other.available("alice") == 1000)
        try book.accept(.buyNow(auction: "lot", buyer: "alice"))
        #expect(book.available("alice") == 500 && book.locked("alice") == 0)
    }

    @Test("The soft close of Auctions moves the end as it is told there")
    func softClose() throws {
        // Seconds from 11:50:00; the end is 12:00:00.
        let end: Int64 = 600
        func ends(_ mode: SoftClose.Mode, _ bids: [Int64]) throws -> [Int64] {
            var book = try Book()
            let rules = AuctionRules(
                proxy: true,
                softClose: SoftClose(
                    windowMilliseconds: 120_000, extensionMilliseconds: 120_000, mode: mode))
            try book.accept(opening(rules, closesAt: Timestamp(seconds: end)))
            var moves: [Int64] = []
            for seconds in bids {
                let amount = Money(minorUnits: 100 + Int64(moves.count))
                #expect(try book.bid("alice", amount, at: seconds) == nil)
                moves.append(book.lot.closesAt.nanoseconds / 1_000_000_000 - end)
            }
            return moves
        }
        #expect(try ends(.reset, [479, 480, 570, 689]) == [0, 0, 90, 209])
        #expect(try ends(.add, [480, 570]) == [120, 120])
    }

    @Test("The sale with fees of Auctions is divided as it is told there")
    func fees() throws {
        let rules = AuctionRules(
            proxy: true, increments: stepOfTen,
            fees: Fees(seller: Fee(basisPoints: 1000, minimum: 30), buyer: Fee(basisPoints: 900)))
        #expect(rules.fees.paid(at: 1000) == 1090 && rules.fees.paid(at: 250) == 272)
        #expect(rules.fees.proceeds(at: 250) == 220 && rules.fees.proceeds(at: 20) == 0)
        var book = try Book()
        try book.accept(opening(rules))
        #expect(try book.bid("alice", 917) == nil)
        #expect(try book.bid("bob", 240) == nil)
        #expect(book.lot.price == 250)
        try book.accept(.closeAuction("lot", hammer: true))
        #expect(book.available("alice") == 728 && book.available("seller") == 220)
        #expect(book.available("house") == 52)
    }

    @Test("The answers that Errors names as outside the order of the tables are given")
    func precedence() throws {
        var book = try Book()
        try book.accept(opening(AuctionRules(), opensAt: Timestamp(seconds: 100)))
        #expect(try book.submit(.closeAuction("lot")).rejection == Rejection(.auctionNotEnded))
        let hammer = Command.closeAuction("lot", hammer: true)
        #expect(try book.submit(hammer).rejection == Rejection(.auctionNotOpen))
        #expect(try book.bid("alice", 5) == Rejection(.auctionNotOpen))
        // As Auctions says: what has no end cannot be given one.
        let longer = Command.extendAuction("lot", closesAt: Timestamp(seconds: 900))
        #expect(try book.submit(longer).rejection == Rejection(.closesAtTooEarly))
        try book.accept(.cancelAuction("lot"))
        #expect(try book.bid("alice", 5) == Rejection(.auctionCancelled))
    }

    @Test("Every decision record and every article stands on the landing page")
    func landingPage() throws {
        let landing = try article("Gavel.md")
        let names = try FileManager.default.subpathsOfDirectory(atPath: catalog.path)
            .filter { $0.hasSuffix(".md") && $0 != "Gavel.md" }
        #expect(names.count >= 18)
        for name in names { #expect(landing.contains("](\(name))"), "\(name)") }
    }

    @Test("The lines that CI takes from the README are whole commands that install what they need")
    func commands() throws {
        let lines = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
            .split(separator: "\n")
        for word in ["gavel import Fixtures", "swift test"] {
            let line = try #require(
                lines.first { $0.hasPrefix("apt-get") && $0.contains(word) })
            #expect(line.hasPrefix("apt-get update && apt-get install -y liblmdb-dev"), "\(line)")
        }
    }

    @Test("Every test that the articles name exists")
    func namedTests() throws {
        let folder = root.appending(path: "Tests").resolvingSymlinksInPath().path
        let tests = try FileManager.default.subpathsOfDirectory(atPath: folder)
        let names = Set(tests.map { URL(filePath: $0).lastPathComponent })
        let folders = try FileManager.default.contentsOfDirectory(atPath: folder)
        let articles = try FileManager.default.subpathsOfDirectory(atPath: catalog.path)
            .filter { $0.hasSuffix(".md") }
        for path in articles {
            for match in try article(path).matches(of: /\b([A-Z][A-Za-z]*Tests)\b/) {
                let name = String(match.1)
                #expect(
                    names.contains("\(name).swift") || folders.contains(name),
                    "\(path) names \(name)")
            }
        }
    }
}
