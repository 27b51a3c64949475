// The built `gavel-server` as a child process, on a ledger in a folder of its own.
//
// Invariants: ports are free ones; children end when the test does, by their process ids, and the
// folder goes with them.

import AuctionDomain
import Foundation
import Gavel
import Testing

/// A person with an account.
struct Person: Sendable {
    var username: String
    /// The user of the ledger.
    var user: String
    var token: String
}

/// A service in a process of its own.
final class ServedHouse: @unchecked Sendable {
    static let password = "correct horse battery staple"
    /// Beside the tests, wherever the tool that runs them has put those.
    private static let binary: URL = {
        let bundles = Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
        let folders = bundles + [Bundle.main.bundleURL]
        return folders.map { $0.appending(path: "gavel-server") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
            ?? Bundle.main.bundleURL.appending(path: "gavel-server")
    }()

    let folder: URL
    private(set) var port = 0
    private(set) var operationsPort = 0
    private var process = Process()
    private let options: [String]

    var ledger: String { folder.appending(path: "ledger").path }
    var pid: Int32 { process.processIdentifier }

    /// - Parameter options: flags beside those that every test needs.
    init(_ options: [String] = []) throws {
        self.options = options
        folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Runs `body` with a service that has one member of staff, `staff`.
    static func with(
        _ options: [String] = [], _ body: (ServedHouse) async throws -> Void
    ) async throws {
        let server = try ServedHouse(options)
        let added = try await server.run(
            [
                "users", "add", "staff", "--ledger", server.ledger, "--role", "operator",
                "--role", "payment", "--role", "auditor", "--password-cost", "10",
            ], input: password + "\n")
        #expect(added.status == 0, "\(added.errors)")
        try await server.start()
        try await body(server)
    }

    /// Starts the service, or starts it again.
    func start() async throws {
        process = Process()
        process.executableURL = Self.binary
        process.arguments =
            [
                "--ledger", ledger, "--port", "0", "--operations-port", "0",
                "--password-cost", "10", "--user-calls", "0", "--address-calls", "0",
                "--user-sign-ins", "0", "--address-sign-ins", "0",
            ] + options
        let output = Pipe()
        process.standardOutput = output
        let log = folder.appending(path: "log-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        let line = try await Self.firstLine(of: output)
        let ports = line.matches(of: /:(\d+)/).compactMap { Int($0.1) }
        guard ports.count == 2 else {
            throw ConnectionError(
                reason: "the service said \(line.debugDescription): "
                    + (try String(contentsOf: log, encoding: .utf8)))
        }
        (port, operationsPort) = (ports[0], ports[1])
    }

    /// Everything the service has logged, over all starts.
    func logs() throws -> String {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasPrefix("log-") }
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined()
    }

    /// Ends the process as a power failure would, as far as a process can.
    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks it to end.
    func terminate() { Foundation.kill(process.processIdentifier, SIGTERM) }

    /// Waits for its end.
    /// - Returns: the exit code, or minus the signal.
    func wait() async -> Int32 {
        let process = process
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                process.waitUntilExit()
                let isSignal = process.terminationReason == .uncaughtSignal
                continuation.resume(
                    returning: isSignal ? -process.terminationStatus : process.terminationStatus)
            }
        }
    }

    /// Runs the command to its end.
    func run(
        _ arguments: [String], input: String = ""
    ) async throws -> (status: Int32, output: String, errors: String) {
        let child = Process()
        child.executableURL = Self.binary
        child.arguments = arguments
        let (inPipe, outPipe, errorPipe) = (Pipe(), Pipe(), Pipe())
        child.standardInput = inPipe
        child.standardOutput = outPipe
        child.standardError = errorPipe
        try child.run()
        try inPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try inPipe.fileHandleForWriting.close()
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let output = outPipe.fileHandleForReading.readDataToEndOfFile()
                let errors = errorPipe.fileHandleForReading.readDataToEndOfFile()
                child.waitUntilExit()
                continuation.resume(
                    returning: (
                        child.terminationStatus, String(decoding: output, as: UTF8.self),
                        String(decoding: errors, as: UTF8.self)
                    ))
            }
        }
    }

    private static func firstLine(of pipe: Pipe) async throws -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var line = Data()
                while let byte = try? pipe.fileHandleForReading.read(upToCount: 1),
                    !byte.isEmpty, byte[0] != 0x0A
                {
                    line += byte
                }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }

    // MARK: Calls

    func connect() throws -> TestConnection { try TestConnection(port: port) }

    /// One call on a connection of its own, with a fresh key for a write where none is given.
    @discardableResult
    func call(
        _ method: String, _ path: String, by person: Person? = nil, key: CommandID? = nil,
        headers: [(String, String)] = [], _ body: String? = nil
    ) async throws -> TestAnswer {
        var headers = headers
        if let person { headers.append(("authorization", "Bearer \(person.token)")) }
        if method != "GET" {
            headers.append(("idempotency-key", (key ?? .generate()).description))
        }
        return try await connect().call(method, path, headers: headers, body: body)
    }

    func signIn(_ username: String) async throws -> Person {
        let answer = try await call(
            "POST", "/tokens",
            "{\"username\":\"\(username)\",\"password\":\"\(Self.password)\"}")
        #expect(answer.status == 200, "\(answer.text)")
        return Person(
            username: username, user: answer.json["user"] as? String ?? "",
            token: answer.json["access_token"] as? String ?? "")
    }

    func signUp(_ username: String) async throws -> Person {
        let answer = try await call(
            "POST", "/users",
            "{\"username\":\"\(username)\",\"password\":\"\(Self.password)\"}")
        #expect(answer.status == 201, "\(answer.text)")
        return try await signIn(username)
    }

    /// Registers USD and puts money into wallets.
    func charge(_ people: [Person], amount: Int, by staff: Person) async throws {
        _ = try await call(
            "POST", "/currencies", by: staff, "{\"currency\":\"USD\",\"scale\":2}")
        for person in people {
            let answer = try await call(
                "POST", "/wallets/\(person.user)/charge", by: staff,
                "{\"currency\":\"USD\",\"amount\":\(amount),\"reference\":\"psp-\(person.user)\"}")
            #expect(answer.status == 201, "\(answer.text)")
        }
    }
}
