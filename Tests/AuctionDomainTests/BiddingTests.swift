// The price rule (auctions.md section 3.1) and what a bid does to wallets, as tables.

import AuctionDomain
import Testing

@Suite("Proxy bidding")
struct ProxyBiddingTests {
    @Test("The first bid leads at the opening price and locks its whole maximum")
    func firstBid() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 99  | bid_below_opening 100 | -         | alice 10000
            1s | alice bids 100 | lead_taken locked     | 100 alice | alice 9900+100
            """)
        table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run("1s | alice bids 500 | lead_taken locked | 100 alice | alice 9500+500")
    }

    @Test("A bid up to the leader's maximum is absorbed: one step more, at most the maximum")
    func absorbed() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked     | 100 alice | alice 9500+500
            2s | bob bids 109   | bid_below_minimum 110 | 100 alice | bob 10000
            2s | bob bids 110   | bid_absorbed          | 120 alice | alice 9500+500, bob 10000
            3s | carol bids 130 | bid_absorbed          | 140 alice | carol 10000
            4s | bob bids 489   | bid_absorbed          | 499 alice | bob 10000
            5s | bob bids 508   | bid_below_minimum 509 | 499 alice | bob 10000
            """)
        table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked     | 100 alice | alice 9500+500
            2s | bob bids 495   | bid_absorbed          | 500 alice | alice 9500+500
            3s | bob bids 509   | bid_below_minimum 510 | 500 alice | bob 10000
            """)
    }

    @Test("An equal bid does not lead: the earlier maximum wins, at that amount")
    func tie() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked | 100 alice | alice 9500+500
            2s | bob bids 500   | bid_absorbed      | 500 alice | alice 9500+500, bob 10000
            """)
    }

    @Test("A bid above the maximum leads: one step above it, at most the bid itself")
    func overtaken() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked          | 100 alice | alice 9500+500
            2s | bob bids 501   | lead_taken refunded locked | 501 bob   | alice 10000, bob 9499+501
            3s | carol bids 510 | bid_below_minimum 511      | 501 bob   | carol 10000
            """)
        table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked          | 100 alice | alice 9500+500
            2s | bob bids 510   | lead_taken refunded locked | 510 bob   | alice 10000, bob 9490+510
            """)
        table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500 | lead_taken locked          | 100 alice | alice 9500+500
            2s | bob bids 900   | lead_taken refunded locked | 510 bob   | alice 10000, bob 9100+900
            3s | alice bids 899 | bid_absorbed               | 900 bob   | alice 10000, bob 9100+900
            """)
    }

    @Test("The leader's own bid is judged only against the own maximum and moves no price")
    func leaderRaises() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 100 | lead_taken locked             | 100 alice | alice 9900+100
            2s | alice bids 99  | bid_not_above_own_maximum 100 | 100 alice | alice 9900+100
            2s | alice bids 100 | bid_not_above_own_maximum 100 | 100 alice | alice 9900+100
            3s | alice bids 101 | maximum_raised locked         | 100 alice | alice 9899+101
            4s | bob bids 110   | lead_taken refunded locked    | 110 bob   | alice 10000
            5s | bob bids 300   | maximum_raised locked         | 110 bob   | bob 9700+300
            """)
    }

    @Test("Raising a maximum needs only the difference")
    func raiseNeedsDifference() {
        var table = CommandTable(
            rules: .proxy(opening: 100, step: 10), wallets: [("alice", 600), ("bob", 10_000)])
        table.run(
            """
            1s | alice bids 500 | lead_taken locked     | 100 alice | alice 100+500
            2s | alice bids 601 | exceeds_available 100 | 100 alice | alice 100+500
            3s | alice bids 600 | maximum_raised locked | 100 alice | alice 0+600
            4s | alice bids 601 | exceeds_available 0   | 100 alice | alice 0+600
            """)
    }

    @Test("An unfunded bid cannot push the price, not even one the leader would absorb")
    func unfundedBid() {
        var table = CommandTable(
            rules: .proxy(opening: 100, step: 10), wallets: [("alice", 1_000), ("bob", 200)])
        table.run(
            """
            1s | alice bids 500 | lead_taken locked     | 100 alice | alice 500+500
            2s | bob bids 201   | exceeds_available 200 | 100 alice | alice 500+500, bob 200
            3s | bob bids 200   | bid_absorbed          | 210 alice | alice 500+500, bob 200
            4s | carol bids 220 | exceeds_available 0   | 210 alice | alice 500+500
            """)
    }

    @Test("Steps are looked up at the losing amount, and bids judged by the step at the price")
    func bracketsOfTheStep() {
        let rules = AuctionRules(openingPrice: 90, proxy: true, increments: .us)
        var table = CommandTable(rules: rules)
        table.run(
            """
            1s | alice bids 3000 | lead_taken locked          | 90 alice   | alice 7000+3000
            2s | bob bids 94     | bid_below_minimum 95       | 90 alice   | bob 10000
            3s | bob bids 95     | bid_absorbed               | 100 alice  | bob 10000
            4s | bob bids 124    | bid_below_minimum 125      | 100 alice  | bob 10000
            5s | bob bids 2480   | bid_absorbed               | 2530 alice | bob 10000
            6s | bob bids 2629   | bid_below_minimum 2630     | 2530 alice | bob 10000
            7s | bob bids 9000   | lead_taken refunded locked | 3100 bob   | bob 1000+9000
            """)
    }

    @Test(
        "eBay's table for US dollars has the published step at both ends of every bracket",
        arguments: [
            (1, 5), (99, 5), (100, 25), (499, 25), (500, 50), (2_499, 50), (2_500, 100),
            (9_999, 100), (10_000, 250), (24_999, 250), (25_000, 500), (49_999, 500),
            (50_000, 1_000), (99_999, 1_000), (100_000, 2_500), (249_999, 2_500),
            (250_000, 5_000), (499_999, 5_000), (500_000, 10_000), (900_000, 10_000),
        ] as [(Int64, Int64)])
    func usTable(price: Int64, step: Int64) {
        let rules = AuctionRules(
            openingPrice: Money(minorUnits: price), proxy: true, increments: .us)
        var table = CommandTable(
            rules: rules, wallets: [("alice", 2_000_000), ("bob", 2_000_000)])
        let least = price + step
        table.run(
            """
            1s | alice bids 1000000    | lead_taken locked          | \(price) alice | bob 2000000
            2s | bob bids \(least - 1) | bid_below_minimum \(least) | \(price) alice | bob 2000000
            """)
        #expect(table.ledger.bid("bob", Money(minorUnits: least)).isAccepted)
    }

    @Test("A step that cannot be added counts as the largest amount, so the maximum decides")
    func stepBeyondAllAmounts() {
        let cliff = Increments.table([
            IncrementRow(from: 0, step: 10), IncrementRow(from: 700, step: .max),
        ])
        let rules = AuctionRules(openingPrice: 100, proxy: true, increments: cliff)
        var table = CommandTable(rules: rules)
        table.run(
            """
            1s | alice bids 900  | lead_taken locked     | 100 alice | alice 9100+900
            2s | bob bids 800    | bid_absorbed          | 900 alice | bob 10000
            3s | bob bids 10000  | overflows_price       | 900 alice | bob 10000
            4s | alice bids 1000 | maximum_raised locked | 900 alice | alice 9000+1000
            """)
        table = CommandTable(rules: rules)
        table.run(
            """
            1s | alice bids 900 | lead_taken locked          | 100 alice | alice 9100+900
            2s | bob bids 1500  | lead_taken refunded locked | 1500 bob  | bob 8500+1500
            """)
    }
}

