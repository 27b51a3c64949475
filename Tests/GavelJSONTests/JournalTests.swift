// Movements, and what journals make of them: names that other tools take, and texts to the byte.

import AuctionDomain
import Gavel
import GavelJSON
import Testing

/// An entry as the log would give it, at a time in seconds.
private func entry(
    _ position: UInt64, at seconds: Int64, _ command: CanonicalCommand, _ events: EventList
) -> LedgerEntry {
    LedgerEntry(
        position: position, time: Timestamp(seconds: seconds),
        commandID: CommandID(milliseconds: 1, randomHigh: 2, randomLow: position),
        actor: .operator, command: command, outcome: .accepted(events), links: [])
}

private func charge(_ user: UserHandle, _ amount: Money) -> Payment {
    Payment(user: user, currency: Cast.dollars, amount: amount, reference: #"r,%"\"#)
}

/// A sale: alice charges 10.00 and bids 6.00, the lot is sold for that with a fee of 1.00, and bob
/// takes out 5.00 on the day after.
private let sale: [LedgerEntry] = {
    let bid = CanonicalCommand.placeBid(auction: Cast.lot, bidder: Cast.alice, amount: 600)
    return [
        entry(
            0, at: 0, .createLedger(LedgerID(high: 1, low: 2)),
            [.ledgerCreated(LedgerID(high: 1, low: 2))]),
        entry(1, at: 0, .registerCurrency(Cast.usd), [.currencyRegistered(Cast.dollars, Cast.usd)]),
        entry(2, at: 0, .registerUser("alice"), [.userRegistered(Cast.alice, "alice")]),
        entry(3, at: 0, .registerUser("bob"), [.userRegistered(Cast.bob, "bob")]),
        entry(4, at: 60, .charge(charge(Cast.alice, 1000)), [.charged(charge(Cast.alice, 1000))]),
        entry(
            5, at: 86_399, bid,
            [
                .leadTaken(auction: Cast.lot, bidder: Cast.alice, maximum: 600, price: 600),
                .locked(auction: Cast.lot, user: Cast.alice, amount: 600, held: 600),
            ]),
        entry(
            6, at: 86_400, .closeDue(Cast.lot),
            [
                .settled(
                    auction: Cast.lot, winner: Cast.alice, seller: Cast.bob, amount: 600, fee: 100)
            ]),
        entry(
            7, at: 86_400, .withdraw(charge(Cast.bob, 500)), [.withdrawn(charge(Cast.bob, 500))]),
    ]
}()

/// Collects what `body` writes for each entry of the sale.
private func forEachEntry(
    _ body: (LedgerEntry, [Movement]) -> Void
) throws {
    var fold = MovementFold()
    for entry in sale { body(entry, try fold.movements(of: entry, names: Cast())) }
}

@Suite("Movements")
struct MovementTests {
    @Test("A settlement moves three wallets; changes and what came from outside sum to zero")
    func sums() throws {
        var sum = Money.zero
        var last: [String] = []
        try forEachEntry { entry, movements in
            var entrySum = Money.zero
            for movement in movements {
                entrySum = entrySum + movement.availableChange + movement.lockedChange
            }
            sum = sum + entrySum
            let isPayment = movements.contains(where: \.isPayment)
            #expect(isPayment == (entrySum != .zero))
            last = movements.map { "\(Cast().id(of: $0.user)) \($0.amount.minorUnits)" } + last
        }
        #expect(sum == 500)
        #expect(
            last == ["bob 500", "alice 600", "bob 500", "house 100", "alice 600", "alice 1000"])
    }

    @Test("A wallet that a settlement gives nothing is not moved")
    func wholeFee() throws {
        for (fee, users) in [(600, ["alice", "house"]), (0, ["alice", "bob"])] {
            var fold = MovementFold()
            for entry in sale.prefix(6) { _ = try fold.movements(of: entry, names: Cast()) }
            let closing = entry(
                6, at: 86_400, .closeDue(Cast.lot),
                [
                    .settled(
                        auction: Cast.lot, winner: Cast.alice, seller: Cast.bob, amount: 600,
                        fee: Money(minorUnits: Int64(fee)))
                ])
            let movements = try fold.movements(of: closing, names: Cast())
            #expect(movements.map { Cast().id(of: $0.user).string } == users)
        }
    }

    @Test("What would leave a balance negative or too large is no movement")
    func impossible() throws {
        var fold = MovementFold()
        let early = charge(Cast.alice, 1)
        let tooEarly = entry(1, at: 0, .charge(early), [.charged(early)])
        // Its currency was not registered yet.
        #expect(throws: ImpossibleMovement.self) {
            try fold.movements(of: tooEarly, names: Cast())
        }
        _ = try fold.movements(of: sale[1], names: Cast())
        let taken = entry(
            1, at: 0, .withdraw(charge(Cast.alice, 1)), [.withdrawn(charge(Cast.alice, 1))])
        #expect(throws: ImpossibleMovement.self) {
            try fold.movements(of: taken, names: Cast())
        }
        let all = charge(Cast.alice, .max)
        let first = entry(1, at: 0, .charge(all), [.charged(all)])
        #expect(try fold.movements(of: first, names: Cast()).first?.available == .max)
        #expect(throws: ImpossibleMovement.self) {
            try fold.movements(of: first, names: Cast())
        }
    }

    @Test("A row has the movement and the balances after it, in JSON as in CSV")
    func rows() throws {
        var json = JSONWriter()
        var csv = CSVWriter()
        csv.movementsHeader()
        try forEachEntry { entry, movements in
            for movement in movements where entry.position != 4 {
                json.movement(movement, of: entry, names: Cast())
                json.newline()
                csv.movement(movement, of: entry, names: Cast())
            }
        }
        let lines = json.text.split(separator: "\n")
        #expect(
            lines.first.map(String.init)
                == #"{"position":5,"time":"1970-01-01T23:59:59.000Z","#
                + #""id":"00000000-0001-7002-8000-000000000005","event":"locked","#
                + #""auction":"lot-1","user":"alice","currency":"USD","amount":600,"#
                + #""available_change":-600,"locked_change":600,"available":400,"locked":600,"#
                + #""reference":null}"#)
        #expect(lines.last?.contains(#""event":"withdrawn","auction":null,"user":"bob""#) == true)
        #expect(lines.last?.hasSuffix(#""reference":"r,%\"\\"}"#) == true)
        let id = "00000000-0001-7002-8000-00000000000"
        #expect(
            csv.text == """
                position,time,id,event,auction,user,currency,amount,available_change,\
                locked_change,available,locked,reference
                5,1970-01-01T23:59:59.000Z,\(id)5,locked,lot-1,alice,USD,600,-600,600,400,600,
                6,1970-01-02T00:00:00.000Z,\(id)6,settled,lot-1,alice,USD,600,0,-600,400,0,
                6,1970-01-02T00:00:00.000Z,\(id)6,settled,lot-1,bob,USD,500,500,0,500,0,
                6,1970-01-02T00:00:00.000Z,\(id)6,settled,lot-1,house,USD,100,100,0,100,0,
                7,1970-01-02T00:00:00.000Z,\(id)7,withdrawn,,bob,USD,500,-500,0,0,0,"r,%""\\"

                """)
    }
}

