// What a storm is drawn from: arrivals, numbers of bids, mixes and plans, against the published
// measurements they are made from, and against judges that know nothing of how they are drawn.

import Gavel
import GavelProgram
import GavelReport
import Testing

@testable import GavelStorm

@Suite("The arrivals of a storm")
struct ArrivalModelTests {
    /// Shares of so many draws that lie within so many seconds of the end.
    private func shares(within seconds: [Double], of model: ArrivalModel) -> [Double] {
        var random = StormRandom(seed: 7)
        var counts = [Int](repeating: 0, count: seconds.count)
        let draws = 200_000
        for _ in 0..<draws {
            let drawn = model.secondsToClose(random.share())
            for (index, limit) in seconds.enumerated() where drawn <= limit { counts[index] += 1 }
        }
        return counts.map { Double($0) / Double(draws) }
    }

    @Test("Draws have the published shares, from the last second to the last tenth of the time")
    func publishedShares() throws {
        let published: [(seconds: Double, share: Double)] = [
            (60_480, 0.411), (30_240, 0.327), (6_048, 0.178), (604.8, 0.087), (300, 0.069),
            (60, 0.031), (30, 0.020), (10, 0.0066), (5, 0.0029), (1, 0.0002),
        ]
        let drawn = shares(within: published.map(\.seconds), of: try .sevenDays())
        for ((seconds, share), drawn) in zip(published, drawn) {
            let tolerance = max(share * 0.05, 0.0008)
            #expect(abs(drawn - share) <= tolerance, "within \(seconds) s: \(drawn), not \(share)")
        }
    }

    @Test("The fit has the published masses of its three stages, and its inverse undoes it")
    func threeStages() {
        let density = ThreeStageDensity(
            early: 3.39, middle: 0.311, last: 1.26, earlyShare: 0.36, lastShare: 11 / 604_800)
        #expect(abs(density.mass(upTo: 1 - 0.36) - 0.75) < 0.01)
        #expect(abs(density.mass(upTo: 11 / 604_800) - 0.007) < 0.001)
        #expect(abs(density.mass(upTo: 1) - 1) < 1e-9)
        for mass in stride(from: 0.0005, to: 1, by: 0.0103) {
            #expect(abs(density.mass(upTo: density.inverse(mass)) - mass) < 1e-9)
        }
    }

    @Test("Time before the end never falls as the share grows, and ends with the duration")
    func monotone() throws {
        let model = try ArrivalModel.sevenDays()
        var before = 0.0
        for step in 0...10_000 {
            let seconds = model.secondsToClose(Double(step) / 10_000)
            #expect(seconds >= before)
            before = seconds
        }
        #expect(abs(before - model.duration) < 1)
        #expect(abs(model.share(within: 60) - 0.031) < 1e-6)
    }

    @Test("Numbers of bids have the published mean and quantiles")
    func bidsPerAuction() {
        var random = StormRandom(seed: 3)
        let drawn = (0..<50_000).map { _ in BidsPerAuction.draw(&random) }.sorted()
        let mean = Double(drawn.reduce(0, +)) / Double(drawn.count)
        #expect(abs(mean - 17) < 0.8, "\(mean)")
        #expect(abs(drawn[25_000] - 16) <= 1)
        #expect(abs(drawn[45_000] - 32) <= 1)
        // Few draws lie beyond, so this one wanders.
        #expect(abs(drawn[49_500] - 45) <= 4)
        #expect(drawn[0] == 1)
        #expect(drawn[49_999] <= 75)
    }

    @Test("A table of quantiles is read by column and interpolated by logarithm")
    func file() throws {
        let lines = ["cum_prob,three,seven", "0.1,10,20", "0.5,100,2000", "1.0,1000,4000", ""]
        #expect(try ArrivalModel.parse(lines).duration == 4_000)
        let model = try ArrivalModel.parse(lines, column: "three")
        #expect(model.duration == 1_000)
        #expect(abs(model.secondsToClose(0.3) - 31.62) < 0.01)
        #expect(model.secondsToClose(0.05) == 5)
    }

