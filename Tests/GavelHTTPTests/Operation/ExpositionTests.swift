// The page of metrics, read by a parser that takes nothing the format does not allow.

import AuctionDomain
import Gavel
import Metrics
import Testing

@testable import GavelHTTP

/// A sample of a page.
struct MetricSample: Hashable {
    var name: String
    var labels: [String: String]
    var value: Double
}

/// A page of the text exposition format 0.0.4, read strictly.
struct MetricPage {
    struct Malformed: Error { let line: String }

    var types: [String: String] = [:]
    var samples: [MetricSample] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Malformed(line: "the last line has no end") }
        var family = ""
        var ended: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let line = String(line)
            if line.hasPrefix("# HELP ") || line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                guard words.count == 4 else { throw Malformed(line: line) }
                if words[2] != family {
                    // A family stands in one piece.
                    guard !ended.contains(words[2]) else { throw Malformed(line: line) }
                    ended.insert(family)
                    family = words[2]
                }
                guard words[1] == "TYPE" else { continue }
                guard types[family] == nil,
                    ["counter", "gauge", "histogram"].contains(words[3])
                else { throw Malformed(line: line) }
                types[family] = words[3]
                continue
            }
            let sample = try Self.sample(line)
            var base = sample.name
            if types[family] == "histogram" {
                for end in ["_bucket", "_sum", "_count"] where base == family + end {
                    base = family
                }
            }
            guard base == family, types[family] != nil else { throw Malformed(line: line) }
            guard
                !samples.contains(where: {
                    $0.name == sample.name && $0.labels == sample.labels
                })
            else { throw Malformed(line: line) }
            samples.append(sample)
        }
        try checkHistograms()
    }

    /// The value of a sample; nil where there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private static func sample(_ line: String) throws -> MetricSample {
        guard
            let match = line.wholeMatch(
                of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? ([-+0-9.eE]+|\+Inf|-Inf|NaN)/),
            let value = Double(match.3.replacing("Inf", with: "inf"))
        else { throw Malformed(line: line) }
        var labels: [String: String] = [:]
        var rest = Substring(match.2 ?? "").dropFirst()
        while rest != "}" && !rest.isEmpty {
            guard
                let label = rest.prefixMatch(
                    of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|(?=\}))/)
            else { throw Malformed(line: line) }
            labels[String(label.1)] = String(label.2).replacing("\\n", with: "\n")
                .replacing("\\\"", with: "\"").replacing("\\\\", with: "\\")
            rest = rest[label.range.upperBound...]
        }
        return MetricSample(name: String(match.1), labels: labels, value: value)
    }

    /// Buckets rise, end at +Inf, and agree with the count.
    private func checkHistograms() throws {
        for (family, type) in types where type == "histogram" {
            var series: [[String: String]: [(bound: Double, value: Double)]] = [:]
            for sample in samples where sample.name == family + "_bucket" {
                var labels = sample.labels
                guard let text = labels.removeValue(forKey: "le"),
                    let bound = Double(text.replacing("Inf", with: "inf"))
                else { throw Malformed(line: family) }
                series[labels, default: []].append((bound, sample.value))
            }
            for (labels, buckets) in series {
                let rises = zip(buckets, buckets.dropFirst()).allSatisfy {
                    $0.bound < $1.bound && $0.value <= $1.value
                }
                guard rises, let last = buckets.last, last.bound == .infinity,
                    value(family + "_count", labels) == last.value,
                    value(family + "_sum", labels) != nil
                else { throw Malformed(line: family) }
            }
        }
    }
}

