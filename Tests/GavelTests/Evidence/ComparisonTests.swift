// Files of evidence laid side by side, and keys followed from one to the next.

import AuctionDomain
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// Two histories of one ledger that part after a number of entries.
private struct Histories {
    let key: SigningKey
    private let trees: [MemoryTree]
    static let parting: UInt64 = 11

    init() throws {
        key = try Sample.key()
        trees = (0..<2).map { history in
            var tree = MemoryTree()
            for position in 0..<40 {
                let isShared = UInt64(position) < Self.parting
                tree.append(Array("entry \(position) of \(isShared ? 0 : history)".utf8))
            }
            return tree
        }
    }

    func head(_ history: Int, _ size: UInt64) throws -> SignedCheckpoint.Verified {
        try Checkpoint(
            origin: key.verifier.name, size: size, root: trees[history].root(ofSize: size)
        ).signed(by: key).verified(by: key.verifier)
    }

    func growth(_ history: Int, _ old: UInt64, _ new: UInt64) throws -> GrowthProof {
        GrowthProof(
            proof: try .make(from: old, to: new, in: trees[history]),
            checkpoint: try head(history, new))
    }

    func nodes(_ history: Int) -> MemoryTree { trees[history] }
}

@Suite("Comparing evidence")
struct ComparisonTests {
    @Test("Heads of one history agree, heads of two are a split view, at every pair of sizes")
    func everyPair() throws {
        let histories = try Histories()
        for old in UInt64(1)...40 {
            for new in old...40 {
                for (one, other) in [(0, 0), (0, 1)] {
                    let a = try histories.head(one, old)
                    let b = try histories.head(other, new)
                    let isOne = one == other || old <= Histories.parting
                    // By the nodes of the newer history.
                    let found = try HistoryComparison.compare(
                        b, a, nodes: histories.nodes(other))
                    let expected: HistoryComparison =
                        isOne ? (old == new ? .same : .growth) : .splitView(a, b)
                    if old == new, !isOne {
                        #expect(found == .splitView(b, a))
                    } else {
                        #expect(found == expected, "\(old) \(new)")
                    }
                    guard old < new else { continue }
                    // By a proof of the newer history, and without anything.
                    let proof = try histories.growth(other, old, new)
                    let proven = try HistoryComparison.compare(a, b, by: [proof])
                    if isOne {
                        #expect(proven == .growth)
                    } else if proof.proof.givesOldRoot {
                        #expect(proven == .splitView(a, b))
                    } else {
                        #expect(proven == .proofFails(a, b))
                    }
                    #expect(try HistoryComparison.compare(a, b) == .cannotTell)
                }
            }
        }
    }

