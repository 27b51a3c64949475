// A small HTTP/1.1 client of the tests' own: it can be as well or as badly behaved as a test
// needs, and blocks no thread that a service runs on.
//
// Invariant: sockets are read and written on Dispatch's threads only: the pool that tests and
// services share has as many threads as the machine has cores, and must never wait for a socket.

import Dispatch
import Foundation
import Glibc

/// One answer.
struct TestAnswer: Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    /// The body as a dictionary; empty where it is none.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
    /// The body's `items`.
    var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }
    /// A problem's code.
    var code: String? { json["code"] as? String }
    var position: Int? { (json["position"] as? NSNumber)?.intValue }
}

struct ConnectionError: Error { let reason: String }

/// One connection; calls on it come one after the other.
final class TestConnection: @unchecked Sendable {
    private let socket: Int32
    private let queue = DispatchQueue(label: "test.connection")
    private var buffer: [UInt8] = []

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
        }
        guard result == 0 else { throw ConnectionError(reason: "connect: errno \(errno)") }
        var timeout = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }

    deinit { Glibc.close(socket) }

    /// Sends a call and waits for its answer.
    func call(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil
    ) async throws -> TestAnswer {
        var text = "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body {
            text += "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n"
        }
        text += "\r\n" + (body ?? "")
        try await send(Array(text.utf8))
        return try await answer(toHead: method == "HEAD")
    }

    /// Sends any bytes.
    func send(_ bytes: [UInt8]) async throws {
        try await onQueue {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(self.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw ConnectionError(reason: "send: errno \(errno)") }
                sent += count
            }
        }
    }

    /// Says that nothing more will be sent; answers can still be read.
    func finishSending() async throws {
        try await onQueue { _ = shutdown(self.socket, Int32(SHUT_WR)) }
    }

    /// Reads one answer.
    func answer(toHead: Bool = false) async throws -> TestAnswer {
        try await onQueue {
            var (status, headers) = try self.readHead()
            while status == 100 { (status, headers) = try self.readHead() }
            var body: [UInt8] = []
            if toHead || status == 204 || status == 304 {
            } else if headers["transfer-encoding"] == "chunked" {
                while true {
                    let size = Int(try self.readLine(), radix: 16) ?? 0
                    body += try self.read(size)
                    _ = try self.readLine()
                    if size == 0 { break }
                }
            } else {
                body = try self.read(Int(headers["content-length"] ?? "0") ?? 0)
            }
            return TestAnswer(status: status, headers: headers, body: body)
        }
    }

    /// Asks for a stream of events and reads its head.
    /// - Parameter after: the id of the last event seen.
    func follow(
        _ path: String, as token: String? = nil, after: UInt64? = nil
    ) async throws -> TestAnswer {
        var text = "GET \(path) HTTP/1.1\r\nhost: localhost\r\n"
        if let token { text += "authorization: Bearer \(token)\r\n" }
        if let after { text += "last-event-id: \(after)\r\n" }
        try await send(Array((text + "\r\n").utf8))
        return try await head()
    }

    /// Reads the head of an answer whose body goes on: a stream of events.
    func head() async throws -> TestAnswer {
        try await onQueue {
            let (status, headers) = try self.readHead()
            return TestAnswer(status: status, headers: headers, body: [])
        }
    }

    /// Reads the body after a head.
    func rest(of head: TestAnswer, _ count: Int) async throws -> TestAnswer {
        try await onQueue {
            TestAnswer(status: head.status, headers: head.headers, body: try self.read(count))
        }
    }

    /// Reads the next server-sent event of a chunked stream: its lines; comments come alone.
    func event() async throws -> [String] {
        try await onQueue {
            var lines: [String] = []
            while true {
                let line = try self.readStreamLine()
                if line.isEmpty {
                    if !lines.isEmpty { return lines }
                } else {
                    lines.append(line)
                }
            }
        }
    }

    /// Whether the other end has closed the connection; waits for it.
    func isClosed() async throws -> Bool {
        try await onQueue {
            var byte: UInt8 = 0
            return recv(self.socket, &byte, 1, 0) <= 0
        }
    }

    // MARK: Reading, on the queue

    private var chunkLeft = 0

    private func readStreamLine() throws -> String {
        var line: [UInt8] = []
        while true {
            if chunkLeft == 0 {
                let size = try readLine()
                chunkLeft = Int(size, radix: 16) ?? 0
                guard chunkLeft > 0 else { throw ConnectionError(reason: "the stream has ended") }
            }
            let byte = try read(1)[0]
            chunkLeft -= 1
            if chunkLeft == 0 { _ = try readLine() }
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }

    private func readHead() throws -> (Int, [String: String]) {
        let first = try readLine().split(separator: " ")
        guard first.count >= 2, let status = Int(first[1]) else {
            throw ConnectionError(reason: "no status line")
        }
        var headers: [String: String] = [:]
        while true {
            let line = try readLine()
            if line.isEmpty { return (status, headers) }
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
    }

    private func readLine() throws -> String {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) {
                var line = buffer[..<end]
                if line.last == 0x0D { line.removeLast() }
                let text = String(decoding: line, as: UTF8.self)
                buffer.removeFirst(end + 1)
                return text
            }
            searched = buffer.count
            try fill()
        }
    }

    private func read(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func fill() throws {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var count = recv(socket, &bytes, bytes.count, 0)
        while count < 0, errno == EINTR { count = recv(socket, &bytes, bytes.count, 0) }
        guard count > 0 else {
            throw ConnectionError(reason: count == 0 ? "closed" : "recv: errno \(errno)")
        }
        buffer += bytes[..<count]
    }

    private func onQueue<R: Sendable>(
        _ body: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
