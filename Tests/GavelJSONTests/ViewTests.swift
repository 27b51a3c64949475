// Answers to queries as JSON, CSV and text for people.

import AuctionDomain
import GavelJSON
import Testing

@testable import Gavel

/// An auction in the state given; everything else is the same in all tests.
private func auction(
    _ status: PublicAuction.Status, outcome: AuctionOutcome? = nil, price: Money? = 1500,
    leader: UserID? = "alice", closesAt: Timestamp? = Timestamp(seconds: 60)
) -> AuctionView {
    AuctionView(
        row: PublicAuction(
            auction: "lot-1", title: "A clock", seller: "bob", currency: Cast.usd, status: status,
            outcome: outcome, price: price, leader: leader, isReserveMet: nil, buyNowPrice: nil,
            minimumBid: 1501, bids: 2, opensAt: .zero, closesAt: closesAt),
        paid: nil, bids: 3, extensions: 0, rules: AuctionRules(), openedPosition: 4,
        closedPosition: nil)
}

@Suite("Writing views as JSON")
struct ViewJSONTests {
    @Test("an auction has all its fields, null where there is no value")
    func writesAuction() {
        var writer = JSONWriter()
        writer.auction(auction(.open, closesAt: nil))
        #expect(
            writer.text
                == #"{"auction":"lot-1","title":"A clock","seller":"bob","currency":"USD","#
                + #""scale":2,"status":"open","outcome":null,"winner":null,"leader":"alice","#
                + #""price":1500,"paid":null,"minimum_bid":1501,"bids":3,"accepted_bids":2,"#
                + #""opens_at":"1970-01-01T00:00:00.000Z","closes_at":null,"#
                + #""extensions":0,"reserve_met":null,"buy_now_price":null,"#
                + #""rules":{"format":"english","opening_price":1,"proxy":false,"#
                + #""increments":[{"from":0,"step":1}],"reserve_price":null,"#
                + #""buy_now_price":null,"buy_now_until":null,"soft_close":null,"#
                + #""duration_from_first_bid_ms":null,"fees":null,"#
                + #""cancel_policy":"before_first_bid"},"#
                + #""opened_position":4,"closed_position":null}"#)
    }

    @Test("a wallet has its balances and what is held for which auction")
    func writesWallet() {
        var writer = JSONWriter()
        writer.wallet(
            WalletView(
                user: "alice",
                balances: [
                    WalletView.Balance(
                        currency: Cast.usd, available: 5, locked: 7,
                        holds: [
                            WalletView.Hold(auction: "a", amount: 3),
                            WalletView.Hold(auction: "b", amount: 4),
                        ])
                ]))
        writer.newline()
        writer.wallet(WalletView(user: "bob", balances: []))
        #expect(
            writer.text
                == #"{"user":"alice","balances":[{"currency":"USD","scale":2,"available":5,"#
                + #""locked":7,"holds":[{"auction":"a","amount":3},{"auction":"b","amount":4}]}]}"#
                + "\n" + #"{"user":"bob","balances":[]}"#)
    }

    @Test("a page has its items, the way to the next page and what it reflects")
    func writesPage() {
        var writer = JSONWriter()
        let wallets = [WalletView(user: "a", balances: []), WalletView(user: "b", balances: [])]
        writer.page(Page(items: wallets, cursor: "next", reflects: 12)) { $0.wallet($1) }
        writer.newline()
        writer.page(Page(items: [] as [WalletView], cursor: nil, reflects: 0)) { $0.wallet($1) }
        #expect(
            writer.text
                == #"{"items":[{"user":"a","balances":[]},{"user":"b","balances":[]}],"#
                + #""cursor":"next","reflects":12}"# + "\n"
                + #"{"items":[],"cursor":null,"reflects":0}"#)
    }
}

