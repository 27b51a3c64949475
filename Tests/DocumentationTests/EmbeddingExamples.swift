// The code of the articles Embedding and TestingYourCode, as it stands there: each part between two
// marks is one block. EmbeddingTests compares the blocks with it and runs it.

import Gavel
import GavelTesting

// Embedding: a house
/// What a bidder is told.
enum BidAnswer: Equatable {
    /// The bid counts. It is in the log for good, at a position that everybody may quote.
    case taken(position: UInt64)
    /// The rules say no; that is in the log too.
    case outbid(minimum: Money?)
    case no(String)
    /// Nothing was written. The same command may be sent again, under the same id.
    case later
}

/// The ledger of a server: opened once, and closed when the server ends.
struct AuctionHouse {
    let ledger: Ledger

    /// - Parameter id: made by whoever bids, and kept until there is an answer.
    func bid(
        _ amount: Money, on auction: AuctionID, by bidder: UserID, id: CommandID
    ) async throws -> BidAnswer {
        let receipt = try await ledger.submit(
            .placeBid(auction: auction, bidder: bidder, amount: amount), id: id,
            by: .user(bidder))
        switch receipt.status {
        case .accepted:
            return .taken(position: receipt.position ?? 0)
        case .rejected:
            if receipt.rejection?.code == .bidBelowMinimum {
                return .outbid(minimum: receipt.rejection?.limit)
            }
            return .no(receipt.rejection?.code.name ?? "")
        case .refused:
            return receipt.refusal?.isTransient == true
                ? .later : .no(receipt.refusal?.name ?? "")
        }
    }
}
// Embedding: end

// Embedding: resubmit
/// Sends a command until there is an answer, over a crash of the server as well.
///
/// - Parameter pending: the command and its id, stored before it was sent for the first time.
func finish(_ pending: Submission, in ledger: Ledger) async throws -> Receipt {
    while true {
        let receipt = try await ledger.submit(
            pending.command, id: pending.id, by: pending.actor)
        // The first receipt again, where it had been taken before the crash.
        guard receipt.refusal?.isTransient == true else { return receipt }
        try await Task.sleep(for: .milliseconds(100))
    }
}
// Embedding: end

// Embedding: follow
/// Copies the log into a store of one's own: the entries and the place in one transaction.
func follow(_ ledger: Ledger, into database: some EntryTable) async throws {
    guard let id = ledger.ledgerID else { return }
    let place = try await database.place() ?? Subscription.Place(ledger: id, position: 0)
    for try await run in ledger.subscribe(from: place, draining: true) {
        let next = Subscription.Place(ledger: id, position: run[run.count - 1].position + 1)
        try await database.add(run.map { ($0.position, $0.time) }, place: next)
    }
}

/// A table in a database of one's own.
protocol EntryTable: Sendable {
    /// Where the last transaction ended; nil before the first.
    func place() async throws -> Subscription.Place?
    func add(
        _ rows: [(position: UInt64, time: Timestamp)], place: Subscription.Place
    ) async throws
}
// Embedding: end

// Embedding: project
/// How many commands of each kind the rules have refused.
struct Refused: Projection {
    private(set) var counts: [String: Int] = [:]

    mutating func apply(_ run: [LedgerEntry], names: Reading) {
        for entry in run {
            guard let rejection = entry.outcome.rejection else { continue }
            counts[rejection.code.name, default: 0] += 1
        }
    }
}

/// Keeps the projection up to date until the ledger is closed.
func watch(_ ledger: Ledger) throws -> (ProjectionHost<Refused>, Task<Void, any Error>) {
    let host = try ProjectionHost(Refused(), following: ledger)
    return (host, Task { try await host.run(draining: true) })
}
// Embedding: end

// Embedding: tool
/// Says what a bidder has, of a ledger that a server may be writing at the same time.
func balances(of user: UserID, at path: String) async throws -> [WalletView.Balance] {
    let reader = try await LedgerReader.open(at: path)
    defer { reader.close() }
    return try reader.wallet(user).value.balances
}
// Embedding: end

// TestingYourCode: memory
/// A house in memory, at a time that stands still until the test moves it.
func makeTestHouse() async throws -> (house: AuctionHouse, clock: ManualClock) {
    let clock = ManualClock()
    var configuration = Configuration()
    configuration.clock = clock
    let ledger = try await Ledger.open(in: MemoryStore(), configuration: configuration)
    return (AuctionHouse(ledger: ledger), clock)
}
// TestingYourCode: end

// TestingYourCode: clock
/// Sells a lot: a bid, and then its end comes.
func sell(_ house: AuctionHouse, _ clock: ManualClock) async throws -> UserID? {
    let end = Timestamp(nanoseconds: clock.now().nanoseconds + 60_000_000_000)
    let setUp: [Command] = [
        .registerCurrency(Currency(code: "USD", scale: 2)),
        .registerUser("seller"), .registerUser("alice"),
        .charge(user: "alice", currency: "USD", amount: 50_00, reference: "card-1"),
        .openAuction(
            OpenAuction(auction: "lot-1", seller: "seller", currency: "USD", closesAt: end)),
    ]
    for command in setUp {
        let receipt = try await house.ledger.submit(command, id: .generate(at: clock.now()))
        precondition(receipt.status == .accepted, "\(command): \(receipt)")
    }
    _ = try await house.bid(
        15_00, on: "lot-1", by: "alice", id: .generate(at: clock.now()))
    clock.advance(seconds: 61)
    // What the clock brought about is in the log when this returns.
    try await house.ledger.tick()
    return try house.ledger.auction("lot-1").value.winner
}
// TestingYourCode: end

// TestingYourCode: workload
/// Some thousand commands of all kinds, the same for the same seed: mistakes, repetitions and
/// bids that come too late are among them.
func load(_ house: AuctionHouse, commands count: Int, seed: UInt64) async throws -> [Receipt] {
    var workload = Workload(seed: seed)
    let steps = (0..<count).map { _ in workload.nextStep() }
    return try await house.ledger.submit(
        steps.map { Submission(id: $0.id, actor: $0.actor, command: $0.command) })
}
// TestingYourCode: end
