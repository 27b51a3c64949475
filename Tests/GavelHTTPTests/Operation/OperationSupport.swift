// What tests of the operation need: the second listener, a route that takes a body, captured logs,
// and `gavel-server` as a process.

import AuctionDomain
import Dispatch
import Foundation
import Gavel
import GavelJSON
import HTTPTypes
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import GavelHTTP

extension TestService {
    /// Runs `body` against a service and a connection to its operations listener.
    static func withOperations(
        _ change: (inout ServiceOptions) -> Void = { _ in },
        configuration: Configuration = Configuration(),
        _ body: (TestService, TestConnection) async throws -> Void
    ) async throws {
        let opened: (inout ServiceOptions) -> Void = {
            $0.operationsPort = 0
            change(&$0)
        }
        try await with(opened, configuration: configuration) { test in
            let (ports, continuation) = AsyncStream<Int>.makeStream()
            let service = test.service
            let (group, running) = run(service.operationsServer { continuation.yield($0) })
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(test, TestConnection(port: port)))
            } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            _ = await running.result
            try result.get()
        }
    }
}

extension Route {
    /// Takes an object with the amount of a bid and answers it; for tests of bodies alone.
    static let echo = Route(
        operation: Operation(
            method: .post, path: "/echo/{name}", id: "echo", tag: .operation,
            summary: "Answers what it is sent", access: .anyone,
            body: .init(
                schema: .object([.init("amount", .integer())]),
                example: .members(("amount", .integer(1)))),
            answer: .init(schema: .object([.init("amount", .integer())])))
    ) { call in
        let command = try call.command(
            "place_bid", fixed: ("auction", .string("lot")), ("bidder", .string("alice")))
        guard case .placeBid(_, _, let amount) = command else { throw Problem(.malformed) }
        return Response(reflecting: 0) { writer in
            writer.object { object in
                object.field("amount", amount.minorUnits)
                object.field("name", call.text(inPath: "name"))
            }
        }
    }

    /// Fails as only a mistake of ours does.
    static let failing = Route(
        operation: Operation(
            method: .get, path: "/failing", id: "fail", tag: .operation, summary: "Fails",
            access: .anyone)
    ) { _ in throw CocoaError(.fileReadUnknown) }
}

/// Keeps log lines.
final class CapturedLog: Sendable {
    private let kept = Mutex<[String]>([])

    /// A logger that writes here.
    func logger(_ level: Logger.Level = .trace) -> Logger {
        let sink = LogSink { [self] line in
            kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
        sinks.withLock { $0.append(sink) }
        return Logger(label: "test") { JSONLogHandler(label: $0, level: level, to: sink) }
    }

    private let sinks = Mutex<[LogSink]>([])

    /// All lines so far.
    var lines: [String] {
        for sink in sinks.withLock({ $0 }) { sink.flush() }
        return kept.withLock { $0 }
    }
}
