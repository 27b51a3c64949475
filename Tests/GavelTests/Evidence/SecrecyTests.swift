// What leaves the house while an auction runs tells nobody a reserve, a maximum or a hold.
//
// The amounts are chosen so that each has digits and bytes that nothing else has; every public byte
// is then searched for both. A canary shows that the search finds what is there.

import AuctionDomain
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("What the public sees of a running auction")
struct SecrecyTests {
    /// The secrets: the reserve, the leader's maximum, and her hold, premium included.
    private static let reserve: Money = 98_765_431
    private static let maximum: Money = 87_654_321
    private static let hold: Money = 96_419_753

    /// A proxy auction below its reserve: alice leads, bob's bid was absorbed, carol's too low.
    private func run(_ path: String) async throws -> Ledger {
        let clock = ManualClock()
        let ledger = try await Ledger.open(at: path, configuration: Bench.configuration(clock))
        let rules = AuctionRules(
            openingPrice: 100, proxy: true, reservePrice: Self.reserve,
            fees: Fees(buyer: Fee(basisPoints: 1000)))
        let commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("sam"),
            .registerUser("alice"), .registerUser("bob"), .registerUser("carol"),
            .charge(user: "alice", currency: "USD", amount: 200_000_000, reference: "a"),
            .charge(user: "bob", currency: "USD", amount: 200_000_000, reference: "b"),
            .charge(user: "carol", currency: "USD", amount: 200_000_000, reference: "c"),
            .openAuction(
                OpenAuction(
                    auction: "lot", title: "A clock", seller: "sam", currency: "USD",
                    rules: rules)),
            .placeBid(auction: "lot", bidder: "alice", amount: Self.maximum),
            .placeBid(auction: "lot", bidder: "bob", amount: 5_000),
            .placeBid(auction: "lot", bidder: "carol", amount: 10),
        ]
        for command in commands {
            let receipt = try await ledger.submit(command, id: .generate(at: clock.now()))
            try #require(receipt.status != .refused)
        }
        #expect(try ledger.usd("alice").locked == Self.hold)
        return ledger
    }

    /// The secrets as digits, plain and with the currency's point, and as bytes.
    private static func secretsFound(in bytes: [UInt8]) -> [String] {
        var found: [String] = []
        for (name, secret) in [("reserve", reserve), ("maximum", maximum), ("hold", hold)] {
            let amount = UInt64(secret.minorUnits)
            let formatted = secret.formatted(in: Currency(code: "USD", scale: 2))
            let forms = [
                Array("\(secret.minorUnits)".utf8), Array(formatted.dropLast(4).utf8),
                (0..<4).map { UInt8(truncatingIfNeeded: amount >> (8 * UInt64($0))) },
                (0..<4).map { UInt8(truncatingIfNeeded: amount >> (24 - 8 * UInt64($0))) },
            ]
            if forms.contains(where: { bytes.contains($0) }) { found.append(name) }
        }
        return found
    }

    @Test("Checkpoints, hash tiles, proofs of growth and the public view hold none of them")
    func publicBytes() async throws {
        try await withLedgerPath { path in
            let ledger = try await run(path)
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            var published: [(name: String, bytes: [UInt8])] = [
                ("checkpoint", try #require(try reader.checkpoint()).bytes)
            ]
            let export = try reader.tileExport()
            for tile in export.tiles() { published.append((tile.path, try export.bytes(of: tile))) }
            let (growth, head) = try reader.consistencyProof(from: 5)
            published.append(("growth", growth.fileBytes(with: head)))
            let view = try reader.auction("lot").value
            var json = JSONWriter()
            json.object { object in
                object.fields(of: view.publicView.auction)
                object.furtherFields(of: view.publicView)
            }
            try reader.forEachStep(of: "lot") { step in
                if let step = step.publicView { json.publicStep(step, names: reader.reading) }
            }
            published.append(("public view", json.bytes))
            for (name, bytes) in published {
                #expect(Self.secretsFound(in: bytes) == [], "\(name)")
            }
            // The canary: what only auditors see has them all.
            json.removeAll()
            try reader.forEachStep(of: "lot") { json.step($0, names: reader.reading) }
            json.auction(view)
            #expect(Set(Self.secretsFound(in: json.bytes)).isSuperset(of: ["reserve", "maximum"]))
            let entries = try reader.reading.log.entryBytes(in: 0..<reader.reflects).flatMap(\.self)
            #expect(Self.secretsFound(in: entries) == ["reserve", "maximum", "hold"])
        }
    }

    @Test("A bidder's proof of her own bid alone holds nobody else's amount and no reserve")
    func ownBid() async throws {
        try await withLedgerPath { path in
            let ledger = try await run(path)
            let last = ledger.reflects
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            // bob's absorbed bid and carol's rejected one; the proof's entry is base64 in the file.
            for position in [last - 2, last - 1] {
                let proof = try reader.proof(ofEntryAt: position)
                let bytes = proof.bytes + (proof.extra ?? [])
                #expect(Self.secretsFound(in: bytes) == [], "position \(position)")
            }
            // alice's own has her own.
            let own = try #require(try reader.proof(ofEntryAt: last - 3).extra)
            #expect(Self.secretsFound(in: own) == ["maximum", "hold"])
            // And the whole evidence has the reserve, as the article Evidence says.
            let whole = try reader.evidence(ofEntryAt: last - 2).proofFiles.compactMap(\.extra)
            #expect(Self.secretsFound(in: whole.flatMap(\.self)).contains("reserve"))
        }
    }
}
