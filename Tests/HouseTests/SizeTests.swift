// How long a file and a function may be.

import Foundation
import Testing

@Suite("Sizes")
struct SizeTests {
    private static let fileLinesMax = 500
    private static let functionLinesMax = 80

    @Test("A file has at most 500 lines")
    func files() throws {
        for (path, text) in try House.swiftFiles("Sources") {
            let count = text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
            #expect(count <= Self.fileLinesMax, "\(path) has \(count) lines")
        }
    }

    @Test("A function has at most 80 lines")
    func functions() throws {
        var found = 0
        for (path, text) in try House.swiftFiles("Sources") {
            for (line, count) in Self.functions(in: text) {
                found += 1
                #expect(
                    count <= Self.functionLinesMax, "\(path):\(line) has \(count) lines")
            }
        }
        #expect(found > 3_000)
    }

    /// Where functions, initializers and computed properties of several lines begin, counted from
    /// 1, and how many lines each has. It goes by the indentation that `swift format` gives.
    private static func functions(in text: String) -> [(line: Int, count: Int)] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start =
            #/
            ^\ *(?:@\w+(?:\([^)]*\))?\ )*(?:\w+(?:\(set\))?\ )*
            (?:func\ |init[?(<]|deinit\ |subscript|var\ .*\{$)
            /#
        var found: [(line: Int, count: Int)] = []
        for (index, line) in lines.enumerated() where line.prefixMatch(of: start) != nil {
            guard line.last != "}" else { continue }
            let indent = line.prefix { $0 == " " }
            var end = index + 1
            // A line that is indented less closes what is around a requirement without a body.
            while end < lines.count, lines[end].isEmpty || lines[end].hasPrefix(indent) {
                if lines[end].dropFirst(indent.count) == "}" {
                    found.append((index + 1, end - index + 1))
                    break
                }
                end += 1
            }
        }
        return found
    }
}
