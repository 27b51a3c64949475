// Lines over time as inline SVG, with words around them as HTML.
//
// Invariants: a drawing needs nothing from elsewhere: no script, no style sheet, no picture; its
// colours are CSS variables, so light and dark are the page's choice; words stand outside the SVG,
// so a narrow window squeezes the lines and never the letters.

import Gavel
import GavelJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One line of a chart.
package struct ChartLine {
    let name: String
    /// The CSS class that colours it.
    let style: String
    /// A value for each step; nil leaves a gap.
    let values: [Double?]

    package init(name: String, style: String, values: [Double?]) {
        self.name = name
        self.style = style
        self.values = values
    }

}

/// A chart over equal steps of time.
package struct Chart {
    let title: String
    let lines: [ChartLine]
    let stepMilliseconds: Int64
    /// Whether equal distances are equal factors.
    let isLogarithmic: Bool
    /// Words for a value at the side.
    let label: (Double) -> String

    package init(
        title: String, lines: [ChartLine], stepMilliseconds: Int64, isLogarithmic: Bool,
        label: @escaping (Double) -> String
    ) {
        self.title = title
        self.lines = lines
        self.stepMilliseconds = stepMilliseconds
        self.isLogarithmic = isLogarithmic
        self.label = label
    }

    private static let width = 1_000.0
    private static let height = 300.0

    private var stepCount: Int { lines.map(\.values.count).max() ?? 0 }

    /// The chart as a `figure`; empty where there is nothing to draw.
    package var html: String {
        let ticks = ticks
        guard stepCount > 1, ticks.count > 1 else { return "" }
        let (low, high) = (ticks[0], ticks[ticks.count - 1])
        var text = "<figure><figcaption>\(escaped(title))<span class=\"legend\">"
        for line in lines {
            text += "<span class=\"key \(line.style)\">\(escaped(line.name))</span>"
        }
        text += "</span></figcaption><div class=\"plot\"><div class=\"y\">"
        for tick in ticks {
            let top = rounded(100 - height(tick, low, high) * 100)
            text += "<span style=\"top:\(top)%\">\(escaped(label(tick)))</span>"
        }
        text += "</div><svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" "
        text += "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"\(escaped(title))\">"
        for tick in ticks {
            let y = rounded(Self.height * (1 - height(tick, low, high)))
            text += "<path class=\"grid\" d=\"M0 \(y)H\(Int(Self.width))\"/>"
        }
        for line in lines {
            text += "<path class=\"line \(line.style)\" d=\"\(path(line, low, high))\"/>"
        }
        text += "</svg></div><div class=\"x\">"
        for quarter in 0...4 {
            let milliseconds = stepMilliseconds * Int64(stepCount - 1) * Int64(quarter) / 4
            text += "<span>\(quarter == 0 ? "0" : secondsText(milliseconds))</span>"
        }
        return text + "</div></figure>\n"
    }

    /// Where a value stands, from 0 at the bottom to 1 at the top.
    private func height(_ value: Double, _ low: Double, _ high: Double) -> Double {
        let share =
            isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
        return min(1, max(0, share))
    }

    /// Values at the side, at least two, around everything that is drawn.
    private var ticks: [Double] {
        let values = lines.flatMap { $0.values.compactMap { $0 } }
        guard let most = values.max(), most > 0 else { return [] }
        if isLogarithmic {
            let least = values.filter { $0 > 0 }.min() ?? most
            let low = Int(floor(log10(least)))
            let high = max(low + 1, Int(ceil(log10(most))))
            return (low...high).map { pow(10, Double($0)) }
        }
        let step = Self.step(most / 4)
        return stride(from: 0, through: step * ceil(most / step), by: step).map { $0 }
    }

    /// The next of 1, 2, 5, 10, 20, … that is not below a value.
    static func step(_ value: Double) -> Double {
        let decade = pow(10, floor(log10(max(value, 1))))
        return [1, 2, 5, 10].map { $0 * decade }.first { $0 >= value } ?? decade * 10
    }

    private func path(_ line: ChartLine, _ low: Double, _ high: Double) -> String {
        var text = ""
        var isDown = false
        for (index, value) in line.values.enumerated() {
            guard let value, !isLogarithmic || value > 0 else {
                isDown = false
                continue
            }
            let x = rounded(Self.width * Double(index) / Double(stepCount - 1))
            let y = rounded(Self.height * (1 - height(value, low, high)))
            text += "\(isDown ? "L" : "M")\(x) \(y)"
            // A point between two gaps has no line; a short one shows it.
            if !isDown { text += "h0.01" }
            isDown = true
        }
        return text
    }
}

/// A number with at most one decimal, as SVG and CSS read it.
package func rounded(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths) % 10)"
}

/// A time on the time line.
private func secondsText(_ milliseconds: Int64) -> String {
    if milliseconds < 1_000 { return "\(milliseconds) ms" }
    let tenths = (milliseconds + 50) / 100
    return tenths % 10 == 0 || tenths >= 1_000
        ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
}

/// A time in nanoseconds since 1970, to the millisecond where it needs that.
package func timeText(_ nanoseconds: Int64) -> String {
    let time = Timestamp(nanoseconds: nanoseconds - nanoseconds % 1_000_000)
    return time.rfc3339.replacing(".000Z", with: "Z")
}
