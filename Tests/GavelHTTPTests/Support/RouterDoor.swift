// Calls straight at the router, without a socket: thousands a second, with whatever bytes.
//
// Invariant: the body of a stream is not run: it has no end.

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

@testable import GavelHTTP

/// A service's router.
struct RouterDoor: Sendable {
    private struct Source: RequestContextSource {
        let logger: Logger
    }

    /// Keeps what is written.
    private struct Collector: ResponseBodyWriter {
        final class Bytes: Sendable {
            let all = Mutex<[UInt8]>([])
        }
        let bytes = Bytes()

        mutating func write(_ buffer: ByteBuffer) async throws {
            bytes.all.withLock { $0 += buffer.readableBytesView }
        }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }

    private let responder: RouterResponder<ServiceContext>
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(_ service: AuctionService) { responder = service.router.buildResponder() }

    /// One call.
    /// - Returns: nil where the method or a header's name is none that HTTP has.
    func call(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> TestAnswer? {
        guard let method = HTTPRequest.Method(method) else { return nil }
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { return nil }
            fields.append(HTTPField(name: name, value: value))
        }
        if body != nil, fields[.contentType] == nil { fields[.contentType] = "application/json" }
        let head = HTTPRequest(
            method: method, scheme: "http", authority: "localhost", path: path,
            headerFields: fields)
        let request = Request(
            head: head, body: RequestBody(buffer: ByteBuffer(bytes: body ?? [])))
        let response = try await responder.respond(
            to: request, context: ServiceContext(source: Source(logger: logger), peer: nil))
        var answer = TestAnswer(
            status: Int(response.status.code),
            headers: Dictionary(
                response.headers.map { ($0.name.canonicalName, $0.value) },
                uniquingKeysWith: { first, _ in first }), body: [])
        guard answer.headers["content-type"] != "text/event-stream" else { return answer }
        let collector = Collector()
        try await response.body.write(collector)
        answer.body = collector.bytes.all.withLock { $0 }
        return answer
    }
}
