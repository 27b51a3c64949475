// `gavel benchmark`: how fast this machine runs the engine, durable, with the audit hashing on.
//
// Invariants: a run ends with every auction closed and settled, the ledger verified from the first
// entry on, reopened and rebuilt, and all digests equal: a benchmark that loses a cent fails. What
// is compared (a raw LMDB commit) is measured in the same run, on the same disk.

import ArgumentParser
import Gavel
import LMDB

struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure the engine on this machine.",
        subcommands: [StormCommand.self])
}

struct StormCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "A storm of bids that each take the lead.",
        discussion: """
              gavel benchmark storm
              gavel benchmark storm --auctions 10000 --users 1000000 --bids 3000000

            Every bid refunds the former leader and locks the new one in one durable entry. The \
            ledger is made in a temporary folder, in $TMPDIR or /tmp, and removed; give --folder \
            to put it on the disk that matters.
            """)

    @Option(help: "How many bids through the batch path.")
    var bids = 1_000_000

    @Option(help: "How many auctions take the bids; 1 is the hot lot.")
    var auctions = 1

    @Option(help: "How many bidders, each with a wallet of her own.")
    var users = 1000

    @Option(help: "How many bids are handed over at once.")
    var batch = 1000

    @Option(help: "How many bids one after the other, each alone; 0 leaves that out.")
    var lone = 500

    @Option(help: "How many bids through the async path; 0 leaves that out.")
    var async = 100_000

    @Option(help: "How many callers of the async path wait at once.")
    var inFlight = 64

    @Option(help: ArgumentHelp("Where the temporary ledger is made.", valueName: "dir"))
    var folder: String?

    func validate() throws {
        guard bids >= 1, auctions >= 1, users >= 2, batch >= 1, lone >= 0, async >= 0,
            inFlight >= 1
        else {
            throw ValidationError(
                "counts must be positive, users at least 2; --lone and --async may be 0")
        }
    }

    func run() async throws {
        let base = try folder ?? FileSystem.temporaryDirectory("gavel-benchmark-")
        let path = base + "/ledger"
        defer { try? FileSystem.remove(folder == nil ? base : path) }
        var storm = Storm(
            ledger: try Ledger.open(at: path), auctions: auctions, users: users, batch: batch)
        let before = anonymousBytes()
        try storm.prepare()
        report("prepared", "\(users) wallets, \(auctions) auctions")
        if let before, let after = anonymousBytes(), users >= 100_000 {
            report(
                "memory",
                "\((after - before) / users) bytes a wallet: both folds, names, references, "
                    + "command ids and the auctions")
        }
        try storm.runBatches(bids)
        if lone > 0 { try await storm.runLone(lone, floor: rawCommits(in: base, lone)) }
        if async > 0 { try await storm.runAsync(async, inFlight: inFlight) }
        try storm.settleAndVerify(path)
    }

    /// The median of raw LMDB commits of about a lone bid's frame, in nanoseconds.
    private func rawCommits(in base: String, _ count: Int) throws -> Int64 {
        let environment = try Environment(at: base + "/raw")
        defer {
            try? environment.close()
            try? FileSystem.remove(base + "/raw")
        }
        let table = try environment.integerTable(named: "frames", create: true)
        let value = [UInt8](repeating: 7, count: 112 + 4 + 114)
        var times: [Int64] = []
        for key in 0..<UInt64(count) {
            let start = SystemClock().uptimeNanoseconds()
            try environment.write { transaction in
                try withBytes(of: value) { try transaction.append(table, key: key, value: $0) }
            }
            times.append(SystemClock().uptimeNanoseconds() - start)
        }
        return times.quantile(0.5)
    }
}

/// Prints one result.
private func report(_ name: String, _ value: String) {
    try? withOutput { $0.write(name.padded(to: 14) + value + "\n") }
}

