// Files and folders, and their errors.

import Foundation
import Platform
import Testing

@Suite("Files that are none")
struct NotAFileTests {
    @Test("A pipe in a file's place is an error at once, not a wait", .timeLimit(.minutes(30)))
    func pipe() throws {
        let folder = try FileSystem.temporaryDirectory("gavel-tests-")
        defer { try? FileSystem.remove(folder) }
        let path = folder + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: FileError(.notAFile, operation: "", path: "")) { _ = try FileReader(path) }
        #expect(throws: FileError(.notAFile, operation: "", path: "")) {
            _ = try WriterFile.read(at: path)
        }
    }
}

@Suite("Files and folders")
struct FileSystemTests {
    @Test("folders are created with those above them, privately, and again without harm")
    func createDirectory() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/a/b/c"
            #expect(!FileSystem.exists(path))
            try FileSystem.createDirectory(path)
            try FileSystem.createDirectory(path + "/")
            #expect(FileSystem.isDirectory(path))
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
            try FileSystem.writeFileAtomically(directory + "/file", [1])
            let refused = #expect(throws: FileError.self) {
                try FileSystem.createDirectory(directory + "/file")
            }
            #expect(refused?.isFileExists == true)
        }
    }

    @Test("a file written atomically replaces the old one and leaves nothing beside it")
    func atomicWrite() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/checkpoint"
            let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
            for content in [[1, 2], large, []] as [[UInt8]] {
                try FileSystem.writeFileAtomically(path, content, mode: 0o640)
                #expect(try FileSystem.readFile(path) == content)
                #expect(try FileSystem.fileSize(path) == content.count)
            }
            #expect(try FileSystem.listDirectory(directory) == ["checkpoint"])
            let missing = #expect(throws: FileError.self) {
                try FileSystem.writeFileAtomically(directory + "/no/file", [1])
            }
            #expect(missing?.isNoSuchFile == true)
            #expect(missing?.path.contains(directory + "/no/file") == true)
        }
    }

    @Test("a pipe is read to its end, like a file, however its bytes come")
    func pipe() throws {
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let pipe = Pipe()
        let writer = Thread {
            for start in stride(from: 0, to: content.count, by: 9_999) {
                let part = content[start..<min(start + 9_999, content.count)]
                try? pipe.fileHandleForWriting.write(contentsOf: Data(part))
            }
            try? pipe.fileHandleForWriting.close()
        }
        writer.start()
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        #expect(try FileSystem.readFile("/dev/fd/\(descriptor)") == content)
    }

    @Test("removing takes a folder with all in it, and links without what they point to")
    func remove() throws {
        try withTemporaryDirectory { directory in
            try FileSystem.createDirectory(directory + "/tree/deep")
            try FileSystem.createDirectory(directory + "/kept")
            try FileSystem.writeFileAtomically(directory + "/tree/deep/file", [1])
            try FileSystem.writeFileAtomically(directory + "/kept/file", [1])
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/tree/link", withDestinationPath: directory + "/kept")
            try FileSystem.remove(directory + "/tree")
            #expect(try FileSystem.listDirectory(directory) == ["kept"])
            #expect(try FileSystem.listDirectory(directory + "/kept") == ["file"])
            let missing = #expect(throws: FileError.self) {
                try FileSystem.remove(directory + "/tree")
            }
            #expect(missing?.isNoSuchFile == true)
        }
    }

    @Test("renaming moves a folder, and syncing takes files and folders")
    func rename() throws {
        try withTemporaryDirectory { directory in
            try FileSystem.createDirectory(directory + "/ledger.importing")
            try FileSystem.writeFileAtomically(directory + "/ledger.importing/file", [1])
            try FileSystem.rename(directory + "/ledger.importing", to: directory + "/ledger")
            try FileSystem.syncDirectory(directory)
            try FileSystem.syncFile(directory + "/ledger/file")
            #expect(try FileSystem.listDirectory(directory) == ["ledger"])
        }
    }

    @Test("a missing file is an error with the path in it")
    func missing() throws {
        let path = "/nonexistent/file"
        let errors = [
            #expect(throws: FileError.self) { try FileSystem.readFile(path) },
            #expect(throws: FileError.self) { try FileSystem.fileSize(path) },
            #expect(throws: FileError.self) { try FileSystem.listDirectory(path) },
            #expect(throws: FileError.self) { try FileSystem.rename(path, to: path + "2") },
            #expect(throws: FileError.self) { try FileSystem.freeBytes(at: path) },
            #expect(throws: FileError.self) { try FileSystem.syncFile(path) },
        ]
        for error in errors {
            #expect(error?.isNoSuchFile == true)
            #expect(error?.description.contains(path) == true)
        }
    }

    @Test("temporary folders differ, and there is room to write in them")
    func temporaryDirectories() throws {
        try withTemporaryDirectory { first in
            try withTemporaryDirectory { second in
                #expect(first != second)
                #expect(FileSystem.isDirectory(first))
                let free = try FileSystem.freeBytes(at: first)
                #expect(free > 0)
            }
        }
    }
}

@Suite("Errors of files")
struct FileErrorTests {
    @Test("errors are equal when their codes are, and say what happened")
    func equalityAndText() {
        let full = FileError(.system(ENOSPC), operation: "write", path: "/ledger/writer")
        #expect(full == FileError(.system(ENOSPC), operation: "sync", path: ""))
        #expect(full != FileError(.closed, operation: "write", path: "/ledger/writer"))
        #expect(full.isNoSpace)
        #expect(!full.isDamage)
        #expect(full.description == "write: No space left on device: /ledger/writer")
    }
}
