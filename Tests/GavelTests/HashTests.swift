// SHA-256 by the processor's instructions against swift-crypto, and the tree that is built many
// entries at a time against the one built by one. Where the processor lacks the instructions both
// sides are swift-crypto, and only the vectors say something.

import Foundation
import Platform
import Testing

@testable import Gavel

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Small, seeded, and the same everywhere.
private struct Draws: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in .random(in: 0...255, using: &self) }
    }
}

/// Entries as a frame holds them.
private struct Entries {
    var bytes: [UInt8] = []
    var ends: [UInt8] = []
    var ranges: [Range<Int>] = []

    mutating func append(_ entry: [UInt8]) {
        ranges.append(bytes.count..<bytes.count + entry.count)
        bytes += entry
        let end = UInt32(bytes.count)
        ends += (0..<4).map { UInt8(truncatingIfNeeded: end >> (8 * UInt32($0))) }
    }

    func append(to tree: inout MerkleTree, by engine: HashEngine) {
        withBytes(of: bytes) { bytes in
            withBytes(of: ends) { ends in tree.append(entries: bytes, ends: ends, by: engine) }
        }
    }

    /// The same, one by one, with swift-crypto.
    func appendSingly(to tree: inout MerkleTree) {
        withBytes(of: bytes) { bytes in
            for range in ranges { tree.append(bytes.extracting(range), by: .library) }
        }
    }
}

private func digest(_ message: [UInt8], by engine: HashEngine) -> LedgerHash {
    message.dropFirst().withUnsafeBytes { LedgerHash(prefix: message[0], $0, by: engine) }
}

