// Level `heads`: the frames' headers, the stored roots of tiles as far as the newest root rests on
// them, and the checkpoints. Entries are read only of the last tile, which has no stored root.

internal import AuctionDomain
internal import LMDB

struct HeadsVerification {
    private let source: VerificationSource
    private var report: VerificationReport
    private var chain = FrameChain()
    private var evidence: EvidenceCheck

    /// Only headers are touched, so much may be passed in one transaction.
    private static let bytesPerRead = 1 << 30

    init(_ source: VerificationSource, _ report: VerificationReport) {
        self.source = source
        self.report = report
        evidence = EvidenceCheck(source)
    }

    mutating func report(_ progress: (UInt64, UInt64) -> Void) -> VerificationReport {
        report.notCovered.append(
            "the entries' bytes, and so whether any was changed (--level records)")
        report.notCovered.append(
            "what the entries mean, whether the rules give their outcomes, and the snapshots "
                + "(--level rules)")
        report.notCovered.append(VerificationReport.commandsNotCovered)
        do {
            try source.log.readFrames(
                to: source.count, bytesPerRead: Self.bytesPerRead, progress
            ) { value in
                try chain.follow(try FrameHeader(value))
                return chain.entryCount
            }
            try finish()
        } catch {
            report.findings.append(
                Finding(
                    position: chain.entryCount, "\(error)"))
        }
        report.entries = chain.entryCount
        report.frames = chain.frames
        report.root = chain.root
        return report
    }

    private mutating func finish() throws {
        report.covered.append(
            "\(chain.frames) frames: their headers and how each follows the one before")
        let tree = LogTree(of: source.log, size: chain.entryCount)
        guard try tree.tree(of: chain.entryCount).root == chain.root else {
            throw LogFault(
                "the stored roots of tiles and the last tile's entries do not give the root that "
                    + "the last frame says")
        }
        report.covered.append("the root of all entries, from the stored roots of tiles")
        try evidence.compareByTiles(tree, &report)
        try evidence.finish(chain.entryCount, &report)
        report.isComplete = true
    }
}