@Suite("Journals")
struct JournalTests {
    @Test("hledger gets a transaction for each entry that moves money, postings with balances")
    func hledger() throws {
        var journal = HledgerJournal()
        journal.begin("a sale")
        try forEachEntry { journal.entry($0, $1, names: Cast()) }
        let id = "00000000-0001-7002-8000-00000000000"
        #expect(
            String(decoding: journal.bytes, as: UTF8.self) == """
                ; a sale
                decimal-mark .
                account equity:outside
                account assets:Uhouse:available  ; user:house
                account assets:Uhouse:locked  ; user:house
                commodity 1000.00 USD  ; code:USD
                account assets:Ualice:available  ; user:alice
                account assets:Ualice:locked  ; user:alice
                account assets:Ubob:available  ; user:bob
                account assets:Ubob:locked  ; user:bob

                1970-01-01 * charge
                    ; position:4, time:1970-01-01T00:01:00.000Z, id:\(id)4, reference:r%2C%25"\\
                    assets:Ualice:available  10.00 USD = 10.00 USD
                    equity:outside  -10.00 USD

                1970-01-01 * place_bid
                    ; position:5, time:1970-01-01T23:59:59.000Z, id:\(id)5, auction:lot-1
                    assets:Ualice:available  -6.00 USD = 4.00 USD
                    assets:Ualice:locked  6.00 USD = 6.00 USD

                1970-01-02 * close_due
                    ; position:6, time:1970-01-02T00:00:00.000Z, id:\(id)6, auction:lot-1
                    assets:Ualice:locked  -6.00 USD = 0.00 USD
                    assets:Ubob:available  5.00 USD = 5.00 USD
                    assets:Uhouse:available  1.00 USD = 1.00 USD

                1970-01-02 * withdraw
                    ; position:7, time:1970-01-02T00:00:00.000Z, id:\(id)7, reference:r%2C%25"\\
                    assets:Ubob:available  -5.00 USD = 0.00 USD
                    equity:outside  5.00 USD

                """)
    }

    @Test("beancount gets the balances of a day on the day after, for each wallet it moved")
    func beancount() throws {
        var journal = BeancountJournal()
        journal.begin("a sale")
        try forEachEntry { journal.entry($0, $1, names: Cast()) }
        journal.end(names: Cast())
        let text = String(decoding: journal.bytes, as: UTF8.self)
        #expect(
            text.hasPrefix(
                """
                ; a sale
                1970-01-01 open Equity:Outside
                1970-01-01 open Assets:Uhouse:Available
                  user: "house"
                1970-01-01 open Assets:Uhouse:Locked
                  user: "house"
                1970-01-01 commodity USD
                  code: "USD"
                1970-01-01 open Assets:Ualice:Available
                  user: "alice"

                """))
        let id = "00000000-0001-7002-8000-00000000000"
        let place = try #require(text.firstRange(of: "\n1970-01-01 * \"place_bid\""))
        #expect(
            text[place.lowerBound...] == """

                1970-01-01 * "place_bid"
                  position: 5
                  time: "1970-01-01T23:59:59.000Z"
                  id: "\(id)5"
                  auction: "lot-1"
                  Assets:Ualice:Available  -6.00 USD
                  Assets:Ualice:Locked  6.00 USD

                1970-01-02 balance Assets:Ualice:Available  4.00 ~ 0 USD
                1970-01-02 balance Assets:Ualice:Locked  6.00 ~ 0 USD

                1970-01-02 * "close_due"
                  position: 6
                  time: "1970-01-02T00:00:00.000Z"
                  id: "\(id)6"
                  auction: "lot-1"
                  Assets:Ualice:Locked  -6.00 USD
                  Assets:Ubob:Available  5.00 USD
                  Assets:Uhouse:Available  1.00 USD

                1970-01-02 * "withdraw"
                  position: 7
                  time: "1970-01-02T00:00:00.000Z"
                  id: "\(id)7"
                  reference: "r,%\\"\\\\"
                  Assets:Ubob:Available  -5.00 USD
                  Equity:Outside  5.00 USD

                1970-01-03 balance Assets:Uhouse:Available  1.00 ~ 0 USD
                1970-01-03 balance Assets:Uhouse:Locked  0.00 ~ 0 USD
                1970-01-03 balance Assets:Ualice:Available  4.00 ~ 0 USD
                1970-01-03 balance Assets:Ualice:Locked  0.00 ~ 0 USD
                1970-01-03 balance Assets:Ubob:Available  0.00 ~ 0 USD
                1970-01-03 balance Assets:Ubob:Locked  0.00 ~ 0 USD

                """)
    }
}

