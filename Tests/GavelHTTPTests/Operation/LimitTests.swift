// How much a caller may ask for, and what slow clients get.

import AuctionDomain
import Synchronization
import Testing

@testable import GavelHTTP

@Suite("Limits")
struct LimitTests {
    /// A clock that a test moves.
    private final class Hand: Sendable {
        private let seconds = Mutex(100.0)
        var now: Double { seconds.withLock { $0 } }
        func advance(_ by: Double) { seconds.withLock { $0 += by } }
    }

    @Test("A bucket gives its burst, fills at its rate, and says when there is more")
    func bucket() {
        let hand = Hand()
        let limit = RateLimit<String>(rate: 0.5, burst: 3, now: { hand.now })
        for _ in 0..<3 { #expect(limit.take("a")) }
        #expect(!limit.take("a"))
        #expect(limit.secondsUntilFree("a") == 2)
        #expect(limit.take("b"))
        hand.advance(2)
        #expect(limit.secondsUntilFree("a") == nil)
        #expect(limit.take("a"))
        #expect(!limit.take("a"))
        hand.advance(1000)
        for _ in 0..<3 { #expect(limit.take("a")) }
        #expect(!limit.take("a"))
        let none = RateLimit<String>(rate: 0, burst: 1)
        for _ in 0..<100 { #expect(none.take("a")) }
    }

    @Test("The table of buckets does not grow, and drops nobody who is being limited if it can")
    func table() {
        let hand = Hand()
        let limit = RateLimit<Int>(rate: 1, burst: 2, bucketsMax: 10, now: { hand.now })
        while limit.take(-1) {}
        hand.advance(0.5)
        for name in 0..<9 { limit.take(name) }
        hand.advance(0.49)
        // All others are not full again yet either, so one more drops everybody.
        #expect(limit.take(100))
        #expect(limit.take(-1))
        while limit.take(-1) {}
        for name in 0..<8 { limit.take(name) }
        hand.advance(1)
        while limit.take(-1) {}
        // Now all others are full again, and only they go.
        #expect(limit.take(101))
        #expect(!limit.take(-1))
    }

    @Test("An address of version 6 counts as its network, a mapped one as what it maps")
    func addresses() {
        #expect(PeerAddress("192.0.2.1") == .v4(0xC000_0201))
        #expect(PeerAddress("::ffff:192.0.2.1") == .v4(0xC000_0201))
        #expect(PeerAddress("2001:db8:1:2:3:4:5:6") == .v6(0x2001_0DB8_0001_0002))
        #expect(PeerAddress("2001:db8:1:2::9") == .v6(0x2001_0DB8_0001_0002))
        #expect(PeerAddress("2001:db8::9") == .v6(0x2001_0DB8_0000_0000))
        #expect(PeerAddress("::1") == .v6(0))
        #expect(PeerAddress("fe80::") == .v6(0xFE80_0000_0000_0000))
        for text in [
            "", "unknown", "1.2.3", "1.2.3.4:80", "::1%", String(repeating: "1", count: 99),
        ] {
            #expect(PeerAddress(text) == nil, "\(text)")
        }
    }

    /// Knows one token, and counts what it is asked.
    private final class OneToken: Authenticator {
        let asked = Atomic<Int>(0)

        func caller(bearing token: Substring) async throws(Problem) -> Caller {
            asked.wrappingAdd(1, ordering: .relaxed)
            guard token.hasPrefix("good") else { throw Problem(.tokenInvalid) }
            return Caller(user: UserID(unchecked: String(token)))
        }

        func known(bearing token: Substring) -> Caller? {
            token == "good-known" ? Caller(user: "known") : nil
        }
    }

    @Test("Calls without a token and bad tokens are limited by address, signed-in ones by user")
    func order() async throws {
        let authenticator = OneToken()
        let limiting: (inout ServiceOptions) -> Void = {
            $0.callsPerSecondByAddress = 0.001
            $0.callsPerSecondByUser = 0.001
            $0.callsBurst = 3
            $0.trustsForwardedFor = true
        }
        try await TestService.with(limiting, authenticator: authenticator) { test in
            func status(_ token: String?, from address: String) async throws -> TestAnswer {
                try await test.call(
                    "GET", "/", as: token, headers: [("x-forwarded-for", address)])
            }
            for _ in 0..<3 { #expect(try await status(nil, from: "192.0.2.1").status == 200) }
            let limited = try await status(nil, from: "9.9.9.9, 192.0.2.1")
            #expect(limited.status == 429)
            #expect(limited.code == "rate_limited")
            // A token in 1,000 s, less what the test has taken.
            func expectWait(_ answer: TestAnswer) {
                #expect((500...1000).contains(Int(answer.headers["retry-after"] ?? "") ?? 0))
            }
            expectWait(limited)
            #expect(try await status(nil, from: "192.0.2.1, 192.0.2.2").status == 200)
            // Who is signed in is not held up by those who are not.
            for _ in 0..<3 { #expect(try await status("good-1", from: "192.0.2.1").status == 200) }
            #expect(try await status("good-1", from: "192.0.2.3").status == 429)
            #expect(try await status("good-2", from: "192.0.2.1").status == 200)
            // Bad tokens: after the burst they are not even looked at.
            for _ in 0..<3 { #expect(try await status("bad", from: "192.0.2.7").status == 401) }
            let asked = authenticator.asked.load(ordering: .relaxed)
            let refused = try await status("bad", from: "192.0.2.7")
            #expect(refused.status == 429)
            expectWait(refused)
            #expect(try await status("good-3", from: "192.0.2.7").status == 429)
            #expect(authenticator.asked.load(ordering: .relaxed) == asked)
            // One that was verified before needs no verifying.
            #expect(try await status("good-known", from: "192.0.2.7").status == 200)
            #expect(try await status("bad", from: "192.0.2.8").status == 401)
        }
    }

    @Test("X-Forwarded-For is not believed unless told so, and never where it is no address")
    func forwarded() async throws {
        for trusts in [false, true] {
            let limiting: (inout ServiceOptions) -> Void = {
                $0.callsPerSecondByAddress = 0.001
                $0.callsBurst = 2
                $0.trustsForwardedFor = trusts
            }
            try await TestService.with(limiting) { test in
                var statuses: [Int] = []
                for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "nobody", "nobody", "no"] {
                    let headers = [("x-forwarded-for", address)]
                    statuses.append(try await test.call("GET", "/", headers: headers).status)
                }
                let expected =
                    trusts ? [200, 200, 200, 200, 200, 429] : [200, 200, 429, 429, 429, 429]
                #expect(statuses == expected)
            }
        }
    }

    @Test("Who does not finish a head or a body is answered 408 and cut off; idling is longer")
    func slow() async throws {
        let impatient: (inout ServiceOptions) -> Void = {
            $0.headTime = .milliseconds(200)
            $0.bodyTime = .milliseconds(200)
        }
        try await TestService.with(impatient, routes: [.echo] + AuctionService.routes) { test in
            let idle = try test.connect()
            let head = try test.connect()
            try await head.send(Array("GET / HTTP/1.1\r\nhost: x\r\nx-a: ".utf8))
            let drip = try test.connect()
            try await drip.send(Array("GE".utf8))
            let dripping = Task {
                for byte in "T / HTTP/1.1\r\nx-long-header-name: never-ends".utf8 {
                    try await Task.sleep(for: .milliseconds(20))
                    try await drip.send([byte])
                }
            }
            let body = try test.connect()
            try await body.send(
                Array(
                    ("POST /echo/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                        + "content-length: 14\r\n\r\n{\"amou").utf8))
            let chunks = try test.connect()
            try await chunks.send(
                Array(
                    ("POST /echo/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                        + "transfer-encoding: chunked\r\n\r\n6\r\n{\"amou\r\n").utf8))
            for connection in [head, drip, body, chunks] {
                let answer = try await connection.answer()
                #expect(answer.status == 408)
                #expect(answer.headers["connection"] == "close")
                #expect(try await connection.isClosed())
            }
            dripping.cancel()
            // One that idled all the while, and one that used its connection before.
            #expect(try await idle.call("GET", "/").status == 200)
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await idle.call("GET", "/").status == 200)
            // The next head after a whole one is not given longer, but cut off without a word.
            try await idle.send(Array("GET / HT".utf8))
            let isCutOff = try await idle.isClosed()
            #expect(isCutOff)
            #expect(try await test.call("POST", "/echo/x", "{\"amount\":7}").status == 200)
        }
    }

    @Test("Connections beyond the limit wait in the kernel's queue until others have ended")
    func connections() async throws {
        let change: (inout ServiceOptions) -> Void = { $0.connectionsMax = 2 }
        try await TestService.with(change) { test in
            var first: TestConnection? = try test.connect()
            let second = try test.connect()
            for connection in [first, second] {
                #expect(try await connection?.call("GET", "/").status == 200)
            }
            let third = try test.connect()
            let waiting = Task { try await third.call("GET", "/").status }
            #expect(try await second.call("GET", "/").status == 200)
            #expect(test.service.meters.connections.count == 2)
            first = nil
            #expect(try await waiting.value == 200)
        }
    }

    @Test("A connection that idles too long is closed")
    func idling() async throws {
        let change: (inout ServiceOptions) -> Void = { $0.idleTime = .milliseconds(100) }
        try await TestService.with(change) { test in
            let connection = try test.connect()
            let isClosed = try await connection.isClosed()
            #expect(isClosed)
        }
    }
}
