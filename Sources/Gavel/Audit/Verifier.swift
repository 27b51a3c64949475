// The door to verification: which level runs on what.
//
// Every level reads without a lock and pins nothing (decision 0027), and stops at the position that
// was durable when it began.

internal import AuctionDomain
internal import LMDB
public import Logging
internal import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Verifies ledgers.
public enum Verifier {
    /// Verifies a ledger: see `VerificationLevel` for what each level reads and finds.
    ///
    /// Runs beside a living writer, up to its durable position; a backup is a ledger too.
    /// - Parameters:
    ///   - structure: walks the data files page by page first. Where the log's file has a fault
    ///     nothing else is done.
    ///   - cores: how many may hash at once; nil takes all there are.
    ///   - keys: who must have signed the checkpoints, with the keys that follow from those by the
    ///     log's rotations; nil takes the keys in the ledger's folder and those that the log names.
    ///   - kept: checkpoints from elsewhere that the log must live up to as well.
    ///   - progress: told from time to time how many of how many entries are done.
    /// - Throws: `LedgerError` when the ledger cannot be opened at all.
    public static func verify(
        at path: String, level: VerificationLevel = .rules, structure: Bool = false,
        cores: Int? = nil, keys: [VerifierKey]? = nil, kept: [KeptCheckpoint] = [],
        logger: Logger = Logger(label: "gavel"),
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(LedgerError) -> VerificationReport {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        do {
            var report = VerificationReport(level: level)
            var arePagesMissing = false
            if structure {
                var pages = StructureVerification(folder: folder)
                pages.run(&report)
                guard pages.isLogSound else { return report }
                arePagesMissing = !pages.isComplete
            } else {
                report.notCovered.append("the pages of the data files (--structure)")
            }
            // Before the count: what was signed was durable by then.
            var evidence = StoredEvidence(in: folder, trusted: keys, elsewhere: kept)
            let log = try LogFileReader(at: folder.log)
            defer { log.close() }
            var count = UInt64.max
            do {
                count = try LedgerReader.durableCount(of: folder, log)
            } catch is LogFault {
                // The last frame cannot be read: reading from the first one on names its place.
            }
            evidence.followRotations(in: log, before: count)
            let source = VerificationSource(log: log, count: count, evidence: evidence)
            switch level {
            case .heads:
                var run = HeadsVerification(source, report)
                report = run.report(progress)
            case .records:
                var run = RecordsVerification(source, report, cores: cores ?? coreCount)
                report = run.report(progress)
            case .fold, .rules:
                let snapshots = SnapshotFolder(path: folder.snapshots)
                var run = FoldVerification(source, report, snapshots: snapshots)
                report = run.report(progress)
            }
            // What was asked for and could not be read keeps the report from being clean.
            if arePagesMissing { report.isComplete = false }
            return report
        } catch {
            throw LedgerError(error, while: "opening \(path)")
        }
    }

    /// Verifies exported tiles alone, without the ledger they are of.
    /// - Parameters:
    ///   - level: `heads` derives the signed root from the leaf hashes; `records` also holds each
    ///     exported entry against its own.
    ///   - keys: who must have signed; without any the signature is not covered. Where the entries
    ///     were exported, level `records` follows their rotations.
    ///   - kept: checkpoints from elsewhere that the tree must live up to as well.
    /// - Throws: `LedgerError` with `notFound` when there is no checkpoint at the path.
    /// - Precondition: the level is `heads` or `records`: what entries mean only the ledger shows.
    public static func verify(
        tilesAt path: String, level: VerificationLevel, keys: [VerifierKey] = [],
        kept: [KeptCheckpoint] = [],
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(LedgerError) -> VerificationReport {
        precondition(level < .fold, "tiles do not show what entries mean")
        guard FileSystem.exists("\(path)/checkpoint") else {
            throw LedgerError(.notFound, "there are no exported tiles at \(path)")
        }
        var run = TilesVerification(at: path, level: level, keys: keys, kept: kept)
        return run.report(progress)
    }

    /// Walks the data file of a ledger's log page by page.
    /// - Throws: `LedgerError` with `damaged`, naming the first page that is not sound;
    ///   `heldByWriter` when the file is being written to; `notFound`, `foreign` or `storage`.
    public static func checkStructure(at path: String) throws(LedgerError) {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        let file = folder.log + "/data.mdb"
        do {
            let report = try DataFileWalk.check(path: file)
            if let reason = report.incompleteReason {
                throw LedgerError(.heldByWriter, "\(file): \(reason)")
            }
            guard let fault = report.faults.first else { return }
            let others = report.faultCount > 1 ? ", and \(report.faultCount - 1) more" : ""
            throw LedgerError(.damaged, "\(file): \(fault)\(others)")
        } catch {
            throw LedgerError(error, while: "walking \(file)")
        }
    }

    private static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}

extension Ledger {
    /// Verifies this ledger, up to its durable position, and compares the fold with the live read
    /// state (invariant 7). Writing goes on meanwhile, and comes first: the work is done on a
    /// thread of low priority, for which the caller waits.
    /// - Parameter level: `rules`, or `fold`, which leaves out deciding again. The levels below
    ///   look at a ledger's files: see `Verifier`.
    /// - Precondition: the level is one of these two.
    public func verify(
        level: VerificationLevel = .rules,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) -> VerificationReport {
        precondition(level >= .fold, "an open ledger is verified at level fold or rules")
        var report = VerificationReport(level: level)
        report.notCovered.append("the pages of the data files (--structure)")
        let evidence = folder.map { StoredEvidence(in: $0) }
        let (count, digest) = publisher.liveDigest
        let source = VerificationSource(log: log, count: count, evidence: evidence)
        var run = FoldVerification(source, report, snapshots: snapshots)
        run.expectedDigest = digest
        return BackgroundThread.run { run.report(progress) }
    }
}

/// What a verification reads.
struct VerificationSource {
    let log: any ReadableLog
    /// How many entries it reads.
    let count: UInt64
    var evidence: StoredEvidence?
}
