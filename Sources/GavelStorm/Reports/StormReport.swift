// What a storm came to: figures by name, of one run and of several, before anybody prints them.
//
// Invariant: table, JSON and page are made from these values alone, so they cannot differ. Figures
// are whole numbers whose names end in their unit.

import Gavel
import GavelProgram
import Histogram

/// A stretch of the time line, ready to be drawn.
struct TimelinePoint: Equatable, Sendable {
    var startMilliseconds: Int64
    var accepted: Int64
    var rejected: Int64
    var replayed: Int64
    var refused: Int64
    var p50: Int64
    var p99: Int64
    var max: Int64
}

/// One pass of one run.
struct PassReport: Sendable {
    enum Loop: String, Sendable {
        /// The next is sent when there is room.
        case closed
        /// Sent at planned times.
        case open
        /// Each waits for the one before.
        case lone
    }

    /// Tells passes of one run apart; the same in every run.
    var name: String
    /// What was done, in words.
    var what: String
    var path: String
    var loop: Loop
    var batch: Int?
    var inFlight: Int?
    var figures = Figures()
    var codes: [(name: String, count: UInt64)] = []
    var timeline: [TimelinePoint] = []
    var timelineMilliseconds: Int64 = 0
    /// The positions written meanwhile.
    var positions: Range<UInt64> = 0..<0
}

/// One run: its passes, and what the ledger was found to be afterwards.
struct RunReport: Sendable {
    var passes: [PassReport] = []
    /// Of the checks after the storm, and of the whole run.
    var settling = Figures()
    var digest = ""
    var facts: [(name: String, value: String)] = []
}

/// A pass over all runs.
struct PassSummary: Sendable {
    /// Codes and time line are those of the last run.
    let last: PassReport
    let figures: SpreadFigures
}

/// All of it.
package struct StormReport: Sendable {
    var scenario: Scenario
    var notes: [String]
    var settings: [(name: String, value: String)]
    var machine: [(name: String, value: String)]
    var passes: [PassSummary]
    var settling: SpreadFigures
    var facts: [(name: String, value: String)]
    var digest: String
    var runs: Int

    /// - Precondition: there is at least one run.
    private init(_ options: StormOptions, runs: [RunReport]) {
        scenario = options.scenario
        notes = options.notes
        settings = options.settings
        machine = Self.thisMachine
        self.runs = runs.count
        let last = runs[runs.count - 1]
        passes = last.passes.map { pass in
            let same = runs.compactMap { run in run.passes.first { $0.name == pass.name } }
            return PassSummary(last: pass, figures: SpreadFigures(same.map(\.figures)))
        }
        settling = SpreadFigures(runs.map(\.settling))
        facts = last.facts
        digest = last.digest
    }

    /// Runs a storm as often as its options say.
    /// - Throws: `Failure` where something does not add up, or runs of one history differ.
    package static func measured(_ options: StormOptions) async throws -> StormReport {
        var runs: [RunReport] = []
        for number in 1...options.runs {
            showRun(number, of: options.runs)
            runs.append(
                try await withBenchmarkFolder(in: options.folder) { base in
                    var run = StormRun(options, base: base)
                    return try await run.run()
                })
        }
        if options.scenario == .r1 { try checkSame(runs) }
        return StormReport(options, runs: runs)
    }

    /// A history leads to one digest, however often.
    private static func checkSame(_ runs: [RunReport]) throws {
        let digests = Set(runs.compactMap { $0.facts.first { $0.name == "history" }?.value })
        guard digests.count == 1 else {
            throw Failure(.finding, "runs of one history differ: \(digests.sorted())")
        }
    }
}

extension PassReport {
    /// The most points a time line is drawn with, and the least that one stands for: below it, a
    /// point shows how batches fall and not how fast they come.
    private static let pointsMax = 120
    private static let pointNanosecondsMin: Int64 = 20_000_000