    @Test("Tiles that were altered or put together of two histories convict and acquit nobody")
    func mixedTiles() throws {
        var trees = [MemoryTree(), MemoryTree()]
        for index in trees.indices {
            for position in 0..<600 { trees[index].append(Array("\(position) of \(index)".utf8)) }
        }
        let key = try Sample.key()
        func head(_ tree: Int, _ size: UInt64) throws -> SignedCheckpoint.Verified {
            try Checkpoint(
                origin: key.verifier.name, size: size, root: trees[tree].root(ofSize: size)
            ).signed(by: key).verified(by: key.verifier)
        }
        /// The tiles of the second history; its first leaves are those of the other history, or
        /// one of them is altered.
        func tiles(_ change: @escaping ([UInt8]) throws -> [UInt8]) -> TileHashes {
            TileHashes(size: 600) { name in
                for tile in HashTile.tiles(ofSize: 600) where tile.path == name {
                    let bytes = try tile.bytes(in: trees[1])
                    return name == "tile/0/000" ? try change(bytes) : bytes
                }
                return nil
            }
        }
        let new = try head(1, 600)
        // What is not there says nothing of either head.
        #expect(throws: EvidenceError(.incomplete, "")) {
            try HistoryComparison.compare(
                head(1, 100), new, nodes: TileHashes(size: 600) { _ in nil })
        }
        let first = HashTile(level: 0, index: 0, width: 256)
        for size in [1, 64, 100, 255, 256, 300, 512, 599] as [UInt64] {
            let (own, other) = (try head(1, size), try head(0, size))
            let sound = tiles { $0 }
            #expect(try HistoryComparison.compare(own, new, nodes: sound) == .growth)
            #expect(
                try HistoryComparison.compare(other, new, nodes: sound) == .splitView(other, new))
            let altered = tiles { bytes in
                var bytes = bytes
                bytes[0] ^= 1
                return bytes
            }
            let mixed = tiles { _ in try first.bytes(in: trees[0]) }
            for nodes in [altered, mixed] {
                let honest = try HistoryComparison.compare(own, new, nodes: nodes)
                #expect(honest == (size < 256 ? .otherNodes(new) : .growth), "\(size)")
                let forked = try HistoryComparison.compare(other, new, nodes: nodes)
                #expect(
                    forked == (size < 256 ? .otherNodes(new) : .splitView(other, new)), "\(size)")
            }
        }
    }

    @Test("Two proofs to one later head tell how two earlier ones go together")
    func byThird() throws {
        let histories = try Histories()
        let (a, b) = (try histories.head(0, 9), try histories.head(0, 23))
        let both = [try histories.growth(0, 9, 40), try histories.growth(0, 23, 40)]
        #expect(try HistoryComparison.compare(a, b, by: both) == .growth)
        #expect(try HistoryComparison.compare(a, b, by: [both[0]]) == .cannotTell)
        let other = try histories.head(1, 23)
        #expect(
            try HistoryComparison.compare(a, other, by: both)
                == .splitView(other, histories.head(0, 40)))
    }

    @Test("A proof that was altered convicts nobody")
    func alteredProof() throws {
        let histories = try Histories()
        let (a, b) = (try histories.head(0, 13), try histories.head(0, 29))
        let right = try histories.growth(0, 13, 29)
        for index in right.proof.hashes.indices {
            var hashes = right.proof.hashes
            hashes[index] = LedgerHash(of: [UInt8(index)])
            let altered = GrowthProof(
                proof: try ConsistencyProof(oldSize: 13, newSize: 29, hashes: hashes),
                checkpoint: b)
            #expect(try HistoryComparison.compare(a, b, by: [altered]) == .proofFails(a, b))
            #expect(try HistoryComparison.compare(a, b, by: [altered, right]) == .growth)
        }
    }

    @Test("Other logs are not compared, and nodes of another log convict themselves")
    func others() throws {
        let histories = try Histories()
        let stranger = try SigningKey.generate(name: "other.example/house")
        let foreign = try Checkpoint(
            origin: stranger.verifier.name, size: 3, root: LedgerHash(of: [])
        ).signed(by: stranger).verified(by: stranger.verifier)
        #expect(throws: EvidenceError(.notProven, "")) {
            try HistoryComparison.compare(histories.head(0, 3), foreign)
        }
        let (a, b) = (try histories.head(0, 20), try histories.head(0, 30))
        #expect(
            try HistoryComparison.compare(a, b, nodes: histories.nodes(1)) == .otherNodes(b))
    }

    @Test("A proof of another log's growth tells nothing, whatever sizes it is from and to")
    func foreignProof() throws {
        let histories = try Histories()
        let (a, b) = (try histories.head(0, 13), try histories.head(0, 29))
        let stranger = try SigningKey.generate(name: "other.example/house")
        // Its root is another one, as that of another log is.
        for size: UInt64 in [29, 40] {
            let head = try Checkpoint(
                origin: stranger.verifier.name, size: size,
                root: histories.nodes(1).root(ofSize: size)
            ).signed(by: stranger).verified(by: stranger.verifier)
            for old: UInt64 in [13, 28] {
                let proof = GrowthProof(
                    proof: try .make(from: old, to: size, in: histories.nodes(1)), checkpoint: head)
                #expect(try HistoryComparison.compare(a, b, by: [proof]) == .cannotTell)
            }
        }
    }

    @Test("Every log goes on from an empty one, whose root there is only one of")
    func empty() throws {
        let histories = try Histories()
        let new = try histories.head(0, 5)
        func empty(_ root: LedgerHash) throws -> SignedCheckpoint.Verified {
            try Checkpoint(origin: histories.key.verifier.name, size: 0, root: root)
                .signed(by: histories.key).verified(by: histories.key.verifier)
        }
        #expect(try HistoryComparison.compare(new, empty(.empty)) == .growth)
        let other = try empty(LedgerHash(of: [1]))
        #expect(try HistoryComparison.compare(new, other) == .splitView(other, new))
    }

    @Test("A file is known by its first line; what is none is refused")
    func sorts() throws {
        let histories = try Histories()
        let head = try histories.head(0, 9)
        guard case .checkpoint = try EvidenceFile(parsing: head.signed.bytes) else {
            Issue.record("no checkpoint")
            return
        }
        let growth = try histories.growth(0, 5, 9)
        let bytes = growth.proof.fileBytes(with: growth.checkpoint.signed)
        guard case .growth(let proof, _) = try EvidenceFile(parsing: bytes) else {
            Issue.record("no growth")
            return
        }
        #expect(proof == growth.proof)
        for text in ["", "\n", "old", "old 5", "gavel-evidence/v2\n", "gavel-statement/v1\n"] {
            #expect(throws: EvidenceError(.malformed, "")) {
                try EvidenceFile(parsing: Array(text.utf8))
            }
        }
    }
}

