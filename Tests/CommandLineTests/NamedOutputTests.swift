// What a command does with a path that it is told to write: every option that names a file, with
// everything that may stand there.

import Foundation
import Testing

/// A command that writes a file which somebody names.
private struct Writer {
    let name: String
    /// The arguments that name this file.
    let arguments: @Sendable (String) -> [String]
    /// Whether a device is written into.
    var writesDevices = true
    /// Whether the folder is made where it is missing.
    var makesFolders = false

    static let all: [Writer] = [
        Writer(name: "prove --output") {
            ["audit", "prove", "11", "--ledger", "house", "--output", $0]
        },
        Writer(name: "prove --alone --output") {
            ["audit", "prove", "11", "--alone", "--ledger", "house", "--output", $0]
        },
        Writer(name: "prove --for --output") {
            ["audit", "prove", "11", "--for", "alice", "--ledger", "house", "--output", $0]
        },
        Writer(name: "prove --from --output") {
            ["audit", "prove", "--from", "3", "--ledger", "house", "--output", $0]
        },
        Writer(name: "report --output") {
            ["audit", "report", "--ledger", "house", "--all", "--output", $0]
        },
        Writer(name: "witness --output") {
            witness + ["--state", "seen", "--output", $0]
        },
        // What a witness has seen must be read again.
        Writer(
            name: "witness --state", arguments: { witness + ["--state", $0] },
            writesDevices: false),
        Writer(
            name: "witness --make-key",
            arguments: { ["audit", "witness", "--make-key", "w.example", "--key", $0] },
            writesDevices: false),
        Writer(
            name: "submit --checkpoint-copy",
            arguments: { ["submit", "--ledger", "house", "--checkpoint-copy", $0] }),
        Writer(name: "storm --html") {
            [
                "benchmark", "storm", "--bids", "50", "--auctions", "4", "--users", "4", "--runs",
                "1", "--lone", "0", "--path", "batch", "--html", $0,
            ]
        },
        Writer(
            name: "export-tiles",
            arguments: { ["audit", "export-tiles", $0, "--ledger", "house"] },
            writesDevices: false, makesFolders: true),
        Writer(
            name: "backup", arguments: { ["backup", $0, "--ledger", "house"] },
            writesDevices: false, makesFolders: true),
        Writer(
            name: "restore",
            arguments: { ["restore", "copy", "--ledger", $0, "--key", "house/key"] },
            writesDevices: false, makesFolders: true),
        Writer(
            name: "import", arguments: { ["import", "history.jsonl", "--ledger", $0] },
            writesDevices: false, makesFolders: true),
    ]

    private static let witness = [
        "audit", "witness", "--key", "w.key", "--log-key", "house.vkey", "--ledger", "house",
    ]
}

@Suite("Files that somebody names")
struct NamedOutputTests {
    private let space: Workspace

