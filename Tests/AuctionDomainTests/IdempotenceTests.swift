// Every command twice: the events it has the first time, and what it says when it is repeated.
//
// The engine answers a repeated command id with the first receipt. This is the layer below: the
// same words under another id must not take effect twice either, by the rules themselves.

import AuctionDomain
import Testing

@Suite("A command said twice")
struct IdempotenceTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let command: Command
        var actor = LedgerActor.operator
        /// The names of the first answer's events.
        let first: [String]
        /// What the repetition says: a code, or the names of events that change nothing.
        let second: String
        /// Whether alice leads the auction `lot` before.
        var hasBid = false
        /// Seconds after the start.
        var time: Int64 = 1

        var testDescription: String { "\(command.name) at \(time) s" }
    }

    static let cases: [Case] = [
        Case(
            command: .registerCurrency(Currency(code: "EUR", scale: 2)),
            first: ["currency_registered"], second: "currency_already_registered"),
        Case(
            command: .registerUser("dave"), actor: .user("dave"), first: ["user_registered"],
            second: "user_already_registered"),
        Case(
            command: .charge(user: "bob", currency: "USD", amount: 5, reference: "x"),
            first: ["charged"], second: "reference_already_used"),
        Case(
            command: .withdraw(user: "bob", currency: "USD", amount: 5, reference: "x"),
            actor: .user("bob"), first: ["withdrawn"], second: "reference_already_used"),
        Case(
            command: .openAuction(
                OpenAuction(auction: "new", seller: "bob", currency: "USD", opensAt: nil)),
            first: ["auction_opened"], second: "auction_already_opened"),
        // A first bid, a higher bid, an absorbed one, the leader's raise.
        Case(
            command: .placeBid(auction: "lot", bidder: "bob", amount: 100),
            first: ["lead_taken", "locked"], second: "bid_not_above_own_maximum"),
        Case(
            command: .placeBid(auction: "lot", bidder: "bob", amount: 900),
            first: ["lead_taken", "refunded", "locked"], second: "bid_not_above_own_maximum",
            hasBid: true),
        Case(
            command: .placeBid(auction: "lot", bidder: "bob", amount: 300),
            first: ["bid_absorbed"], second: "bid_below_minimum", hasBid: true),
        Case(
            command: .placeBid(auction: "lot", bidder: "alice", amount: 600),
            first: ["maximum_raised", "locked"], second: "bid_not_above_own_maximum",
            hasBid: true),
        Case(
            command: .closeAuction("lot", hammer: true), actor: .user("seller"),
            first: ["auction_closed", "settled", "refunded"], second: "close_confirmed",
            hasBid: true),
        Case(
            command: .closeAuction("lot", hammer: true), actor: .user("seller"),
            first: ["auction_closed"], second: "close_confirmed"),
        Case(
            command: .closeAuction("lot"), actor: .user("bob"), first: ["close_confirmed"],
            second: "close_confirmed", hasBid: true, time: 60),
        Case(
            command: .extendAuction("lot", closesAt: TestLedger.start + 90),
            first: ["auction_extended"], second: "closes_at_too_early", hasBid: true),
        Case(
            command: .cancelAuction("lot", reason: "lost"),
            first: ["auction_cancelled", "refunded"], second: "auction_cancelled", hasBid: true),
        Case(
            command: .cancelAuction("lot"), actor: .user("seller"),
            first: ["auction_cancelled"], second: "auction_cancelled"),
    ]

    @Test("has its events the first time and changes nothing the second", arguments: cases)
    func twice(_ tested: Case) {
        var ledger = TestLedger.prepared()
        ledger.open(rules: .proxy(opening: 100, step: 10))
        if tested.hasBid { ledger.bid("alice", 500) }
        let time = TestLedger.start + tested.time

        let first = ledger.submit(tested.command, by: tested.actor, at: time)
        #expect(first.events.map(\.name) == tested.first)
        let digest = ledger.state.digest
        let second = ledger.submit(tested.command, by: tested.actor, at: time)
        let said = second.rejection?.code.name ?? second.events.map(\.name).joined(separator: " ")
        #expect(said == tested.second)
        #expect(ledger.state.digest == digest)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("is the same canonical command before and after it took effect", arguments: cases)
    func resolvesAlike(_ tested: Case) throws {
        var ledger = TestLedger.prepared()
        ledger.open(rules: .proxy(opening: 100, step: 10))
        if tested.hasBid { ledger.bid("alice", 500) }
        let command = try ledger.state.resolve(tested.command)
        let actor = try ledger.state.resolve(tested.actor, of: tested.command)
        let time = TestLedger.start + tested.time
        #expect(ledger.submit(tested.command, by: tested.actor, at: time).isAccepted)
        let commandAfter = try ledger.state.resolve(tested.command)
        let actorAfter = try ledger.state.resolve(tested.actor, of: tested.command)
        #expect(commandAfter == command && actorAfter == actor)
    }

    @Test("is tested here, whatever the command")
    func allCommands() {
        let tested = Set(Self.cases.map(\.command.name))
        #expect(
            tested == [
                "register_currency", "register_user", "charge", "withdraw", "open_auction",
                "place_bid", "close_auction", "extend_auction", "cancel_auction",
            ])
    }
}