/// The process's memory that is not a file's; nil where the system does not tell.
private func anonymousBytes() -> Int? {
    guard let status = try? FileSystem.readFile("/proc/self/status") else { return nil }
    let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("RssAnon:") }) else { return nil }
    return Int(line.filter(\.isNumber)).map { $0 * 1024 }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}

extension [Int64] {
    /// The value below which a share of the values lies.
    fileprivate func quantile(_ share: Double) -> Int64 {
        sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }
}

/// Nanoseconds as microseconds with one decimal.
private func microseconds(_ nanoseconds: Int64) -> String {
    "\(nanoseconds / 1000).\(nanoseconds % 1000 / 100) µs"
}

/// The load: bidders who overbid each other by one on each auction.
private struct Storm {
    private let ledger: Ledger
    private let batch: Int
    private let users: [UserID]
    private let lots: [AuctionID]
    private var prices: [Int64]
    private var count: UInt64 = 0
    private let clock = SystemClock()

    init(ledger: Ledger, auctions: Int, users: Int, batch: Int) {
        self.ledger = ledger
        self.batch = batch
        self.users = (0..<users).map { UserID(unchecked: "bidder-\($0)") }
        lots = (0..<auctions).map { AuctionID(unchecked: "lot-\($0)") }
        prices = [Int64](repeating: 0, count: auctions)
    }

    /// Ids of one millisecond differ in their low bits; nothing random, so a run can be repeated.
    private mutating func submission(_ command: Command, at milliseconds: UInt64) -> Submission {
        count += 1
        return Submission(
            id: CommandID(
                milliseconds: milliseconds, randomHigh: 0,
                randomLow: count &* 0x9E37_79B9_7F4A_7C15),
            command: command)
    }

    private var milliseconds: UInt64 { UInt64(clock.now().nanoseconds / 1_000_000) }

    private mutating func bid() -> Command {
        let draw = count &* 0xD6E8_FEB8_6659_FD93
        let lot = Int(draw >> 40) % lots.count
        prices[lot] += 1
        return .placeBid(
            auction: lots[lot], bidder: users[Int((draw &* 31) >> 33) % users.count],
            amount: Money(minorUnits: prices[lot]))
    }

