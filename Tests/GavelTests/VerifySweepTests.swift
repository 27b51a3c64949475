// The verifier must be able to fail: every byte of a small ledger is changed, every frame and
// entry dropped, swapped, doubled and cut, and each time the report names the place.

import AuctionDomain
import GavelTesting
import LMDB
import Platform
import Testing

@testable import Gavel

@Suite("Verifying damaged ledgers")
struct VerifySweepTests {
    /// The frames of a small ledger: one entry each, or many in one.
    private func withFrames(
        inOneBatch: Bool, _ body: (String, [StoredFrame]) throws -> Void
    ) async throws {
        try await withLedgerPath { path in
            try await makeSmallLedger(at: path, inOneBatch: inOneBatch)
            let frames = try readFrames(at: path)
            #expect(inOneBatch ? frames.count < 5 : frames.count > 15)
            try body(path, frames)
        }
    }

    // MARK: Canaries

    @Test("The verifier can say both: clean of what is sound, and not of one changed byte")
    func canary() async throws {
        try await withFrames(inOneBatch: false) { _, frames in
            for level in VerificationLevel.allCases where level != .heads {
                #expect(verify(frames, level).isClean)
                var damaged = frames
                damaged[7].1[damaged[7].1.count - 1] ^= 1
                let report = verify(damaged, level)
                #expect(!report.isClean && !report.isComplete)
                #expect(report.firstDivergence == frames[7].0)
            }
        }
    }

    @Test("The tests' own tools change nothing: frames taken apart and put together are the same")
    func tools() async throws {
        try await withFrames(inOneBatch: true) { _, frames in
            for (again, frame) in zip(rehashed(frames), frames) { #expect(again == frame) }
        }
    }

    // MARK: Every byte

    /// Bytes of a frame's header that nothing covers.
    private static let uncovered: [Int] = []

    @Test(
        "Each byte of the stored frames, flipped, is found, in its frame and not behind it",
        arguments: [VerificationLevel.records, .fold, .rules], [false, true])
    func byteFlips(level: VerificationLevel, inOneBatch: Bool) async throws {
        try await withFrames(inOneBatch: inOneBatch) { _, frames in
            for (index, frame) in frames.enumerated() {
                for byte in frame.1.indices where !Self.uncovered.contains(byte) {
                    var damaged = frames
                    damaged[index].1[byte] ^= 1 << UInt8(byte % 8)
                    let report = verify(damaged, level)
                    let found = report.firstDivergence
                    #expect(!report.isClean, "frame \(index) byte \(byte)")
                    let last = lastPlace(of: byte, in: frame)
                    #expect(
                        found.map { (frame.0...last).contains($0) } == true,
                        "frame \(index) byte \(byte): \(String(describing: found))")
                }
            }
        }
    }

    /// The last position at which a changed byte of a frame may show. The first is the frame's own:
    /// there its root shows that something in it was changed.
    private func lastPlace(of byte: Int, in frame: StoredFrame) -> UInt64 {
        let entries = FrameParts(frame).entries
        var start = frame.1.count - entries.reduce(0) { $0 + $1.count }
        // Of the header, or of the offsets, which say where two entries end and begin.
        if byte < start { return frame.0 + UInt64(entries.count) }
        for (index, entry) in entries.enumerated() {
            // A time that is too late shows as one that falls, at the next entry.
            let isTime = (16..<24).contains(byte - start)
            if byte < start + entry.count { return frame.0 + UInt64(index) + (isTime ? 1 : 0) }
            start += entry.count
        }
        return frame.0
    }

    @Test("At level heads each byte of a frame's header, flipped, is found at its frame")
    func headerFlips() async throws {
        try await withFrames(inOneBatch: false) { _, frames in
            #expect(verify(frames, .heads).isClean)
            for (index, frame) in frames.enumerated() {
                for byte in 0..<120 {
                    var damaged = frames
                    damaged[index].1[byte] ^= 1 << UInt8(byte % 8)
                    #expect(verify(damaged, .heads).firstDivergence == frame.0, "byte \(byte)")
                }
            }
        }
    }

    @Test("At level heads a flipped byte of an entry in the last tile is found at its frame")
    func lastTileFlips() async throws {
        try await withFrames(inOneBatch: false) { _, frames in
            for (index, frame) in frames.enumerated() {
                var damaged = frames
                damaged[index].1[damaged[index].1.count - 1] ^= 1
                let report = verify(damaged, .heads)
                #expect(!report.isComplete && report.findings.count == 1)
                #expect(report.firstDivergence == frame.0, "\(report.findings)")
            }
        }
    }

