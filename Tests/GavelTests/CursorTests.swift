// Cursors: what a client holds and gives back is authenticated, bound to its question and its
// caller, and checked again as if it were not.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

private let wrong = LedgerError(.badCursor, "")
private let secret = LedgerSecret([UInt8](1...32))

/// A paged question: what its cursors belong to, and its pages as positions or names.
private struct Question {
    var name: String
    var scope: CursorScope
    var numberCount: Int
    var page: (String?, Int) throws -> (items: [String], cursor: String?)

    /// All pages.
    func whole(limit: Int = 1000) throws -> [String] {
        var items: [String] = []
        var cursor: String?
        repeat {
            let next = try page(cursor, limit)
            items += next.items
            cursor = next.cursor
        } while cursor != nil
        return items
    }
}

extension Ledger {
    /// Questions of every kind, about some subjects each.
    fileprivate func questions(
        subjects: [History.Subject], filters: [AuctionFilter],
        boundTo binding: CursorBinding = .none
    ) -> [Question] {
        var all: [Question] = []
        for subject in subjects {
            for direction in History.Direction.allCases {
                for selection in History.Selection.allCases {
                    all.append(history(subject, direction, selection, binding))
                }
            }
            guard case .auction(let id) = subject else { continue }
            all += [History.Selection.all, .accepted].map { story(id, $0, binding) }
        }
        return all + filters.map { list($0, binding) } + [wallets(binding)]
    }

    private func history(
        _ subject: History.Subject, _ direction: History.Direction, _ selection: History.Selection,
        _ binding: CursorBinding
    ) -> Question {
        var scope = reading.scope("history", binding)
        subject.add(to: &scope)
        scope.add(direction.rawValue)
        scope.add(selection.rawValue)
        return Question(
            name: "history of \(subject), \(direction), \(selection)", scope: scope, numberCount: 1
        ) {
            let page = try self.history(
                of: subject, direction, selecting: selection, after: $0, limit: $1,
                boundTo: binding)
            return (page.items.map { String($0.position) }, page.cursor)
        }
    }

    private func story(
        _ id: AuctionID, _ selection: History.Selection, _ binding: CursorBinding
    ) -> Question {
        var scope = reading.scope("story", binding)
        scope.add(id.string)
        scope.add(selection.rawValue)
        return Question(name: "story of \(id), \(selection)", scope: scope, numberCount: 4) {
            let page = try self.story(
                of: id, acceptedOnly: selection == .accepted, after: $0, limit: $1,
                boundTo: binding)
            return (page.items.map { String($0.point.position) }, page.cursor)
        }
    }

    private func list(_ filter: AuctionFilter, _ binding: CursorBinding) -> Question {
        var scope = reading.scope("auctions", binding)
        filter.add(to: &scope)
        let isByEnd = filter.order == .endingSoon && filter.seller == nil && filter.bidder == nil
        return Question(name: "\(filter)", scope: scope, numberCount: isByEnd ? 2 : 1) {
            let page = try self.auctions(filter, after: $0, limit: $1, boundTo: binding)
            return (page.items.map(\.auction.string), page.cursor)
        }
    }

    private func wallets(_ binding: CursorBinding) -> Question {
        Question(name: "wallets", scope: reading.scope("wallets", binding), numberCount: 1) {
            let page = try self.wallets(after: $0, limit: $1, boundTo: binding)
            return (page.items.map(\.user.string), page.cursor)
        }
    }
}

@Suite("Cursors")
struct CursorTests {
    private static let filters = [
        AuctionFilter(), AuctionFilter(order: .newest), AuctionFilter(order: .endingSoon),
        AuctionFilter(seller: "bob"), AuctionFilter(bidder: "alice"),
        AuctionFilter(titleContains: "lot"),
    ]
    private static let subjects: [History.Subject] = [
        .auction("lot-1"), .auction("lot-2"), .wallet("alice"), .wallet("bob"),
    ]

