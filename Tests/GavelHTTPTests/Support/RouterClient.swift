// Calls a service's router itself: no sockets, no server, no time of day.

import Gavel
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import GavelHTTP

/// One answer, written out whole.
struct RouterAnswer: Sendable {
    let status: Int
    let headers: HTTPFields
    let body: [UInt8]

    /// Status line, headers in order of name, body.
    var text: String {
        let lines = headers.map { "\($0.name): \($0.value)" }.sorted()
        return "\(status)\n" + lines.joined(separator: "\n") + "\n\n"
            + String(decoding: body, as: UTF8.self)
    }
}

/// Calls routers.
struct RouterClient: Sendable {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private let service: RouterResponder<ServiceContext>
    private let operations: RouterResponder<BasicRequestContext>
    private let channel = NIOAsyncTestingChannel()

    init(_ service: AuctionService) {
        self.service = service.router.buildResponder()
        operations = service.operationsRouter.buildResponder()
    }

    /// Calls the service. What comes of a stream is what it has to say at once.
    func call(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = HTTPFields(),
        body: [UInt8]? = nil
    ) async throws -> RouterAnswer {
        let context = ServiceContext(source: .init(channel: channel, logger: Self.logger))
        let response = try await service.respond(
            to: request(method, path, headers, body), context: context)
        return try await answer(response)
    }

    /// Calls the operations listener.
    func operation(_ path: String) async throws -> RouterAnswer {
        let context = BasicRequestContext(source: .init(channel: channel, logger: Self.logger))
        let response = try await operations.respond(
            to: request(.get, path, HTTPFields(), nil), context: context)
        return try await answer(response)
    }

    private func request(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields, _ body: [UInt8]?
    ) -> Request {
        var headers = headers
        headers[.requestID] = "test"
        if let body {
            headers[.contentType] = headers[.contentType] ?? "application/json"
            headers[.contentLength] = "\(body.count)"
        }
        return Request(
            head: HTTPRequest(
                method: method, scheme: "http", authority: "localhost", path: path,
                headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(bytes: body ?? [])))
    }

    private func answer(_ response: Response) async throws -> RouterAnswer {
        let writer = Recorder()
        // In a task that is cancelled already a stream hands out what waits and ends.
        let writing = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await response.body.write(writer)
        }
        try await writing.value
        return RouterAnswer(
            status: response.status.code, headers: response.headers,
            body: writer.bytes.withLock { $0 })
    }

    private final class Recorder: ResponseBodyWriter, Sendable {
        let bytes = Mutex<[UInt8]>([])

        func write(_ buffer: ByteBuffer) async throws {
            bytes.withLock { $0.append(contentsOf: buffer.readableBytesView) }
        }

        func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}
