// Gavel, through the door that every embedder has.

import BidPlan
import Foundation
import Gavel
import GavelTesting
import Synchronization

/// A new ledger with the wallets and lots of a plan.
struct GavelPeer {
    private let ledger: Ledger
    private let plan: BidPlan
    private let names: Names

    /// The plan's numbers as names.
    private struct Names: Sendable {
        let users: [UserID]
        let auctions: [AuctionID]

        init(_ plan: BidPlan) throws {
            users = try (0..<plan.users).map { try UserID("bidder-\($0)") }
            auctions = try (0..<plan.auctions).map { try AuctionID("lot-\($0)") }
        }

        func command(_ bid: PlannedBid, amount: Int64) -> Command {
            .placeBid(
                auction: auctions[bid.auction], bidder: users[bid.bidder],
                amount: Money(minorUnits: amount))
        }
    }

    /// A client's own command ids.
    private struct Identities: Sendable {
        private var generator: SeededGenerator

        init(client: Int) { generator = SeededGenerator(seed: 0xC0FFEE &+ UInt64(client)) }

        mutating func next(at milliseconds: UInt64) -> CommandID {
            CommandID(
                milliseconds: milliseconds, randomHigh: generator.next(),
                randomLow: generator.next())
        }

        static var now: UInt64 { UInt64(SystemClock().now().nanoseconds / 1_000_000) }
    }

    init(folder: String, plan: BidPlan) throws {
        self.plan = plan
        names = try Names(plan)
        ledger = try Ledger.openAndWait(at: folder + "/ledger")
        try prepare()
    }

    private func prepare() throws {
        var commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("seller"),
        ]
        for user in names.users {
            commands.append(.registerUser(user))
            commands.append(
                .charge(
                    user: user, currency: "USD",
                    amount: Money(minorUnits: BidPlan.fundsMinorUnits), reference: "funds"))
        }
        commands += names.auctions.map {
            .openAuction(OpenAuction(auction: $0, seller: "seller", currency: "USD"))
        }
        let batch = commands.map { Submission(id: .generate(), command: $0) }
        let receipts = try ledger.enqueue(batch).wait()
        guard receipts.allSatisfy({ $0.status == .accepted }) else {
            throw Failure("preparing the ledger was not accepted throughout")
        }
    }

    // MARK: Batches

    /// One thread that hands batches over and keeps `depth` of them under way.
    func runBatches(_ load: Load) throws -> Tally {
        var lane = BidLane(plan, lane: 0, of: 1)
        var identities = Identities(client: 0)
        var prices = [Int64](repeating: 0, count: plan.auctions)
        var tickets: [(ticket: BatchTicket, sentAt: UInt64)] = []
        var tally = Tally()
        let window = Window(seconds: load.seconds)
        while !window.isOver {
            let start = nanoseconds()
            let now = Identities.now
            let batch = (0..<load.batch).map { _ in
                let bid = lane.next()
                prices[bid.auction] += 1
                return Submission(
                    id: identities.next(at: now),
                    command: names.command(bid, amount: prices[bid.auction]))
            }
            tickets.append((try ledger.enqueue(batch), start))
            if tickets.count == load.depth {
                try redeem(tickets.removeFirst(), into: &tally, window)
            }
        }
        for ticket in tickets { try redeem(ticket, into: &tally, window) }
        try check(tally)
        return tally
    }

    private func redeem(
        _ sent: (ticket: BatchTicket, sentAt: UInt64), into tally: inout Tally, _ window: Window
    ) throws {
        let receipts = try sent.ticket.wait()
        guard receipts.allSatisfy({ $0.status == .accepted }) else {
            throw Failure("a bid of one writer was not accepted")
        }
        tally.answer(receipts.count, sentAt: sent.sentAt, in: window)
    }

    // MARK: Callers who wait

    /// As many tasks as there are clients, each with one bid under way. They race: who took a
    /// price first may be admitted second, is then too low, and is counted as rejected.
    func runAsync(_ load: Load) async throws -> Tally {
        let prices = Prices(count: plan.auctions)
        let (ledger, plan, names) = (ledger, plan, names)
        let window = Window(seconds: load.seconds)
        let tally = try await withThrowingTaskGroup(of: Tally.self) { group in
            for client in 0..<load.clients {
                group.addTask {
                    var lane = BidLane(plan, lane: client, of: load.clients)
                    var identities = Identities(client: client)
                    var tally = Tally()
                    while !window.isOver {
                        let start = nanoseconds()
                        let bid = lane.next()
                        let command = names.command(bid, amount: prices.next(of: bid.auction))
                        let receipt = try await ledger.submit(
                            command, id: identities.next(at: Identities.now))
                        try Self.count(receipt, sentAt: start, into: &tally, window)
                    }
                    return tally
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try check(Tally.sum(tally))
        return Tally.sum(tally)
    }

    private static func count(
        _ receipt: Receipt, sentAt start: UInt64, into tally: inout Tally, _ window: Window
    ) throws {
        switch receipt.status {
        case .accepted: tally.answer(1, sentAt: start, in: window)
        case .rejected where receipt.rejection?.code == .bidBelowMinimum:
            // Neither counted nor timed: it is not a bid that took the lead.
            tally.rejected += 1
        default: throw Failure("a bid was not taken: \(receipt)")
        }
    }

    /// The lots' next prices, which callers share.
    private final class Prices: Sendable {
        private let prices: Mutex<[Int64]>

        init(count: Int) { prices = Mutex([Int64](repeating: 0, count: count)) }

        func next(of auction: Int) -> Int64 {
            prices.withLock { prices in
                prices[auction] += 1
                return prices[auction]
            }
        }
    }

    // MARK: The books

    /// Money is conserved, what is locked is what leads, and every bid was counted.
    private func check(_ tally: Tally) throws {
        var (leading, accepted, rejected): (Int64, Int64, Int64) = (0, 0, 0)
        var cursor: String?
        repeat {
            let page = try ledger.auctions(after: cursor, limit: pageItemsMax)
            for auction in page.items where auction.leader != nil {
                leading += auction.price?.minorUnits ?? 0
                accepted += Int64(auction.acceptedBids)
                rejected += Int64(auction.bids - auction.acceptedBids)
            }
            cursor = page.cursor
        } while cursor != nil
        var (total, locked): (Int64, Int64) = (0, 0)
        repeat {
            let page = try ledger.wallets(after: cursor, limit: pageItemsMax)
            for balance in page.items.flatMap(\.balances) {
                total += balance.available.minorUnits + balance.locked.minorUnits
                locked += balance.locked.minorUnits
            }
            cursor = page.cursor
        } while cursor != nil
        try expectBooks(
            Books(total: total, locked: locked, leading: leading, bids: accepted), plan, tally)
        guard rejected == tally.rejected else {
            throw Failure("\(rejected) bids were rejected, but \(tally.rejected) answered so")
        }
        ledger.closeAndWait()
    }
}
