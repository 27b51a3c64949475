// A storm's report for people: a row for each pass, then what stands beside the figures.

package import GavelProgram
import GavelReport

extension StormReport {
    package func printTable(on output: Output) throws {
        printFields(
            settings.map { ($0.name, $0.value) } + machine.map { ($0.name, $0.value) }, on: output)
        output.write("\n")
        try printRates(on: output)
        output.write("\n")
        if passes.contains(where: { $0.figures["latency_p50_ns"] != nil }) {
            try printLatencies(on: output)
            output.write("\n")
        }
        printFields(details, on: output)
        output.write("\n")
        for note in notes { output.write("\(note)\n") }
    }

    private func printRates(on output: Output) throws {
        let measured = passes.filter { $0.last.loop != .lone }
        guard !measured.isEmpty else { return }
        var table = Table(
            [
                .left("pass"), .left("loop"), .right("accepted/s"), .right("rejected/s"),
                .right("replayed/s"), .right("refused/s"), .right("frames/s"),
                .right("entries/frame"), .right("bytes/entry"), .right("cpu"), .right("memory"),
            ], on: output)
        for pass in measured {
            let figures = pass.figures
            try table.row([
                pass.last.name, pass.last.loop.rawValue, rate("accepted_per_second", figures),
                rate("rejected_per_second", figures), rate("replayed_per_second", figures),
                rate("refused_per_second", figures), rate("frames_per_second", figures),
                rate("entries_per_frame_mean", figures), rate("frame_bytes_per_entry", figures),
                figures["cpu_percent"].map { "\($0.median) %" },
                figures["memory_bytes"].map { megabytes($0.median) },
            ])
        }
        try table.print()
    }

    private func printLatencies(on output: Output) throws {
        var table = Table(
            [
                .left("latency of"), .right("p50"), .right("p90"), .right("p99"),
                .right("p99.9"), .right("max"), .left(""),
            ], on: output)
        for pass in passes {
            for (kind, name) in Self.latencies where pass.figures["\(kind)_p50_ns"] != nil {
                let cells = ["p50", "p90", "p99", "p999", "max"].map {
                    pass.figures["\(kind)_\($0)_ns"].map { span($0, isWide: runs > 1) }
                }
                try table.row([pass.last.name + name] + cells + [ratio(pass)])
            }
        }
        try table.print()
    }

    /// The distributions a pass may have, and what is added to its name.
    static let latencies = [
        ("latency", ""), ("last_minute_latency", ", last minute"), ("read_latency", ", reads"),
        ("send_lag", ", lag of the sender"),
    ]

    /// How a lone bid stands to the least it could cost; empty elsewhere.
    func ratio(_ pass: PassSummary) -> String {
        guard let percent = pass.figures["raw_commit_percent"] else { return "" }
        let range = runs > 1 ? " [\(times(percent.least))..\(times(percent.most))]" : ""
        return "\(times(percent.median)) × raw commit\(range)"
    }

    /// What is no column: single figures, codes, and the checks.
    var details: [(name: String, value: String?)] {
        var details: [(name: String, value: String?)] = []
        for pass in passes {
            let codes = pass.last.codes.map { "\(grouped($0.count)) \($0.name)" }
            if !codes.isEmpty { details.append((pass.last.name, codes.joined(separator: ", "))) }
            let extras = Self.extras.compactMap { name, text in
                pass.figures[name].map { spread in
                    let isSpan = name.hasSuffix("_ns")
                    return "\(text) \(isSpan ? span(spread, isWide: true) : value(spread))"
                }
            }
            if !extras.isEmpty { details.append((pass.last.name, extras.joined(separator: ", "))) }
        }
        details += facts.map { ($0.name, $0.value) }
        details += [
            ("rebuild", settling["rebuild_entries_per_second"].map { "\(value($0)) entries/s" }),
            (
                "verify",
                settling["verify_entries_per_second"].map { "\(value($0)) entries/s, full" }
            ),
            ("open", settling["open_ns"].map { "\(span($0, isWide: runs > 1)) with a snapshot" }),
            ("entries", settling["entries"].map(value)),
            ("on disk", settling["log_bytes_per_entry"].map { "\(value($0)) bytes an entry" }),
            ("peak memory", settling["peak_memory_bytes"].map { megabytes($0.median) }),
            ("digest", digest),
            ("result", "settled to the cent, verified, reopened and rebuilt with this digest"),
        ]
        return details
    }

    static let extras = [
        ("planned_in_last_minute", "planned in the last minute"),
        ("missed_the_end", "in time by plan and judged after the end"),
        ("extensions_planned", "extensions planned"), ("extensions", "seen"),
        ("lots_extended", "lots extended"), ("closings_per_second", "closings a second"),
        ("closings_durable_ns", "last closing durable after"),
        ("last_receipt_ns", "last receipt after"), ("reads_per_second", "reads a second"),
        ("percent_of_raw_append", "entries a second in percent of LMDB alone, 1,000 a commit:"),
        ("raw_append_per_second", "which is"),
        ("last_fifth_percent_of_first", "rate in the last fifth in percent of the first:"),
        ("entries_per_frame_p50", "entries a frame: p50"), ("entries_per_frame_max", "most"),
    ]

    // MARK: Values

    private func rate(_ name: String, _ figures: SpreadFigures) -> String? {
        figures[name].map(value)
    }

    /// A median, with the range over the runs where there are several.
    func value(_ spread: Spread) -> String {
        let range = runs > 1 ? " [\(grouped(spread.least))..\(grouped(spread.most))]" : ""
        return grouped(spread.median) + range
    }

    func span(_ spread: Spread, isWide: Bool) -> String {
        let text = spanText(UInt64(max(0, spread.median)))
        guard isWide, runs > 1 else { return text }
        let (least, most) = (UInt64(max(0, spread.least)), UInt64(max(0, spread.most)))
        return "\(text) [\(spanText(least))..\(spanText(most))]"
    }

    private func times(_ percent: Int64) -> String {
        "\(percent / 100).\(percent % 100 < 10 ? "0" : "")\(percent % 100)"
    }

    private func megabytes(_ bytes: Int64) -> String { "\(grouped(bytes / 1_000_000)) MB" }
}
