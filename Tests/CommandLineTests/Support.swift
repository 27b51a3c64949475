// What the tests of this folder share: the built `gavel` as a child process, a folder of its own
// for each test, and a history small enough to be followed by hand.
//
// Invariants: every child is started in the test's folder, so paths in messages are relative and
// can be compared exactly; children are gone and the folder is removed when a test ends.

import Foundation
import Testing

/// What a child left behind.
struct Run {
    let output: String
    let errors: String
    /// The exit code, or minus the signal that ended it.
    let status: Int32

    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// A folder and the commands run in it.
final class Workspace {
    let path: String
    private var sessions: [Session] = []
    private var runCount = 0

    init() throws {
        path = NSTemporaryDirectory() + "gavel-cli-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        for session in sessions { session.kill() }
        try? FileManager.default.removeItem(atPath: path)
    }

    // MARK: Files

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: url(name))
    }

    func text(_ name: String) throws -> String {
        try String(contentsOf: url(name), encoding: .utf8)
    }

    func url(_ name: String) -> URL { URL(fileURLWithPath: path + "/" + name) }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/" + name)
    }

    /// The names in the folder, without what `run` puts there.
    var names: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { !$0.hasPrefix(".run") }.sorted()
    }

    // MARK: Running

    /// Runs `gavel` to its end. Output goes through files, so no pipe can fill up.
    func run(_ arguments: String..., input: String = "") async throws -> Run {
        try await run(arguments, input: input)
    }

    func run(_ arguments: [String], input: String = "") async throws -> Run {
        try await run(gavelURL, arguments, input: input)
    }

    /// Runs any program to its end, as `run`.
    func run(_ program: URL, _ arguments: [String], input: String = "") async throws -> Run {
        runCount += 1
        let prefix = ".run\(runCount)"
        try write(input, to: prefix + ".in")
        try write("", to: prefix + ".out")
        try write("", to: prefix + ".err")
        let process = child(arguments)
        process.executableURL = program
        process.standardInput = try FileHandle(forReadingFrom: url(prefix + ".in"))
        process.standardOutput = try FileHandle(forWritingTo: url(prefix + ".out"))
        process.standardError = try FileHandle(forWritingTo: url(prefix + ".err"))
        let status = try await process.runToEnd()
        return Run(
            output: try String(contentsOf: url(prefix + ".out"), encoding: .utf8),
            errors: try String(contentsOf: url(prefix + ".err"), encoding: .utf8),
            status: status)
    }

    /// Runs `gavel` with its output going nowhere: into a pipe that nobody reads.
    func runIntoClosedPipe(_ arguments: String..., input: String = "") async throws -> Run {
        try write(input, to: ".run.in")
        try write("", to: ".run.err")
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let process = child(arguments)
        process.standardInput = try FileHandle(forReadingFrom: url(".run.in"))
        process.standardOutput = pipe
        process.standardError = try FileHandle(forWritingTo: url(".run.err"))
        let status = try await process.runToEnd()
        return Run(
            output: "", errors: try String(contentsOf: url(".run.err"), encoding: .utf8),
            status: status)
    }

    /// Runs `gavel` with its output in a file of the folder, whatever bytes it is.
    /// - Returns: the exit code.
    func run(_ arguments: String..., into name: String) async throws -> Int32 {
        try write("", to: name)
        let process = child(arguments)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: url(name))
        process.standardError = FileHandle.nullDevice
        return try await process.runToEnd()
    }

    /// Starts `gavel` and leaves it running.
    func start(_ arguments: String...) throws -> Session {
        try start(gavelURL, arguments)
    }

    /// Starts any program and leaves it running.
    func start(_ program: URL, _ arguments: [String]) throws -> Session {
        let process = child(arguments)
        process.executableURL = program
        let session = try Session(process)
        sessions.append(session)
        return session
    }

    private func child(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = gavelURL
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        return process
    }
}

/// A child that is talked to line by line.
final class Session {
    private let process: Process
    private let input = Pipe()
    private let output = Pipe()
    private var received: [UInt8] = []

    init(_ process: Process) throws {
        self.process = process
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func send(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    }

    /// The next line of output; nil at its end. Waits for it.
    func receive() -> String? {
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return line
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            received += more
        }
    }

    /// Ends its input and waits for its end.
    func finish() throws -> Int32 {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.status
    }

    /// Kills it without a warning.
    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(pid, SIGKILL)
        process.waitUntilExit()
    }
}

extension Process {
    fileprivate var status: Int32 {
        terminationReason == .exit ? terminationStatus : -terminationStatus
    }

