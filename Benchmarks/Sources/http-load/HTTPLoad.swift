// `http-load`: loads a service on this machine and prints one line of JSON.
//
// Two ways: as fast as answers come (`--rate 0`), where a latency counts from sending; and at a
// given rate, where each request has its time beforehand and a latency counts from that time,
// whether or not a connection was free: so a server that stalls is charged for all who had to
// wait (no coordinated omission).

import ArgumentParser
import Glibc
import Histogram

@main
struct HTTPLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http-load", abstract: "Loads a service and prints what it took.")

    @Option(help: "The service's port on 127.0.0.1.")
    var port: Int
    @Option(help: "GET this path.")
    var get: String?
    @Option(help: "POST bids to this path.")
    var bid: String?
    @Option(help: "Listen to the stream of events at this path.")
    var listen: String?
    @Option(help: "The first bid's amount.")
    var first = 1
    @Option(help: "A file with an access token on each line.")
    var tokens: String?
    @Option(help: "Connections.")
    var connections = 64
    @Option(help: "Requests a second; 0 for as many as are answered.")
    var rate = 0.0
    @Option(help: "Seconds.")
    var seconds = 3.0

    func run() throws {
        let kind: Requests.Kind
        switch (get, bid, listen) {
        case (let path?, nil, nil): kind = .get(path: path)
        case (nil, let path?, nil): kind = .bid(path: path, first: first)
        case (nil, nil, let path?):
            var listeners = try Listeners(count: connections, port: port, path: path)
            try listeners.listen(seconds: seconds)
            return listeners.printReport(seconds: seconds)
        default: throw ValidationError("expected one of --get, --bid and --listen")
        }
        let tokens = try self.tokens.map { try lines(of: $0) } ?? []
        var run = try Run(
            connections: Connections(count: connections, port: port),
            requests: Requests(kind: kind, tokens: tokens))
        try run.load(rate: rate, seconds: seconds)
        run.printReport()
    }

    private func lines(of path: String) throws -> [String] {
        guard let file = fopen(path, "r") else {
            throw ValidationError("cannot read \(path): errno \(errno)")
        }
        defer { fclose(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 {
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// One run and what it found.
struct Run {
    let connections: Connections
    var requests: Requests
    private var latencies = Histogram<UInt64>(
        highestTrackableValue: 120_000_000_000, numberOfSignificantValueDigits: .three)
    private var statuses: [Int: Int] = [:]
    private var answered = 0
    private var elapsed = 0.0

    init(connections: Connections, requests: Requests) {
        self.connections = connections
        self.requests = requests
    }

    mutating func load(rate: Double, seconds: Double) throws {
        var idle = Array((0..<connections.all.count).reversed())
        let start = uptime()
        let end = start + UInt64(seconds * 1e9)
        var planned = 0
        while true {
            let now = uptime()
            if now >= end { break }
            while let index = idle.last {
                let due = rate > 0 ? start + UInt64(Double(planned) / rate * 1e9) : now
                if due > now { break }
                idle.removeLast()
                try connections.send(requests.next(on: index), on: index, planned: due)
                planned += 1
            }
            // At a rate, wakes for the next request's time as well as for answers.
            try receive(&idle, timeoutMilliseconds: rate > 0 ? 1 : 100)
        }
        elapsed = Double(uptime() - start) / 1e9
        // What is under way is answered, but counts no more.
        let deadline = uptime() + 5_000_000_000
        let counted = (answered, latencies, statuses)
        while idle.count < connections.all.count, uptime() < deadline {
            try receive(&idle, timeoutMilliseconds: 100)
        }
        (answered, latencies, statuses) = counted
    }

    private mutating func receive(_ idle: inout [Int], timeoutMilliseconds: Int32) throws {
        var found: [(Int, Int, UInt64)] = []
        try connections.receive(timeoutMilliseconds: timeoutMilliseconds) {
            found.append(($0, $1, uptime() - $2))
        }
        for (index, status, latency) in found {
            idle.append(index)
            answered += 1
            statuses[status, default: 0] += 1
            latencies.record(max(1, latency))
        }
    }

    func printReport() {
        func milliseconds(_ percentile: Double) -> String {
            let nanoseconds = latencies.valueAtPercentile(percentile)
            return String(Double(nanoseconds / 1000) / 1000)
        }
        let counts = statuses.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        print(
            "{\"per_second\":\(Int(Double(answered) / elapsed)),\"answered\":\(answered),"
                + "\"seconds\":\(elapsed),\"statuses\":{\(counts.joined(separator: ","))},"
                + "\"p50_ms\":\(milliseconds(50)),\"p99_ms\":\(milliseconds(99)),"
                + "\"p999_ms\":\(milliseconds(99.9)),\"max_ms\":\(milliseconds(100))}")
    }
}
