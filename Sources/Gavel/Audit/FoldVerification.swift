// Levels `fold` and `rules`: everything the log says is derived again from its bytes and compared;
// at `rules` every command is decided again as well, in the same pass.
//
// The verifier shares the fold and the rules with the engine on purpose (it proves that what is
// shown follows from what is stored, and what is stored from the rules); that the rules themselves
// are right is shown by the model tests and by outside judges. It trusts no header: each is
// compared with what the entries give.

internal import AuctionDomain
internal import Platform

/// Verifies hashes and roots, order and links, exactly-once ids, the fold from the first entry on
/// against every snapshot, the invariants of DESIGN section 5, and at level `rules` the outcomes.
struct FoldVerification {
    private let log: any LogReader
    private let snapshots: StoredSnapshots?
    private let count: UInt64
    /// The digest of a live read state that has to be the same; nil where there is none.
    var expectedDigest: StateDigest?

    private var report: VerificationReport
    private var chain = FrameChain()
    private var evidence: EvidenceCheck
    private var fold = ReadState()
    private var tree = MerkleTree()
    private var ids = Self.noIDs
    /// Nil below level `rules`.
    private var judge: RuleJudge?
    /// The first entry that contradicts the rules, told once its frame's bytes are known to be
    /// what was written.
    private var contradiction: Contradiction?
    private var isContradictionTold = false
    /// What is being looked at: where a finding shows.
    private var position: UInt64 = 0
    private var found: [SnapshotHeader] = []
    private var boundariesChecked: UInt64 = 0
    private var recordsVisited = 0
    private var digestsRecomputed: UInt64 = 0

    /// How many records the invariants may visit before only some frame boundaries are checked:
    /// each check is a pass over all wallets and auctions.
    private static let recordsVisitedMax = 200_000_000
    /// The same for recomputing the digest, which looks at every name as well and costs some ten
    /// times as much.
    private static let recordsDigestedMax = 20_000_000

    /// Never forgets; few large buckets, since a log may reach over years.
    private static var noIDs: CommandIDWindow {
        CommandIDWindow(
            retentionSeconds: .max / 1000, countMax: .max, periodMilliseconds: 1 << 16)
    }

    init(
        _ source: VerificationSource, _ report: VerificationReport, snapshots: StoredSnapshots?
    ) {
        log = source.log
        count = source.count
        self.snapshots = snapshots
        self.report = report
        evidence = EvidenceCheck(source)
        judge = report.level >= .rules ? RuleJudge() : nil
    }

    mutating func report(_ progress: (UInt64, UInt64) -> Void) -> VerificationReport {
        do {
            if judge == nil {
                report.notCovered.append(
                    "whether the outcomes are those that the rules give (--level rules)")
            }
            report.notCovered.append(VerificationReport.commandsNotCovered)
            found = snapshots?.found() ?? []
            evidence.compare(tree, &report)
            try log.readFrames(to: count, progress) { value in
                try verify(value)
                return fold.entryCount
            }
            try finish()
        } catch {
            report.findings.append(Finding(position: position, "\(error)"))
        }
        report.entries = fold.entryCount
        report.frames = chain.frames
        report.root = tree.root
        report.digest = fold.state.digest
        return report
    }

    private mutating func verify(_ value: RawSpan) throws {
        let header = try FrameHeader(value)
        var next = chain
        try next.follow(header)
        var tree = self.tree
        var tiles = ContiguousArray<TileRoot>()
        do {
            var ids: CommandIDWindow?
            try FrameFold.run(value, header, tree: &tree, tiles: &tiles, ids: &ids) { value in
                try verifyEntries(value, header)
            }
        } catch {
            // Changed bytes lead to contradictions behind them: the bytes are named, not those.
            if let damage = FrameFacts.damage(of: value, header, after: self.tree) {
                position = damage.position
                throw LogFault(damage.reason)
            }
            tellContradiction()
            throw error
        }
        self.tree = tree
        position = header.firstPosition
        guard tree.root == header.root else { throw header.rootFault }
        tellContradiction()
        guard header.ledgerID == fold.state.ledgerID else {
            throw LogFault("the frame belongs to another ledger")
        }
        guard header.lastTime == fold.state.time, header.epoch == fold.state.epoch
        else { throw LogFault("the frame's header does not say what its entries do") }
        chain = next
        position = header.endPosition
        evidence.compare(tiles, &report)
        evidence.compare(tree, &report)
        compareSnapshots()
        checkInvariants(atEnd: false)
    }