    /// Takes over what was recorded.
    mutating func fill(_ recorder: StormRecorder, cpu: Int64, cores: Int) {
        let elapsed = max(1, recorder.last - recorder.start)
        let counts = recorder.counts
        func rate(_ count: UInt64) -> Int64 {
            Int64(Double(count) * 1_000_000_000 / Double(elapsed))
        }
        figures.add("sent", counts.all)
        figures.add("accepted", counts.accepted)
        figures.add("rejected", counts.rejected)
        figures.add("replayed", counts.replayed)
        figures.add("refused", counts.refused)
        if counts.reads > 0 { figures.add("reads", counts.reads) }
        figures.add("elapsed_ns", elapsed)
        figures.add("receipts_per_second", rate(counts.all))
        figures.add("accepted_per_second", rate(counts.accepted))
        figures.add("rejected_per_second", rate(counts.rejected))
        figures.add("replayed_per_second", rate(counts.replayed))
        figures.add("refused_per_second", rate(counts.refused))
        if counts.reads > 0 { figures.add("reads_per_second", rate(counts.reads)) }
        figures.add("latency", LatencyQuantiles(recorder.latency))
        figures.add("read_latency", LatencyQuantiles(recorder.readLatency))
        figures.add("last_minute_latency", LatencyQuantiles(recorder.lastMinuteLatency))
        figures.add("cpu_percent", cpu * 100 / (elapsed * Int64(cores)))
        codes = recorder.namedCodes
        fillTimeline(recorder)
    }

    private mutating func fillTimeline(_ recorder: StormRecorder) {
        var parts = recorder.parts
        var width = recorder.bucketNanoseconds
        while parts.count > Self.pointsMax
            || width < Self.pointNanosecondsMin && parts.count > 20
        {
            parts = StormRecorder.joined(parts)
            width *= 2
        }
        timelineMilliseconds = width / 1_000_000
        timeline = parts.enumerated().map { index, part in
            let latency = part.latency
            let isEmpty = latency.totalCount == 0
            return TimelinePoint(
                startMilliseconds: Int64(index) * timelineMilliseconds,
                accepted: Int64(part.counts.accepted), rejected: Int64(part.counts.rejected),
                replayed: Int64(part.counts.replayed), refused: Int64(part.counts.refused),
                p50: isEmpty ? 0 : Int64(latency.valueAtPercentile(50)),
                p99: isEmpty ? 0 : Int64(latency.valueAtPercentile(99)),
                max: isEmpty ? 0 : Int64(latency.maxRecorded))
        }
        addGrowth()
    }

    /// How fast a closed loop still was at its end: what a ledger that has grown costs.
    private mutating func addGrowth() {
        let fifth = timeline.count / 5
        guard loop == .closed, fifth >= 2 else { return }
        func sum(_ points: ArraySlice<TimelinePoint>) -> Int64 {
            points.reduce(0) { $0 + $1.accepted + $1.rejected }
        }
        // The last point is cut off by the end of the pass.
        let late = sum(timeline.dropLast().suffix(fifth))
        let early = sum(timeline.prefix(fifth))
        if early > 0 { figures.add("last_fifth_percent_of_first", late * 100 / early) }
    }

    /// Adds how many bids of a plan were to be in time and were judged after the end.
    mutating func addMissedEnds(_ plan: [PlannedBid]) {
        let ended = [Rejection.Code.auctionEnded, .auctionAlreadyClosed].map(\.name)
        let late = codes.filter { ended.contains($0.name) }.reduce(0) { $0 + $1.count }
        figures.add("missed_the_end", Int64(late) - Int64(plan.count { $0.kind == .late }))
    }

    /// Takes over how the pass was written.
    mutating func fill(_ frames: FrameFigures) {
        guard frames.frames > 0, let elapsed = figures["elapsed_ns"] else { return }
        figures.add("frames", frames.frames)
        figures.add(
            "frames_per_second",
            Int64(Double(frames.frames) * 1_000_000_000 / Double(max(1, elapsed))))
        figures.add("entries_per_frame_mean", frames.entries / frames.frames)
        figures.add("entries_per_frame_p50", frames.entriesMedian)
        figures.add("entries_per_frame_max", frames.entriesMax)
        figures.add("frame_bytes_per_entry", frames.bytes / max(1, frames.entries))
    }
}
