// The histories and the migration sample, through the built command, against what an independent
// model says must come of them.

import Foundation
import Testing

/// A folder of its own, and `gavel` and python in it.
final class Place {
    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")
    /// Where `gavel` was built together with the tests.
    static let products: URL = {
        let main = Bundle.main.bundleURL
        let folders = [main, main.deletingLastPathComponent()]
        return folders.first {
            FileManager.default.isExecutableFile(atPath: $0.appending(path: "gavel").path)
        } ?? main
    }()
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "gavel-fixtures-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs a shell line with `gavel`, which stands beside the test bundle, on the path.
    func shell(_ line: String) throws -> (output: String, errors: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "(\(line)) 2>errors"]
        process.currentDirectoryURL = folder
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        process.environment = [
            "PATH": "\(Self.products.path):\(path)", "FIXTURES": Self.fixtures.path,
        ]
        // A file, not a pipe: that stays open as long as any other test's child has inherited it.
        let output = folder.appending(path: "output")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        try process.run()
        try handle.close()
        process.waitUntilExit()
        let data = try Data(contentsOf: output)
        let errors = try String(contentsOf: folder.appending(path: "errors"), encoding: .utf8)
        return (String(decoding: data, as: UTF8.self), errors, process.terminationStatus)
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: fixtures.appending(path: path), encoding: .utf8)
    }
}

/// The rows of a CSV without quoted fields, as dictionaries.
private func rows(_ csv: String) -> [[String: String]] {
    let lines = csv.split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    guard let names = lines.first else { return [] }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(names, $0)) }
}

/// What the tests read of an auction as `gavel auctions --format json` prints it.
private struct Auction: Decodable {
    let auction: String
    let leader: String?
    let price: Int?
}

private func decoded(_ lines: String) throws -> [Auction] {
    try lines.split(separator: "\n").map {
        try JSONDecoder().decode(Auction.self, from: Data($0.utf8))
    }
}

@Suite("Fixtures")
struct FixtureTests {
    private static let script = "tables_to_history.py balances.csv auctions.csv bids.csv"