    private mutating func verifyEntries(_ value: RawSpan, _ header: FrameHeader) throws {
        // As values of this call alone: the fold is then known to be nobody else's.
        var (entry, ids, position) = (DecodedEntry(), self.ids, header.firstPosition)
        var (judge, contradiction) = (self.judge, self.contradiction)
        var keyChanges: [KeyRotation?] = []
        self.ids = Self.noIDs
        self.judge = nil
        let horizon = chain.horizon
        defer {
            (self.ids, self.position) = (ids, position)
            (self.judge, self.contradiction) = (judge, contradiction)
            evidence.note(keyChanges)
        }
        let log = log
        _ = try fold.apply(
            header.count, in: value, using: &entry,
            range: { index throws(LogFault) in try header.range(of: index, value) },
            begin: { position = header.firstPosition + UInt64($0) },
            isWanted: { fold, entry in
                try Self.verifyIdentity(of: entry, after: horizon, &ids, log)
                let ruling = try judge?.ruling(on: entry, after: &fold)
                if let ruling, contradiction == nil {
                    contradiction = Contradiction(
                        Redecision(recorded: entry.entry, ruling: ruling), in: fold.state)
                }
                return true
            },
            check: { fold, entry in
                if entry.bid == nil {
                    try entry.checkRotation(of: header.ledgerID)
                    if let change = entry.keyChange { keyChanges.append(change) }
                }
                guard fold.hasLinks(entry) else {
                    throw LogFault("an entry's links do not lead to the entries before it")
                }
            })
    }

    /// Finds the entry that contradicts the rules, if one does that was not told yet.
    private mutating func tellContradiction() {
        guard let contradiction, !isContradictionTold else { return }
        isContradictionTold = true
        report.contradiction = contradiction
        report.findings.append(
            Finding(
                position: contradiction.redecision.recorded.position, contradiction.words))
    }

    /// Invariant 10: an id stands in the log once, and none that had expired.
    private static func verifyIdentity(
        of entry: DecodedEntry, after horizon: CommandHorizon, _ ids: inout CommandIDWindow,
        _ log: any LogReader
    ) throws(LogFault) {
        try entry.checkID()
        guard entry.id != .none else { return }
        let id = entry.id
        guard id.milliseconds >= horizon.milliseconds else {
            throw LogFault("command id \(id) had expired by the frame before")
        }
        // Two ids of one hash are told apart by the log itself.
        let again = try? ids.position(of: id) { try log.entry(at: $0)?.id == id }
        if let again { throw LogFault("command id \(id) stood at position \(again) already") }
        ids.insert(id, at: entry.point.position)
    }

    /// Snapshots are folds of the log: each one found must be the fold at its position.
    private mutating func compareSnapshots() {
        for snapshot in found where snapshot.entryCount == fold.entryCount {
            let position = fold.entryCount - 1
            do {
                guard
                    let content = try snapshots?.load(snapshot, idsFrom: chain.horizon) ?? nil
                else { continue }
                let loaded = content.readState
                if snapshot.tree.root != tree.root {
                    report.findings.append(
                        Finding(position: position, "a snapshot has another root"))
                }
                if loaded.state.recomputedDigest() != fold.state.digest
                    || snapshot.digest != fold.state.digest
                {
                    report.findings.append(
                        Finding(position: position, "a snapshot is not the fold of the log"))
                }
                if let ids = content.ids, try !hasIDs(of: ids) {
                    report.findings.append(
                        Finding(
                            position: position,
                            "a snapshot's command ids are not those of the log"))
                }
                report.covered.append("the snapshot after \(fold.entryCount) entries")
            } catch {
                report.findings.append(
                    Finding(position: position, "a snapshot cannot be read: \(error)"))
            }
        }
    }

