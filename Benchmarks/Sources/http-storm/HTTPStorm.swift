// `http-storm`: what listeners cost the bidding. One process serves a ledger and bids on it as an
// embedder does; another one listens to a lot. The same bids run while all listen to a quiet lot
// and while all listen to the hot one, turn about, and one line of JSON says both.

import ArgumentParser
import AuctionDomain
import Dispatch
import Foundation
import Gavel
import GavelHTTP
import Logging
import ServiceLifecycle

@main
struct HTTPStorm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http-storm", abstract: "Measures what listeners cost the bidding.")

    @Option(help: "The client's path.")
    var client: String
    @Option(help: "How many listen.")
    var listeners = 1000
    @Option(help: "Bids a second; 0 for as many as there can be.")
    var rate = 100_000
    @Option(help: "Seconds a run.")
    var seconds = 3.0
    @Option(help: "Pairs of runs.")
    var runs = 3
    @Option(help: "Where the ledger lies meanwhile.")
    var folder = NSTemporaryDirectory()

    func run() async throws {
        let path = folder + "/http-storm-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = Configuration()
        configuration.logger = Logger(label: "http-storm")
        configuration.logger.logLevel = .error
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        let bids = Bids(ledger)
        try bids.furnish()
        var options = ServiceOptions()
        options.port = 0
        options.callsPerSecondByAddress = 0
        options.liveListenersByAddress = listeners
        let service = try await AuctionService.open(
            ledger: ledger, at: path, options: options, logger: configuration.logger)
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let serving = Task { try await service.server { continuation.yield($0) }.run() }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw ExitCode.failure }
        for _ in 0..<runs {
            for lot in ["quiet", "hot"] {
                let listening = try listen(to: lot, port: port)
                try await Task.sleep(for: .seconds(2))
                let rate = try await bids.run(perSecond: rate, seconds: seconds)
                listening.process.waitUntilExit()
                let heard = listening.output.fileHandleForReading.readDataToEndOfFile()
                print(
                    "{\"listening_to\":\"\(lot)\",\"bids_per_second\":\(Int(rate)),\"heard\":"
                        + String(decoding: heard, as: UTF8.self).dropLast() + "}")
            }
        }
        serving.cancel()
        _ = await serving.result
        await ledger.close()
    }

    private func listen(to lot: String, port: Int) throws -> (process: Process, output: Pipe) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: client)
        process.arguments = [
            "--port", "\(port)", "--listen", "/auctions/\(lot)/live", "--connections",
            "\(listeners)", "--seconds", "\(seconds + 2)",
        ]
        process.standardOutput = output
        try process.run()
        return (process, output)
    }
}

/// Bids on one lot, each above all before it.
private final class Bids: @unchecked Sendable {
    private static let batch = 1000
    private let ledger: Ledger
    private var amount: Int64 = 0

    init(_ ledger: Ledger) { self.ledger = ledger }

    func furnish() throws {
        var commands: [Command] = [.registerCurrency(Currency(code: "USD", scale: 2))]
        for user in ["seller", "alice", "bob"] as [UserID] {
            commands.append(.registerUser(user))
            commands.append(
                .charge(
                    user: user, currency: "USD", amount: 1_000_000_000_000, reference: "first"))
        }
        for auction in ["quiet", "hot"] as [AuctionID] {
            commands.append(
                .openAuction(OpenAuction(auction: auction, seller: "seller", currency: "USD")))
        }
        let receipts = try ledger.enqueue(
            commands.map { Submission(id: .generate(), command: $0) }
        ).wait()
        precondition(receipts.allSatisfy { $0.status == .accepted }, "\(receipts)")
    }

    /// Bids at a rate, a few batches ahead of the answers.
    /// - Returns: how many were answered a second.
    func run(perSecond rate: Int, seconds: Double) async throws -> Double {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "bids").async {
                continuation.resume(with: Result { try self.bid(rate, seconds) })
            }
        }
    }

    private func bid(_ rate: Int, _ seconds: Double) throws -> Double {
        var tickets: [BatchTicket] = []
        let start = DispatchTime.now().uptimeNanoseconds
        let end = start + UInt64(seconds * 1e9)
        var answered = 0
        var planned = 0
        while DispatchTime.now().uptimeNanoseconds < end {
            if rate > 0 {
                let due = start + UInt64(Double(planned) / Double(rate) * 1e9)
                let now = DispatchTime.now().uptimeNanoseconds
                if due > now { usleep(UInt32((due - now) / 1000)) }
            }
            tickets.append(try ledger.enqueue(next()))
            planned += Self.batch
            if tickets.count >= 4 { answered += try tickets.removeFirst().wait().count }
        }
        for ticket in tickets { answered += try ticket.wait().count }
        return Double(answered) / (Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }

    private func next() -> [Submission] {
        (0..<Self.batch).map { _ in
            amount += 1
            return Submission(
                id: .generate(),
                command: .placeBid(
                    auction: "hot", bidder: amount % 2 == 0 ? "alice" : "bob",
                    amount: Money(minorUnits: amount)))
        }
    }
}
