// Documentation that runs: the README's example is this file's own code, its session is what the
// command prints, its links lead somewhere, and every code is explained.

import AuctionDomain
import Foundation
import Gavel
import Testing

// README
struct NotAccepted: Error { let receipt: Receipt }

func sellAClock(in folder: String) async throws -> Money {
    try await Ledger.withLedger(at: folder) { ledger in
        let commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)),
            .registerUser("alice"), .registerUser("bob"),
            .charge(user: "alice", currency: "USD", amount: 50_000, reference: "psp-123"),
            .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")),
            .placeBid(auction: "lot-1", bidder: "alice", amount: 15_00),
            .closeAuction("lot-1", hammer: true),
        ]
        for command in commands {
            let receipt = try await ledger.submit(command, id: .generate())
            guard receipt.status == .accepted else { throw NotAccepted(receipt: receipt) }
        }
        return try ledger.wallet("bob").value.balances[0].available
    }
}
// README

private let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

func read(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

/// The articles, as paths from the root.
private func articles() throws -> [String] {
    let catalog = "Sources/Gavel/Gavel.docc"
    return try FileManager.default.subpathsOfDirectory(
        atPath: root.appending(path: catalog).path
    ).filter { $0.hasSuffix(".md") }.sorted().map { "\(catalog)/\($0)" }
}

/// The blocks between fences of a language.
func blocks(_ text: String, _ language: String) -> [String] {
    text.components(separatedBy: "```\(language)\n").dropFirst().map {
        $0.components(separatedBy: "```")[0]
    }
}

/// Runs a shell line in a folder with the built `gavel` first on the path. Waits off the pool that
/// all tests share: a pipe may stay open as long as some other test's child that has inherited it,
/// and that test needs a thread to end it.
private func shell(_ line: String, in folder: String) async throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", line]
    process.currentDirectoryURL = URL(filePath: folder)
    // The executable stands beside the test bundle.
    let products = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    process.environment = ["PATH": "\(products):\(path)"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    return await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            continuation.resume(returning: String(decoding: data, as: UTF8.self))
        }
    }
}

@Suite("Documentation")
struct DocumentationTests {
    @Test("The README's example is compiled and does what it says")
    func example() async throws {
        let block = try #require(blocks(try read("README.md"), "swift").first)
        let source = try read("Tests/DocumentationTests/DocumentationTests.swift")
        let compiled = source.components(separatedBy: "// README\n")[1]
        #expect(block == "import Gavel\n\n" + compiled)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-readme-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try await sellAClock(in: folder.path) == 15_00)
    }

    @Test(
        "The sessions of the README and of OutsideJudges are what the command prints",
        arguments: ["README.md", "Sources/Gavel/Gavel.docc/OutsideJudges.md"])
    func sessions(of path: String) async throws {
        let sessions = blocks(try read(path), "console")
        try #require(sessions.count == (path == "README.md" ? 3 : 1))
        for block in sessions { try await expectSession(block) }
    }

    private func expectSession(_ block: String) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-session-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "Fixtures"),
            withDestinationURL: root.appending(path: "Fixtures"))
        var printed = ""
        for line in block.split(separator: "\n") where line.hasPrefix("$ ") {
            printed += "\(line)\n" + (try await shell(String(line.dropFirst(2)), in: folder.path))
        }
        let lines = (printed.split(separator: "\n"), block.split(separator: "\n"))
        for (mine, theirs) in zip(lines.0, lines.1) { #expect(mine == theirs) }
        #expect(lines.0.count == lines.1.count)
    }

    @Test("The commands of Evidence run as they stand, one after the other")
    func evidenceCommands() async throws {
        let scripts = blocks(try read("Sources/Gavel/Gavel.docc/Evidence.md"), "sh")
            .filter { $0.contains("gavel audit key") }
        try #require(scripts.count == 2)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-evidence-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "Fixtures"),
            withDestinationURL: root.appending(path: "Fixtures"))
        for script in scripts {
            let lines = script.split(separator: "\n").map { "\($0)\n[ $? = 0 ] || exit 1\n" }
            let output = try await shell(
                "exec 2>&1\n" + lines.joined() + "echo every line went", in: folder.path)
            #expect(output.hasSuffix("every line went\n"), "\(output)")
        }
    }

    @Test("Every article has one title, and every relative link leads to a file")
    func links() throws {
        let catalog = try articles()
        #expect(catalog.count > 8)
        for path in catalog + ["README.md"] {
            let text = try read(path)
            var isCode = false
            var titles = 0
            for line in text.split(separator: "\n") {
                if line.hasPrefix("```") { isCode.toggle() }
                if !isCode, line.hasPrefix("# ") { titles += 1 }
            }
            #expect(titles == 1, "\(path) has \(titles) titles")
            let folder = root.appending(path: path).deletingLastPathComponent()
            for match in text.matches(of: /\]\(([^)#:]+)\)/) {
                let target = folder.appending(path: String(match.1)).standardizedFileURL.path
                #expect(
                    FileManager.default.fileExists(atPath: target), "\(path) links to \(match.1)")
            }
        }
    }

    @Test("Every file and folder that WhereThingsAre names is there")
    func places() throws {
        let text = try read("Sources/Gavel/Gavel.docc/WhereThingsAre.md")
        let places = text.matches(of: /`((?:Sources|Tests|Fixtures)\/[^`]*)`/).map { $0.output.1 }
        #expect(places.count > 60)
        for place in Set(places) {
            let path = root.appending(path: String(place)).path
            #expect(FileManager.default.fileExists(atPath: path), "\(place)")
        }
    }

    @Test("Every code stands in the article Errors, with its number")
    func codes() throws {
        let errors = try read("Sources/Gavel/Gavel.docc/Errors.md")
        let lines = errors.split(separator: "\n")
        for code in Rejection.Code.allCases {
            let row = lines.filter {
                $0.contains("`\(code.name)`") && $0.contains("\(code.rawValue)")
            }
            #expect(!row.isEmpty, "\(code.name) \(code.rawValue)")
        }
        for refusal in Refusal.allCases {
            let row = lines.filter {
                $0.contains("`\(refusal.name)`") && $0.contains("\(refusal.rawValue)")
            }
            #expect(!row.isEmpty, "\(refusal.name) \(refusal.rawValue)")
        }
        for code in LedgerError.Code.allCases {
            #expect(errors.contains("`\(code.rawValue)`"), "\(code.rawValue)")
        }
    }

    @Test("Every kind of entry and event stands in the article LogFormat")
    func logFormat() throws {
        let article = try read("Sources/Gavel/Gavel.docc/LogFormat.md")
        let entries = try read("Fixtures/log/v1/entries.txt")
        var names = Set<String>()
        for match in entries.matches(of: /"(?:command|event)":"([a-z_]+)"/) {
            names.insert(String(match.1))
        }
        #expect(names.count > 25)
        for name in names.sorted() {
            #expect(article.contains("`\(name)`"), "\(name)")
        }
    }
}