    @Test(
        "A table that is none says where",
        arguments: [
            (["share,seconds", "0.1,1"], "line 1: expected a header line"),
            (["cum_prob,seconds", "0.1,1", "0.2,x"], "line 3: expected 2 numbers, not 0.2,x"),
            (["cum_prob,seconds", "0.2,1", "0.1,2"], "row 2 (0.1, 2.0) does not grow"),
            (["cum_prob,seconds", "0.1,1"], "needs at least 2 rows, not 1"),
        ])
    func badFile(lines: [String], message: String) {
        #expect {
            try ArrivalModel.parse(lines)
        } throws: {
            "\($0)".contains(message)
        }
    }
}

@Suite("The plans of a storm")
struct StormPlanTests {
    private let cast = StormCast(users: 5_000, auctions: 500)

    private func market(seed: UInt64, _ defects: DefectShares = .none) throws -> [PlannedBid] {
        var market = MarketPlan(cast, seed: seed)
        return market.plan(
            bids: nil, seconds: 10, arrivals: try .sevenDays(), defects: defects)
    }

    @Test("The same seed plans the same storm, another seed another one")
    func determinism() throws {
        #expect(try market(seed: 1) == market(seed: 1))
        #expect(try market(seed: 1) != market(seed: 2))
        let lots = StormCast(users: 100, auctions: 3)
        func takeovers(_ seed: UInt64) -> [PlannedBid] {
            var source = TakeoverSource(lots, DefectShares(), seed: seed)
            return poissonPlan(&source, count: 1_000, perSecond: 50_000, seed: seed)
        }
        #expect(takeovers(4) == takeovers(4))
        #expect(takeovers(4) != takeovers(5))
        func mark(_ seed: UInt64) -> [PlannedBid] {
            AuctionMarkPlan(lots, count: 500, perSecond: 1_000, defects: .none, seed: seed).plan
        }
        #expect(mark(6) == mark(6))
        #expect(
            SoftClosePlan(lots, seconds: 1, seed: 8).bids
                == SoftClosePlan(lots, seconds: 1, seed: 8).bids)
    }

    @Test("A market's bids come to what measured bids came to, by the rule of proxy bidding")
    func outcomeMix() throws {
        struct Auction {
            var leader: UInt32?
            var maximum: Int64 = 0
            var price: Int64 = 0
        }
        var auctions: [UInt32: Auction] = [:]
        var counts: [String: Double] = [:]
        let plan = try market(seed: 11)
        for bid in plan {
            var auction = auctions[bid.auction] ?? Auction()
            let what: String
            if auction.leader == nil {
                what = "first"
                auction = Auction(leader: bid.bidder, maximum: bid.amount, price: 1_000)
            } else if auction.leader == bid.bidder {
                what = bid.amount > auction.maximum ? "raise" : "refused"
                auction.maximum = max(auction.maximum, bid.amount)
            } else {
                #expect(bid.amount > auction.price, "a planned bid is too low")
                if bid.amount > auction.maximum {
                    what = "take-over"
                    auction.price = min(bid.amount, auction.maximum + 1)
                    (auction.leader, auction.maximum) = (bid.bidder, bid.amount)
                } else {
                    what = "absorbed"
                    if bid.amount == auction.maximum { counts["tie", default: 0] += 1 }
                    auction.price = min(auction.maximum, bid.amount + 1)
                }
            }
            #expect((what == "refused") == (bid.kind == .stale))
            auctions[bid.auction] = auction
            counts[what, default: 0] += 1
        }
        let measured = [
            ("first", 6.0, 1.5), ("take-over", 38, 4), ("absorbed", 50, 4), ("raise", 5, 1),
            ("refused", 0.6, 0.3), ("tie", 6.7, 1.2),
        ]
        for (what, percent, tolerance) in measured {
            let drawn = counts[what, default: 0] * 100 / Double(plan.count)
            #expect(abs(drawn - percent) <= tolerance, "\(what): \(drawn) %, not \(percent) %")
        }
    }

    @Test("A market's bids are in order of time, within the storm, but for the late ones")
    func marketTimes() throws {
        let plan = try market(seed: 5, DefectShares())
        #expect(zip(plan, plan.dropFirst()).allSatisfy { $0.due <= $1.due })
        #expect(plan.allSatisfy { ($0.due > 10_000_000) == ($0.kind == .late) })
        #expect(abs(Double(plan.count) / 500 - 17) < 2)
    }

    @Test("Defects have the shares that are asked for")
    func defects() throws {
        let asked = DefectShares(duplicates: 20, conflicts: 10, short: 5, late: 2)
        var source = TakeoverSource(cast, asked, seed: 2)
        let drawn = (0..<100_000).map { _ in source.next().kind }
        let kinds: [(BidKind, Double)] = [
            (.duplicate, 20), (.conflict, 10), (.short, 5), (.late, 2), (.bid, 63),
        ]
        for (kind, percent) in kinds {
            let share = Double(drawn.count { $0 == kind }) / 1_000
            #expect(abs(share - percent) < 0.5, "\(kind): \(share) %")
        }
    }

    @Test("Take-overs are one above each other, each by another bidder")
    func takeovers() {
        var source = TakeoverSource(StormCast(users: 2, auctions: 1), .none, seed: 9)
        let bids = (0..<1_000).map { _ in source.next() }
        #expect(bids.map(\.amount) == (1...1_000).map { Int64($0) })
        #expect(zip(bids, bids.dropFirst()).allSatisfy { $0.bidder != $1.bidder })
    }

    @Test("17 % of the lots are extended, 3.3 times on average and 14 times at most")
    func chains() {
        let plan = SoftClosePlan(StormCast(users: 100, auctions: 5_000), seconds: 10, seed: 1)
        #expect(abs(Double(plan.lotsExtended) / 50 - 17) < 2)
        #expect(abs(Double(plan.extensions) / Double(plan.lotsExtended) - 3.3) < 0.3)
        #expect(plan.windowMilliseconds == 1_000)
        var ends = plan.ends.map { Int64($0) }
        var extensions = [Int](repeating: 0, count: ends.count)
        for bid in plan.bids {
            let (lot, due) = (Int(bid.auction), Int64(bid.due))
            #expect(due < ends[lot], "a bid is planned after the end")
            if ends[lot] - due <= 1_000_000, due + 1_000_000 > ends[lot] {
                ends[lot] = due + 1_000_000
                extensions[lot] += 1
            }
        }
        #expect(extensions.reduce(0, +) == plan.extensions)
        #expect(extensions.max() ?? 0 <= 14)
    }

    @Test("AuctionMark's weights are kept")
    func auctionMark() {
        let cast = StormCast(users: 1_000, auctions: 2_000)
        let plan = AuctionMarkPlan(
            cast, count: 90_000, perSecond: 20_000, defects: .none, seed: 1
        ).plan
        func share(_ kinds: [BidKind]) -> Double {
            Double(plan.count { kinds.contains($0.kind) }) / 1_000
        }
        #expect(abs(share([.readAuction]) - 45) < 1)
        #expect(abs(share([.readWallet]) - 10) < 1)
        #expect(abs(share([.bid, .late]) - 20) < 1)
        #expect(abs(share([.open]) - 10) < 1)
        #expect(abs(share([.hammer]) - 5) < 1)
    }
}

