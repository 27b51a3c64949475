// The shape of every event in JSON, written out.

import AuctionDomain
import Gavel
import GavelJSON
import Testing

@Suite("Writing events")
struct EventJSONTests {
    private static let payment = Payment(
        user: Cast.alice, currency: Cast.dollars, amount: 500, reference: "psp/1")
    private static let opening = CanonicalOpening(
        auction: "lot-9", title: "A clock", seller: Cast.bob, currency: Cast.dollars,
        opensAt: nil, closesAt: nil, rules: AuctionRules())

    static let ledgerEvents: [(Event, String)] = [
        (
            .ledgerCreated(LedgerID(high: 1, low: 2)),
            #"{"event":"ledger_created","ledger":"00000000000000010000000000000002"}"#
        ),
        (.engineOpened(epoch: 4), #"{"event":"engine_opened","epoch":4}"#),
        (
            .keyRotated(
                KeyRotation(
                    key: Bytes32(0, 0, 0, 10), previous: .zero, signature: (.zero, .zero))),
            #"{"event":"key_rotated","key":""# + String(repeating: "0", count: 63) + #"a"}"#
        ),
        (
            .ledgerRestored(
                Restoration(
                    ledger: LedgerID(high: 1, low: 2), checkpointSize: 7, checkpointRoot: .zero)),
            #"{"event":"ledger_restored","ledger":"00000000000000010000000000000002"}"#
        ),
        (
            .currencyRegistered(Cast.dollars, Cast.usd),
            #"{"event":"currency_registered","currency":"USD","scale":2}"#
        ),
        (.userRegistered(Cast.bob, "bob"), #"{"event":"user_registered","user":"bob"}"#),
    ]

    static let moneyEvents: [(Event, String)] = [
        (
            .charged(payment),
            #"{"event":"charged","user":"alice","currency":"USD","amount":500,"#
                + #""reference":"psp/1"}"#
        ),
        (
            .withdrawn(payment),
            #"{"event":"withdrawn","user":"alice","currency":"USD","amount":500,"#
                + #""reference":"psp/1"}"#
        ),
        (
            .locked(auction: Cast.lot, user: Cast.alice, amount: 1500, held: 1600),
            #"{"event":"locked","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":1500,"held":1600}"#
        ),
        (
            .refunded(auction: Cast.lot, user: Cast.alice, amount: 5, reason: .outbid),
            #"{"event":"refunded","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":5,"reason":"outbid"}"#
        ),
        (
            .refunded(auction: Cast.lot, user: Cast.alice, amount: 5, reason: .change),
            #"{"event":"refunded","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":5,"reason":"change"}"#
        ),
        (
            .refunded(auction: Cast.lot, user: Cast.alice, amount: 5, reason: .cancelled),
            #"{"event":"refunded","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":5,"reason":"cancelled"}"#
        ),
        (
            .refunded(auction: Cast.lot, user: Cast.alice, amount: 5, reason: .reserveNotMet),
            #"{"event":"refunded","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":5,"reason":"reserve_not_met"}"#
        ),
        (
            .refunded(auction: Cast.lot, user: Cast.alice, amount: 5, reason: .boughtNow),
            #"{"event":"refunded","auction":"lot-1","user":"alice","currency":"USD","#
                + #""amount":5,"reason":"bought_now"}"#
        ),
        (
            .settled(auction: Cast.lot, winner: Cast.alice, seller: Cast.bob, amount: 9, fee: 2),
            #"{"event":"settled","auction":"lot-1","winner":"alice","seller":"bob","#
                + #""currency":"USD","amount":9,"fee":2}"#
        ),
    ]

    static let auctionEvents: [(Event, String)] = [
        (
            .auctionOpened(Cast.lot, opening, opensAt: .zero),
            #"{"event":"auction_opened","auction":"lot-9","title":"A clock","seller":"bob","#
                + #""currency":"USD","opens_at":"1970-01-01T00:00:00.000Z","closes_at":null,"#
                + #""rules":{"format":"english","opening_price":1,"proxy":false,"#
                + #""increments":[{"from":0,"step":1}],"reserve_price":null,"#
                + #""buy_now_price":null,"buy_now_until":null,"soft_close":null,"#
                + #""duration_from_first_bid_ms":null,"fees":null,"#
                + #""cancel_policy":"before_first_bid"}}"#
        ),
        (
            .leadTaken(auction: Cast.lot, bidder: Cast.alice, maximum: 20, price: 10),
            #"{"event":"lead_taken","auction":"lot-1","bidder":"alice","currency":"USD","#
                + #""maximum":20,"price":10}"#
        ),
        (
            .maximumRaised(auction: Cast.lot, bidder: Cast.alice, maximum: 30, price: 10),
            #"{"event":"maximum_raised","auction":"lot-1","bidder":"alice","currency":"USD","#
                + #""maximum":30,"price":10}"#
        ),
        (
            .bidAbsorbed(auction: Cast.lot, bidder: Cast.bob, price: 11),
            #"{"event":"bid_absorbed","auction":"lot-1","bidder":"bob","currency":"USD","#
                + #""price":11}"#
        ),
        (
            .auctionExtended(auction: Cast.lot, closesAt: .max, reason: .operator),
            #"{"event":"auction_extended","auction":"lot-1","#
                + #""closes_at":"2261-12-31T23:59:59.999999999Z","reason":"operator"}"#
        ),
        (
            .auctionExtended(auction: Cast.lot, closesAt: .zero, reason: .softClose),
            #"{"event":"auction_extended","auction":"lot-1","#
                + #""closes_at":"1970-01-01T00:00:00.000Z","reason":"soft_close"}"#
        ),
        (
            .auctionExtended(auction: Cast.lot, closesAt: .zero, reason: .firstBid),
            #"{"event":"auction_extended","auction":"lot-1","#
                + #""closes_at":"1970-01-01T00:00:00.000Z","reason":"first_bid"}"#
        ),
        (
            .auctionExtended(auction: Cast.lot, closesAt: .zero, reason: .outage),
            #"{"event":"auction_extended","auction":"lot-1","#
                + #""closes_at":"1970-01-01T00:00:00.000Z","reason":"outage"}"#
        ),
        (
            .boughtNow(auction: Cast.lot, buyer: Cast.alice, price: 7),
            #"{"event":"bought_now","auction":"lot-1","buyer":"alice","currency":"USD","#
                + #""price":7}"#
        ),
        (
            .auctionClosed(auction: Cast.lot, outcome: .sold, winner: Cast.alice, price: 11),
            #"{"event":"auction_closed","auction":"lot-1","outcome":"sold","winner":"alice","#
                + #""currency":"USD","price":11}"#
        ),
        (
            .auctionClosed(auction: Cast.lot, outcome: .noBids, winner: nil, price: 0),
            #"{"event":"auction_closed","auction":"lot-1","outcome":"no_bids","winner":null,"#
                + #""currency":"USD","price":null}"#
        ),
        (
            .auctionClosed(auction: Cast.lot, outcome: .reserveNotMet, winner: nil, price: 8),
            #"{"event":"auction_closed","auction":"lot-1","outcome":"reserve_not_met","#
                + #""winner":null,"currency":"USD","price":8}"#
        ),
        (
            .closeConfirmed(auction: Cast.lot, position: 12, outcome: .noBids),
            #"{"event":"close_confirmed","auction":"lot-1","position":12,"outcome":"no_bids"}"#
        ),
        (
            .auctionCancelled(auction: Cast.lot),
            #"{"event":"auction_cancelled","auction":"lot-1"}"#
        ),
    ]

    /// A number for each case. A new case stops this from compiling: give it one, raise
    /// `caseCount`, and write its text above.
    private static func number(of event: Event) -> Int {
        switch event {
        case .ledgerCreated: 0
        case .engineOpened: 1
        case .currencyRegistered: 2
        case .userRegistered: 3
        case .charged: 4
        case .withdrawn: 5
        case .locked: 6
        case .refunded: 7
        case .settled: 8
        case .auctionOpened: 9
        case .leadTaken: 10
        case .maximumRaised: 11
        case .bidAbsorbed: 12
        case .auctionExtended: 13
        case .auctionClosed: 14
        case .closeConfirmed: 15
        case .auctionCancelled: 16
        case .boughtNow: 17
        case .keyRotated: 18
        case .ledgerRestored: 19
        }
    }
    private static let caseCount = 20

    @Test("every event has its one text, with names for handles and the currency beside amounts")
    func writesEvents() throws {
        let events = Self.ledgerEvents + Self.moneyEvents + Self.auctionEvents
        #expect(Set(events.map { Self.number(of: $0.0) }).count == Self.caseCount)
        for (event, text) in events {
            var writer = JSONWriter()
            writer.event(event, names: Cast())
            #expect(writer.text == text)
            guard case .object(let members) = try JSONValue(parsing: text) else {
                Issue.record("not an object: \(text)")
                continue
            }
            #expect(members.first == JSONMember("event", .string(event.name)))
        }
    }

    @Test("all outcomes and refund reasons have names of their own")
    func namesAreDistinct() {
        #expect(AuctionOutcome.allCases.map(\.jsonName) == ["sold", "no_bids", "reserve_not_met"])
        #expect(
            RefundReason.allCases.map(\.jsonName)
                == ["outbid", "change", "cancelled", "reserve_not_met", "bought_now"])
        #expect(
            ExtensionReason.allCases.map(\.jsonName)
                == ["operator", "soft_close", "first_bid", "outage"])
        #expect(
            PublicAuction.Status.allCases.map(\.jsonName)
                == ["scheduled", "open", "closed", "cancelled"])
        #expect(AuctionFormat.allCases.map(\.jsonName) == ["english"])
        #expect(BuyNow.Until.allCases.map(\.jsonName) == ["first_bid", "reserve_met", "end"])
        #expect(SoftClose.Mode.allCases.map(\.jsonName) == ["reset", "add"])
        #expect(
            SoftClose.Trigger.allCases.map(\.jsonName)
                == ["accepted_bid", "price_change", "lead_change"])
        #expect(CancelPolicy.allCases.map(\.jsonName) == ["before_first_bid", "operator_only"])
    }
}
