// The life of an auction: opening, the edges of time, hammer, close, extension, cancellation.

import AuctionDomain
import Testing

@Suite("The edges of time")
struct EdgeTests {
    @Test("A bid at exactly closes_at is refused, one nanosecond before it is taken")
    func endIsExclusive() {
        var table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            60s-1ns | alice bids 10 | lead_taken locked | 10 alice | alice 9990+10
            60s     | bob bids 20   | auction_ended     | 10 alice | alice 9990, seller 10
            """)
    }

    @Test("A bid at exactly opens_at is taken, one nanosecond before it is not")
    func openingIsInclusive() {
        var table = CommandTable(rules: .plain(), opensAt: 30, closesAt: 60)
        table.run(
            """
            30s-1ns | alice bids 10 | auction_not_open  | -        | alice 10000
            30s     | alice bids 10 | lead_taken locked | 10 alice | alice 9990+10
            """)
    }

    @Test("An auction whose opening lies in the past or is not given opens at once")
    func opensAtOnce() {
        var table = CommandTable(rules: .plain(), opensAt: -60, closesAt: 60)
        table.run("0s | alice bids 10 | lead_taken locked | 10 alice | alice 9990+10")
        table = CommandTable(rules: .plain(), opensAt: nil, closesAt: 60)
        table.run("0s | alice bids 10 | lead_taken locked | 10 alice | alice 9990+10")
        #expect(table.ledger.auction().opensAt == TestLedger.start)
    }

    @Test("closes_at must lie after opens_at and after now")
    func closesAtAfterBoth() {
        var ledger = TestLedger.prepared()
        let start = TestLedger.start
        func opening(from opensAt: Timestamp?, to closesAt: Timestamp) -> Command {
            .openAuction(
                OpenAuction(
                    auction: "lot", seller: "seller", currency: "USD", opensAt: opensAt,
                    closesAt: closesAt))
        }
        let tooEarly = Rejection(.closesAtTooEarly)
        #expect(ledger.submit(opening(from: nil, to: start), at: start).rejection == tooEarly)
        let past = start + -10
        #expect(ledger.submit(opening(from: past, to: start), at: start).rejection == tooEarly)
        #expect(
            ledger.submit(opening(from: start + 5, to: start + 5), at: start)
                == .refused(.malformed))
        let next = Timestamp(nanoseconds: start.nanoseconds + 1)
        #expect(ledger.submit(opening(from: past, to: next), at: start).isAccepted)
    }

    @Test("Due auctions close by themselves in order of end, then of opening")
    func orderOfClosing() {
        var ledger = TestLedger.prepared(recording: true)
        ledger.open("late", closesAt: TestLedger.start + 20)
        ledger.open("tie-1", closesAt: TestLedger.start + 10)
        ledger.open("endless", closesAt: nil)
        ledger.open("tie-2", closesAt: TestLedger.start + 10)
        ledger.open("early", closesAt: TestLedger.start + 5)
        ledger.submit(.registerUser("dave"), at: TestLedger.start + 20)
        var closings: [String] = []
        for entry in ledger.entries {
            guard case .closeDue(let auction) = entry.command else { continue }
            closings.append(ledger.state.id(of: auction).string)
            #expect(entry.time == ledger.state[auction].closesAt)
        }
        #expect(closings == ["early", "tie-1", "tie-2", "late"])
        #expect(ledger.auction("endless").phase == .open)
        #expect(ledger.entries.last?.command == .registerUser("dave"))
    }
}

@Suite("Closing")
struct ClosingTests {
    @Test("The winner pays the price, gets the rest back, and the seller is paid, in one entry")
    func settles() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s | alice bids 500   | lead_taken locked               | 100 alice | alice 9500+500
            2s | bob bids 200     | bid_absorbed                    | 210 alice | seller 0
            3s | operator hammers | auction_closed settled refunded | 210 alice | alice 9790
            3s | wait             | -                               | 210 alice | seller 210
            """)
        #expect(table.ledger.auction().outcome == .sold)
        #expect(table.ledger.state.accountCount == 4)
    }

    @Test("Without change there is no refund")
    func settlesExactly() {
        var table = CommandTable(rules: .plain())
        table.run(
            """
            1s | alice bids 500 | lead_taken locked      | 500 alice | alice 9500+500
            2s | seller hammers | auction_closed settled | 500 alice | alice 9500, seller 500
            """)
    }

    @Test("The end, a hammer and a repeated close settle once")
    func settlesOnce() {
        var table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            1s  | alice bids 500   | lead_taken locked | 500 alice | alice 9500+500
            60s | wait             | -                 | 500 alice | alice 9500, seller 500
            60s | bob closes       | close_confirmed   | 500 alice | alice 9500, seller 500
            61s | operator hammers | close_confirmed   | 500 alice | alice 9500, seller 500
            62s | payment closes   | close_confirmed   | 500 alice | alice 9500, seller 500
            63s | bob hammers      | close_confirmed   | 500 alice | alice 9500, seller 500
            """)
        table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            1s  | alice bids 500 | lead_taken locked      | 500 alice | alice 9500+500
            2s  | seller hammers | auction_closed settled | 500 alice | alice 9500, seller 500
            3s  | seller hammers | close_confirmed        | 500 alice | alice 9500, seller 500
            60s | wait           | -                      | 500 alice | alice 9500, seller 500
            61s | bob closes     | close_confirmed        | 500 alice | alice 9500, seller 500
            """)
    }

    @Test("CloseConfirmed names the position of the closing and the outcome, and changes nothing")
    func confirmation() {
        var ledger = TestLedger.prepared()
        ledger.open("sold")
        ledger.open("unsold")
        ledger.bid("alice", 10, on: "sold")
        let position = ledger.state.entryCount
        ledger.closeDue(at: TestLedger.start + 60)
        let digest = ledger.state.digest
        for (id, offset, outcome) in [
            ("sold", 0, AuctionOutcome.sold), ("unsold", 1, .noBids),
        ] as [(AuctionID, UInt64, AuctionOutcome)] {
            let handle = ledger.state.auction(id)!
            let expected = Event.closeConfirmed(
                auction: handle, position: position + offset, outcome: outcome)
            for _ in 0..<3 {
                let answer = ledger.submit(
                    .closeAuction(id), by: .user("bob"), at: TestLedger.start + 61)
                #expect(answer.events == [expected])
            }
        }
        #expect(ledger.state.digest == digest)
    }

    @Test("A hammer without a bid, and an end without one, is no_bids")
    func noBids() {
        var table = CommandTable(rules: .plain())
        table.run(
            """
            1s | seller hammers | auction_closed  | - | seller 0
            2s | bob closes     | close_confirmed | - | seller 0
            """)
        #expect(table.ledger.auction().outcome == .noBids)
        table = CommandTable(rules: .plain(), closesAt: 60)
        table.run("60s | bob closes | close_confirmed | - | seller 0")
        #expect(table.ledger.auction().outcome == .noBids)
    }

    @Test("Before the end a close needs the hammer, and the hammer needs seller or operator")
    func beforeTheEnd() {
        var table = CommandTable(rules: .plain(), opensAt: 30, closesAt: 60)
        table.run(
            """
            1s      | bob closes       | auction_not_ended | - | bob 10000
            1s      | bob hammers      | not_permitted     | - | bob 10000
            1s      | payment hammers  | not_permitted     | - | bob 10000
            1s      | seller hammers   | auction_not_open  | - | bob 10000
            30s-1ns | operator hammers | auction_not_open  | - | bob 10000
            30s     | operator hammers | auction_closed    | - | bob 10000
            """)
        table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            60s-1ns | operator closes | auction_not_ended | - | bob 10000
            60s     | operator closes | close_confirmed   | - | bob 10000
            """)
    }

    @Test("An auction without end closes only by hammer")
    func endless() {
        var table = CommandTable(rules: .plain(), closesAt: nil)
        table.run(
            """
            1s         | alice bids 5        | lead_taken locked      | 5 alice | alice 9995+5
            999999999s | bob closes          | auction_not_ended      | 5 alice | alice 9995+5
            999999999s | operator extends 9s | closes_at_too_early    | 5 alice | alice 9995+5
            999999999s | seller hammers      | auction_closed settled | 5 alice | seller 5
            """)
    }
}

@Suite("Extending")
struct ExtensionTests {
    @Test("The operator gives a later end, and bids are taken until that one")
    func extends() {
        var table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            1s      | alice bids 5         | lead_taken locked          | 5 alice | alice 9995+5
            2s      | seller extends 90s   | not_permitted              | 5 alice | alice 9995+5
            3s      | operator extends 59s | closes_at_too_early        | 5 alice | alice 9995+5
            3s      | operator extends 60s | closes_at_too_early        | 5 alice | alice 9995+5
            4s      | operator extends 90s | auction_extended           | 5 alice | alice 9995+5
            60s     | bob bids 6           | lead_taken refunded locked | 6 bob   | alice 10000
            90s-1ns | alice bids 7         | lead_taken refunded locked | 7 alice | bob 10000
            90s     | wait                 | -                          | 7 alice | seller 7
            """)
    }

    @Test("What has ended is not extended")
    func tooLate() {
        var table = CommandTable(rules: .plain(), closesAt: 60)
        table.run("60s | operator extends 90s | auction_already_closed | - | alice 10000")
        table = CommandTable(rules: .plain(), closesAt: 60)
        table.run(
            """
            1s | operator cancels     | auction_cancelled | - | alice 10000
            2s | operator extends 90s | auction_cancelled | - | alice 10000
            """)
    }
}

