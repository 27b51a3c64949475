// R5: all auctions due in one instant. How long until the last one is durably settled, and until
// whoever asks for the outcome of each has it.

import Dispatch
import Gavel
import GavelProgram
import GavelReport
import Synchronization

extension StormRun {
    mutating func runSettleStorm() async throws {
        let names = StormNames(cast, prefix: "d")
        var world = try world(names)
        let due = try openAhead(
            names, &world, extraCommands: cast.auctions, end: { _ in 0 })
        try world.submit(
            names.allAuctions.enumerated().map { number, auction in
                .placeBid(
                    auction: auction, bidder: names.users[number % cast.users], amount: 100)
            })
        let first = world.ledger.durableCount
        guard clock.uptimeNanoseconds() < due else {
            throw Failure(
                .stopped, "\(cast.auctions) auctions had no leader in time; use fewer --auctions")
        }
        let plan = (0..<cast.auctions).map {
            PlannedBid(amount: 0, auction: UInt32($0), bidder: 0, kind: .close)
        }
        var maker = SubmissionMaker(names, ids: world.ids)
        let closings = ClosingWatch(world.ledger, until: first + UInt64(cast.auctions))
        try await planned(
            "settle", "\(grouped(cast.auctions)) auctions due in one instant, each asked for",
            world, plan, &maker, at: due)
        let settled = closings.wait() - due
        let auctions = cast.auctions
        amendLastPass { pass in
            pass.figures.add("closings_durable_ns", settled)
            pass.figures.add("closings_per_second", perSecond(auctions, settled))
            let last = pass.figures["elapsed_ns"]
            pass.figures.add("last_receipt_ns", last)
        }
        fact("last closing", "durable \(spanText(UInt64(max(0, settled)))) after the instant")
        world.goOn(after: maker.idsUsed)
        try await settle(world)
    }
}

/// Notes when so many entries are durable.
private final class ClosingWatch: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let ledger: Ledger
    private let count: UInt64
    private let seen = Mutex<Int64>(0)

    init(_ ledger: Ledger, until count: UInt64) {
        self.ledger = ledger
        self.count = count
        DispatchQueue(label: "gavel.storm.closings", qos: .userInitiated).async { [self] in
            // A twentieth of a second of looking costs the storm nothing.
            while ledger.durableCount < count { sleepNanoseconds(200_000) }
            seen.withLock { $0 = SystemClock().uptimeNanoseconds() }
            done.signal()
        }
    }

    /// - Returns: the uptime.
    func wait() -> Int64 {
        done.wait()
        return seen.withLock { $0 }
    }
}
