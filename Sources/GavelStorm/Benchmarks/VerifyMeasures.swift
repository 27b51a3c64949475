// How fast a ledger is verified, level by level, and what hashing alone costs beside the same
// hashing by OpenSSL.
//
// Figures of one core are taken by processor time, so that whoever else uses the machine does not
// enter. A block is what SHA-256 works on, 64 bytes: an entry of up to 118 bytes takes two as a
// leaf of the tree, an inner node two, and a message of 119 bytes, which `openssl speed` is given,
// two as well.

import Gavel
import GavelProgram
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What verifying, reading and hashing one ledger costs.
package struct VerifyMeasures {
    private let path: String

    package init(of path: String) { self.path = path }

    /// Measures all of it.
    /// - Throws: `Failure` where the ledger is not clean; `LedgerError`.
    package func add(to figures: inout Figures) throws {
        try measureLevels(&figures)
        try measureReading(&figures)
        try measureProof(&figures)
        try measureHashing(&figures)
    }

    private func measureLevels(_ figures: inout Figures) throws {
        let all = try verify(.records)
        let one = try verify(.records, cores: 1)
        let fold = try verify(.fold)
        let rules = try verify(.rules)
        let entries = all.report.entries
        figures.add("entries", entries)
        figures.add("frames", all.report.frames)
        figures.add("records_elapsed_ns", all.elapsed)
        figures.add("records_entries_per_second", perSecond(entries, all.elapsed))
        figures.add("records_one_core_entries_per_second", perSecond(entries, one.processor))
        figures.add("fold_elapsed_ns", fold.elapsed)
        figures.add("fold_entries_per_second", perSecond(entries, fold.elapsed))
        figures.add("fold_one_core_entries_per_second", perSecond(entries, fold.processor))
        // The figures without a level's name are of the default, rules.
        figures.add("elapsed_ns", rules.elapsed)
        figures.add("entries_per_second", perSecond(entries, rules.elapsed))
        figures.add("one_core_entries_per_second", perSecond(entries, rules.processor))
        figures.add(
            "rules_time_x_fold_permille", rules.elapsed * 1000 / max(1, fold.elapsed))
    }

    /// A page of 100 entries, each of another tile as far as there are so many, the first time and
    /// once more: what holding entries against their hashes costs who pages a history.
    private func measureReading(_ figures: inout Figures) throws {
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        let positions = (UInt64(0)..<100).map { reader.reflects / 100 * $0 }
        for name in ["first_page_ns", "second_page_ns"] {
            let start = SystemClock().uptimeNanoseconds()
            for position in positions { _ = try reader.entry(at: position) }
            figures.add(name, SystemClock().uptimeNanoseconds() - start)
        }
    }

    /// The first proof that a reader makes, of an entry in the middle: nothing of the tree is in
    /// memory yet. Then the evidence with all that names the entry's things.
    private func measureProof(_ figures: inout Figures) throws {
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        // Opening may have read the log's pages; the tree's nodes it has not.
        let start = SystemClock().uptimeNanoseconds()
        _ = try reader.proof(ofEntryAt: reader.reflects / 2)
        let proven = SystemClock().uptimeNanoseconds()
        _ = try reader.evidence(ofEntryAt: reader.reflects / 2)
        figures.add("proof_ns", proven - start)
        figures.add("evidence_ns", SystemClock().uptimeNanoseconds() - proven)
    }

    private func verify(
        _ level: VerificationLevel, cores: Int? = nil
    ) throws -> (report: VerificationReport, elapsed: Int64, processor: Int64) {
        let (start, processor) = (SystemClock().uptimeNanoseconds(), Machine.cpuNanoseconds)
        let report = try verifyLedger(at: path, level: level, cores: cores)
        let elapsed = SystemClock().uptimeNanoseconds() - start
        if let status = report.failureStatus {
            throw Failure(
                status, "the ledger is not clean: \(report.findings.first?.description ?? "")")
        }
        return (report, elapsed, Machine.cpuNanoseconds - processor)
    }

    private func measureHashing(_ figures: inout Figures) throws {
        let sample = try HashSample(ledger: path)
        let elapsed = try sample.hash()
        let ours = perSecond(sample.blocks, elapsed)
        figures.add("hash_entries", sample.entries)
        figures.add("hash_blocks", sample.blocks)
        figures.add("hash_blocks_per_second", ours)
        guard let short = opensslBlocks(messageBytes: 119),
            let long = opensslBlocks(messageBytes: 16384)
        else {
            printError("openssl is not there, so hashing stands beside nothing")
            return
        }
        figures.add("openssl_119_blocks_per_second", short)
        figures.add("openssl_16384_blocks_per_second", long)
        // In thousandths: 1000 is as long as OpenSSL takes.
        figures.add("hash_time_x_openssl_119_permille", short * 1000 / max(1, ours))
        figures.add("hash_time_x_openssl_16384_permille", long * 1000 / max(1, ours))
    }
}

