// What nobody should send, sent: each gets a clear refusal, and the service goes on.

import Foundation
import Glibc
import Testing

@testable import GavelHTTP

@Suite("Abuse")
struct AbuseTests {
    private static let routes = [Route.echo] + AuctionService.routes

    /// Sends bytes on a connection of their own and reads what comes back.
    private func answer(_ test: TestService, _ text: String) async throws -> TestAnswer {
        try await answer(test, Array(text.utf8))
    }

    private func answer(_ test: TestService, _ bytes: [UInt8]) async throws -> TestAnswer {
        let connection = try test.connect()
        // The other end may close before everything is sent.
        try? await connection.send(bytes)
        return try await connection.answer()
    }

    private func post(_ body: [UInt8], type: String = "application/json") -> [UInt8] {
        Array(
            ("POST /echo/x HTTP/1.1\r\nhost: x\r\ncontent-type: \(type)\r\n"
                + "content-length: \(body.count)\r\n\r\n").utf8) + body
    }

    @Test("Bodies that are too long are refused, whether they say how long they are or not")
    func oversized() async throws {
        try await TestService.with(routes: Self.routes) { test in
            let head = "POST /echo/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            let announced = try await answer(test, head + "content-length: 1000000000\r\n\r\n")
            #expect(announced.status == 413)
            #expect(announced.code == "body_too_large")
            let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
            let chunked = try await answer(
                test,
                head + "transfer-encoding: chunked\r\n\r\n" + String(repeating: chunk, count: 6))
            #expect(chunked.status == 413)
            let whole = try await answer(test, post(Array(repeating: 0x20, count: 65_537)))
            #expect(whole.status == 413)
            // More than any number holds.
            let absurd = try await answer(
                test, head + "content-length: 99999999999999999999999\r\n\r\n")
            #expect(absurd.status == 400)
            // The longest that may be.
            let body = "{\"amount\":5" + String(repeating: " ", count: 65_524) + "}"
            #expect(body.utf8.count == 65_536)
            let longest = try await answer(test, post(Array(body.utf8)))
            #expect(longest.status == 200)
            #expect(longest.json["amount"] as? Int == 5)
        }
    }

