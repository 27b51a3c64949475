// A real history, 10,451 lines that this project did not write. It is too large to be copied in;
// where it is not at hand, the test is skipped.

import AuctionDomain
import Foundation
import GavelJSON
import Testing

@Suite("A real history")
struct HistoryTests {
    /// Beside the package, in the folder that its makers share.
    private static let path = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("shared/data/ebay/palm.jsonl").path

    @Test(
        "every line is a command, at never falls, and each comes out as it went in",
        .enabled(if: FileManager.default.fileExists(atPath: path), "needs the eBay history"))
    func readsPalm() throws {
        let text = try String(contentsOfFile: Self.path, encoding: .utf8)
        var counts: [String: Int] = [:]
        var last = Timestamp.zero
        for line in text.split(separator: "\n") {
            let parsed = try parseCommand(Array(line.utf8), allowing: .history)
            let at = try #require(parsed.at)
            #expect(at >= last)
            last = at
            counts[parsed.command.name, default: 0] += 1
            let written = encodeCommand(
                parsed.command, id: parsed.id, by: parsed.actor, at: parsed.at)
            #expect(try parseCommand(written, allowing: .history) == parsed)
        }
        // Counted with `cut` and `uniq` over the file.
        #expect(
            counts == [
                "register_currency": 1, "register_user": 2_095, "charge": 1_752,
                "open_auction": 343, "place_bid": 5_917, "close_auction": 343,
            ])
    }
}
