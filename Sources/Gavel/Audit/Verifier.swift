// Verification: everything the log says is derived again from its bytes and compared.
//
// The verifier shares the fold with the engine on purpose (it proves that what is shown follows
// from what is stored); that the rules themselves are right is shown by the model tests and by
// outside judges. It trusts no header: each is compared with what the entries give.

internal import AuctionDomain
internal import LMDB
public import Logging

/// Verifies ledgers.
public enum Verifier {
    /// Verifies a ledger in full: hashes and roots, order and links, exactly-once ids, the fold
    /// from the first entry on against every snapshot, and the invariants of DESIGN section 5.
    ///
    /// Runs beside a living writer, up to its durable position; reads in short transactions.
    /// - Parameter progress: told from time to time how many of how many entries are done.
    /// - Throws: `LedgerError` when the ledger cannot be opened at all.
    public static func verify(
        at path: String, logger: Logger = Logger(label: "gavel"),
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(LedgerError) -> VerificationReport {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        do {
            let log = try LMDBEventLog(at: folder.log, isReadOnly: true, creates: false)
            defer { log.close() }
            let snapshots = try? SnapshotStore(at: folder.projections, isReadOnly: true)
            defer { snapshots?.close() }
            var count = UInt64.max
            do {
                count = try LedgerReader.durableCount(of: folder, log)
            } catch is LogFault {
                // The last frame cannot be read: reading from the first one on names its place.
            }
            var run = VerificationRun(log: log, snapshots: snapshots, count: count)
            return run.report(progress)
        } catch {
            throw LedgerError(error, while: "opening \(path)")
        }
    }
}

extension Ledger {
    /// Verifies this ledger in full, up to its durable position, and compares the fold with the
    /// live read state (invariant 7). Writing goes on meanwhile, and comes first: the work is done
    /// on a thread of low priority, for which the caller waits.
    public func verify(
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) -> VerificationReport {
        let (count, digest) = publisher.liveDigest
        var run = VerificationRun(log: log, snapshots: snapshots, count: count)
        run.expectedDigest = digest
        return BackgroundThread.run { run.report(progress) }
    }
}

/// One verification.
struct VerificationRun {
    let log: any EventLog
    let snapshots: SnapshotStore?
    let count: UInt64
    var expectedDigest: StateDigest?

    private var report = VerificationReport()
    private var fold = ReadState()
    private var tree = MerkleTree()
    private var ids = Self.noIDs
    private var frameNumber: UInt64 = 0
    /// What is being looked at: where a finding shows.
    private var position: UInt64 = 0
    private var found: [SnapshotStore.Found] = []
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

    init(log: any EventLog, snapshots: SnapshotStore?, count: UInt64) {
        self.log = log
        self.snapshots = snapshots
        self.count = count
    }

    mutating func report(_ progress: (UInt64, UInt64) -> Void) -> VerificationReport {
        do {
            found = snapshots?.found() ?? []
            var progressAt: UInt64 = 0
            while fold.entryCount < count {
                let before = fold.entryCount
                var bytesLeft = 64 << 20
                try log.forEachFrame(from: before) { value in
                    try verify(value)
                    bytesLeft -= value.byteCount
                    return fold.entryCount < count && bytesLeft > 0
                }
                guard fold.entryCount > before else {
                    throw LogFault("the log ends after \(before) entries of \(count)")
                }
                if fold.entryCount >= progressAt {
                    progress(fold.entryCount, count)
                    progressAt = fold.entryCount + max(1, count / 100)
                }
            }
            finish()
        } catch {
            let reason = (error as? LogFault)?.reason ?? "\(error)"
            report.findings.append(Finding(position: position, reason))
        }
        report.entries = fold.entryCount
        report.root = tree.root
        report.digest = fold.state.digest
        return report
    }

    private mutating func verify(_ value: RawSpan) throws {
        let header = try FrameHeader(value)
        guard header.firstPosition == fold.entryCount else {
            throw LogFault(
                "a frame begins at position \(header.firstPosition), not \(fold.entryCount)")
        }
        guard header.number == frameNumber else {
            throw LogFault("a frame has number \(header.number), not \(frameNumber)")
        }
        if let id = fold.state.ledgerID, id != header.ledgerID {
            throw LogFault("the frame belongs to another ledger")
        }
        var tree = self.tree
        try FrameFold.run(value, header, tree: &tree) { value in
            try verifyEntries(value, header)
        }
        self.tree = tree
        position = header.firstPosition
        guard tree.root == header.root else {
            throw LogFault("the entries of this frame do not have the root it says")
        }
        guard header.lastTime == fold.state.time, header.epoch == fold.state.epoch,
            header.ledgerID == fold.state.ledgerID
        else { throw LogFault("the frame's header does not say what its entries do") }
        position = header.endPosition
        frameNumber += 1
        report.frames += 1
        compareSnapshots()
        checkInvariants(atEnd: false)
    }

