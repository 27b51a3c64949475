// `gavel benchmark` as people run it, in small: every scenario to its end, what is printed, and
// what is refused. No speed is asserted anywhere.

import Foundation
import Testing

@Suite("Benchmarks on the command line")
struct BenchmarkTests {
    /// Each scenario, small enough for a debug build.
    static let storms: [[String]] = [
        ["--scenario", "R1", "--history", "history.jsonl", "--runs", "2"],
        [
            "--scenario", "R2", "--users", "60", "--auctions", "8", "--seconds", "0.3",
            "--in-flight", "8",
        ],
        [
            "--scenario", "R2", "--users", "60", "--auctions", "40", "--seconds", "0.2", "--path",
            "batch", "--span", "3600",
        ],
        [
            "--scenario", "r3", "--users", "20", "--bids", "300", "--batch", "50", "--lone", "3",
            "--in-flight", "1,16", "--rejected",
        ],
        [
            "--scenario", "R3", "--users", "20", "--auctions", "3", "--bids", "200", "--rate",
            "2000", "--lone", "0", "--in-flight", "4", "--beside",
        ],
        [
            "--scenario", "R3", "--users", "20", "--seconds", "0.1", "--load", "0.2", "--lone",
            "0", "--path", "batch", "--batch", "100",
        ],
        [
            "--scenario", "R4", "--users", "20", "--auctions", "20", "--bids", "200", "--seconds",
            "1",
        ],
        ["--scenario", "R5", "--users", "20", "--auctions", "50"],
        [
            "--scenario", "R6", "--users", "30", "--auctions", "40", "--seconds", "0.3", "--rate",
            "2000",
        ],
    ]