@Suite("What a storm records")
struct StormRecorderTests {
    private let accepted = Receipt(acceptedAt: 1, time: .zero)

    private func record(_ receipt: Receipt, _ kind: BidKind) throws {
        var recorder = StormRecorder(startingAt: 0, honest: [.auctionEnded])
        try recorder.record(receipt, kind, from: 0, at: 10)
    }

    @Test("An answer that a bid must not get is an error, whichever way it is wrong")
    func unexpected() throws {
        let replay = Receipt(acceptedAt: 1, time: .zero, isReplay: true)
        let low = Receipt(rejectedAt: 1, time: .zero, Rejection(.bidBelowMinimum))
        let ended = Receipt(rejectedAt: 1, time: .zero, Rejection(.auctionEnded))
        let poor = Receipt(rejectedAt: 1, time: .zero, Rejection(.exceedsAvailable))
        let reused = Receipt(refused: .commandIDReused)
        let wrong: [(Receipt, BidKind)] = [
            (replay, .bid), (low, .bid), (Receipt(refused: .queueFull), .bid),
            (accepted, .duplicate), (reused, .duplicate), (replay, .conflict),
            (accepted, .conflict), (accepted, .short), (low, .short), (accepted, .late),
            (low, .late), (accepted, .low), (accepted, .stale), (ended, .close),
        ]
        for (receipt, kind) in wrong {
            #expect(throws: UnexpectedReceipt.self, "\(kind): \(receipt)") {
                try record(receipt, kind)
            }
        }
        let right: [(Receipt, BidKind)] = [
            (accepted, .bid), (ended, .bid), (replay, .duplicate), (reused, .conflict),
            (poor, .short), (ended, .late), (low, .low), (accepted, .close),
        ]
        for (receipt, kind) in right { try record(receipt, kind) }
    }

    @Test("Latency runs from the planned time, so whoever waited behind a stall counts")
    func plannedTimes() throws {
        var recorder = StormRecorder(startingAt: 0, honest: [])
        try recorder.record(
            [accepted, accepted], [.bid, .bid], due: [0, 900_000], at: 1_000_000)
        let quantiles = try #require(LatencyQuantiles(recorder.latency))
        #expect(abs(Double(quantiles.max) - 1_000_000) < 1_000)
        #expect(abs(Double(quantiles.p50) - 100_000) < 100)
    }

    @Test("A pass that outlasts its time line has a coarser one with the same counts")
    func timeline() throws {
        var recorder = StormRecorder(startingAt: 0, honest: [])
        for step in 0..<3_000 {
            try recorder.record(accepted, .bid, from: 0, at: Int64(step) * 5_000_000)
        }
        #expect(recorder.parts.count <= StormRecorder.bucketsMax)
        #expect(recorder.parts.reduce(0) { $0 + $1.counts.accepted } == 3_000)
        #expect(recorder.bucketNanoseconds == 80_000_000)
        var pass = PassReport(name: "x", what: "", path: "batch", loop: .open)
        pass.fill(recorder, cpu: 0, cores: 2)
        #expect(pass.timeline.reduce(0) { $0 + $1.accepted } == 3_000)
        #expect(pass.figures["accepted"] == 3_000)
    }

    @Test("The median of runs stands with the least and the most of them")
    func spread() {
        let odd = Spread([5, 1, 9])
        #expect((odd.median, odd.least, odd.most) == (5, 1, 9))
        #expect(Spread([4, 1]).median == 2)
    }

    @Test("Frames are told by their first positions")
    func frames() {
        let figures = FrameFigures(firsts: [10, 11, 21], sizes: [100, 1_000, 300], end: 24)
        #expect(figures.frames == 3)
        #expect(figures.entries == 14)
        #expect(figures.bytes == 1_400)
        #expect(figures.entriesMedian == 3)
        #expect(figures.entriesMax == 10)
    }

    @Test("Spans have three figures and a unit that fits")
    func spans() {
        #expect(spanText(999) == "999 ns")
        #expect(spanText(1_234) == "1.23 µs")
        #expect(spanText(45_678_901) == "45.6 ms")
        #expect(spanText(123_000_000_000) == "123 s")
        #expect(grouped(1_234_567) == "1,234,567")
        #expect(grouped(-123) == "-123")
    }
}

@Suite("The checks after a storm")
struct SettlingTests {
    @Test("Money still locked, and an auction still open, are findings")
    func unsettled() async throws {
        for hasBid in [true, false] {
            let space = try Workspace()
            let path = space.path + "/ledger"
            let ledger = try await Ledger.open(at: path)
            var commands: [Command] = [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("a"),
                .registerUser("b"),
                .charge(user: "a", currency: "USD", amount: 100, reference: "r"),
                .openAuction(OpenAuction(auction: "lot", seller: "b", currency: "USD")),
            ]
            if hasBid { commands.append(.placeBid(auction: "lot", bidder: "a", amount: 5)) }
            for command in commands { _ = try await ledger.submit(command, id: .generate()) }
            var settling = Settling(path: path)
            let expected = hasBid ? "a has 5 locked" : "lot is still open"
            #expect {
                try settling.check(ledger)
            } throws: { error in
                let failure = error as? Failure
                return failure?.status == .finding && failure?.message?.contains(expected) == true
            }
            await ledger.close()
        }
    }
}
