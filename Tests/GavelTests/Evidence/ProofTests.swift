// Inclusion and consistency: the known vectors of Certificate Transparency, and every proof of
// every small tree, whole and altered in every way that is short to say. Tiles of the same trees.

import Platform
import Testing

@testable import Gavel

/// The leaves of the Certificate Transparency test tree.
private let ctLeaves: [[UInt8]] = [
    [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
    Array(0x50...0x57), Array(0x60...0x6F),
]

private func hexDigest(_ text: String) throws -> LedgerHash {
    let digits = Array(text)
    return try #require(
        LedgerHash(
            bytes: stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }))
}

/// A tree of entries that all differ.
private func tree(_ size: UInt64) -> MemoryTree {
    var tree = MemoryTree()
    for number in 0..<size { tree.append(entry(number)) }
    return tree
}

private func entry(_ number: UInt64) -> [UInt8] { Array("entry \(number)".utf8) }

extension LedgerHash {
    /// The hash with one bit changed.
    fileprivate func flipped(_ bit: Int) -> LedgerHash {
        var bytes = bytes
        bytes[bit / 8 % 32] ^= 1 << (bit % 8)
        return LedgerHash(bytes: bytes) ?? .empty
    }
}

extension [LedgerHash] {
    /// The list with one element changed, dropped, doubled, exchanged for its neighbour's place,
    /// or one more at either end.
    fileprivate var alterations: [[LedgerHash]] {
        var all: [[LedgerHash]] = [[.empty] + self, self + [.empty]]
        for index in indices {
            var changed = self
            changed[index] = self[index].flipped(37 * index + count)
            all.append(changed)
            changed = self
            changed.remove(at: index)
            all.append(changed)
            changed = self
            changed.insert(self[index], at: index)
            all.append(changed)
            if index > 0 {
                changed = self
                changed.swapAt(index, index - 1)
                all.append(changed)
            }
        }
        return all
    }
}