@Suite("Bidding without proxy")
struct PlainBiddingTests {
    @Test("The price is the bid, and everyone must reach price + step, the leader too")
    func priceIsBid() {
        var table = CommandTable(rules: .plain(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 99  | bid_below_opening 100      | -         | alice 10000
            1s | alice bids 250 | lead_taken locked          | 250 alice | alice 9750+250
            2s | bob bids 250   | bid_below_minimum 260      | 250 alice | bob 10000
            2s | bob bids 259   | bid_below_minimum 260      | 250 alice | bob 10000
            3s | bob bids 260   | lead_taken refunded locked | 260 bob   | alice 10000, bob 9740+260
            4s | bob bids 269   | bid_below_minimum 270      | 260 bob   | bob 9740+260
            5s | bob bids 270   | maximum_raised locked      | 270 bob   | bob 9730+270
            """)
    }

    @Test("Raising the own bid needs only the difference")
    func raiseNeedsDifference() {
        var table = CommandTable(
            rules: .plain(opening: 100, step: 10), wallets: [("alice", 300), ("bob", 300)])
        table.run(
            """
            1s | alice bids 290 | lead_taken locked     | 290 alice | alice 10+290
            2s | alice bids 301 | exceeds_available 10  | 290 alice | alice 10+290
            3s | alice bids 300 | maximum_raised locked | 300 alice | alice 0+300
            """)
    }

    @Test("The plain English auction opens at 1 with a step of 1")
    func defaults() {
        var table = CommandTable(rules: AuctionRules())
        table.run(
            """
            1s | alice bids 1 | lead_taken locked          | 1 alice | alice 9999+1
            2s | bob bids 1   | bid_below_minimum 2        | 1 alice | bob 10000
            3s | bob bids 2   | lead_taken refunded locked | 2 bob   | alice 10000, bob 9998+2
            """)
    }
}

@Suite("Who may bid, and with which money")
struct BidderTests {
    @Test("One balance cannot back two lots")
    func oneBalanceTwoLots() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100), ("bob", 100)])
        ledger.open("lot")
        ledger.open("other")
        #expect(ledger.bid("alice", 60, on: "lot").isAccepted)
        #expect(
            ledger.bid("alice", 41, on: "other").rejection
                == Rejection(.exceedsAvailable, limit: 40))
        #expect(ledger.bid("alice", 40, on: "other").isAccepted)
        // Outbid on one lot, the money is free for the other in the same entry.
        #expect(ledger.bid("bob", 61, on: "lot").isAccepted)
        #expect(ledger.available("alice") == 60 && ledger.locked("alice") == 40)
        #expect(ledger.bid("alice", 100, on: "other").isAccepted)
        #expect(ledger.available("alice") == 0 && ledger.locked("alice") == 100)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("Locked money cannot be withdrawn")
    func lockedIsNotAvailable() {
        var table = CommandTable(rules: .plain(), wallets: [("alice", 100)])
        table.run(
            """
            1s | alice bids 70            | lead_taken locked    | 70 alice | alice 30+70
            2s | alice withdraws 31 out-1 | exceeds_available 30 | 70 alice | alice 30+70
            3s | alice withdraws 30 out-2 | withdrawn            | 70 alice | alice 0+70
            """)
    }

    @Test("The seller cannot bid, nobody bids for another, and the house never bids")
    func whoMayBid() {
        var table = CommandTable(rules: .plain())
        table.run(
            """
            1s | seller bids 100              | seller_cannot_bid | -         | alice 10000
            1s | operator bids 100 for seller | seller_cannot_bid | -         | alice 10000
            2s | bob bids 100 for alice       | not_permitted     | -         | alice 10000
            3s | payment bids 100 for alice   | not_permitted     | -         | alice 10000
            4s | house bids 100               | not_permitted     | -         | alice 10000
            5s | operator bids 100 for alice  | lead_taken locked | 100 alice | alice 9900+100
            """)
    }

    @Test("A rejected command leaves the digest and every wallet as they were")
    func rejectionChangesNothing() {
        var ledger = TestLedger.prepared()
        ledger.open(rules: .proxy(opening: 100, step: 10))
        ledger.bid("alice", 500)
        let digest = ledger.state.digest
        let count = ledger.state.entryCount
        #expect(ledger.bid("bob", 105).rejection?.code == .bidBelowMinimum)
        #expect(ledger.bid("seller", 200).rejection?.code == .sellerCannotBid)
        #expect(ledger.bid("bob", 20_000).rejection?.code == .exceedsAvailable)
        let start = TestLedger.start
        #expect(
            ledger.submit(.cancelAuction("lot"), by: .user("seller"), at: start).rejection?.code
                == .auctionHasBids)
        // They are entries all the same, and the auction counts its rejected bids.
        #expect(ledger.state.digest == digest)
        #expect(ledger.state.entryCount == count + 4)
        #expect(ledger.auction().rejectedBids == 3 && ledger.auction().acceptedBids == 1)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("Where no amount could be enough, a bid overflows the price")
    func overflowsPrice() {
        var ledger = TestLedger.prepared(wallets: [("alice", .max - 10), ("bob", 10)])
        ledger.open(rules: .plain(opening: .max - 10, step: 11))
        #expect(ledger.bid("alice", .max - 10).isAccepted)
        #expect(ledger.bid("bob", 5).rejection == Rejection(.overflowsPrice))
        #expect(ledger.state.minimumBid(on: ledger.state.auction("lot")!) == nil)
        // And the sale settles: sums of what was charged always fit.
        let hammer = Command.closeAuction("lot", hammer: true)
        #expect(ledger.submit(hammer, at: TestLedger.start + 1).isAccepted)
        #expect(ledger.available("seller") == Money.max - 10)
        #expect(ledger.state.invariantViolations() == [])
    }
}