    @Test("JSON that is broken, deep, doubled, of wrong types or no text is refused as malformed")
    func malformed() async throws {
        try await TestService.with(routes: Self.routes) { test in
            let deep = String(repeating: "[", count: 30_000)
            let bodies: [String] = [
                "", "{", "nul", "[]", "7", "\"\"", "{\"amount\":1}x", "{\"amount\":1,}",
                "{\"amount\":1 \"b\":2}", "{\"amount\":\"1\"}", "{\"amount\":1.5}",
                "{\"amount\":1e3}", "{\"amount\":null}", "{\"amount\":[1]}", "{\"amount\":true}",
                "{\"amount\":1,\"amount\":2}", "{\"amount\":1,\"extra\":2}", "{\"amount\":01}",
                "{\"amount\":99999999999999999999999999}", "{\"amount\":-9223372036854775809}",
                "{\"amount\":-1}", "{\"amount\":0}", "{\"\\ud800\":1}",
                "{\"amount\":1,\"by\":\"x\"}",
                "{\"amount\":" + deep,
                "{\"amount\":" + deep + String(repeating: "]", count: 30_000),
                String(repeating: "{\"a\":", count: 10_000), "\u{FEFF}{\"amount\":1}",
            ]
            let connection = try test.connect()
            for body in bodies {
                try await connection.send(post(Array(body.utf8)))
                let answer = try await connection.answer()
                #expect(answer.status == 400, "\(body.prefix(60))")
                #expect(answer.code == "malformed", "\(body.prefix(60)): \(answer.text)")
            }
            for bytes: [UInt8] in [
                [0xFF, 0xFE], [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x3A, 0x31, 0x7D],
                Array("{\"amount\":1,\"".utf8) + [0xED, 0xA0, 0x80] + Array("\":1}".utf8),
                Array("{\"amount\":1}".utf8) + [0],
                [0x7B, 0x00, 0x7D],
            ] {
                try await connection.send(post(bytes))
                let answer = try await connection.answer()
                #expect(answer.status == 400)
                #expect(answer.code == "malformed")
            }
            let form = try await answer(
                test, post(Array("a=1".utf8), type: "application/x-www-form-urlencoded"))
            #expect(form.status == 415)
            #expect(
                try await connection.call("POST", "/echo/x", body: "{\"amount\":9}").status == 200)
        }
    }

    @Test("Paths that try to be others lead nowhere")
    func paths() async throws {
        try await TestService.with(routes: Self.routes) { test in
            let connection = try test.connect()
            for path in [
                "//", "//problems", "/problems//not_found", "/problems/../problems", "/../",
                "/..", "/.", "/./problems", "/problems/..", "/%2e%2e/problems",
                "/problems/%2e%2e", "/problems/%2e%2e%2fproblems", "/problems%2Fnot_found",
                "/problems/%00", "/problems/not_found%00", "/problems\\not_found", "/Problems",
                "/problems/%", "/problems/%zz", "/problems/%ff%fe", "/;/problems",
                "/" + String(repeating: "a/", count: 2000), "/accounts/data.mdb", "/..%5c..%5c",
                "/problems/" + String(repeating: "x", count: 10_000),
            ] {
                let answer = try await connection.call("GET", path)
                #expect(answer.status == 404, "\(path.prefix(60))")
                #expect(answer.code == "not_found", "\(path.prefix(60))")
            }
            #expect(try await connection.call("GET", "/problems/not_found").status == 200)
            for line in [
                "GET /a\u{0}b HTTP/1.1", "GET /\(String(repeating: "x", count: 100_000)) HTTP/1.1",
                "GET /a b HTTP/1.1", "GET \u{1}/ HTTP/1.1", "GET problems HTTP/1.1",
            ] {
                let refused = try await answer(test, line + "\r\nhost: x\r\n\r\n")
                #expect((400...499).contains(refused.status), "\(line.prefix(40))")
            }
        }
    }

    @Test("What is no HTTP, or too much of it, is answered 400 and cut off")
    func garbage() async throws {
        try await TestService.with(routes: Self.routes) { test in
            let many = (0..<200).map { "x-\($0): 1\r\n" }.joined()
            let head = "POST /echo/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            let requests: [[UInt8]] = [
                // A TLS client's first words.
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, 0x0A, 0x0D],
                Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8),
                Array("\r\n\r\nhello there\r\n\r\n".utf8),
                Array("GET / HTTP/9.9\r\n\r\n".utf8),
                Array("FROBNICATE / HTTP/1.1\r\nhost: x\r\n\r\n".utf8),
                Array("GET / HTTP/1.1\r\nhost: x\r\n\(many)\r\n".utf8),
                Array(
                    "GET / HTTP/1.1\r\nx-long: \(String(repeating: "y", count: 100_000))\r\n\r\n"
                        .utf8),
                Array("GET / HTTP/1.1\r\nno colon here\r\n\r\n".utf8),
                Array("GET / HTTP/1.1\r\nx-a: b\u{0}c\r\n\r\n".utf8),
                // Two lengths, or two kinds of length: how requests are smuggled past a proxy.
                Array((head + "content-length: 1\r\ncontent-length: 2\r\n\r\n{}").utf8),
                Array(
                    (head + "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").utf8
                ),
                Array((head + "content-length: -1\r\n\r\n{}").utf8),
                Array((head + "transfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n").utf8),
            ]
            for request in requests {
                let connection = try test.connect()
                try? await connection.send(request)
                let label = String(decoding: request.prefix(60), as: UTF8.self)
                let answer = try await connection.answer()
                #expect(answer.status == 400, "\(label.debugDescription)")
                let isClosed = try await connection.isClosed()
                #expect(isClosed, "\(label.debugDescription)")
            }
            #expect(try await test.call("GET", "/").status == 200)
        }
    }

    @Test(
        "Requests sent all at once are answered in order, and one who only listens gets the answer")
    func pipelined() async throws {
        try await TestService.with(routes: Self.routes) { test in
            let connection = try test.connect()
            var bytes: [UInt8] = []
            for number in 1...100 {
                bytes += post(Array("{\"amount\":\(number)}".utf8))
            }
            try await connection.send(bytes)
            for number in 1...100 {
                #expect(try await connection.answer().json["amount"] as? Int == number)
            }
            try await connection.send(Array("GET / HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
            try await connection.finishSending()
            #expect(try await connection.answer().status == 200)
            let isClosed = try await connection.isClosed()
            #expect(isClosed)
            // A body that breaks off, and connections that say nothing.
            let broken = try test.connect()
            try await broken.send(Array(post(Array("{\"amount\":1}".utf8)).dropLast(3)))
            try await broken.finishSending()
            #expect(try await broken.answer().status == 400)
            let silent = try test.connect()
            try await silent.finishSending()
            let isSilentClosed = try await silent.isClosed()
            #expect(isSilentClosed)
            for _ in 0..<50 { _ = try test.connect() }
            #expect(try await test.call("GET", "/").status == 200)
        }
    }
}
