// A storm's report as one page: figures, and latency and throughput over the time of each pass.
//
// Invariant: the page holds everything it shows and asks nobody for anything; it can be read at the
// width of a desk and of a phone, in light and in dark.

import GavelProgram
import GavelReport

extension StormReport {
    /// The whole page.
    package var page: String {
        var text = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Gavel storm \(scenario.rawValue)</title>
            <style>
            \(pageStyle)</style>
            </head>
            <body>
            <h1>Storm \(scenario.rawValue)</h1>
            <p class="what">\(escaped(scenario.summary))</p>
            <div class="cards">\(cards)</div>

            """
        text += "<h2>Throughput</h2>\n" + rateTable
        if passes.contains(where: { $0.figures["latency_p50_ns"] != nil }) {
            text += "<h2>Latency</h2>\n" + latencyTable
        }
        for pass in passes where pass.last.timeline.count > 1 { text += section(pass) }
        text +=
            "<h2>What was found</h2>\n"
            + list(
                details.compactMap { name, value in
                    value.map { (name, $0) }
                })
        text += "<h2>What was run</h2>\n" + list(settings + machine)
        for note in notes { text += "<p class=\"note\">\(escaped(note))</p>\n" }
        return text + "</body>\n</html>\n"
    }

    // MARK: Figures

    /// The figures that are looked at first.
    private var cards: String {
        var cards: [(name: String, value: String)] = []
        let measured = passes.filter { $0.last.loop != .lone && $0.last.name != "capacity" }
        let best = measured.max {
            ($0.figures["accepted_per_second"]?.median ?? 0)
                < ($1.figures["accepted_per_second"]?.median ?? 0)
        }
        if let best {
            for (name, figure) in [
                ("accepted a second", "accepted_per_second"),
                ("rejected a second", "rejected_per_second"),
            ] {
                guard let spread = best.figures[figure] else { continue }
                cards.append(("\(name), \(best.last.name)", grouped(spread.median)))
            }
            for (name, figure) in [("p50", "latency_p50_ns"), ("p99", "latency_p99_ns")] {
                guard let spread = best.figures[figure] else { continue }
                cards.append(("\(name), \(best.last.name)", span(spread, isWide: false)))
            }
        }
        cards.append(("entries, verified", settling["entries"].map { grouped($0.median) } ?? ""))
        return cards.map {
            "<div class=\"card\"><b>\(escaped($0.value))</b><span>\(escaped($0.name))</span></div>"
        }.joined()
    }

    private var rateTable: String {
        let columns = [
            ("accepted/s", "accepted_per_second"), ("rejected/s", "rejected_per_second"),
            ("replayed/s", "replayed_per_second"), ("refused/s", "refused_per_second"),
            ("frames/s", "frames_per_second"), ("entries/frame", "entries_per_frame_mean"),
            ("bytes/entry", "frame_bytes_per_entry"), ("cpu %", "cpu_percent"),
        ]
        let rows = passes.filter { $0.last.loop != .lone }.map { pass in
            (
                head: pass.last.name,
                cells: columns.map { pass.figures[$0.1].map { value($0) } ?? "" }
            )
        }
        return table(columns.map(\.0), rows)
    }

    private var latencyTable: String {
        var columns = ["p50", "p90", "p99", "p99.9", "max"]
        let hasRatio = passes.contains { $0.figures["raw_commit_percent"] != nil }
        if hasRatio { columns.append("to a raw commit") }
        var rows: [(head: String, cells: [String])] = []
        for pass in passes {
            for (kind, name) in Self.latencies where pass.figures["\(kind)_p50_ns"] != nil {
                let cells = ["p50", "p90", "p99", "p999", "max"].map {
                    pass.figures["\(kind)_\($0)_ns"].map { span($0, isWide: true) } ?? ""
                }
                rows.append((pass.last.name + name, cells + (hasRatio ? [ratio(pass)] : [])))
            }
        }
        return table(columns, rows)
    }

    // MARK: Time lines

    private func section(_ pass: PassSummary) -> String {
        let points = pass.last.timeline
        let step = pass.last.timelineMilliseconds
        func rates(_ count: KeyPath<TimelinePoint, Int64>) -> [Double?] {
            points.map { Double($0[keyPath: count]) * 1_000 / Double(max(1, step)) }
        }
        func spans(_ span: KeyPath<TimelinePoint, Int64>) -> [Double?] {
            points.map { $0[keyPath: span] > 0 ? Double($0[keyPath: span]) : nil }
        }
        let throughput = Chart(
            title: "receipts a second",
            lines: [
                ChartLine(name: "accepted", style: "c1", values: rates(\.accepted)),
                ChartLine(name: "rejected", style: "c2", values: rates(\.rejected)),
                ChartLine(name: "replayed", style: "c3", values: rates(\.replayed)),
                ChartLine(name: "refused", style: "c4", values: rates(\.refused)),
            ], stepMilliseconds: step, isLogarithmic: false, label: shortCount)
        let latency = Chart(
            title: "latency",
            lines: [
                ChartLine(name: "p50", style: "c1", values: spans(\.p50)),
                ChartLine(name: "p99", style: "c3", values: spans(\.p99)),
                ChartLine(name: "max", style: "c2", values: spans(\.max)),
            ], stepMilliseconds: step, isLogarithmic: true, label: { shortSpan($0) })
        return "<section><h2>\(escaped(pass.last.name))</h2><p class=\"note\">"
            + "\(escaped(pass.last.what)); \(pass.last.loop.rawValue) loop; a point for each "
            + "\(step) ms\(runs > 1 ? " of the last run" : "")</p>\n"
            + "<div class=\"charts\">\(throughput.html)\(latency.html)</div></section>\n"
    }

    // MARK: Pieces

    private func table(_ columns: [String], _ rows: [(head: String, cells: [String])]) -> String {
        var text = "<table><thead><tr><th>pass</th>"
        for column in columns { text += "<th>\(escaped(column))</th>" }
        text += "</tr></thead><tbody>\n"
        for (head, cells) in rows {
            text += "<tr><th>\(escaped(head))</th>"
            for (column, cell) in zip(columns, cells) {
                // The range over several runs stands below its median.
                let cell = escaped(cell).replacing(" [", with: " <small>[")
                    .replacing("]", with: "]</small>")
                text += "<td data-name=\"\(escaped(column))\">\(cell)</td>"
            }
            text += "</tr>\n"
        }
        return text + "</tbody></table>\n"
    }

    private func list(_ items: [(name: String, value: String)]) -> String {
        "<dl>"
            + items.map { "<dt>\(escaped($0.name))</dt><dd>\(escaped($0.value))</dd>" }.joined()
            + "</dl>\n"
    }
}

/// 1,500,000 as 1.5M: there is little room at the side of a chart.
private func shortCount(_ value: Double) -> String {
    func text(_ tenths: Int, _ unit: String) -> String {
        tenths % 10 == 0 ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
    }
    if value >= 1_000_000 { return text(Int(value / 100_000), "M") }
    return value >= 1_000 ? text(Int(value / 100), "k") : "\(Int(value))"
}

/// A power of ten nanoseconds.
private func shortSpan(_ nanoseconds: Double) -> String {
    let value = Int64(nanoseconds.rounded())
    switch value {
    case ..<1_000: return "\(value) ns"
    case ..<1_000_000: return "\(value / 1_000) µs"
    case ..<1_000_000_000: return "\(value / 1_000_000) ms"
    default: return "\(value / 1_000_000_000) s"
    }
}

private let pageStyle =
    sharedPageStyle + """
        table { width: 100%; }
        th, td { text-align: right; }
        td small { white-space: nowrap; }
        th:first-child { text-align: left; white-space: nowrap; }
        @media (max-width: 46rem) {
          thead { display: none; } tr { display: block; padding: .5rem 0;
            border-bottom: 1px solid var(--rule); }
          th, td { display: flex; justify-content: space-between; border: 0; padding: .1rem 0; }
          td::before { content: attr(data-name); color: var(--soft); margin-right: auto; }
          td small { display: inline; padding-left: .4em; }
          td:empty { display: none; } }

        """