@Suite("Names in journals")
struct JournalNameTests {
    /// What a name with `-XX` in it stands for.
    private func unescaped(_ name: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = name
        while let character = rest.popFirst() {
            guard character == "-" else {
                bytes += Array(String(character).utf8)
                continue
            }
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// All names of at most two bytes, some that read like escapes of others, and long ones drawn
    /// from a seed.
    private static let names: [String] = {
        let alphabet = (0...0x7F).map { UInt8($0) }.filter { UserID.allows($0) }
        var names = alphabet.map { String(decoding: [$0], as: UTF8.self) }
        for first in alphabet {
            names += alphabet.map { String(decoding: [first, $0], as: UTF8.self) }
        }
        names += [
            "AUTO", "-41UTO", "TRUE", "FALSE", "NULL", "C-54RUE", "C.12", "C-31A", "C1A", "1A",
            "ABCDEFGHIJKLMNOPQRSTUVWX", "ABCDEFGHIJKLMNOPQRSTUVWXY",
        ]
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<5000 {
            let count = Int.random(in: 3...64, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            names.append(String(decoding: bytes, as: UTF8.self))
        }
        return Array(Set(names)).sorted()
    }()

    @Test("Every user has an account of its own, in bytes both tools take, that can be read back")
    func accounts() throws {
        #expect(JournalNames.account(of: "a-b.c_d:e9Z") == "Ua-2Db-2Ec-5Fd-3Ae9Z")
        var accounts = Set<String>()
        for name in Self.names {
            let account = JournalNames.account(of: try UserID(name))
            #expect(account.wholeMatch(of: /U[A-Za-z0-9-]+/) != nil, "\(name)")
            #expect(unescaped(account.dropFirst()) == name)
            accounts.insert(account)
        }
        #expect(accounts.count == Self.names.count)
    }

    @Test("Every currency has a commodity of its own in hledger, in quotes where letters do not do")
    func hledgerCommodities() throws {
        let examples: [(CurrencyCode, String)] = [
            ("USD", "USD"), ("usd", "usd"), ("e5", "\"e5\""), ("a.b", "\"a-2Eb\""),
            ("AUTO", "\"-41UTO\""), ("-41UTO", "\"-2D41UTO\""),
        ]
        for (code, commodity) in examples {
            #expect(JournalNames.hledgerCommodity(code) == commodity)
        }
        for name in Self.names {
            let commodity = JournalNames.hledgerCommodity(try CurrencyCode(name))
            #expect(
                commodity.wholeMatch(of: /[A-Za-z]+|"[A-Za-z0-9-]+"/) != nil, "\(commodity)")
            #expect(commodity != "AUTO" && commodity != "\"AUTO\"")
            let bare = commodity.filter { $0 != "\"" }
            #expect(unescaped(Substring(bare)) == name)
        }
    }

    @Test("Every currency has a commodity of its own in beancount, also where its code is too long")
    func beancountCommodities() throws {
        let examples: [(CurrencyCode, String)] = [
            ("USD", "USD"), ("usd", "C-75-73-64"), ("USD.X", "CUSD-2EX"), ("1A", "C-31A"),
            ("X", "C-58"), ("TRUE", "C-54RUE"), ("points-of-the-house", "C.12"),
            ("ABCDEFGHIJKLMNOPQRSTUVWX", "ABCDEFGHIJKLMNOPQRSTUVWX"),
            ("ABCDEFGHIJKLMNOPQRSTUVWXY", "C.12"),
        ]
        for (code, commodity) in examples {
            let handle = CurrencyHandle(rawValue: 12)
            #expect(JournalNames.beancountCommodity(code, registeredAs: handle) == commodity)
        }
        var commodities = Set<String>()
        for (number, name) in Self.names.enumerated() {
            let commodity = JournalNames.beancountCommodity(
                try CurrencyCode(name), registeredAs: CurrencyHandle(rawValue: UInt16(number)))
            #expect(
                commodity.wholeMatch(of: /[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]/) != nil, "\(commodity)")
            #expect(!["TRUE", "FALSE", "NULL"].contains(commodity))
            if commodity.contains("-") { #expect(unescaped(commodity.dropFirst()) == name) }
            commodities.insert(commodity)
        }
        #expect(commodities.count == Self.names.count)
    }
}
