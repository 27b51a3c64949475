// What callers are told when a clock is wrong, and that the service itself goes by the ledger's.

import AuctionDomain
import Gavel
import GavelJSON
import GavelTesting
import Testing

@Suite("Clocks that differ")
struct ClockTests {
    private static func after(_ time: Timestamp, _ seconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds + seconds * 1_000_000_000)
    }

    @Test("A key of another time is refused with both clocks, and taken when its time has come")
    func keys() async throws {
        let clock = ManualClock()
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration) { test in
            try await test.furnish(["alice", "bob"], amount: 5000)
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot-1", seller: "bob", currency: "USD")))
            let now = test.ledger.now
            let key = CommandID.generate(at: Self.after(now, 420))
            func bid(_ key: CommandID) async throws -> TestAnswer {
                try await test.call(
                    "POST", "/auctions/lot-1/bid", as: "alice", key: key, #"{"amount":2000}"#)
            }
            let ahead = try await bid(key)
            #expect(ahead.status == 409 && ahead.code == "command_id_in_future")
            #expect(ahead.json["ledger_time"] as? String == now.rfc3339)
            #expect(ahead.json["id_time"] as? String == Self.after(now, 420).rfc3339)
            #expect(ahead.headers["retry-after"] == "121")
            #expect(ahead.position == nil && ahead.json["time"] == nil)
            clock.advance(seconds: 121)
            #expect(try await bid(key).status == 201)
            // Old by both clocks, as far as this process has seen them.
            try await test.ledger.tick()
            clock.advance(seconds: 3_700)
            try await test.ledger.tick()
            let late = try await bid(.generate(at: Self.after(now, -1)))
            #expect(late.status == 409 && late.code == "command_id_expired")
            #expect(late.json["ledger_time"] as? String == test.ledger.now.rfc3339)
            #expect(late.json["id_time"] as? String == Self.after(now, -1).rfc3339)
            #expect(late.headers["retry-after"] == nil)
        }
    }

    @Test("Who signs up without a key is registered, whatever the machine's clock says")
    func ownIDs() async throws {
        let clock = ManualClock()
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration, authenticator: nil) { test in
            // A day ahead, which the ledger does not believe.
            clock.jump(seconds: 86_400)
            try await test.ledger.tick()
            let body = #"{"username":"ada","password":"\#(UsersTests.password)"}"#
            let answer = try await test.connect().call("POST", "/users", body: body)
            #expect(answer.status == 201, "\(answer.text)")
        }
    }
}
