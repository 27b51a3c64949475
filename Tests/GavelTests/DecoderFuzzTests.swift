// Hostile bytes for everything that reads bytes back: whatever comes, a decoder answers or refuses,
// and never traps, which would end this process. Seeds are fixed, so a failing case repeats;
// GAVEL_CAMPAIGN=10 tries ten times as many.
//
// Where bytes are only used once a hash of them was right, the hash is made right again: a forger
// can do that too.

import AuctionDomain
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// Makes of sound bytes such as are not.
private struct Mutator {
    var generator: SeededGenerator
    let samples: [[UInt8]]

    init(seed: UInt64, _ samples: [[UInt8]]) {
        generator = SeededGenerator(seed: seed)
        self.samples = samples
    }

    /// Numbers at which arithmetic ends, in the digits of a text.
    private static let numbers = [
        "0", "-1", "255", "256", "65536", "4294967295", "4294967296", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e400",
        String(repeating: "9", count: 400),
    ]
    /// And in bytes of so many.
    private static let words: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE,
        0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFE, .max,
    ]

    /// Some bytes, changed once to three times.
    mutating func mutant() -> [UInt8] {
        var bytes = generator.pick(samples)
        for _ in 0...generator.below(3) { change(&bytes) }
        return bytes
    }

    mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let start = generator.below(bytes.count)
        let end = start + generator.below(min(64, bytes.count - start) + 1)
        switch generator.below(9) {
        case 0: bytes[start] ^= 1 << UInt8(generator.below(8))
        case 1: bytes[start] = UInt8(generator.below(256))
        case 2, 3: putWord(at: start, in: &bytes)
        case 4: bytes.removeSubrange(start..<end)
        case 5:
            let part = Array(bytes[start..<end])
            for _ in 0...generator.below(4) { bytes.insert(contentsOf: part, at: start) }
        case 6: bytes.removeSubrange(start...)
        case 7:
            let other = generator.pick(samples)
            bytes.replaceSubrange(start..., with: other.suffix(generator.below(other.count + 1)))
        default: putNumber(near: start, in: &bytes)
        }
    }

    private mutating func putWord(at start: Int, in bytes: inout [UInt8]) {
        let count = min(generator.pick([1, 2, 4, 8]), bytes.count - start)
        Self.put(generator.pick(Self.words), count, at: start, in: &bytes)
    }

    private static func put(_ word: UInt64, _ count: Int, at start: Int, in bytes: inout [UInt8]) {
        for place in 0..<count {
            bytes[start + place] = UInt8(truncatingIfNeeded: word >> UInt64(8 * place))
        }
    }

    /// Bytes with each such number at each place, one after the other.
    static func extremes(of bytes: [UInt8], _ body: ([UInt8]) -> Void) {
        for count in [4, 8] {
            for start in 0..<max(0, bytes.count - count) {
                for word in words {
                    var changed = bytes
                    put(word, count, at: start, in: &changed)
                    body(changed)
                }
            }
        }
    }

    /// Puts another number in the place of the next one in a text.
    private mutating func putNumber(near start: Int, in bytes: inout [UInt8]) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let first = bytes[start...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: generator.pick(Self.numbers).utf8)
    }
}

