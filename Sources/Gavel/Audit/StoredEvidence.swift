// What stands beside the frames and speaks of the same tree: the stored roots of tiles, and the
// checkpoints in the ledger's store.
//
// Invariants: a checkpoint counts as covered only when its root was compared; its signature only
// when a key was there to check it with; a ledger that has more than its openings and no checkpoint
// had it removed, whatever else is there, and that is a finding. Roots of tiles are derived: a
// wrong one is a finding, but verification goes on, since the entries are what counts.

internal import AuctionDomain
internal import Platform

extension Verifier {
    /// A checkpoint that was kept outside the ledger, which its log must live up to.
    public struct KeptCheckpoint: Hashable, Sendable {
        /// What reports call it, a file's name for example.
        public let name: String
        public let checkpoint: SignedCheckpoint

        public init(name: String, _ checkpoint: SignedCheckpoint) {
            self.name = name
            self.checkpoint = checkpoint
        }
    }
}

/// The checkpoints and keys of a ledger's store.
struct StoredEvidence {
    /// A checkpoint file that could be read.
    struct Signed {
        let name: String
        let checkpoint: SignedCheckpoint
        /// Whether it may be from before the last rotations of the key.
        let mayBeOld: Bool
    }

    private(set) var signed: [Signed] = []
    /// Whether the ledger's own last checkpoint is there: none from elsewhere, and none that
    /// witnesses cosigned, stands in for it, since those may cover a beginning only.
    fileprivate private(set) var hasCheckpoint = false
    /// Those that are kept, the oldest first.
    let kept: [SignedCheckpoint]
    /// Whether there is a key in the store, though it may not be readable.
    fileprivate let hasKey: Bool
    /// Files of kept checkpoints that were damaged, and set aside when they were written anew.
    fileprivate let setAside: [String]
    /// Files that are no checkpoints.
    private(set) var findings: [Finding] = []
    /// Those the caller trusts; nil where the ledger's own are taken.
    fileprivate private(set) var trusted: [VerifierKey]?
    /// The keys in the store: today's, and the one a rotation is about to name.
    private let keys: [VerifierKey]

    /// Reads what is there. Nothing is thrown: what cannot be read is a finding.
    /// - Parameter elsewhere: checkpoints that somebody kept outside the ledger's store.
    init(
        in store: any LedgerStore, trusted: [VerifierKey]? = nil,
        elsewhere: [Verifier.KeptCheckpoint] = []
    ) {
        self.trusted = trusted
        hasKey = store.contains(.key)
        // Read first: the last one is then not older.
        let history = Result { try CheckpointHistory(in: store) }
        kept = (try? history.get().checkpoints) ?? []
        keys = [.key, .nextKey].compactMap { record in
            store.contains(record) ? try? LedgerKey.read(record, in: store).verifier : nil
        }
        for (name, file, isLast) in [
            ("the checkpoint", CheckpointFile(lastOf: store), true),
            ("the witnessed checkpoint", CheckpointFile(witnessedOf: store), false),
        ] {
            do {
                if let checkpoint = try file.read() {
                    signed.append(Signed(name: name, checkpoint: checkpoint, mayBeOld: !isLast))
                    if isLast { hasCheckpoint = true }
                }
            } catch {
                let reason = (error as? LedgerError)?.reason ?? "\(error)"
                findings.append(Finding(position: nil, "\(name): \(reason)"))
            }
        }
        for item in elsewhere {
            signed.append(Signed(name: item.name, checkpoint: item.checkpoint, mayBeOld: true))
        }
        setAside = store.recordsSetAside(of: .keptCheckpoints)
        if (try? history.get().isDamaged) ?? true {
            findings.append(
                Finding(
                    position: nil,
                    "some of \(store.place(of: .keptCheckpoints)) is no checkpoint, or cannot be "
                        + "read"
                ))
        }
    }

    /// Adds the keys that the trusted ones let sign after them, by the rotations in the log: the
    /// signatures in those are checked, so the log need not be trusted for it.
    mutating func followRotations(in log: any LogReader, before end: UInt64) {
        guard let keys = trusted, !signed.allSatisfy({ $0.checkpoint.isClaimed(byOneOf: keys) })
        else { return }
        // Damage is for the verification itself to name.
        let followed = try? CheckedEntries(log).keys(followedFrom: keys, before: end)
        if let followed { trusted = followed }
    }

