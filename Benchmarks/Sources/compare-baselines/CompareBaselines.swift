// `compare-baselines`: one peer, one load, one line of JSON with what it did.
//
// Invariants: a run ends with the peer's own books checked (money conserved, locked = leading
// bids, bids counted) and fails with exit code 1 when they are wrong; wrong usage is 2.

import ArgumentParser
import BidPlan
import Foundation

/// What is measured.
enum Peer: String, CaseIterable, ExpressibleByArgument {
    case postgresqlStatements = "postgresql-statements"
    case postgresqlFunction = "postgresql-function"
    case postgresqlFold = "postgresql-fold"
    case sqlite
    case lmdb
    case file
    case gavelBatches = "gavel-batches"
    case gavelAsync = "gavel-async"
}

@main
struct CompareBaselines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare-baselines",
        abstract: "Measure one peer with the bids of a plan; prints one line of JSON.")

    @Option(help: "The peer: \(Peer.allCases.map(\.rawValue).joined(separator: ", ")).")
    var peer: Peer
    @Option(help: "How many lots take the bids; 1 is the hot lot.")
    var auctions = 1
    @Option(help: "How many users bid.")
    var users = 10_000
    @Option(help: "How many wait for an answer at once.")
    var clients = 1
    @Option(help: "How many bids one commit takes.")
    var batch = 1
    @Option(help: "How many batches are under way at once; more than 1 for gavel-batches only.")
    var depth = 1
    @Option(help: "How long is measured, after a fifth as much of warming up.")
    var seconds = 3.0
    @Option(help: "Where the plan begins.")
    var seed: UInt64 = 1
    @Option(help: "An empty folder on the disk that is measured; not for postgresql.")
    var folder: String?
    @Option(help: "What libpq connects to, of a database that may be overwritten.")
    var connection: String?

    func validate() throws {
        guard auctions >= 1, clients >= 1, batch >= 1, depth >= 1 else {
            throw ValidationError("--auctions, --clients, --batch and --depth must be at least 1")
        }
        guard users / clients >= 2, users <= 1_000_000 else {
            throw ValidationError(
                "--users must be at least twice --clients and at most 1000000, not \(users)")
        }
        guard seconds > 0, seconds <= 600 else {
            throw ValidationError("--seconds must be above 0 and at most 600, not \(seconds)")
        }
        guard depth == 1 || peer == .gavelBatches else {
            throw ValidationError("--depth must be 1 for \(peer.rawValue), not \(depth)")
        }
        try validateConcurrency()
        guard (connection != nil) == peer.rawValue.hasPrefix("postgresql") else {
            throw ValidationError("--connection goes with the postgresql peers, and with no other")
        }
        guard (folder != nil) != (connection != nil) else {
            throw ValidationError("--folder is needed, except with --connection")
        }
        if let folder {
            guard (try? FileManager.default.contentsOfDirectory(atPath: folder)) == [] else {
                throw ValidationError("--folder must be an empty folder, not \(folder)")
            }
        }
    }

    /// Who writes alone has one client; who takes bids one by one has no batches.
    private func validateConcurrency() throws {
        switch peer {
        case .postgresqlStatements, .postgresqlFunction, .gavelAsync:
            guard batch == 1 else {
                throw ValidationError("\(peer.rawValue) takes bids one by one: --batch must be 1")
            }
        case .postgresqlFold, .sqlite, .lmdb, .file, .gavelBatches:
            guard clients == 1 else {
                throw ValidationError("\(peer.rawValue) is one writer: --clients must be 1")
            }
        }
    }

    func run() async throws {
        let plan = BidPlan(auctions: auctions, users: users, seed: seed)
        let load = Load(clients: clients, batch: batch, depth: depth, seconds: seconds)
        let tally = try await measure(plan, load)
        print(try Report(peer: peer.rawValue, plan: plan, load: load, tally: tally).line())
    }

    private func measure(_ plan: BidPlan, _ load: Load) async throws -> Tally {
        let (folder, connection) = (folder ?? "", connection ?? "")
        return switch peer {
        case .postgresqlStatements:
            try PostgreSQLPeer(connection: connection, plan: plan).runStatements(load)
        case .postgresqlFunction:
            try PostgreSQLPeer(connection: connection, plan: plan).runFunction(load)
        case .postgresqlFold:
            try PostgreSQLPeer(connection: connection, plan: plan).runFold(load)
        case .sqlite: try SQLitePeer(folder: folder, plan: plan).run(load)
        case .lmdb: try measureLMDB(in: folder, load)
        case .file: try measureFile(in: folder, load)
        case .gavelBatches: try GavelPeer(folder: folder, plan: plan).runBatches(load)
        case .gavelAsync: try await GavelPeer(folder: folder, plan: plan).runAsync(load)
        }
    }

    /// Takes the place of ArgumentParser's own `main`, whose exit codes are not the project's.
    static func main() async {
        do {
            try await parse().run()
        } catch let failure as Failure {
            leave(1, failure.message)
        } catch {
            switch exitCode(for: error) {
            case .success: print(fullMessage(for: error))
            case .validationFailure: leave(2, message(for: error))
            default: leave(1, "\(error)")
            }
        }
    }
}

/// Ends the process with one line on standard error.
private func leave(_ status: Int32, _ message: String) -> Never {
    FileHandle.standardError.write(Data("compare-baselines: \(message)\n".utf8))
    exit(status)
}
