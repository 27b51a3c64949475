// Reading and writing tables.

import Foundation
import LMDB
import Platform
import Testing

@Suite("Transactions")
struct TransactionTests {
    @Test("what was written is read back, by both kinds of key")
    func roundTrip() throws {
        try withEnvironment { environment, integers, bytes in
            try environment.write { transaction in
                try transaction.append(integers, 0, [1, 2, 3])
                try transaction.append(integers, 7, [])
                try transaction.put(integers, 3, [9])
                try transaction.put(bytes, "alice", [4])
                try transaction.put(bytes, "alice", [5, 6])
            }
            try environment.read { transaction in
                let values = try (0..<8).map { try transaction.value(integers, $0) }
                #expect(values == [[1, 2, 3], nil, nil, [9], nil, nil, nil, []])
                let alice = try transaction.value(bytes, "alice")
                let bob = try transaction.value(bytes, "bob")
                let counts = (try transaction.count(of: integers), try transaction.count(of: bytes))
                #expect(alice == [5, 6])
                #expect(bob == nil)
                #expect(counts == (3, 1))
            }
        }
    }

    @Test("a write transaction sees its own writes, a read inside it does not")
    func ownWrites() throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                try transaction.append(integers, 0, [1])
                let own = try transaction.value(integers, 0)
                let outside = try environment.read { try $0.value(integers, 0) }
                #expect(own == [1])
                #expect(outside == nil)
            }
        }
    }

    @Test("keys come in numeric order across 255, 256 and 65536")
    func numericOrder() throws {
        let edges: [UInt64] = [
            0, 1, 254, 255, 256, 257, 65_535, 65_536, 65_537, 1 << 32, 1 << 63, .max,
        ]
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                for key in edges { try transaction.append(integers, key, value(key)) }
            }
            let appended = try environment.read { try $0.keys(integers) }
            #expect(appended == edges)
            try environment.write { transaction in
                try transaction.removeAll(of: integers)
                for key in edges.reversed() { try transaction.put(integers, key, value(key)) }
            }
            let put = try environment.read { try $0.keys(integers) }
            #expect(put == edges)
        }
    }

    @Test("an append that is not after the last key is refused", arguments: [0, 4, 5] as [UInt64])
    func appendOrder(key: UInt64) throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { try $0.append(integers, 5, [1]) }
            #expect(throws: LMDBError.code(.keyExists)) {
                try environment.write { try $0.append(integers, key, [2]) }
            }
            let keys = try environment.read { try $0.keys(integers) }
            #expect(keys == [5])
        }
    }

    @Test("a failed write that the closure swallows refuses the commit")
    func swallowedFailure() throws {
        try withEnvironment { environment, integers, _ in
            #expect(throws: LMDBError.code(.keyExists)) {
                try environment.write { transaction in
                    try transaction.append(integers, 1, [1])
                    try? transaction.append(integers, 1, [2])
                    try transaction.append(integers, 2, [3])
                }
            }
            let keys = try environment.read { try $0.keys(integers) }
            #expect(keys == [])
            try environment.write { try $0.append(integers, 1, [4]) }
            let later = try environment.read { try $0.value(integers, 1) }
            #expect(later == [4])
        }
    }

    @Test("a closure that throws leaves nothing behind, and its error comes through")
    func abortOnThrow() throws {
        struct Stop: Error {}
        try withEnvironment { environment, integers, bytes in
            #expect(throws: Stop.self) {
                try environment.write { transaction in
                    try transaction.append(integers, 1, [1])
                    try transaction.put(bytes, "a", [1])
                    throw Stop()
                }
            }
            let counts = try environment.read {
                [try $0.count(of: integers), try $0.count(of: bytes)]
            }
            #expect(counts == [0, 0])
        }
    }

    @Test("at or before finds the greatest key not above the one asked for")
    func atOrBefore() throws {
        try withEnvironment { environment, integers, _ in
            func find(_ key: UInt64) throws -> UInt64? {
                try environment.read {
                    try $0.withValue(atOrBefore: key, in: integers) { key, _ in key }
                }
            }
            #expect(try find(0) == nil)
            #expect(try find(.max) == nil)
            try environment.write { transaction in
                for key: UInt64 in [10, 20, 300] { try transaction.append(integers, key, [1]) }
            }
            let asked: [UInt64] = [0, 9, 10, 11, 19, 20, 21, 299, 300, 301, .max]
            let found = try asked.map(find)
            #expect(found == [nil, nil, 10, 10, 10, 20, 20, 20, 300, 300, 300])
        }
    }

    @Test("first and last are the ends of a table, or nothing")
    func ends() throws {
        try withEnvironment { environment, integers, _ in
            func ends() throws -> [UInt64?] {
                try environment.read { transaction in
                    [
                        try transaction.withFirst(in: integers) { key, _ in key },
                        try transaction.withLast(in: integers) { key, _ in key },
                    ]
                }
            }
            #expect(try ends() == [nil, nil])
            try environment.write { transaction in
                for key: UInt64 in 3...2000 { try transaction.append(integers, key, value(key)) }
            }
            #expect(try ends() == [3, 2000])
        }
    }

    @Test("walks go both ways from any key and stop when told")
    func walks() throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                for key in stride(from: 10 as UInt64, through: 5000, by: 10) {
                    try transaction.append(integers, key, value(key))
                }
            }
            func walk(from key: UInt64, backward: Bool, count: Int) throws -> [UInt64] {
                try environment.read { transaction in
                    var keys: [UInt64] = []
                    let body = { (key: UInt64, bytes: RawSpan) in
                        #expect(bytes.array() == value(key))
                        keys.append(key)
                        return keys.count < count
                    }
                    if backward {
                        try transaction.forEachBackward(in: integers, from: key, body)
                    } else {
                        try transaction.forEach(in: integers, from: key, body)
                    }
                    return keys
                }
            }
            #expect(try walk(from: 0, backward: false, count: 2) == [10, 20])
            #expect(try walk(from: 20, backward: false, count: 2) == [20, 30])
            #expect(try walk(from: 21, backward: false, count: 2) == [30, 40])
            #expect(try walk(from: 5000, backward: false, count: 9) == [5000])
            #expect(try walk(from: 5001, backward: false, count: 9) == [])
            #expect(try walk(from: .max, backward: true, count: 2) == [5000, 4990])
            #expect(try walk(from: 25, backward: true, count: 9) == [20, 10])
            #expect(try walk(from: 20, backward: true, count: 1) == [20])
            #expect(try walk(from: 9, backward: true, count: 9) == [])
            let all = try walk(from: 0, backward: false, count: .max)
            let reversed = try walk(from: .max, backward: true, count: .max)
            #expect(all.count == 500)
            #expect(reversed == all.reversed())
        }
    }

    @Test("a walk may look up in the table it walks")
    func lookUpWhileWalking() throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                for key: UInt64 in 0..<300 { try transaction.append(integers, key, value(key)) }
            }
            let sum = try environment.read { transaction in
                var sum = 0
                try transaction.forEach(in: integers) { key, _ in
                    let last = try transaction.withLast(in: integers) { key, _ in key }
                    sum += try transaction.value(integers, last! - key)!.count
                    return true
                }
                return sum
            }
            #expect(sum == 1200)
        }
    }

    @Test("tables of bytes are walked in order of bytes, from any key")
    func bytesWalk() throws {
        try withEnvironment { environment, _, bytes in
            try environment.write { transaction in
                for key in ["b", "a", "ab", "\u{7F}", "B"] { try transaction.put(bytes, key, [1]) }
            }
            func walk(from key: [UInt8]) throws -> [String] {
                try environment.read { transaction in
                    var keys: [String] = []
                    try transaction.forEach(in: bytes, from: key) { key, value in
                        #expect(value.array() == [1])
                        keys.append(key.string(in: 0..<key.byteCount)!)
                        return true
                    }
                    return keys
                }
            }
            #expect(try walk(from: []) == ["B", "a", "ab", "b", "\u{7F}"])
            #expect(try walk(from: Array("a".utf8)) == ["a", "ab", "b", "\u{7F}"])
            #expect(try walk(from: Array("aa".utf8)) == ["ab", "b", "\u{7F}"])
            #expect(try walk(from: [0x80]) == [])
        }
    }

    @Test("a walk starts after a key that is longer than any key can be")
    func walkFromLongKey() throws {
        try withEnvironment { environment, _, bytes in
            let longest = String(repeating: "k", count: 511)
            try environment.write { transaction in
                for key in [longest, "l"] { try transaction.put(bytes, key, [1]) }
            }
            func firstLength(from key: String) throws -> Int? {
                try environment.read { transaction in
                    var length: Int?
                    try transaction.forEach(in: bytes, from: Array(key.utf8)) { key, _ in
                        length = key.byteCount
                        return false
                    }
                    return length
                }
            }
            #expect(try firstLength(from: longest) == 511)
            #expect(try firstLength(from: longest + "k") == 1)
            #expect(try firstLength(from: String(repeating: "k", count: 510) + "zz") == 1)
        }
    }

    @Test("keys of bytes have 1 to 511 of them")
    func keyLengths() throws {
        try withEnvironment { environment, _, bytes in
            for length in [0, 512] {
                let key = String(repeating: "k", count: length)
                #expect(throws: LMDBError.code(.badValueSize)) {
                    try environment.write { try $0.put(bytes, key, [1]) }
                }
                let found = try environment.read { try $0.value(bytes, key) }
                #expect(found == nil)
            }
            for length in [1, 511] {
                let key = String(repeating: "k", count: length)
                try environment.write { try $0.put(bytes, key, value(UInt64(length))) }
                let found = try environment.read { try $0.value(bytes, key) }
                #expect(found == value(UInt64(length)))
            }
        }
    }

    @Test("deleting says whether there was something, and is no failure without")
    func deleting() throws {
        try withEnvironment { environment, integers, bytes in
            try environment.write { transaction in
                try transaction.append(integers, 1, [1])
                try transaction.append(integers, 2, [2])
                try transaction.put(bytes, "a", [3])
            }
            let deleted = try environment.write { transaction in
                [
                    try transaction.delete(integers, key: 1),
                    try transaction.delete(integers, key: 1),
                    try transaction.delete(bytes, key: Array("a".utf8)),
                    try transaction.delete(bytes, key: Array("b".utf8)),
                ]
            }
            #expect(deleted == [true, false, true, false])
            let keys = try environment.read { try $0.keys(integers) }
            #expect(keys == [2])
        }
    }

    @Test("emptying a table leaves the table, ready for appends from the beginning")
    func emptying() throws {
        try withEnvironment { environment, integers, bytes in
            try environment.write { transaction in
                for key: UInt64 in 0..<1000 { try transaction.append(integers, key, value(key)) }
                try transaction.put(bytes, "a", [1])
            }
            try environment.write { transaction in
                try transaction.append(integers, 1000, [1])
                try transaction.removeAll(of: integers)
                try transaction.removeAll(of: bytes)
                try transaction.append(integers, 0, [7])
            }
            try environment.read { transaction in
                let keys = try transaction.keys(integers)
                let first = try transaction.value(integers, 0)
                let count = try transaction.count(of: bytes)
                #expect(keys == [0])
                #expect(first == [7])
                #expect(count == 0)
            }
        }
    }

    @Test(
        "values of every size come back whole",
        arguments: [0, 1, 2022, 2023, 2024, 4080, 4096, 4097, 65_536, 1 << 20, (1 << 20) + 1])
    func valueSizes(byteCount: Int) throws {
        let large = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try withEnvironment { environment, integers, bytes in
            try environment.write { transaction in
                try transaction.append(integers, 1, large)
                try transaction.append(integers, 2, [2])
                try transaction.put(bytes, "large", large)
            }
            try environment.read { transaction in
                let first = try transaction.value(integers, 1)
                let second = try transaction.value(integers, 2)
                let third = try transaction.value(bytes, "large")
                #expect(first == large)
                #expect(second == [2])
                #expect(third == large)
            }
        }
    }

    @Test("a value filled in place starts as zeros", arguments: [16, 100_000])
    func fillingInPlace(byteCount: Int) throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                try transaction.append(integers, key: 9, byteCount: byteCount) { room in
                    #expect(room.byteCount == byteCount)
                    room.storeBytes(of: 0x0102, toByteOffset: 4, as: UInt16.self)
                }
                try transaction.append(integers, 10, [1])
            }
            var expected = [UInt8](repeating: 0, count: byteCount)
            expected.replaceSubrange(4..<6, with: [2, 1])
            let stored = try environment.read { try $0.value(integers, 9) }
            #expect(stored == expected)
        }
    }

    @Test("a full map is an error with a name, and the environment goes on")
    func fullMap() throws {
        try withEnvironment(.init(mapSizeBytes: 1 << 20, syncMode: .none)) {
            environment, integers, _ in
            let large = [UInt8](repeating: 1, count: 100_000)
            #expect(throws: LMDBError.code(.mapFull)) {
                try environment.write { transaction in
                    for key: UInt64 in 0..<20 { try transaction.append(integers, key, large) }
                }
            }
            try environment.write { try $0.append(integers, 0, [1]) }
            let keys = try environment.read { try $0.keys(integers) }
            #expect(keys == [0])
        }
    }

    @Test("a table of another environment is refused")
    func foreignTable() throws {
        try withEnvironment { _, foreign, _ in
            try withEnvironment { environment, _, _ in
                #expect(throws: LMDBError.code(.badDatabase)) {
                    try environment.read { try $0.value(foreign, 0) }
                }
                #expect(throws: LMDBError.code(.badDatabase)) {
                    try environment.write { try $0.append(foreign, 0, [1]) }
                }
            }
        }
    }

    @Test("a write while bytes of the same transaction are lent traps")
    func writeWhileLent() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        await #expect(processExitsWith: .failure) { [directory = directory as String] in
            let environment = try Environment(at: directory)
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { transaction in
                try transaction.append(table, 0, [1])
                try transaction.withValue(table, at: 0) { _ in
                    // Swallowed, so that only the trap can fail this process.
                    try? transaction.append(table, 1, [2])
                }
            }
            _ = try? environment.read { try $0.count(of: table) }
            exit(EXIT_SUCCESS)
        }
    }
}