    /// Whether the log has, at or above its horizon, exactly the ids of a window.
    private func hasIDs(of window: CommandIDWindow) throws -> Bool {
        let periods = CommandIDWindow.periods(from: chain.horizon)
        var (count, isMissing) = (0, false)
        try log.forEachID(from: chain.horizon.position, to: fold.entryCount) { id, position in
            guard periods.contains(CommandIDWindow.period(of: id)) else { return }
            count += 1
            if !window.remembers(id, at: position) { isMissing = true }
        }
        return !isMissing && count == window.count
    }

    private mutating func checkInvariants(atEnd: Bool) {
        let records = fold.state.accountCount + fold.state.auctionCount
        // Once the budget is spent, boundaries are spaced so that it never doubles.
        let isDue =
            atEnd || recordsVisited < Self.recordsVisitedMax
            || chain.frames % UInt64(1 + recordsVisited / Self.recordsVisitedMax * 1000) == 0
        guard isDue else { return }
        recordsVisited += records
        boundariesChecked += 1
        let recomputesDigest = atEnd || recordsVisited <= Self.recordsDigestedMax
        if recomputesDigest { digestsRecomputed += 1 }
        for violation in fold.state.invariantViolations(recomputesDigest: recomputesDigest) {
            report.findings.append(
                Finding(position: fold.entryCount - 1, "invariant \(violation)"))
        }
        if fold.holdings != fold.state.sumOfHoldings() {
            report.findings.append(
                Finding(
                    position: fold.entryCount - 1,
                    "invariant 1: the running totals are not what the wallets hold"))
        }
    }

    private mutating func finish() throws {
        checkInvariants(atEnd: true)
        if let expectedDigest, expectedDigest != fold.state.digest {
            report.findings.append(
                Finding(position: nil, "invariant 7: the live state is not the fold of the log"))
        }
        for snapshot in found where snapshot.entryCount > count {
            report.findings.append(
                Finding(
                    position: nil,
                    "a snapshot reflects \(snapshot.entryCount) entries, but the log has "
                        + "\(count)"))
        }
        report.covered.insert(
            contentsOf: [
                "\(chain.frames) frames: order, headers and Merkle roots",
                "\(fold.entryCount) entries: hashes, encoding, order, times, links, "
                    + "command ids used once",
                "the fold of all entries from the first on"
                    + (judge == nil ? "" : ", each decided again by the rules of this version"),
                "the invariants at \(boundariesChecked) of \(chain.frames + 1) frame boundaries"
                    + (digestsRecomputed == boundariesChecked
                        ? "" : ", the digest of the records at \(digestsRecomputed) of them"),
            ], at: 0)
        finishRules()
        try evidence.finish(chain, &report)
        report.isComplete = true
    }

    /// Says what the rules were asked, and what nobody could answer.
    private mutating func finishRules() {
        guard let judge else { return }
        if judge.differing > 1 {
            report.findings.append(
                Finding(
                    position: nil,
                    "\(judge.differing) entries in all are not what the rules give: "
                        + "\(AdvisedCommand.redecide.line()) lists them"))
        }
        if let late = judge.lateClosings.first {
            let id = fold.state.id(of: late.auction)
            let count = judge.lateClosingCount
            let beside = judge.lateClosings.first { $0.bidPosition != nil }.map { late in
                "; beside \(fold.state.id(of: late.auction)) a bid on another was accepted at "
                    + "position \(late.bidPosition!)"
            }
            report.notCovered.append(
                "whether closings were held, which the log does not say: "
                    + (count == 1 ? "an auction was" : "\(count) auctions were")
                    + " still open after the end, first \(id) at position \(late.position)"
                    + (beside ?? ""))
        }
    }
}

extension LogReader {
    /// Calls `body` with each command id of the log from the frame that holds a position on, and
    /// nothing else of its entries.
    func forEachID(
        from position: UInt64, to end: UInt64, _ body: (CommandID, UInt64) throws -> Void
    ) throws {
        guard position < end else { return }
        var position = position
        try forEachFrame(from: position) { value in
            let header = try FrameHeader(value)
            for index in 0..<header.count {
                let id = try EntryLayout.commandID(value, try header.range(of: index, value))
                if id != .none { try body(id, header.firstPosition + UInt64(index)) }
            }
            position = header.endPosition
            return position < end
        }
        guard position >= end else { throw LogFault("entry \(position) is not in the log") }
    }
}