    mutating func prepare() throws {
        var commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("seller"),
        ]
        for user in users {
            commands.append(.registerUser(user))
            commands.append(
                .charge(
                    user: user, currency: "USD", amount: 1_000_000_000_000, reference: "storm"))
        }
        commands += lots.map {
            .openAuction(OpenAuction(auction: $0, seller: "seller", currency: "USD"))
        }
        try submit(commands[...])
    }

    /// Hands commands over in batches and expects every one to be accepted.
    private mutating func submit(_ commands: ArraySlice<Command>) throws {
        var tickets: [BatchTicket] = []
        var rest = commands
        while !rest.isEmpty {
            let now = milliseconds
            let batch = rest.prefix(4000).map { submission($0, at: now) }
            tickets.append(try ledger.enqueue(batch))
            rest = rest.dropFirst(4000)
            if tickets.count > 4 { try expectAccepted(tickets.removeFirst()) }
        }
        for ticket in tickets { try expectAccepted(ticket) }
    }

    private func expectAccepted(_ ticket: BatchTicket) throws {
        for receipt in try ticket.wait() where receipt.status != .accepted {
            throw Failure(.finding, "a command of the storm was not accepted: \(receipt)")
        }
    }

    /// Bids through the batch path, a few batches under way at once.
    mutating func runBatches(_ bids: Int) throws {
        var tickets: [BatchTicket] = []
        let start = clock.uptimeNanoseconds()
        var sent = 0
        while sent < bids {
            let now = milliseconds
            var submissions: [Submission] = []
            submissions.reserveCapacity(batch)
            for _ in 0..<min(batch, bids - sent) { submissions.append(submission(bid(), at: now)) }
            tickets.append(try ledger.enqueue(submissions))
            sent += submissions.count
            if tickets.count > 8 || tickets.count * batch > 100_000 {
                try expectAccepted(tickets.removeFirst())
            }
        }
        for ticket in tickets { try expectAccepted(ticket) }
        let elapsed = clock.uptimeNanoseconds() - start
        report("batches", "\(perSecond(bids, elapsed)) bids/s at \(batch) a batch")
    }

    /// Bids that each wait for the one before.
    mutating func runLone(_ bids: Int, floor: Int64) async throws {
        var blocking: [Int64] = []
        var suspending: [Int64] = []
        for _ in 0..<bids {
            let first = submission(bid(), at: milliseconds)
            let start = clock.uptimeNanoseconds()
            try expectAccepted(try ledger.enqueue([first]))
            blocking.append(clock.uptimeNanoseconds() - start)
            let second = submission(bid(), at: milliseconds)
            let middle = clock.uptimeNanoseconds()
            _ = try await ledger.submit(second.command, id: second.id)
            suspending.append(clock.uptimeNanoseconds() - middle)
        }
        report("raw commit", "p50 \(microseconds(floor)), LMDB alone, as many bytes")
        for (name, times) in [("lone, blocking", blocking), ("lone, async", suspending)] {
            let median = times.quantile(0.5)
            let ratio = Double(median * 100 / max(1, floor)) / 100
            report(
                name,
                "p50 \(microseconds(median)), p99 \(microseconds(times.quantile(0.99))), "
                    + "\(ratio) raw commits")
        }
    }

    /// Bids through the async path. Callers race, so some bids are too low: that is a storm.
    mutating func runAsync(_ bids: Int, inFlight: Int) async throws {
        let now = milliseconds
        let submissions = (0..<bids).map { _ in submission(bid(), at: now) }
        let start = clock.uptimeNanoseconds()
        let ledger = ledger
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<inFlight {
                group.addTask {
                    for index in stride(from: caller, to: bids, by: inFlight) {
                        let submission = submissions[index]
                        _ = try await ledger.submit(submission.command, id: submission.id)
                    }
                }
            }
            try await group.waitForAll()
        }
        let elapsed = clock.uptimeNanoseconds() - start
        report("async", "\(perSecond(bids, elapsed)) bids/s with \(inFlight) callers waiting")
    }

    private func perSecond(_ count: Int, _ nanoseconds: Int64) -> Int {
        Int(Double(count) / (Double(max(1, nanoseconds)) / 1_000_000_000))
    }

    /// Closes everything, then checks the whole ledger in every way there is.
    mutating func settleAndVerify(_ path: String) throws {
        try submit(lots.map { Command.closeAuction($0, hammer: true) }[...])
        let (digest, entries) = (ledger.digest, Int(ledger.reflects))
        ledger.close()
        let opening = clock.uptimeNanoseconds()
        let reopened = try Ledger.open(at: path)
        let opened = clock.uptimeNanoseconds() - opening
        guard reopened.digest == digest else { throw Failure(.finding, "reopening differs") }
        reopened.close()
        report("open", "\(opened / 1_000_000) ms with a snapshot, \(entries) entries")
        let rebuilding = clock.uptimeNanoseconds()
        let count = Int(try Ledger.rebuild(at: path))
        let rebuilt = clock.uptimeNanoseconds() - rebuilding
        report("replay", "\(perSecond(count, rebuilt)) entries/s, hashes and snapshot included")
        let verifying = clock.uptimeNanoseconds()
        let verification = try Verifier.verify(at: path)
        let verified = clock.uptimeNanoseconds() - verifying
        guard verification.isClean, verification.digest == digest else {
            throw Failure(.finding, "the ledger is not clean: \(verification.findings)")
        }
        report("verify", "\(perSecond(count, verified)) entries/s, full, clean")
        let bytes = try FileSystem.fileSize(path + "/log/data.mdb")
        report("log", "\(bytes / count) bytes an entry on disk")
    }
}