@Suite("Following keys")
struct KeyChainTests {
    /// A ledger whose key was rotated twice.
    private struct Rotated {
        let keys: [VerifierKey]
        let rotations: [UInt64]
    }

    private func makeRotated(at path: String) async throws -> Rotated {
        var configuration = Configuration()
        configuration.signingKey = try Sample.key()
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        defer { ledger.closeNow() }
        var keys = [ledger.verifierKey]
        var rotations: [UInt64] = []
        for number in 0..<2 {
            _ = try await ledger.submit(
                .registerUser(UserID(unchecked: "u-\(number)")), id: .generate())
            rotations.append(ledger.reflects)
            keys.append(try await ledger.rotateKey())
        }
        _ = try await ledger.submit(.registerUser("last"), id: .generate())
        _ = try ledger.signCheckpoint()
        return Rotated(keys: keys, rotations: rotations)
    }

    @Test("Whoever trusts a former key checks what today's signed, by the rotations in the file")
    func evidence() async throws {
        try await withLedgerPath { path in
            let rotated = try await makeRotated(at: path)
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            for position in 0..<reader.reflects {
                let bundle = try EvidenceBundle(
                    parsing: reader.evidence(ofEntryAt: position).bytes)
                for key in rotated.keys { _ = try bundle.check(by: [key]) }
                let stranger = try SigningKey.generate(name: rotated.keys[0].name).verifier
                #expect(throws: EvidenceError(.notSigned, "")) { try bundle.check(by: [stranger]) }
            }
            for (index, key) in rotated.keys.enumerated() {
                #expect(try reader.keys(followedFrom: [key]) == Array(rotated.keys[index...]))
            }
            #expect(try Set(reader.ownKeys()) == Set(rotated.keys))
            // The rotation's evidence gives the keys after it.
            let rotation = try reader.evidence(ofEntryAt: rotated.rotations[0])
            #expect(try rotation.check(by: [rotated.keys[0]]).keys == rotated.keys)
        }
    }

