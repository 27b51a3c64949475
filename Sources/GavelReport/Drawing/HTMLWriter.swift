// Markup, written element by element.
//
// Invariants: every element that is opened is closed; all text and every attribute's value is
// escaped here and nowhere else, and has no character that XML forbids or that turns the reading
// direction. So a page is well-formed as XML too, whatever stands in titles and reasons.

import GavelJSON

struct HTMLWriter {
    typealias Attributes = KeyValuePairs<String, String>

    private(set) var markup = ""

    /// An element and what stands in it.
    mutating func element(
        _ name: String, _ attributes: Attributes = [:],
        _ body: (inout HTMLWriter) throws -> Void
    ) rethrows {
        open(name, attributes)
        markup += ">"
        try body(&self)
        markup += "</\(name)>"
    }

    /// An element with nothing but text in it.
    mutating func element(_ name: String, _ attributes: Attributes = [:], text: String) {
        element(name, attributes) { $0.text(text) }
    }

    /// An element that cannot hold anything.
    mutating func void(_ name: String, _ attributes: Attributes) {
        open(name, attributes)
        markup += "/>"
    }

    mutating func text(_ text: String) { markup += escaped(plain(text)) }

    /// A link to a place in the same page.
    mutating func link(to id: String, _ text: String) {
        element("a", ["href": "#" + id], text: text)
    }

    /// Ends a line, where a reader of the markup wants one.
    mutating func newline() { markup += "\n" }

    /// The first line of a page.
    mutating func documentType() { markup += "<!DOCTYPE html>\n" }

    /// A style sheet of our own. It is no text: nothing in it is escaped.
    mutating func styleSheet(_ rules: String) {
        precondition(!rules.contains { "<&".contains($0) }, "a style sheet holds no markup")
        markup += "<style>\n\(rules)</style>\n"
    }

    private mutating func open(_ name: String, _ attributes: Attributes) {
        markup += "<\(name)"
        for (name, value) in attributes { markup += " \(name)=\"\(escaped(plain(value)))\"" }
    }

    /// Text without control characters, but for ends of lines, and without what is no character.
    private func plain(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 == 0x0A || (0x20..<0x7F).contains($0) }) { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var scalars = String.UnicodeScalarView()
        for scalar in lines.map({ printable(String($0)) }).joined(separator: "\n").unicodeScalars {
            let isNone = scalar.value & 0xFFFE == 0xFFFE
            scalars.append(isNone ? "\u{FFFD}" : scalar)
        }
        return String(scalars)
    }
}
