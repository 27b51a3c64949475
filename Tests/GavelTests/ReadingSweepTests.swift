// One flipped bit in a stored log, and everything that reads it back for people: what comes out is
// what was written, or an error that names the place. Never something else.

import AuctionDomain
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

/// A log that lends its bytes with one bit changed, from the first time on or later.
private final class FlippedLog: WrappedLog, @unchecked Sendable {
    enum Place {
        /// In the value of the frame that begins at a position.
        case frame(UInt64, byte: Int, bit: Int)
        /// In the roots stored of a tile.
        case tile(UInt64, byte: Int, bit: Int)
    }

    private let flipped: Mutex<Place?>
    private let isOwner: Bool
    private var place: Place? { flipped.withLock { $0 } }

    /// - Parameter isOwner: whether the log goes with this one.
    init(_ log: any LogReader, _ place: Place?, isOwner: Bool = false) {
        self.isOwner = isOwner
        flipped = Mutex(place)
        super.init(log)
    }

    func flip(_ place: Place?) { flipped.withLock { $0 = place } }

    override var keepsTileRoots: Bool { true }

    override func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try super.forEachFrame(from: position) { value in
            let first = value.load(UInt64.self, at: 48)
            guard case .frame(first, let byte, let bit) = place, byte < value.byteCount else {
                return try body(value)
            }
            var bytes = value.array()
            bytes[byte] ^= 1 << UInt8(bit)
            return try withBytes(of: bytes) { value in
                // As the log itself does with what it lends.
                _ = try LogFileReader.header(value, at: first)
                return try body(value)
            }
        }
    }

    override func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        guard let roots = try super.tileRoots(endingWith: tile) else { return nil }
        guard case .tile(tile, let byte, let bit) = place, byte < 32 * roots.count else {
            return roots
        }
        var bytes = roots.flatMap(\.bytes)
        bytes[byte] ^= 1 << UInt8(bit)
        return withBytes(of: bytes) { span in
            stride(from: 0, to: span.byteCount, by: 32).map { LedgerHash(span, at: $0) }
        }
    }

    override func close() { if isOwner { super.close() } }
}

/// A log whose entries are let go of while it is read.
private final class ClosingLog: WrappedLog, @unchecked Sendable {
    let entries = Mutex<CheckedEntries?>(nil)

    override func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try super.forEachFrame(from: position, body)
        entries.withLock { $0 }?.close()
    }
}

@Suite("Reading a damaged log")
struct ReadingSweepTests {
    /// A ledger of some 700 entries in frames of all sizes, its last tile not full, closed.
    private static func makeLedger(at path: String) throws -> AskedLedger {
        try AskedLedger(at: path, users: 8, lots: 4, rounds: 160)
    }

    @Test("Whatever is read back is what was written, or an error that names the place")
    func sweep() async throws {
        try await withLedgerPath { path in
            let asked = try Self.makeLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let count = try log.entryCount
            let store = FolderStore(at: path)
            func reader(_ log: any LogReader) throws -> LedgerReader {
                try LedgerReader(
                    log: log, snapshots: StoredSnapshots(store: store), store: store,
                    limit: .entries(count), logger: Bench.logger)
            }
            let questions = asked.questions
            let truth = try questions.answers(of: reader(FlippedLog(log, nil)))

            var random = SeededGenerator(seed: 13)
            var places: [FlippedLog.Place] = []
            var frames: [(UInt64, [UInt8])] = []
            try log.forEachFrame(from: 0) { value in
                frames.append((try FrameHeader(value).firstPosition, value.array()))
                return true
            }
            for _ in 0..<40 * campaignScale {
                let frame = frames[Int.random(in: 0..<frames.count, using: &random)]
                places.append(
                    .frame(
                        frame.0, byte: Int.random(in: 0..<frame.1.count, using: &random),
                        bit: Int.random(in: 0..<8, using: &random)))
            }
            for tile: UInt64 in 0..<count / 256 {
                places.append(
                    .tile(
                        tile, byte: Int.random(in: 0..<32, using: &random),
                        bit: Int.random(in: 0..<8, using: &random)))
            }
            var (right, refused) = (0, Array(repeating: 0, count: questions.count))
            for place in places {
                let damaged: LedgerReader
                do { damaged = try reader(FlippedLog(log, place)) } catch {
                    expectDamage(error, "\(place)")
                    continue
                }
                let some = questions.check(damaged, against: truth, "\(place)")
                right += questions.count - some.count
                for index in some { refused[index] += 1 }
            }
            // The sweep says both, and every question met damage.
            #expect(right > places.count)
            let fromMemory = ["wallets", "wallet and its auctions", "auctions", "state"]
            for (index, question) in questions.enumerated()
            where !fromMemory.contains(question.name) && question.name != "auctions of a bidder" {
                #expect(refused[index] > 0, "\(question.name) never met the damage")
            }
        }
    }