    /// Five lots with bids, accepted and rejected, by two bidders.
    private func bench() async throws -> Bench {
        let bench = try Bench { $0.secret = secret }
        try await bench.prepare(money: 1_000_000)
        for number in 1...5 {
            let lot = AuctionID(unchecked: "lot-\(number)")
            try await bench.open(lot, seconds: 3600 + Int64(number), proxy: number != 2)
        }
        for round in 1...6 {
            for number in 1...4 {
                let lot = AuctionID(unchecked: "lot-\(number)")
                let bidder: UserID = round.isMultiple(of: 2) ? "alice" : "carol"
                _ = try await bench.bid(bidder, Money(minorUnits: Int64(100 * round)), on: lot)
                _ = try await bench.bid("alice", 1, on: lot)
            }
        }
        return bench
    }

    @Test("Numbers of any size come back, and no cursor is longer than one may be")
    func roundTrip() throws {
        let scope = CursorScope("test", of: nil, .none)
        var numbers: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, .max - 1, .max]
        numbers += (0..<64).flatMap { [1 << UInt64($0), (1 << UInt64($0)) - 1] }
        for number in numbers {
            for count in 1...Cursor.numbersMax {
                let given = [UInt64](repeating: number, count: count)
                let text = Cursor.text(given, scope, secret)
                #expect(text.utf8.count <= cursorCharactersMax)
                #expect(try Cursor.numbers(in: text, count: count, scope, secret) == given)
                #expect(throws: wrong) {
                    try Cursor.numbers(in: text, count: count % 4 + 1, scope, secret)
                }
            }
        }
        let longest = Cursor.text([.max, .max, .max, .max], scope, secret)
        #expect(longest.utf8.count == cursorCharactersMax)
        // What ledgers of a billion entries have.
        #expect(Cursor.text([1_000_000_000, 0, 500_000, 70], scope, secret).utf8.count <= 36)
    }

    @Test("Bytes that spell no numbers, or spell one in two ways, are none")
    func numbers() {
        for bytes: [UInt8] in [
            [0x80], [0x80, 0x00], [0xFF, 0x80, 0x00], [1, 2, 3, 4, 5],
            [UInt8](repeating: 0xFF, count: 10), [UInt8](repeating: 0xFF, count: 9) + [0x02],
            [UInt8](repeating: 0x80, count: 70) + [1],
        ] {
            #expect(Cursor.numbers(in: bytes) == nil, "\(bytes)")
        }
        #expect(Cursor.numbers(in: []) == [])
    }

    @Test("A cursor belongs to its query, ledger, caller, condition and filters, each in its place")
    func scopes() throws {
        func scope(
            _ query: String = "lots", of ledger: LedgerID? = LedgerID(high: 1, low: 2),
            _ binding: CursorBinding = .none, _ filters: [String?] = ["a", nil]
        ) -> CursorScope {
            var scope = CursorScope(query, of: ledger, binding)
            for filter in filters { scope.add(filter) }
            return scope
        }
        let scopes = [
            scope(), scope("lot"), scope("lotsa"), scope(of: LedgerID(high: 2, low: 1)),
            scope(of: nil), scope("lots", CursorBinding(caller: "a")),
            scope("lots", CursorBinding(condition: "a")),
            scope("lots", CursorBinding(condition: "")),
            scope("lots", .none, [nil, "a"]), scope("lots", .none, ["a"]),
            scope("lots", .none, ["a", ""]), scope("lots", .none, ["", "a"]),
        ]
        for (place, own) in scopes.enumerated() {
            let text = Cursor.text([7], own, secret)
            for (other, scope) in scopes.enumerated() where other != place {
                #expect(throws: wrong, "\(place) \(other)") {
                    try Cursor.numbers(in: text, count: 1, scope, secret)
                }
            }
        }
    }

    @Test("A cursor with a bit turned, cut short, drawn out or put together of two is refused")
    func altered() async throws {
        let bench = try await bench()
        for question in bench.ledger.questions(subjects: Self.subjects, filters: Self.filters) {
            guard let cursor = try question.page(nil, 2).cursor,
                let other = try question.page(cursor, 1).cursor
            else { continue }
            let bytes = try #require(Base64.decodeURL(cursor))
            let others = try #require(Base64.decodeURL(other))
            var altered: [String] = []
            for bit in 0..<8 * bytes.count {
                var turned = bytes
                turned[bit / 8] ^= 1 << UInt8(bit % 8)
                altered.append(Base64.encodeURL(turned))
            }
            for count in 0..<bytes.count {
                altered.append(Base64.encodeURL(bytes[..<count]))
                altered.append(Base64.encodeURL(bytes[count...]))
                altered.append(
                    Base64.encodeURL(bytes[..<count] + others[min(count, others.count)...]))
            }
            altered += [
                cursor + "A", cursor + cursor, "A" + cursor, cursor + "=", " " + cursor, "",
            ]
            for text in altered where text != cursor && text != other {
                #expect(throws: wrong, "\(question.name): \(text)") { try question.page(text, 2) }
            }
        }
    }

    @Test("A cursor is refused beside any other question, caller, condition or ledger")
    func foreign() async throws {
        let (bench, twin) = (try await bench(), try await self.bench())
        let bindings = [
            CursorBinding.none, CursorBinding(caller: "alice"), CursorBinding(caller: "bob"),
            CursorBinding(condition: "alice"), CursorBinding(caller: "alice", condition: ""),
        ]
        var cursors: Set<String> = []
        var questions: [(Question, String)] = []
        for binding in bindings {
            for question in bench.ledger.questions(
                subjects: Self.subjects, filters: Self.filters, boundTo: binding)
            {
                guard let cursor = try question.page(nil, 1).cursor else { continue }
                #expect(
                    try question.page(nil, 1).cursor == cursor, "the same page, the same cursor")
                _ = try question.page(cursor, 1)
                questions.append((question, cursor))
                cursors.insert(cursor)
            }
        }
        #expect(cursors.count == questions.count && questions.count > 100)
        for (place, (question, _)) in questions.enumerated() {
            // All pairs take a while: of each question some others, and all of its neighbours.
            for (other, (_, cursor)) in questions.enumerated()
            where other != place && (other + 3 * place) % 7 == 0 {
                #expect(throws: wrong) { try question.page(cursor, 1) }
            }
        }
        // The same secret and another ledger id: as after a restore that lost entries.
        let again = twin.ledger.questions(subjects: Self.subjects, filters: Self.filters)
        for (question, (_, cursor)) in zip(again, questions) {
            #expect(throws: wrong) { try question.page(cursor, 1) }
        }
    }

    @Test("Whatever a cursor says, if the key had leaked, a page shows nothing but its own list")
    func forged() async throws {
        let bench = try await bench()
        let seed: UInt64 = 4711
        var generator = SeededGenerator(seed: seed)
        let count = bench.ledger.reflects
        let special: [UInt64] = [
            0, 1, 2, count - 1, count, count + 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 62,
            UInt64(Int64.max), 1 << 63, .max - 1, .max,
            UInt64(bitPattern: bench.clock.now().nanoseconds),
        ]
        var shown = 0
        var refused = 0
        for question in bench.ledger.questions(subjects: Self.subjects, filters: Self.filters) {
            let whole = Set(try question.whole())
            for _ in 0..<200 * campaignScale {
                let numbers = (0..<question.numberCount).map { _ in
                    generator.chance(perMille: 400)
                        ? generator.pick(special) : UInt64(generator.below(Int(count)))
                }
                do {
                    let page = try question.page(
                        Cursor.text(numbers, question.scope, secret), 1 + generator.below(5))
                    #expect(whole.isSuperset(of: page.items), "\(question.name): \(numbers)")
                    shown += 1
                } catch {
                    #expect(
                        error as? LedgerError == wrong, "\(question.name): \(numbers): \(error)")
                    refused += 1
                }
            }
        }
        #expect(shown > 100 && refused > 1000, "seed \(seed): \(shown) shown, \(refused) refused")
    }

    @Test("A leader that does not exist, and another lot's entry, cannot be asked for any more")
    func found() async throws {
        let bench = try await bench()
        let opened = try bench.ledger.auction("lot-2").value.openedPosition
        for handle in [UInt64(UInt32.max), 17, 1 << 40] {
            #expect(throws: wrong) {
                try bench.ledger.story(of: "lot-2", after: "story/lot-2~\(opened)~1~\(handle)~0~0")
            }
        }
        // lot-2 has no proxy bidding; the bid asked for is a maximum on lot-1.
        let other = try #require(
            try bench.ledger.history(of: .auction("lot-1"), selecting: .acceptedBids).items.first)
        #expect(throws: wrong) {
            try bench.ledger.history(
                of: .auction("lot-2"), after: "history/auction/lot-2/newest_first~\(other.position)"
            )
        }
        for question in bench.ledger.questions(subjects: [.auction("lot-2")], filters: []).prefix(3)
        {
            #expect(question.name.contains("newestFirst"))
            #expect(throws: wrong) {
                try question.page(Cursor.text([other.position], question.scope, secret), 1)
            }
        }
        // A rejected bid is in the list of all entries, and a place in no other.
        let entries = try bench.ledger.history(of: .auction("lot-2")).items
        let rejected = try #require(entries.first { $0.outcome.rejection != nil })
        for question in bench.ledger.questions(subjects: [.auction("lot-2")], filters: []).prefix(3)
        {
            let text = Cursor.text([rejected.position], question.scope, secret)
            if question.name.contains("accepted") {
                #expect(throws: wrong, "\(question.name)") { try question.page(text, 1) }
            } else {
                _ = try question.page(text, 1)
            }
        }
        let bobs = bench.ledger.questions(subjects: [.wallet("bob")], filters: [])[0]
        #expect(throws: wrong) {
            try bobs.page(Cursor.text([other.position], bobs.scope, secret), 1)
        }
    }

    @Test("A story goes on from a place between its entries, and after its end, as from an entry")
    func placesBetween() async throws {
        let bench = try await bench()
        bench.clock.advance(seconds: 7200)
        try await bench.ledger.tick()
        for _ in 0..<3 { try await bench.accept(.closeAuction("lot-1", hammer: false)) }
        for selection in [History.Selection.all, .accepted] {
            let acceptedOnly = selection == .accepted
            let question = bench.ledger.questions(subjects: [.auction("lot-1")], filters: []).first
            {
                $0.name == "story of lot-1, \(selection)"
            }
            let story = try #require(question)
            let whole = try bench.ledger.story(of: "lot-1", acceptedOnly: acceptedOnly).items
            var cursor: String?
            repeat {
                cursor = try story.page(cursor, 1).cursor
                guard let text = cursor else { break }
                let numbers = try Cursor.numbers(in: text, count: 4, story.scope, secret)
                let rest = whole.filter { $0.point.position > numbers[0] }
                #expect(
                    try bench.ledger.story(of: "lot-1", acceptedOnly: acceptedOnly, after: text)
                        .items
                        == rest)
                // Looked at some entries more, none of which is the story's.
                let next = try #require(rest.first).point.position
                for more in 1..<next - numbers[0] {
                    let between = Cursor.text(
                        [numbers[0] + more, numbers[1] + more, numbers[2], numbers[3]],
                        story.scope, secret)
                    #expect(
                        try bench.ledger.story(
                            of: "lot-1", acceptedOnly: acceptedOnly, after: between
                        ).items == rest)
                }
            } while cursor != nil
        }
    }
}

