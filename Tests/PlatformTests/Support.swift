// What the tests of this folder share: a folder of its own for each test, and codes to compare.

import Foundation
import Platform
import Testing

/// Runs `body` with a new folder, which is removed afterwards.
func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let path = try FileSystem.temporaryDirectory("platform-tests-")
    defer { try? FileSystem.remove(path) }
    return try body(path)
}

extension FileError {
    /// For comparing: equality looks at the code only.
    static func code(_ code: Code) -> FileError { FileError(code, operation: "", path: "") }
}

/// Rewrites the bytes of a file.
func rewrite(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
    var bytes = try FileSystem.readFile(path)
    change(&bytes)
    try FileSystem.writeFileAtomically(path, bytes)
}
