// R3: hot lots. Every honest bid refunds the former leader and locks the new one, in one entry.

import Gavel
import GavelReport

extension StormRun {
    mutating func runHotLots() async throws {
        let names = StormNames(cast, prefix: "hot")
        var world = try world(names)
        try world.open(names) { _, auction in StormWorld.opening(auction) }
        var maker = SubmissionMaker(names, ids: world.ids)
        var source = TakeoverSource(cast, options.defects, seed: options.seed)
        let rate = try await plannedRate(world, &source, &maker)
        if options.path != .async {
            try await batches(world, &source, &maker, rate)
            if rate == nil { try compareWithRawAppend() }
        }
        if options.rejected {
            var low = LowSource(cast, seed: options.seed)
            try await closedBatches(
                "rejected", "every bid too low", world, &low, &maker, limit: batchLimit)
        }
        if options.path != .batch {
            for callers in options.inFlight {
                try await asyncCallers(callers, world, &source, &maker, rate)
            }
        }
        if options.lone > 0 { try await loneBids(world, &maker, &source) }
        world.goOn(after: maker.idsUsed)
        try hammer(names, &world)
        try await settle(world)
    }

    /// Bids a second of an open loop; nil in a closed one.
    mutating func plannedRate(
        _ world: StormWorld, _ source: inout some BidSource, _ maker: inout SubmissionMaker
    ) async throws -> Double? {
        if let rate = options.rate { return Double(rate) }
        guard let load = options.load else { return nil }
        return max(1, load * (try await capacity(world, &source, &maker)))
    }

    var batchLimit: PassLimit {
        PassLimit(
            bids: options.bids ?? (options.seconds == nil ? 1_000_000 : .max),
            seconds: options.seconds ?? StormOptions.secondsMax)
    }

    /// Callers who wait are slow, above all a single one: a closed loop of them has a time.
    private var asyncLimit: PassLimit {
        PassLimit(bids: options.bids ?? .max, seconds: options.seconds ?? 2)
    }

    private func plannedCount(_ rate: Double) -> Int {
        min(StormOptions.plannedMax, options.bids ?? max(1, Int(rate * (options.seconds ?? 5))))
    }

    private mutating func batches(
        _ world: StormWorld, _ source: inout TakeoverSource, _ maker: inout SubmissionMaker,
        _ rate: Double?
    ) async throws {
        guard let rate else {
            try await closedBatches(
                "batch", "as fast as it goes, \(options.underWay) batches under way", world,
                &source, &maker, limit: batchLimit)
            return
        }
        let plan = poissonPlan(
            &source, count: plannedCount(rate), perSecond: rate, seed: options.seed &+ 1)
        try await planned(
            "batch", "independent arrivals, \(grouped(Int(rate))) bids/s planned", world, plan,
            &maker)
    }

    /// A plan through the batch path, from a moment ahead on.
    mutating func planned(
        _ name: String, _ what: String, _ world: StormWorld, _ plan: [PlannedBid],
        _ maker: inout SubmissionMaker, at start: Int64? = nil,
        honest: Set<Rejection.Code> = [],
        isLastMinute: (@Sendable (PlannedBid) -> Bool)? = nil,
        read: @escaping @Sendable (PlannedBid) throws -> Void = { _ in }
    ) async throws {
        let report = PassReport(
            name: name, what: what, path: "batch", loop: .open, batch: options.batch)
        let start = start ?? clock.uptimeNanoseconds() + 10_000_000
        let batch = options.batch
        var lag = LatencyDigest()
        try await pass(report, world, at: start, honest: honest) { recorder in
            let batches = PlannedBatches(
                world.ledger, plan, batch: batch, recorder: recorder,
                isLastMinute: isLastMinute, read: read)
            let (recorded, lags) = try batches.run(&maker)
            lag = lags
            return recorded
        }
        amendLastPass { $0.figures.add("send_lag", lag.quantiles) }
    }

    /// A plan through the async path.
    mutating func plannedAsync(
        _ name: String, _ what: String, _ callers: Int, _ world: StormWorld,
        _ plan: [PlannedBid], _ maker: inout SubmissionMaker, at start: Int64? = nil,
        honest: Set<Rejection.Code>
    ) async throws {
        let report = PassReport(
            name: name, what: what, path: "async", loop: .open, inFlight: callers)
        let start = start ?? clock.uptimeNanoseconds() + 10_000_000
        var lag = LatencyDigest()
        try await pass(report, world, at: start, honest: honest, isOrdered: false) { recorder in
            let planned = PlannedCallers(
                world.ledger, plan, inFlight: callers, recorder: recorder)
            let (recorded, lags, used) = try await planned.run(maker)
            (lag, maker) = (lags, used)
            return recorded
        }
        amendLastPass { $0.figures.add("send_lag", lag.quantiles) }
    }

    private mutating func asyncCallers(
        _ callers: Int, _ world: StormWorld, _ source: inout TakeoverSource,
        _ maker: inout SubmissionMaker, _ rate: Double?
    ) async throws {
        // Callers race, so a bid may come after a higher one: that is a storm.
        let honest: Set<Rejection.Code> = [.bidBelowMinimum]
        if let rate {
            let plan = poissonPlan(
                &source, count: plannedCount(rate), perSecond: rate, seed: options.seed &+ 2)
            try await plannedAsync(
                "async-\(callers)",
                "independent arrivals, \(grouped(Int(rate))) bids/s planned, at most \(callers) "
                    + "waiting", callers, world, plan, &maker, honest: honest)
            return
        }
        let report = PassReport(
            name: "async-\(callers)", what: "\(callers) callers, each waits for its receipt",
            path: "async", loop: .closed, inFlight: callers)
        let limit = asyncLimit
        try await pass(report, world, honest: honest, isOrdered: false) { recorder in
            let running = Callers(world.ledger, source, maker, limit: limit, recorder: recorder)
            let (recorded, sourceNow, makerNow) = try await running.run(inFlight: callers)
            (source, maker) = (sourceNow, makerNow)
            return recorded
        }
    }
}
