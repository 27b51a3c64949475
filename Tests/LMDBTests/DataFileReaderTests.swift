// Reading a data file without LMDB: the same as LMDB gives, beside a writer that never pauses, and
// of damaged files an error that names the page.

import Foundation
import Platform
import Synchronization
import Testing

@testable import LMDB

/// An environment as the log has it: without a lock file.
private let unlocked = Environment.Configuration(syncMode: .none, usesLockFile: false)

/// A value that its key and its length make out: no two are alike.
private func filled(_ key: UInt64, byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: key &* 31 &+ UInt64($0)) }
}

/// Lengths about those at which LMDB puts a value into pages of its own, and others.
private func byteCount(_ key: UInt64) -> Int {
    let lengths = [0, 1, 40, 300, 2000, 2020, 2022, 2030, 2040, 4079, 4080, 4081, 9000, 70_000]
    return lengths[Int(key &* 2_654_435_761 >> 7) % lengths.count]
}

extension DataFileReader {
    fileprivate func value(_ table: String, _ key: UInt64) throws -> [UInt8]? {
        try withValue(in: table, at: key) { $0.array() }
    }

    fileprivate func keys(_ table: String, from key: UInt64) throws -> [UInt64] {
        var keys: [UInt64] = []
        try forEach(in: table, fromAtOrBefore: key) { key, _ in
            keys.append(key)
            return true
        }
        return keys
    }
}

