// Within one opening a ledger is the folder, the log's file and the writer's file that were opened:
// where one of them is moved, replaced or removed, the writer notices and stops, and nothing is
// signed into another's place.

import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("A ledger's place")
struct IdentityTests {
    /// What somebody does to a ledger's folder while it is open.
    enum Act: CaseIterable {
        case moved, movedAndReplaced, removed, parentMoved, logReplaced, writerReplaced

        func take(_ folder: String, _ path: String) throws {
            switch self {
            case .moved: try FileSystem.rename(path, to: path + ".old")
            case .movedAndReplaced:
                let restored = folder + "/restored"
                let reader = try LedgerReader.openAndWait(at: path)
                try reader.backup(to: restored)
                reader.close()
                try FileSystem.rename(path, to: path + ".old")
                try FileSystem.rename(restored, to: path)
            case .removed: try FileSystem.remove(path)
            case .parentMoved:
                let parent = try #require(FileSystem.parentDirectory(of: path))
                try FileSystem.rename(parent, to: parent + ".old")
            case .logReplaced:
                let data = path + "/log/data.mdb"
                try FileSystem.writeFileAtomically(data, FileSystem.readFile(data))
            case .writerReplaced:
                let file = path + "/writer"
                try FileSystem.writeFileAtomically(file, FileSystem.readFile(file))
            }
        }
    }

    private static func inFolder<R>(_ body: (String, String) async throws -> R) async throws -> R {
        let folder = try FileSystem.temporaryDirectory("gavel-place-")
        defer { try? FileSystem.remove(folder) }
        try FileSystem.createDirectory(folder + "/parent")
        return try await body(folder, folder + "/parent/ledger")
    }

    @Test("A ledger that is moved, replaced or removed stops its writer", arguments: Act.allCases)
    func noticed(act: Act) async throws {
        try await Self.inFolder { folder, path in
            let ledger = try await Ledger.open(at: path)
            try Self.register(3, "user", in: ledger)
            _ = try ledger.signCheckpoint()
            try act.take(folder, path)
            // By itself, without anybody asking: the clock's thread looks once a second.
            while ledger.failure == nil { try await Task.sleep(for: .milliseconds(20)) }
            #expect(ledger.failure?.code == .fenced)
            #expect(ledger.failure?.reason.contains("while it was open") == true)
            await #expect(throws: LedgerError(.fenced, "")) {
                _ = try await ledger.submit(.registerUser("late"), id: .generate())
            }
            await ledger.close()
        }
    }

    private static func register(_ users: Int, _ prefix: String, in ledger: Ledger) throws {
        let receipts = try ledger.enqueue(
            (0..<users).map { number in
                Submission(
                    id: .generate(at: ledger.now),
                    command: .registerUser(UserID(unchecked: "\(prefix)-\(number)")))
            }
        ).wait()
        #expect(receipts.allSatisfy { $0.status == .accepted })
    }

    @Test("Nothing is signed into the place of a ledger that was moved")
    func nothingSigned() async throws {
        try await Self.inFolder { folder, path in
            var configuration = Configuration()
            // Nobody looks by itself: signing has to.
            configuration.clock = ManualClock()
            configuration.checkpointIntervalMilliseconds = 3_600_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            try Self.register(3, "user", in: ledger)
            _ = try ledger.signCheckpoint()
            try Act.movedAndReplaced.take(folder, path)
            let restored = try FileSystem.readFile(path + "/checkpoint")
            try Self.register(3, "late", in: ledger)
            #expect(throws: LedgerError(.fenced, "")) { try ledger.signCheckpoint() }
            await ledger.close()
            #expect(try FileSystem.readFile(path + "/checkpoint") == restored)
            // What was acknowledged is where the ledger went, and both open.
            let moved = try await LedgerReader.open(at: path + ".old")
            #expect(moved.reflects == 8)
            moved.close()
            try FileSystem.writeFileAtomically(
                path + "/key", FileSystem.readFile(path + ".old/key"))
            try await Ledger.open(at: path, configuration: configuration).close()
            try await Ledger.open(at: path + ".old", configuration: configuration).close()
        }
    }

    @Test("A relative path means the folder of the opening, wherever the process goes later")
    func relative() {
        let folder = LedgerFolder(path: "house")
        #expect(folder.name == "house")
        #expect(folder.path == FileSystem.absolutePath("house"))
        #expect(folder.path.hasPrefix("/") && folder.path.hasSuffix("/house"))
        #expect(FileSystem.absolutePath("/house") == "/house")
        #expect(FolderStore(folder).place(of: .key) == "house/key")
    }
}
