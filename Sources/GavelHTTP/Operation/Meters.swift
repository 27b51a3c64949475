// What the service counts, and the page that shows it beside the ledger's own figures.
//
// Invariants: what every call counts was resolved before the first one came; of a rejected command
// its kind is counted and not why it was rejected: that is between its bidder and the house, and
// figures that are read often enough would tell it of single calls.

internal import AuctionDomain
internal import Gavel
internal import HTTPTypes
internal import Metrics
internal import Synchronization

/// The service's measurements.
final class Meters: Sendable {
    let registry: PrometheusRegistry
    /// Connections that are open.
    let connections = ConnectionCount()
    /// Accepted commands, in the order of their kinds.
    private let accepted: [Counter]
    /// All other outcomes, made when they first occur: by kind and place.
    private let others = Mutex<[Counter?]>(
        Array(repeating: nil, count: Meters.kinds.count * Meters.outcomesMax))

    /// The commonest first.
    private static let kinds = [.placeBid] + Command.Kind.allCases.filter { $0 != .placeBid }

    /// Refusals have numbers below it; replays and rejections have places that no refusal has.
    private static let outcomesMax = 128
    private static let replayed: UInt16 = 0
    private static let rejected = UInt16(outcomesMax - 1)
    private static let commands = "gavel_commands_total"

    init(registry: PrometheusRegistry = PrometheusRegistry()) {
        self.registry = registry
        registry.describe(
            Self.commands,
            "Commands by kind and outcome: accepted, replayed, rejected, or a refusal's code.")
        registry.describe(
            RouteMeter.requests,
            "Answered requests by method, route and status; a rejection is one whatever its "
                + "status.")
        registry.describe(
            RouteMeter.durations,
            "Seconds from a request's head until its answer, or a stream's head, is ready.")
        accepted = Self.kinds.map { kind in
            Counter(
                label: Self.commands,
                dimensions: [("command", kind.rawValue), ("outcome", "accepted")],
                factory: registry)
        }
    }

    /// Counts what became of a command.
    func count(_ command: Command, _ receipt: Receipt) {
        let kind = command.kind
        let index = Self.kinds.firstIndex(of: kind)!
        if receipt.status == .accepted, !receipt.isReplay {
            accepted[index].increment()
            return
        }
        let number: UInt16
        let outcome: String
        if receipt.isReplay {
            (number, outcome) = (Self.replayed, "replayed")
        } else if receipt.status == .rejected {
            (number, outcome) = (Self.rejected, "rejected")
        } else if let refusal = receipt.refusal {
            (number, outcome) = (refusal.rawValue, refusal.name)
        } else {
            return
        }
        let place = index * Self.outcomesMax + Int(number)
        let counter = others.withLock { others in
            if let counter = others[place] { return counter }
            let counter = Counter(
                label: Self.commands,
                dimensions: [("command", kind.rawValue), ("outcome", outcome)],
                factory: registry)
            others[place] = counter
            return counter
        }
        counter.increment()
    }

    /// The page for Prometheus.
    /// - Parameters:
    ///   - limited: how often each limit said no.
    ///   - waiting: how much of what takes long waits.
    func page(
        _ ledger: LedgerStatistics, connectionsMax: Int, listeners: Int,
        limited: [(limit: String, count: Int)] = [], waiting: [(work: String, count: Int)] = []
    ) -> String {
        var page = Exposition()
        registry.write(to: &page)
        page.family("gavel_info", .gauge, "Always 1; the label says which version runs.")
        page.sample("gavel_info", Exposition.labels([("version", Ledger.version)]), 1)
        page.single(
            "gavel_http_connections", .gauge, "Connections that are open.",
            Double(connections.count))
        page.single(
            "gavel_http_connections_max", .gauge, "Connections that may be open.",
            Double(connectionsMax))
        page.family(
            "gavel_limited_total", .counter, "Calls and connections that a limit said no to.")
        for (limit, count) in limited {
            page.sample(
                "gavel_limited_total", Exposition.labels([("limit", limit)]), Double(count))
        }
        page.family(
            "gavel_waiting", .gauge, "Work that takes long and waits for its turn.")
        for (work, count) in waiting {
            page.sample("gavel_waiting", Exposition.labels([("work", work)]), Double(count))
        }
        page.single(
            "gavel_live_listeners", .gauge, "Listeners to streams of events.", Double(listeners))
        page.ledger(ledger)
        return page.text
    }
}