    @Test(
        "An entry that has changed since its tile was read is what was written, or refused",
        arguments: [true, false])
    func changedLater(isKept: Bool) async throws {
        try await withLedgerPath { path in
            // Tiles of long entries are not kept, only their hashes are.
            if isKept { _ = try Self.makeLedger(at: path) } else { try makeLongEntries(at: path) }
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let flipped = FlippedLog(log, nil)
            let entries = CheckedEntries(flipped)
            // In a full tile and in the last one.
            for position in [100, try log.entryCount - 1] {
                let entry = try #require(try entries.entry(at: position))
                try log.forEachFrame(from: position) { value in
                    let header = try FrameHeader(value)
                    let index = Int(position - header.firstPosition)
                    // Of its time, which nothing but a hash can tell.
                    let byte = try header.range(of: index, value).lowerBound + 16
                    flipped.flip(.frame(header.firstPosition, byte: byte, bit: 0))
                    return false
                }
                if isKept {
                    #expect(try entries.entry(at: position)?.entry == entry.entry)
                } else {
                    #expect(throws: LogFault.self) { try entries.entry(at: position) }
                }
                #expect(throws: LogFault.self) {
                    try CheckedEntries(flipped).entry(at: position)
                }
                flipped.flip(nil)
                #expect(try entries.entry(at: position)?.entry == entry.entry)
            }
            entries.close()
            log.close()
            #expect(throws: (any Error).self) { try entries.entry(at: 100) }
        }
    }

    @Test("A tile that is being read while all are let go of is not kept")
    func closedMeanwhile() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            let watched = ClosingLog(log)
            let entries = CheckedEntries(watched)
            watched.entries.withLock { $0 = entries }
            #expect(try entries.entry(at: 100)?.entry.position == 100)
            log.close()
            #expect(throws: (any Error).self) { try entries.entry(at: 100) }
        }
    }

    @Test("Tiles that are kept in one place do not answer for each other")
    func onePlace() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            defer { ledger.closeNow() }
            try register(64 * 256 + 600, "user", in: ledger)
            for position in [5, 5 + 64 * 256, 255 + 64 * 256, 5, 300, 300 + 64 * 256] as [UInt64] {
                #expect(try ledger.entry(at: position)?.position == position)
            }
        }
    }

    /// Makes a ledger of some 500 auctions whose entries take 64 KiB in less than a tile.
    private func makeLongEntries(at path: String) throws {
        let clock = ManualClock()
        let ledger = try Ledger.openAndWait(at: path, configuration: Bench.configuration(clock))
        func submit(_ commands: [Command]) throws {
            _ = try ledger.enqueue(
                commands.map { Submission(id: .generate(at: clock.now()), command: $0) }
            ).wait()
        }
        try submit([.registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob")])
        try submit(
            (0..<500).map {
                .openAuction(
                    OpenAuction(
                        auction: AuctionID(unchecked: "lot-\($0)"),
                        title: String(repeating: "t", count: Limits.titleBytesMax), seller: "bob",
                        currency: "USD"))
            })
        ledger.closeNow()
    }

    @Test("A repeated command is answered from an entry that is what was written, or not at all")
    func repeated() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let reader = try await LedgerReader.open(at: path)
            let first = try #require(try reader.entry(at: 100))
            let id = try #require(first.commandID)
            reader.close()
            let frame = try #require(try readFrames(at: path).last { $0.0 <= 100 })
            let time = try withBytes(of: frame.1) { value in
                try FrameHeader(value).range(of: Int(100 - frame.0), value).lowerBound + 16
            }
            // What nothing but a hash can tell, and not before the ledger is open: then it refuses.
            let flipped = Mutex<FlippedLog?>(nil)
            let ledger = try Ledger.openAndWait(
                in: FolderStore(at: path), configuration: Configuration()
            ) { log in
                let log = FlippedLog(log, nil, isOwner: true)
                flipped.withLock { $0 = log }
                return log
            }
            defer { ledger.closeNow() }
            flipped.withLock { $0?.flip(.frame(frame.0, byte: time, bit: 0)) }
            #expect(throws: LedgerError(.damaged, "")) { try ledger.entry(at: 100) }
            #expect(throws: LedgerError(.damaged, "")) { try ledger.entry(at: 101) }
            #expect(try ledger.entry(at: 300) != nil)
            do {
                let receipt = try await ledger.submit(.registerUser("user-0-98"), id: id)
                #expect(receipt.status == .refused)
            } catch let error as LedgerError {
                #expect(error.code == .damaged && error.reason.contains("255"), "\(error)")
            }
        }
    }

    @Test("A ledger whose command ids are not what was written is not written to")
    func commandIDs() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            // A snapshot has the ids too; without one they come out of the log.
            try FileSystem.remove(path + "/snapshots")
            let frame = try #require(try readFrames(at: path).last { $0.0 <= 100 })
            let id = try withBytes(of: frame.1) { value in
                try FrameHeader(value).range(of: Int(100 - frame.0), value).lowerBound + 39
            }
            func open(_ place: FlippedLog.Place?) throws -> Ledger {
                try Ledger.openAndWait(
                    in: FolderStore(at: path), configuration: Configuration()
                ) { log in
                    FlippedLog(log, place, isOwner: true)
                }
            }
            let error = #expect(throws: LedgerError.self) {
                try open(.frame(frame.0, byte: id, bit: 0))
            }
            #expect(error?.code == .damaged && error?.reason.contains("frame") == true)
            try open(nil).closeNow()
        }
    }

    @Test(
        "A ledger whose stored roots of tiles are not what was written is not written to",
        arguments: [true, false])
    func tiles(isLastFull: Bool) async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            if isLastFull {
                // Nothing below the roots is read then: they alone must give the log's root.
                let ledger = try await Ledger.open(at: path)
                let missing = 256 - Int(ledger.durableCount % 256)
                let commands = (0..<missing).map {
                    Submission(
                        id: .generate(), command: .registerUser(UserID(unchecked: "more-\($0)")))
                }
                _ = try await ledger.submit(commands)
                #expect(ledger.durableCount % 256 == 0)
                await ledger.close()
            }
            func open(_ place: FlippedLog.Place?) throws -> Ledger {
                try Ledger.openAndWait(
                    in: FolderStore(at: path), configuration: Configuration()
                ) { log in
                    FlippedLog(log, place, isOwner: true)
                }
            }
            func expectRefused() {
                for tile: UInt64 in 0..<2 {
                    let error = #expect(throws: LedgerError.self) {
                        try open(.tile(tile, byte: 5, bit: 2))
                    }
                    #expect(error?.code == .damaged)
                    let expected = isLastFull ? "the stored roots of tiles" : "do not give the root"
                    #expect(error?.reason.contains(expected) == true, "\(error?.reason ?? "")")
                }
            }
            // With the snapshot that closing left, and without one.
            expectRefused()
            try FileSystem.remove(path + "/snapshots")
            expectRefused()
            try open(nil).closeNow()
        }
    }

    @Test("A tile that fills up while its entries are read stays right, entry for entry")
    func growing() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            defer { ledger.closeNow() }
            for number in 0..<600 {
                let user = UserID(unchecked: "user-\(number)")
                let receipt = try await ledger.submit(.registerUser(user), id: .generate())
                let position = try #require(receipt.position)
                let entry = try #require(try ledger.entry(at: position))
                #expect(entry.command == .registerUser(user))
                // One of long ago, whose tile may be full by now.
                #expect(try ledger.entry(at: position / 2)?.position == position / 2)
            }
        }
    }
}
