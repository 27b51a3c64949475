// What the tests of this folder share: a folder of its own for each test, small values, and plain
// access to the bytes of a file.

import Foundation
import LMDB
import Platform
import Testing

/// Runs `body` with a new folder, which is removed afterwards.
func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let path = try FileSystem.temporaryDirectory("lmdb-tests-")
    defer { try? FileSystem.remove(path) }
    return try body(path)
}

/// Runs `body` with a new environment that has a table of each kind.
func withEnvironment<R>(
    _ configuration: Environment.Configuration = .init(syncMode: .none),
    _ body: (Environment, IntegerTable, BytesTable) throws -> R
) throws -> R {
    try withTemporaryDirectory { directory in
        let environment = try Environment(at: directory, configuration: configuration)
        let integers = try environment.integerTable(named: "integers", create: true)
        let bytes = try environment.bytesTable(named: "bytes", create: true)
        defer { environment.close() }
        return try body(environment, integers, bytes)
    }
}

extension LMDBError {
    /// For comparing: equality looks at the code only.
    static func code(_ code: Code) -> LMDBError { LMDBError(code, operation: "") }
}

extension WriteTransaction {
    func append(_ table: IntegerTable, _ key: UInt64, _ value: [UInt8]) throws {
        try withBytes(of: value) { try append(table, key: key, value: $0) }
    }

    func put(_ table: IntegerTable, _ key: UInt64, _ value: [UInt8]) throws {
        try withBytes(of: value) { try put(table, key: key, value: $0) }
    }

    func put(_ table: BytesTable, _ key: String, _ value: [UInt8]) throws {
        try withBytes(of: value) { try put(table, key: Array(key.utf8), value: $0) }
    }
}

extension Transaction where Self: ~Copyable {
    func value(_ table: IntegerTable, _ key: UInt64) throws -> [UInt8]? {
        try withValue(table, at: key) { $0.array() }
    }

    func value(_ table: BytesTable, _ key: String) throws -> [UInt8]? {
        try withValue(table, at: Array(key.utf8)) { $0.array() }
    }

    func keys(_ table: IntegerTable, from key: UInt64 = 0) throws -> [UInt64] {
        var keys: [UInt64] = []
        try forEach(in: table, from: key) { key, _ in
            keys.append(key)
            return true
        }
        return keys
    }
}

/// Four bytes that tell values apart.
func value(_ number: UInt64) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
}

/// Rewrites the bytes of a file.
func rewrite(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
    var bytes = try FileSystem.readFile(path)
    change(&bytes)
    try FileSystem.writeFileAtomically(path, bytes)
}

/// Changes bytes of a file in place and puts them back.
final class FilePatch {
    private let handle: FileHandle
    let bytes: [UInt8]

    init(_ path: String) throws {
        bytes = try FileSystem.readFile(path)
        handle = try #require(FileHandle(forUpdatingAtPath: path))
    }

    func with<R>(_ changed: [UInt8], at offset: Int, _ body: () throws -> R) throws -> R {
        try write(changed, at: offset)
        defer { try? write(Array(bytes[offset..<offset + changed.count]), at: offset) }
        return try body()
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws {
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: bytes)
    }
}

let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

extension [UInt8] {
    func integer16(_ offset: Int) -> Int {
        Int(self[offset]) | Int(self[offset + 1]) << 8
    }
}

/// A small generator of numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Runs work on a thread of its own, to be waited for: what goes on until somebody stops it must
/// not hold one of the few threads that all tasks share.
func onThread<R: Sendable>(
    _ work: @escaping @Sendable () throws -> R
) -> Task<R, any Error> {
    Task { try await DedicatedThread.run(named: "gavel.test", work) }
}
