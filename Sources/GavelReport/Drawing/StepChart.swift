// Amounts over time, as inline SVG: lines that keep their value until it changes, marks, levels.
//
// Invariants: as in `Chart`, words stand outside the SVG, so a narrow window squeezes the lines and
// never the letters; what a colour says is said by a shape, a dash or the caption too; nothing
// outside the span of time is drawn.

/// A line that keeps its value until the next point, and its last one until the end.
struct StepLine {
    let name: String
    /// The CSS class that colours it.
    let style: String
    var isFilled = false
    var isDashed = false
    /// In order of time, in nanoseconds; nil leaves a gap.
    var points: [(time: Int64, value: Double?)] = []
}

/// Points without a line. Above the highest tick they stand at the upper edge.
struct ChartMarks {
    enum Shape: String { case dot, square }

    let name: String
    let style: String
    let shape: Shape
    var points: [(time: Int64, value: Double)] = []
}

/// One value for the whole span.
struct ChartLevel {
    let name: String
    let style: String
    let value: Double
}

struct StepChart {
    let id: String
    let title: String
    /// What is to be seen, for those who do not see it.
    let summary: String
    /// In nanoseconds since 1970.
    let span: ClosedRange<Int64>
    var lines: [StepLine] = []
    var marks: [ChartMarks] = []
    var levels: [ChartLevel] = []
    /// Upright lines, and what they stand for.
    var moments: (name: String, times: [Int64]) = ("", [])
    /// Words for a value at the side.
    let label: (Double) -> String

    private static let width = 1_000.0
    private static let height = 300.0

    /// Writes the chart as a `figure`; nothing where there is no span of time or no value.
    func write(to html: inout HTMLWriter) {
        let ticks = ticks
        guard span.upperBound > span.lowerBound, let high = ticks.last, high > 0 else { return }
        html.element("figure") { html in
            html.element("figcaption") { html in
                html.element("span", text: title)
                writeLegend(to: &html)
            }
            let letters = ticks.map { label($0).count }.max() ?? 0
            html.element("div", ["class": "plot", "style": "--y:\(letters + 1)ch"]) { html in
                html.element("div", ["class": "y", "aria-hidden": "true"]) { html in
                    for tick in ticks {
                        let top = rounded(100 - tick / high * 100)
                        html.element("span", ["style": "top:\(top)%"], text: label(tick))
                    }
                }
                writeDrawing(ticks, high, to: &html)
                html.element("div", ["class": "x"]) { html in
                    html.element("span", text: timeText(span.lowerBound))
                    html.element("span", text: timeText(span.upperBound))
                }
            }
        }
        html.newline()
    }

    private func writeLegend(to html: inout HTMLWriter) {
        html.element("span", ["class": "legend"]) { html in
            for line in lines {
                let kind = line.isDashed ? "key dashed" : "key"
                html.element("span", ["class": "\(kind) \(line.style)"], text: line.name)
            }
            for marks in marks where !marks.points.isEmpty {
                html.element(
                    "span", ["class": "key \(marks.shape.rawValue) \(marks.style)"],
                    text: marks.name)
            }
            for level in levels {
                html.element("span", ["class": "key dotted \(level.style)"], text: level.name)
            }
            if !moments.times.isEmpty {
                html.element("span", ["class": "key upright"], text: moments.name)
            }
        }
    }

    private func writeDrawing(_ ticks: [Double], _ high: Double, to html: inout HTMLWriter) {
        let (width, height) = (Int(Self.width), Int(Self.height))
        html.element(
            "svg",
            [
                "viewBox": "0 0 \(width) \(height)", "preserveAspectRatio": "none", "role": "img",
                "aria-labelledby": "\(id)-title \(id)-desc",
            ]
        ) { html in
            html.element("title", ["id": "\(id)-title"], text: title)
            html.element("desc", ["id": "\(id)-desc"], text: summary)
            let grid = ticks.map { "M0 \(y($0, high))H\(width)" }.joined()
            html.void("path", ["class": "grid", "d": grid])
            let upright = moments.times.filter { span.contains($0) }.map { "M\(x($0)) 0V\(height)" }
            if !upright.isEmpty {
                html.void("path", ["class": "upright", "d": upright.joined()])
            }
            for level in levels {
                html.void(
                    "path",
                    ["class": "level \(level.style)", "d": "M0 \(y(level.value, high))H\(width)"])
            }
            for line in lines { write(line, high, to: &html) }
            for marks in marks where !marks.points.isEmpty {
                let path = marks.points.map { "M\(x($0.time)) \(y($0.value, high))h0.01" }
                html.void(
                    "path",
                    [
                        "class": "mark \(marks.shape.rawValue) \(marks.style)",
                        "d": path.joined(),
                    ])
            }
        }
    }

    // MARK: Places

    private func x(_ time: Int64) -> String {
        let inside = min(max(time, span.lowerBound), span.upperBound)
        let whole = Double(span.upperBound - span.lowerBound)
        return rounded(Self.width * Double(inside - span.lowerBound) / whole)
    }

    private func y(_ value: Double, _ high: Double) -> String {
        rounded(Self.height * (1 - min(1, max(0, value / high))))
    }

    /// Values at the side, at least two, around everything but marks; empty without any value.
    private var ticks: [Double] {
        let values = lines.flatMap { $0.points.compactMap(\.value) } + levels.map(\.value)
        guard let most = values.max(), most > 0 else { return [] }
        let step = Chart.step(most / 4)
        return Array(stride(from: 0, through: step * (most / step).rounded(.up), by: step))
    }

    // MARK: Lines

    /// The stretches of a line without a gap, each with the place and time where it ends.
    private func write(_ line: StepLine, _ high: Double, to html: inout HTMLWriter) {
        var path = ""
        var area = ""
        var last: (x: String, y: String)?
        func end(at x: String) {
            guard last != nil else { return }
            path += "H\(x)"
            area += "H\(x)V\(Int(Self.height))Z"
            last = nil
        }
        for (time, value) in line.points {
            let x = x(time)
            guard let value else {
                end(at: x)
                continue
            }
            let y = y(value, high)
            if let last {
                guard last != (x, y) else { continue }
                if last.x != x {
                    path += "H\(x)"
                    area += "H\(x)"
                }
                if last.y != y {
                    path += "V\(y)"
                    area += "V\(y)"
                }
            } else {
                path += "M\(x) \(y)"
                area += "M\(x) \(Int(Self.height))V\(y)"
            }
            last = (x, y)
        }
        end(at: rounded(Self.width))
        if line.isFilled { html.void("path", ["class": "area \(line.style)", "d": area]) }
        let dashes = line.isDashed ? " dashed" : ""
        html.void("path", ["class": "line\(dashes) \(line.style)", "d": path])
    }
}