@Suite("Proofs")
struct ProofTests {
    @Test("Roots and proofs of the Certificate Transparency test tree come out")
    func vectors() throws {
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        var tree = MemoryTree()
        for leaf in ctLeaves { tree.append(leaf) }
        for (size, root) in roots.enumerated() {
            #expect(try tree.root(ofSize: UInt64(size)).description == root)
        }
        func inclusion(_ index: UInt64, _ size: UInt64) throws -> [String] {
            try InclusionProof.make(index: index, size: size, in: tree).hashes.map(\.description)
        }
        #expect(
            try inclusion(0, 8) == [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ])
        #expect(
            try inclusion(5, 8) == [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ])
        func consistency(_ old: UInt64, _ new: UInt64) throws -> [String] {
            try ConsistencyProof.make(from: old, to: new, in: tree).hashes.map(\.description)
        }
        #expect(try consistency(1, 1) == [])
        #expect(try consistency(1, 8) == inclusion(0, 8))
        #expect(
            try consistency(6, 8) == [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ])
        #expect(
            try consistency(2, 5) == [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ])
    }

    @Test("The root of any number of entries is the one the log's own tree has")
    func roots() throws {
        let nodes = tree(600)
        var edge = MerkleTree()
        for size: UInt64 in 0...600 {
            #expect(try nodes.root(ofSize: size) == edge.root, "\(size)")
            withBytes(of: entry(size)) { edge.append($0) }
        }
        #expect(throws: LogFault.self) { try nodes.root(ofSize: 601) }
    }

    @Test("Every inclusion in every tree of up to 130 entries is proven, and nothing else is")
    func inclusion() throws {
        let nodes = tree(130)
        let leaves = (0..<130).map { LedgerHash(leaf: entry($0)) }
        let roots = try (0...130).map { try nodes.root(ofSize: UInt64($0)) }
        for size: UInt64 in 1...130 {
            for index in 0..<size {
                let leaf = leaves[Int(index)]
                let proof = try InclusionProof.make(index: index, size: size, in: nodes)
                let root = roots[Int(size)]
                #expect(proof.root(fromLeaf: leaf, size: size) == root)
                #expect(proof.root(fromLeaf: leaf.flipped(Int(size)), size: size) != root)
                for hashes in proof.hashes.alterations {
                    let altered = try InclusionProof(index: index, hashes: hashes)
                    #expect(altered.root(fromLeaf: leaf, size: size) != root, "\(index), \(size)")
                }
                for other in [index + 1, index &- 1, index ^ 2, size, UInt64.max, 0]
                where other != index {
                    let moved = try InclusionProof(index: other, hashes: proof.hashes)
                    #expect(moved.root(fromLeaf: leaf, size: size) != root, "\(index), \(size)")
                }
                for other in [size - 1, size + 1, 2 * size] where other <= 130 {
                    #expect(proof.root(fromLeaf: leaf, size: other) != roots[Int(other)])
                }
            }
            #expect(throws: EvidenceError(.notProven, "")) {
                try InclusionProof.make(index: size, size: size, in: nodes)
            }
        }
    }

    @Test("Every growth between trees of up to 130 entries is proven, and nothing else is")
    func consistency() throws {
        let nodes = tree(130)
        let roots = try (0...130).map { try nodes.root(ofSize: UInt64($0)) }
        for new: UInt64 in 0...130 {
            for old in 0...new {
                let proof = try ConsistencyProof.make(from: old, to: new, in: nodes)
                let (oldRoot, newRoot) = (roots[Int(old)], roots[Int(new)])
                #expect(proof.proves(oldRoot: oldRoot, newRoot: newRoot), "\(old) to \(new)")
                if old > 0 || new == 0 {
                    #expect(!proof.proves(oldRoot: oldRoot.flipped(5), newRoot: newRoot))
                }
                if old > 0 {
                    #expect(!proof.proves(oldRoot: oldRoot, newRoot: newRoot.flipped(9)))
                }
                for hashes in proof.hashes.alterations {
                    let altered = try ConsistencyProof(oldSize: old, newSize: new, hashes: hashes)
                    #expect(!altered.proves(oldRoot: oldRoot, newRoot: newRoot), "\(old), \(new)")
                }
                for other in [old + 1, old &- 1, 2 * old] where other != old && other < new {
                    // From no entries on, an empty proof is right.
                    if other == 0, proof.hashes.isEmpty { continue }
                    let moved = try ConsistencyProof(
                        oldSize: other, newSize: new, hashes: proof.hashes)
                    #expect(!moved.proves(oldRoot: roots[Int(other)], newRoot: newRoot))
                }
                for other in [new + 1, new &- 1] where other <= 130 && old > 0 {
                    let moved = try ConsistencyProof(
                        oldSize: old, newSize: other, hashes: proof.hashes)
                    #expect(!moved.proves(oldRoot: oldRoot, newRoot: roots[Int(other)]))
                }
            }
        }
        #expect(throws: EvidenceError(.notProven, "")) {
            try ConsistencyProof.make(from: 2, to: 1, in: nodes)
        }
        let backwards = try ConsistencyProof(oldSize: 2, newSize: 1, hashes: [])
        #expect(!backwards.proves(oldRoot: roots[2], newRoot: roots[1]))
        // The largest sizes there are end, and prove nothing.
        let huge = try InclusionProof(
            index: .max - 1, hashes: [LedgerHash](repeating: .empty, count: 64))
        #expect(huge.root(fromLeaf: .empty, size: .max) != .empty)
        let long = try ConsistencyProof(
            oldSize: .max - 1, newSize: .max, hashes: [LedgerHash](repeating: .empty, count: 64))
        #expect(!long.proves(oldRoot: .empty, newRoot: .empty))
    }

    @Test("A consistency proof holds between two signed heads of one log, and for no others")
    func signedHeads() throws {
        let nodes = tree(20)
        let key = try Sample.key()
        func head(_ size: UInt64, by key: SigningKey) throws -> SignedCheckpoint.Verified {
            try Checkpoint(origin: key.verifier.name, size: size, root: nodes.root(ofSize: size))
                .signed(by: key).verified(by: key.verifier)
        }
        let proof = try ConsistencyProof.make(from: 5, to: 20, in: nodes)
        try proof.verify(from: head(5, by: key), to: head(20, by: key))
        let other = try SigningKey.generate(name: "ledger.example/other")
        for (old, new) in [
            (try head(5, by: other), try head(20, by: key)),
            (try head(6, by: key), try head(20, by: key)),
            (try head(5, by: key), try head(19, by: key)),
        ] {
            #expect(throws: EvidenceError(.notProven, "")) { try proof.verify(from: old, to: new) }
        }
        // As a file, which is what a witness is sent.
        let signed = try head(20, by: key).signed
        let file = proof.fileBytes(with: signed)
        #expect(String(decoding: file, as: UTF8.self).hasPrefix("old 5\n"))
        let read = try ConsistencyProof.parse(file)
        #expect(read.proof == proof)
        #expect(read.checkpoint == signed)
        for wrong in ["", "old 05\n\n", "old 5\nAAAA\n\n", "new 5\n\n", "old 5\n"] {
            #expect(throws: EvidenceError(.malformed, "")) {
                try ConsistencyProof.parse(Array(wrong.utf8) + signed.bytes)
            }
        }
    }
}

@Suite("Proof files")
struct ProofFileTests {
    /// Made with Python's hashlib and cryptography.
    private static let golden = """
        c2sp.org/tlog-proof@v1
        extra QEFCQw==
        index 5
        vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=
        sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=
        037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=

        \(Sample.checkpoint)
        """

