// What those who depend on the libraries see: every public declaration stands in PublicSurface.txt,
// so a change of it is a line in a diff that a reviewer reads.
//
// GAVEL_WRITE_GOLDEN=1 writes the file anew.

import Foundation
import Testing

/// Reads the public declarations out of sources that swift-format has laid out.
private struct Surface {
    /// Module, type and declaration, one line each.
    static func lines(ofModule module: String) throws -> [String] {
        var found: [String] = []
        for (_, text) in try House.swiftFiles("Sources/\(module)") {
            found += lines(of: House.code(text).split(separator: "\n").map(String.init))
        }
        return found.map { "\(module) | \($0)" }.sorted()
    }

    private static func lines(of code: [String]) -> [String] {
        let members =
            /^(static |mutating |nonisolated )*(func|var|init|subscript|associatedtype|typealias)\b/
        let types = /\b(struct|enum|class|protocol|extension|actor) ([A-Za-z0-9_.]+)/
        var found: [String] = []
        /// The types around a line: their indentation, name, and whether it is a public protocol.
        var around: [(indent: Int, name: String, isProtocol: Bool)] = []
        for (number, line) in code.enumerated() {
            let indent = line.prefix { $0 == " " }.count
            let text = line.dropFirst(indent)
            guard !text.isEmpty, text.first != "}", text.first != ")",
                !text.hasPrefix("public import")
            else { continue }
            around.removeAll { $0.indent >= indent }
            let inProtocol =
                around.last.map { $0.isProtocol && $0.indent + 4 == indent } ?? false
            // An enum's cases are as public as it is.
            let isDeclaration =
                text.contains(#/^(@\w+(\([^)]*\))? )*public /#)
                || inProtocol && text.prefixMatch(of: members) != nil
            if isDeclaration {
                let name = around.map(\.name).joined(separator: ".")
                found.append("\(name) | \(declaration(from: number, in: code))")
            }
            if let type = text.firstMatch(of: types), !text.hasPrefix("case ") {
                around.append(
                    (
                        indent, String(type.2),
                        type.1 == "protocol" && text.contains("public protocol")
                    ))
            }
        }
        return found
    }

    /// A declaration up to its body, on one line.
    private static func declaration(from start: Int, in code: [String]) -> String {
        var text = ""
        for line in code[start...] {
            text += (text.isEmpty ? "" : " ") + line.trimmingCharacters(in: .whitespaces)
            let open = text.filter { $0 == "(" }.count - text.filter { $0 == ")" }.count
            if open <= 0, text.hasSuffix("{") || !text.hasSuffix(",") { break }
        }
        if let body = text.firstRange(of: " {") { text = String(text[..<body.lowerBound]) }
        return text.replacing("( ", with: "(").replacing(" )", with: ")")
    }
}

@Suite("The public surface")
struct PublicSurfaceTests {
    @Test("Every public declaration stands in a file, whose diff a reviewer sees")
    func surface() throws {
        let lines = try ["AuctionDomain", "Gavel", "GavelHTTP", "GavelTesting"]
            .flatMap(Surface.lines(ofModule:))
        #expect(lines.count > 300)
        let file = House.root.appending(path: "Tests/HouseTests/PublicSurface.txt")
        let text = lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["GAVEL_WRITE_GOLDEN"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n").map(String.init)
        let (now, before) = (Set(lines), Set(written))
        #expect(now.subtracting(before).sorted() == [], "not in the file")
        #expect(before.subtracting(now).sorted() == [], "in the file only")
    }

    @Test("Gavel shows 40 types to embedders, and 15 to those who write a store")
    func types() throws {
        var (store, others): ([String], [String]) = ([], [])
        for (path, text) in try House.swiftFiles("Sources/Gavel") {
            for line in House.code(text).split(separator: "\n") {
                let pattern =
                    #/^(@\w+ )*public (indirect |final )*(struct|enum|class|protocol) (\w+)/#
                guard let type = line.firstMatch(of: pattern)?.4 else { continue }
                let isStore = path.contains("/Store/") || Self.storeTypes.contains(String(type))
                if isStore { store.append(String(type)) } else { others.append(String(type)) }
            }
        }
        #expect(store.count <= 15, "\(store)")
        #expect(others.count <= 40, "\(others)")
        #expect(store.count > 10 && others.count > 30)
    }

    /// What a store is handed, and stands where it is made.
    private static let storeTypes: Set = ["FrameHeader", "Heartbeat", "LogStorage"]
}
