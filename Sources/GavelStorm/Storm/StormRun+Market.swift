// R2: many auctions that end in one instant, bid on as measured, the auctions' lives squeezed into
// seconds. The auctions really end then: by their own ends, while the last bids arrive.

import Gavel
import GavelProgram
import GavelReport

extension StormRun {
    /// How much of the auctions' lives is played, in measured seconds.
    private var span: Double {
        min(options.span ?? options.arrivals.duration, options.arrivals.duration)
    }

    /// How long the last measured minute takes.
    private func lastMinuteMicroseconds(_ seconds: Double) -> UInt32 {
        UInt32(max(1, 60 / span * seconds * 1_000_000))
    }

    mutating func runMarket() async throws {
        let names = StormNames(cast, prefix: "m")
        var world = try world(names)
        var seconds = options.seconds ?? 10
        let share = options.arrivals.share(within: span)
        let expected = options.bids ?? max(1, Int(Double(cast.auctions) * 17 * share))
        if let rate = options.rate { seconds = Double(expected) / Double(rate) }
        if let load = options.load {
            seconds = Double(expected) / (load * (try await scratchCapacity(&world, names)))
        }
        seconds = min(max(seconds, 0.05), StormOptions.secondsMax)
        fact(
            "compressed",
            "\(grouped(Int(span / seconds))) times: "
                + "\(spanText(UInt64(seconds * 1_000_000_000))) for "
                + (options.span == nil
                    ? "the auctions' whole lives" : "their last \(grouped(Int(span))) s")
                + "; the last minute takes "
                + spanText(UInt64(lastMinuteMicroseconds(seconds)) * 1_000))
        if options.path != .async {
            try await market(names, &world, seconds, callers: nil)
        }
        if options.path != .batch {
            let second = names.withAuctions(cast.auctions, prefix: "n")
            try await market(second, &world, seconds, callers: options.inFlight.max() ?? 1)
        }
        try await settle(world)
    }

    /// Measures the capacity on hot lots that have no part in what follows.
    private mutating func scratchCapacity(
        _ world: inout StormWorld, _ names: StormNames
    ) async throws -> Double {
        let lots = names.withAuctions(100, prefix: "c")
        try world.open(lots) { _, auction in StormWorld.opening(auction) }
        let cast = StormCast(users: options.users, auctions: 100)
        var source = TakeoverSource(cast, .none, seed: options.seed)
        var maker = SubmissionMaker(lots, ids: world.ids)
        let capacity = try await capacity(world, &source, &maker)
        world.goOn(after: maker.idsUsed)
        try hammer(lots, &world)
        return max(1, capacity)
    }

    private mutating func market(
        _ names: StormNames, _ world: inout StormWorld, _ seconds: Double, callers: Int?
    ) async throws {
        var market = MarketPlan(cast, seed: options.seed)
        let plan = market.plan(
            bids: options.bids, seconds: seconds, arrivals: options.arrivals,
            span: options.span, defects: options.defects)
        guard plan.count <= StormOptions.plannedMax else {
            throw Failure(.usage, "\(plan.count) bids are too many for one plan; use --bids")
        }
        let rules = AuctionRules(
            openingPrice: Money(minorUnits: MarketPlan.openingPrice), proxy: true)
        let start = try openAhead(
            names, &world, rules: { _ in rules }, end: { _ in Int64(seconds * 1_000_000_000) })
        var maker = SubmissionMaker(names, ids: world.ids)
        let last = UInt32(seconds * 1_000_000)
        let minute = lastMinuteMicroseconds(seconds)
        let isLastMinute: @Sendable (PlannedBid) -> Bool = {
            $0.due <= last && $0.due + minute >= last
        }
        if let callers {
            try await plannedAsync(
                "async-\(callers)", "arrivals as measured, at most \(callers) waiting", callers,
                world, plan, &maker, at: start,
                honest: [
                    .auctionEnded, .auctionAlreadyClosed, .bidBelowMinimum, .bidBelowOpening,
                    .bidNotAboveOwnMaximum,
                ])
        } else {
            try await planned(
                "batch", "arrivals as measured", world, plan, &maker, at: start,
                honest: [.auctionEnded, .auctionAlreadyClosed], isLastMinute: isLastMinute)
        }
        amendLastPass {
            $0.figures.add("planned_in_last_minute", plan.count { isLastMinute($0) })
            $0.addMissedEnds(plan)
        }
        world.goOn(after: maker.idsUsed)
        try await waitForClosings(world, seconds: seconds + 30)
    }

    /// Opens auctions whose ends are given from a moment ahead on, by which all are open.
    /// - Parameters:
    ///   - extraCommands: how many more commands must be done by then.
    ///   - rules: of the auction with a number.
    ///   - end: of the auction with a number, in nanoseconds from that moment.
    /// - Returns: that moment's uptime.
    mutating func openAhead(
        _ names: StormNames, _ world: inout StormWorld, extraCommands: Int = 0,
        rules: (Int) -> AuctionRules = { _ in AuctionRules() }, end: (Int) -> Int64
    ) throws -> Int64 {
        // Five times as long as commands took so far.
        let commands = Int64(names.allAuctions.count + extraCommands)
        let ahead = 1_000_000_000 + commands * world.nanosecondsPerCommand * 5
        let wall = clock.now().nanoseconds + ahead
        let start = clock.uptimeNanoseconds() + ahead
        try world.open(names) { number, auction in
            StormWorld.opening(
                auction, rules: rules(number),
                closesAt: Timestamp(nanoseconds: wall + end(number)))
        }
        guard clock.uptimeNanoseconds() < start else {
            throw Failure(
                .stopped,
                "\(names.allAuctions.count) auctions were not open in time for their storm; "
                    + "use fewer --auctions")
        }
        return start
    }
}