@Suite("Metrics")
struct ExpositionTests {
    @Test("A registry writes what swift-metrics was told, in the format, whatever stands in labels")
    func page() throws {
        let registry = PrometheusRegistry()
        registry.describe("calls_total", "Calls,\nby \\ kind.")
        let odd = "a\"b\\c\nd,e}={ é"
        let counter = Counter(
            label: "calls_total", dimensions: [("kind", odd)], factory: registry)
        counter.increment()
        counter.increment(by: 4)
        Counter(label: "calls_total", dimensions: [("kind", "x")], factory: registry)
            .increment(by: 2)
        Gauge(label: "heat", factory: registry).record(-2.5)
        let meter = Meter(label: "level.of-water", factory: registry)
        meter.increment(by: 3)
        meter.decrement()
        let timer = Timer(label: "wait_seconds", factory: registry)
        for nanoseconds in [1, 500_000, 500_001, 20_000_000_000] as [Int64] {
            timer.recordNanoseconds(nanoseconds)
        }
        let sizes = Recorder(label: "sizes", aggregate: true, factory: registry)
        for size in [1, 4, 5, 1_000_000] { sizes.record(size) }

        var exposition = Exposition()
        registry.write(to: &exposition)
        let page = try MetricPage(exposition.text)
        #expect(page.value("calls_total", ["kind": odd]) == 5)
        #expect(page.value("calls_total", ["kind": "x"]) == 2)
        #expect(page.value("heat") == -2.5)
        #expect(page.value("level_of_water") == 2)
        #expect(page.types["calls_total"] == "counter")
        #expect(exposition.text.contains("# HELP calls_total Calls,\\nby \\\\ kind.\n"))
        #expect(page.value("wait_seconds_bucket", ["le": "0.0005"]) == 2)
        #expect(page.value("wait_seconds_bucket", ["le": "0.001"]) == 3)
        #expect(page.value("wait_seconds_bucket", ["le": "10"]) == 3)
        #expect(page.value("wait_seconds_count") == 4)
        #expect(page.value("wait_seconds_sum") == 20.001000002)
        #expect(page.value("sizes_bucket", ["le": "4"]) == 2)
        #expect(page.value("sizes_bucket", ["le": "+Inf"]) == 4)
    }

    @Test("A metric made twice is one, one of another type is not shown, one destroyed is gone")
    func same() throws {
        let registry = PrometheusRegistry()
        let first = Counter(label: "n", dimensions: [("a", "1")], factory: registry)
        Counter(label: "n", dimensions: [("a", "1")], factory: registry).increment()
        first.increment()
        Gauge(label: "n", factory: registry).record(7)
        var exposition = Exposition()
        registry.write(to: &exposition)
        #expect(exposition.text == "# TYPE n counter\nn{a=\"1\"} 2\n")
        first.destroy()
        exposition = Exposition()
        registry.write(to: &exposition)
        #expect(exposition.text == "")
    }

