// The door to verification: which level runs on what.
//
// Every level reads without keeping a writer from anything, and stops at the position that was
// durable when it began.

internal import AuctionDomain
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
        try verify(
            FolderStore(at: path), level: level, structure: structure, cores: cores, keys: keys,
            kept: kept, logger: logger, progress: progress)
    }

    /// Verifies a ledger in any store, as `verify(at:)` does one in a folder.
    /// - Parameter structure: looks at what lies below the frames first, where the store has
    ///   something there.
    /// - Throws: `LedgerError` when the ledger cannot be opened at all.
    public static func verify(
        _ store: any LedgerStore, level: VerificationLevel = .rules, structure: Bool = false,
        cores: Int? = nil, keys: [VerifierKey]? = nil, kept: [KeptCheckpoint] = [],
        logger: Logger = Logger(label: "gavel"),
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(LedgerError) -> VerificationReport {
        do {
            var report = VerificationReport(level: level)
            var arePagesMissing = false
            if structure, let below = try store.examine() {
                report.findings += below.faults.map { Finding(position: nil, $0) }
                report.covered += below.covered
                report.notCovered += below.notCovered
                guard below.isSound else { return report }
                arePagesMissing = !below.isComplete
            } else {
                report.notCovered.append("the pages of the data files (--structure)")
            }
            // Before the count: what was signed was durable by then.
            var evidence = StoredEvidence(in: store, trusted: keys, elsewhere: kept)
            let log = try store.openForReading()
            defer { log.close() }
            var count = UInt64.max
            do {
                count = try store.durableCount(log)
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
                let snapshots = StoredSnapshots(store: store)
                var run = FoldVerification(source, report, snapshots: snapshots)
                report = run.report(progress)
            }
            // What was asked for and could not be read keeps the report from being clean.
            if arePagesMissing { report.isComplete = false }
            return report
        } catch {
            throw LedgerError(error, while: "opening \(store.name)")
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
        try FolderStore(at: path).checkSound()
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
        let evidence = StoredEvidence(in: store)
        let (count, digest) = publisher.liveDigest
        let source = VerificationSource(log: log, count: count, evidence: evidence)
        var run = FoldVerification(source, report, snapshots: StoredSnapshots(store: store))
        run.expectedDigest = digest
        return BackgroundThread.run { run.report(progress) }
    }
}

/// What a verification reads.
struct VerificationSource {
    let log: any LogReader
    /// How many entries it reads.
    let count: UInt64
    var evidence: StoredEvidence?
}