@Suite("Values from outside")
struct OutsideValueTests {
    @Test("No handle, position, time or id that an embedder may pass ends the process")
    func bounds() async throws {
        let bench = try Bench()
        try await bench.prepare()
        try await bench.open("lot-1")
        #expect(try await bench.bid("alice", 10).status == .accepted)
        let ledger = bench.ledger
        let names = ledger.reading
        for number: UInt32 in [4, 17, .max - 1, .max] {
            #expect(names.id(of: UserHandle(rawValue: number)).string == "?")
            #expect(names.id(of: AuctionHandle(rawValue: number)).string == "?")
            #expect(names.currency(of: AuctionHandle(rawValue: number)).code.string == "?")
            #expect(
                names.currency(of: CurrencyHandle(rawValue: UInt16(truncatingIfNeeded: number)))
                    .code.string == "?")
        }
        let mark = "?"
        #expect(throws: MalformedValue.self) { try UserID(mark) }
        // An entry of another ledger, as somebody might have kept it.
        let far = AuctionHandle(rawValue: 99)
        let user = UserHandle(rawValue: 99)
        for position in [UInt64(8), ledger.reflects, .max] {
            let entry = LedgerEntry(
                position: position, time: .zero, commandID: nil, actor: .user(user),
                command: .placeBid(auction: far, bidder: user, amount: 5),
                outcome: .accepted([.locked(auction: far, user: user, amount: 5, held: 5)]),
                links: [EntryLink(chain: .auction(far), previous: position)])
            #expect(ledger.movements(in: entry, of: user).count == 1)
            #expect(try ledger.sequel(of: entry) == nil)
            #expect(ledger.own(entry, of: "alice") == nil)
        }
        let ids = [
            CommandID.none, CommandID(milliseconds: .max, randomHigh: .max, randomLow: .max),
            CommandID(milliseconds: 0, randomHigh: 0, randomLow: 0),
        ]
        for id in ids {
            for seconds in [Int.min, -1, 0, .max] {
                #expect(try ledger.outcome(of: id, retentionSeconds: seconds) == nil)
            }
            #expect(try ledger.entry(withID: id) == nil)
        }
        for position: UInt64 in [0, ledger.reflects, 1 << 32, 1 << 63, .max] {
            _ = try ledger.entry(at: position)
            for limit in [Int.min, -1, 0, 1, .max] {
                _ = try ledger.entries(from: position, limit: limit)
                _ = try ledger.wallets(limit: limit)
                _ = try ledger.history(of: .auction("lot-1"), limit: limit)
            }
            _ = try ledger.past(.position(position)).reflects
            _ = try ledger.wallet("alice", asOf: .position(position))
        }
        for time in [Timestamp.zero, .max, Timestamp(nanoseconds: .min), .init(nanoseconds: .max)] {
            _ = try ledger.wallet("alice", asOf: .time(time))
            _ = try ledger.position(notBefore: time)
        }
    }
}

