// Level `heads`: the frames' headers, the stored roots of tiles as far as the newest root rests on
// them, and the checkpoints. Entries are read only of the last tile, which has no stored root.

internal import AuctionDomain
internal import Platform

struct HeadsVerification {
    private let source: VerificationSource
    private var report: VerificationReport
    private var chain = FrameChain()
    private var evidence: EvidenceCheck
    /// Where a fault that is found now shows.
    private var position: UInt64? = 0

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
            try source.log.readHeaders(to: source.count, progress) { header in
                try chain.follow(header)
                position = chain.entryCount
                return chain.entryCount
            }
            try finish()
        } catch {
            report.findings.append(Finding(position: position, "\(error)"))
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
        do { try checkRoot(tree) } catch {
            position = try? firstFault()
            throw error
        }
        position = nil
        report.covered.append("the root of all entries, from the stored roots of tiles")
        try evidence.compareByTiles(tree, &report)
        try evidence.finish(chain, &report)
        report.isComplete = true
    }

    private func checkRoot(_ tree: LogTree) throws {
        guard try tree.tree(of: chain.entryCount).root == chain.root else {
            throw LogFault(
                "the stored roots of tiles and the last tile's entries do not give the root that "
                    + "the last frame says")
        }
    }

    /// The first entry of the first frame in the last tile whose root is not that of the stored
    /// roots and of the entries up to its end; nil where there is none.
    private func firstFault() throws -> UInt64? {
        let start = chain.entryCount / TileRoot.leaves * TileRoot.leaves
        guard start < chain.entryCount else { return nil }
        var tree = try LogTree(of: source.log, size: start).tree(of: start)
        var found: UInt64?
        try source.log.forEachFrame(from: start) { value in
            let header = try FrameHeader(value)
            while tree.size < header.endPosition {
                let range = try header.range(of: Int(tree.size - header.firstPosition), value)
                tree.append(leaf: LedgerHash.leaf(value.extracting(range)))
            }
            if tree.root != header.root { found = header.firstPosition }
            return found == nil && tree.size < chain.entryCount
        }
        return found
    }
}