@Suite("Writing CSV")
struct CSVTests {
    @Test("auctions have the documented columns; winner and price stand only once closed")
    func writesAuctions() {
        var csv = CSVWriter()
        csv.auctionsHeader()
        csv.auction(auction(.scheduled, price: nil, leader: nil, closesAt: nil))
        csv.auction(auction(.open))
        csv.auction(auction(.closed, outcome: .sold))
        csv.auction(auction(.closed, outcome: .noBids, price: nil, leader: nil))
        csv.auction(auction(.cancelled))
        #expect(
            csv.text == """
                auction,seller,currency,status,outcome,winner,price,bids,accepted_bids,\
                opens_at,closes_at
                lot-1,bob,USD,scheduled,,,,3,2,1970-01-01T00:00:00.000Z,
                lot-1,bob,USD,open,,,,3,2,1970-01-01T00:00:00.000Z,1970-01-01T00:01:00.000Z
                lot-1,bob,USD,closed,sold,alice,1500,3,2,\
                1970-01-01T00:00:00.000Z,1970-01-01T00:01:00.000Z
                lot-1,bob,USD,closed,no_bids,,,3,2,1970-01-01T00:00:00.000Z,1970-01-01T00:01:00.000Z
                lot-1,bob,USD,cancelled,,,,3,2,1970-01-01T00:00:00.000Z,1970-01-01T00:01:00.000Z

                """)
    }

    @Test("wallets have a row for each currency, amounts in minor units")
    func writesWallets() {
        var csv = CSVWriter()
        csv.walletsHeader()
        let won = Currency(code: "KRW", scale: 0)
        csv.wallet(
            WalletView(
                user: "alice",
                balances: [
                    WalletView.Balance(currency: won, available: 0, locked: 7, holds: []),
                    WalletView.Balance(currency: Cast.usd, available: 1500, locked: 0, holds: []),
                ]))
        csv.wallet(WalletView(user: "bob", balances: []))
        #expect(
            csv.text == """
                user,currency,available,locked
                alice,KRW,0,7
                alice,USD,1500,0

                """)
    }

    @Test("entries say what the command was about and what became of it")
    func writesEntries() {
        func entry(
            _ position: UInt64, _ actor: CanonicalActor, _ command: CanonicalCommand,
            _ outcome: Outcome = .accepted([]), id: CommandID? = nil
        ) -> LedgerEntry {
            LedgerEntry(
                position: position, time: .zero, commandID: id, actor: actor, command: command,
                outcome: outcome, links: [])
        }
        let payment = Payment(
            user: Cast.alice, currency: Cast.dollars, amount: 500, reference: "r")
        let opening = CanonicalOpening(
            auction: "lot-9", title: "A, \"clock\"", seller: Cast.bob, currency: Cast.dollars,
            opensAt: nil, closesAt: nil, rules: AuctionRules())
        var csv = CSVWriter()
        csv.entriesHeader()
        csv.entry(entry(0, .system, .createLedger(LedgerID(high: 1, low: 2))), names: Cast())
        csv.entry(entry(1, .registrant, .registerUser("carol")), names: Cast())
        csv.entry(entry(2, .payment, .charge(payment)), names: Cast())
        csv.entry(entry(3, .user(Cast.namedOperator), .openAuction(opening)), names: Cast())
        csv.entry(
            entry(
                4, .operator, .placeBid(auction: Cast.lot, bidder: Cast.alice, amount: 7),
                .rejected(Rejection(.auctionEnded)),
                id: CommandID(milliseconds: 1, randomHigh: 2, randomLow: 3)), names: Cast())
        csv.entry(entry(5, .system, .closeDue(Cast.lot)), names: Cast())
        csv.entry(
            entry(6, .system, .extendOutage(auction: Cast.lot, since: .zero, until: .max)),
            names: Cast())
        let time = "1970-01-01T00:00:00.000Z"
        let bidID = "00000000-0001-7002-8000-000000000003"
        #expect(
            csv.text == """
                position,time,id,by,command,auction,user,amount,status,code,currency,reference
                0,\(time),,system,create_ledger,,,,accepted,,,
                1,\(time),,carol,register_user,,carol,,accepted,,,
                2,\(time),,payment,charge,,alice,500,accepted,,USD,r
                3,\(time),,"{""user"":""operator""}",open_auction,lot-9,bob,,accepted,,USD,
                4,\(time),\(bidID),operator,place_bid,lot-1,alice,7,rejected,auction_ended,USD,
                5,\(time),,system,close_due,lot-1,,,accepted,,USD,
                6,\(time),,system,extend_outage,lot-1,,,accepted,,USD,

                """)
    }

    @Test("fields with commas or quotes are quoted, all others are not")
    func quotesFields() {
        var csv = CSVWriter()
        csv.row(["plain", "", nil, "a,b", "say \"so\"", " space "])
        #expect(csv.text == "plain,,,\"a,b\",\"say \"\"so\"\"\", space \n")
        csv.removeAll()
        csv.row(["next"])
        #expect(csv.text == "next\n")
    }
}

@Suite("Money for people")
struct MoneyFormatTests {
    @Test(
        "an amount has as many decimals as its currency, exact to the last unit",
        arguments: [
            (1500, 2, "15.00 XTS"), (0, 2, "0.00 XTS"), (5, 2, "0.05 XTS"), (-5, 2, "-0.05 XTS"),
            (50, 2, "0.50 XTS"), (100, 2, "1.00 XTS"), (-1234, 2, "-12.34 XTS"),
            (1500, 0, "1500 XTS"), (0, 0, "0 XTS"), (1, 9, "0.000000001 XTS"),
            (.max, 2, "92233720368547758.07 XTS"), (.min, 2, "-92233720368547758.08 XTS"),
            (.max, 9, "9223372036.854775807 XTS"),
        ] as [(Int64, UInt8, String)])
    func formats(minorUnits: Int64, scale: UInt8, text: String) {
        let currency = Currency(code: "XTS", scale: scale)
        #expect(Money(minorUnits: minorUnits).formatted(in: currency) == text)
    }
}