    /// Whether a checkpoint must stand beside the log: its key is here, is given, or the log names
    /// it.
    fileprivate func isSigned(_ rotations: [KeyRotation]) -> Bool {
        hasKey || trusted != nil || !rotations.isEmpty
    }

    /// The keys a checkpoint may be signed by.
    /// - Parameter rotations: those in the log, where the level has seen it.
    fileprivate func keys(for item: Signed, _ rotations: [KeyRotation]) -> [VerifierKey] {
        if let trusted { return trusted }
        // Where the log names the key, the store's word does not count.
        guard let last = rotations.last else { return keys }
        let named = (item.mayBeOld ? rotations : [last]).flatMap { [$0.key, $0.previous] }
        return named.compactMap {
            try? VerifierKey(named: item.checkpoint.checkpoint.origin, $0)
        }
    }
}

/// Compares a tree that was derived from the entries, or from stored roots, with the evidence.
struct EvidenceCheck {
    private let log: any LogReader
    private let evidence: StoredEvidence?
    /// Not compared yet.
    private var open: [StoredEvidence.Signed]
    private var keptCheck: KeptCheck
    /// How many entries the largest checkpoint that agrees has.
    private var signedCount: UInt64 = 0
    private var tilesCompared: UInt64 = 0
    private var tileFaults = 0
    /// The rotations of the key under the ledger's present name.
    private var rotations: [KeyRotation] = []

    /// More wrong roots of tiles than this are not listed: all are made anew together.
    private static let tileFaultsMax = 10

    init(_ source: VerificationSource) {
        log = source.log
        evidence = source.evidence
        let signed = source.evidence?.signed ?? []
        let kept = source.evidence?.kept ?? []
        open = signed
        // Those that stand beside the log are compared by name.
        keptCheck = KeptCheck(kept.filter { kept in !signed.contains { $0.checkpoint == kept } })
    }

    /// Takes up what entries say about keys, in order.
    /// - Parameter changes: nil where the ledger got another name, and with it another key.
    mutating func note(_ changes: [KeyRotation?]) {
        for change in changes {
            if let change { rotations.append(change) } else { rotations = [] }
        }
    }

    /// Compares tiles that are full now with the stored ones.
    /// - Parameter tiles: in order of their ends.
    mutating func compare(
        _ tiles: ContiguousArray<TileRoot>, _ report: inout VerificationReport
    ) {
        guard log.keepsTileRoots, tileFaults < Self.tileFaultsMax else { return }
        tiles.forEachEnd { last, ending in
            if let fault = fault(of: ending, endingWith: last) {
                report.findings.append(fault)
                tileFaults += 1
            }
            tilesCompared += UInt64(ending.count)
        }
    }

    /// Roots that end with one tile, the smallest first.
    private func fault(of tiles: ArraySlice<TileRoot>, endingWith last: UInt64) -> Finding? {
        let position = last * TileRoot.leaves
        let remedy = ": \(AdvisedCommand.rebuild.line()) makes them anew"
        do {
            guard let stored = try log.tileRoots(endingWith: last) else {
                return Finding(
                    position: position, "no roots are stored of the tile from here on\(remedy)")
            }
            for (tile, root) in zip(tiles, stored) where tile.hash != root {
                return Finding(
                    position: tile.index << UInt64(tile.level),
                    "the stored root of the \(1 << tile.level) entries from here on is not "
                        + "theirs\(remedy)")
            }
            guard stored.count == tiles.count else {
                return Finding(
                    position: position,
                    "\(stored.count) roots are stored where \(tiles.count) tiles end\(remedy)")
            }
            return nil
        } catch {
            return Finding(position: position, "\(error)")
        }
    }

    /// Compares checkpoints over so many entries as the tree has.
    mutating func compare(_ tree: MerkleTree, _ report: inout VerificationReport) {
        for item in open where item.checkpoint.checkpoint.size == tree.size {
            compare(item, root: tree.root, &report)
        }
        open.removeAll { $0.checkpoint.checkpoint.size == tree.size }
        keptCheck.compare(tree)
    }