/// Frames from the start of a log, copied into memory, to be hashed into the tree.
private struct HashSample {
    /// More is not copied: hashing does not change with the size.
    private static let bytesMax = 128 << 20

    private(set) var frames: [[UInt8]] = []
    private(set) var entries: UInt64 = 0
    /// The SHA-256 blocks of all leaves and inner nodes.
    private(set) var blocks: UInt64 = 0

    init(ledger path: String) throws {
        let log = try FolderStore(at: path).openForReading()
        defer { log.close() }
        var (frames, entries, leafBlocks, bytesLeft) = ([[UInt8]](), 0, 0, Self.bytesMax)
        try log.forEachFrame(from: 0) { value in
            let header = try FrameHeader(value)
            for index in 0..<header.count {
                // A byte before the entry; 0x80 and the length, nine bytes, after it.
                leafBlocks += (1 + (try header.range(of: index, value).count) + 9 + 63) / 64
            }
            entries += header.count
            frames.append(value.array())
            bytesLeft -= value.byteCount
            return bytesLeft > 0
        }
        self.frames = frames
        self.entries = UInt64(entries)
        // A tree of n leaves has an inner node for each but those that stand alone at its edge.
        blocks = UInt64(leafBlocks + 2 * (entries - entries.nonzeroBitCount))
    }

    /// Hashes all frames on one core.
    /// - Returns: the processor time it took, in nanoseconds.
    func hash() throws -> Int64 {
        var tree = MerkleTree()
        let start = Machine.cpuNanoseconds
        for frame in frames {
            try withBytes(of: frame) { value in
                try FrameHeader(value).hash(value, into: &tree)
            }
        }
        let elapsed = Machine.cpuNanoseconds - start
        guard tree.size == entries else { throw Failure(.unusable, "not all entries were hashed") }
        return elapsed
    }
}

/// The SHA-256 blocks that OpenSSL hashes on one core in a second of processor time, in messages of
/// one length.
/// - Returns: nil where there is no openssl, or none that can say it.
private func opensslBlocks(messageBytes: Int) -> Int64? {
    let command = "openssl speed -mr -evp sha256 -seconds 1 -bytes \(messageBytes) 2>/dev/null"
    guard let pipe = popen(command, "r") else { return nil }
    defer { pclose(pipe) }
    var (line, bytesPerSecond): ([CChar], Double?) = (.init(repeating: 0, count: 256), nil)
    while fgets(&line, Int32(line.count), pipe) != nil {
        // "+F:25:sha256:802097559.38"
        let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        let fields = text.first?.split(separator: ":") ?? []
        if fields.first == "+F", fields.count == 4 { bytesPerSecond = Double(fields[3]) }
    }
    guard let bytesPerSecond, bytesPerSecond > 0 else { return nil }
    let blocks = (messageBytes + 9 + 63) / 64
    return Int64(bytesPerSecond / Double(messageBytes) * Double(blocks))
}