/// Lets mutants be read.
/// - Parameter takes: whether one was taken; the sound ones must be.
private func fuzz(
    _ name: String, seed: UInt64, rounds: Int = 4_000, _ samples: [[UInt8]],
    takes: ([UInt8]) -> Bool
) {
    for sample in samples { #expect(takes(sample), "\(name): a sound one is refused") }
    var mutator = Mutator(seed: seed, samples)
    var refused = 0
    for _ in 0..<rounds * campaignScale where !takes(mutator.mutant()) { refused += 1 }
    // Most mutants are none of these any more, or the mutations test nothing.
    #expect(refused > rounds * campaignScale / 10, "\(name): \(refused) refused")
}

@Suite("Hostile bytes")
struct DecoderFuzzTests {
    private func withSmallLedger(
        _ body: (String, AskedLedger, [StoredFrame]) async throws -> Void
    ) async throws {
        try await withLedgerPath { path in
            let asked = try AskedLedger(at: path, users: 3, lots: 2, rounds: 3)
            try await body(path, asked, try readFrames(at: path))
        }
    }

    // MARK: The log

    @Test("Frames: any bytes are one or are refused, with the header's check made right or not")
    func frames() async throws {
        try await withSmallLedger { _, _, frames in
            for repairs in [false, true] {
                fuzz("frames", seed: 1, frames.map(\.1)) { bytes in
                    isFrame(repairs ? repaired(bytes) : bytes)
                }
            }
            let frame = try #require(frames.last).1
            let header = FrameLayout.headerBytes
            Mutator.extremes(of: Array(frame.prefix(header))) { start in
                _ = isFrame(repaired(start + frame.dropFirst(header)))
            }
        }
    }

    private func isFrame(_ bytes: [UInt8]) -> Bool {
        (try? withBytes(of: bytes) { try readFrame($0) }) != nil
    }

    /// A frame whose header has the check that it should have.
    private func repaired(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= FrameLayout.headerBytes else { return bytes }
        var bytes = bytes
        let check = withBytes(of: bytes) { FrameLayout.check(of: $0) }
        for place in 0..<8 {
            bytes[112 + place] = UInt8(truncatingIfNeeded: check >> UInt64(8 * place))
        }
        return bytes
    }

    /// Reads all that a frame has.
    private func readFrame(_ value: RawSpan) throws {
        let header = try FrameHeader(value)
        // What opening reckons with.
        _ = (header.endPosition, header.number + 1, header.horizon.milliseconds + 64)
        var tree = MerkleTree()
        try header.hash(value, into: &tree)
        for index in 0..<header.count {
            var entry = DecodedEntry()
            try entry.decode(value, in: header.range(of: index, value))
            _ = try EntryLayout.commandID(value, header.range(of: index, value))
        }
    }

    @Test("Entries: any bytes are one that can be printed and shown to anybody, or are refused")
    func entries() async throws {
        try await withSmallLedger { path, _, frames in
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            let names = reader.reading
            // Written from the first entry on, and then the forged one behind the last.
            var journals = Journals()
            for entry in try reader.entries(from: 0) { journals.add(entry, names) }
            func takes(_ bytes: [UInt8]) -> Bool {
                guard let entry = try? decoded(bytes).entry else { return false }
                var (json, csv, steps) = (JSONWriter(), CSVWriter(), AuctionSteps())
                json.entry(entry, names: names)
                csv.entry(entry, names: names)
                _ = EntryView(of: entry, for: "user-1", names: names)?.json
                _ = steps.next(
                    entry.command, by: entry.actor, outcome: entry.outcome, at: entry.point)
                var more = journals
                more.add(entry, names)
                more.end(names)
                _ = try? reader.explanation(of: entry)
                return true
            }
            let entries = frames.flatMap { FrameParts($0).entries }
            fuzz("entries", seed: 2, entries, takes: takes)
            // One of each kind of entry.
            let kinds = Dictionary(grouping: entries, by: \.first)
            for sample in kinds.values {
                Mutator.extremes(of: sample[0]) { _ = takes($0) }
            }
        }
    }

    /// A ledger as files for other tools.
    private struct Journals {
        private var (hledger, beancount) = (HledgerJournal(), BeancountJournal())
        private var (json, fold) = (JSONWriter(), MovementFold())

        mutating func add(_ entry: LedgerEntry, _ names: Reading) {
            guard let movements = try? fold.movements(of: entry, names: names) else { return }
            hledger.entry(entry, movements, names: names)
            beancount.entry(entry, movements, names: names)
            for movement in movements { json.movement(movement, of: entry, names: names) }
        }

        mutating func end(_ names: Reading) { beancount.end(names: names) }
    }

    private func decoded(_ bytes: [UInt8]) throws -> DecodedEntry {
        var entry = DecodedEntry()
        try withBytes(of: bytes) { try entry.decode($0, in: 0..<bytes.count) }
        return entry
    }

    @Test("Logs of forged entries, hashed again, are read, verified and written to, or are refused")
    func logs() async throws {
        try await withSmallLedger { _, asked, frames in
            let entries = frames.flatMap { FrameParts($0).entries }
            var mutator = Mutator(seed: 3, entries)
            var (opened, refused) = (0, 0)
            for _ in 0..<400 * campaignScale {
                let (forged, count) = forge(frames, &mutator)
                for level in VerificationLevel.allCases { _ = verify(forged, level, count: count) }
                let log = FrameList(frames: forged, entryCount: count)
                let loader = Loader(log: log, snapshots: nil, logger: quiet)
                guard
                    let (loaded, ids) = try? loader.load(
                        ids: { Configuration().emptyWindow(from: $0) })
                else {
                    refused += 1
                    continue
                }
                opened += 1
                try read(log, asked)
                try write(loaded, ids)
            }
            #expect(opened > 10 && refused > 10, "\(opened) opened, \(refused) refused")
        }
    }

    /// Changes an entry, and makes everything else fit it.
    private func forge(
        _ frames: [StoredFrame], _ mutator: inout Mutator
    ) -> (frames: [StoredFrame], count: UInt64) {
        var frames = frames
        let number = mutator.generator.below(frames.count)
        var parts = FrameParts(frames[number])
        let index = mutator.generator.below(parts.entries.count)
        // What stands before it, and how long it is, would be refused at once.
        let kept = parts.entries[index].count
        mutator.change(&parts.entries[index])
        if mutator.generator.chance(perMille: 500), parts.entries[index].count != kept {
            parts.entries[index] = FrameParts(frames[number]).entries[index]
            parts.entries[index][mutator.generator.below(kept)] = 0xFF
        }
        guard !parts.entries[index].isEmpty else { return (frames, frames.entryCount) }
        frames[number] = parts.stored(at: frames[number].0)
        return (rehashed(frames), frames.entryCount)
    }

    private func read(_ log: FrameList, _ asked: AskedLedger) throws {
        let reader = try LedgerReader(
            log: log, snapshots: nil, store: nil, limit: .none, logger: quiet)
        for question in asked.questions { _ = try? question.ask(reader) }
        for direction in History.Direction.allCases {
            _ = try? reader.history(of: .wallet("sam"), direction, selecting: .accepted)
            _ = try? reader.history(of: .auction("lot-1"), direction, selecting: .acceptedBids)
        }
    }

    /// Lets a core go on from what was loaded, as opening does.
    private func write(_ loaded: Loaded, _ ids: CommandIDWindow) throws {
        let state = loaded.readState.state
        let reading = ClockReading(wall: Timestamp(seconds: 1_800_000_000), boot: 1_000)
        for clock in [reading, ClockReading(wall: .max, boot: 0)] {
            var core = EngineCore(
                state: state, window: ids,
                frameNumber: loaded.frameNumber + 1, settings: EngineCore.Settings(),
                closing: .automatic, reading: clock, bootID: nil, heartbeat: nil)
            core.open(newLedger: nil, restored: nil, version: "x", asker: .none)
            let now = core.status.timeOffset + clock.boot
            let commands: [Command] = [
                .registerUser("new"),
                .charge(user: "sam", currency: "USD", amount: 1, reference: "r"),
                .placeBid(auction: "lot-1", bidder: "user-1", amount: 1_000),
                .closeAuction("lot-1", hammer: true),
            ]
            let id = CommandID.generate(at: Timestamp(nanoseconds: now))
            var items = ContiguousArray(
                commands.map { command in
                    CoreItem(
                        boot: clock.boot, work: .one(Submission(id: id, command: command)),
                        asker: .none)
                })
            for work in [.clocks(clock), .hold(false), .tick] as [CoreItem.Work] {
                items.append(CoreItem(boot: clock.boot, work: work, asker: .none))
            }
            core.receive(items, at: clock.boot)
            _ = core.decide()
            _ = (core.wakesAt, core.status)
        }
    }

    @Test("Archives: any bytes are restored as the log that was written, or are refused")
    func archives() async throws {
        try await withSmallLedger { path, _, _ in
            let reader = try await LedgerReader.open(at: path)
            var archive: [UInt8] = []
            try reader.archive { archive += $0 }
            let digest = reader.digest
            reader.close()
            var options = Ledger.RestoreOptions()
            options.logger = quiet
            options.keys = [try LedgerKey.read(path + "/key").verifier]
            let new = path + "-new"
            fuzz("archives", seed: 4, rounds: 60, [archive]) { bytes in
                var rest = bytes[...]
                do {
                    _ = try Ledger.restore(
                        fromArchive: { count in
                            defer { rest = rest.dropFirst(count) }
                            return Array(rest.prefix(count))
                        }, to: new, options: options)
                } catch { return false }
                defer { try? FileSystem.remove(new) }
                let again = try? LedgerReader.openAndWait(at: new, logger: quiet)
                #expect(again?.digest == digest)
                again?.close()
                return true
            }
        }
    }

    // MARK: Snapshots

    @Test("Snapshots: whatever chunks say, what is taken can be asked about everything")
    func snapshots() async throws {
        try await withLedgerPath { path in
            try await SnapshotTests.makeLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let loaded = try Loader(log: log, snapshots: nil, logger: quiet).load(upTo: .none)
            let state = loaded.readState.state
            var chunks: [[UInt8]] = []
            try loaded.readState.writeChunks { chunks.append($0.array()) }
            let stateChunkCount = chunks.count
            try Loader(log: log, snapshots: nil, logger: quiet)
                .load { .unlimited(from: $0) }.ids
                .writeChunks { chunks.append($0.array()) }
            let header = SnapshotHeader(
                ledgerID: try #require(state.ledgerID), entryCount: state.entryCount,
                tree: loaded.tree, digest: state.digest, chunkCount: UInt64(chunks.count),
                stateChunkCount: UInt64(stateChunkCount), content: .empty)
            fuzz("headers", seed: 5, [header.encoded().array()]) { bytes in
                (try? withBytes(of: bytes) { try SnapshotHeader($0) }) != nil
            }
            var mutator = Mutator(seed: 6, chunks)
            var refused = 0
            for _ in 0..<1_500 * campaignScale {
                var forged = chunks
                let index = mutator.generator.below(forged.count)
                mutator.change(&forged[index])
                do {
                    var loader = SnapshotLoader(header, horizon: loaded.horizon)
                    for (index, chunk) in forged.enumerated() {
                        try withBytes(of: chunk) { chunk in
                            if index < stateChunkCount {
                                try loader.load(chunk)
                            } else {
                                try loader.loadIDs(chunk)
                            }
                        }
                    }
                    try ask(loader.finish(), log)
                } catch is LogFault {
                    refused += 1
                }
            }
            #expect(refused > 200)
        }
    }

    /// Asks for every wallet and every list.
    private func ask(_ readState: ReadState, _ log: any LogReader) throws {
        let names = (0..<min(4, readState.state.userCount)).map {
            readState.state.id(of: UserHandle(rawValue: UInt32($0)))
        }
        _ = readState.state.recomputedDigest()
        let reading = Reading(readState: readState, log: log, secret: .generate())
        let asked = Asked(reading: reading)
        _ = try? asked.wallets(limit: 1000)
        var filters = AuctionFilter.Order.allCases.map { AuctionFilter(order: $0) }
        for name in names {
            filters += [
                AuctionFilter(seller: name), AuctionFilter(bidder: name),
                AuctionFilter(winner: name),
            ]
        }
        for filter in filters { _ = try? asked.auctions(filter, limit: 1000) }
    }

    private struct Asked: LedgerQueries {
        let reading: Reading
        func past(_ moment: LedgerReader.Moment) throws(LedgerError) -> LedgerReader {
            throw LedgerError(.notFound, "nothing is kept")
        }
    }

    // MARK: Evidence

    @Test("Keys, notes, proofs, statements: any bytes are one, byte for byte, or are refused")
    func evidence() async throws {
        try await withSmallLedger { path, asked, _ in
            let ledger = try await Ledger.open(
                at: path, configuration: Bench.configuration(ManualClock()))
            let key = ledger.verifierKey
            let count = ledger.durableCount
            var positions: [UInt64] = []
            for position in 0..<count { positions.append(position) }
            let bundles = try positions.map { try ledger.evidence(ofEntryAt: $0).bytes }
            let proofs = try positions.map { try ledger.proof(ofEntryAt: $0).bytes }
            let statements = try positions.compactMap {
                try ledger.statementFile(ofEntryAt: $0, for: "user-1")?.bytes
            }
            let growth = try [1, 2, count / 2, count].map { size in
                let (proof, checkpoint) = try ledger.consistencyProof(from: size)
                return proof.fileBytes(with: checkpoint)
            }
            let kept = try FileSystem.readFile(path + "/checkpoints/kept")
            let notes = try ledger.checkpoints().map(\.bytes)
            await ledger.close()
            let keyFile = try FileSystem.readFile(path + "/key")
            fuzz("keys", seed: 7, [keyFile]) { bytes in
                (try? SigningKey(String(decoding: bytes, as: UTF8.self))) != nil
            }
            fuzz("verifier keys", seed: 8, [Array("\(key)".utf8)]) { bytes in
                guard let read = try? VerifierKey(String(decoding: bytes, as: UTF8.self)) else {
                    return false
                }
                return (try? VerifierKey("\(read)")) == read
            }
            fuzz("notes", seed: 9, notes + [Array(Sample.checkpoint.utf8)]) { bytes in
                guard let read = try? SignedCheckpoint(parsing: bytes) else { return false }
                _ = (try? read.verified(by: key), read.claimedTime)
                return read.bytes == bytes
            }
            fuzz("kept checkpoints", seed: 10, [kept]) { bytes in
                let read = CheckpointHistory(parsing: bytes)
                _ = CheckpointHistory(parsing: read.bytes)
                return !read.isDamaged
            }
            fuzz("evidence", seed: 11, bundles) { bytes in
                guard let read = try? EvidenceBundle(parsing: bytes) else { return false }
                _ = try? read.check(by: [key])
                return read.bytes == bytes
            }
            fuzz("proofs", seed: 12, proofs) { bytes in
                guard let read = try? ProofFile(parsing: bytes) else { return false }
                _ = try? read.verify(entry: [1], by: [key])
                return read.bytes == bytes
            }
            fuzz("growth", seed: 13, growth) { bytes in
                guard let read = try? ConsistencyProof.parse(bytes) else { return false }
                _ = read.proof.proves(oldRoot: .empty, newRoot: .empty)
                return read.proof.fileBytes(with: read.checkpoint) == bytes
            }
            fuzz("statements", seed: 14, statements) { bytes in
                guard let read = try? StatementFile(parsing: bytes) else { return false }
                if let checked = try? read.check(by: [key]) { _ = try? EntryView(checked) }
                return read.bytes == bytes
            }
            fuzz("any evidence", seed: 15, bundles + proofs + growth + statements) { bytes in
                (try? EvidenceFile(parsing: bytes)) != nil
            }
        }
    }

    @Test("Evidence of forged entries that were hashed and signed is checked, shown, or refused")
    func signedEvidence() async throws {
        try await withSmallLedger { path, _, frames in
            let key = try Sample.key()
            let entries = frames.flatMap { FrameParts($0).entries }
            var mutator = Mutator(seed: 16, entries)
            var shown = 0
            for _ in 0..<600 * campaignScale {
                var forged = entries
                let index = mutator.generator.below(forged.count)
                mutator.change(&forged[index])
                let tree = LeafHashes(forged.map { LedgerHash(leaf: $0) })
                let size = UInt64(forged.count)
                let checkpoint = try Checkpoint(
                    origin: key.verifier.name, size: size, root: tree.root(ofSize: size)
                ).signed(by: key)
                // All others beside it, which give its handles their names.
                let order = [index] + forged.indices.filter { $0 != index }
                let bundle = try EvidenceBundle(
                    parts: order.map { place in
                        ProofPart(
                            extra: forged[place],
                            proof: try InclusionProof.make(
                                index: UInt64(place), size: size, in: tree))
                    }, checkpoint: checkpoint)
                guard let checked = try? bundle.check(by: [key.verifier]) else { continue }
                shown += 1
                var json = JSONWriter()
                json.entry(checked.entry, names: checked.names)
                _ = EntryView(of: checked.entry, for: "user-1", names: checked.names)?.json
                _ = checked.ledger
            }
            #expect(shown > 20, "\(shown)")
        }
    }

    @Test("Cursors: any text is one of this list, or is refused as none")
    func cursors() async throws {
        try await withSmallLedger { path, _, _ in
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            let lists: [(String?) throws -> String?] = [
                { try reader.wallets(after: $0, limit: 1).cursor },
                { try reader.auctions(after: $0, limit: 1).cursor },
                { try reader.history(of: .wallet("user-1"), after: $0, limit: 1).cursor },
                {
                    try reader.history(of: .auction("lot-1"), .oldestFirst, after: $0, limit: 1)
                        .cursor
                },
            ]
            for list in lists {
                let first = try #require(try list(nil))
                let sound = [first, try list(first) ?? first].map { Array($0.utf8) }
                fuzz("cursors", seed: 19, rounds: 1_000, sound) { bytes in
                    do {
                        _ = try list(String(decoding: bytes, as: UTF8.self))
                        #expect(sound.contains(bytes))
                        return true
                    } catch {
                        #expect(error as? LedgerError == LedgerError(.badCursor, ""))
                        return false
                    }
                }
            }
        }
    }

    // MARK: Beside the log

    @Test("Writer files and heartbeats: any bytes are advice, or are passed over")
    func writerFiles() async throws {
        try await withLedgerPath { path in
            let writer = try WriterFile.acquire(at: path)
            try writer.setEpoch(3)
            try writer.publishDurable(40)
            try writer.publish(
                WriterFile.Heartbeat(
                    time: 1_700_000_000_000_000_000, boot: 5, bootID: (1, 2), outageSince: .min))
            writer.release()
            let sound = try FileSystem.readFile(path)
            fuzz("writer files", seed: 17, rounds: 1_000, [sound]) { bytes in
                try? FileSystem.writeFileAtomically(path, bytes)
                let status = try? WriterFile.read(at: path)
                guard let held = try? WriterFile.acquire(at: path) else { return false }
                let heartbeat = held.lastHeartbeat.flatMap(Heartbeat.init)
                reckon(with: heartbeat)
                held.release()
                return status?.durableCount == 40 && heartbeat != nil
            }
            // Whose check is right, whatever they say.
            let times: [Int64] = [
                .min, -1, 0, 1, 1_700_000_000_000_000_000, Timestamp.max.nanoseconds,
                Timestamp.max.nanoseconds + 1, .max - 1, .max,
            ]
            for time in times {
                for boot in times {
                    for since in times {
                        reckon(
                            with: Heartbeat(
                                WriterFile.Heartbeat(
                                    time: time, boot: boot, bootID: (1, 2), outageSince: since)))
                    }
                }
            }
        }
    }

    /// Opens a core as after a heartbeat, and lets time pass.
    private func reckon(with heartbeat: Heartbeat?) {
        for wall in [Timestamp.zero, Timestamp(seconds: 1_700_000_100), .max] {
            for boot in [0, 10, Int64(1) << 60] {
                let start = ClockReading(wall: wall, boot: boot)
                var core = EngineCore(
                    state: State(), window: CommandIDWindow(retentionSeconds: 60, countMax: 9),
                    frameNumber: 0, settings: EngineCore.Settings(), closing: .automatic,
                    reading: start, bootID: Heartbeat.BootID(high: 1, low: 2), heartbeat: heartbeat)
                core.open(
                    newLedger: LedgerID(high: 1, low: 2), restored: nil, version: "x",
                    asker: .none)
                let later = ClockReading(wall: wall, boot: boot + 1_000_000_000)
                core.receive(
                    [CoreItem(boot: later.boot, work: .clocks(later), asker: .none)],
                    at: later.boot)
                _ = core.decide()
                _ = (core.status, core.wakesAt)
            }
        }
    }

    @Test("Histories: lines are taken as commands that make a sound ledger, or stop the import")
    func histories() async throws {
        try await withLedgerPath { path in
            var lines: [[UInt8]] = []
            try await withSmallLedger { house, asked, _ in
                for (submission, _) in asked.submissions {
                    lines.append(
                        Array(
                            encodeCommand(
                                submission.command, id: submission.id, by: submission.actor,
                                at: Timestamp(seconds: 1_700_000_000)
                            ).utf8))
                }
            }
            var mutator = Mutator(seed: 18, lines)
            var made = 0
            for _ in 0..<60 * campaignScale {
                var changed = lines
                for _ in 0..<3 { mutator.change(&changed[mutator.generator.below(lines.count)]) }
                guard (try? importAll(changed, to: path)) != nil else { continue }
                made += 1
                #expect(try Verifier.verify(at: path).isClean)
                try FileSystem.remove(path)
            }
            #expect(made > 2, "\(made)")
        }
    }

    /// Imports the lines that are commands, each not before the one before it.
    private func importAll(_ lines: [[UInt8]], to path: String) throws {
        var configuration = Configuration()
        configuration.logger = quiet
        let history = try LedgerImport(
            to: path, fingerprint: LedgerHash(of: [1]), configuration: configuration)
        defer { history.abandon() }
        var last = Timestamp.zero
        for (number, line) in lines.enumerated() {
            guard let parsed = try? parseCommand(line, allowing: .history) else { continue }
            last = max(last, parsed.at ?? last)
            let id = parsed.id ?? .derived(at: last, file: 0, line: number, content: line)
            try history.add(
                Submission(id: id, actor: parsed.actor ?? .operator, command: parsed.command),
                at: last)
        }
        try history.finish()
    }
}

extension [StoredFrame] {
    /// How many entries the frames have.
    fileprivate var entryCount: UInt64 {
        reduce(0) { $0 + UInt64(FrameParts($1).entries.count) }
    }
}

/// A tree of these leaves.
private struct LeafHashes: TreeHashes {
    private let leaves: [LedgerHash]
    init(_ leaves: [LedgerHash]) { self.leaves = leaves }

    func hash(level: Int, index: UInt64) throws -> LedgerHash {
        if level == 0 { return leaves[Int(index)] }
        return LedgerHash.node(
            try hash(level: level - 1, index: 2 * index),
            try hash(level: level - 1, index: 2 * index + 1))
    }
}
