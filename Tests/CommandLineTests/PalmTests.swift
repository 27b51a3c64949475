// 343 real auctions, judged by rules that others implemented: outcomes, winners, prices and counts
// must be theirs. Skipped where the data is not at hand.

import Foundation
import Testing

@Suite("A real history on the command line")
struct PalmTests {
    /// Beside the package, in the folder that its makers share.
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("shared/data/ebay").path

    private static let isThere = FileManager.default.fileExists(atPath: folder + "/palm.jsonl")

    @Test(
        "every auction ends as the independent model says, and no money is lost",
        .enabled(if: isThere, "needs the eBay history"))
    func palm() async throws {
        let space = try Workspace()
        let imported = try await space.run(
            "import", Self.folder + "/palm.jsonl", "--ledger", "house")
        try #require(imported.status == 0, "\(imported.errors)")
        #expect(imported.lines[1] == "lines       10451")

        let expected = try columns(
            ["auction", "outcome", "winner", "price", "bids", "accepted"],
            of: try String(contentsOfFile: Self.folder + "/palm.expected.csv", encoding: .utf8))
        let auctions = try await space.run("auctions", "--ledger", "house", "--format", "csv")
        let found = try columns(
            ["auction", "outcome", "winner", "price", "bids", "accepted_bids"],
            of: auctions.output)
        #expect(found.count == 343)
        #expect(found == expected)

        try await expectMoneyIsWhole(space)
        let verified = try await space.run("audit", "verify", "--ledger", "house")
        #expect(verified.lines.last?.hasSuffix(" clean at level rules") == true)
        #expect(verified.status == 0)

        _ = try await space.run("import", Self.folder + "/palm.jsonl", "--ledger", "again")
        let again = try await space.run("audit", "verify", "--ledger", "again")
        let root = try #require(verified.lines.first { $0.hasPrefix("root ") })
        #expect(again.lines.contains(root))
    }

    /// All auctions are over: nothing is locked, and what was charged is available somewhere.
    private func expectMoneyIsWhole(_ space: Workspace) async throws {
        let charged = try String(contentsOfFile: Self.folder + "/palm.jsonl", encoding: .utf8)
            .split(separator: "\n").filter { $0.contains(#""command": "charge""#) }
            .map { line in
                let match = try #require(line.firstMatch(of: /"amount": (\d+)/))
                return try #require(Int(match.output.1))
            }
        let wallets = try await space.run("wallets", "--ledger", "house", "--format", "csv")
        let rows = try columns(["available", "locked"], of: wallets.output)
        #expect(rows.allSatisfy { $0[1] == "0" })
        let available = try rows.map { try #require(Int($0[0])) }
        #expect(available.reduce(0, +) == charged.reduce(0, +))
    }

    /// Some columns of a CSV text without quotes.
    private func columns(_ names: [String], of text: String) throws -> [[String]] {
        let rows = text.split(whereSeparator: \.isNewline).map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let header = try #require(rows.first)
        let indices = try names.map { name in try #require(header.firstIndex(of: name)) }
        return rows.dropFirst().map { row in indices.map { row[$0] } }
    }
}
