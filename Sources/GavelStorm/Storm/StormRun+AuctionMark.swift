// R6: AuctionMark's mix on a ledger; what is kept and what is changed stands with the plan.

import Gavel
import GavelReport

extension StormRun {
    mutating func runAuctionMark() async throws {
        let names = StormNames(cast, prefix: "i")
        let rate = Double(options.rate ?? 20_000)
        let count = options.bids ?? max(1, Int(rate * (options.seconds ?? 5)))
        let mark = AuctionMarkPlan(
            cast, count: min(count, StormOptions.plannedMax), perSecond: rate,
            defects: options.defects, seed: options.seed)
        var world = try world(names) { mark.balances[$0] * 100 }
        let start = try openAhead(
            names, &world,
            rules: { AuctionRules(openingPrice: Money(minorUnits: mark.openingPrices[$0])) },
            end: { Int64(mark.ends[$0]) * 1_000 })
        let wall = clock.now().nanoseconds + start - clock.uptimeNanoseconds()
        var maker = SubmissionMaker(names, ids: world.ids)
        let existing = UInt32(cast.auctions)
        maker.opening = { planned in
            let end = mark.laterEnds[Int(planned.auction - existing)]
            return StormWorld.opening(
                names.auction(planned.auction),
                rules: AuctionRules(openingPrice: Money(minorUnits: planned.amount)),
                closesAt: Timestamp(nanoseconds: wall + Int64(end) * 1_000))
        }
        let ledger = world.ledger
        let minute = UInt32(60 / AuctionMarkPlan.virtualSecondsPerSecond * 1_000_000)
        try await planned(
            "mix", "\(grouped(Int(rate))) transactions/s planned", world, mark.plan, &maker,
            at: start, honest: [.exceedsAvailable, .auctionEnded, .auctionAlreadyClosed],
            isLastMinute: { planned in
                guard planned.kind == .bid, planned.auction < existing else { return false }
                let end = mark.ends[Int(planned.auction)]
                return planned.due <= end && planned.due + minute >= end
            },
            read: { planned in
                // An auction opened a moment ago may not be durable, and so not shown, yet.
                if planned.kind == .readAuction {
                    _ = try? ledger.auction(names.auction(planned.auction))
                } else {
                    _ = try ledger.overview(names.users[Int(planned.bidder)])
                }
            })
        world.goOn(after: maker.idsUsed)
        try world.submit(stillOpen(world.ledger).map { .closeAuction($0, hammer: true) })
        try await settle(world)
    }

    /// Auctions that are open now, or will be; none of them ends within the next second.
    func stillOpen(_ ledger: Ledger) throws -> [AuctionID] {
        let soon = Timestamp(nanoseconds: clock.now().nanoseconds + 1_000_000_000)
        var open: [AuctionID] = []
        var filter = AuctionFilter()
        filter.status = .open
        var waits = true
        while waits {
            open = []
            waits = false
            var cursor: String?
            repeat {
                let page = try ledger.auctions(filter, after: cursor, limit: pageItemsMax)
                open += page.items.map(\.auction)
                waits = waits || page.items.contains { ($0.closesAt ?? .max) < soon }
                cursor = page.cursor
            } while cursor != nil
            if waits { sleepNanoseconds(200_000_000) }
        }
        return open
    }
}