@Suite("Hashes")
struct HashTests {
    @Test("The vectors of FIPS 180-4 come out, by the instructions as by the library")
    func vectors() {
        let vectors: [([UInt8], String)] = [
            (
                Array("abc".utf8),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            ),
            (
                Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                [UInt8](repeating: 0x61, count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ]
        for (message, hash) in vectors {
            #expect(digest(message, by: .library).description == hash)
            #expect(digest(message, by: .fastest).description == hash)
        }
        #expect(
            LedgerHash.empty.description
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test("The instructions and the library give one digest, for every length")
    func lengths() {
        var draws = Draws(state: 1)
        let long = (0..<40).map { _ in Int.random(in: 301...70_000, using: &draws) }
        for length in Array(0...300) + long {
            let message = draws.bytes(length + 1)
            let fast = digest(message, by: .fastest)
            #expect(fast == digest(message, by: .library), "\(length) bytes")
            // Not by the code under test at all.
            #expect(fast == LedgerHash(of: message), "\(length) bytes")
        }
        let (left, right) = (LedgerHash(of: [1]), LedgerHash(of: [2]))
        let node = LedgerHash(of: [1] + left.bytes + right.bytes)
        #expect(LedgerHash.node(left, right, by: .fastest) == node)
        #expect(LedgerHash.node(left, right, by: .library) == node)
        withBytes(of: [7, 8]) { entry in
            #expect(LedgerHash.leaf(entry, by: .fastest) == LedgerHash(of: [0, 7, 8]))
        }
    }

    @Test("Neighbours of any two lengths do not disturb each other")
    func neighbours() {
        var draws = Draws(state: 2)
        let lengths = [
            0, 1, 15, 16, 54, 55, 56, 62, 63, 64, 111, 112, 118, 119, 120, 182, 183, 700,
        ]
        for first in lengths {
            for second in lengths {
                var entries = Entries()
                entries.append(draws.bytes(first))
                entries.append(draws.bytes(second))
                var (fast, slow) = (MerkleTree(), MerkleTree())
                entries.append(to: &fast, by: .fastest)
                entries.appendSingly(to: &slow)
                #expect(fast == slow, "\(first) bytes, then \(second)")
            }
        }
    }

    @Test("A tree is the same however its entries are cut into frames, at every size up to 600")
    func chunks() {
        var draws = Draws(state: 3)
        let leaves = (0..<600).map { _ in draws.bytes(.random(in: 41...200, using: &draws)) }
        var slow = MerkleTree()
        var trees = [slow]
        for leaf in leaves {
            withBytes(of: leaf) { slow.append($0, by: .library) }
            trees.append(slow)
        }
        for size in 0...600 {
            var tree = MerkleTree()
            var done = 0
            while done < size {
                // Now and then all the rest at once, so that rows get full.
                let most = Bool.random(using: &draws) ? size - done : 9
                let next = done + .random(in: 1...min(most, size - done), using: &draws)
                var entries = Entries()
                for leaf in leaves[done..<next] { entries.append(leaf) }
                entries.append(to: &tree, by: .fastest)
                done = next
                #expect(tree == trees[done], "\(done) of \(size)")
            }
            #expect(tree.root == trees[size].root)
        }
    }

    @Test("A large frame of entries of all sizes is the same by instructions and by library")
    func largeFrame() {
        var draws = Draws(state: 4)
        var entries = Entries()
        for index in 0..<1_500 {
            let long = index % 97 == 0
            entries.append(draws.bytes(.random(in: 41...(long ? 65_535 : 130), using: &draws)))
        }
        var (fast, library, slow) = (MerkleTree(), MerkleTree(), MerkleTree())
        entries.append(to: &fast, by: .fastest)
        entries.append(to: &library, by: .library)
        entries.appendSingly(to: &slow)
        #expect(fast == slow)
        #expect(library == slow)
    }

    @Test("No byte before or after the entries is read")
    func bounds() throws {
        // Pages nobody may read stand on both sides of one page: a read outside ends the process.
        let page = Int(getpagesize())
        let memory = try #require(
            mmap(nil, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0))
        defer { munmap(memory, 3 * page) }
        try #require(memory != MAP_FAILED)
        try #require(mprotect(memory + page, page, PROT_READ | PROT_WRITE) == 0)
        (memory + page).initializeMemory(as: UInt8.self, repeating: 0x5a, count: page)
        func leaf(_ length: Int) -> LedgerHash {
            LedgerHash(of: [0] + [UInt8](repeating: 0x5a, count: length))
        }
        for length in 0...300 {
            for start in [0, page - length] {
                let bytes = UnsafeRawBufferPointer(start: memory + page + start, count: length)
                #expect(LedgerHash.leaf(bytes.bytes, by: .fastest) == leaf(length))
                let middle = length * 2 / 5
                var ends = ByteBuffer()
                for end in [middle, length] { ends.append(UInt32(end)) }
                var tree = MerkleTree()
                ends.withBytes { tree.append(entries: bytes.bytes, ends: $0, by: .fastest) }
                let (left, right) = (leaf(middle), leaf(length - middle))
                #expect(tree.root == LedgerHash(of: [1] + left.bytes + right.bytes), "\(length)")
            }
        }
        // The offsets themselves, at the end of what may be read.
        let bytes = UnsafeRawBufferPointer(start: memory + page, count: 9)
        let ends = UnsafeMutableRawBufferPointer(start: memory + 2 * page - 12, count: 12)
        for (index, end) in [3, 6, 9].enumerated() {
            ends.storeBytes(of: UInt32(end).littleEndian, toByteOffset: 4 * index, as: UInt32.self)
        }
        var tree = MerkleTree()
        tree.append(
            entries: bytes.bytes, ends: UnsafeRawBufferPointer(ends).bytes, by: .fastest)
        #expect(tree.edge.last == leaf(3))
    }

    @Test("A frame with forged offsets is a fault of the log, and the tree stays as it was")
    func forgedOffsets() throws {
        var entries = Entries()
        var draws = Draws(state: 5)
        for _ in 0..<5 { entries.append(draws.bytes(60)) }
        func frame(_ ends: [UInt8]) -> [UInt8] {
            var header = ByteBuffer()
            header.append(FrameLayout.magic)
            header.append(FrameLayout.format)
            header.append(UInt16(FrameLayout.headerBytes))
            header.append(UInt32(0))
            header.append(UInt32(ends.count / 4))
            header.appendZeros(20)
            header.append(UInt32(entries.bytes.count))
            header.appendZeros(72)
            header.append(header.withBytes { FrameLayout.check(of: $0) })
            return header.array() + ends + entries.bytes
        }
        func hash(_ frame: [UInt8], into tree: inout MerkleTree) throws {
            try withBytes(of: frame) { try FrameHeader($0).hash($0, into: &tree) }
        }
        var tree = MerkleTree()
        try hash(frame(entries.ends), into: &tree)
        #expect(tree.size == 5)
        let before = tree
        for index in 0..<5 {
            for forged: UInt32 in [0, 60, 299, 301, 1 << 31, .max] where forged != 60 || index != 0
            {
                var ends = entries.ends
                for byte in 0..<4 {
                    ends[4 * index + byte] = UInt8(truncatingIfNeeded: forged >> (8 * UInt32(byte)))
                }
                // 299 as the last but one end is a cut in another place, and no forgery to see.
                if forged == 299, index == 3 { continue }
                #expect(throws: LogFault.self) { try hash(frame(ends), into: &tree) }
            }
        }
        #expect(tree == before)
    }
}
