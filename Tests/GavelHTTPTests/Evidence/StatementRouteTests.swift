// What the proof routes give to whom an entry concerns: a signed statement that is checked with
// nothing but the key, and in which nothing is another's.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import Testing

@testable import GavelHTTP

/// A finished sale: alice outbid bob on carol's lot and won it; dave bid first and lost.
private struct Sale {
    let test: TestService
    let key: VerifierKey
    let bobsBid: UInt64
    let alicesBid: UInt64
    let closing: UInt64
    static let maxima: [UserID: Int] = ["alice": 55_555, "bob": 33_333, "dave": 11_111]
    static let reserve = 22_777

    init(_ test: TestService) async throws {
        self.test = test
        try await test.furnish(["alice", "bob", "carol", "dave", "erin"])
        var rules = AuctionRules(
            proxy: true, reservePrice: Money(minorUnits: Int64(Self.reserve)))
        rules.fees.buyer = Fee(basisPoints: 500)
        rules.fees.seller = Fee(basisPoints: 1000)
        try await test.submit(
            .openAuction(
                OpenAuction(
                    auction: "lot-1", title: "A clock", seller: "carol", currency: "USD",
                    rules: rules)))
        func bid(_ bidder: UserID) async throws -> UInt64 {
            let receipt = try await test.submit(
                .placeBid(
                    auction: "lot-1", bidder: bidder,
                    amount: Money(minorUnits: Int64(Self.maxima[bidder]!))))
            return try #require(receipt.position)
        }
        _ = try await bid("dave")
        bobsBid = try await bid("bob")
        alicesBid = try await bid("alice")
        let receipt = try await test.submit(.closeAuction("lot-1", hammer: true))
        closing = try #require(receipt.position)
        _ = try test.ledger.signCheckpoint()
        key = test.ledger.verifierKey
    }

    func proof(_ position: UInt64, _ user: String) async throws -> TestAnswer {
        try await test.call("GET", "/log/entries/\(position)/proof", as: user)
    }

    /// The view that a user is given, with everything checked.
    func view(_ position: UInt64, _ user: String) async throws -> EntryView {
        let answer = try await proof(position, user)
        #expect(answer.status == 200, "\(user) at \(position): \(answer.text)")
        let checked = try StatementFile(parsing: answer.body).check(by: [key])
        let view = try EntryView(checked)
        #expect(view.viewer.string == user && view.position == position)
        return view
    }
}

extension EntryView {
    fileprivate func fact(_ kind: EntryFact.Kind) -> EntryFact? {
        facts.first { $0.kind == kind }
    }
}

@Suite("Statements over HTTP", .timeLimit(.minutes(30)))
struct StatementRouteTests {
    @Test("Bidder, outbid, winner, seller and loser each get a proof that says what is theirs")
    func everyone() async throws {
        try await TestService.with { test in
            let sale = try await Sale(test)
            // A bidder who outbid somebody proves the own bid.
            let bid = try await sale.view(sale.alicesBid, "alice")
            #expect(bid.fact(.placeBid)?.amount == 55_555)
            #expect(bid.fact(.leadTaken)?.amount == 55_555)
            #expect(bid.fact(.refunded) == nil)
            // The outbid proves the own refund, premium and all.
            let refund = try await sale.view(sale.alicesBid, "bob")
            #expect(refund.fact(.refunded)?.amount == 34_999)
            #expect(refund.fact(.refunded)?.reason == "outbid")
            #expect(refund.fact(.leadTaken)?.user == "alice")
            #expect(refund.fact(.leadTaken)?.amount == nil)
            // Winner and seller prove the close.
            let winner = try await sale.view(sale.closing, "alice")
            #expect(winner.fact(.paid)?.price == 33_334)
            #expect(winner.fact(.paid)?.premium == 1_666)
            #expect(winner.fact(.paid)?.amount == 35_000)
            let seller = try await sale.view(sale.closing, "carol")
            #expect(seller.fact(.received)?.amount == 30_001)
            #expect(seller.fact(.received)?.fee == 3_333)
            // Who lost proves the outcome.
            for loser in ["bob", "dave", "erin"] {
                let view = try await sale.view(sale.closing, loser)
                #expect(view.facts.map(\.kind) == [.auctionClosed])
                #expect(view.fact(.auctionClosed)?.user == "alice")
                #expect(view.fact(.auctionClosed)?.price == 33_334)
            }
            // The payer proves the payment, with the entry itself.
            let payment = try await sale.proof(4, "alice")
            let checked = try StatementFile(parsing: payment.body).check(by: [sale.key])
            #expect(checked.entry != nil)
            #expect(try EntryView(checked).fact(.charged)?.amount == 100_000)
        }
    }