    @Test("A rotation that the former key did not sign, or for another ledger, leads nowhere")
    func forged() throws {
        let id = LedgerID(high: 1, low: 2)
        let keys = try (0..<3).map { _ in try SigningKey.generate(name: "ledger.example/house") }
        let right = try KeyRotation(of: id, from: keys[0], to: keys[1].verifier)
        func followed(_ rotation: KeyRotation, of ledger: LedgerID = id) -> [VerifierKey] {
            var chain = KeyChain(trusting: [keys[0].verifier])
            chain.take(.createLedger(ledger))
            chain.take(.rotateKey(rotation))
            return chain.keys
        }
        #expect(followed(right) == [keys[0].verifier, keys[1].verifier])
        #expect(followed(right, of: LedgerID(high: 1, low: 3)) == [keys[0].verifier])
        let forgeries = [
            KeyRotation(
                key: keys[2].verifier.bytes32, previous: right.previous,
                signature: right.signature),
            KeyRotation(
                key: right.key, previous: right.previous,
                signature: (right.signature.1, right.signature.0)),
            try KeyRotation(of: id, from: keys[2], to: keys[1].verifier),
        ]
        for forgery in forgeries { #expect(followed(forgery) == [keys[0].verifier]) }
        // Without the ledger's id nothing is known to be signed.
        var chain = KeyChain(trusting: [keys[0].verifier])
        chain.take(.rotateKey(right))
        #expect(chain.keys == [keys[0].verifier])
        // Under a restored ledger's name only what is signed for that leads on.
        let restored = LedgerID(high: 1, low: 4)
        for (signed, leads) in [(id, false), (restored, true)] {
            chain = KeyChain(trusting: [keys[0].verifier])
            chain.take(.createLedger(id))
            chain.take(
                .restoreLedger(
                    Restoration(ledger: restored, checkpointSize: 0, checkpointRoot: .zero)))
            chain.take(.rotateKey(try KeyRotation(of: signed, from: keys[0], to: keys[1].verifier)))
            #expect(chain.keys.contains(keys[1].verifier) == leads)
        }
        // A witness's key is no ledger's.
        let witness = try VerifierKey(
            name: "w", type: .cosignature, publicKey: keys[0].verifier.publicKey)
        chain = KeyChain(trusting: [witness])
        chain.take(.createLedger(id))
        chain.take(.rotateKey(right))
        #expect(chain.keys == [witness])
    }

    @Test("More rotations than a file may have entries are evidence all the same")
    func manyRotations() async throws {
        let bench = try Bench()
        guard case .createLedger(let id) = try bench.ledger.entry(at: 0)?.command else {
            Issue.record("entry 0 creates no ledger")
            return
        }
        var keys = [try Sample.key()]
        for _ in 0..<300 {
            let next = try SigningKey.generate(name: "ledger.example/house")
            try await bench.ledger.rotate(
                KeyRotation(of: id, from: keys[keys.count - 1], to: next.verifier))
            keys.append(next)
        }
        await bench.ledger.close()
        let size = try bench.log.entryCount
        let tree = LogTree(of: bench.log, size: size)
        let head = try Checkpoint(
            origin: "ledger.example/house", size: size, root: tree.root(ofSize: size)
        ).signed(by: keys[keys.count - 1])
        for position in [1, size - 1] {
            let made = try EvidenceBundle.make(
                position: position, checkpoint: head, entries: CheckedEntries(bench.log),
                tree: tree, showsKeys: true)
            let read = try EvidenceBundle(parsing: made.bytes)
            // The newest 250 are followed in one file.
            for key in [keys[keys.count - 250], keys[keys.count - 2], keys[keys.count - 1]] {
                _ = try read.check(by: [key.verifier])
            }
            #expect(throws: EvidenceError(.notSigned, "")) {
                try read.check(by: [keys[0].verifier])
            }
        }
    }

