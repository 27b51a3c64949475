// The tree that is read back from a log is the tree of its entries, at every size.

import AuctionDomain
import LMDB
import Platform
import Testing

@testable import Gavel

/// The root by its recursive definition (RFC 6962 section 2.1).
private func root(_ leaves: ArraySlice<LedgerHash>) -> LedgerHash {
    guard leaves.count > 1 else { return leaves.first ?? .empty }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    return LedgerHash.node(root(leaves[..<middle]), root(leaves[middle...]))
}

@Suite("The tree of a log")
struct LogTreeTests {
    @Test("Every full tile is told once, with the root of its leaves, by rows and one by one")
    func completedTiles() throws {
        // Enough for a tile of 65,536 and some more; entries of 8 bytes.
        let count = 70_000
        var bytes = ByteBuffer(capacity: 8 * count)
        var ends = ByteBuffer(capacity: 4 * count)
        var leaves: [LedgerHash] = []
        for index in 0..<count {
            bytes.append(UInt64(index))
            ends.append(UInt32(bytes.count))
            leaves.append(
                bytes.withBytes { LedgerHash.leaf($0.extracting(8 * index..<8 * index + 8)) })
        }
        for engine in [HashEngine.fastest, .library] {
            var (tree, told) = (MerkleTree(), [TileRoot]())
            // Odd beginnings, so that rows start anywhere.
            var done = 0
            for step in [1, 300, 7, count] where done < count {
                let next = min(count, done + step)
                var some = ByteBuffer(capacity: 4 * (next - done))
                for index in done..<next { some.append(UInt32(8 * (index - done + 1))) }
                bytes.withBytes { bytes in
                    some.withBytes { some in
                        tree.append(
                            entries: bytes.extracting(8 * done..<8 * next), ends: some, by: engine
                        ) { told.append($0) }
                    }
                }
                done = next
            }
            #expect(told.filter { $0.level == 8 }.count == count / 256)
            #expect(told.filter { $0.level == 16 }.map(\.index) == [0])
            for tile in told {
                let first = Int(tile.index) << tile.level
                #expect(tile.hash == root(leaves[first..<first + 1 << tile.level]))
            }
            #expect(tree.root == root(leaves[...]))
        }
    }

    @Test("Any prefix's edge, read back from tiles and entries, is that of the entries")
    func prefixes() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            for batch in 0..<9 {
                let commands = (0..<97).map { number in
                    Submission(
                        id: .generate(),
                        command: .registerUser(UserID(unchecked: "user-\(batch)-\(number)")))
                }
                _ = try await ledger.enqueue(commands).value()
            }
            await ledger.close()
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            var leaves: [LedgerHash] = []
            try log.forEachFrame(from: 0) { value in
                let header = try FrameHeader(value)
                for index in 0..<header.count {
                    leaves.append(.leaf(value.extracting(try header.range(of: index, value))))
                }
                return true
            }
            #expect(leaves.count == 875)
            let stored = try #require(try log.tileRoots(endingWith: 2))
            #expect(stored == [root(leaves[512..<768])])
            #expect(try log.tileRoots(endingWith: 3) == nil)
            let tree = LogTree(of: log, size: UInt64(leaves.count))
            for size in [0, 1, 2, 255, 256, 257, 511, 512, 700, 768, 874, 875] {
                #expect(try tree.tree(of: UInt64(size)).root == root(leaves[..<size]))
            }
        }
    }

    @Test("A root of a tile that does not follow from the entries keeps a ledger from opening")
    func forgedTile() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            let commands = (0..<600).map { number in
                Submission(
                    id: .generate(), command: .registerUser(UserID(unchecked: "user-\(number)")))
            }
            _ = try await ledger.enqueue(commands).value()
            await ledger.close()
            let environment = try Environment(at: path + "/log")
            let tiles = try environment.integerTable(named: "tiles", create: false)
            try environment.write { transaction in
                var value = ByteBuffer(capacity: 32)
                value.append(LedgerHash.empty)
                try value.withBytes { try transaction.put(tiles, key: 1, value: $0) }
            }
            environment.close()
            #expect(throws: LedgerError(.damaged, "")) { try Ledger.openAndWait(at: path) }
            #expect(try Ledger.rebuild(at: path) == 602)
            try await Ledger.open(at: path).close()
        }
    }
}
