// Many keep-alive connections on one thread: requests out, answers in, nothing else. Written on
// poll(2) so that the client takes as little as it can of the two cores it shares with the server.
//
// Invariant: a connection has at most one request under way, so answers need no matching.

import Glibc

struct ClientError: Error, CustomStringConvertible { let description: String }

/// One connection's state.
struct Connection {
    let socket: Int32
    var input: [UInt8] = []
    /// When the request under way was planned and sent, in nanoseconds; nil while idle.
    var planned: UInt64?
}

/// Now, in nanoseconds of the machine's uptime.
func uptime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Opens a connection to this machine.
func connectLoopback(port: Int) throws -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard result == 0 else { throw ClientError(description: "connect: errno \(errno)") }
    var one: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    return socket
}

/// The connections and who has something to read.
final class Connections {
    private(set) var all: [Connection] = []
    private var polled: [pollfd] = []

    init(count: Int, port: Int) throws {
        for _ in 0..<count {
            let socket = try connectLoopback(port: port)
            polled.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0))
            all.append(Connection(socket: socket))
        }
    }

    deinit {
        for connection in all { close(connection.socket) }
    }

    /// Sends a request on an idle connection.
    func send(_ request: [UInt8], on index: Int, planned: UInt64) throws {
        all[index].planned = planned
        let sent = request.withUnsafeBytes {
            Glibc.send(all[index].socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == request.count else { throw ClientError(description: "send: errno \(errno)") }
    }

    /// Waits up to so many milliseconds and calls `body` with each answer that is complete.
    func receive(
        timeoutMilliseconds: Int32,
        _ body: (_ index: Int, _ status: Int, _ planned: UInt64) throws
            -> Void
    ) throws {
        guard poll(&polled, nfds_t(polled.count), timeoutMilliseconds) > 0 else { return }
        for index in polled.indices where polled[index].revents != 0 {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(all[index].socket, &chunk, chunk.count, 0)
            guard count > 0 else { throw ClientError(description: "the server hung up") }
            all[index].input += chunk[..<count]
            guard let status = takeAnswer(from: &all[index].input),
                let planned = all[index].planned
            else { continue }
            all[index].planned = nil
            try body(index, status, planned)
        }
    }

    /// Takes one complete answer off the front; its status, or nil while it is not complete.
    private func takeAnswer(from input: inout [UInt8]) -> Int? {
        var end = 3
        while end < input.count, !isHeadEnd(input, end) { end += 1 }
        guard end < input.count else { return nil }
        let status = input[9..<12].reduce(0) { $0 * 10 + Int($1 &- 48) }
        let length = contentLength(input[..<end])
        guard input.count >= end + 1 + length else { return nil }
        input.removeFirst(end + 1 + length)
        return status
    }

    private func isHeadEnd(_ input: [UInt8], _ end: Int) -> Bool {
        input[end] == 0x0A && input[end - 1] == 0x0D && input[end - 2] == 0x0A
    }

    private static let name = Array("content-length:".utf8)

    private func contentLength(_ head: ArraySlice<UInt8>) -> Int {
        var start = head.startIndex
        while let end = head[start...].firstIndex(of: 0x0A) {
            let line = head[start..<end]
            start = end + 1
            guard line.count > Self.name.count,
                zip(line, Self.name).allSatisfy({ $0 | 0x20 == $1 || $0 == $1 })
            else { continue }
            return line.dropFirst(Self.name.count).reduce(0) { sum, byte in
                byte >= 48 && byte <= 57 ? sum * 10 + Int(byte - 48) : sum
            }
        }
        return 0
    }
}
