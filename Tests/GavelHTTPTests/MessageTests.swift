// What HTTP itself demands of messages: answers without content, requests that name their host,
// bodies in the one encoding that is read.

import AuctionDomain
import Gavel
import HTTPTypes
import Testing

@testable import GavelHTTP

@Suite("Messages", .timeLimit(.minutes(30)))
struct MessageTests {
    /// The head of an answer to HEAD, and the answer to a GET behind it.
    private func headThenGet(
        _ path: String, as token: String? = nil, in test: TestService
    ) async throws -> (first: TestAnswer, second: TestAnswer) {
        let connection = try test.connect()
        // Both at once, as a proxy does: whatever comes behind the first head is the next answer.
        let caller = token.map { "authorization: Bearer \($0)\r\n" } ?? ""
        let requests =
            "HEAD \(path) HTTP/1.1\r\nhost: x\r\n\(caller)\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n"
        try await connection.send(Array(requests.utf8))
        let first = try await connection.answer(toHead: true)
        return (first, try await connection.answer())
    }

    @Test("HEAD is answered as GET, without content, on every route and for every problem")
    func head() async throws {
        try await TestService.with { test in
            try await test.furnish(["carol"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "1", seller: "carol", currency: "USD")))
            _ = try test.ledger.signCheckpoint()
            for operation in AuctionService.routes.map(\.operation) where operation.method == .get {
                var path = operation.path.replacing(/\{[a-z0-9_]+\}/, with: "1")
                if operation.parameters.contains(where: \.isRequired) { path += "?from=1" }
                let (first, second) = try await headThenGet(path, as: "carol", in: test)
                #expect(second.json["service"] as? String == "gavel", "\(path): \(second)")
                // Streams have no length, and no end.
                if operation.tag == .live {
                    #expect(first.status == 200 && first.headers["content-length"] == nil)
                    continue
                }
                let get = try await test.call("GET", path, as: "carol")
                #expect(first.status == get.status, "\(path)")
                for name in ["content-type", "content-length", "cache-control", "gavel-position"] {
                    #expect(first.headers[name] == get.headers[name], "\(path) \(name)")
                }
            }
            #expect(test.service.live.listenerCount == 0)
            for (path, status) in [
                ("/nothing/here", 404), ("/auctions/none", 404), ("/auctions//bid", 404),
                ("/tokens", 405), ("/auctions/1/bid", 405), ("/?x=1", 400), ("/wallet", 401),
            ] {
                let (first, second) = try await headThenGet(path, in: test)
                #expect(first.status == status, "\(path)")
                #expect(first.headers["content-type"] == "application/problem+json", "\(path)")
                #expect(second.json["service"] as? String == "gavel", "\(path): \(second)")
            }
        }
    }

    @Test("HEAD of a stream opens none, and is not counted as a listener")
    func headOfStreams() async throws {
        try await TestService.with {
            // None would be let in.
            $0.liveListenersMax = 0
        } _: { test in
            try await test.furnish(["alice"])
            try await test.submit(
                .openAuction(OpenAuction(auction: "lot", seller: "alice", currency: "USD")))
            for path in ["/auctions/lot/live", "/wallet/live", "/live"] {
                let answer = try await test.call("HEAD", path, as: "alice")
                #expect(answer.status == 200, "\(path)")
                #expect(answer.headers["content-type"] == "text/event-stream")
                #expect(try await test.call("GET", path, as: "alice").code == "busy", "\(path)")
            }
            #expect(try await test.call("HEAD", "/auctions/none/live").status == 404)
        }
    }

    @Test("The operations listener answers HEAD too, and nothing without a body has one")
    func others() async throws {
        try await TestService.withOperations { test, operations in
            for path in ["/live", "/ready", "/metrics", "/none"] {
                let requests =
                    "HEAD \(path) HTTP/1.1\r\nhost: x\r\n\r\nGET /live HTTP/1.1\r\nhost: x\r\n\r\n"
                try await operations.send(Array(requests.utf8))
                let first = try await operations.answer(toHead: true)
                #expect(first.status == (path == "/none" ? 404 : 200), "\(path)")
                #expect(try await operations.answer().json["status"] as? String == "live")
            }
            // 204 has neither content nor a length.
            let connection = try test.connect()
            for _ in 0..<2 {
                let answer = try await connection.call(
                    "POST", "/tokens/revoke", body: #"{"refresh_token":"none"}"#)
                #expect(answer.status == 204)
                #expect(answer.headers["content-length"] == nil)
                #expect(answer.headers["transfer-encoding"] == nil)
            }
        }
    }

    @Test("A request of HTTP/1.1 that names no host, or two, is none")
    func hosts() async throws {
        try await TestService.with { test in
            for (head, status) in [
                ("GET / HTTP/1.1\r\n", 400), ("GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n", 400),
                ("GET / HTTP/1.0\r\nhost: a\r\nHost: b\r\n", 400),
                ("HEAD / HTTP/1.1\r\n", 400), ("GET / HTTP/1.0\r\nconnection: close\r\n", 200),
                ("GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n", 200),
            ] {
                let connection = try test.connect()
                try await connection.send(Array((head + "\r\n").utf8))
                let answer = try await connection.answer()
                #expect(answer.status == status, "\(head)")
                if status == 400 { #expect(answer.body.isEmpty) }
                let isClosed = try await connection.isClosed()
                #expect(isClosed, "\(head)")
            }
            // What came before it is answered, and nothing behind it.
            let connection = try test.connect()
            let good = "GET / HTTP/1.1\r\nhost: x\r\n\r\n"
            try await connection.send(Array((good + "GET / HTTP/1.1\r\n\r\n" + good).utf8))
            #expect(try await connection.answer().status == 200)
            #expect(try await connection.answer().status == 400)
            let isClosed = try await connection.isClosed()
            #expect(isClosed)
        }
    }

    @Test("A body is read as UTF-8, and refused where it says that it is something else")
    func charsets() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"])
            for (type, isTaken) in [
                ("application/json", true), ("Application/JSON", true),
                ("application/json; charset=utf-8", true),
                ("application/json;charset=\"UTF-8\"", true),
                ("application/json; profile=x; charset=utf-8", true),
                ("application/json; charset=utf-16", false),
                ("application/json; charset=iso-8859-1", false),
                ("application/json; charset=utf-8; charset=utf-16", false),
                ("application/json; charset", false), ("text/json", false), ("", false),
            ] {
                let connection = try test.connect()
                let body = #"{"amount":5}"#
                let head =
                    "POST /auctions/none/bid HTTP/1.1\r\nhost: x\r\nauthorization: Bearer alice\r\n"
                    + "idempotency-key: \(CommandID.generate())\r\ncontent-type: \(type)\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n"
                try await connection.send(Array((head + body).utf8))
                let answer = try await connection.answer()
                #expect(
                    answer.code == (isTaken ? "auction_not_found" : "media_type_unsupported"),
                    "\(type): \(answer.text)")
            }
        }
    }

    @Test("A field that a call does not know is refused with those that it does")
    func unknownFields() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"])
            for (method, path, caller, words) in [
                ("POST", "/auctions/x/bid", "alice", #"unknown field "x", expected amount"#),
                ("POST", "/auctions/x/buy", "alice", #"unknown field "x", there are none here"#),
                ("POST", "/auctions/x/close", "alice", #"unknown field "x", expected hammer"#),
                ("POST", "/auctions/x/cancel", "alice", #"unknown field "x", expected reason"#),
                (
                    "POST", "/auctions/x/extend", "operator",
                    #"unknown field "x", expected closes_at"#
                ),
                (
                    "POST", "/wallet/withdraw", "alice",
                    #"unknown field "x", expected currency, amount, reference"#
                ),
                (
                    "POST", "/currencies", "operator",
                    #"unknown field "x", expected currency, scale"#
                ),
                (
                    "POST", "/auctions", "alice",
                    #"unknown field "x", expected auction, title, currency, opens_at, closes_at, "#
                        + "rules, seller, description, category"
                ),
            ] {
                let answer = try await test.call(method, path, as: caller, #"{"x":1}"#)
                #expect(answer.code == "malformed", "\(path)")
                #expect(answer.json["detail"] as? String == words, "\(path)")
            }
        }
    }
}