@Suite("Pages that anyone may read")
struct PublicPageTests {
    /// A ledger in which so many rejected bids stand between accepted ones, on one lot or another.
    private func world(rejectedOn lot: AuctionID, _ count: Int) async throws -> Bench {
        let bench = try Bench {
            $0.secret = secret
            $0.ledgerID = LedgerID(high: 1, low: 2)
        }
        try await bench.prepare(money: 1_000_000)
        for lot: AuctionID in ["lot-1", "lot-2"] { try await bench.open(lot, proxy: true) }
        for round in 1...4 {
            for _ in 0..<count {
                let receipt = try await bench.bid("alice", 1, on: round == 1 ? "lot-2" : lot)
                // The first bids on a lot are not below its opening price of 1.
                if round > 1 { #expect(receipt.status == .rejected) }
            }
            for lot: AuctionID in ["lot-1", "lot-2"] {
                let bidder: UserID = round.isMultiple(of: 2) ? "alice" : "carol"
                let amount = Money(minorUnits: Int64(1000 * round))
                #expect(try await bench.bid(bidder, amount, on: lot).status == .accepted)
            }
        }
        for _ in 0..<count { _ = try await bench.bid("alice", 1, on: lot) }
        return bench
    }

    /// All pages of the bids and the story of a lot, with their cursors.
    private func pages(_ ledger: Ledger, _ limit: Int) throws -> [String] {
        var pages: [String] = []
        for direction in History.Direction.allCases {
            var cursor: String?
            repeat {
                let page = try ledger.history(
                    of: .auction("lot-1"), direction, selecting: .acceptedBids, after: cursor,
                    limit: limit)
                #expect(page.items.count == limit || page.cursor == nil, "no page is cut short")
                cursor = page.cursor
                pages.append("\(page.items.map(\.position)) \(cursor ?? "-") \(page.reflects)")
            } while cursor != nil
        }
        var cursor: String?
        repeat {
            let page = try ledger.story(
                of: "lot-1", acceptedOnly: true, after: cursor, limit: limit)
            #expect(page.items.count == limit || page.cursor == nil)
            cursor = page.cursor
            pages.append("\(page.items) \(cursor ?? "-") \(page.reflects)")
        } while cursor != nil
        return pages
    }

    @Test("Which lot rejected bids were on changes no byte of a public page", arguments: [1, 100])
    func rejectedBids(count: Int) async throws {
        let here = try await world(rejectedOn: "lot-1", count)
        let there = try await world(rejectedOn: "lot-2", count)
        #expect(here.ledger.reflects == there.ledger.reflects)
        for limit in [1, 2, 3, 4, 5, 100] {
            let first = try pages(here.ledger, limit)
            #expect(first == (try pages(there.ledger, limit)))
            #expect(first == (try pages(here.ledger, limit)), "again, past what is remembered")
        }
        // Long runs are passed once, short ones are not worth remembering.
        let isLong = count >= Passages.entriesMin
        #expect((here.ledger.reading.passages.count > 0) == isLong)
        #expect(here.ledger.reading.passages.count < 20)
    }

    @Test("A story too long to be walked back to is read on, page by page, from its opening")
    func longStory() async throws {
        let bench = try Bench { $0.secret = secret }
        try await bench.prepare(money: 1_000_000_000)
        try await bench.open("lot-1")
        try await bench.open("lot-2")
        let bids = (1...9000).map { (number: Int) -> Submission in
            let lot: AuctionID = number.isMultiple(of: 2) ? "lot-1" : "lot-2"
            let bidder: UserID = number % 4 < 2 ? "alice" : "carol"
            // Every tenth bid on lot-1 is too low.
            let amount = Money(minorUnits: number % 20 == 0 ? 1 : Int64(number))
            return Submission(
                id: .generate(at: bench.clock.now()), actor: .operator,
                command: .placeBid(auction: lot, bidder: bidder, amount: amount))
        }
        _ = try await bench.ledger.enqueue(bids).value()
        var whole: [AuctionStep] = []
        try bench.ledger.forEachStep(of: "lot-1") { whole.append($0) }
        #expect(whole.count == 4501)
        let accepted = whole.filter { $0.rejection == nil }
        #expect(accepted.count < 4096 && accepted.count > 4000)
        for (acceptedOnly, expected) in [(false, whole), (true, accepted)] {
            var steps: [AuctionStep] = []
            var cursor: String?
            repeat {
                let page = try bench.ledger.story(
                    of: "lot-1", acceptedOnly: acceptedOnly, after: cursor, limit: 700)
                #expect(page.items.count == 700 || page.cursor == nil)
                steps += page.items
                cursor = page.cursor
            } while cursor != nil
            #expect(steps == expected)
        }
    }
}

@Suite("The ledger's secret")
struct LedgerSecretTests {
    private func ledger(at path: String) async throws -> Ledger {
        let ledger = try await Ledger.open(at: path)
        for user in 1...5 {
            _ = try await ledger.submit(
                .registerUser(UserID(unchecked: "user-\(user)")), id: .generate())
        }
        return ledger
    }

