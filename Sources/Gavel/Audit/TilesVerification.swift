// Verification of exported tiles alone, without the ledger: the tree from its leaf hashes up to
// the signed root, and, where the entries were exported too, each entry.
//
// Invariant: a tile of a higher level counts as covered only when each of its hashes was derived
// from the tiles below it.

internal import AuctionDomain
internal import Platform

struct TilesVerification {
    private let path: String
    private var chain: KeyChain
    private let kept: [Verifier.KeptCheckpoint]
    private var report: VerificationReport
    private var tree = MerkleTree()
    private var tilesRead: UInt64 = 0
    /// The tile read last of each level above the leaves, as it is stored.
    private var stored: [Int: (tile: HashTile, hashes: [LedgerHash])] = [:]
    private var position: UInt64 = 0
    private var lastTime = Timestamp(nanoseconds: .min)
    private var entry = DecodedEntry()

    /// - Parameter keys: who may have signed; empty leaves the signature out.
    init(
        at path: String, level: VerificationLevel, keys: [VerifierKey],
        kept: [Verifier.KeptCheckpoint]
    ) {
        self.path = path
        chain = KeyChain(trusting: keys)
        self.kept = kept
        report = VerificationReport(level: level)
    }

    mutating func report(_ progress: (UInt64, UInt64) -> Void) -> VerificationReport {
        do {
            let signed = try SignedCheckpoint(parsing: try file("checkpoint"))
            try readTiles(signed.checkpoint.size, progress)
            compare(signed, as: "the checkpoint", root: tree.root)
            for item in kept { compare(item) }
            if report.level == .heads {
                report.notCovered.append(
                    "the entries' bytes (--level records, where they were exported)")
            }
            report.notCovered.append(
                "what the entries mean, command ids, frames: only the ledger shows them")
            report.notCovered.append(VerificationReport.commandsNotCovered)
            report.isComplete = true
        } catch {
            let reason =
                (error as? LogFault)?.reason ?? (error as? EvidenceError)?.reason ?? "\(error)"
            report.findings.append(Finding(position: position, reason))
        }
        report.entries = tree.size
        report.root = tree.root
        return report
    }

    private mutating func readTiles(
        _ size: UInt64, _ progress: (UInt64, UInt64) -> Void
    ) throws {
        var meter = ProgressMeter(count: size)
        for tile in HashTile.tiles(ofSize: size) where tile.level == 0 {
            position = tree.size
            let hashes = try self.hashes(of: tile, size)
            if report.level != .heads { try checkEntries(under: tile, hashes) }
            for hash in hashes {
                var full = ContiguousArray<TileRoot>()
                tree.append(MerkleRun.Subtree(level: 0, root: hash)) { full.append($0) }
                for root in full { try compare(root, size) }
            }
            if meter.isDue(tree.size) { progress(tree.size, size) }
        }
        position = size
        report.covered.append("\(tilesRead) tiles of hashes: each follows from those below it")
        if report.level != .heads {
            report.covered.append("\(size) entries: hashes, encoding, order, times")
        }
    }

    /// Compares a derived root with the tile that holds it.
    private mutating func compare(_ root: TileRoot, _ size: UInt64) throws {
        let level = root.level / TileRoot.levels
        let (index, offset) = root.index.quotientAndRemainder(dividingBy: 256)
        let nodes = size >> UInt64(root.level)
        let tile = HashTile(level: level, index: index, width: Int(min(256, nodes - 256 * index)))
        if stored[level]?.tile != tile { stored[level] = (tile, try hashes(of: tile, size)) }
        guard stored[level]?.hashes[Int(offset)] == root.hash else {
            position = root.index << UInt64(root.level)
            throw LogFault(
                "\(tile.path) does not have the root of the \(1 << root.level) entries from here on"
            )
        }
    }

    /// Holds exported entries against their hashes.
    private mutating func checkEntries(under tile: HashTile, _ hashes: [LedgerHash]) throws {
        let bytes = try file(tile.entriesPath, or: full(tile).entriesPath)
        var start = 0
        for hash in hashes {
            guard start + 2 <= bytes.count else { throw LogFault("its bundle ends before it") }
            let end = start + 2 + (Int(bytes[start]) << 8 | Int(bytes[start + 1]))
            guard end <= bytes.count else { throw LogFault("its bundle ends within it") }
            try withBytes(of: bytes) { bytes in
                guard LedgerHash.leaf(bytes.extracting(start + 2..<end)) == hash else {
                    throw LogFault("the entry is not the one that was hashed")
                }
                try entry.decode(bytes, in: start + 2..<end)
            }
            guard entry.point.position == position else {
                throw LogFault("an entry says position \(entry.point.position)")
            }
            guard entry.point.time >= lastTime else {
                throw LogFault("the time falls after the entry before")
            }
            try entry.checkID()
            lastTime = entry.point.time
            chain.take(entry.command)
            start = end
            position += 1
        }
        guard start == bytes.count || hashes.count < HashTile.widthMax else {
            throw LogFault("a bundle goes on behind its last entry")
        }
    }

    /// Compares a checkpoint from elsewhere with the tree as it was at that size.
    private mutating func compare(_ item: Verifier.KeptCheckpoint) {
        let size = item.checkpoint.checkpoint.size
        guard size <= tree.size else {
            report.findings.append(
                Finding(
                    position: tree.size,
                    "\(item.name) was signed for \(size) entries, but the tiles have "
                        + "\(tree.size): they are older, or entries were taken away"))
            return
        }
        let nodes = TileHashes(size: tree.size) { [path] name in
            let file = "\(path)/\(name)"
            return FileSystem.exists(file) ? try FileSystem.readFile(file) : nil
        }
        do {
            compare(item.checkpoint, as: item.name, root: try nodes.root(ofSize: size))
        } catch {
            report.findings.append(Finding(position: nil, "\(item.name): \(error)"))
        }
    }

    private mutating func compare(_ signed: SignedCheckpoint, as name: String, root: LedgerHash) {
        let size = signed.checkpoint.size
        if root == signed.checkpoint.root {
            report.covered.append("\(name) over \(size) entries: its root")
        } else {
            report.findings.append(
                Finding(
                    position: nil, "\(name) over \(size) entries has another root than they"))
        }
        guard !chain.keys.isEmpty else {
            report.notCovered.append("the signature of \(name): no key was given")
            return
        }
        do {
            _ = try signed.verified(by: chain.keys)
            report.covered.append("the signature of \(name)")
        } catch {
            report.findings.append(
                Finding(position: nil, "\(name) is not signed by the key: \(error.reason)"))
        }
    }

    // MARK: Files

    private func full(_ tile: HashTile) -> HashTile {
        HashTile(level: tile.level, index: tile.index, width: HashTile.widthMax)
    }

    private mutating func hashes(of tile: HashTile, _ size: UInt64) throws -> [LedgerHash] {
        // The full tile may have taken the place of the partial one.
        let bytes = try file(tile.path, or: full(tile).path)
        guard bytes.count == 32 * tile.width || bytes.count == 32 * HashTile.widthMax else {
            throw LogFault("\(tile.path) has \(bytes.count) bytes")
        }
        tilesRead += 1
        return withBytes(of: bytes) { bytes in
            (0..<tile.width).map { LedgerHash(bytes, at: 32 * $0) }
        }
    }

    private func file(_ name: String, or other: String? = nil) throws -> [UInt8] {
        for name in [name, other ?? name] where FileSystem.exists("\(path)/\(name)") {
            return try FileSystem.readFile("\(path)/\(name)")
        }
        throw LogFault("there is no file \(name)")
    }
}
