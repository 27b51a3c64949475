// What the migration script refuses beyond tables that contradict each other: what a ledger would
// not take, or would settle at once. FixtureTests hold the sample itself.

import Foundation
import Testing

private let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/migration")

/// Runs the script on the sample tables after one replacement.
private func run(
    replacing old: String, by new: String, in table: String
) throws -> (output: String, errors: String, status: Int32) {
    let place = FileManager.default.temporaryDirectory
        .appending(path: "gavel-migration-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    let names = ["balances", "auctions", "bids"]
    for name in names {
        var text = try String(
            contentsOf: folder.appending(path: "\(name).csv"), encoding: .utf8)
        if name == table {
            #expect(text.contains(old))
            text = text.replacingOccurrences(of: old, with: new)
        }
        try text.write(
            to: place.appending(path: "\(name).csv"), atomically: true, encoding: .utf8)
    }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
        ["python3", folder.appending(path: "tables_to_history.py").path]
        + names.map { "\($0).csv" }
    process.currentDirectoryURL = place
    let output = Pipe()
    process.standardOutput = output
    // A file and not a second pipe: reading one while the other fills would wait for ever.
    let errors = place.appending(path: "errors")
    try Data().write(to: errors)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
        String(decoding: data, as: UTF8.self),
        try String(contentsOf: errors, encoding: .utf8), process.terminationStatus
    )
}

@Suite("Migration")
struct MigrationTests {
    @Test(
        "Tables that a ledger would not take, or would settle at once, are refused with the reason",
        arguments: [
            ("auctions", "2030-03-08T09", "2026-03-03T07", "auction 17: ended by 2026-03-03T08"),
            ("auctions", "alice,USD", "alice,EUR", "auction 20: nobody has a wallet in EUR"),
            ("auctions", "20,A chair", "19,A chair", "auction 19: stands twice"),
            ("balances", "carol,KRW", "dora,KRW", "wallet dora/KRW: stands twice"),
            ("balances", "bob,", "b b,", "wallet b b/USD: a name has 1 to 64"),
            ("balances", "bob,", "house,", "the user house belongs to the ledger"),
            ("auctions", "20,", "a/20,", "auction a/20: a name has 1 to 64"),
        ])
    func refusals(_ table: String, _ old: String, _ new: String, _ message: String) throws {
        let result = try run(replacing: old, by: new, in: table)
        #expect(result.status == 1)
        #expect(result.output.isEmpty && result.errors.contains(message), "\(result.errors)")
    }
}
