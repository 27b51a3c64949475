// Files that are refused before LMDB may map them.
//
// Offsets are those of the layout drawn in FileHead.swift.

import LMDB
import Platform
import Testing

@Suite("Heads of files")
struct FileHeadTests {
    /// A closed environment with some entries, and its data file.
    private func withDataFile(_ body: (String, String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(
                at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            for key: UInt64 in 0..<50 {
                try environment.write {
                    try $0.append(table, key, [UInt8](repeating: 1, count: 1000))
                }
            }
            // Large enough to find no room among the free pages: the last pages are in use.
            try environment.write {
                try $0.append(table, 50, [UInt8](repeating: 2, count: 200_000))
            }
            environment.close()
            try body(directory, directory + "/data.mdb")
        }
    }

    private func pageSize() throws -> Int {
        try withEnvironment { environment, _, _ in try environment.info.pageSizeBytes }
    }

    private func expect(
        _ code: LMDBError.Code, opening directory: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: LMDBError.code(code), sourceLocation: sourceLocation) {
            try Environment(at: directory)
        }
        #expect(error?.operation == "open", sourceLocation: sourceLocation)
    }

    /// A field of a meta page, and what a flipped low bit in it makes of the file.
    struct Field: Sendable, CustomTestStringConvertible {
        var name: String
        var offset: Int
        /// The bit to flip.
        var bit: UInt8 = 1
        var testDescription: String { name }
        /// The flags are written too, but are always the same.
        var isWrittenByCommits: Bool {
            offset >= 46 && name != "main flags" && name != "transaction"
        }

        static let all = [
            Field(name: "page number", offset: 0),
            Field(name: "page flags", offset: 10),
            Field(name: "magic", offset: 16),
            Field(name: "format", offset: 20),
            Field(name: "page size", offset: 16 + 24),
            Field(name: "free list flags", offset: 16 + 28),
            Field(name: "free list depth", offset: 16 + 30, bit: 0x80),
            Field(name: "free list root", offset: 16 + 64 + 7, bit: 0x80),
            Field(name: "main flags", offset: 16 + 76),
            Field(name: "main depth", offset: 16 + 78, bit: 0x80),
            Field(name: "main pages", offset: 16 + 88 + 5),
            Field(name: "main root", offset: 16 + 112 + 4),
            Field(name: "last page", offset: 16 + 120 + 7),
            Field(name: "transaction", offset: 16 + 128),
        ]
    }

    /// The meta page that LMDB uses.
    private func newestPage(_ bytes: [UInt8], _ size: Int) -> Int {
        let numbers = [0, size].map { bytes.integer(at: $0 + 144) }
        return numbers[0] >= numbers[1] ? 0 : 1
    }

    @Test(
        "a damaged field in the meta page that is used, or in both, refuses the file",
        arguments: Field.all, [false, true])
    func damagedField(field: Field, inBoth: Bool) throws {
        let size = try pageSize()
        try withDataFile { directory, file in
            try rewrite(file) { bytes in
                let newest = newestPage(bytes, size)
                for page in inBoth ? [0, 1] : [newest] {
                    bytes[page * size + field.offset] ^= field.bit
                }
            }
            switch (field.name, inBoth) {
            case ("magic", true): expect(.foreignFile, opening: directory)
            case ("format", true): expect(.versionMismatch, opening: directory)
            default: expect(.fileDamaged, opening: directory)
            }
        }
    }

    // Of the older page nothing is used but its number. A changed number may be the newest page's:
    // LMDB would go on from the commit before, without a word.
    @Test(
        "a damaged field in the older meta page refuses unless each commit writes it anew",
        arguments: Field.all)
    func damagedOlderField(field: Field) throws {
        let size = try pageSize()
        try withDataFile { directory, file in
            try rewrite(file) { bytes in
                bytes[(1 - newestPage(bytes, size)) * size + field.offset] ^= field.bit
            }
            if field.isWrittenByCommits {
                try expectEntries(51, in: directory)
            } else {
                expect(.fileDamaged, opening: directory)
            }
        }
    }