    fileprivate func runToEnd() async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            terminationHandler = { continuation.resume(returning: $0.status) }
            do {
                try run()
                // The child has its own. Foundation keeps ours for long, and a process with more
                // than a thousand open files is one that it may fail to start children of.
                for file in [standardInput, standardOutput, standardError] {
                    guard let file = file as? FileHandle, file !== FileHandle.nullDevice
                    else { continue }
                    try? file.close()
                }
            } catch {
                terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }
}

/// The command that was built together with the tests.
let gavelURL: URL = {
    let main = Bundle.main.bundleURL
    let folders = [main, main.deletingLastPathComponent()]
    return folders.map { $0.appendingPathComponent("gavel") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        ?? main.appendingPathComponent("gavel")
}()

/// Output with what differs from run to run, or follows from the bytes of a log whose format is
/// not frozen, replaced: ids, hashes, digests and times of today.
func masked(_ text: String) -> String {
    text.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "ID")
        .replacing(/\b[0-9a-f]{64}\b/, with: "HASH")
        .replacing(/\b[0-9a-f]{16}\b/, with: "DIGEST")
        .replacing(/\d{4}-\d{2}-\d{2}T[0-9:.]+Z/) { match in
            match.output.hasPrefix("2025") ? String(match.output) : "NOW"
        }
}

/// Two auctions of one seller: one sold when its end came, one open. Line n is the entry at
/// position n + 1 up to line 10; the automatic closing of `lot-1` stands at 12, before line 11.
let history = """
    {"command":"register_currency","currency":"USD","scale":2,"at":"2025-01-01T00:00:00Z"}
    {"command":"register_user","user":"alice","at":"2025-01-01T00:00:00Z"}
    {"command":"register_user","user":"bob","at":"2025-01-01T00:00:00Z"}
    {"command":"register_user","user":"carol","at":"2025-01-01T00:00:00Z"}
    {"command":"charge","user":"alice","currency":"USD","amount":50000,"reference":"psp-1",\
    "at":"2025-01-01T00:01:00Z"}
    {"command":"charge","user":"carol","currency":"USD","amount":30000,"reference":"psp-2",\
    "by":"payment","at":"2025-01-01T00:01:00Z"}
    {"command":"open_auction","auction":"lot-1","title":"A clock","seller":"bob",\
    "currency":"USD","closes_at":"2025-01-02T00:00:00Z","rules":{"opening_price":1000},\
    "at":"2025-01-01T01:00:00Z"}
    {"command":"place_bid","auction":"lot-1","bidder":"alice","amount":1500,"by":"alice",\
    "at":"2025-01-01T02:00:00Z"}
    {"command":"place_bid","auction":"lot-1","bidder":"carol","amount":1500,\
    "at":"2025-01-01T02:01:00Z"}
    {"command":"place_bid","auction":"lot-1","bidder":"carol","amount":2000,\
    "at":"2025-01-01T02:02:00.5Z"}
    {"command":"open_auction","auction":"lot-2","seller":"bob","currency":"USD",\
    "at":"2025-01-03T00:00:00Z"}
    {"command":"place_bid","auction":"lot-2","bidder":"alice","amount":700,\
    "at":"2025-01-03T00:01:00Z"}

    """

extension Workspace {
    /// Writes a ledger's verifier key to the file of its name with `.vkey`.
    func writeKey(of ledger: String) async throws {
        let key = try await run("audit", "key", "--ledger", ledger)
        try #require(key.status == 0, "\(key.errors)")
        try write(key.output, to: "\(ledger).vkey")
    }

    /// Adds a bid on the open lot of the small history, so that the log grows.
    func bid(_ amount: Int, by bidder: String, in ledger: String = "house") async throws {
        let line = """
            {"command":"place_bid","auction":"lot-2","bidder":"\(bidder)","amount":\(amount)}

            """
        let submitted = try await run(["submit", "--ledger", ledger], input: line)
        try #require(submitted.status == 0, "\(submitted.errors)")
    }
}

/// A workspace with four registered users imported into `house`, an entry each.
func workspaceOfFourUsers() async throws -> Workspace {
    let place = try Workspace()
    let lines = (1...4).map {
        #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:0\#($0)Z"}"#
    }
    try place.write(lines.joined(separator: "\n") + "\n", to: "history.jsonl")
    let run = try await place.run("import", "history.jsonl", "--ledger", "house")
    try #require(run.status == 0, "\(run.errors)")
    return place
}

/// A workspace with the small history imported into `house`.
func importedWorkspace() async throws -> Workspace {
    let space = try Workspace()
    try space.write(history, to: "history.jsonl")
    let run = try await space.run("import", "history.jsonl", "--ledger", "house")
    try #require(run.status == 0, "\(run.errors)")
    return space
}