extension Exposition {
    fileprivate mutating func ledger(_ ledger: LedgerStatistics) {
        single(
            "gavel_ledger_entries_total", .counter, "Entries that are durable.",
            Double(ledger.durableCount))
        single(
            "gavel_ledger_rejections_total", .counter,
            "Rejections written since the ledger was opened.", Double(ledger.rejections))
        powers(
            "gavel_ledger_frame_entries", "Entries of each frame: how many commits are shared.",
            ledger.frameEntries, perUnit: 1)
        powers(
            "gavel_ledger_commit_seconds",
            "Seconds from when a frame is handed to the log until its callers can be answered.",
            ledger.commitMicroseconds, perUnit: 1e6)
        powers(
            "gavel_ledger_flush_seconds",
            "Seconds that storing a frame takes, flushes included.",
            ledger.flushMicroseconds, perUnit: 1e6)
        single(
            "gavel_ledger_queue_commands", .gauge, "Commands waiting to be decided.",
            Double(ledger.queuedCommands))
        single(
            "gavel_ledger_queue_commands_max", .gauge,
            "Commands that may wait; more are refused as queue_full.",
            Double(ledger.queueCommandsMax))
        single(
            "gavel_ledger_projection_lag_entries", .gauge,
            "Durable entries that queries do not show yet.",
            Double(ledger.durableCount - min(ledger.durableCount, ledger.reflects)))
        single(
            "gavel_ledger_snapshot_lag_entries", .gauge,
            "Entries that opening would replay.",
            Double(ledger.durableCount - min(ledger.durableCount, ledger.snapshotCount)))
        single(
            "gavel_ledger_checkpoint_lag_entries", .gauge,
            "Durable entries that no signed checkpoint covers yet.",
            Double(
                ledger.durableCount - min(ledger.durableCount, ledger.checkpointCount ?? 0)))
        single(
            "gavel_ledger_closings_held", .gauge, "1 while closings are held.",
            ledger.holdsClosings ? 1 : 0)
        single(
            "gavel_ledger_clock_held", .gauge,
            "1 while the wall clock and the ledger's time are more than a minute apart.",
            ledger.isClockHeld ? 1 : 0)
        single(
            "gavel_ledger_clock_gap_seconds", .gauge,
            "By how much the wall clock is ahead of the ledger's time.",
            Double(ledger.clockGapNanoseconds) / 1e9)
        single(
            "gavel_ledger_outage_unconfirmed", .gauge,
            "1 while auctions that ended in an outage wait for an operator.",
            ledger.outage == nil ? 0 : 1)
        single(
            "gavel_ledger_failed", .gauge, "1 once a commit has failed: the service must restart.",
            ledger.failure == nil ? 0 : 1)
        if let storage = ledger.storage {
            single(
                "gavel_ledger_log_used_bytes", .gauge, "Bytes of the log's map in use.",
                Double(storage.usedBytes))
            single(
                "gavel_ledger_log_file_bytes", .gauge, "Bytes of the log's file.",
                Double(storage.fileBytes))
            single(
                "gavel_ledger_log_map_bytes", .gauge, "Bytes that the log's map may hold.",
                Double(storage.mapBytes))
        }
        if let free = ledger.freeBytes {
            single(
                "gavel_ledger_free_bytes", .gauge, "Free bytes where the ledger is.",
                Double(free))
            single(
                "gavel_ledger_free_bytes_min", .gauge,
                "Free bytes below which bids are refused as storage_low.",
                Double(ledger.freeBytesMin))
        }
    }

    private mutating func powers(
        _ name: String, _ help: String, _ histogram: LedgerStatistics.Histogram, perUnit: Double
    ) {
        family(name, .histogram, help)
        self.histogram(
            name, bounds: (0..<histogram.counts.count - 1).map { Double(1 << $0) / perUnit },
            counts: histogram.counts, sum: Double(histogram.sum) / perUnit)
    }
}

/// What is counted of one route.
struct RouteMeter: Sendable {
    static let requests = "gavel_http_requests_total"
    static let durations = "gavel_http_request_duration_seconds"

    private let statuses: [Int]
    private let counters: [Counter]
    /// Nil where no command is submitted.
    private let rejections: Counter?
    private let duration: Timer

    /// - Parameters:
    ///   - statuses: what the route may answer; another is counted with the last of them.
    ///   - isWrite: whether it may answer that a command was rejected.
    init(
        _ registry: PrometheusRegistry, method: String, route: String, statuses: Set<Int>,
        isWrite: Bool = false
    ) {
        func counter(_ status: String) -> Counter {
            Counter(
                label: Self.requests,
                dimensions: [("method", method), ("route", route), ("status", status)],
                factory: registry)
        }
        self.statuses = statuses.sorted()
        counters = self.statuses.map { counter("\($0)") }
        rejections = isWrite ? counter("rejected") : nil
        duration = Timer(
            label: Self.durations, dimensions: [("method", method), ("route", route)],
            preferredDisplayUnit: .seconds, factory: registry)
    }

    init(_ registry: PrometheusRegistry, _ operation: Operation) {
        self.init(
            registry, method: operation.method.rawValue, route: operation.path,
            statuses: Set(
                operation.allProblems.map(\.status.code) + [operation.answer.status, 500]),
            isWrite: operation.isWrite)
    }

    /// - Parameter isRejection: whether the answer says that a command was rejected.
    func count(_ status: Int, isRejection: Bool = false, nanoseconds: Int64) {
        if isRejection, let rejections {
            rejections.increment()
        } else {
            // A dozen at most: faster than any hashing.
            let place = statuses.firstIndex(of: status) ?? statuses.count - 1
            counters[place].increment()
        }
        duration.recordNanoseconds(nanoseconds)
    }
}
