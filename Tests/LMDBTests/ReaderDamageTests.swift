// Each check of the reader without LMDB, met by damage: of every flipped bit what is lent is what
// was written, up to an error. Lost ends, forged lengths and heads that are half written too.

import Foundation
import Platform
import Synchronization
import Testing

@testable import LMDB

/// A value that its key makes out; one has pages of its own.
private func content(_ key: UInt64) -> [UInt8] {
    (0..<(key == 3 ? 9000 : 240)).map { UInt8(truncatingIfNeeded: key &* 37 &+ $0) }
}

/// Of the keys from 1 on.
private let contents = (1...52).map { content($0) }

/// The bytes of one page that lead to its entries, by what they are.
private enum Field: String, CaseIterable {
    /// The page's number, its pad and its flags.
    case identity
    /// The end of the node offsets: how many nodes there are.
    case lower
    case upper
    case offset
    /// The length of a value in the leaf; in a branch the number of a page.
    case size
    case flags, keyLength, key
    /// The first page of a large value.
    case firstPage
    /// How many pages a large value has.
    case pageCount
}

/// - Returns: nothing of a page without a head, which follows the first of a large value.
private func fields(ofPage page: Int, in bytes: [UInt8]) -> [(Field, Int)] {
    let start = page * pageBytes
    guard bytes.integer16(start) == page, bytes.integer16(start + 2) == 0 else { return [] }
    var found = (0..<12).map { (Field.identity, start + $0) }
    let flags = bytes.integer16(start + 10)
    if flags == 4 { return found + (12..<16).map { (.pageCount, start + $0) } }
    found += [(.lower, start + 12), (.lower, start + 13), (.upper, start + 14)]
    found.append((.upper, start + 15))
    let places = Array(stride(from: 16, to: bytes.integer16(start + 12), by: 2))
    // Nodes are alike but at the ends.
    for place in Set(places.prefix(3) + places.suffix(2)).sorted() {
        let node = start + bytes.integer16(start + place)
        let keyEnd = node + 8 + bytes.integer16(node + 6)
        found += [(.offset, start + place), (.offset, start + place + 1)]
        found += (0..<4).map { (.size, node + $0) } + (4..<6).map { (.flags, node + $0) }
        found += (6..<8).map { (.keyLength, node + $0) }
        found += (node + 8..<keyEnd).map { (.key, $0) }
        if flags == 2, bytes.integer16(node + 4) == 1 {
            found += (keyEnd..<keyEnd + 8).map { (.firstPage, $0) }
        }
    }
    return found
}

