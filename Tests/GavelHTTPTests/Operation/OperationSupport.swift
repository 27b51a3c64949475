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

/// A started `gavel-server`.
final class ServerProcess: @unchecked Sendable {
    // Sendable without a check: the process is started once, and asked afterwards.
    private let process = Process()
    let port: Int
    let operationsPort: Int
    private let errors: URL

    var pid: Int32 { process.processIdentifier }

    private static var executable: URL {
        Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }?
            .deletingLastPathComponent().appending(path: "gavel-server")
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "gavel-server")
    }

    /// Runs the command to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, error: String) {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = environment
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        // What it writes is small enough for the pipes.
        return await onThread {
            process.waitUntilExit()
            return (
                process.terminationStatus,
                String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
                String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            )
        }
    }

    /// Starts a service on a ledger and waits until it listens.
    init(ledger: String, _ arguments: [String] = []) async throws {
        process.executableURL = Self.executable
        process.arguments =
            ["--ledger", ledger, "--port", "0", "--operations-port", "0"] + arguments
        process.environment = [:]
        let output = Pipe()
        process.standardOutput = output
        errors = FileManager.default.temporaryDirectory.appending(
            path: "gavel-server-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let line = await onThread {
            String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        }
        // The two ports are the last numbers behind colons.
        let ports = line.split(separator: "http://127.0.0.1:").dropFirst().map {
            Int($0.prefix { $0.isNumber })
        }
        guard line.hasPrefix("gavel-server listening on http://127.0.0.1:"),
            line.hasSuffix("\n"), line.contains(", operations on http://127.0.0.1:"),
            ports.count == 2, let port = ports[0], let operationsPort = ports[1]
        else {
            process.terminate()
            throw ConnectionError(reason: "not started: \(line)")
        }
        self.port = port
        self.operationsPort = operationsPort
    }

    deinit {
        if process.isRunning { kill(pid, SIGKILL) }
        try? FileManager.default.removeItem(at: errors)
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Waits for the end.
    func end() async -> Int32 {
        await onThread { [process] in process.waitUntilExit() }
        return process.terminationReason == .exit
            ? process.terminationStatus : -process.terminationStatus
    }

    /// What it logged.
    var log: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    /// Bytes of memory it uses.
    var residentBytes: Int {
        let status =
            (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1024
    }
}

/// Runs what waits on a thread of its own.
func onThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: body()) }.start()
    }
}

/// Runs `body` with a folder of its own.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "gavel-server-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.path)
}
