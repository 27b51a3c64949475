// A ledger with wallets and lots, and bids for it, for the suites of the engine.

import BidPlan
import Foundation
import Gavel
import GavelTesting

/// A ledger under measurement. Bids that it makes have to be submitted in order.
final class LedgerFixture {
    static let plan = BidPlan(auctions: 1_000, users: 10_000, seed: 1)

    private(set) var ledger: Ledger
    let users: [UserID]
    let auctions: [AuctionID]
    /// The ledger's folder; nil in memory.
    private let path: String?
    private var lane = BidLane(plan, lane: 0, of: 1)
    private var prices = [Int64](repeating: 0, count: plan.auctions)

    /// - Parameter isDurable: whether the log is on the disk, or in memory.
    init(isDurable: Bool) throws {
        users = try (0..<Self.plan.users).map { try UserID("bidder-\($0)") }
        auctions = try (0..<Self.plan.auctions).map { try AuctionID("lot-\($0)") }
        if isDurable {
            let folder = FileManager.default.temporaryDirectory
                .appending(path: "gavel-suites-\(UUID().uuidString)").path
            path = folder
            ledger = try Ledger.openAndWait(at: folder)
        } else {
            path = nil
            ledger = try Ledger.openAndWait(in: MemoryStore())
        }
        try prepare()
    }

    private func prepare() throws {
        var commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("seller"),
        ]
        for user in users {
            commands.append(.registerUser(user))
            commands.append(
                .charge(
                    user: user, currency: "USD",
                    amount: Money(minorUnits: BidPlan.fundsMinorUnits), reference: "funds"))
        }
        commands += auctions.map {
            .openAuction(OpenAuction(auction: $0, seller: "seller", currency: "USD"))
        }
        try submit(commands.map { Submission(id: .generate(), command: $0) })
    }

    /// The next bids of the plan, each above the price before.
    func bids(_ count: Int) -> [Submission] {
        (0..<count).map { _ in
            let bid = lane.next()
            prices[bid.auction] += 1
            let command = Command.placeBid(
                auction: auctions[bid.auction], bidder: users[bid.bidder],
                amount: Money(minorUnits: prices[bid.auction]))
            return Submission(id: .generate(), command: command)
        }
    }

    /// Submits as one batch and waits until it is durable.
    func submit(_ batch: [Submission]) throws {
        let receipts = try ledger.enqueue(batch).wait()
        precondition(receipts.allSatisfy { $0.status == .accepted }, "a command was not accepted")
    }

    /// Closes the ledger, which writes a snapshot.
    func close() { ledger.closeAndWait() }

    /// Opens the ledger again, which must be closed.
    func reopen() throws {
        guard let path else { return }
        ledger = try Ledger.openAndWait(at: path)
    }

    /// Makes the next opening replay the log from the first entry on; the ledger must be closed.
    func removeSnapshots() throws {
        guard let path else { return }
        try FileManager.default.removeItem(atPath: path + "/projections")
    }

    /// Closes the ledger and removes its folder.
    func remove() throws {
        ledger.closeAndWait()
        if let path { try FileManager.default.removeItem(atPath: path) }
    }
}