    private mutating func compare(
        _ item: StoredEvidence.Signed, root: LedgerHash, _ report: inout VerificationReport
    ) {
        let checkpoint = item.checkpoint.checkpoint
        guard checkpoint.root == root else {
            report.findings.append(
                Finding(
                    position: nil,
                    "\(item.name) was signed for other entries than the first "
                        + "\(checkpoint.size): something below position \(checkpoint.size) was "
                        + "rewritten"))
            return
        }
        report.covered.append("\(item.name) over \(checkpoint.size) entries: its root")
        signedCount = max(signedCount, checkpoint.size)
    }

    /// Compares what is left by the stored roots of tiles and the last tile's entries.
    /// - Parameter tree: over all entries there are.
    mutating func compareByTiles(_ tree: LogTree, _ report: inout VerificationReport) throws {
        for item in open where item.checkpoint.checkpoint.size <= tree.size {
            let root = try tree.tree(of: item.checkpoint.checkpoint.size).root
            compare(item, root: root, &report)
        }
        open.removeAll { $0.checkpoint.checkpoint.size <= tree.size }
    }

    /// What is left to say at the end.
    /// - Parameter chain: the frames of the log.
    mutating func finish(_ chain: FrameChain, _ report: inout VerificationReport) throws {
        let count = chain.entryCount
        report.findings += evidence?.findings ?? []
        for item in open {
            let size = item.checkpoint.checkpoint.size
            report.findings.append(
                size > count
                    ? Finding(
                        position: count,
                        "\(item.name) was signed for \(size) entries, but the log has \(count): "
                            + "it was replaced by an older copy, or cut")
                    : Finding(position: size, "\(item.name) was signed where no frame ends"))
        }
        for item in evidence?.signed ?? [] { checkSignature(of: item, &report) }
        for path in evidence?.setAside ?? [] {
            report.notCovered.append(
                "\(path): kept checkpoints of which some could not be read, set aside")
        }
        keptCheck.finish(count, &report) { checkpoint in
            let item = StoredEvidence.Signed(name: "", checkpoint: checkpoint, mayBeOld: true)
            return evidence?.keys(for: item, rotations) ?? []
        }
        if signedCount > 0, signedCount < count {
            report.notCovered.append(
                "who wrote the entries from position \(signedCount) on: no checkpoint covers them "
                    + "yet")
        }
        finishMissing(
            isBeginning: LedgerKey.isBeginning(count, epoch: chain.epoch), &report)
        guard log.keepsTileRoots, report.level != .heads else { return }
        report.covered.append("\(tilesCompared) stored roots of tiles")
        if tileFaults >= Self.tileFaultsMax {
            report.notCovered.append("the stored roots of later tiles")
        }
        // Looked for before it is counted again: a writer adds tiles and entries together.
        let next = count / TileRoot.leaves
        if try log.tileRoots(endingWith: next) != nil, try log.entryCount / TileRoot.leaves <= next
        {
            report.findings.append(
                Finding(position: count, "a root is stored of a tile that is not full"))
        }
    }

    /// Says what it means that the ledger's own checkpoint is not there.
    /// - Parameter isBeginning: whether the log is one that a creation may have left which never
    ///   came to its first checkpoint.
    private func finishMissing(isBeginning: Bool, _ report: inout VerificationReport) {
        guard evidence?.hasCheckpoint != true else { return }
        // One that cannot be read is a finding already.
        if let evidence, !isBeginning || evidence.isSigned(rotations), evidence.findings.isEmpty {
            let has = evidence.hasKey ? "has a key, but" : "has entries, but no key, and"
            report.findings.append(
                Finding(
                    position: nil,
                    "the ledger \(has) no checkpoint stands beside its log: it was "
                        + "removed, and whether the log is the one that was signed cannot be seen"))
        }
        guard evidence?.signed.isEmpty ?? true else { return }
        report.notCovered.append(
            "whether the whole log was written anew: no checkpoint stands beside it")
    }

