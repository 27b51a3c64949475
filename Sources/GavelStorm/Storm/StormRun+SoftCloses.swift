// R4: what a soft close costs on the hot path, and chains of extensions as a sale sees them.

import Gavel
import GavelProgram

extension StormRun {
    mutating func runSoftCloses() async throws {
        let names = StormNames(cast, prefix: "p")
        var world = try world(names)
        var ids = world.ids
        var limit = batchLimit
        if options.bids == nil, options.seconds == nil { limit.bids = 500_000 }
        // Plain lots first: what every bid would cost without.
        try world.open(names) { _, auction in StormWorld.opening(auction) }
        ids = world.ids
        ids = try await hotPath(
            "plain", "lots without a soft close, as fast as it goes", names, world, limit, ids)
        world.goOn(after: ids)
        let soft = names.withAuctions(cast.auctions, prefix: "s")
        let hour = Timestamp(nanoseconds: clock.now().nanoseconds + 3_600_000_000_000)
        // Always within the window, and always moved: the most that a soft close can cost.
        let rules = AuctionRules(
            softClose: SoftClose(
                windowMilliseconds: 86_400_000, extensionMilliseconds: 1, mode: .add))
        try world.open(soft) { _, auction in
            StormWorld.opening(auction, rules: rules, closesAt: hour)
        }
        ids = try await hotPath(
            "soft-close", "the same with a soft close: every bid moves the end", soft, world,
            limit, world.ids)
        world.goOn(after: ids)
        // Plain lots once more: a ledger that has grown is slower for both.
        let again = names.withAuctions(cast.auctions, prefix: "q")
        try world.open(again) { _, auction in StormWorld.opening(auction) }
        ids = try await hotPath(
            "plain-again", "plain lots, now that the ledger has grown", again, world, limit,
            world.ids)
        world.goOn(after: ids)
        reportSoftClose()
        try await chains(names.withAuctions(cast.auctions, prefix: "k"), &world)
        try hammer(names, &world)
        try hammer(soft, &world)
        try hammer(again, &world)
        try await waitForClosings(world, seconds: 30)
        try await settle(world)
    }

    private mutating func hotPath(
        _ name: String, _ what: String, _ names: StormNames, _ world: StormWorld,
        _ limit: PassLimit, _ ids: StormIDs
    ) async throws -> StormIDs {
        var source = TakeoverSource(cast, options.defects, seed: options.seed)
        var maker = SubmissionMaker(names, ids: ids)
        try await closedBatches(name, what, world, &source, &maker, limit: limit)
        return maker.idsUsed
    }

    private mutating func reportSoftClose() {
        let rates = report.passes.compactMap { $0.figures["accepted_per_second"] }
        guard rates.count == 3 else { return }
        let (before, after) = (max(1, rates[0]), max(1, rates[2]))
        fact(
            "soft close",
            "\(rates[1] * 100 / before) % of the plain path's rate before it, "
                + "\(rates[1] * 100 / after) % of the rate after it")
    }

    private mutating func chains(
        _ names: StormNames, _ world: inout StormWorld
    ) async throws {
        let seconds = min(options.seconds ?? 5, StormOptions.secondsMax)
        let plan = SoftClosePlan(cast, seconds: seconds, seed: options.seed)
        let rules = AuctionRules(
            softClose: SoftClose(
                windowMilliseconds: plan.windowMilliseconds,
                extensionMilliseconds: plan.windowMilliseconds))
        let start = try openAhead(
            names, &world, rules: { _ in rules }, end: { Int64(plan.ends[$0]) * 1_000 })
        var maker = SubmissionMaker(names, ids: world.ids)
        try await planned(
            "chains", "staggered ends, 17 % of the lots extended, in chains", world, plan.bids,
            &maker, at: start, honest: [.auctionEnded, .auctionAlreadyClosed])
        world.goOn(after: maker.idsUsed)
        var (seen, lots) = (0, 0)
        for auction in names.allAuctions {
            let extensions = Int(try world.ledger.auction(auction).value.extensions)
            seen += extensions
            lots += extensions > 0 ? 1 : 0
        }
        amendLastPass { pass in
            pass.addMissedEnds(plan.bids)
            pass.figures.add("extensions_planned", plan.extensions)
            pass.figures.add("extensions", seen)
            pass.figures.add("lots_extended", lots)
        }
        guard seen > 0 || plan.extensions == 0 else {
            throw Failure(.finding, "no lot was extended, though \(plan.extensions) times planned")
        }
    }
}
