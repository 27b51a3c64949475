// Reading a ledger from where its writer cannot see the reader: another container, in which both
// have the same process id, and another user, who may write nothing.

import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `gavel` as process 1 of a namespace of its own, as in a container.
private let asContained = ["--pid", "--fork", "--kill-child", "--mount-proc"]
private let unshare = URL(fileURLWithPath: "/usr/bin/unshare")

/// `gavel` as nobody. Only root can become somebody else, and nobody needs to reach the command.
private let asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
private let setpriv = URL(fileURLWithPath: "/usr/bin/setpriv")

/// Whether a program runs to a good end.
private func runs(_ program: URL, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}

private let canContain = runs(unshare, asContained + [gavelURL.path, "--version"])
private let canBecomeNobody = runs(setpriv, asNobody + [gavelURL.path, "--version"])

@Suite("Readers that the writer cannot see")
struct ForeignReaderTests {
    private let space: Workspace

    init() async throws { space = try await importedWorkspace() }

    private func contained(_ arguments: String..., input: String = "") async throws -> Run {
        try await space.run(
            unshare, asContained + [gavelURL.path] + arguments, input: input)
    }

    @Test(
        "Beside a writer in another container, both of them process 1, all reading works",
        .enabled(if: canContain, "processes may not be contained here"))
    func containers() async throws {
        let writer = try space.start(
            unshare,
            asContained + [gavelURL.path, "submit", "--ledger", "house"])
        for number in 0..<3 {
            try writer.send(#"{"command":"register_user","user":"new\#(number)"}"#)
            #expect(writer.receive()?.contains(#""status":"accepted""#) == true)
            let wallets = try await contained("wallets", "--ledger", "house")
            #expect(wallets.status == 0 && wallets.output.contains("new\(number)"))
        }
        let verified = try await contained("audit", "verify", "--ledger", "house")
        #expect(verified.status == 0, "\(verified)")
        let copied = try await contained("backup", "copy", "--ledger", "house")
        #expect(copied.status == 0, "\(copied)")
        let read = try await contained("wallets", "--ledger", "copy")
        #expect(read.status == 0 && read.output.contains("new2"))
        // One writes: the others are told so, whatever their numbers.
        let second = try await contained("submit", "--ledger", "house")
        #expect(
            second.status == 4 && second.errors.contains("is being written by process 1"),
            "\(second)")
        writer.kill()
        // Nothing that the killed one left keeps the next from starting.
        let next = try await contained(
            "submit", "--ledger", "house",
            input: #"{"command":"register_user","user":"after"}"# + "\n")
        #expect(next.status == 0, "\(next)")
        let clean = try await contained("audit", "verify", "--structure", "--ledger", "house")
        #expect(clean.status == 0 && clean.output.contains(/result +clean/), "\(clean)")
    }

    @Test(
        "Who may write nothing can read, verify, copy and export, also beside the writer",
        .enabled(if: geteuid() != 0 || canBecomeNobody, "nobody cannot reach the command here"))
    func readOnlyUser() async throws {
        let writer = try space.start("submit", "--ledger", "house")
        try writer.send(#"{"command":"register_user","user":"dora"}"#)
        _ = writer.receive()
        // A folder that takes no file, and files that take no byte; the secrets stay their owner's.
        try FileManager.default.createDirectory(
            at: space.url("place"), withIntermediateDirectories: false)
        func set(_ mode: Int, _ name: String) throws {
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: space.url(name).path)
        }
        try set(0o777, "place")
        let names = try FileManager.default.subpathsOfDirectory(atPath: space.url("house").path)
        for name in names {
            let isFolder = try space.url("house/\(name)").resourceValues(forKeys: [.isDirectoryKey])
                .isDirectory!
            let isSecret = name == "key" || name == "secret"
            try set(isFolder ? 0o555 : isSecret ? 0o400 : 0o444, "house/\(name)")
        }
        try set(0o555, "house")
        defer { for name in [""] + names { try? set(0o700, "house/\(name)") } }
        let before = try FileManager.default.subpathsOfDirectory(
            atPath: space.url("house").path)
        let commands = [
            ["wallets", "--ledger", "house"], ["log", "--ledger", "house"],
            ["audit", "verify", "--ledger", "house"],
            ["audit", "verify", "--structure", "--ledger", "house"],
            ["backup", "place/copy", "--ledger", "house"],
            ["export", "--ledger", "house", "--format", "csv"],
        ]
        for arguments in commands {
            let run =
                geteuid() == 0
                ? try await space.run(setpriv, asNobody + [gavelURL.path] + arguments)
                : try await space.run(arguments)
            #expect(run.status == 0, "\(arguments): \(run)")
            if arguments[0] == "wallets" { #expect(run.output.contains("dora")) }
            if arguments[0] == "backup", geteuid() == 0 {
                #expect(run.errors.contains("without the ledger's secret"))
            }
        }
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: space.url("house").path) == before)
        #expect(try writer.finish() == 0)
    }

    @Test("A writer file of any bytes keeps nobody from reading or writing")
    func damagedWriterFile() async throws {
        for text in ["", "something else", String(repeating: "x", count: 500)] {
            try space.write(text, to: "house/writer")
            let wallets = try await space.run("wallets", "--ledger", "house")
            #expect(wallets.status == 0, "\(wallets)")
            let verified = try await space.run("audit", "verify", "--ledger", "house")
            #expect(verified.status == 0, "\(verified)")
        }
        let written = try await space.run("submit", "--ledger", "house")
        #expect(written.status == 0)
        #expect(written.errors.contains("was damaged, and is made anew"), "\(written)")
        let again = try await space.run("submit", "--ledger", "house")
        #expect(again.status == 0 && !again.errors.contains("made anew"))
    }
}
