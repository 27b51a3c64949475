// The walk over data files: sound ones of every shape are sound, and damage is found.
//
// Which bytes are structure is found here by a reading of the layout of its own, so that a field
// the walk forgot shows.

import Foundation
import LMDB
import Platform
import Synchronization
import Testing

extension [UInt8] {
    fileprivate func integer64(_ offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
    }
}

/// The bytes of a page that are structure, of a file where every page is in use.
private func structureBytes(of page: Int, in bytes: [UInt8]) -> [Int] {
    let start = page * pageBytes
    let flags = bytes.integer16(start + 10)
    // The further pages of a large value have no head: they are filled with the byte 3.
    if flags == 0x0303 { return [] }
    if flags == 8 {
        // The size of the map is a wish, not a fact; and byte 45 may say "without a folder".
        var fields = (0..<16 + 136).filter { !(32..<40).contains($0) && $0 != 45 }
        // Of the older one LMDB uses only its number: a commit that failed leaves roots there.
        let other = (1 - page) * pageBytes
        if bytes.integer64(start + 144) < bytes.integer64(other + 144) {
            fields.removeAll { (46..<88).contains($0) || (94..<144).contains($0) }
        }
        return fields.map { start + $0 }
    }
    var offsets = Array(start..<start + 16)
    if flags == 4 { return offsets }
    let lower = bytes.integer16(start + 12)
    offsets += start + 16..<start + lower
    for place in stride(from: 16, to: lower, by: 2) {
        let node = start + bytes.integer16(start + place)
        offsets += node..<node + 8
        let keyByteCount = bytes.integer16(node + 6)
        if flags == 2 {
            // The number of a large value's first page, and the record of a table.
            let nodeFlags = bytes.integer16(node + 4)
            let value = node + 8 + keyByteCount
            if nodeFlags == 1 { offsets += value..<value + 8 }
            if nodeFlags == 2 { offsets += value..<value + 48 }
        }
    }
    return offsets
}

@Suite("Structure of data files")
struct StructureTests {
    private func check(_ directory: String) throws -> StructureReport {
        try DataFileWalk.check(path: directory + "/data.mdb")
    }