    private mutating func verifyEntries(_ value: RawSpan, _ header: FrameHeader) throws {
        // As values of this call alone: the fold is then known to be nobody else's.
        var (entry, ids, position) = (DecodedEntry(), self.ids, header.firstPosition)
        self.ids = Self.noIDs
        defer { (self.ids, self.position) = (ids, position) }
        let log = log
        _ = try fold.apply(
            header.count, in: value, using: &entry,
            range: { index throws(LogFault) in try header.range(of: index, value) },
            begin: { position = header.firstPosition + UInt64($0) },
            isWanted: { entry in
                try Self.verifyIdentity(of: entry, &ids, log)
                return true
            },
            check: { fold, entry in
                guard fold.hasLinks(entry) else {
                    throw LogFault("an entry's links do not lead to the entries before it")
                }
            })
    }

    /// Invariant 10: an id stands in the log once.
    private static func verifyIdentity(
        of entry: DecodedEntry, _ ids: inout CommandIDWindow, _ log: any EventLog
    ) throws(LogFault) {
        guard entry.id != .none else {
            guard entry.actor == .system else { throw LogFault("an entry has no command id") }
            return
        }
        guard entry.id.isVersion7 else { throw LogFault("a command id is no UUID version 7") }
        let id = entry.id
        // Two ids of one hash are told apart by the log itself.
        let again = try? ids.position(of: id) { try log.entry(at: $0)?.id == id }
        if let again { throw LogFault("command id \(id) stood at position \(again) already") }
        ids.insert(id, at: entry.point.position)
    }

    /// Snapshots are folds of the log: each one found must be the fold at its position.
    private mutating func compareSnapshots() {
        for snapshot in found where snapshot.header.entryCount == fold.entryCount {
            let position = fold.entryCount - 1
            do {
                guard let loaded = try snapshots?.load(snapshot) ?? nil else { continue }
                if snapshot.header.tree.root != tree.root {
                    report.findings.append(
                        Finding(position: position, "a snapshot has another root"))
                }
                if loaded.state.recomputedDigest() != fold.state.digest
                    || snapshot.header.digest != fold.state.digest
                {
                    report.findings.append(
                        Finding(position: position, "a snapshot is not the fold of the log"))
                }
                report.covered.append("the snapshot after \(fold.entryCount) entries")
            } catch {
                report.findings.append(
                    Finding(position: position, "a snapshot cannot be read: \(error)"))
            }
        }
    }

    private mutating func checkInvariants(atEnd: Bool) {
        let records = fold.state.accountCount + fold.state.auctionCount
        // Once the budget is spent, boundaries are spaced so that it never doubles.
        let isDue =
            atEnd || recordsVisited < Self.recordsVisitedMax
            || frameNumber % UInt64(1 + recordsVisited / Self.recordsVisitedMax * 1000) == 0
        guard isDue else { return }
        recordsVisited += records
        boundariesChecked += 1
        let recomputesDigest = atEnd || recordsVisited <= Self.recordsDigestedMax
        if recomputesDigest { digestsRecomputed += 1 }
        for violation in fold.state.invariantViolations(recomputesDigest: recomputesDigest) {
            report.findings.append(
                Finding(position: fold.entryCount - 1, "invariant \(violation)"))
        }
    }

    private mutating func finish() {
        checkInvariants(atEnd: true)
        if let expectedDigest, expectedDigest != fold.state.digest {
            report.findings.append(
                Finding(position: nil, "invariant 7: the live state is not the fold of the log"))
        }
        for snapshot in found where snapshot.header.entryCount > count {
            report.findings.append(
                Finding(
                    position: nil,
                    "a snapshot reflects \(snapshot.header.entryCount) entries, but the log has "
                        + "\(count)"))
        }
        report.isComplete = true
        report.covered.insert(
            contentsOf: [
                "\(report.frames) frames: order, headers and Merkle roots",
                "\(fold.entryCount) entries: hashes, encoding, order, times, links, "
                    + "command ids used once",
                "the fold of all entries from the first on",
                "the invariants at \(boundariesChecked) of \(report.frames + 1) frame boundaries"
                    + (digestsRecomputed == boundariesChecked
                        ? "" : ", the digest of the records at \(digestsRecomputed) of them"),
            ], at: 0)
    }
}