    private func mode(_ path: String) throws -> Int? {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test("It is drawn once, private, and cursors outlive the process and go to readers")
    func file() async throws {
        try await withLedgerPath { path in
            let ledger = try await ledger(at: path)
            let bytes = try FileSystem.readFile(path + "/secret")
            #expect(bytes.count == 32 && Set(bytes).count > 8)
            #expect(try mode(path + "/secret") == 0o600)
            let cursor = try #require(try ledger.wallets(limit: 2).cursor)
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            #expect(try reader.wallets(after: cursor, limit: 9).items.count == 4)
            let past = try reader.past(.position(4))
            #expect(
                try past.wallets(after: cursor, limit: 9).items.map(\.user) == ["user-2", "user-3"])
            reader.close()
            let again = try await Ledger.open(at: path)
            #expect(try again.wallets(limit: 2).cursor == cursor)
            await again.close()
            #expect(try FileSystem.readFile(path + "/secret") == bytes)
            let other = try await self.ledger(at: path + "-other")
            #expect(throws: wrong) { try other.wallets(after: cursor) }
            await other.close()
        }
    }

    @Test("A backup carries it and a restore takes it over; the key stays out, as before")
    func backup() async throws {
        try await withLedgerPath { path in
            let ledger = try await ledger(at: path)
            let cursor = try #require(try ledger.wallets(limit: 2).cursor)
            try ledger.backup(to: path + "-backup")
            let bytes = try FileSystem.readFile(path + "/secret")
            #expect(try FileSystem.readFile(path + "-backup/secret") == bytes)
            #expect(try mode(path + "-backup/secret") == 0o600)
            #expect(!FileSystem.exists(path + "-backup/key"))
            var options = Ledger.RestoreOptions()
            options.keyPath = path + "/key"
            _ = try Ledger.restore(from: path + "-backup", to: path + "-restored", options: options)
            #expect(try mode(path + "-restored/secret") == 0o600)
            let restored = try await LedgerReader.open(at: path + "-restored")
            #expect(try restored.wallets(after: cursor, limit: 9).items.count == 4)
            restored.close()
            // Under a new id the history is another one: cursors are void, command ids are not.
            _ = try await ledger.submit(.registerUser("later"), id: .generate())
            await ledger.close()
            options.checkpointPath = path + "/checkpoint"
            options.acceptsLoss = true
            _ = try Ledger.restore(from: path + "-backup", to: path + "-short", options: options)
            #expect(try FileSystem.readFile(path + "-short/secret") == bytes)
            let short = try await LedgerReader.open(at: path + "-short")
            #expect(throws: wrong) { try short.wallets(after: cursor) }
            short.close()
        }
    }

