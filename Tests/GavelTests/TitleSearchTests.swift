// Searching titles: whatever the index says, the answer is that of looking into every title.

import AuctionDomain
import GavelTesting
import Testing

@testable import Gavel

@Suite("Title search")
struct TitleSearchTests {
    @Test("A title that holds a piece has all bits of it, whatever both are")
    func signatures() {
        var random = SeededGenerator(seed: 41)
        let letters = Array("abcdeÄöß→日本 -AZ09é👩‍👧İı")
        for _ in 0..<20_000 {
            let title = String(
                (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    letters.randomElement(using: &random)!
                })
            var titles = ChunkedArray<String>()
            titles.append(title)
            let index = TitleIndex()
            let folded = title.lowercased()
            let start = Int.random(in: 0...folded.count, using: &random)
            let count = Int.random(in: 0...5, using: &random)
            let piece = String(folded.dropFirst(start).prefix(count))
            for text in [piece, piece.uppercased()] where text.lowercased() == piece {
                let sought = TitlePiece(text, signatures: index.signatures(of: titles))
                #expect(sought.isIn(title), "\(text) in \(title)")
                #expect(sought.mayBeIn(AuctionHandle(rawValue: 0)), "\(text) in \(title)")
            }
        }
    }

    @Test("Few titles pass by chance")
    func selective() {
        var random = SeededGenerator(seed: 42)
        let words = (0..<400).map { _ in
            String((0..<6).map { _ in "abcdefghijklmnopqrstuvwxyz".randomElement(using: &random)! })
        }
        var titles = ChunkedArray<String>()
        for _ in 0..<4000 {
            titles.append(
                (0..<8).map { _ in words.randomElement(using: &random)! }.joined(separator: " "))
        }
        let index = TitleIndex()
        let signatures = index.signatures(of: titles)
        #expect(index.count == 4000)
        var passed = 0
        for word in ["zebra", "qwert", "xylophone", "jazzy", "vortex"] {
            let piece = TitlePiece(word, signatures: signatures)
            passed += titles.indices.count {
                piece.mayBeIn(AuctionHandle(rawValue: UInt32($0)))
            }
        }
        // Of 20,000; by chance about ten.
        #expect(passed < 200)
    }

    @Test("Every list with a piece of a title is the list without, looked through; in any pages")
    func lists() async throws {
        let (bench, _) = try await workedLedger(21, steps: 1500)
        let ledger = bench.ledger
        let all = try ledger.allAuctions(AuctionFilter(), limit: 1000)
        let bidder = try #require(all.compactMap(\.leader).first)
        var pieces: Set<String> = ["", "a", "zzzz", "~"]
        for title in all.map(\.title).filter({ $0.count > 2 }).prefix(8) {
            pieces.insert(String(title.prefix(2)).uppercased())
            pieces.insert(String(title.suffix(3)))
            pieces.insert(title)
        }
        let filters = [
            AuctionFilter(), AuctionFilter(order: .newest), AuctionFilter(order: .endingSoon),
            AuctionFilter(seller: all[0].seller), AuctionFilter(bidder: bidder),
            AuctionFilter(status: .open), AuctionFilter(winner: bidder),
        ]
        for filter in filters {
            let whole = try ledger.allAuctions(filter, limit: 1000)
            for piece in pieces {
                var sought = filter
                sought.titleContains = piece
                let expected = whole.filter {
                    piece.isEmpty || $0.title.lowercased().utf8Contains(piece.lowercased())
                }
                for limit in [1, 7, 1000] {
                    #expect(
                        try ledger.allAuctions(sought, limit: limit).map(\.auction)
                            == expected.map(\.auction), "\(piece) \(limit)")
                }
            }
        }
        // What is opened after the index was made is found too.
        let opened = try await ledger.submit(
            .openAuction(
                OpenAuction(
                    auction: "late", title: "A Very LATE one", seller: all[0].seller,
                    currency: all[0].currency.code)), id: .generate(at: ledger.now))
        #expect(opened.status == .accepted)
        let found = try ledger.auctions(AuctionFilter(titleContains: "very late"))
        #expect(found.items.map(\.auction) == ["late"])
    }
}

extension String {
    fileprivate func utf8Contains(_ piece: String) -> Bool {
        let (all, part) = (Array(utf8), Array(piece.utf8))
        return all.indices.contains { all[$0...].starts(with: part) }
    }
}
