// The frame of every report: head, heading, warning, contents, sections, proof.
//
// Invariants: a page asks nobody for anything, and tells the browser to see to that; all of it can
// be read without colours, at the width of a phone, and printed.

import Gavel

/// One part of a page.
struct ReportSection {
    let id: String
    let title: String
    let body: (inout HTMLWriter) -> Void
}

/// What a report is about.
protocol ReportPage {
    /// `Auction lot-1`.
    var title: String { get }
    /// What people call it; nil where nobody named it.
    var subtitle: String? { get }
    /// The figures that are looked at first.
    var cards: [(value: String, name: String)] { get }
    var sections: [ReportSection] { get }
    /// The last entry shown; nil where there is none.
    var lastPosition: UInt64? { get }
    /// Where an entry contradicts the rules, or the entries do not add up to what the ledger says,
    /// a sentence each.
    var findings: [String] { get }
}

extension ReportPage {
    /// The whole page.
    func markup(_ proof: ReportProof) -> String {
        let proofSection = ReportSection(id: "proof", title: "Proof") { proof.write(to: &$0) }
        let sections = sections + [proofSection]
        var html = HTMLWriter()
        html.documentType()
        html.element("html", ["lang": "en"]) { html in
            html.newline()
            writeHead(proof, to: &html)
            html.newline()
            html.element("body") { html in
                html.newline()
                html.element("header") { writeHeading(proof, to: &$0) }
                html.newline()
                html.element("nav", ["aria-label": "Contents"]) { html in
                    for section in sections { html.link(to: section.id, section.title) }
                }
                html.newline()
                html.element("main") { html in
                    for section in sections {
                        html.newline()
                        html.element("section", ["id": section.id]) { html in
                            html.element("h2", text: section.title)
                            html.newline()
                            section.body(&html)
                        }
                    }
                }
                html.newline()
            }
            html.newline()
        }
        html.newline()
        return html.markup
    }

    private func writeHead(_ proof: ReportProof, to html: inout HTMLWriter) {
        html.element("head") { html in
            html.newline()
            html.void("meta", ["charset": "utf-8"])
            html.void(
                "meta",
                [
                    "http-equiv": "Content-Security-Policy",
                    "content": "default-src 'none'; style-src 'unsafe-inline'",
                ])
            html.void(
                "meta",
                ["name": "viewport", "content": "width=device-width, initial-scale=1"])
            html.newline()
            html.element("title", text: "\(title) \u{2013} Gavel report")
            html.newline()
            // Ids hold no character that means something in a style sheet's string.
            html.styleSheet(
                sharedPageStyle + reportStyle
                    + printStyle(
                        left: "Gavel report: \(title)", right: "ledger \(proof.shortID)",
                        foot: proof.asOf))
        }
    }

    private func writeHeading(_ proof: ReportProof, to html: inout HTMLWriter) {
        html.element("h1", text: title)
        if let subtitle { html.element("p", ["class": "subtitle"], text: subtitle) }
        html.element("p", ["class": "what"], text: "A report by Gavel, \(proof.asOf)")
        html.element("p", ["class": "warning", "role": "note"]) { html in
            html.element("strong", text: "For the house and its auditors only.")
            html.text(
                " This page shows maxima, reserves, holds and balances. None of it may be shown "
                    + "to bidders.")
        }
        for finding in findings + proof.findings {
            html.element("p", ["class": "finding", "role": "alert"]) { html in
                html.element("strong", text: "It does not add up: ")
                html.text(finding)
            }
        }
        html.element("div", ["class": "cards"]) { html in
            for card in cards {
                html.element("div", ["class": "card"]) { html in
                    html.element("b", text: card.value)
                    html.element("span", text: card.name)
                }
            }
        }
    }
}