    @Test("A proof file from elsewhere is read, verified, and written as it was")
    func golden() throws {
        let file = try ProofFile(parsing: Array(Self.golden.utf8))
        #expect(file.extra == ctLeaves[5])
        #expect(file.proof.index == 5)
        #expect(String(decoding: file.bytes, as: UTF8.self) == Self.golden)
        let verified = try file.verify(entry: ctLeaves[5], by: [VerifierKey(Sample.vkey)])
        #expect(verified.size == 7)
        #expect(throws: EvidenceError(.notProven, "")) {
            try file.verify(entry: ctLeaves[4], by: [VerifierKey(Sample.vkey)])
        }
        let stranger = try SigningKey.generate(name: "ledger.example/house").verifier
        #expect(throws: EvidenceError(.notSigned, "")) {
            try file.verify(entry: ctLeaves[5], by: [stranger])
        }
        var nodes = MemoryTree()
        for leaf in ctLeaves { nodes.append(leaf) }
        let made = ProofFile(
            extra: ctLeaves[5], proof: try InclusionProof.make(index: 5, size: 7, in: nodes),
            checkpoint: file.checkpoint)
        #expect(made == file)
    }

    @Test("A proof file with any byte changed is refused, but for what no signature covers")
    func flippedBytes() throws {
        let keys = [try VerifierKey(Sample.vkey)]
        let bytes = Array(Self.golden.utf8)
        var passed: Set<Int> = []
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << (index % 7)
            guard let file = try? ProofFile(parsing: changed) else { continue }
            if (try? file.verify(entry: ctLeaves[5], by: keys)) != nil { passed.insert(index) }
        }
        // The extra line is not signed, and the witness here is not known.
        let extra = 23..<38
        let cosignature = bytes.count - Sample.cosignature.utf8.count..<bytes.count
        #expect(passed.allSatisfy { extra.contains($0) || cosignature.contains($0) })
    }

    @Test("A proof file that is not exactly of the form is refused")
    func malformed() throws {
        let lines = Self.golden.split(separator: "\n", omittingEmptySubsequences: false)
        for index in 0..<7 where index != 1 {
            var fewer = lines
            fewer.remove(at: index)
            let bytes = Array(fewer.joined(separator: "\n").utf8)
            // Without a hash it is a shorter proof, of the right form and wrong.
            if (3...5).contains(index) {
                let file = try ProofFile(parsing: bytes)
                #expect(throws: EvidenceError(.notProven, "")) {
                    try file.verify(entry: ctLeaves[5], by: [VerifierKey(Sample.vkey)])
                }
            } else {
                #expect(throws: EvidenceError(.malformed, ""), "line \(index)") {
                    try ProofFile(parsing: bytes)
                }
            }
        }
        let replacements = [
            ("@v1", "@v2"), ("index 5", "index 05"), ("index 5", "index  5"),
            ("index 5", "Index 5"),
            ("extra Q", "extra  Q"), ("extra QEFCQw==", "extra"), ("index 5\n", "index 5\r\n"),
        ]
        for (old, new) in replacements {
            #expect(throws: EvidenceError(.malformed, ""), "\(new)") {
                try ProofFile(parsing: Array(Self.golden.replacing(old, with: new).utf8))
            }
        }
        let many = "index 5\n" + String(repeating: LedgerHash.empty.base64 + "\n", count: 200)
        #expect(throws: EvidenceError(.malformed, "")) {
            try ProofFile(
                parsing: Array(Self.golden.replacing("index 5\n", with: many).utf8))
        }
    }
}

@Suite("Tiles")
struct TileTests {
    @Test("Paths are those of the specification")
    func paths() {
        #expect(HashTile(level: 0, index: 1_234_067, width: 256).path == "tile/0/x001/x234/067")
        #expect(HashTile(level: 3, index: 0, width: 17).path == "tile/3/000.p/17")
        #expect(HashTile(level: 0, index: 1000, width: 1).path == "tile/0/x001/000.p/1")
        #expect(HashTile(level: 0, index: 999, width: 256).entriesPath == "tile/entries/999")
        #expect(HashTile(level: 0, index: 273, width: 112).entriesPath == "tile/entries/273.p/112")
    }

