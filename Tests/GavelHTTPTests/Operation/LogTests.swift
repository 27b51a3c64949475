// What is logged, and above all what is not.

import Foundation
import Gavel
import Logging
import Testing

@testable import GavelHTTP

@Suite("Logs")
struct LogTests {
    @Test("A line is one JSON object, whatever stands in it, and names of secrets have no values")
    func line() throws {
        let log = CapturedLog()
        var logger = log.logger(.info)
        logger[metadataKey: CallObserver.idKey] = "r-1"
        logger.info(
            "two\nlines \"quoted\"",
            metadata: [
                "n": .stringConvertible(7), "odd": "\u{1}\u{2028}é", "list": ["a", "b"],
                "Authorization": "hidden-1", "refresh_token": "hidden-2",
            ])
        logger.debug("not shown")
        let lines = log.lines
        #expect(lines.count == 1)
        #expect(lines[0].hasSuffix("}\n") && lines[0].dropLast().contains("\n") == false)
        #expect(!lines[0].contains("hidden"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(object["level"] as? String == "info")
        #expect(object["logger"] as? String == "test")
        #expect(object["message"] as? String == "two\nlines \"quoted\"")
        #expect(object["request_id"] as? String == "r-1")
        let metadata = try #require(object["metadata"] as? [String: Any])
        #expect(metadata["n"] as? Int == 7)
        #expect(metadata["odd"] as? String == "\u{1}\u{2028}é")
        #expect(try #require(object["time"] as? String).hasSuffix("Z"))
    }

    @Test("Answers name their request; a client's own name for it is taken when it is safe")
    func requestIDs() async throws {
        let log = CapturedLog()
        let routes = [Route.failing] + AuctionService.routes
        try await TestService.with(logger: log.logger(.debug), routes: routes) { test in
            let drawn = try await test.call("GET", "/")
            let other = try await test.call("GET", "/")
            let id = try #require(drawn.headers["x-request-id"])
            #expect(id != other.headers["x-request-id"])
            let own = try await test.call(
                "GET", "/problems", headers: [("x-request-id", "my.Id-7")])
            #expect(own.headers["x-request-id"] == "my.Id-7")
            for bad in ["", "a b", "a\"b", String(repeating: "x", count: 65), "é"] {
                let answer = try await test.call("GET", "/", headers: [("x-request-id", bad)])
                #expect(answer.headers["x-request-id"] != bad)
                #expect(try #require(answer.headers["x-request-id"]).count >= 16)
            }
            let failed = try await test.call("GET", "/failing", headers: [("x-request-id", "f")])
            #expect(failed.status == 500)
            #expect(failed.code == "internal_error")
            #expect(!failed.text.contains("Cocoa"))
            let lines = log.lines
            #expect(
                lines.contains {
                    $0.contains("\"message\":\"request\"")
                        && $0.contains("\"request_id\":\"\(id)\"")
                        && $0.contains("\"route\":\"/\"") && $0.contains("\"status\":200")
                })
            #expect(lines.contains { $0.contains("\"request_id\":\"my.Id-7\"") })
            for message in ["a call failed", "failed request"] {
                #expect(
                    lines.contains {
                        $0.contains("\"message\":\"\(message)\"")
                            && $0.contains("\"request_id\":\"f\"")
                    })
            }
        }
    }

    @Test("By default calls are not logged, but failed and slow ones are")
    func levels() async throws {
        let log = CapturedLog()
        let routes = [Route.failing] + AuctionService.routes
        try await TestService.with(logger: log.logger(.info), routes: routes) { test in
            _ = try await test.call("GET", "/")
            #expect(!log.lines.contains { $0.contains("\"route\"") })
            _ = try await test.call("GET", "/failing")
            #expect(log.lines.contains { $0.contains("failed request") })
        }
        let slow: (inout ServiceOptions) -> Void = { $0.slowRequest = .zero }
        try await TestService.with(slow, logger: log.logger(.info)) { test in
            _ = try await test.call("GET", "/problems/busy")
            #expect(
                log.lines.contains {
                    $0.contains("slow request") && $0.contains("\"route\":\"/problems/{code}\"")
                })
        }
    }

    @Test("No secret is in any line at any level: not Hummingbird's, not the engine's, not ours")
    func secrets() async throws {
        let log = CapturedLog()
        let mark = "5ecre7"
        let routes = [Route.echo, .failing] + AuctionService.routes
        try await TestService.with(logger: log.logger(.trace), routes: routes) { test in
            let headers = [
                ("idempotency-key", "key-\(mark)"), ("cookie", "session=\(mark)"),
                ("x-other", mark), ("x-request-id", "bad id \(mark)"), ("last-event-id", mark),
                ("gavel-min-position", mark), ("x-forwarded-for", mark),
            ]
            for path in [
                "/", "/problems/\(mark)", "/echo/\(mark)", "/nothing/\(mark)", "/?token=\(mark)",
                "/failing?password=\(mark)", "/failing", "//\(mark)",
            ] {
                for method in ["GET", "POST", "DELETE"] {
                    for body in [
                        nil, "{\"amount\":1,\"password\":\"\(mark)\"}", "{\"amount\":\"\(mark)\"}",
                        mark,
                    ] {
                        _ = try await test.call(method, path, as: mark, headers: headers, body)
                        _ = try await test.call(
                            method, path,
                            headers: headers + [("authorization", "Basic \(mark)")], body)
                    }
                }
            }
            for text in [
                "GET /\(mark) HTTP/1.1\r\nauthorization Bearer \(mark)\r\n\r\n",
                "\(mark) \(mark) \(mark)\r\n\r\n",
                "GET / HTTP/1.1\r\nauthorization: Bearer \(mark)\u{0}\r\n\r\n",
                "POST /echo/x HTTP/1.1\r\nauthorization: Bearer \(mark)\r\n"
                    + "transfer-encoding: chunked\r\n\r\nzz\(mark)\r\n",
                "POST /echo/x HTTP/1.1\r\nauthorization: Bearer \(mark)\r\n"
                    + "content-length: 100\r\n\r\n\(mark)",
                "GET / HTTP/1.1\r\nx-\(mark): \(String(repeating: mark, count: 20_000))\r\n\r\n",
            ] {
                let connection = try test.connect()
                try? await connection.send(Array(text.utf8))
                try? await connection.finishSending()
                _ = try? await connection.answer()
            }
        }
        let lines = log.lines
        #expect(lines.count > 100)
        // Of ours and of Hummingbird's.
        #expect(lines.contains { $0.contains("\"level\":\"trace\"") })
        #expect(lines.contains { $0.contains("HTTP parse error") })
        for line in lines where line.contains(mark) { Issue.record("\(line)") }
    }
}
