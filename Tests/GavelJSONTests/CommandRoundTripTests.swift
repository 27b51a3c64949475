// Commands out of and into JSON: the same text, the same command.

import AuctionDomain
import Gavel
import GavelJSON
import Testing

@Suite("Writing commands")
struct CommandRoundTripTests {
    private static let id = CommandID(milliseconds: 1, randomHigh: 2, randomLow: 3)
    private static let actors: [LedgerActor?] = [
        nil, .operator, .payment, .user("alice"), .user("operator"), .user("payment"),
        .user("system"),
    ]

    @Test("the samples hold every command")
    func samplesAreComplete() {
        let names = Set(commandSamples.map(\.command.name))
        #expect(names.count == 10)
    }

    @Test("a command is written as its text, and the text is read as the command")
    func writesAndReads() throws {
        for (text, command) in commandSamples {
            #expect(encodeCommand(command) == text)
            #expect(try parseCommand(text) == ParsedCommand(command: command))
        }
    }

    @Test("what was written with id, by and at is read back whole, whoever stands behind it")
    func roundTripsEnvelope() throws {
        for (_, command) in commandSamples {
            for actor in Self.actors {
                for (id, at) in [(nil, nil), (Self.id, Timestamp.max), (nil, .zero)]
                    as [(CommandID?, Timestamp?)]
                {
                    let line = encodeCommand(command, id: id, by: actor, at: at)
                    #expect(
                        try parseCommand(line, allowing: .history)
                            == ParsedCommand(command: command, id: id, actor: actor, at: at))
                }
            }
        }
    }

    @Test("id, by and at stand behind the command's own fields, users named like roles in braces")
    func ordersEnvelope() {
        #expect(
            encodeCommand(.registerUser("a"), id: Self.id, by: .user("payment"), at: .zero)
                == #"{"command":"register_user","user":"a","#
                + #""id":"00000000-0001-7002-8000-000000000003","by":{"user":"payment"},"#
                + #""at":"1970-01-01T00:00:00.000Z"}"#)
    }

    @Test("defaults that are written out are read as the defaults that are left out")
    func readsDefaults() throws {
        let spelled =
            #"{"command":"open_auction","auction":"a","title":"","seller":"b","currency":"USD","#
            + #""rules":{"format":"english","opening_price":1,"proxy":false,"#
            + #""increments":[{"from":0,"step":1}]}}"#
        let parsed = try parseCommand(spelled).command
        #expect(
            parsed == .openAuction(OpenAuction(auction: "a", seller: "b", currency: "USD")))
        #expect(
            encodeCommand(parsed)
                == #"{"command":"open_auction","auction":"a","seller":"b","currency":"USD"}"#)
    }
}

@Suite("Writing the commands of entries")
struct CanonicalCommandTests {
    private static let payment = Payment(
        user: Cast.alice, currency: Cast.dollars, amount: 500, reference: "r")

