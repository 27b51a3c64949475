// One run of a storm: a fresh ledger, the passes of its scenario, and the checks after them.
//
// Invariants: each pass is measured from its first hand-over to its last receipt; whatever stands
// beside it for comparison (a raw commit, plain lots) is measured in the same run on the same disk.

import Gavel
import GavelProgram
import GavelReport
import Platform

/// One run.
package struct StormRun {
    let options: StormOptions
    /// The folder for everything this run makes.
    let base: String
    let clock = SystemClock()
    private(set) var report = RunReport()
    /// What goes on beside the passes.
    private var beside: Beside?

    init(_ options: StormOptions, base: String) {
        self.options = options
        self.base = base
    }

    var ledgerPath: String { base + "/ledger" }

    var cast: StormCast { StormCast(users: options.users, auctions: options.auctions) }

    /// Runs the scenario and checks what it left.
    mutating func run() async throws -> RunReport {
        switch options.scenario {
        case .r1:
            try runHistory()
            try await finishHistory()
        case .r2: try await runMarket()
        case .r3: try await runHotLots()
        case .r4: try await runSoftCloses()
        case .r5: try await runSettleStorm()
        case .r6: try await runAuctionMark()
        }
        return report
    }

    /// Makes a ledger for other benchmarks, by a storm through the batch path.
    /// - Returns: its path.
    package static func makeLedger(in base: String, bids: Int) async throws -> String {
        var options = StormOptions(
            auctions: 1_000, users: 10_000, arrivals: try .sevenDays(), arrivalsName: "")
        options.bids = bids
        options.path = .batch
        options.lone = 0
        var run = StormRun(options, base: base)
        _ = try await run.run()
        return run.ledgerPath
    }

    // MARK: What scenarios share

    mutating func fact(_ name: String, _ value: String) { report.facts.append((name, value)) }

    /// A fresh ledger with wallets.
    mutating func world(
        _ names: StormNames, balance: (Int) -> Int64 = { _ in StormCast.fortune }
    ) throws -> StormWorld {
        let before = Machine.anonymousBytes
        var world = try StormWorld(
            at: ledgerPath, cast: cast, beside: options.beside, shortcuts: options.shortcuts)
        try world.prepare(names, balance: balance)
        if let before, let after = Machine.anonymousBytes, cast.users >= 100_000 {
            fact("memory", "\((after - before) / cast.users) bytes a wallet")
        }
        if options.beside { beside = Beside(world.ledger) }
        return world
    }

    /// Times one pass.
    /// - Parameters:
    ///   - start: the uptime from which planned times count; nil begins now.
    ///   - body: sends everything and gives what was recorded.
    mutating func pass(
        _ pass: PassReport, _ world: StormWorld, at start: Int64? = nil,
        honest: Set<Rejection.Code> = [], isOrdered: Bool = true,
        _ body: (StormRecorder) async throws -> StormRecorder
    ) async throws {
        var pass = pass
        let first = world.ledger.durableCount
        let cpu = Machine.cpuNanoseconds
        let recorder = StormRecorder(
            startingAt: start ?? clock.uptimeNanoseconds(), honest: honest, isOrdered: isOrdered)
        let recorded: StormRecorder
        do {
            recorded = try await body(recorder)
        } catch let unexpected as UnexpectedReceipt {
            throw Failure(
                .finding,
                "pass \(pass.name): a \(unexpected.kind) got an answer it must not get: "
                    + "\(unexpected.receipt)")
        }
        pass.fill(recorded, cpu: Machine.cpuNanoseconds - cpu, cores: Machine.cores)
        pass.figures.add("memory_bytes", Machine.anonymousBytes)
        pass.positions = first..<world.ledger.durableCount
        report.passes.append(pass)
    }

    mutating func add(_ pass: PassReport) { report.passes.append(pass) }

    /// Adds figures to the pass just made.
    mutating func amendLastPass(_ change: (inout PassReport) -> Void) {
        change(&report.passes[report.passes.count - 1])
    }

    /// A closed loop through the batch path.
    mutating func closedBatches(
        _ name: String, _ what: String, _ world: StormWorld, _ source: inout some BidSource,
        _ maker: inout SubmissionMaker, limit: PassLimit
    ) async throws {
        let report = PassReport(
            name: name, what: what, path: "batch", loop: .closed, batch: options.batch)
        let path = BatchPath(
            world.ledger, batch: options.batch, underWay: options.underWay)
        try await pass(report, world) { recorder in
            var recorder = recorder
            try path.runClosed(&source, &maker, limit: limit, into: &recorder)
            return recorder
        }
    }

    /// Measures what the batch path takes at most, for `--load`.
    /// - Returns: receipts a second.
    mutating func capacity(
        _ world: StormWorld, _ source: inout some BidSource, _ maker: inout SubmissionMaker
    ) async throws -> Double {
        try await closedBatches(
            "capacity", "as fast as it goes, to know what a share of it is", world, &source,
            &maker, limit: PassLimit(bids: 3_000_000, seconds: 3))
        return Double(report.passes[report.passes.count - 1].figures["receipts_per_second"] ?? 1)
    }

    /// Ends auctions that have no end of their own.
    mutating func hammer(_ names: StormNames, _ world: inout StormWorld) throws {
        try world.submit(names.allAuctions.map { .closeAuction($0, hammer: true) })
    }

    /// Waits until every auction that has an end is past it and closed.
    func waitForClosings(_ world: StormWorld, seconds: Double) async throws {
        var filter = AuctionFilter()
        filter.status = .open
        let deadline = clock.uptimeNanoseconds() + Int64(seconds * 1_000_000_000)
        while clock.uptimeNanoseconds() < deadline {
            try await world.ledger.tick()
            let page = try world.ledger.auctions(filter, limit: 1)
            if page.items.isEmpty, page.cursor == nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Stops what goes on beside, checks the ledger, and adds how passes were written.
    mutating func settle(_ world: StormWorld) async throws {
        if let beside {
            for (name, value) in try await beside.stop() { fact(name, value) }
        }
        var settling = Settling(path: world.path)
        try settling.check(world.ledger)
        let events = settling.events
        for name in [
            "auction_closed", "settled", "auction_extended", "bid_absorbed", "lead_taken",
            "maximum_raised",
        ] {
            if let count = events[name] { fact(name, grouped(count)) }
        }
        report.settling = settling.figures
        report.digest = settling.digest
        let walk = try FrameWalk(
            ledger: world.path, entries: UInt64(settling.figures["entries"] ?? 0))
        for index in report.passes.indices where !report.passes[index].positions.isEmpty {
            report.passes[index].fill(walk.figures(report.passes[index].positions))
        }
        try compareWithRawCommits(walk)
    }
}