    @Test("A file holds the entry that gave the ledger the name its rotations are signed for")
    func manyRotationsAfterRestore() async throws {
        let bench = try Bench()
        guard case .createLedger(let first) = try bench.ledger.entry(at: 0)?.command else {
            Issue.record("entry 0 creates no ledger")
            return
        }
        func rotate(_ ledger: Ledger, _ id: LedgerID, _ count: Int) async throws {
            var key = try SigningKey.generate(name: "ledger.example/house")
            for _ in 0..<count {
                let next = try SigningKey.generate(name: key.verifier.name)
                try await ledger.rotate(KeyRotation(of: id, from: key, to: next.verifier))
                key = next
            }
        }
        try await rotate(bench.ledger, first, 3)
        await bench.ledger.close()
        try bench.store.forgetKey()
        let second = LedgerID(high: 7, low: 8)
        let root = Bytes32(LedgerHash.empty.bytes)!
        let restored = try await Ledger.open(
            in: bench.store,
            configuration: Bench.configuration(bench.clock) {
                $0.restoration = Restoration(
                    ledger: second, checkpointSize: 0, checkpointRoot: root)
            })
        try await rotate(restored, second, 300)
        await restored.close()
        let size = try bench.log.entryCount
        let tree = LogTree(of: bench.log, size: size)
        let key = try SigningKey.generate(name: "ledger.example/house")
        let head = try Checkpoint(
            origin: "ledger.example/house", size: size, root: tree.root(ofSize: size)
        ).signed(by: key)
        // The first of all, the first after the restore, one in the gap, and the last.
        for position in [2, 7, 20, size - 1] {
            let checked = try EvidenceBundle.make(
                position: position, checkpoint: head, entries: CheckedEntries(bench.log),
                tree: tree, showsKeys: true
            ).check(by: [key.verifier])
            guard case .rotateKey(let rotation) = checked.entry.command else {
                Issue.record("entry \(position) is no rotation")
                continue
            }
            let ledger = try #require(checked.ledger)
            #expect(ledger == (position < 5 ? first : second))
            #expect(rotation.isSigned(of: ledger), "\(position)")
            #expect(checked.registrations.count <= EvidenceBundle.entriesMax - 1)
        }
    }

    @Test("verify with a former key follows the log to today's, at every level and in tiles")
    func verify() async throws {
        try await withLedgerPath { path in
            let rotated = try await makeRotated(at: path)
            for level in VerificationLevel.allCases {
                for key in rotated.keys {
                    let report = try Verifier.verify(at: path, level: level, keys: [key])
                    #expect(report.isClean, "\(level): \(report.findings)")
                    #expect(report.covered.contains("the signature of the checkpoint"))
                }
                let stranger = try SigningKey.generate(name: rotated.keys[0].name).verifier
                let report = try Verifier.verify(at: path, level: level, keys: [stranger])
                #expect(report.findings.count == 1)
            }
        }
    }

    @Test("verify holds the log against checkpoints that were kept elsewhere")
    func kept() async throws {
        try await withLedgerPath { path in
            let rotated = try await makeRotated(at: path)
            let reader = try await LedgerReader.open(at: path)
            let tree = reader.tree(ofSize: reader.reflects)
            let key = try Sample.key()
            let size = rotated.rotations[0]
            let root = try tree.root(ofSize: size)
            let count = reader.reflects
            reader.close()
            func kept(_ size: UInt64, _ root: LedgerHash, _ key: SigningKey) throws
                -> Verifier.KeptCheckpoint
            {
                Verifier.KeptCheckpoint(
                    name: "kept",
                    try Checkpoint(origin: key.verifier.name, size: size, root: root).signed(
                        by: key))
            }
            for level in VerificationLevel.allCases {
                func verify(_ kept: Verifier.KeptCheckpoint) throws -> VerificationReport {
                    try Verifier.verify(
                        at: path, level: level, keys: [rotated.keys[0]], kept: [kept])
                }
                let report = try verify(kept(size, root, key))
                #expect(report.isClean, "\(report.findings)")
                #expect(report.covered.contains("kept over \(size) entries: its root"))
                #expect(report.covered.contains("the signature of kept"))
                // Another history, more entries than there are, another's signature.
                #expect(try !verify(kept(size, .empty, key)).isClean)
                #expect(try !verify(kept(count + 1, root, key)).isClean)
                let stranger = try SigningKey.generate(name: rotated.keys[0].name)
                #expect(try !verify(kept(size, root, stranger)).isClean)
            }
        }
    }
}
