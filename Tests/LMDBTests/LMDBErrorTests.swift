// How errors compare and read.

import Foundation
import LMDB
import Platform
import Testing

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
}
