// `gavel-server` as a process: how it starts, what keeps it from starting, how it ends, and ten
// thousand connections that say nothing.

import AuctionDomain
import Foundation
import Gavel
import Glibc
import Testing

@Suite("gavel-server", .serialized)
struct ServerProcessTests {
    @Test(
        "Serves a ledger, holds it alone, drains when told to, and leaves it closed with a snapshot"
    )
    func life() async throws {
        try await withFolder { folder in
            let server = try await ServerProcess(ledger: folder)
            let operations = try TestConnection(port: server.operationsPort)
            #expect(try await operations.call("GET", "/ready").status == 200)
            let connection = try TestConnection(port: server.port)
            #expect(try await connection.call("GET", "/").status == 200)

            let second = try await ServerProcess.run(["--ledger", folder, "--port", "0"])
            #expect(second.status == 4)
            #expect(second.error.contains("process \(server.pid)"))

            // Callers in full flight: every answer they get is a whole one.
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let callers = (0..<8).map { _ in
                Task {
                    var answered = 0
                    let connection = try TestConnection(port: server.port)
                    while let answer = try? await connection.call("GET", "/problems") {
                        #expect(answer.status == 200)
                        answered += 1
                        if answered == 1 { start.yield() }
                    }
                    return answered
                }
            }
            for await _ in started.prefix(callers.count) {}
            server.signal(SIGTERM)
            for caller in callers { #expect(try await caller.value > 0) }
            #expect(await server.end() == 0)
            #expect(server.log.contains("\"message\":\"ended\""))
            let ledger = try await Ledger.open(at: folder)
            // Two entries of its opening, and the third of this one.
            #expect(ledger.statistics.snapshotCount == 2)
            #expect(ledger.statistics.durableCount == 3)
            await ledger.close()
        }
    }

    @Test("Says what is in the way of starting, and ends with 4")
    func cannotStart() async throws {
        try await withFolder { folder in
            let missing = try await ServerProcess.run(
                ["--ledger", folder + "/none", "--no-create-ledger"])
            #expect(missing.status == 4)
            #expect(missing.error.contains("the ledger cannot be opened"))

            try await Ledger.open(at: folder + "/c").close()
            try FileManager.default.removeItem(atPath: folder + "/c/key")
            let noKey = try await ServerProcess.run(["--ledger", folder + "/c"])
            #expect(noKey.status == 4 && noKey.error.contains("c has entries and no key"))
            #expect(noKey.error.contains("--new-key"))

            let server = try await ServerProcess(ledger: folder + "/a")
            let taken = try await ServerProcess.run(
                ["--ledger", folder + "/b", "--port", "\(server.port)", "--operations-port", "0"])
            #expect(taken.status == 4)
            #expect(taken.error.contains("cannot listen at 127.0.0.1:\(server.port)"))
            #expect(taken.output == "")
            let operations = try await ServerProcess.run(
                ["--ledger", folder + "/b", "--port", "0", "--operations-port", "\(server.port)"])
            #expect(operations.status == 4)
            #expect(operations.error.contains("cannot listen at 127.0.0.1:\(server.port)"))
            server.signal(SIGINT)
            #expect(await server.end() == 0)
        }
    }

    @Test("A second signal ends at once, and nothing acknowledged is lost by it")
    func twice() async throws {
        try await withFolder { folder in
            let server = try await ServerProcess(ledger: folder)
            server.signal(SIGTERM)
            server.signal(SIGINT)
            #expect([128 + SIGINT, 128 + SIGTERM].contains(await server.end()))
            let ledger = try await Ledger.open(at: folder)
            #expect(ledger.durableCount == 3)
            await ledger.close()
        }
    }

    @Test("Says how many files all connections need where the system allows fewer, and only there")
    func files() async throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let allowed = Int(clamping: limit.rlim_max)
        // Where the system sets no limit that a setting could exceed, there is nothing to say.
        guard (65..<1_000_000).contains(allowed) else { return }
        // Besides connections it needs 64.
        for (connections, isWarned) in [(allowed, true), (allowed - 64, false)] {
            try await withFolder { folder in
                let server = try await ServerProcess(
                    ledger: folder, ["--connections", "\(connections)"])
                server.signal(SIGTERM)
                #expect(await server.end() == 0)
                #expect(server.log.contains(#""files_needed":\#(allowed + 64)"#) == isWarned)
                #expect(server.log.contains("files_needed") == isWarned)
            }
        }
    }

    @Test("Connections that say nothing cost little memory, and others are answered meanwhile")
    func idle() async throws {
        // The long form: GAVEL_IDLE_CONNECTIONS=10000.
        let wanted = ProcessInfo.processInfo.environment["GAVEL_IDLE_CONNECTIONS"].flatMap(Int.init)
        let count = wanted ?? 1000
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        getrlimit(files, &limit)
        // Never less than there is: all other tests live in this process too.
        limit.rlim_cur = limit.rlim_max
        setrlimit(files, &limit)
        try await withFolder { folder in
            let server = try await ServerProcess(ledger: folder, ["--idle-seconds", "120"])
            let warm = try TestConnection(port: server.port)
            #expect(try await warm.call("GET", "/").status == 200)
            let before = server.residentBytes
            let sockets = await onThread { Self.connect(count, port: server.port) }
            defer { for socket in sockets { close(socket) } }
            #expect(sockets.count == count)
            // All of them are taken up once the count says so, and calls are answered meanwhile.
            let operations = try TestConnection(port: server.operationsPort)
            var open = 0
            while open <= count {
                #expect(try await warm.call("GET", "/").status == 200)
                let page = try MetricPage(try await operations.call("GET", "/metrics").text)
                open = Int(try #require(page.value("gavel_http_connections")))
            }
            let each = (server.residentBytes - before) / count
            print("an idle connection takes \(each) bytes")
            #expect(each < 48 << 10, "\(each) bytes each")
            server.signal(SIGTERM)
            #expect(await server.end() == 0)
        }
    }

    /// Opens sockets and leaves them alone.
    private static func connect(_ count: Int, port: Int) -> [Int32] {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return (0..<count).compactMap { _ in
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, size)
                }
            }
            return result == 0 ? socket : nil
        }
    }
}