    @Test("Whom an entry does not concern is given nothing of it")
    func strangers() async throws {
        try await TestService.with { test in
            let sale = try await Sale(test)
            for user in ["carol", "dave", "erin", "payment"] {
                let answer = try await sale.proof(sale.alicesBid, user)
                #expect(answer.status == 403 && answer.code == "not_yours")
            }
            for user in ["bob", "carol"] {
                #expect(try await sale.proof(4, user).code == "not_yours")
            }
            let anonymous = try await test.call("GET", "/log/entries/\(sale.closing)/proof")
            #expect(anonymous.status == 401)
        }
    }

    @Test("No byte that any user is given of any entry tells another's maximum, hold or reserve")
    func secrets() async throws {
        try await TestService.with { test in
            let sale = try await Sale(test)
            var given = 0
            for position in 0..<test.ledger.reflects {
                for user in ["alice", "bob", "carol", "dave", "erin"] {
                    let answer = try await sale.proof(position, user)
                    guard answer.status == 200 else { continue }
                    given += 1
                    let file = try StatementFile(parsing: answer.body)
                    let checked = try file.check(by: [sale.key])
                    // Of an entry that also concerns others no byte is given out.
                    if position == sale.alicesBid || position == sale.closing {
                        #expect(checked.entry == nil, "\(user) at \(position)")
                    }
                    let text = String(decoding: checked.view, as: UTF8.self)
                    var secrets = Sale.maxima.filter { $0.key.string != user }.map(\.value)
                    // What they hold with the premium.
                    secrets += secrets.map { $0 + $0 / 20 }
                    // Once met, the reserve is the price, and public as such.
                    #expect(!text.contains("\"reserve\"") || user == "carol")
                    for secret in secrets {
                        #expect(
                            !text.contains(":\(secret),") && !text.contains(":\(secret)}"),
                            "\(user) at \(position) sees \(secret)")
                    }
                    // Entry bytes hold amounts as 8 bytes, little endian.
                    for secret in secrets {
                        let bytes = withUnsafeBytes(of: UInt64(secret).littleEndian, Array.init)
                        let entry = checked.entry ?? []
                        #expect(entry.firstRange(of: bytes) == nil, "\(user) at \(position)")
                    }
                }
            }
            #expect(given > 15)
        }
    }

    @Test("A statement is given by a command's id as well, and for a rejected command too")
    func byCommand() async throws {
        try await TestService.with { test in
            let sale = try await Sale(test)
            let (late, id) = (CommandID.generate(), CommandID.generate())
            _ = try await test.ledger.submit(
                .placeBid(auction: "lot-1", bidder: "bob", amount: 99_999), id: late)
            _ = try await test.ledger.submit(
                .withdraw(user: "bob", currency: "USD", amount: 7, reference: "out"), id: id)
            _ = try test.ledger.signCheckpoint()
            let rejected = try await test.call("GET", "/log/commands/\(late)/proof", as: "bob")
            let view = try EntryView(
                StatementFile(parsing: rejected.body).check(by: [sale.key]))
            #expect(view.fact(.rejected)?.reason == "auction_ended")
            #expect(view.fact(.placeBid)?.amount == 99_999)
            let withdrawn = try await test.call("GET", "/log/commands/\(id)/proof", as: "bob")
            let payment = try StatementFile(parsing: withdrawn.body).check(by: [sale.key])
            #expect(try EntryView(payment).fact(.withdrawn)?.amount == 7)
            for path in ["/log/commands/\(late)/proof", "/log/commands/\(id)/proof"] {
                #expect(try await test.call("GET", path, as: "alice").code == "not_yours")
            }
        }
    }
}