@Suite("Damage beneath the reader without LMDB")
struct ReaderDamageTests {
    /// A compact file with a table `integers` of two levels, the keys of which have no gaps.
    private func withFile(_ body: (String) throws -> Void) throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                for (index, value) in contents.enumerated() {
                    try transaction.append(integers, UInt64(index + 1), value)
                }
            }
            let copy = environment.directory + "/copy"
            try environment.copy(to: copy, compacting: true)
            try body(copy)
        }
    }

    private struct Scan {
        /// The first key that was lent with something else than what was written, or out of turn.
        var wrong: UInt64?
        var count: UInt64 = 0
        var error: LMDBError?
        var isWhole: Bool { wrong == nil && error == nil && count == contents.count }
    }

    private func scan(_ directory: String) -> Scan {
        var scan = Scan()
        do {
            try DataFileReader(in: directory).forEach(in: "integers", fromAtOrBefore: 0) {
                key, value in
                if scan.count >= contents.count || key != scan.count + 1
                    || value.array() != contents[Int(scan.count)]
                {
                    scan.wrong = scan.wrong ?? key
                }
                scan.count += 1
                return true
            }
        } catch { scan.error = error as? LMDBError }
        return scan
    }

    @Test("Of every flipped bit a scan gives what was written up to an error, or all of it")
    func flips() throws {
        try withFile { directory in
            let patch = try FilePatch(directory + "/data.mdb")
            let lastKey = UInt64(contents.count)
            var errors: [Field: Int] = [:]
            #expect(scan(directory).isWhole)
            for page in 2..<patch.bytes.count / pageBytes {
                let isBranch = patch.bytes.integer16(page * pageBytes + 10) == 1
                for (field, offset) in fields(ofPage: page, in: patch.bytes) {
                    for bit: UInt8 in 0..<8 {
                        let flipped = patch.bytes[offset] ^ 1 << bit
                        let result = try patch.with([flipped], at: offset) { scan(directory) }
                        if let error = result.error {
                            errors[field, default: 0] += 1
                            #expect(error.code != .fileDamaged || "\(error)".contains("page"))
                        }
                        let place = "\(field) of page \(page), byte \(offset % pageBytes), \(bit)"
                        switch field {
                        // How much is there: nothing but a hash can tell.
                        case .lower: break
                        case .size where !isBranch: break
                        // Only the keys beside it tell that a key is wrong: that of the first may
                        // be lower, that of the last higher.
                        case .key where !isBranch, .offset where !isBranch:
                            let isMet = result.isWhole || result.error != nil
                            let isAtAnEnd = result.wrong == 0 || result.wrong ?? 0 >= lastKey
                            #expect(isMet || isAtAnEnd, "\(place): \(result)")
                        default:
                            let isMet = result.isWhole || result.error != nil
                            #expect(isMet && result.wrong == nil, "\(place): \(result)")
                        }
                    }
                }
            }
            for field in Field.allCases { #expect(errors[field, default: 0] > 1, "\(field)") }
            #expect(scan(directory).isWhole)
        }
    }

    /// Damages a file and expects an error with some words from whoever scans it.
    private func expect(
        _ words: String, after lent: UInt64, _ directory: String, _ patch: FilePatch,
        _ bytes: [UInt8], at offset: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try patch.with(bytes, at: offset) { scan(directory) }
        #expect(
            result.error?.description.contains(words) == true, "\(result)",
            sourceLocation: sourceLocation)
        #expect(
            result.wrong == nil && result.count == lent, "\(result)",
            sourceLocation: sourceLocation)
    }

    @Test("Leaves, keys and nodes of another place or kind are met before anything is lent of them")
    func order() throws {
        try withFile { directory in
            let patch = try FilePatch(directory + "/data.mdb")
            let pages = 2..<patch.bytes.count / pageBytes
            let branch = try #require(
                pages.first { patch.bytes.integer16($0 * pageBytes + 10) == 1 })
            /// Where a node of a page stands in the file.
            func node(_ index: Int, of page: Int) -> Int {
                let start = page * pageBytes
                return start + patch.bytes.integer16(start + 16 + 2 * index)
            }
            let leaves = (0..<3).map { patch.bytes.integer16(node($0, of: branch)) }
            let firstKey = UInt64(patch.bytes[node(0, of: leaves[1]) + 8])
            // Each leads to the other's leaf.
            try expect(
                "belongs further right", after: 0, directory, patch,
                [UInt8(leaves[1])], at: node(0, of: branch))
            try expect(
                "belongs further left", after: firstKey - 1, directory, patch,
                [UInt8(leaves[0])], at: node(1, of: branch))
            // A branch whose second key is too low or too high for its leaf.
            try expect(
                "belongs further right", after: 0, directory, patch,
                [UInt8(firstKey - 1)], at: node(1, of: branch) + 8)
            try expect(
                "belongs further left", after: firstKey - 1, directory, patch,
                [UInt8(firstKey + 1)], at: node(1, of: branch) + 8)
            // A page that no commit has used yet.
            try expect(
                "but pages in use are 2 to", after: 0, directory, patch,
                [0xFF, 0xFF], at: node(0, of: branch))
            // Two offsets that changed places.
            let offsets = leaves[1] * pageBytes + 16 + 2 * 3
            let swapped = [2, 3, 0, 1].map { patch.bytes[offsets + $0] }
            #expect(try patch.with(swapped, at: offsets) { scan(directory).error != nil })
            // A key twice is lent once.
            try expect(
                "keys out of order", after: firstKey + 2, directory, patch,
                [UInt8(firstKey + 2)], at: node(3, of: leaves[1]) + 8)
            // An entry that says that it is a table, or has duplicates.
            for flags: UInt8 in [2, 4, 6] {
                try expect(
                    "node flags \(flags)", after: firstKey + 2, directory, patch,
                    [flags], at: node(3, of: leaves[1]) + 4)
            }
        }
    }

    // MARK: Values with pages of their own

    @Test("A large value that is being read ahead is lent before a scan ends, or tells of a fault")
    func readAhead() throws {
        try withEnvironment { environment, integers, _ in
            let lengths = [10, 300_000, 400_000]
            try environment.write { transaction in
                for (key, length) in lengths.enumerated() {
                    let value = [UInt8](repeating: UInt8(key), count: length)
                    try transaction.append(integers, UInt64(key), value)
                }
            }
            let directory = environment.directory
            func keys() -> (keys: [UInt64], error: LMDBError?) {
                var keys: [UInt64] = []
                do {
                    try DataFileReader(in: directory).forEach(in: "integers", fromAtOrBefore: 0) {
                        key, value in
                        #expect(value.byteCount == lengths[Int(key)])
                        keys.append(key)
                        return true
                    }
                } catch { return (keys, error as? LMDBError) }
                return (keys, nil)
            }
            #expect(keys().keys == [0, 1, 2] && keys().error == nil)
            // The last one's key, which is looked at before the one ahead of it is lent.
            let patch = try FilePatch(directory + "/data.mdb")
            let lastPage = try DataFileReader(in: directory).info.usedBytes / pageBytes
            var damaged = 0
            for page in 2..<lastPage where patch.bytes.integer16(page * pageBytes + 10) == 2 {
                let start = page * pageBytes
                guard patch.bytes.integer16(start + 12) == 16 + 2 * lengths.count else { continue }
                let node = start + patch.bytes.integer16(start + 16 + 4)
                let found = try patch.with([0], at: node + 8) { keys() }
                #expect(found.keys == [0, 1] && found.error?.code == .fileDamaged)
                damaged += 1
            }
            #expect(damaged > 0)
        }
    }

    /// Where a large value's first page begins in the file.
    private func firstPage(of value: [UInt8], in bytes: [UInt8]) throws -> Int {
        let start = value.prefix(64)
        return try #require(
            stride(from: 0, to: bytes.count - pageBytes, by: pageBytes).first {
                bytes[$0 + 16..<$0 + 80] == start
            })
    }

    @Test("A value whose end the file loses after it was found is an error, whole or in part")
    func lostEnd() throws {
        try withFile { directory in
            let bytes = try FileSystem.readFile(directory + "/data.mdb")
            let place = try firstPage(of: content(3), in: bytes)
            var seen = 0
            try DataFileReader(in: directory).forEachValue(in: "integers", fromAtOrBefore: 3) {
                key, value in
                #expect(key == 3)
                #expect(truncate(directory + "/data.mdb", off_t(place + pageBytes + 10)) == 0)
                for part in [0..<9000, 0..<5000, 100..<9000, 4080..<4095, 5000..<5001] {
                    let error = #expect(throws: LMDBError.code(.fileDamaged), "\(part)") {
                        try value.bytes(in: part)
                    }
                    #expect(error?.description.contains("page \(place / pageBytes)") == true)
                }
                #expect(throws: LMDBError.code(.fileDamaged)) {
                    try value.withBytes { $0.byteCount }
                }
                let part = try value.bytes(in: 0..<4000)
                #expect(part == Array(content(3)[..<4000]))
                seen += 1
                return false
            }
            #expect(seen == 1)
        }
    }

    @Test("A great length is held against the value's first page before room is made for it")
    func forgedLength() throws {
        try withTemporaryDirectory { directory in
            let value = [UInt8](repeating: 5, count: 2 << 20)
            let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { try $0.append(table, 1, value) }
            environment.close()
            let path = directory + "/data.mdb"
            let place = try firstPage(of: value, in: FileSystem.readFile(path))
            _ = try DataFileReader(in: directory).withValue(in: "t", at: 1) { $0.byteCount }
            try DataFileReader(in: directory).forEachValue(in: "t", fromAtOrBefore: 1) { _, value in
                // The first page has one page, and no other is there: whoever read them all
                // would say that the file ends.
                let file = try Descriptor(opening: path, O_RDWR, operation: "test")
                try withBytes(of: [1, 0, 0, 0]) { try file.write($0, at: place + 12) }
                #expect(truncate(path, off_t(place + pageBytes)) == 0)
                let error = #expect(throws: LMDBError.code(.fileDamaged)) {
                    try value.withBytes { $0.byteCount }
                }
                #expect(error?.description.contains("1 pages for") == true)
                return false
            }
        }
    }

    // MARK: Heads

    @Test("A head that is half written is read again until it is whole")
    func halfWritten() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/data.mdb"
            let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { try $0.append(table, 1, [1]) }
            environment.close()
            try expectRepeatedReads(path)
        }
    }

    private func expectRepeatedReads(_ path: String) throws {
        let file = try DataFile(path)
        let newest = try FileHead(reading: file).newest.pageNumber
        let place = Int(newest) * pageBytes + 16
        let whole = try file.read(at: place, byteCount: 1)
        let writer = try DataFile(path, isWritten: true)
        let clock = ContinuousClock()
        var waited = 0
        // Where threads have to wait for each other, a head may stay damaged for too long, or be
        // whole before it is read: again, then.
        for _ in 0..<200 where waited < 3 {
            try withBytes(of: [~whole[0]]) { try writer.write($0, at: place) }
            let repaired = Mutex<ContinuousClock.Instant?>(nil)
            let repairing = Thread {
                usleep(1500)
                try? withBytes(of: whole) { try writer.write($0, at: place) }
                repaired.withLock { $0 = clock.now }
            }
            let began = clock.now
            repairing.start()
            let head = try? FileHead(reading: file)
            while !repairing.isFinished { usleep(500) }
            let end = try #require(repaired.withLock { $0 })
            if end > began + .milliseconds(1), head != nil { waited += 1 }
        }
        #expect(waited == 3)
    }
}