@Suite("Reading a data file without LMDB")
struct DataFileReaderTests {
    @Test("It gives every value as LMDB does, from every key on, of a tree of any depth")
    func sameAsLMDB() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            let reader = try DataFileReader(in: directory)
            #expect(try reader.withLast(in: "t") { key, _ in key } == nil)
            #expect(try reader.keys("t", from: 0) == [])
            var keys: [UInt64] = []
            var next: UInt64 = 3
            while keys.count < 1000 {
                try environment.write { transaction in
                    for _ in 0..<(keys.count < 20 ? 1 : 140) {
                        let value = filled(next, byteCount: byteCount(next))
                        try transaction.append(table, next, value)
                        keys.append(next)
                        next += 1 + next % 5
                    }
                }
                #expect(try reader.withLast(in: "t") { key, _ in key } == keys.last)
                guard keys.count <= 5 || keys.count == 20 || keys.count >= 1000 else { continue }
                var model: [UInt64: [UInt8]] = [:]
                try environment.read { transaction in
                    try transaction.forEach(in: table) { key, value in
                        model[key] = value.array()
                        return true
                    }
                }
                let all = 0...(keys.last! + 2)
                #expect(try all.first { try reader.value("t", $0) != model[$0] } == nil)
                var others: [UInt64] = []
                try reader.forEach(in: "t", fromAtOrBefore: 0) { key, value in
                    if value.array() != model[key] { others.append(key) }
                    return true
                }
                #expect(others == [])
                for key in stride(from: 0, through: keys.last! + 2, by: keys.count > 20 ? 97 : 1) {
                    let start = keys.lastIndex { $0 <= key } ?? 0
                    #expect(try reader.keys("t", from: key) == Array(keys[start...]))
                }
            }
            #expect(try reader.keys("t", from: .max) == [keys.last!])
            let info = try environment.info
            #expect(try reader.info.usedBytes == info.usedBytes)
            #expect(try reader.info.lastTransactionID == info.lastTransactionID)
        }
    }

    @Test("Large values come in order, as far as they are wanted, and a fault in its turn")
    func readAhead() throws {
        try withTemporaryDirectory { directory in
            let lengths = [300_000, 10, 262_144, 400_000, 262_143, 70_000, 500_000, 300_000, 3]
            do {
                let environment = try Environment(at: directory, configuration: unlocked)
                let table = try environment.integerTable(named: "t", create: true)
                try environment.write { transaction in
                    for (key, length) in lengths.enumerated() {
                        let key = UInt64(key)
                        try transaction.append(table, key, filled(key, byteCount: length))
                    }
                }
            }
            struct Enough: Error {}
            /// How many values are lent before it ends, and why it ends.
            func scan(
                stopAt stop: Int?, throwing: Bool = false
            ) -> (count: Int, error: (any Error)?) {
                var count = 0
                do {
                    try DataFileReader(in: directory).forEach(in: "t", fromAtOrBefore: 0) {
                        key, value in
                        #expect(value.array() == filled(key, byteCount: lengths[Int(key)]))
                        #expect(Int(key) == count)
                        count += 1
                        if count == stop, throwing { throw Enough() }
                        return count != stop
                    }
                } catch { return (count, error) }
                return (count, nil)
            }
            let all = scan(stopAt: nil)
            #expect(all.count == lengths.count && all.error == nil)
            for stop in 1...lengths.count {
                let (stopped, thrown) = (scan(stopAt: stop), scan(stopAt: stop, throwing: true))
                #expect(stopped.count == stop && stopped.error == nil)
                #expect(thrown.count == stop && thrown.error is Enough)
            }
            // The head of each large value's first page, damaged in turn.
            let path = directory + "/data.mdb"
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for (key, length) in lengths.enumerated() where length > 3000 {
                let start = Data(filled(UInt64(key), byteCount: 64))
                // Behind the head of a page, which has 16 bytes.
                let place = try #require(
                    stride(from: 16, to: whole.count - 64, by: 4096).first {
                        whole[$0..<$0 + 64] == start
                    })
                var damaged = whole
                damaged[place - 6] ^= 0xFF
                try damaged.write(to: URL(fileURLWithPath: path))
                let result = scan(stopAt: nil)
                #expect(result.count == key && result.error is LMDBError, "\(key): \(result)")
            }
        }
    }

    @Test("Any part of a value is that part, wherever the value lies")
    func parts() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            let keys = 0..<60 as Range<UInt64>
            try environment.write { transaction in
                for key in keys {
                    let value = filled(key, byteCount: byteCount(key))
                    try transaction.append(table, key, value)
                }
            }
            var seen = 0
            try DataFileReader(in: directory).forEachValue(in: "t", fromAtOrBefore: 0) {
                key, value in
                let whole = filled(key, byteCount: byteCount(key))
                #expect(value.byteCount == whole.count)
                for start in [0, 1, 100, 4080, whole.count / 2] where start <= whole.count {
                    for end in [start, start + 1, start + 5000, whole.count]
                    where (start...max(start, whole.count)).contains(end) {
                        let part = try value.bytes(in: start..<end)
                        #expect(part == Array(whole[start..<end]))
                    }
                }
                seen += 1
                return true
            }
            #expect(seen == keys.count)
        }
    }

    @Test("Where entries were removed it finds those that are left", arguments: [2000, 16_000])
    func gaps(count: UInt64) throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { transaction in
                for key in 0..<count {
                    try transaction.append(table, key, filled(key, byteCount: 200))
                }
            }
            // Runs that begin and end within leaves, so that leaves begin after their separators.
            let kept = (0..<count).filter { $0 % 61 < 13 }
            try environment.write { transaction in
                for key in 0..<count where key % 61 >= 13 {
                    try transaction.delete(table, key: key)
                }
            }
            let reader = try DataFileReader(in: directory)
            for key in stride(from: 0, to: count, by: 7) {
                var first: UInt64?
                try reader.forEach(in: "t", fromAtOrBefore: key) { key, _ in
                    first = key
                    return false
                }
                #expect(first == key / 61 * 61 + min(key % 61, 12), "key \(key)")
            }
            #expect(try reader.keys("t", from: 0) == kept)
        }
    }

    @Test("A table that is missing, or has keys of bytes, is an error")
    func tables() throws {
        try withEnvironment { environment, _, _ in
            let reader = try DataFileReader(in: environment.directory)
            #expect(throws: LMDBError.code(.notFound)) { try reader.value("other", 0) }
            #expect(throws: LMDBError.code(.notFound)) { try reader.value("integersX", 0) }
            #expect(throws: LMDBError.code(.incompatible)) { try reader.value("bytes", 0) }
            #expect(try reader.hasTable("integers"))
            #expect(try !reader.hasTable("other"))
        }
    }

    @Test("It writes nothing: no file comes into being, and none changes")
    func writesNothing() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { try $0.append(table, 1, [1]) }
            environment.close()
            let before = try FileSystem.readFile(directory + "/data.mdb")
            let reader = try DataFileReader(in: directory)
            #expect(try reader.value("t", 1) == [1])
            #expect(try FileSystem.listDirectory(directory) == ["data.mdb"])
            #expect(try FileSystem.readFile(directory + "/data.mdb") == before)
        }
    }

    @Test("An empty file and no file are errors")
    func noFile() throws {
        try withTemporaryDirectory { directory in
            #expect(throws: LMDBError.code(.system(ENOENT))) { try DataFileReader(in: directory) }
            try FileSystem.writeFileAtomically(directory + "/data.mdb", [])
            #expect(throws: LMDBError.code(.fileTruncated)) { try DataFileReader(in: directory) }
        }
    }

    // MARK: Beside a writer

    @Test("No page of a snapshot is overwritten while its meta page stands, and soon after some is")
    func pagesStay() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/data.mdb"
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            let other = try environment.integerTable(named: "u", create: true)
            let size = try environment.info.pageSizeBytes
            let file = try DataFile(path)
            func pages(_ numbers: [UInt64]) throws -> [[UInt8]] {
                try numbers.map { try file.read(at: Int($0) * size, byteCount: size) }
            }
            var overwritten = 0
            var key: UInt64 = 0
            func commit() throws {
                try environment.write { transaction in
                    for _ in 0..<5 {
                        let count = key % 8 == 0 ? 5000 : 100
                        try transaction.append(table, key, filled(key, byteCount: count))
                        key += 1
                    }
                    if key % 3 == 0 { try transaction.append(other, key, [1]) }
                }
            }
            for _ in 0..<40 { try commit() }
            for _ in 0..<60 {
                let head = try FileHead(reading: file)
                var walk = try StructureWalk(path: path, head)
                #expect(try walk.run().isSound)
                let used = (2...head.newest.lastPage).filter { walk.used.contains($0) }
                let before = try pages(used)
                while try head.isStillThere(in: file) {
                    try #require(try pages(used) == before)
                    try commit()
                }
                // What is written up to here was written by the commits n + 1 and n + 2.
                try #require(try pages(used) == before)
                try commit()
                if try pages(used) != before { overwritten += 1 }
            }
            #expect(overwritten > 30, "nothing shows that the rule is needed")
        }
    }

    @Test("Beside a writer that never pauses every scan ends, and gives all that was there")
    func besideWriter() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(at: directory, configuration: unlocked)
        let table = try environment.integerTable(named: "t", create: true)
        let committed = Atomic<UInt64>(0)
        let isDone = Atomic<Bool>(false)
        let writing = onThread {
            var key: UInt64 = 0
            while !isDone.load(ordering: .acquiring) {
                try environment.write { transaction in
                    // Small ones, so that each commit rewrites leaves, and some large ones. As many
                    // as make a commit longer than a step of the reader, in a debug build too.
                    for _ in 0..<16 {
                        let count = key % 64 == 0 ? 9000 : 100
                        try transaction.append(table, key, filled(key, byteCount: count))
                        key += 1
                    }
                }
                committed.store(key, ordering: .releasing)
            }
            return key
        }
        defer { isDone.store(true, ordering: .releasing) }
        while committed.load(ordering: .acquiring) < 500 { await Task.yield() }
        let reader = try DataFileReader(in: directory)
        var ends: [UInt64] = []
        for round in 0..<25 {
            let least = committed.load(ordering: .acquiring)
            // All that there is once, then what came last and what comes meanwhile: the writer
            // would run away from who always begins at the beginning.
            var next = round == 0 ? 0 : least - min(least, 1000)
            try reader.forEach(in: "t", fromAtOrBefore: next) { key, value in
                let count = key % 64 == 0 ? 9000 : 100
                let isRight =
                    key == next && value.byteCount == count
                    && (key % 16 != 0 || value.array() == filled(key, byteCount: count))
                if !isRight { throw LMDBError(.corrupted, operation: "test", reason: "\(key)") }
                next += 1
                return next < least + 1000
            }
            try #require(next >= least)
            ends.append(next)
            for key in [0, least / 2, least - 1] {
                try #require(try reader.value("t", key)?.first == filled(key, byteCount: 1).first)
            }
            try #require(try reader.withLast(in: "t") { key, _ in key }! >= least - 1)
        }
        isDone.store(true, ordering: .releasing)
        let written = try await writing.value
        #expect(written > ends[0], "the writer did not write meanwhile")
        #expect(ends == ends.sorted())
    }

    // MARK: Damage

    @Test("Damage is an error that names the page, or gives something else, and never a trap")
    func damage() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/data.mdb"
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            let size = try environment.info.pageSizeBytes
            for start in stride(from: 0, to: 700, by: 100) as StrideTo<UInt64> {
                try environment.write { transaction in
                    for key in start..<start + 100 {
                        let count = key % 50 == 0 ? 5000 : 60
                        try transaction.append(table, key, filled(key, byteCount: count))
                    }
                }
            }
            environment.close()
            let whole = try FileSystem.readFile(path)
            let file = try Descriptor(opening: path, O_RDWR, operation: "test")
            var generator = SeededGenerator(seed: 25)
            var errors = 0
            func read() throws {
                let reader = try DataFileReader(in: directory)
                _ = try reader.keys("t", from: 0)
                for key in [0, 50, 349, 699, 700] as [UInt64] { _ = try reader.value("t", key) }
                _ = try reader.withLast(in: "t") { key, value in (key, value.byteCount) }
                _ = try reader.info
            }
            try read()
            for _ in 0..<1500 {
                let page = Int.random(in: 0..<whole.count / size, using: &generator)
                // Heads of pages, offsets and nodes at their end, where the numbers are.
                let place =
                    Bool.random(using: &generator)
                    ? Int.random(in: 0..<160, using: &generator)
                    : Int.random(in: 0..<size, using: &generator)
                let offset = page * size + place
                let values: [UInt8] = [0, 0xFF, whole[offset] ^ 1, whole[offset] ^ 0x80]
                let byte = values[Int.random(in: 0..<4, using: &generator)]
                try withBytes(of: [byte]) { try file.write($0, at: offset) }
                do { try read() } catch let error as LMDBError {
                    errors += 1
                    #expect(error.description.contains("page"), "\(error)")
                }
                try withBytes(of: [whole[offset]]) { try file.write($0, at: offset) }
            }
            try read()
            #expect(errors > 100)
        }
    }

    @Test("A tree that leads to itself, or out of the file, ends with an error")
    func loops() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/data.mdb"
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { transaction in
                for key in 0..<400 as Range<UInt64> {
                    try transaction.append(table, key, filled(key, byteCount: 60))
                }
            }
            environment.close()
            let whole = try FileSystem.readFile(path)
            let size = whole.count / Int(try FileHead.check(path)!.newest.lastPage + 1)
            let branch = try #require(
                (2..<whole.count / size).first { whole[$0 * size + 10] == 1 })
            for child in [UInt64(branch), 0, 1, 1 << 20, 1 << 47] {
                try rewrite(path) { bytes in
                    // Each node of a branch: two halves of the child's number, and its top.
                    let start = branch * size
                    let lower = Int(bytes[start + 12]) | Int(bytes[start + 13]) << 8
                    for place in stride(from: start + 16, to: start + lower, by: 2) {
                        let node = start + (Int(bytes[place]) | Int(bytes[place + 1]) << 8)
                        for byte in 0..<6 {
                            let part = child >> UInt64(8 * byte)
                            bytes[node + byte] = UInt8(truncatingIfNeeded: part)
                        }
                    }
                }
                let reader = try DataFileReader(in: directory)
                #expect(throws: LMDBError.code(.fileDamaged), "\(child)") {
                    try reader.keys("t", from: 0)
                }
                #expect(throws: LMDBError.code(.fileDamaged), "\(child)") {
                    try reader.value("t", 399)
                }
                try FileSystem.writeFileAtomically(path, whole)
            }
        }
    }
}