    @Test("The history of the storm is drawn again byte for byte")
    func storm() throws {
        let place = try Place()
        let run = try place.shell(#"python3 "$FIXTURES/histories/make_storm.py" ."#)
        #expect(run.status == 0, "\(run.errors)")
        for name in ["storm.jsonl", "storm.expected.csv", "storm.wallets.csv"] {
            let drawn = try String(contentsOf: place.folder.appending(path: name), encoding: .utf8)
            let isSame = drawn == (try Place.text("histories/\(name)"))
            #expect(isSame, "\(name) differs")
        }
    }

    @Test("Every auction of the storm ends as an independent model says, and the ledger is clean")
    func outcomes() throws {
        let place = try Place()
        let imported = try place.shell(
            #"gavel import "$FIXTURES/histories/storm.jsonl" --ledger house"#)
        try #require(imported.status == 0, "\(imported.errors)")
        let auctions = rows(try place.shell("gavel auctions --ledger house --format csv").output)
        let expected = rows(try Place.text("histories/storm.expected.csv"))
        #expect(auctions.count == expected.count && expected.count > 60)
        let byName = Dictionary(uniqueKeysWithValues: auctions.map { ($0["auction"]!, $0) })
        for row in expected {
            let found = try #require(byName[row["auction"]!])
            for (mine, theirs) in [
                ("outcome", "outcome"), ("winner", "winner"), ("price", "price"), ("bids", "bids"),
                ("accepted_bids", "accepted"),
            ] {
                #expect(found[mine] == row[theirs], "\(row["auction"]!): \(mine)")
            }
        }
        let wallets = try place.shell("gavel wallets --ledger house --format csv").output
        #expect(wallets == (try Place.text("histories/storm.wallets.csv")))
        let open = try decoded(
            place.shell("gavel auctions --ledger house --status open --format json").output)
        let holding = rows(wallets).filter { $0["locked"] != "0" }.map { $0["user"]! }
        #expect(Set(holding) == Set(open.compactMap(\.leader)))
        #expect(try place.shell("gavel audit verify --ledger house").status == 0)
    }

    @Test("The tables of a row-locking back end become a ledger with the same balances")
    func migration() throws {
        let place = try Place()
        let run = try place.shell(
            #"cd "$FIXTURES/migration" && python3 "# + Self.script
        )
        #expect(run.output == (try Place.text("migration/expected.jsonl")))
        let imported = try place.shell(
            #"gavel import "$FIXTURES/migration/expected.jsonl" --ledger house"#)
        #expect(imported.status == 0, "\(imported.errors)")
        let wallets = try place.shell("gavel wallets --ledger house --format csv").output
        #expect(wallets == (try Place.text("migration/expected_wallets.csv")))
        let lots = try decoded(
            place.shell("gavel auctions --ledger house --format json").output)
        #expect(
            lots.map { "\($0.auction) \($0.leader ?? "-") \($0.price ?? 0)" }
                == ["17 alice 7500", "18 carol 2000", "19 dora 35000", "20 - 0"])
        let tables = rows(try Place.text("migration/balances.csv"))
        for row in rows(wallets) {
            let table = tables.first {
                $0["user"] == row["user"] && $0["currency"] == row["currency"]
            }
            #expect(table?["balance"] == row["available"])
            #expect(table?["locked_balance"] == row["locked"])
        }
    }

    @Test(
        "Tables that contradict each other are refused, and the contradiction is named",
        arguments: [
            ("balances", "12500,7500", "12500,7400", "7400 locked, but leading bids of 7500"),
            ("auctions", "7500,2026", "7600,2026", "alice leads at 7600, but the last bid is 7500"),
            ("bids", "18,carol", "18,nobody", "bid of nobody on 18: no wallet in USD"),
            ("bids", "17,carol", "99,carol", "there is no such auction"),
            ("bids", "2026-03-02T12", "2036-03-02T12", "placed outside the auction's time"),
            ("bids", "19,dora,35000", "19,dora,35.5", "'35.5' is no whole number"),
            ("bids", "19,dora,35000,2026-03-03T08:00:00Z", "19,dora", "a row needs 4 columns"),
            ("auctions", ",bob,USD,500", ",zoe,USD,500", "the seller zoe has no wallet"),
            ("auctions", "USD,100,", "USD,0,", "a starting price is at least 1"),
            ("auctions", "USD,100,,", "USD,100,170,", "a price of 170, but no highest bidder"),
            ("auctions", "Z,\n", "Z,bob\n", "auction 20: a highest bidder, but no bids"),
            ("balances", "300", "9223372036854775807", "in all is more than a ledger holds"),
            ("balances", "user,currency", "name,currency", "expected the columns"),
            // What a ledger would not take, or would settle at once.
            ("auctions", "2030-03-08T09", "2026-03-03T07", "auction 17: ended by 2026-03-03T08"),
            ("auctions", "alice,USD", "alice,EUR", "auction 20: nobody has a wallet in EUR"),
            ("auctions", "20,A chair", "19,A chair", "auction 19: stands twice"),
            ("balances", "carol,KRW", "dora,KRW", "wallet dora/KRW: stands twice"),
            ("balances", "bob,", "b b,", "wallet b b/USD: a name has 1 to 64"),
            ("balances", "bob,", "house,", "the user house belongs to the ledger"),
            ("auctions", "20,", "a/20,", "auction a/20: a name has 1 to 64"),
        ])
    func contradictions(_ table: String, _ old: String, _ new: String, _ message: String) throws {
        let place = try Place()
        for name in ["balances", "auctions", "bids"] {
            var text = try Place.text("migration/\(name).csv")
            if name == table {
                #expect(text.contains(old))
                text = text.replacingOccurrences(of: old, with: new)
            }
            let file = place.folder.appending(path: "\(name).csv")
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let run = try place.shell(
            #"python3 "$FIXTURES/migration"/"# + Self.script
        )
        #expect(run.status == 1)
        #expect(run.output.isEmpty && run.errors.contains(message), "\(run.errors)")
    }
}