    @Test("70,000 and 256 entries have the tiles that the specification counts")
    func counts() {
        func count(_ size: UInt64) -> [String: Int] {
            var counts: [String: Int] = [:]
            for tile in HashTile.tiles(ofSize: size) {
                counts["level \(tile.level) width \(tile.width)", default: 0] += 1
            }
            return counts
        }
        #expect(
            count(70_000) == [
                "level 0 width 256": 273, "level 0 width 112": 1, "level 1 width 256": 1,
                "level 1 width 17": 1, "level 2 width 1": 1,
            ])
        #expect(count(256) == ["level 0 width 256": 1, "level 1 width 1": 1])
        #expect(count(0) == [:])
        #expect(count(1) == ["level 0 width 1": 1])
    }

    @Test("Tiles since an earlier size are those that the later one has and the earlier had not")
    func increments() {
        let sizes: [UInt64] = [
            0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 70_000, 131_072,
        ]
        for new in sizes {
            let all = Set(HashTile.tiles(ofSize: new))
            for old in sizes where old <= new {
                let had = Set(HashTile.tiles(ofSize: old))
                let since = Array(HashTile.tiles(ofSize: new, since: old))
                #expect(Set(since).count == since.count)
                #expect(Set(since) == all.subtracting(had), "\(old) to \(new)")
            }
        }
    }

    @Test("From its tiles alone a tree gives the same nodes, roots and proofs")
    func reading() throws {
        let nodes = tree(66_000)
        for size: UInt64 in [1, 2, 255, 256, 257, 300, 65_536, 66_000] {
            var files: [String: [UInt8]] = [:]
            for tile in HashTile.tiles(ofSize: size) {
                let bytes = try tile.bytes(in: nodes)
                #expect(bytes.count == 32 * tile.width)
                files[tile.path] = bytes
            }
            let tiles = TileHashes(size: size) { files[$0] }
            #expect(try tiles.root(ofSize: size) == nodes.root(ofSize: size), "\(size)")
            for index in [0, size / 3, size - 1] {
                #expect(
                    try InclusionProof.make(index: index, size: size, in: tiles)
                        == InclusionProof.make(index: index, size: size, in: nodes))
            }
            #expect(throws: LogFault.self) { try tiles.hash(level: 0, index: size) }
        }
        // A partial tile may be gone once the full one is there.
        let full = try HashTile(level: 0, index: 0, width: 256).bytes(in: nodes)
        let pruned = TileHashes(size: 200) { $0 == "tile/0/000" ? full : nil }
        #expect(try pruned.root(ofSize: 200) == nodes.root(ofSize: 200))
        let cut = TileHashes(size: 200) { _ in Array(full.dropLast()) }
        #expect(throws: EvidenceError(.malformed, "")) { try cut.root(ofSize: 200) }
        let none = TileHashes(size: 200) { _ in nil }
        #expect(throws: EvidenceError(.incomplete, "")) { try none.root(ofSize: 200) }
    }

    @Test("A bundle is each entry behind its length, the larger byte first")
    func bundles() throws {
        let long = [UInt8](repeating: 7, count: 300)
        #expect(try HashTile.bundle(of: [[1, 2], [], long]) == [0, 2, 1, 2, 0, 0, 1, 44] + long)
    }
}

@Suite("The paths of tiles")
struct TilePathTests {
    @Test("A path names the tile whose path it is, and only if spelled so")
    func paths() {
        let tiles = [
            (0, 0, 256), (0, 999, 1), (3, 1000, 255), (7, 1_234_067, 256), (1, 12, 17),
            (0, 999_999_999_999, 256),
        ].map { HashTile(level: $0.0, index: $0.1, width: $0.2) }
        for tile in tiles {
            let parts = tile.path.split(separator: "/").dropFirst(2).map(String.init)
            #expect(HashTile(level: tile.level, pathEnd: parts) == tile)
            #expect(HashTile(level: 8, pathEnd: parts) == nil)
            #expect(HashTile(level: -1, pathEnd: parts) == nil)
            #expect(HashTile(level: tile.level, pathEnd: ["x000"] + parts) == nil)
            #expect(HashTile(level: tile.level, pathEnd: parts + ["1"]) == nil)
        }
        let strays: [[String]] = [
            [], [""], ["0"], ["1000"], ["x000"], ["000.p"], ["000.p", "0"], ["000.p", "256"],
            ["000.p", "07"], ["000.p", "+7"], ["+00"], ["-01"], [".p", "1"], ["001", "234"],
            ["x001", "x234"], [String](repeating: "x999", count: 9) + ["999"],
        ]
        for parts in strays { #expect(HashTile(level: 0, pathEnd: parts) == nil, "\(parts)") }
    }

    @Test("A tree has those tiles whose hashes it has, and the partial ones before them")
    func covered() {
        for size in [0, 1, 255, 256, 257, 65_536, 65_791, 1 << 40] as [UInt64] {
            for tile in HashTile.tiles(ofSize: size).prefix(600) {
                #expect(tile.isCovered(bySize: size))
                let next = HashTile(
                    level: tile.level, index: tile.index, width: min(256, tile.width + 1))
                #expect(next.isFull == tile.isFull ? true : !next.isCovered(bySize: size))
            }
            #expect(!HashTile(level: 0, index: .max, width: 1).isCovered(bySize: size))
        }
    }
}