    // MARK: Frames

    @Test(
        "Dropped, swapped, doubled and cut frames are found at their place",
        arguments: VerificationLevel.allCases)
    func frameDamage(level: VerificationLevel) async throws {
        try await withFrames(inOneBatch: false) { _, frames in
            for index in frames.indices {
                let place = frames[index].0
                var dropped = frames
                dropped.remove(at: index)
                #expect(verify(dropped, level).firstDivergence == place)
                var cut = frames
                cut[index].1.removeLast()
                #expect(verify(cut, level).firstDivergence == place)
                guard index + 1 < frames.count else { continue }
                var swapped = frames
                (swapped[index].1, swapped[index + 1].1) = (frames[index + 1].1, frames[index].1)
                #expect(verify(swapped, level).firstDivergence == place)
                var doubled = frames
                doubled[index + 1].1 = frames[index].1
                #expect(verify(doubled, level).firstDivergence == frames[index + 1].0)
            }
        }
    }

    // MARK: Entries

    @Test(
        "Dropped, swapped, doubled and cut entries are found at their place, header repaired",
        arguments: [VerificationLevel.records, .fold, .rules])
    func entryDamage(level: VerificationLevel) async throws {
        try await withFrames(inOneBatch: true) { _, frames in
            let large = try #require(frames.indices.max { frames[$0].1.count < frames[$1].1.count })
            let (key, parts) = (frames[large].0, FrameParts(frames[large]))
            #expect(parts.entries.count > 10)
            func expect(
                at index: Int, _ change: (inout [[UInt8]]) -> Void,
                sourceLocation: SourceLocation = #_sourceLocation
            ) {
                for rehashes in [false, true] {
                    var changed = parts
                    change(&changed.entries)
                    var damaged = frames
                    damaged[large] = changed.stored(at: key)
                    if rehashes { damaged = rehashed(damaged) }
                    #expect(
                        verify(damaged, level).firstDivergence == key + UInt64(index),
                        "entry \(index), rehashed: \(rehashes)", sourceLocation: sourceLocation)
                }
            }
            for index in parts.entries.indices.dropLast() {
                expect(at: index) { $0.remove(at: index) }
                expect(at: index) { $0.swapAt(index, index + 1) }
                expect(at: index + 1) { $0.insert($0[index], at: index) }
                expect(at: index) { $0[index].removeLast() }
                expect(at: index) { $0[index].append(0) }
            }
        }
    }

    // MARK: What only the fold sees

    @Test("A command id that stands twice, and links that lead elsewhere, are found though hashed")
    func hashedDamage() async throws {
        try await withFrames(inOneBatch: true) { _, frames in
            let large = try #require(frames.indices.max { frames[$0].1.count < frames[$1].1.count })
            let (key, parts) = (frames[large].0, FrameParts(frames[large]))
            let index = try #require(
                parts.entries.lastIndex { $0[0] == EntryKind.placeBid.rawValue })
            let id = 24..<EntryLayout.headerBytes
            for level in [VerificationLevel.fold, .rules] {
                func found(_ change: (inout [[UInt8]]) -> Void) -> Finding? {
                    var changed = parts
                    change(&changed.entries)
                    var damaged = frames
                    damaged[large] = changed.stored(at: key)
                    return verify(rehashed(damaged), level).findings.first
                }
                let former = parts.entries[index - 3][id]
                let twice = found { $0[index].replaceSubrange(id, with: former) }
                #expect(twice?.position == key + UInt64(index))
                #expect(twice?.what.contains("stood at position") == true, "\(twice?.what ?? "")")
                // Its last link reaches back one entry further.
                let links = found { $0[index][$0[index].count - 4] += 1 }
                #expect(links?.position == key + UInt64(index))
                #expect(links?.what.contains("links do not lead") == true, "\(links?.what ?? "")")
            }
        }
    }

    @Test("A live state that is not the fold is found; the digest is counted again at every frame")
    func digests() async throws {
        try await withFrames(inOneBatch: false) { path, frames in
            let log = FrameList(frames: frames)
            let source = VerificationSource(log: log, count: 20, evidence: nil)
            func report(expecting digest: StateDigest?) -> VerificationReport {
                var run = FoldVerification(source, VerificationReport(level: .fold), snapshots: nil)
                run.expectedDigest = digest
                return run.report { _, _ in }
            }
            let sound = report(expecting: nil)
            #expect(sound.isClean && report(expecting: sound.digest).isClean)
            // Otherwise it says at how many of them.
            let boundaries = frames.count + 1
            #expect(
                sound.covered.contains(
                    "the invariants at \(boundaries) of \(boundaries) frame boundaries"))
            let other = report(expecting: State().digest)
            #expect(other.findings.map(\.what).contains { $0.contains("invariant 7") })
        }
    }

    @Test("A snapshot under another root, and one of more entries than there are, are findings")
    func snapshots() async throws {
        try await withFrames(inOneBatch: false) { path, frames in
            let log = try FolderStore(at: path).openForReading()
            let whole = try Loader(log: log, snapshots: nil, logger: Bench.logger)
                .load(upTo: .none)
            log.close()
            var tree = MerkleTree()
            for _ in 0..<20 { tree.append(leaf: LedgerHash(of: [])) }
            try StoredSnapshots(store: FolderStore(at: path))
                .write(whole.readState, tree: tree, ids: .unlimited(from: whole.horizon))
            let other = try Verifier.verify(at: path, level: .fold).findings
            #expect(other.contains { $0.what.contains("a snapshot has another root") }, "\(other)")
            try replaceLog(at: path, by: frames.dropLast(2))
            let more = try Verifier.verify(at: path, level: .fold).findings
            #expect(
                more.contains { $0.what.contains("a snapshot reflects 20 entries") }, "\(more)")
        }
    }

    // MARK: What each level cannot see

    @Test("A false history that is hashed correctly is clean for records; the rules name the entry")
    func rewrittenMeaning() async throws {
        try await withFrames(inOneBatch: true) { _, frames in
            let large = try #require(frames.indices.max { frames[$0].1.count < frames[$1].1.count })
            var parts = FrameParts(frames[large])
            // An accepted bid's price, raised by one.
            let index = try #require(
                parts.entries.firstIndex { $0[0] == EntryKind.placeBid.rawValue })
            parts.entries[index][BidLayout.firstEvent + 1] += 1
            var damaged = frames
            damaged[large] = parts.stored(at: frames[large].0)
            damaged = rehashed(damaged)
            let records = verify(damaged, .records)
            #expect(records.isClean)
            #expect(records.notCovered.contains { $0.contains("--level rules") })
            #expect(verify(damaged, .full).firstDivergence == frames[large].0 + UInt64(index))
        }
    }

    @Test("A history written anew from first to last is found by a checkpoint alone")
    func rewrittenWhole() async throws {
        try await withFrames(inOneBatch: true) { path, frames in
            let large = try #require(frames.indices.max { frames[$0].1.count < frames[$1].1.count })
            var parts = FrameParts(frames[large])
            // A payment's reference: nothing follows from it.
            let index = try #require(
                parts.entries.firstIndex { $0[0] == EntryKind.charge.rawValue })
            let end = try #require(parts.entries[index].lastIndex(of: UInt8(ascii: "a")))
            parts.entries[index][end] = UInt8(ascii: "b")
            var damaged = frames
            damaged[large] = parts.stored(at: frames[large].0)
            damaged = rehashed(damaged)
            #expect(verify(damaged, .records).isClean && verify(damaged, .rules).isClean)
            try FileSystem.remove(path + "/snapshots")
            try replaceLog(at: path, by: damaged)
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.findings.count == 1)
                #expect(report.findings.first?.what.contains("signed for other entries") == true)
            }
            // Without it the report says what nobody can know, and that it was removed.
            try FileSystem.remove(path + "/checkpoint")
            try FileSystem.remove(path + "/checkpoints")
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.findings.count == 1)
                #expect(report.findings.first?.what.contains("it was removed") == true)
                #expect(report.notCovered.contains { $0.contains("no checkpoint") })
            }
        }
    }

    @Test("A log cut at a frame's end is found by the checkpoint, at the first entry missing")
    func cutLog() async throws {
        try await withFrames(inOneBatch: false) { path, frames in
            try FileSystem.remove(path + "/snapshots")
            try replaceLog(at: path, by: Array(frames.dropLast(3)))
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.firstDivergence == frames[frames.count - 3].0)
                #expect(report.isComplete)
            }
        }
    }

    @Test("A checkpoint that another key signed, or that is none, is a finding at every level")
    func foreignCheckpoint() async throws {
        try await withFrames(inOneBatch: true) { path, _ in
            let store = FolderStore(at: path)
            let signed = try #require(try CheckpointFile(lastOf: store).read())
            let forger = try SigningKey.generate(name: signed.checkpoint.origin)
            let forged = try Checkpoint(
                origin: signed.checkpoint.origin, size: signed.checkpoint.size,
                root: signed.checkpoint.root
            ).signed(by: forger)
            try store.write(.checkpoint, forged.bytes)
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.findings.map(\.what).contains { $0.contains("not signed by this") })
            }
            try FileSystem.writeFileAtomically(path + "/checkpoint", Array("hello\n".utf8))
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(report.findings.first?.what.contains("no checkpoint") == true)
            }
        }
    }

    // MARK: The horizon of command ids

    @Test("The horizon of command ids never falls, and no entry's id had expired by it")
    func horizon() async throws {
        try await withFrames(inOneBatch: false) { _, frames in
            func raised(_ range: Range<Int>, to milliseconds: UInt64) -> [StoredFrame] {
                var frames = frames
                for index in range {
                    var parts = FrameParts(frames[index])
                    for byte in 0..<8 {
                        parts.header[96 + byte] = UInt8(milliseconds >> UInt64(8 * byte) & 255)
                    }
                    frames[index] = parts.stored(at: frames[index].0)
                }
                return frames
            }
            let last = frames.count - 1
            // Raised in one frame and not in the next: it falls there.
            let falls = raised(5..<6, to: 7)
            for level in VerificationLevel.allCases {
                #expect(verify(frames, level).isClean)
                #expect(verify(falls, level).firstDivergence == frames[6].0)
            }
            let expired = raised(5..<last + 1, to: 1 << 47)
            for level in [VerificationLevel.fold, .rules] {
                let report = verify(expired, level)
                #expect(report.firstDivergence == frames[6].0)
                #expect(report.findings.first?.what.contains("had expired") == true)
            }
        }
    }

    // MARK: Tiles

    @Test("Edited, missing and cut roots of tiles are found at the tile's first entry")
    func tileDamage() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let sound = try FileSystem.readFile(path + "/log/data.mdb")
            for level in VerificationLevel.allCases {
                #expect(try Verifier.verify(at: path, level: level).isClean)
            }
            for tile: UInt64 in 0..<2 {
                for byteCount in [0, 31, 32, 64] {
                    let environment = try Environment(at: path + "/log")
                    let tiles = try environment.integerTable(named: "tiles", create: false)
                    try environment.write { transaction in
                        if byteCount == 0 {
                            _ = try transaction.delete(tiles, key: tile)
                        } else {
                            let bytes = [UInt8](repeating: 7, count: byteCount)
                            try withBytes(of: bytes) {
                                try transaction.put(tiles, key: tile, value: $0)
                            }
                        }
                    }
                    environment.close()
                    for level in [VerificationLevel.records, .fold, .rules] {
                        let report = try Verifier.verify(at: path, level: level)
                        #expect(report.firstDivergence == tile * 256)
                        // Derived, so the rest is read all the same.
                        #expect(report.isComplete && report.entries == 602)
                    }
                    if byteCount > 0 {
                        #expect(try !Verifier.verify(at: path, level: .heads).isClean)
                    }
                    try FileSystem.writeFileAtomically(path + "/log/data.mdb", sound)
                }
            }
        }
    }

    // MARK: Many cores

    @Test("However many cores there are, the report is the same")
    func cores() async throws {
        try await withLedgerPath { path in
            // Frames of several pieces: long names.
            let filler = String(repeating: "x", count: 50)
            let ledger = try await Ledger.open(at: path)
            for batch in 0..<12 {
                let commands = (0..<800).map { number in
                    Submission(
                        id: .generate(),
                        command: .registerUser(
                            UserID(unchecked: "\(batch)-\(number)-\(filler)")))
                }
                _ = try await ledger.enqueue(commands).value()
            }
            await ledger.close()
            let frames = try readFrames(at: path)
            let count: UInt64 = 9602
            let one = verify(frames, .records, count: count)
            #expect(one.isClean && one.entries == count)
            #expect(verify(frames, .records, count: count, cores: 4) == one)
            #expect(one.root == verify(frames, .full, count: count).root)
            for index in [1, frames.count / 2, frames.count - 1] {
                var damaged = frames
                damaged[index].1[damaged[index].1.count / 2] ^= 4
                // Another fault behind it must not be the one that is named.
                damaged[frames.count - 1].1[200] ^= 4
                let report = verify(damaged, .records, count: count)
                #expect(!report.isClean)
                #expect(verify(damaged, .records, count: count, cores: 4) == report)
            }
        }
    }
}
