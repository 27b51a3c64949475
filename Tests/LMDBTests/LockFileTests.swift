// The lock file is written through a map, where a full disk is a signal: it has all its blocks
// before.

import Foundation
import LMDB
import Platform
import Testing

@Suite("The lock file")
struct LockFileTests {
    @Test(
        "Every byte of it has a block once it is mapped, also where it had holes",
        arguments: [
            nil, 0, 100, 4096, 65536, 1 << 20,
        ])
    func blocks(length: UInt64?) throws {
        let folder = try FileSystem.temporaryDirectory("gavel-lock-")
        defer { try? FileSystem.remove(folder) }
        let path = folder + "/lock.mdb"
        if let length {
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.truncate(atOffset: length)
            try file.close()
        }
        let environment = try Environment(at: folder)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(Int(status.st_blocks) * 512 >= Int(status.st_size))
        #expect(status.st_size >= 65536)
        // As long as LMDB makes it, so that no block is missing of what it adds.
        if (length ?? 0) <= 65536 { #expect(status.st_size == 65536) }
        environment.close()
    }
}
