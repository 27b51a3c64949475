// Tables and lists of fields, as reports have them.
//
// Invariants: a table names itself and heads every column and row; where the window is too narrow
// it scrolls in a box of its own, which the keyboard reaches, or, where a column has sentences, its
// cells stand below each other with their names; what is left out is said, with the command that
// has all of it.

/// A column and what stands in it.
struct ReportColumn {
    /// The CSS class of its cells.
    enum Kind: String { case text, number, time, id, words }

    let title: String
    let kind: Kind

    init(_ title: String, _ kind: Kind = .text) {
        self.title = title
        self.kind = kind
    }
}

/// What stands in one cell.
struct ReportCell: ExpressibleByStringLiteral {
    var text: String
    /// The row that the text leads to, where the page shows that.
    var link: String?
    /// A word before the text, in a frame.
    var tag: String?
    /// Sentences below.
    var small: [String] = []

    init(_ text: String?, link: String? = nil, tag: String? = nil, small: [String] = []) {
        self.text = text ?? ""
        self.link = link
        self.tag = tag
        self.small = small
    }

    init(stringLiteral text: String) { self.init(text) }
}

struct ReportRow {
    var id: String?
    /// The CSS class of the row.
    var style: String?
    let cells: [ReportCell]
}

extension HTMLWriter {
    /// Writes a table, or a sentence where it has no rows.
    /// - Parameters:
    ///   - empty: the sentence.
    ///   - targets: the rows of the page that cells may lead to.
    mutating func table(
        _ caption: String, _ columns: [ReportColumn], _ rows: ReportRows, empty: String,
        all command: String, linkingTo targets: Set<String> = []
    ) {
        guard rows.count > 0 else {
            element("p", ["class": "note"], text: empty)
            newline()
            return
        }
        element(
            "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": caption]
        ) { html in
            let isStacked = columns.contains { $0.kind == .words }
            html.element("table", ["class": isStacked ? "stacked" : "plain"]) { html in
                html.element("caption") { $0.element("span", text: caption) }
                html.element("thead") { html in
                    html.element("tr") { html in
                        for column in columns {
                            html.element(
                                "th", ["scope": "col", "class": column.kind.rawValue],
                                text: column.title)
                        }
                    }
                }
                html.element("tbody") { html in
                    html.newline()
                    for row in rows.first { html.row(row, columns, targets) }
                    if rows.leftOutCount > 0 {
                        html.element("tr", ["class": "leftout"]) { html in
                            html.element(
                                "td", ["colspan": String(columns.count)],
                                text: "\(grouped(rows.leftOutCount)) rows are left out here; "
                                    + "\(command) has all of them")
                        }
                    }
                    for row in rows.last { html.row(row, columns, targets) }
                }
            }
        }
        newline()
    }

    private mutating func row(
        _ row: ReportRow, _ columns: [ReportColumn], _ targets: Set<String>
    ) {
        precondition(row.cells.count == columns.count, "a row has a cell for each column")
        let body = { (html: inout HTMLWriter) in
            for (index, (cell, column)) in zip(row.cells, columns).enumerated() {
                if index == 0 {
                    html.element("th", ["scope": "row", "class": column.kind.rawValue]) {
                        $0.cell(cell, column.kind, targets)
                    }
                } else {
                    html.element(
                        "td", ["class": column.kind.rawValue, "data-name": column.title]
                    ) {
                        $0.cell(cell, column.kind, targets)
                    }
                }
            }
        }
        switch (row.id, row.style) {
        case (let id?, let style?): element("tr", ["id": id, "class": style], body)
        case (let id?, nil): element("tr", ["id": id], body)
        case (nil, let style?): element("tr", ["class": style], body)
        case (nil, nil): element("tr", [:], body)
        }
        newline()
    }

    private mutating func cell(
        _ cell: ReportCell, _ kind: ReportColumn.Kind, _ targets: Set<String>
    ) {
        if let tag = cell.tag {
            element("span", ["class": "tag"], text: tag)
            if !cell.text.isEmpty { text(" ") }
        }
        if let link = cell.link, targets.contains(link) {
            self.link(to: link, cell.text)
        } else if kind == .time {
            time(cell.text)
        } else {
            text(cell.text)
        }
        for sentence in cell.small { element("small", text: sentence) }
    }

    /// Writes a time that may be broken between day and hour, and nowhere else.
    private mutating func time(_ text: String) {
        let day = text.prefix { $0 != "T" }
        element("span", text: String(day))
        void("wbr", [:])
        element("span", text: String(text.dropFirst(day.count)))
    }

    /// Writes names and values; those without a value are left out.
    mutating func fields(_ fields: [(name: String, value: String?)]) {
        element("dl") { html in
            for case (let name, let value?) in fields {
                html.element("dt", text: name)
                html.element("dd", text: value)
            }
        }
        newline()
    }
}

/// The rows of a table: the first and the last ones, as many as a page can bear.
struct ReportRows {
    private(set) var first: [ReportRow] = []
    private(set) var count = 0
    private var ring: [ReportRow] = []
    private let firstMax: Int
    private let lastMax: Int

    /// - Parameter keepsEnd: whether half of the rows are the last ones; otherwise the table shows
    ///   its beginning.
    init(max: Int, keepsEnd: Bool) {
        lastMax = keepsEnd ? max / 2 : 0
        firstMax = max - lastMax
    }

    mutating func append(_ row: ReportRow) {
        defer { count += 1 }
        if first.count < firstMax {
            first.append(row)
        } else if ring.count < lastMax {
            ring.append(row)
        } else if lastMax > 0 {
            ring[(count - firstMax) % lastMax] = row
        }
    }

    /// The rows after the gap, in order.
    var last: [ReportRow] {
        guard leftOutCount > 0, lastMax > 0 else { return ring }
        let start = (count - firstMax) % lastMax
        return Array(ring[start...] + ring[..<start])
    }

    /// The ids of the rows that are shown.
    var ids: Set<String> { Set((first + ring).compactMap(\.id)) }

    var leftOutCount: Int { count - first.count - ring.count }
}