@Suite("An environment without a lock file")
struct UnlockedEnvironmentTests {
    @Test("It makes no lock file, and refuses to read: nobody would keep the pages")
    func refusesReads() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory, configuration: unlocked)
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { try $0.append(table, 1, [1]) }
            #expect(throws: LMDBError.code(.badTransaction)) {
                try environment.read { try $0.count(of: table) }
            }
            #expect(throws: LMDBError.code(.badTransaction)) {
                try environment.copy(to: directory + "/copy", compacting: false)
            }
            #expect(try FileSystem.listDirectory(directory) == ["data.mdb"])
            #expect(try environment.info.readersInUse == 0)
            #expect(try environment.clearStaleReaders() == 0)
        }
    }

    @Test("A write beside another thread's is refused, and so is one inside a write")
    func oneWriter() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(at: directory, configuration: unlocked)
        let table = try environment.integerTable(named: "t", create: true)
        try environment.write { transaction in
            try transaction.append(table, 1, [1])
            #expect(throws: LMDBError.code(.badTransaction)) { try environment.write { _ in } }
            let refusal = Mutex<LMDBError?>(nil)
            let thread = Thread {
                do { try environment.write { _ in } } catch {
                    refusal.withLock { $0 = error as? LMDBError }
                }
            }
            thread.start()
            while !thread.isFinished { usleep(1000) }
            #expect(refusal.withLock { $0 } == .code(.badTransaction))
        }
        #expect(throws: LMDBError.code(.keyExists)) {
            try environment.write { try $0.append(table, 1, [1]) }
        }
        // Also after one that failed.
        try environment.write { try $0.append(table, 2, [2]) }
    }
}