    init() async throws {
        space = try await importedWorkspace()
        try await space.writeKey(of: "house")
        let made = try await space.run(
            "audit", "witness", "--make-key", "w.example", "--key", "w.key")
        try #require(made.status == 0, "\(made.errors)")
        try #require(try await space.run("backup", "copy", "--ledger", "house").status == 0)
        try space.write("chapter one\n", to: "thesis.txt")
        // The first word of a proof of growth is a word of English too.
        try space.write("old friends\n", to: "novel.txt")
        try FileManager.default.createDirectory(
            at: space.url("folder"), withIntermediateDirectories: true)
        try space.write("chapter two\n", to: "folder/thesis.txt")
        for (link, target) in [
            ("to-key", "house/key"), ("to-thesis", "thesis.txt"), ("to-nothing", "nothing"),
            ("to-data", "house/log/data.mdb"),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: space.url(link).path, withDestinationPath: target)
        }
    }

    private func contents(_ path: String) -> Data? { try? Data(contentsOf: space.url(path)) }

    @Test(
        "What is not of the sort that is written stays, whatever it is and whoever writes",
        arguments: Writer.all.indices)
    func refused(index: Int) async throws {
        let writer = Writer.all[index]
        let targets = [
            "house/key", "house/log/data.mdb", "house/checkpoint", "house/writer", "house/key.next",
            "house/checkpoints/kept", "house/accounts", "w.key", "thesis.txt", "novel.txt",
            "folder", "to-key",
            "to-thesis", "to-nothing", "to-data", "copy/checkpoint", "copy/log/new",
            // A name that the ledger does not know is inside its folder all the same.
            "house/new", "copy/new", "absent/../house/log/x", "absent/../house/new",
            "absent/./../folder/../house/new", "folder/../house/new",
        ]
        for target in targets {
            let before = (contents(target), contents("house/key"), contents("folder/thesis.txt"))
            let link = try? FileManager.default.destinationOfSymbolicLink(
                atPath: space.url(target).path)
            let run = try await space.run(writer.arguments(target))
            let wanted: Set<Int32> = writer.name.contains("checkpoint-copy") ? [2, 4] : [2]
            #expect(
                wanted.contains(run.status),
                "\(writer.name) \(target): \(run.status) \(run.errors)")
            #expect(run.errors.hasPrefix("gavel: "), "\(writer.name) \(target)")
            // A log that has grown has not been replaced.
            if target != "house/log/data.mdb", target != "to-data", target != "house/writer" {
                #expect(contents(target) == before.0, "\(writer.name) \(target)")
            }
            #expect(contents("house/key") == before.1, "\(writer.name) \(target)")
            #expect(contents("folder/thesis.txt") == before.2, "\(writer.name) \(target)")
            #expect(
                (try? FileManager.default.destinationOfSymbolicLink(
                    atPath: space.url(target).path)) == link, "\(writer.name) \(target)")
        }
        #expect(!space.exists("house/new") && !space.exists("absent"))
        #expect(!space.exists("nothing") && !space.exists("house/key.next"))
        // The ledger is none the worse.
        #expect(try await space.run("audit", "verify", "--ledger", "house").status == 0)
        #expect(try await space.run("submit", "--ledger", "house").status == 0)
    }

    @Test("A missing folder is named, and nothing is made", arguments: Writer.all.indices)
    func missingFolder(index: Int) async throws {
        let writer = Writer.all[index]
        guard !writer.makesFolders else { return }
        let run = try await space.run(writer.arguments("absent/file"))
        #expect(run.status == 2, "\(writer.name): \(run.status) \(run.errors)")
        #expect(run.errors.contains("there is no folder absent"), "\(writer.name): \(run.errors)")
        #expect(!space.exists("absent"))
        let empty = try await space.run(writer.arguments(""))
        #expect(empty.status == 2, "\(writer.name)")
    }

    @Test("A device and standard output are written into and stay", arguments: Writer.all.indices)
    func devices(index: Int) async throws {
        let writer = Writer.all[index]
        func isDevice() throws -> Bool {
            let attributes = try FileManager.default.attributesOfItem(atPath: "/dev/null")
            return attributes[.type] as? FileAttributeType == .typeCharacterSpecial
        }
        let run = try await space.run(writer.arguments("/dev/null"))
        #expect(run.status == (writer.writesDevices ? 0 : 2), "\(writer.name): \(run.errors)")
        #expect(try isDevice(), "\(writer.name)")
        guard writer.writesDevices else { return }
        let full = try await space.run(writer.arguments("/dev/full"))
        // The ledger has everything where only a copy of its checkpoint is lost.
        let status: Int32 = writer.name.contains("checkpoint-copy") ? 0 : 4
        #expect(full.status == status, "\(writer.name): \(full.status) \(full.errors)")
        let output = try await space.run(writer.arguments("/dev/stdout"))
        #expect(output.status == 0 && !output.output.isEmpty, "\(writer.name)")
    }

    @Test("A file of the sort, or an empty one, is replaced, also through a link, which stays one")
    func replaced() async throws {
        for name in [
            "prove --output", "prove --alone --output", "prove --for --output",
            "prove --from --output", "report --output", "witness --state", "witness --output",
        ] {
            let writer = try #require(Writer.all.first { $0.name == name })
            let file = "file-\(name.filter(\.isLetter))"
            try space.write("", to: file)
            #expect(try await space.run(writer.arguments(file)).status == 0, "\(name)")
            let first = try #require(contents(file))
            #expect(!first.isEmpty, "\(name)")
            try FileManager.default.createSymbolicLink(
                atPath: space.url("link-\(file)").path, withDestinationPath: file)
            #expect(try await space.run(writer.arguments("link-\(file)")).status == 0, "\(name)")
            #expect(
                try FileManager.default.destinationOfSymbolicLink(
                    atPath: space.url("link-\(file)").path) == file, "\(name)")
            // One sort is not another.
            let sort = name.hasPrefix("prove") ? "prove --output" : name
            for other in ["report --output", "prove --output"] where other != sort {
                let writer = try #require(Writer.all.first { $0.name == other })
                let run = try await space.run(writer.arguments(file))
                #expect(run.status == 2, "\(other) over \(name)")
            }
        }
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: space.path)
                .contains { $0.contains(".tmp-") })
    }

    @Test("Evidence of any sort takes the place of any other; what only begins like it stays")
    func evidence() async throws {
        let proofs = [
            ["11"], ["11", "--alone"], ["11", "--for", "alice"], ["--from", "3"],
        ]
        for first in proofs {
            for second in proofs {
                try space.write("", to: "proof")
                for arguments in [first, second] {
                    let run = try await space.run(
                        ["audit", "prove", "--ledger", "house", "--output", "proof"] + arguments)
                    #expect(run.status == 0, "\(first), \(second): \(run.errors)")
                }
            }
        }
        let others = [
            "old recipes\n", "old \n", "old 12 songs\n", "old 3", "gavel-evidence/v12\n",
        ]
        for text in others {
            try space.write(text, to: "mine.txt")
            for arguments in proofs {
                let run = try await space.run(
                    ["audit", "prove", "--ledger", "house", "--output", "mine.txt"] + arguments)
                #expect(run.status == 2, "\(text) \(arguments)")
                #expect(run.errors.contains("is not a file of evidence"), "\(run.errors)")
                #expect(contents("mine.txt") == Data(text.utf8))
            }
        }
    }

    @Test("A pipe is written into and stays")
    func pipe() async throws {
        #expect(mkfifo(space.url("pipe").path, 0o600) == 0)
        let session = try space.start(
            "audit", "prove", "11", "--ledger", "house", "--output", "pipe")
        let path = space.url("pipe").path
        let read = await Task.detached {
            try? FileHandle(forReadingAtPath: path)?.readToEnd()
        }.value
        #expect((read ?? Data()).starts(with: Data("gavel-evidence/v1\n".utf8)))
        #expect(try session.finish() == 0)
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test("Tiles are not exported into a folder of others, nor over what differs")
    func tiles() async throws {
        let folder = try await space.run("audit", "export-tiles", "folder", "--ledger", "house")
        #expect(folder.status == 2 && folder.errors.contains("is no folder of tiles"))
        try FileManager.default.createDirectory(
            at: space.url("public/tile/0/000.p"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: space.url("public/tile/0/000.p/15").path,
            withDestinationPath: space.url("house/key").path)
        let key = contents("house/key")
        let linked = try await space.run("audit", "export-tiles", "public", "--ledger", "house")
        #expect(linked.status == 2 && contents("house/key") == key)
        #expect(!space.exists("public/checkpoint"))
        let own = try await space.run("audit", "export-tiles", "house", "--ledger", "house")
        #expect(own.status == 2 && !space.exists("house/tile"))
    }
}
