// Receipt lines and entry lines, written out, with every code there is.

import AuctionDomain
import Gavel
import GavelJSON
import Testing

@Suite("Writing receipts")
struct ReceiptJSONTests {
    private static let id = CommandID(milliseconds: 1, randomHigh: 2, randomLow: 3)
    private static let idText = "00000000-0001-7002-8000-000000000003"
    private static let time = Timestamp(milliseconds: 1_500)

    private func line(
        _ receipt: Receipt, line: Int? = 7, id: CommandID? = Self.id, events: EventList? = nil,
        reason: String? = nil
    ) -> String {
        var writer = JSONWriter()
        writer.receipt(
            receipt, line: line, id: id, events: events, names: Cast(), reason: reason)
        return writer.text
    }

    @Test("an accepted line has position, time and events, and neither rejection nor refusal")
    func writesAccepted() {
        let receipt = Receipt(acceptedAt: 12, time: Self.time)
        let event = Event.auctionCancelled(auction: Cast.lot)
        #expect(
            line(receipt, events: [event, event])
                == #"{"line":7,"id":"\#(Self.idText)","status":"accepted","position":12,"#
                + #""time":"1970-01-01T00:00:01.500Z","replayed":false,"events":["#
                + #"{"event":"auction_cancelled","auction":"lot-1"},"#
                + #"{"event":"auction_cancelled","auction":"lot-1"}]}"#)
    }

    @Test("a replayed receipt says so; a line number and events that are not given are left out")
    func writesReplayed() {
        let receipt = Receipt(acceptedAt: 0, time: .zero, isReplay: true)
        #expect(
            line(receipt, line: nil)
                == #"{"id":"\#(Self.idText)","status":"accepted","position":0,"#
                + #""time":"1970-01-01T00:00:00.000Z","replayed":true}"#)
    }

    @Test("a rejected line has the code, its number and what it was measured against")
    func writesRejected() {
        let receipt = Receipt(
            rejectedAt: 12, time: Self.time, Rejection(.bidBelowMinimum, limit: 1600))
        #expect(
            line(receipt, events: [.auctionCancelled(auction: Cast.lot)])
                == #"{"line":7,"id":"\#(Self.idText)","status":"rejected","position":12,"#
                + #""time":"1970-01-01T00:00:01.500Z","replayed":false,"#
                + #""rejection":{"code":"bid_below_minimum","number":41,"minimum":1600}}"#)
    }

    @Test("a refused line has null for position and time, and the reason where there is one")
    func writesRefused() {
        #expect(
            line(Receipt(refused: .queueFull))
                == #"{"line":7,"id":"\#(Self.idText)","status":"refused","position":null,"#
                + #""time":null,"replayed":false,"refusal":{"code":"queue_full","number":10}}"#)
        #expect(
            line(Receipt(refused: .malformed), id: nil, reason: "amount \"x\"")
                == #"{"line":7,"id":null,"status":"refused","position":null,"time":null,"#
                + #""replayed":false,"#
                + #""refusal":{"code":"malformed","number":1,"reason":"amount \"x\""}}"#)
    }

    @Test("a refusal by the time in an id has the time in the id and the ledger's")
    func writesClocks() {
        let receipt = Receipt(refused: .commandIDInFuture, id: Self.id, at: Self.time)
        #expect(
            line(receipt)
                == #"{"line":7,"id":"\#(Self.idText)","status":"refused","position":null,"#
                + #""time":null,"replayed":false,"refusal":{"code":"command_id_in_future","#
                + #""number":4,"id_time":"1970-01-01T00:00:00.001Z","#
                + #""ledger_time":"1970-01-01T00:00:01.500Z"}}"#)
        let other = Receipt(refused: .userNotFound, id: Self.id, at: Self.time)
        #expect(other == Receipt(refused: .userNotFound) && other.clocks == nil)
    }

    @Test("a line that is no command is answered by the refusal malformed with place and reason")
    func writesMalformed() throws {
        let error = try #require(throws: CommandError.self) { try parseCommand("{,}") }
        var writer = JSONWriter()
        writer.receipt(malformed: error, line: 3)
        #expect(
            writer.text
                == #"{"line":3,"id":null,"status":"refused","position":null,"time":null,"#
                + #""replayed":false,"refusal":{"code":"malformed","number":1,"#
                + #""reason":"column 2: found ',', expected a field name in quotes"}}"#)
    }