    private func expectEntries(
        _ count: Int, in directory: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
        let table = try environment.integerTable(named: "t", create: false)
        let found = try environment.read { try $0.keys(table) }
        #expect(found == (0..<UInt64(count)).map { $0 }, sourceLocation: sourceLocation)
        environment.close()
    }

    // What LMDB leaves of a commit whose last write, that of a meta page, failed: all data pages
    // are there, and of the meta page any first part, with or without the former last page and
    // number that LMDB then writes over it.
    @Test(
        "a meta page that was written only in part loses no commit before it, at any length",
        arguments: [(50, false), (51, false), (253, false), (254, false), (50, true), (51, true)])
    func tornMetaPage(commits: Int, isLarge: Bool) throws {
        let size = try pageSize()
        try withTemporaryDirectory { directory in
            let file = directory + "/data.mdb"
            var environment = try Environment(
                at: directory, configuration: .init(syncMode: .none))
            let table = try environment.integerTable(named: "t", create: true)
            for key in 0..<UInt64(commits) {
                try environment.write { try $0.append(table, key, value(key)) }
            }
            environment.close()
            let before = try FileSystem.readFile(file)
            environment = try Environment(at: directory, configuration: .init(syncMode: .none))
            let again = try environment.integerTable(named: "t", create: false)
            // A large one has its pages, and the new roots, beyond the former last page.
            let added = [UInt8](repeating: 7, count: isLarge ? 200_000 : 4)
            try environment.write { try $0.append(again, UInt64(commits), added) }
            environment.close()
            let after = try FileSystem.readFile(file)
            // The bytes a commit writes: from the size of the map to the transaction number.
            let slot = newestPage(after, size) * size
            let written = slot + 32..<slot + 152
            #expect(before.integer(at: slot + 144) + 2 == after.integer(at: slot + 144))
            for length in 0...written.count {
                for isTakenBack in [false, true] {
                    var bytes = after
                    bytes.replaceSubrange(0..<2 * size, with: before[0..<2 * size])
                    let part = written.lowerBound..<written.lowerBound + length
                    bytes.replaceSubrange(part, with: after[part])
                    if isTakenBack {
                        // LMDB writes all of it again, with the former last page and number.
                        bytes.replaceSubrange(written, with: after[written])
                        bytes.replaceSubrange(
                            slot + 136..<slot + 152, with: before[slot + 136..<slot + 152])
                    }
                    try FileSystem.writeFileAtomically(file, bytes)
                    // The number is the last field: with its lowest byte the commit is there.
                    let isThere = bytes.integer(at: slot + 144) == after.integer(at: slot + 144)
                    try expectEntries(commits + (isThere ? 1 : 0), in: directory)
                    if isTakenBack {
                        let report = try DataFileWalk.check(path: file)
                        #expect(report.isSound, "\(report.faults)")
                    }
                }
            }
        }
    }

    @Test("zeroed meta pages refuse the file", arguments: [[0], [1], [0, 1]])
    func zeroedPages(pages: [Int]) throws {
        let size = try pageSize()
        try withDataFile { directory, file in
            try rewrite(file) { bytes in
                for page in pages {
                    bytes.replaceSubrange(
                        page * size..<(page + 1) * size, with: repeatElement(0, count: size))
                }
            }
            expect(pages.count == 2 ? .foreignFile : .fileDamaged, opening: directory)
        }
    }

    @Test("a file that lost its end refuses", arguments: [1, 4096, 100_000])
    func truncated(byteCount: Int) throws {
        try withDataFile { directory, file in
            try rewrite(file) { $0.removeLast(min(byteCount, $0.count - 9000)) }
            expect(.fileTruncated, opening: directory)
        }
    }

    @Test("a file that ends inside its meta pages refuses")
    func truncatedHead() throws {
        let size = try pageSize()
        for length in [size, size + 100, 2 * size] {
            try withDataFile { directory, file in
                try rewrite(file) { $0.removeLast($0.count - length) }
                expect(.fileTruncated, opening: directory)
            }
        }
    }

