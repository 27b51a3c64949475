// A disk that is full, and a limit on the length of files: an error with the exit code of storage,
// never a signal and never "wrong usage", and the same command ends the work once there is room.

import Foundation
import Testing

/// A command that makes files, with what it needs in the workspace.
private let makers: [(name: String, makes: String, arguments: [String])] = [
    ("import", "new", ["import", "history.jsonl", "--ledger", "new"]),
    ("import of many lines", "new", ["import", "many.jsonl", "--ledger", "new"]),
    ("submit", "new", ["submit", "--create", "--ledger", "new"]),
    ("backup", "new", ["backup", "new", "--ledger", "house"]),
    ("restore", "new", ["restore", "copy", "--ledger", "new", "--key", "house/key"]),
    ("restore of an archive", "new", ["restore", "archive", "--ledger", "new", "--log-key", "v"]),
    ("export-tiles", "new", ["audit", "export-tiles", "new", "--ledger", "house"]),
    ("prove", "new", ["audit", "prove", "11", "--ledger", "house", "--output", "new"]),
    ("report", "new", ["audit", "report", "--ledger", "house", "--all", "--output", "new"]),
    (
        "witness", "new",
        [
            "audit", "witness", "--key", "w.key", "--log-key", "v", "--ledger", "house", "--state",
            "seen", "--output", "new",
        ]
    ),
]

@Suite("Disks that fail")
struct StorageFailureTests {
    private let space: Workspace

    init() async throws {
        space = try await importedWorkspace()
        try await space.writeKey(of: "house")
        try FileManager.default.copyItem(at: space.url("house.vkey"), to: space.url("v"))
        for arguments in [
            ["audit", "witness", "--make-key", "w.example", "--key", "w.key"],
            ["backup", "copy", "--ledger", "house"],
        ] {
            let run = try await space.run(arguments)
            try #require(run.status == 0, "\(run.errors)")
        }
        let code = try await space.run(
            "export", "--ledger", "house", "--format", "archive", into: "archive")
        try #require(code == 0)
        let lines = (0..<2000).map {
            #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:00Z"}"#
        }
        try space.write(lines.joined(separator: "\n"), to: "many.jsonl")
    }