    @Test("Every scenario runs to its end and leaves nothing behind", arguments: storms)
    func storm(arguments: [String]) async throws {
        let space = try Workspace()
        try space.write(history, to: "history.jsonl")
        let run = try await space.run(
            ["benchmark", "storm", "--folder", ".", "--format", "json"] + arguments)
        #expect(run.errors == "")
        try #require(run.status == 0)
        #expect(run.lines.count == 1)
        #expect(space.names == ["history.jsonl"])
        let parsed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let report = try #require(parsed as? [String: Any])
        #expect(report["clean"] as? Bool == true)
        #expect((report["digest"] as? String)?.count == 16)
        let passes = try #require(report["passes"] as? [[String: Any]])
        #expect(!passes.isEmpty)
        for pass in passes { try check(pass) }
        // Every planned pass stands beside raw commits of as many frames.
        for pass in passes where pass["loop"] as? String == "open" {
            let name = try #require(pass["name"] as? String)
            let raw = try #require(passes.first { $0["name"] as? String == "raw-" + name })
            let frames = median("frames", try #require(pass["figures"] as? [String: Any]))
            let sent = median("sent", try #require(raw["figures"] as? [String: Any]))
            #expect(frames == sent)
        }
        let ledger = try #require(report["ledger"] as? [String: Any])
        for name in [
            "entries", "log_bytes_per_entry", "open_ns", "rebuild_entries_per_second",
            "verify_entries_per_second",
        ] {
            #expect(median(name, ledger) != nil, "\(name) is missing")
        }
    }

    private func median(_ name: String, _ figures: [String: Any]) -> Int? {
        (figures[name] as? [String: Any])?["median"] as? Int
    }

    private func check(_ pass: [String: Any]) throws {
        let name = try #require(pass["name"] as? String)
        let figures = try #require(pass["figures"] as? [String: Any])
        let loop = try #require(pass["loop"] as? String)
        var expected = ["sent"]
        if loop != "lone" {
            expected += ["accepted", "rejected", "elapsed_ns", "accepted_per_second", "frames"]
            expected += ["cpu_percent", "entries_per_frame_mean", "frame_bytes_per_entry"]
        }
        if name != "history" {
            expected += ["p50", "p90", "p99", "p999", "max"].map { "latency_\($0)_ns" }
        }
        for figure in expected {
            #expect(median(figure, figures) != nil, "\(name) has no \(figure)")
        }
        guard loop != "lone", name != "history" else { return }
        // Receipts add up, in all and over the time line.
        let parts = ["accepted", "rejected", "replayed", "refused"]
        let sum = parts.compactMap { median($0, figures) }.reduce(0, +)
        #expect(sum == median("sent", figures))
        let timeline = try #require(pass["timeline"] as? [[String: Any]])
        let drawn = timeline.flatMap { point in parts.compactMap { point[$0] as? Int } }
        #expect(drawn.reduce(0, +) == sum)
    }

    @Test("A hot lot takes every honest bid, and answers every other one as it must")
    func counts() async throws {
        let run = try await Workspace().run(
            "benchmark", "storm", "--folder", ".", "--format", "json", "--users", "20", "--bids",
            "1000", "--path", "batch", "--lone", "0", "--duplicates", "10", "--conflicts", "10",
            "--short", "10", "--late", "10")
        try #require(run.status == 0, "\(run.errors)")
        let parsed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let passes = try #require((parsed as? [String: Any])?["passes"] as? [[String: Any]])
        let figures = try #require(passes[0]["figures"] as? [String: Any])
        let codes = try #require(passes[0]["codes"] as? [String: Int])
        #expect(median("sent", figures) == 1_000)
        #expect(try #require(median("raw_append_per_second", figures)) > 0)
        for figure in ["replayed", "refused"] {
            let count = try #require(median(figure, figures))
            #expect((50...150).contains(count), "\(figure): \(count)")
        }
        #expect(codes["command_id_reused"] == median("refused", figures))
        let rejected = try #require(codes["exceeds_available"]) + (codes["auction_ended"] ?? 0)
        #expect(rejected == median("rejected", figures))
        #expect((codes["auction_ended"] ?? 0) > 0)
    }

    @Test("--html writes a page that asks nobody for anything and holds the numbers")
    func page() async throws {
        let space = try Workspace()
        let run = try await space.run(
            "benchmark", "storm", "--folder", ".", "--users", "20", "--seconds", "0.2", "--lone",
            "3", "--in-flight", "4", "--html", "storm.html")
        try #require(run.status == 0, "\(run.errors)")
        let page = try String(contentsOf: space.url("storm.html"), encoding: .utf8)
        #expect(page.hasPrefix("<!doctype html>"))
        for word in ["http://", "https://", "src=", "<script", "<link", "@import", "url("] {
            #expect(!page.contains(word), "the page has \(word)")
        }
        #expect(page.contains("prefers-color-scheme: dark"))
        #expect(page.contains("name=\"viewport\""))
        #expect(page.components(separatedBy: "<svg").count - 1 >= 2)
        // The figures of the table on standard output stand in the page too.
        let row = try #require(run.lines.first { $0.hasPrefix("batch ") })
        let rate = try #require(row.split(separator: " ").dropFirst(2).first)
        #expect(page.contains(">\(rate)<"), "\(rate)")
        let digest = try #require(run.lines.first { $0.hasPrefix("digest") }).suffix(16)
        #expect(page.contains(digest))
    }

    @Test("The table says what was run, how, and what was found")
    func table() async throws {
        let run = try await Workspace().run(
            "benchmark", "storm", "--folder", ".", "--users", "20", "--bids", "100", "--lone", "2",
            "--in-flight", "2", "--runs", "2")
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("Closed loop: as fast as bids are taken"))
        #expect(run.output.contains("settled to the cent, verified, reopened and rebuilt"))
        #expect(run.output.contains("× raw commit ["))
        #expect(run.lines.contains { $0.hasPrefix("async-2  ") })
    }

    @Test(
        "What cannot be meant is exit code 2 and says what was expected",
        arguments: [
            (["--scenario", "R7"], "The value 'R7' is invalid for '--scenario"),
            (["--bids", "0"], "--bids must be 1 to 1000000000, not 0"),
            (["--users", "1"], "--users must be 2 to 5000000, not 1"),
            (["--seconds", "0"], "--seconds must be 0.05 to 3600, not 0.0"),
            (["--duplicates", "101"], "--duplicates must be 0 to 90 percent, not 101"),
            (["--duplicates", "60", "--late", "40"], "must be at most 90 percent together"),
            (["--in-flight", "4,x"], "expected different numbers from 1 to 100000"),
            (["--rate", "5", "--load", "0.5"], "--rate and --load cannot stand beside each other"),
            (["--load", "0"], "--load must be above 0 and at most 10, not 0.0"),
            (["--load", "0.5", "--scenario", "R5"], "--load goes with R2, R3, not with R5"),
            (["--scenario", "R1"], "R1 needs a recorded history: --history <file>"),
            (["--scenario", "R1", "--history", "none"], "none cannot be read"),
            (["--arrivals", "x.csv"], "--arrivals goes with R2, not with R3"),
            (
                ["--scenario", "R2", "--arrivals", "bad.csv"],
                "--arrivals bad.csv: line 1: expected"
            ),
        ])
    func mistakes(arguments: [String], message: String) async throws {
        let space = try Workspace()
        try space.write("no table\n", to: "bad.csv")
        let run = try await space.run(["benchmark", "storm", "--folder", "."] + arguments)
        #expect(run.errors.hasPrefix("gavel: "))
        #expect(run.errors.contains(message), "\(run.errors)")
        #expect(run.output == "")
        #expect(run.status == 2)
        #expect(space.names == ["bad.csv"])
    }

    @Test(
        "replay, verify and open measure a ledger that is there and leave it as it was",
        arguments: ["replay", "verify", "open"])
    func ledger(benchmark: String) async throws {
        let space = try await importedWorkspace()
        let before = try await space.run("audit", "verify", "--ledger", "house")
        let run = try await space.run(
            "benchmark", benchmark, "--ledger", "house", "--format", "json", "--runs", "2")
        try #require(run.status == 0, "\(run.errors)")
        let parsed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let report = try #require(parsed as? [String: Any])
        #expect(report["benchmark"] as? String == benchmark)
        let figures = try #require(report["figures"] as? [String: Any])
        #expect(median("entries", figures) == 15)
        #expect(median("elapsed_ns", figures) != nil)
        if benchmark == "verify" {
            for figure in ["records_entries_per_second", "hash_blocks_per_second"] {
                #expect(median(figure, figures) ?? 0 > 0)
            }
            // Two blocks a short entry, three where it is longer, two an inner node.
            #expect((45...70).contains(median("hash_blocks", figures) ?? 0))
        }
        let after = try await space.run("audit", "verify", "--ledger", "house")
        #expect(before.output == after.output)
        let missing = try await space.run("benchmark", benchmark, "--ledger", "nowhere")
        #expect(missing.status == 4)
        let made = try await space.run(
            "benchmark", benchmark, "--bids", "50", "--runs", "1", "--folder", ".")
        #expect(made.status == 0, "\(made.errors)")
        #expect(space.names == ["history.jsonl", "house"])
    }

    @Test("commit measures a flush and LMDB commits of 1 to 1,000 records")
    func commit() async throws {
        let space = try Workspace()
        let run = try await space.run(
            "benchmark", "commit", "--seconds", "0.05", "--folder", ".", "--format", "json")
        try #require(run.status == 0, "\(run.errors)")
        let parsed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let figures = try #require((parsed as? [String: Any])?["figures"] as? [String: Any])
        #expect((median("raw_flush_p50_ns", figures) ?? 0) > 0)
        for records in [1, 10, 100, 1_000] {
            #expect((median("lmdb_commit_of_\(records)_p50_ns", figures) ?? 0) > 0)
        }
        #expect(space.names == [])
    }
}
