// Listeners: connections that ask for a stream of events once and then only read.

import Glibc

/// Reads streams until the time is up.
struct Listeners {
    private var polled: [pollfd] = []
    private var events = 0
    private var bytes = 0

    /// Connects and asks, one after the other, so that the backlog never overflows.
    init(count: Int, port: Int, path: String) throws {
        let request = Array("GET \(path) HTTP/1.1\r\nhost: gavel\r\n\r\n".utf8)
        for _ in 0..<count {
            let socket = try connectLoopback(port: port)
            guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
            else { throw ClientError(description: "send: errno \(errno)") }
            polled.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0))
        }
    }

    mutating func listen(seconds: Double) throws {
        let end = uptime() + UInt64(seconds * 1e9)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while uptime() < end {
            guard poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
            for index in polled.indices where polled[index].revents != 0 {
                let count = recv(polled[index].fd, &chunk, chunk.count, 0)
                guard count > 0 else { throw ClientError(description: "the server hung up") }
                bytes += count
                events += countEvents(chunk[..<count])
            }
            // Answers come ten times a second; reading them together costs fewer wake-ups.
            usleep(2000)
        }
    }

    func printReport(seconds: Double) {
        print(
            "{\"listeners\":\(polled.count),\"events\":\(events),\"bytes\":\(bytes),"
                + "\"events_per_second_and_listener\":"
                + "\(Double(events) / seconds / Double(max(1, polled.count)))}")
    }

    /// Events begin with a line `id: …`.
    private func countEvents(_ bytes: ArraySlice<UInt8>) -> Int {
        var count = 0
        for index in bytes.indices.dropLast(3)
        where bytes[index] == 0x0A && bytes[index + 1] == 0x69 && bytes[index + 2] == 0x64
            && bytes[index + 3] == 0x3A
        {
            count += 1
        }
        return count
    }
}
