// Level `records`: every entry hashed again up to each frame's root, and decoded; nothing folded.
//
// Frames are copied out of the log in batches of bounded size, so that no transaction is open while
// they are worked on. What a frame says on its own is worked out on several cores; how frames
// follow each other, and the tree over all of them, one after the other: the first finding is
// therefore the first divergence, however many cores there are.

internal import AuctionDomain
internal import Dispatch
internal import Platform
internal import Synchronization

struct RecordsVerification {
    private let source: VerificationSource
    private let cores: Int
    private var report: VerificationReport
    private var chain = FrameChain()
    private var tree = MerkleTree()
    private var evidence: EvidenceCheck
    /// Where a fault that is found now shows.
    private var position: UInt64 = 0

    private static let bytesPerBatch = 16 << 20
    /// About what one core takes at a time.
    private static let bytesPerPiece = 256 << 10

    init(_ source: VerificationSource, _ report: VerificationReport, cores: Int) {
        self.source = source
        self.report = report
        self.cores = cores
        evidence = EvidenceCheck(source)
    }

    mutating func report(_ progress: (UInt64, UInt64) -> Void) -> VerificationReport {
        report.notCovered.append(
            "what the entries mean: the fold, links, command ids used once, snapshots, and whether "
                + "the rules give their outcomes (--level rules)")
        report.notCovered.append(VerificationReport.commandsNotCovered)
        var meter = ProgressMeter(count: source.count)
        do {
            evidence.compare(tree, &report)
            while chain.entryCount < source.count {
                let before = chain.entryCount
                let batch = copyFrames()
                for (frame, facts) in zip(batch.frames, examine(batch.frames)) {
                    try take(frame.header, facts)
                }
                if let fault = batch.fault { throw fault }
                guard chain.entryCount > before else {
                    throw LogFault("the log ends after \(before) entries of \(source.count)")
                }
                if meter.isDue(chain.entryCount) { progress(chain.entryCount, source.count) }
            }
            try finish()
        } catch {
            report.findings.append(
                Finding(position: position, "\(error)"))
        }
        report.entries = chain.entryCount
        report.frames = chain.frames
        report.root = tree.root
        return report
    }

    // MARK: Reading

    private struct Batch {
        var frames: [CopiedFrame] = []
        /// What kept the next frame from being read.
        var fault: (any Error)?
    }

    /// Copies the next frames.
    private func copyFrames() -> Batch {
        var batch = Batch()
        var bytesLeft = Self.bytesPerBatch
        do {
            try source.log.forEachFrame(from: chain.entryCount) { value in
                let header = try FrameHeader(value)
                batch.frames.append(CopiedFrame(header: header, bytes: value.array()))
                bytesLeft -= value.byteCount
                return header.endPosition < source.count && bytesLeft > 0
            }
        } catch {
            batch.fault = error
        }
        return batch
    }

    // MARK: Many frames at once

    /// Works out what each frame says on its own.
    private func examine(_ frames: [CopiedFrame]) -> [FrameFacts] {
        let pieces = pieces(of: frames)
        guard cores > 1, pieces.count > 1 else { return FrameFacts.of(frames[...]) }
        let results = Mutex([[FrameFacts]](repeating: [], count: pieces.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(cores, pieces.count)) { _ in
            while true {
                let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard piece < pieces.count else { return }
                let facts = FrameFacts.of(frames[pieces[piece]])
                results.withLock { $0[piece] = facts }
            }
        }
        return results.withLock { $0.flatMap(\.self) }
    }

    private func pieces(of frames: [CopiedFrame]) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (index, frame) in frames.enumerated() {
            bytes += frame.bytes.count
            if bytes >= Self.bytesPerPiece || index == frames.count - 1 {
                pieces.append(start..<index + 1)
                (start, bytes) = (index + 1, 0)
            }
        }
        return pieces
    }

    // MARK: One frame after the other

    private mutating func take(_ header: FrameHeader, _ facts: FrameFacts) throws {
        position = chain.entryCount
        let before = chain
        try chain.follow(header)
        if let fault = facts.fault {
            chain = before
            position = fault.position
            throw LogFault(fault.reason)
        }
        var tiles = ContiguousArray<TileRoot>()
        for subtree in facts.run.subtrees { tree.append(subtree) { tiles.append($0) } }
        guard tree.root == header.root else {
            chain = before
            throw header.rootFault
        }
        guard facts.firstTime >= before.lastTime else {
            throw LogFault("the time falls after the entry before")
        }
        guard (facts.ledgerID ?? before.ledgerID) == header.ledgerID else {
            throw LogFault("the frame belongs to another ledger")
        }
        guard header.lastTime == facts.lastTime,
            header.epoch == facts.epoch ?? before.epoch
        else { throw LogFault("the frame's header does not say what its entries do") }
        evidence.note(facts.keyChanges)
        evidence.compare(tiles, &report)
        evidence.compare(tree, &report)
        position = chain.entryCount
    }

    private mutating func finish() throws {
        report.covered += [
            "\(chain.frames) frames: order, headers and Merkle roots",
            "\(chain.entryCount) entries: hashes, encoding, order, times",
        ]
        try evidence.finish(chain, &report)
        report.isComplete = true
    }
}

/// A frame's value, copied out of the log.
struct CopiedFrame: Sendable {
    let header: FrameHeader
    let bytes: [UInt8]
}