    @Test("A file that is no secret is named, and nothing is changed; readers do without it")
    func malformed() async throws {
        try await withLedgerPath { path in
            try await ledger(at: path).close()
            for bytes in [[], [UInt8](repeating: 7, count: 31), [UInt8](repeating: 7, count: 33)] {
                try FileSystem.writeFileAtomically(path + "/secret", bytes)
                let log = try FileSystem.readFile(path + "/log/data.mdb")
                let error = #expect(throws: LedgerError.self) { try Ledger.openAndWait(at: path) }
                #expect(error?.code == .damaged && error?.reason.contains("/secret") == true)
                #expect(try FileSystem.readFile(path + "/log/data.mdb") == log)
                let reader = try await LedgerReader.open(at: path)
                let cursor = try #require(try reader.wallets(limit: 2).cursor)
                #expect(try reader.wallets(after: cursor, limit: 9).items.count == 4)
                reader.close()
            }
            try FileSystem.remove(path + "/secret")
            try await Ledger.open(at: path).close()
            #expect(try FileSystem.readFile(path + "/secret").count == 32)
        }
    }

    @Test("Each use has a key of its own, and codes are HMAC-SHA256 under HKDF's keys")
    func codes() {
        // Computed by Python's hmac: RFC 5869 without salt, the use as info; then RFC 2104.
        let expected = [
            "260917d0384e4a2d289fb4be415818a9"
                + "973f5d67be13ce6f9be9ea832fc8e8b2",
            "9d0bc5ae465054954568e63f4c220324"
                + "58778af896a6c56f5d0bb67e23e92d8b",
            "ae1a336a44eebdf9fe26bf0e58840e0d"
                + "503339e94fc21485f88bed69c10f2012",
            "739b941409d071ce31d381713c8f42e1"
                + "c5713cb5726fd5712c86967cf2ad8057",
            "a090b103d7f5145ca5fe8c0301134b32"
                + "e58bf82eba391b422457e1ef3b11b991",
        ]
        let codes = LedgerSecret.Use.allCases.map { use in
            secret.code(use, of: Array("a message".utf8)).hexadecimal
        }
        #expect(codes == expected)
    }
}