@Suite("Cancelling")
struct CancellationTests {
    @Test("A cancellation gives every hold back and sells nothing")
    func refundsAll() {
        var table = CommandTable(rules: .proxy(opening: 100, step: 10))
        table.run(
            """
            1s  | alice bids 500   | lead_taken locked          | 100 alice | alice 9500+500
            2s  | bob bids 700     | lead_taken refunded locked | 510 bob   | bob 9300+700
            3s  | operator cancels | auction_cancelled refunded | 510 bob   | alice 10000, bob 10000
            4s  | carol bids 800   | auction_cancelled          | 510 bob   | carol 10000
            5s  | bob closes       | auction_cancelled          | 510 bob   | seller 0
            6s  | operator hammers | auction_cancelled          | 510 bob   | seller 0
            60s | wait             | -                          | 510 bob   | bob 10000, seller 0
            61s | operator cancels | auction_cancelled          | 510 bob   | bob 10000
            """)
        #expect(table.ledger.auction().outcome == nil)
        #expect(table.ledger.auction().phase == .cancelled)
    }

    @Test("The seller cancels before the first bid only, the operator until the close")
    func whoMayCancel() {
        var table = CommandTable(rules: .plain(), opensAt: 30)
        table.run("1s | seller cancels | auction_cancelled | - | seller 0")
        table = CommandTable(rules: .plain())
        table.run(
            """
            1s  | bob cancels      | not_permitted          | -       | seller 0
            1s  | payment cancels  | not_permitted          | -       | seller 0
            2s  | alice bids 5     | lead_taken locked      | 5 alice | alice 9995+5
            3s  | seller cancels   | auction_has_bids       | 5 alice | alice 9995+5
            60s | operator cancels | auction_already_closed | 5 alice | seller 5
            """)
    }
}