    @Test("another kind of file refuses, and is not touched")
    func foreign() throws {
        for content in [Array("hello".utf8), [UInt8](repeating: 0x41, count: 100_000)] {
            try withTemporaryDirectory { directory in
                try FileSystem.writeFileAtomically(directory + "/data.mdb", content)
                expect(.foreignFile, opening: directory)
                #expect(try FileSystem.readFile(directory + "/data.mdb") == content)
                #expect(try FileSystem.listDirectory(directory) == ["data.mdb"])
            }
        }
    }

    @Test("a file of the other byte order or of another page size refuses by its own name")
    func otherMachines() throws {
        let size = try pageSize()
        try withDataFile { directory, file in
            let whole = try FileSystem.readFile(file)
            try rewrite(file) { bytes in
                for page in 0...1 { bytes[page * size + 16..<page * size + 20].reverse() }
            }
            expect(.foreignFile, opening: directory)
            // Pages of 16 KiB: the second meta page lies where the fifth small page would.
            try FileSystem.writeFileAtomically(file, whole)
            try rewrite(file) { bytes in
                var larger = [UInt8](repeating: 0, count: 8 * size)
                larger.replaceSubrange(0..<200, with: bytes[0..<200])
                larger.replaceSubrange(4 * size..<4 * size + 200, with: bytes[size..<size + 200])
                for page in [0, 4 * size] {
                    larger.replaceSubrange(page + 40..<page + 44, with: value(UInt64(4 * size)))
                }
                bytes = larger
            }
            expect(.pageSizeMismatch, opening: directory)
        }
    }

    @Test("an empty data file is taken for a new one")
    func empty() throws {
        try withTemporaryDirectory { directory in
            try FileSystem.writeFileAtomically(directory + "/data.mdb", [])
            let environment = try Environment(at: directory)
            _ = try environment.integerTable(named: "t", create: true)
        }
    }

    @Test("a refused file can be opened once it is whole again")
    func refusalLeavesNothingBehind() throws {
        try withDataFile { directory, file in
            let whole = try FileSystem.readFile(file)
            try rewrite(file) { $0[16] ^= 1 }
            expect(.fileDamaged, opening: directory)
            try FileSystem.writeFileAtomically(file, whole)
            let environment = try Environment(at: directory)
            let table = try environment.integerTable(named: "t", create: false)
            #expect(try environment.read { try $0.count(of: table) } == 51)
        }
    }

    // LMDB does not write pages at the end that were taken and given back in one transaction, so
    // some of its sound files are shorter than their heads say.
    @Test("a sound file whose last pages are free and were never written opens")
    func unwrittenFreePages() throws {
        try withTemporaryDirectory { directory in
            let configuration = Environment.Configuration(syncMode: .none)
            var environment = try Environment(at: directory, configuration: configuration)
            var table = try environment.integerTable(named: "t", create: true)
            var generator = SeededGenerator(seed: 1)
            var model: [UInt64: Int] = [:]
            var shortStates = 0
            for _ in 0..<1500 {
                try environment.write { transaction in
                    for _ in 0..<Int.random(in: 0..<60, using: &generator) {
                        let key = UInt64.random(in: 0..<300, using: &generator)
                        let count = Int.random(
                            in: 0..<(Bool.random(using: &generator) ? 200 : 20_000),
                            using: &generator)
                        if Bool.random(using: &generator) {
                            try transaction.put(table, key, [UInt8](repeating: 1, count: count))
                            model[key] = count
                        } else {
                            try transaction.delete(table, key: key)
                            model[key] = nil
                        }
                    }
                }
                let info = try environment.info
                if info.fileBytes >= info.usedBytes { continue }
                shortStates += 1
                environment.close()
                environment = try Environment(at: directory, configuration: configuration)
                table = try environment.integerTable(named: "t", create: false)
                let stored = try environment.read { transaction in
                    var stored: [UInt64: Int] = [:]
                    try transaction.forEach(in: table) { key, bytes in
                        stored[key] = bytes.byteCount
                        return true
                    }
                    return stored
                }
                #expect(stored == model)
            }
            #expect(shortStates > 0, "the workload no longer produces the case")
        }
    }
}

extension [UInt8] {
    /// Eight bytes as an integer.
    fileprivate func integer(at offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
    }
}
