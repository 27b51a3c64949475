// The built `gavel-server` as a child process.
//
// Invariants: ports are free ones; a child ends with whoever has started it, by its process id;
// what waits for a child waits on a thread of its own.

import Foundation
import Platform
import Testing

/// A started `gavel-server`.
final class ServerProcess: @unchecked Sendable {
    // Sendable without a check: the process is started once, and asked afterwards.
    private let process = Process()
    let port: Int
    let operationsPort: Int
    private let errors: URL

    var pid: Int32 { process.processIdentifier }

    /// Beside the tests, wherever the tool that runs them has put those.
    private static let executable: URL = {
        let main = Bundle.main.bundleURL
        let bundles = Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
        return (bundles + [main, main.deletingLastPathComponent()])
            .map { $0.appending(path: "gavel-server") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
            ?? main.appending(path: "gavel-server")
    }()

    /// Where the built programs are.
    static var folder: String { executable.deletingLastPathComponent().path }

    /// Runs the command to its end. Its words go through files: a pipe stays open as long as any
    /// other test's child has inherited it.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) async throws -> (status: Int32, output: String, error: String) {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = ["in", "out", "err"].map { folder.appending(path: $0) }
        for file in files { try Data(file == files[0] ? input.utf8 : "".utf8).write(to: file) }
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = environment
        let handles = [
            try FileHandle(forReadingFrom: files[0]), try FileHandle(forWritingTo: files[1]),
            try FileHandle(forWritingTo: files[2]),
        ]
        process.standardInput = handles[0]
        process.standardOutput = handles[1]
        process.standardError = handles[2]
        try process.run()
        // The child has its own.
        for handle in handles { try handle.close() }
        await onThread { process.waitUntilExit() }
        return (
            process.terminationStatus, try String(contentsOf: files[1], encoding: .utf8),
            try String(contentsOf: files[2], encoding: .utf8)
        )
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
        let log = try FileHandle(forWritingTo: errors)
        process.standardError = log
        try process.run()
        try log.close()
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
    await DedicatedThread.run(named: "gavel.test", body)
}

/// Runs `body` with a folder of its own.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "gavel-server-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.path)
}