    private func expectSound(
        _ directory: String, _ tables: [StructureReport.Table],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let report = try check(directory)
        #expect(report.faults == [], sourceLocation: sourceLocation)
        #expect(report.isSound, sourceLocation: sourceLocation)
        #expect(report.leakedPages == 0, sourceLocation: sourceLocation)
        #expect(
            report.pages == 2 + report.usedPages + report.freePages,
            sourceLocation: sourceLocation)
        #expect(report.tables == tables, sourceLocation: sourceLocation)
    }

    @Test("A new file, one with empty tables and one with few entries are sound")
    func small() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory)
            try expectSound(directory, [])
            let table = try environment.integerTable(named: "integers", create: true)
            _ = try environment.bytesTable(named: "bytes", create: true)
            try expectSound(
                directory, [.init(name: "bytes", entries: 0), .init(name: "integers", entries: 0)])
            try environment.write { try $0.append(table, 7, value(7)) }
            environment.close()
            try expectSound(
                directory, [.init(name: "bytes", entries: 0), .init(name: "integers", entries: 1)])
        }
    }

    @Test("Deep trees, large values and long free lists are sound, after every commit")
    func churn() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(
                at: directory, configuration: .init(syncMode: .none))
            let integers = try environment.integerTable(named: "integers", create: true)
            let bytes = try environment.bytesTable(named: "bytes", create: true)
            var random = SeededGenerator(seed: 5)
            // Deep at once: three levels of each.
            try environment.write { transaction in
                for key: UInt64 in 0..<30_000 {
                    try transaction.append(integers, key * 3, value(key))
                }
                for number in 0..<3_000 {
                    try transaction.put(bytes, "name-\(number % 7)-\(number)", value(1))
                }
            }
            for _ in 0..<60 {
                try environment.write { transaction in
                    for _ in 0..<Int.random(in: 1...60, using: &random) {
                        let key = UInt64.random(in: 0..<90_000, using: &random)
                        // Some fill many pages, and some replace those by less.
                        let large = Int.random(in: 0..<50, using: &random) == 0
                        let size = Int.random(in: 0..<(large ? 400_000 : 2_500), using: &random)
                        let value = [UInt8](repeating: 1, count: size)
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0: try transaction.put(integers, key % 500, value)
                        case 1: try transaction.put(bytes, "name-\(key % 3_000)", value)
                        case 2:
                            for next in key..<key + 300 {
                                _ = try transaction.delete(integers, key: next)
                            }
                        default:
                            _ = try transaction.delete(bytes, key: Array("name-\(key)".utf8))
                        }
                    }
                }
                let entries = try environment.read { transaction in
                    (try transaction.count(of: bytes), try transaction.count(of: integers))
                }
                try expectSound(
                    directory,
                    [
                        .init(name: "bytes", entries: UInt64(entries.0)),
                        .init(name: "integers", entries: UInt64(entries.1)),
                    ])
            }
            #expect(try check(directory).freePages > 100)
            try environment.copy(to: directory + "/plain", compacting: false)
            try environment.copy(to: directory + "/compact", compacting: true)
            try environment.write { try $0.removeAll(of: integers) }
            environment.close()
            #expect(try check(directory).isSound)
            #expect(try check(directory + "/plain").isSound)
            let compact = try check(directory + "/compact")
            #expect(compact.isSound && compact.freePages == 0 && compact.leakedPages == 0)
        }
    }

    /// A compact file of some twenty pages of every kind, all in use.
    private func withCompactFile(_ body: (String) throws -> Void) throws {
        try withEnvironment { environment, integers, bytes in
            try environment.write { transaction in
                for key: UInt64 in 0..<30 {
                    let size = key % 10 == 3 ? 9_000 : 300
                    // Above 255, so that keys read as bytes would be out of order.
                    try transaction.append(
                        integers, key * 100, [UInt8](repeating: 3, count: size))
                    let name = "name-\(key + 100)-"
                    try transaction.put(bytes, name, [UInt8](repeating: 4, count: 401))
                }
            }
            let copy = environment.directory + "/compact"
            try environment.copy(to: copy, compacting: true)
            try body(copy + "/data.mdb")
        }
    }

    @Test("Every flipped bit of a head of page or node, an offset or a table's record is found")
    func structureFlips() throws {
        try withCompactFile { file in
            let patch = try FilePatch(file)
            let report = try DataFileWalk.check(path: file)
            #expect(report.isSound && report.leakedPages == 0 && report.pages > 15)
            var kinds: Set<Int> = []
            var tried = 0
            for page in 0..<Int(report.pages) {
                let offsets = structureBytes(of: page, in: patch.bytes)
                if !offsets.isEmpty { kinds.insert(patch.bytes.integer16(page * pageBytes + 10)) }
                // A damaged head is read four times, a millisecond apart.
                let bits: [UInt8] = page < 2 ? [0, 1, 6] : Array(0..<8)
                for offset in offsets {
                    for bit in bits where !isHidden(offset, bit, patch.bytes) {
                        let flipped = patch.bytes[offset] ^ 1 << bit
                        try patch.with([flipped], at: offset) {
                            let damaged = try DataFileWalk.check(path: file)
                            #expect(
                                !damaged.isSound || damaged.leakedPages > 0,
                                "page \(page) byte \(offset % pageBytes) bit \(bit)")
                        }
                        tried += 1
                    }
                }
            }
            #expect(kinds == [1, 2, 4, 8])
            #expect(tried > 7_000)
            #expect(try DataFileWalk.check(path: file).isSound)
        }
    }

    /// Whether a bit of a node's sizes is one that padding to even sizes hides, or one that keeps a
    /// large value within its pages.
    private func isHidden(_ offset: Int, _ bit: UInt8, _ bytes: [UInt8]) -> Bool {
        let start = offset / pageBytes * pageBytes
        guard bytes.integer16(start + 10) == 2 else { return false }
        for place in stride(from: 16, to: bytes.integer16(start + 12), by: 2) {
            let node = start + bytes.integer16(start + place)
            let (valueBytes, keyBytes) = (bytes.integer16(node), bytes.integer16(node + 6))
            if bytes.integer16(node + 4) == 1, (node..<node + 2).contains(offset) {
                let flipped = valueBytes ^ 1 << (8 * (offset - node) + Int(bit))
                return (15 + valueBytes) / pageBytes >= (15 + flipped) / pageBytes
            }
            if offset == node { return bit == 0 && keyBytes % 2 == 1 }
            if offset == node + 6 { return bit == 0 && valueBytes % 2 == 1 }
        }
        return false
    }

    @Test("Every flipped bit of the free list is found, in short lists and in long ones")
    func freeListFlips() throws {
        try withEnvironment { environment, integers, _ in
            // The first commits free a few pages each, the last one two thousand.
            for key: UInt64 in 0..<5 {
                try environment.write { try $0.append(integers, key, value(key)) }
            }
            try environment.write {
                try $0.append(integers, 9, [UInt8](repeating: 1, count: 600 * pageBytes))
            }
            try environment.write { _ = try $0.delete(integers, key: 9) }
            let file = environment.directory + "/data.mdb"
            environment.close()
            let patch = try FilePatch(file)
            #expect(try DataFileWalk.check(path: file).freePages > 600)
            let newest = patch.bytes.integer64(144) > patch.bytes.integer64(pageBytes + 144) ? 0 : 1
            let root = Int(patch.bytes.integer64(newest * pageBytes + 16 + 24 + 40))
            #expect(patch.bytes.integer16(root * pageBytes + 10) == 2)
            var offsets = structureBytes(of: root, in: patch.bytes)
            for place in stride(from: 16, to: patch.bytes.integer16(root * pageBytes + 12), by: 2) {
                let node = root * pageBytes + patch.bytes.integer16(root * pageBytes + place)
                if patch.bytes.integer16(node + 4) == 1 {
                    // Only some of the long list.
                    let list = Int(patch.bytes.integer64(node + 16)) * pageBytes + 16
                    offsets += (list..<list + 8 * 600).filter { $0 % 61 < 8 }
                } else {
                    offsets += node + 16..<node + 16 + patch.bytes.integer16(node)
                }
            }
            for offset in offsets {
                for bit: UInt8 in [0, 3, 7] {
                    try patch.with([patch.bytes[offset] ^ 1 << bit], at: offset) {
                        let damaged = try DataFileWalk.check(path: file)
                        #expect(
                            !damaged.isSound || damaged.leakedPages > 0,
                            "byte \(offset) bit \(bit)")
                    }
                }
            }
        }
    }

    @Test("Pages that stand in each other's place, loops and lost ends are found, with the page")
    func pagesInWrongPlaces() throws {
        try withCompactFile { file in
            let patch = try FilePatch(file)
            let pages = patch.bytes.count / pageBytes
            for page in 2..<pages {
                let isOverflowRest = ![1, 2, 4].contains(
                    patch.bytes.integer16(page * pageBytes + 10))
                guard !isOverflowRest else { continue }
                let other = page == 2 ? 3 : 2
                let copy = Array(patch.bytes[other * pageBytes..<(other + 1) * pageBytes])
                try patch.with(copy, at: page * pageBytes) {
                    let report = try DataFileWalk.check(path: file)
                    #expect(report.faults.first?.page == UInt64(page))
                    #expect(report.faults.first?.reason == "it says it is page \(other)")
                }
                // A branch whose first child is itself.
                if patch.bytes.integer16(page * pageBytes + 10) == 1 {
                    let node = page * pageBytes + patch.bytes.integer16(page * pageBytes + 16)
                    try patch.with([UInt8(page), 0], at: node) {
                        let report = try DataFileWalk.check(path: file)
                        #expect(report.faults.first?.page == UInt64(page))
                        #expect(report.faults.first?.reason.contains("a second time") == true)
                    }
                }
            }
            let whole = patch.bytes
            for length in [0, 100, pageBytes, 2 * pageBytes, whole.count - 1, whole.count / 2] {
                try FileSystem.writeFileAtomically(file, Array(whole[..<length]))
                #expect(try !DataFileWalk.check(path: file).isSound, "\(length) bytes")
            }
        }
    }

    @Test("Garbage in any place ends in a report, never in a crash or a walk without end")
    func garbage() throws {
        try withEnvironment { environment, integers, bytes in
            for number: UInt64 in 0..<12 {
                try environment.write { transaction in
                    for key: UInt64 in 0..<20 {
                        let size = key == 7 ? 9_000 : 100
                        let value = [UInt8](repeating: UInt8(number), count: size)
                        try transaction.put(integers, number * 20 + key, value)
                        try transaction.put(bytes, "\(key)-\(number)", value)
                    }
                    _ = try transaction.delete(integers, key: number * 15)
                }
            }
            // Without free pages, which may hold anything.
            let copy = environment.directory + "/compact"
            try environment.copy(to: copy, compacting: true)
            let file = copy + "/data.mdb"
            let patch = try FilePatch(file)
            let whole = try DataFileWalk.check(path: file)
            #expect(whole.isSound)
            var random = SeededGenerator(seed: 77)
            let pages = Int(whole.pages)
            var found = 0
            for round in 0..<800 {
                // Words at aligned places of any page, and whole pages over others.
                let page = Int.random(in: 0..<pages, using: &random)
                let source = Int.random(in: 0..<pages, using: &random)
                var changed = Array(patch.bytes[page * pageBytes..<(page + 1) * pageBytes])
                if round % 10 == 0 {
                    changed = Array(patch.bytes[source * pageBytes..<(source + 1) * pageBytes])
                } else {
                    for _ in 0...round % 5 {
                        let near = round % 2 == 0 ? 32 : pageBytes / 2
                        let place = 2 * Int.random(in: 0..<near, using: &random)
                        let word = UInt16.random(in: 0...(.max), using: &random)
                        changed[place] = UInt8(word & 255)
                        if round % 3 > 0 { changed[place + 1] = UInt8(word >> 8) }
                    }
                }
                try patch.with(changed, at: page * pageBytes) {
                    let report = try DataFileWalk.check(path: file)
                    #expect(report.faults.count <= StructureReport.faultsMax)
                    if !report.isSound { found += 1 }
                }
            }
            #expect(found > 100)
        }
    }

    @Test("Beside a process that commits the report is sound or incomplete, never a false alarm")
    func besideWriter() throws {
        try withEnvironment { environment, integers, _ in
            let isDone = Atomic(false)
            let commits = Atomic(0)
            let thread = Thread {
                var key: UInt64 = 0
                while !isDone.load(ordering: .acquiring) {
                    try? environment.write { transaction in
                        for _ in 0..<20 {
                            try transaction.put(
                                integers, key % 500, [UInt8](repeating: 1, count: 700))
                            key += 7
                        }
                    }
                    commits.add(1, ordering: .relaxed)
                }
                isDone.store(false, ordering: .releasing)
            }
            thread.start()
            while commits.load(ordering: .relaxed) < 50 { usleep(1000) }
            for _ in 0..<200 {
                let report = try check(environment.directory)
                #expect(report.faults == [])
                #expect(report.isSound || report.incompleteReason?.contains("commits") == true)
            }
            isDone.store(true, ordering: .releasing)
            while isDone.load(ordering: .acquiring) { usleep(1000) }
            #expect(try check(environment.directory).isSound)
        }
    }

    @Test("A missing file is an error, another kind of file a fault")
    func foreign() throws {
        try withTemporaryDirectory { directory in
            #expect(throws: LMDBError.code(.system(ENOENT))) { try check(directory) }
            try FileSystem.writeFileAtomically(
                directory + "/data.mdb", [UInt8](repeating: 9, count: 20_000))
            #expect(try check(directory).faults.count == 1)
        }
    }
}
