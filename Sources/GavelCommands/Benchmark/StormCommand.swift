// `gavel benchmark storm`: reads what kind of storm is asked for, runs it, prints what it came to.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelStorm

struct StormCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "A storm of bids on a fresh ledger, checked to the cent afterwards.",
        discussion: """
              gavel benchmark storm
              gavel benchmark storm --load 0.7 --html storm.html
              gavel benchmark storm --scenario R2 --users 100000 --seconds 10

            Scenarios: R1 a recorded history (--history), R2 many auctions that end in one \
            instant with arrivals as measured, R3 hot lots where every bid takes the lead, R4 \
            soft closes, R5 all auctions due at once, R6 AuctionMark's mix.

            R3 and R4 without --rate or --load are closed loops: they send as fast as bids are \
            taken, which measures capacity, and latency runs from the sending. With --rate or \
            --load, and in R2, R5 and R6, bids have planned times, and latency runs from those: \
            whatever is late, a caller would have waited for. The load runs on the same processors.

            Afterwards everything closes and is settled, wallets are added up, and the ledger is \
            reopened, rebuilt and verified; exit code 1 when anything does not add up.
            """)

    @Option(help: "R1 to R6.")
    var scenario = Scenario.r3

    @Option(help: "How long each pass takes at most; R2: how long the auctions live.")
    var seconds: Double?

    @Option(help: "How many bids each pass sends at most.")
    var bids: Int?

    @Option(help: "Which path of the engine bids take: batch, async or both.")
    var path = StormPath.both

    @Option(help: "How many bids the batch path hands over at once, at most.")
    var batch = 1_000

    @Option(help: "How many batches a closed loop keeps under way: more bids, later receipts.")
    var underWay = 16

    @Option(
        help: ArgumentHelp("How many callers of the async path wait at once.", valueName: "n,…"),
        transform: counts)
    var inFlight = [1, 16, 64, 1_024]

    @Option(help: "Open loop: so many bids a second on average.")
    var rate: Int?

    @Option(help: "Open loop: this share of the capacity, which is measured first.")
    var load: Double?

    @Option(help: "How many auctions.")
    var auctions: Int?

    @Option(help: "How many bidders, each with a wallet of her own.")
    var users: Int?

    @Option(help: "Percent of bids that are sent again: same id, same content.")
    var duplicates = DefectShares().duplicates

    @Option(help: "Percent of bids with the id of another.")
    var conflicts = DefectShares().conflicts

    @Option(help: "Percent of bids whose bidder cannot pay.")
    var short = DefectShares().short

    @Option(help: "Percent of bids on auctions that have ended.")
    var late = DefectShares().late

    @Flag(help: "No such bids: all are honest.")
    var plain = false

    @Flag(help: "R3: a second pass in which every bid is too low.")
    var rejected = false

    @Option(help: "R3: how many bids one after the other, beside raw commits; 0 leaves that out.")
    var lone = 500

    @Option(help: "What the plan is drawn from: the same seed plans the same storm.")
    var seed: UInt64 = 1

    @Option(help: "How many runs; figures are their medians.")
    var runs = 1

    @Flag(help: "Beside the storm: frequent snapshots, a subscriber, verifications.")
    var beside = false

    @Option(
        help: ArgumentHelp(
            "Leave out what is done for speed alone: "
                + Shortcuts.named.map(\.name).joined(separator: ", ") + ", or all.",
            valueName: "name,…"),
        transform: shortcuts)
    var without: Shortcuts = []

    @Option(help: ArgumentHelp("R1: a history, as `gavel import` reads it.", valueName: "file"))
    var history: [String] = []

    @Option(
        help: ArgumentHelp(
            "R2: times of bids from a CSV, cum_prob and seconds before the end.",
            valueName: "file"))
    var arrivals: String?

    @Option(
        help: ArgumentHelp(
            "R2: play only so many seconds before the end, as they were measured.",
            valueName: "seconds"))
    var span: Double?

    @Option(help: ArgumentHelp("Where the temporary ledger is made.", valueName: "dir"))
    var folder: String?

    @Option(help: "How results are printed: table or json.")
    var format = ReportFormat.table

    @Option(help: ArgumentHelp("Also draw the results, as a page of its own.", valueName: "file"))
    var html: String?

    func validate() throws {
        try validateCounts()
        try validateShares()
        try validateScenario()
    }

    private func validateCounts() throws {
        let counts: [(name: String, value: Int?, least: Int, most: Int)] = [
            ("--bids", bids, 1, 1_000_000_000), ("--batch", batch, 1, 100_000),
            ("--under-way", underWay, 1, 1_000),
            ("--rate", rate, 1, 10_000_000), ("--auctions", auctions, 1, 4_000_000),
            ("--users", users, 2, 5_000_000), ("--lone", lone, 0, 1_000_000),
            ("--runs", runs, 1, 99),
        ]
        for (name, value, least, most) in counts {
            if let value, value < least || value > most {
                throw ValidationError("\(name) must be \(least) to \(most), not \(value)")
            }
        }
        if let seconds, !(seconds >= 0.05 && seconds <= StormOptions.secondsMax) {
            throw ValidationError(
                "--seconds must be 0.05 to \(Int(StormOptions.secondsMax)), not \(seconds)")
        }
        if let span, !(span >= 1 && span <= 604_800) {
            throw ValidationError("--span must be 1 to 604800 seconds, not \(span)")
        }
        if let load, !(load > 0 && load <= 10) {
            throw ValidationError("--load must be above 0 and at most 10, not \(load)")
        }
    }

    private func validateShares() throws {
        var sum = 0
        for (name, percent) in shares.all {
            guard (0...90).contains(percent) else {
                throw ValidationError("\(name) must be 0 to 90 percent, not \(percent)")
            }
            sum += percent
        }
        guard sum <= 90 else {
            throw ValidationError(
                "--duplicates, --conflicts, --short and --late must be at most 90 percent "
                    + "together, not \(sum)")
        }
    }

    private func validateScenario() throws {
        if rate != nil, load != nil {
            throw ValidationError("--rate and --load cannot stand beside each other")
        }
        let only: [(name: String, isSet: Bool, scenarios: [Scenario])] = [
            ("--history", !history.isEmpty, [.r1]), ("--arrivals", arrivals != nil, [.r2]),
            ("--span", span != nil, [.r2]),
            ("--rejected", rejected, [.r3]), ("--load", load != nil, [.r2, .r3]),
            ("--rate", rate != nil, [.r2, .r3, .r6]), ("--path async", path == .async, [.r2, .r3]),
            ("--beside", beside, [.r2, .r3, .r4, .r5, .r6]),
        ]
        for (name, isSet, scenarios) in only where isSet && !scenarios.contains(scenario) {
            let names = scenarios.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(name) goes with \(names), not with \(scenario.rawValue)")
        }
        if scenario == .r1, history.isEmpty {
            throw ValidationError("R1 needs a recorded history: --history <file>")
        }
    }

    private var shares: DefectShares {
        plain
            ? .none
            : DefectShares(duplicates: duplicates, conflicts: conflicts, short: short, late: late)
    }

    private func options() throws -> StormOptions {
        var options = StormOptions(
            auctions: auctions ?? scenario.auctions, users: users ?? scenario.users,
            arrivals: try arrivals.map { try ArrivalModel.read($0) } ?? .sevenDays(),
            arrivalsName: arrivals ?? "eBay 2003-04, 7 days")
        options.scenario = scenario
        options.seconds = seconds
        options.bids = bids
        options.path = path
        options.batch = batch
        options.underWay = underWay
        options.inFlight = inFlight
        options.rate = rate
        options.load = load
        options.defects = shares
        options.rejected = rejected
        options.lone = lone
        options.seed = seed
        options.runs = runs
        options.shortcuts.subtract(without)
        options.beside = beside
        options.history = history
        options.span = span
        options.folder = folder
        return options
    }

    func run() async throws {
        let options = try options()
        let page = html.map { NamedOutput($0, .page, option: "--html") }
        try page?.check()
        let report = try await StormReport.measured(options)
        try page?.write(Array(report.page.utf8))
        try withOutput { output in
            switch format {
            case .table: try report.printTable(on: output)
            case .json:
                output.write(report.json)
            }
        }
    }
}

extension StormPath: ExpressibleByArgument {}
extension Scenario: ExpressibleByArgument {
    package init?(argument: String) { self.init(rawValue: argument.uppercased()) }
}

/// Reads names of shortcuts with commas between them.
@Sendable private func shortcuts(_ text: String) throws -> Shortcuts {
    if text == "all" { return .all }
    var shortcuts: Shortcuts = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let known = Shortcuts.named.first(where: { $0.name == name }) else {
            let names = Shortcuts.named.map(\.name).joined(separator: ", ")
            throw ArgumentProblem("'\(name)' is none of \(names), and not all")
        }
        shortcuts.insert(known.shortcut)
    }
    return shortcuts
}

/// Reads numbers with commas between them.
@Sendable private func counts(_ text: String) throws -> [Int] {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }.filter { (1...100_000).contains($0) }
    guard numbers.count == parts.count, !numbers.isEmpty, Set(numbers).count == numbers.count
    else {
        throw ArgumentProblem(
            "expected different numbers from 1 to 100000 with commas between them")
    }
    return numbers
}
