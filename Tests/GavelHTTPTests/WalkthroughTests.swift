// The article HTTP.md, asked of a running service: its walks through the cycle are run as they
// stand, its table of statuses is the service's own.

import Foundation
import HTTPTypes
import Testing

@testable import GavelHTTP

private let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

private func read(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

private func article() throws -> String { try read("Sources/Gavel/Gavel.docc/HTTP.md") }

/// The blocks between fences of a language.
private func blocks(_ text: String, _ language: String) -> [String] {
    text.components(separatedBy: "```\(language)\n").dropFirst().map {
        $0.components(separatedBy: "```")[0]
    }
}

@Suite("The article on the HTTP API")
struct WalkthroughTests {
    @Test("The walks with curl and Python go through as they stand", .timeLimit(.minutes(30)))
    func walks() async throws {
        let curl = try #require(blocks(try article(), "sh").first { $0.hasPrefix("base=") })
        let python = try #require(blocks(try article(), "python").first)
        try await ServedHouse.with { house in
            let here = "http://127.0.0.1:\(house.port)"
            let walked = try await run(
                ["bash", "-uo", "pipefail", "-c", curl], replacing: here, in: house)
            #expect(walked.status == 0, "\(walked.output)")
            let answers = walked.output.split(separator: "\n").map(String.init)
            let accepted = answers.filter { $0.contains("\"status\":\"accepted\"") }
            #expect(accepted.count == 5, "\(walked.output)")
            #expect(answers.contains { $0.contains("\"locked\":1500") })
            #expect(answers.contains { $0.contains("\"code\":\"seller_cannot_bid\"") })
            #expect(answers.contains("a seller may not bid"))
            #expect(answers.contains { $0.contains("\"outcome\":\"sold\"") })
            #expect(answers.last?.contains("\"available\":1500") == true)

            let told = try await run(["python3", "-c", python], replacing: here, in: house)
            #expect(told.status == 0, "\(told.output)")
            #expect(told.output == "422 bid_below_minimum 41\nsold True 1500\n")
        }
    }

    @Test(
        "Two bidders' receipts of different sizes are compared, by proofs and by tiles, as it says",
        .timeLimit(.minutes(30)))
    func comparing() async throws {
        let all = blocks(try article(), "sh")
        let walk = try #require(all.first { $0.hasPrefix("base=") })
        let comparison = try #require(all.first { $0.contains("gavel audit compare") })
        try await ServedHouse.with { house in
            let here = "http://127.0.0.1:\(house.port)"
            let compared = try await run(
                ["bash", "-euo", "pipefail", "-c", walk + comparison], replacing: here, in: house)
            #expect(compared.status == 0, "\(compared.output)")
            let results = compared.output.split(separator: "\n").filter { $0.hasPrefix("result") }
            #expect(results.count == 2, "\(compared.output)")
            for result in results { #expect(result.contains("growth: the "), "\(result)") }
            #expect(compared.output.contains("goes on from "), "\(compared.output)")
        }
    }

    @Test("What the README shows of the service stands in the article, which is run")
    func readme() throws {
        let known = Set(
            blocks(try article(), "sh").flatMap { $0.split(separator: "\n").map(String.init) })
        let shown = try read("README.md").components(separatedBy: "## Serve it")[1]
            .components(separatedBy: "\n## ")[0]
        let lines = blocks(shown, "sh").flatMap { $0.split(separator: "\n").map(String.init) }
        #expect(lines.count == 4)
        for line in lines { #expect(known.contains(line), "\(line)") }
    }

    @Test("The table of statuses has every code of the service under its status, and no other")
    func statuses() throws {
        var found: [String: Int] = [:]
        for match in try article().matches(of: /\n\| (\d{3}) \| ([^|]+) \|/) {
            for code in match.2.matches(of: /`([a-z_]+)`/) {
                #expect(found.updateValue(Int(match.1) ?? 0, forKey: String(code.1)) == nil)
            }
        }
        let known = Dictionary(
            uniqueKeysWithValues: ProblemKind.all.map { ($0.code, $0.status.code) })
        #expect(found == known)
    }

    private func run(
        _ command: [String], replacing base: String, in house: ServedHouse
    ) async throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command.map {
            $0.replacingOccurrences(of: "http://127.0.0.1:8080", with: base)
        }
        process.currentDirectoryURL = house.folder
        // `gavel` stands beside the server.
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = "\(ServerProcess.folder):\(environment["PATH"] ?? "")"
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let data = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(
                    returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
            }
        }
    }
}