    private func checkSignature(
        of item: StoredEvidence.Signed, _ report: inout VerificationReport
    ) {
        let keys = evidence?.keys(for: item, rotations) ?? []
        let isClaimed = item.checkpoint.isClaimed(byOneOf: keys)
        // Only the log says which keys signed before today's, and level heads does not read it.
        let isUnknown =
            !isClaimed && item.mayBeOld && report.level == .heads && evidence?.trusted == nil
        guard !keys.isEmpty, !isUnknown else {
            report.notCovered.append(
                "the signature of \(item.name): "
                    + (keys.isEmpty ? "no key of the ledger is here" : "by an earlier key"))
            return
        }
        do {
            _ = try item.checkpoint.verified(by: keys)
            report.covered.append("the signature of \(item.name)")
        } catch {
            report.findings.append(
                Finding(
                    position: nil, "\(item.name) is not signed by this ledger: \(error.reason)"))
        }
    }
}

/// Holds the kept checkpoints against the log.
private struct KeptCheck {
    /// Those that were not compared yet, by size.
    private var open: [UInt64: SignedCheckpoint] = [:]
    private var agreeing: [SignedCheckpoint] = []
    private var faults: [Finding] = []

    /// More faults than this are only counted.
    private static let faultsMax = 5

    init(_ kept: [SignedCheckpoint]) {
        for checkpoint in kept { open[checkpoint.checkpoint.size] = checkpoint }
    }

    mutating func compare(_ tree: MerkleTree) {
        guard !open.isEmpty, let checkpoint = open.removeValue(forKey: tree.size) else { return }
        if checkpoint.checkpoint.root == tree.root {
            agreeing.append(checkpoint)
        } else {
            faults.append(
                Finding(
                    position: nil,
                    "the kept checkpoint over \(tree.size) entries was signed for others: "
                        + "something below position \(tree.size) was rewritten"))
        }
    }

    mutating func finish(
        _ count: UInt64, _ report: inout VerificationReport,
        keys: (SignedCheckpoint) -> [VerifierKey]
    ) {
        guard !open.isEmpty || !agreeing.isEmpty || !faults.isEmpty else { return }
        guard report.level != .heads else {
            report.notCovered.append(
                "the kept checkpoints, from level records on: \(open.count)")
            return
        }
        for size in open.keys.sorted() {
            faults.append(
                size > count
                    ? Finding(
                        position: count,
                        "a kept checkpoint was signed for \(size) entries, but the log has "
                            + "\(count): it was replaced by an older copy, or cut")
                    : Finding(
                        position: size, "a kept checkpoint was signed where no frame ends"))
        }
        let (signed, unknown) = checkSignatures(keys)
        report.findings += faults.prefix(Self.faultsMax)
        if faults.count > Self.faultsMax {
            report.findings.append(
                Finding(
                    position: nil,
                    "\(faults.count - Self.faultsMax) more kept checkpoints are not this log's"))
        }
        if !agreeing.isEmpty {
            report.covered.append("the roots of kept checkpoints: \(agreeing.count)")
        }
        if signed > 0 { report.covered.append("the signatures of kept checkpoints: \(signed)") }
        if unknown > 0 {
            report.notCovered.append(
                "the signatures of kept checkpoints by unknown keys: \(unknown)")
        }
    }

    /// - Returns: how many are signed by keys that are known, and how many by none of those. A
    ///   wrong signature is a fault.
    private mutating func checkSignatures(
        _ keys: (SignedCheckpoint) -> [VerifierKey]
    ) -> (signed: Int, unknown: Int) {
        var (signed, unknown) = (0, 0)
        for checkpoint in agreeing {
            let keys = keys(checkpoint)
            guard checkpoint.isClaimed(byOneOf: keys) else {
                unknown += 1
                continue
            }
            do {
                _ = try checkpoint.verified(by: keys)
                signed += 1
            } catch {
                faults.append(
                    Finding(
                        position: nil,
                        "the kept checkpoint over \(checkpoint.checkpoint.size) entries is not "
                            + "signed by this ledger: \(error.reason)"))
            }
        }
        return (signed, unknown)
    }
}