    @Test(
        "The operations listener shows calls, commands and the ledger's figures; the other does not"
    )
    func served() async throws {
        try await TestService.withOperations { test, operations in
            try await test.furnish(["alice"])
            let connection = try test.connect()
            _ = try await connection.call("GET", "/")
            _ = try await connection.call("GET", "/?x=1")
            // `/live` is the public feed there.
            for path in ["/ready", "/metrics"] {
                #expect(try await connection.call("GET", path).status == 404)
            }
            let answer = try await operations.call("GET", "/metrics")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let page = try MetricPage(answer.text)
            let requests = "gavel_http_requests_total"
            #expect(
                page.value(requests, ["method": "GET", "route": "/", "status": "200"]) == 1)
            #expect(
                page.value(requests, ["method": "GET", "route": "/", "status": "400"]) == 1)
            #expect(
                page.value(requests, ["method": "other", "route": "none", "status": "404"]) == 2)
            #expect(
                page.value(
                    "gavel_http_request_duration_seconds_count", ["method": "GET", "route": "/"])
                    == 2)
            #expect(page.value("gavel_http_connections") == 1)
            #expect(page.value("gavel_info", ["version": Ledger.version]) == 1)
            // Two of the opening, and what `furnish` did.
            #expect(page.value("gavel_ledger_entries_total") == 5)
            #expect(page.value("gavel_ledger_frame_entries_sum") == 5)
            #expect(page.value("gavel_ledger_rejections_total") == 0)
            #expect(page.value("gavel_ledger_projection_lag_entries") == 0)
            for name in ["commit", "flush"] {
                let count = page.value("gavel_ledger_\(name)_seconds_count")
                #expect(count == page.value("gavel_ledger_frame_entries_count"))
                #expect(try #require(page.value("gavel_ledger_\(name)_seconds_sum")) > 0)
            }
            #expect(try #require(page.value("gavel_ledger_log_used_bytes")) > 0)
            #expect(page.value("gavel_ledger_queue_commands") == 0)
            #expect(page.value("gavel_live_listeners") == 0)

            // A stream is open once its head is there.
            let listener = try test.connect()
            try await listener.send(Array("GET /live HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
            #expect(try await listener.head().status == 200)
            let later = try MetricPage(try await operations.call("GET", "/metrics").text)
            #expect(later.value("gavel_live_listeners") == 1)
        }
    }

    @Test("Commands are counted by kind and what became of them")
    func commands() throws {
        let meters = Meters()
        let bid = Command.placeBid(auction: "a", bidder: "b", amount: 1)
        let time = Timestamp.zero
        meters.count(bid, Receipt(acceptedAt: 1, time: time))
        meters.count(bid, Receipt(acceptedAt: 1, time: time, isReplay: true))
        for _ in 0..<2 {
            meters.count(bid, Receipt(rejectedAt: 2, time: time, Rejection(.bidBelowMinimum)))
        }
        meters.count(bid, Receipt(rejectedAt: 3, time: time, Rejection(.exceedsAvailable)))
        meters.count(.registerUser("b"), Receipt(refused: .queueFull))
        var exposition = Exposition()
        meters.registry.write(to: &exposition)
        let page = try MetricPage(exposition.text)
        func count(_ command: String, _ outcome: String) -> Double? {
            page.value("gavel_commands_total", ["command": command, "outcome": outcome])
        }
        #expect(count("place_bid", "accepted") == 1)
        #expect(count("place_bid", "replayed") == 1)
        // Why one was rejected is between its bidder and the house.
        #expect(count("place_bid", "rejected") == 3)
        #expect(!exposition.text.contains("below_minimum"))
        #expect(!exposition.text.contains("available"))
        #expect(count("register_user", "queue_full") == 1)
        #expect(count("register_user", "accepted") == 0)
        for command in Command.samples {
            #expect(count(command.name, "accepted") != nil, "\(command.name)")
        }
    }
}

@Suite("Counted answers")
struct RouteMeterTests {
    @Test("A rejection is counted as one, whatever its status")
    func rejections() async throws {
        try await TestService.withOperations { test, operations in
            try await test.furnish(["alice", "bob"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            // 402, 403, and one that is no rejection at all.
            for (caller, amount, status) in [
                ("alice", 900_000, 402), ("bob", 5, 403), ("alice", 0, 400),
            ] {
                let answer = try await test.call(
                    "POST", "/auctions/lot-1/bid", as: caller, #"{"amount":\#(amount)}"#)
                #expect(answer.status == status)
            }
            let page = try MetricPage(try await operations.call("GET", "/metrics").text)
            func count(_ status: String) -> Double? {
                page.value(
                    "gavel_http_requests_total",
                    ["method": "POST", "route": "/auctions/{auction}/bid", "status": status])
            }
            #expect(count("rejected") == 2)
            #expect(count("402") == 0 && count("403") == 0 && count("400") == 1)
        }
    }
}

extension Command {
    /// One of each kind.
    static let samples: [Command] = [
        .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("a"),
        .charge(user: "a", currency: "USD", amount: 1, reference: "r"),
        .withdraw(user: "a", currency: "USD", amount: 1, reference: "r"),
        .openAuction(OpenAuction(auction: "a", seller: "b", currency: "USD")),
        .placeBid(auction: "a", bidder: "b", amount: 1), .buyNow(auction: "a", buyer: "b"),
        .closeAuction("a"), .extendAuction("a", closesAt: .zero), .cancelAuction("a"),
    ]
}
