// How errors compare and read.

import Foundation
import Platform
import Testing

@testable import LMDB

@Suite("Errors")
struct LMDBErrorTests {
    @Test("errors are equal when their codes are, and say what happened")
    func equalityAndText() {
        let error = LMDBError(.mapFull, operation: "append", reason: "table frames")
        #expect(error == LMDBError(.mapFull, operation: "commit"))
        #expect(error != LMDBError(.keyExists, operation: "append"))
        #expect(
            error.description
                == "append: MDB_MAP_FULL: Environment mapsize limit reached: table frames")
        let full = LMDBError(.system(ENOSPC), operation: "commit")
        #expect(full.isNoSpace)
        #expect(full.description == "commit: No space left on device")
    }

    @Test("A write that was cut short is put down to what the next one would fail with")
    func shortWrites() {
        func cause(free: Int?, length: Int? = 8192, longest: Int? = nil) -> Int32 {
            LMDBError.causeOfShortWrite(
                freeBytes: free, fileBytes: length, fileBytesMax: longest)
        }
        #expect(cause(free: 0) == ENOSPC)
        #expect(cause(free: LMDBError.freeBytesOfFullDisk - 1) == ENOSPC)
        #expect(cause(free: LMDBError.freeBytesOfFullDisk) == EIO)
        #expect(cause(free: nil, length: nil) == EIO)
        #expect(cause(free: 1 << 30, length: 8192, longest: 8192) == EFBIG)
        #expect(cause(free: 1 << 30, length: 8191, longest: 8192) == EIO)
    }

    @Test("Only EIO is looked into, and a disk with room that fails is called what it is")
    func causes() {
        func code(_ result: Int32) -> LMDBError.Code {
            LMDBError(writing: result, operation: "commit", in: "/tmp").code
        }
        #expect(code(EIO) == .system(EIO))
        #expect(code(EACCES) == .system(EACCES))
        #expect(code(ENOSPC) == .system(ENOSPC))
    }
}
