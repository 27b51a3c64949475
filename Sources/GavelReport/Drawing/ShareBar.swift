// How a sum of money is divided, as one bar.
//
// Invariants: the parts are as wide as their amounts; each is named with its amount in the caption,
// so the bar itself says nothing that words do not.

struct ShareBar {
    struct Part {
        let name: String
        let style: String
        let value: Double
        let amount: String
    }

    let id: String
    let title: String
    let parts: [Part]

    /// Writes the bar as a `figure`; nothing where there is nothing to divide.
    func write(to html: inout HTMLWriter) {
        let parts = parts.filter { $0.value > 0 }
        let sum = parts.reduce(0) { $0 + $1.value }
        guard sum > 0 else { return }
        html.element("figure") { html in
            html.element("figcaption") { html in
                html.element("span", text: title)
                html.element("span", ["class": "legend"]) { html in
                    for part in parts {
                        html.element(
                            "span", ["class": "key \(part.style)"],
                            text: "\(part.name) \(part.amount)")
                    }
                }
            }
            html.element(
                "svg",
                [
                    "class": "bar", "viewBox": "0 0 1000 20", "preserveAspectRatio": "none",
                    "role": "img", "aria-labelledby": "\(id)-title \(id)-desc",
                ]
            ) { html in
                html.element("title", ["id": "\(id)-title"], text: title)
                let words = parts.map { "\($0.name) \($0.amount)" }.joined(separator: ", ")
                html.element("desc", ["id": "\(id)-desc"], text: words)
                var left = 0.0
                for part in parts {
                    let width = 1_000 * part.value / sum
                    html.void(
                        "rect",
                        [
                            "class": part.style, "x": rounded(left), "y": "0",
                            "width": rounded(width), "height": "20",
                        ])
                    left += width
                }
            }
        }
        html.newline()
    }
}