    /// What an object says about itself, by name.
    private func members(of text: String) throws -> [String: JSONValue] {
        guard case .object(let members) = try JSONValue(parsing: text) else { return [:] }
        return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value) })
    }

    private static let limitNames: [Rejection.Code: String] = [
        .bidBelowOpening: "minimum", .bidBelowMinimum: "minimum",
        .bidNotAboveOwnMaximum: "maximum", .exceedsAvailable: "available",
    ]

    @Test("every rejection is written with code and number, the limit only where it has one")
    func writesEveryRejection() throws {
        for code in Rejection.Code.allCases {
            var expected: [String: JSONValue] = [
                "code": .string(code.name), "number": .integer(Int64(code.rawValue)),
            ]
            expected[Self.limitNames[code] ?? ""] = .integer(77)
            expected[""] = nil
            var writer = JSONWriter()
            writer.rejection(Rejection(code, limit: 77))
            #expect(try members(of: writer.text) == expected)

            let whole = try members(
                of: line(
                    Receipt(rejectedAt: 1, time: .zero, Rejection(code, limit: 77))))
            #expect(whole["rejection"] == (try JSONValue(parsing: writer.bytes)))
            #expect(whole["refusal"] == nil && whole["events"] == nil)
        }
        #expect(Set(Rejection.Code.allCases.map(\.name)).count == Rejection.Code.allCases.count)
    }

    @Test("every refusal is written with code and number")
    func writesEveryRefusal() throws {
        for refusal in Refusal.allCases {
            let whole = try members(of: line(Receipt(refused: refusal)))
            #expect(
                whole["refusal"]
                    == .object([
                        JSONMember("code", .string(refusal.name)),
                        JSONMember("number", .integer(Int64(refusal.rawValue))),
                    ]))
            #expect(whole["rejection"] == nil && whole["events"] == nil)
            #expect(whole["position"] == .null && whole["time"] == .null)
        }
        #expect(Set(Refusal.allCases.map(\.name)).count == Refusal.allCases.count)
    }

    @Test("the largest positions and amounts stay exact integers")
    func writesLargeNumbers() {
        let receipt = Receipt(
            rejectedAt: UInt64.max - 1, time: .max, Rejection(.exceedsAvailable, limit: .max))
        let text = line(receipt)
        #expect(text.contains(#""position":18446744073709551614,"#))
        #expect(text.contains(#""available":9223372036854775807}"#))
    }
}

@Suite("Writing entries")
struct EntryJSONTests {
    @Test("an entry has the fields of its receipt, who stands behind it and the command")
    func writesEntry() {
        let entry = LedgerEntry(
            position: 12, time: Timestamp(milliseconds: 1_500),
            commandID: CommandID(milliseconds: 1, randomHigh: 2, randomLow: 3),
            actor: .user(Cast.alice),
            command: .placeBid(auction: Cast.lot, bidder: Cast.alice, amount: 7),
            outcome: .rejected(Rejection(.bidBelowOpening, limit: 8)), links: [])
        var writer = JSONWriter()
        writer.entry(entry, names: Cast())
        #expect(
            writer.text
                == #"{"id":"00000000-0001-7002-8000-000000000003","status":"rejected","#
                + #""position":12,"time":"1970-01-01T00:00:01.500Z","replayed":false,"#
                + #""by":"alice","command":{"command":"place_bid","auction":"lot-1","#
                + #""bidder":"alice","amount":7},"#
                + #""rejection":{"code":"bid_below_opening","number":40,"minimum":8}}"#)
    }

    @Test(
        "by is a name, a role or system; only users named like one of these stand in braces",
        arguments: [
            (.system, #""by":"system","#), (.operator, #""by":"operator","#),
            (.payment, #""by":"payment","#), (.user(Cast.bob), #""by":"bob","#),
            (.user(Cast.namedOperator), #""by":{"user":"operator"},"#),
        ] as [(CanonicalActor, String)])
    func writesActors(actor: CanonicalActor, by: String) {
        let entry = LedgerEntry(
            position: 12, time: .zero, commandID: nil, actor: actor,
            command: .closeDue(Cast.lot),
            outcome: .accepted([.auctionCancelled(auction: Cast.lot)]), links: [])
        var writer = JSONWriter()
        writer.entry(entry, names: Cast())
        #expect(
            writer.text
                == #"{"id":null,"status":"accepted","position":12,"#
                + #""time":"1970-01-01T00:00:00.000Z","replayed":false,"# + by
                + #""command":{"command":"close_due","auction":"lot-1"},"#
                + #""events":[{"event":"auction_cancelled","auction":"lot-1"}]}"#)
    }
}