    @Test(
        "A file that must not get longer is an error of storage, and leaves nothing in the way",
        arguments: makers.indices)
    func fileSizeLimit(index: Int) async throws {
        let (name, made, arguments) = makers[index]
        for blocks in [0, 1, 2, 8, 16, 32, 127, 128, 130] {
            let run = try await space.run(
                arguments, input: #"{"command":"register_user","user":"alice"}"#,
                fileBlocksMax: blocks)
            #expect([0, 4].contains(run.status), "\(name), \(blocks) blocks: \(run)")
            // Whether it stands and whether it ended well are one thing, but where the last word
            // could not be written.
            if run.status == 0 { #expect(space.exists(made), "\(name), \(blocks) blocks") }
            if space.exists(made) { try FileManager.default.removeItem(at: space.url(made)) }
        }
        let run = try await space.run(
            arguments, input: #"{"command":"register_user","user":"alice"}"#)
        #expect(run.status == 0, "\(name): \(run.errors)")
        #expect(space.names.allSatisfy { !$0.hasPrefix("new.") }, "\(name): \(space.names)")
    }

    @Test("An import whose summary has nowhere to go says that the ledger stands")
    func summary() async throws {
        let run = try await space.runIntoFullDevice("import", "history.jsonl", "--ledger", "new")
        #expect(run.status == 4)
        #expect(
            run.errors
                == "gavel: new is complete, but standard output cannot be written: "
                + "No space left on device\n")
        #expect(try await space.run("audit", "verify", "--ledger", "new").status == 0)
    }

    @Test("An import whose checkpoint cannot be copied stands, and ends well with a warning")
    func copyFails() async throws {
        let run = try await space.run(
            "import", "history.jsonl", "--ledger", "new", "--checkpoint-copy", "/dev/full")
        #expect(run.status == 0)
        #expect(run.errors.contains("the ledger is complete, but the copy"), "\(run.errors)")
        #expect(space.exists("new"))
    }

    @Test("The first start on a full disk is an error of storage, and goes on once there is room")
    func fullDisk() async throws {
        guard try await space.shell("unshare -m true", gavelURL.path).status == 0 else { return }
        // In a mount of its own: what the disk has free besides the file that fills it, in KiB.
        let script = """
            mkdir disk
            for free in 0 4 8 12 16 20 24 32 40; do
              unshare -m sh -c '
                mount -t tmpfs -o size=256k none disk || exit 9
                head -c "$((256 - $2))K" /dev/zero > disk/fill
                echo "{\\"command\\":\\"register_user\\",\\"user\\":\\"a\\"}" > line
                "$1" submit --create --ledger disk/new < line >/dev/null 2>&1
                first=$?
                rm disk/fill
                "$1" submit --create --ledger disk/new < line >/dev/null 2>&1
                echo "$2 $first $?"
              ' sh "$1" $free
            done
            """
        let run = try await space.shell(script, gavelURL.path)
        #expect(run.lines.count == 9, "\(run)")
        for line in run.lines { #expect(line.hasSuffix(" 4 0"), "\(line)") }
    }
}

extension StorageFailureTests {
    @Test("A full disk is called full, also where only the last write was cut short")
    func fullDiskWords() async throws {
        guard try await space.shell("unshare -m true", gavelURL.path).status == 0 else { return }
        try space.write(
            space.text("many.jsonl").replacing(#","at":"2025-01-01T00:00:00Z""#, with: ""),
            to: "lines.jsonl")
        // Room for the first commits, in KiB, and not for all.
        let script = """
            mkdir disk
            for free in 60 100 140 160; do
              unshare -m sh -c '
                mount -t tmpfs -o size=512k none disk || exit 9
                head -c "$((512 - $2))K" /dev/zero > disk/fill
                "$1" import many.jsonl --ledger disk/new 2>errors >/dev/null
                echo "import $? $(tail -n 1 errors)"
                "$1" submit --create --ledger disk/new < lines.jsonl 2>errors >/dev/null
                echo "submit $? $(tail -n 1 errors)"
              ' sh "$1" $free
            done
            """
        let run = try await space.shell(script, gavelURL.path)
        #expect(run.lines.count == 8, "\(run)")
        for line in run.lines {
            #expect(line.hasPrefix("import 4 ") || line.hasPrefix("submit 3 "), "\(line)")
            #expect(line.contains(": No space left on device: "), "\(line)")
        }
    }

    @Test("A log that is as long as files may get is called too large")
    func longestFile() async throws {
        let run = try await space.run(
            ["import", "many.jsonl", "--ledger", "new"], input: "", fileBlocksMax: 127)
        #expect(run.status == 4)
        #expect(run.errors.contains(": File too large: "), "\(run.errors)")
    }
}

extension Workspace {
    /// Runs `gavel` with a limit on the length of files, in blocks of 512 bytes.
    fileprivate func run(
        _ arguments: [String], input: String, fileBlocksMax: Int
    ) async throws -> Run {
        try await shell(
            #"ulimit -f "$0" && exec "$@""#, ["\(fileBlocksMax)", gavelURL.path] + arguments,
            input: input)
    }

    /// Runs `gavel` with its output going to a disk that is full.
    fileprivate func runIntoFullDevice(_ arguments: String...) async throws -> Run {
        try await shell(#"exec "$0" "$@" > /dev/full"#, [gavelURL.path] + arguments)
    }

    /// Runs a script of the shell; its first argument is `$1`.
    fileprivate func shell(_ script: String, _ argument: String) async throws -> Run {
        try await shell(script, ["sh", argument])
    }

    /// - Parameter arguments: `$0` and those after it.
    private func shell(
        _ script: String, _ arguments: [String], input: String = ""
    ) async throws -> Run {
        try await run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", script] + arguments, input: input)
    }
}