    static let commands: [(CanonicalCommand, String)] = [
        (
            .createLedger(LedgerID(high: 0xAB, low: .max)),
            #"{"command":"create_ledger","ledger":"00000000000000abffffffffffffffff"}"#
        ),
        (
            .openEngine(epoch: 3, version: "0.1"),
            #"{"command":"open_engine","epoch":3,"version":"0.1"}"#
        ),
        (.closeDue(Cast.lot), #"{"command":"close_due","auction":"lot-1"}"#),
        (
            .extendOutage(auction: Cast.lot, since: .zero, until: Timestamp(seconds: 9)),
            #"{"command":"extend_outage","auction":"lot-1","since":"1970-01-01T00:00:00.000Z","#
                + #""until":"1970-01-01T00:00:09.000Z"}"#
        ),
        (
            .rotateKey(
                KeyRotation(
                    key: Bytes32(.max, 0, 0, 1), previous: .zero, signature: (.zero, .zero))),
            #"{"command":"rotate_key","key":"ffffffffffffffff"#
                + String(repeating: "0", count: 47) + #"1","previous":""#
                + String(repeating: "0", count: 64) + #"","signature":""#
                + String(repeating: "0", count: 128) + #""}"#
        ),
        (
            .restoreLedger(
                Restoration(
                    ledger: LedgerID(high: 1, low: 2), checkpointSize: 7, checkpointRoot: .zero)),
            #"{"command":"restore_ledger","ledger":"00000000000000010000000000000002","#
                + #""checkpoint_size":7,"checkpoint_root":""# + String(repeating: "0", count: 64)
                + #""}"#
        ),
        (
            .registerCurrency(Cast.usd),
            #"{"command":"register_currency","currency":"USD","scale":2}"#
        ),
        (.registerUser("carol"), #"{"command":"register_user","user":"carol"}"#),
        (
            .charge(payment),
            #"{"command":"charge","user":"alice","currency":"USD","amount":500,"reference":"r"}"#
        ),
        (
            .withdraw(payment),
            #"{"command":"withdraw","user":"alice","currency":"USD","amount":500,"reference":"r"}"#
        ),
        (
            .openAuction(
                CanonicalOpening(
                    auction: "lot-9", title: "A clock", seller: Cast.bob, currency: Cast.dollars,
                    opensAt: nil, closesAt: .zero, rules: AuctionRules())),
            #"{"command":"open_auction","auction":"lot-9","title":"A clock","seller":"bob","#
                + #""currency":"USD","closes_at":"1970-01-01T00:00:00.000Z"}"#
        ),
        (
            .placeBid(auction: Cast.lot, bidder: Cast.alice, amount: 7),
            #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":7}"#
        ),
        (
            .closeAuction(Cast.lot, hammer: true),
            #"{"command":"close_auction","auction":"lot-1","hammer":true}"#
        ),
        (
            .extendAuction(Cast.lot, closesAt: .zero),
            #"{"command":"extend_auction","auction":"lot-1","#
                + #""closes_at":"1970-01-01T00:00:00.000Z"}"#
        ),
        (
            .cancelAuction(Cast.lot, reason: "lost"),
            #"{"command":"cancel_auction","auction":"lot-1","reason":"lost"}"#
        ),
    ]

    @Test("the command of an entry is written with names, the engine's own under its own name")
    func writesCommands() throws {
        #expect(Set(Self.commands.map(\.0.jsonName)).count == 15)
        for (command, text) in Self.commands {
            var writer = JSONWriter()
            writer.command(command, names: Cast())
            #expect(writer.text == text)
            #expect(text.hasPrefix(#"{"command":"\#(command.jsonName)""#))
            if let callers = Command(command, names: Cast()) {
                #expect(try parseCommand(text).command == callers)
                #expect(callers.name == command.jsonName)
            } else {
                #expect(throws: CommandError.self) { try parseCommand(text) }
            }
        }
    }

    @Test("an entry written as a line of a history is read back with its id, actor and time")
    func writesHistory() throws {
        let id = CommandID(milliseconds: 9, randomHigh: 0, randomLow: 0)
        let entry = LedgerEntry(
            position: 5, time: Timestamp(milliseconds: 1_500), commandID: id,
            actor: .user(Cast.namedOperator),
            command: .placeBid(auction: Cast.lot, bidder: Cast.alice, amount: 7),
            outcome: .accepted([]), links: [])
        var writer = JSONWriter()
        writer.history(of: entry, names: Cast())
        #expect(
            try parseCommand(writer.bytes, allowing: .history)
                == ParsedCommand(
                    command: .placeBid(auction: "lot-1", bidder: "alice", amount: 7), id: id,
                    actor: .user("operator"), at: Timestamp(milliseconds: 1_500)))
    }

    @Test("who registered herself stands by her name although the entry holds no handle of hers")
    func namesSelfRegistration() {
        let entry = LedgerEntry(
            position: 5, time: .zero, commandID: nil, actor: .registrant,
            command: .registerUser("carol"), outcome: .accepted([]), links: [])
        #expect(LedgerActor(of: entry, names: Cast()) == .user("carol"))
    }
}
