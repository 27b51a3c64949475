// One flipped bit in a stored log, and everything that reads it back for people: what comes out is
// what was written, or an error that names the place. Never something else.

import AuctionDomain
import GavelTesting
import LMDB
import Platform
import Synchronization
import Testing

@testable import Gavel

/// A log that lends its bytes with one bit changed, from the first time on or later.
private final class FlippedLog: LogReader {
    enum Place {
        /// In the value of the frame that begins at a position.
        case frame(UInt64, byte: Int, bit: Int)
        /// In the roots stored of a tile.
        case tile(UInt64, byte: Int, bit: Int)
    }

    private let log: any LogReader
    private let flipped: Mutex<Place?>
    private var place: Place? { flipped.withLock { $0 } }

    init(_ log: any LogReader, _ place: Place?) {
        self.log = log
        flipped = Mutex(place)
    }

    func flip(_ place: Place?) { flipped.withLock { $0 = place } }

    var entryCount: UInt64 { get throws { try log.entryCount } }
    var keepsTileRoots: Bool { true }

    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try log.forEachFrame(from: position) { value in
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

    func tileRoots(endingWith tile: UInt64) throws -> [Digest]? {
        guard let roots = try log.tileRoots(endingWith: tile) else { return nil }
        guard case .tile(tile, let byte, let bit) = place, byte < 32 * roots.count else {
            return roots
        }
        var bytes = roots.flatMap(\.bytes)
        bytes[byte] ^= 1 << UInt8(bit)
        return withBytes(of: bytes) { span in
            stride(from: 0, to: span.byteCount, by: 32).map { Digest(span, at: $0) }
        }
    }

    func close() {}
}

/// A question to a reader, and its answer as something to compare.
private struct Question {
    let name: String
    let ask: (LedgerReader) throws -> AnyHashable
}

@Suite("Reading a damaged log")
struct ReadingSweepTests {
    /// A ledger of some 700 entries in frames of all sizes, its last tile not full, closed.
    private static func makeLedger(at path: String) async throws -> [CommandID] {
        let clock = ManualClock()
        let ledger = try Ledger.open(at: path, configuration: Bench.configuration(clock))
        var ids: [CommandID] = []
        func submit(_ commands: [Command]) throws {
            let batch = commands.map { Submission(id: .generate(at: clock.now()), command: $0) }
            ids += batch.map(\.id)
            _ = try ledger.enqueue(batch).wait()
        }
        try submit([.registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("sam")])
        let users = (0..<8).map { UserID(unchecked: "user-\($0)") }
        for user in users {
            try submit([.registerUser(user)])
            try submit([
                .charge(user: user, currency: "USD", amount: 1_000_000, reference: "psp")
            ])
        }
        for lot in 0..<4 {
            try submit([
                .openAuction(
                    OpenAuction(
                        auction: AuctionID(unchecked: "lot-\(lot)"), seller: "sam",
                        currency: "USD",
                        rules: AuctionRules(
                            increments: .table([IncrementRow(from: 0, step: 5)]))))
            ])
        }
        for round in 0..<160 {
            try submit(
                (0..<4).map { lot in
                    .placeBid(
                        auction: AuctionID(unchecked: "lot-\(lot)"),
                        bidder: users[(round + lot) % 8],
                        // Some are below the minimum.
                        amount: Money(
                            minorUnits: Int64(10 * (round + 1) - (round % 7 == 3 ? 9 : 0))))
                })
        }
        try submit([.closeAuction("lot-0", hammer: true), .cancelAuction("lot-1")])
        ledger.close()
        return ids
    }

    private static func questions(_ ids: [CommandID], _ count: UInt64) -> [Question] {
        func pages(
            _ reader: LedgerReader, _ subject: HistorySubject, _ direction: HistoryDirection
        ) throws -> [LedgerEntry] {
            var (items, cursor): ([LedgerEntry], String?) = ([], nil)
            repeat {
                let page = try reader.history(of: subject, direction, after: cursor, limit: 100)
                items += page.items
                cursor = page.cursor
            } while cursor != nil
            return items
        }
        return [
            Question(name: "entries") { reader in
                var entries: [LedgerEntry] = []
                while entries.count < Int(reader.reflects) {
                    entries += try reader.entries(from: UInt64(entries.count))
                }
                return entries
            },
            Question(name: "history of an auction") {
                try pages($0, .auction("lot-2"), .newestFirst)
            },
            Question(name: "history of a wallet") {
                try pages($0, .wallet("user-3"), .oldestFirst)
            },
            Question(name: "story") { reader in
                var steps: [AuctionStep] = []
                try reader.forEachStep(of: "lot-3") { steps.append($0) }
                return steps
            },
            Question(name: "outcome of a command") { try $0.outcome(of: ids[300]) },
            Question(name: "entry of a command") { try $0.entry(withID: ids[200]) },
            Question(name: "movements") { reader in
                var movements: [WalletMovement] = []
                try reader.forEachMovement(of: "user-1") { movements.append($0) }
                return movements
            },
            Question(name: "wallet of the past") {
                try $0.wallet("user-2", asOf: .position(count / 2)).value
            },
            Question(name: "state of the past") {
                try $0.past(.position(count / 2)).digest
            },
            Question(name: "explanation") { reader in
                let entry = try #require(try reader.entry(at: count - 20))
                return try reader.explanation(of: entry)
            },
            Question(name: "explanations") { reader in
                var all: [Explanation] = []
                try reader.forEachExplanation(of: "lot-0") { all.append($1) }
                return all
            },
            Question(name: "re-decide") { try $0.redecide { _ in } },
            Question(name: "archive") { reader in
                var bytes: [UInt8] = []
                try reader.archive { bytes += $0 }
                return bytes
            },
            Question(name: "root") { try $0.root() },
            Question(name: "proof") { try $0.proof(ofEntryAt: count / 3).bytes },
            Question(name: "evidence") { try $0.evidence(ofEntryAt: count - 30).bytes },
            Question(name: "growth") {
                let (proof, checkpoint) = try $0.consistencyProof(from: count / 2)
                return proof.fileBytes(with: checkpoint)
            },
            Question(name: "tiles") { reader in
                let export = try reader.tileExport()
                var files: [[UInt8]] = []
                for tile in export.tiles() {
                    files.append(try export.bytes(of: tile))
                    if tile.level == 0 { files.append(try export.entries(under: tile)) }
                }
                return files
            },
        ]
    }

    @Test("Whatever is read back is what was written, or an error that names the place")
    func sweep() async throws {
        try await withLedgerPath { path in
            let ids = try await Self.makeLedger(at: path)
            let log = try FolderStore(at: path).openForReading()
            defer { log.close() }
            let count = try log.entryCount
            let store = FolderStore(at: path)
            func reader(_ log: any LogReader) throws -> LedgerReader {
                try LedgerReader(
                    log: log, snapshots: StoredSnapshots(store: store), store: store,
                    limit: .entries(count), logger: Bench.logger)
            }
            let questions = Self.questions(ids, count)
            let sound = try reader(FlippedLog(log, nil))
            let truth = try questions.map { try $0.ask(sound) }

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
                do { damaged = try reader(FlippedLog(log, place)) } catch let error as LedgerError {
                    #expect(error.code == .damaged && error.reason.contains(/\d/), "\(error)")
                    continue
                }
                for (index, question) in questions.enumerated() {
                    do {
                        let answer = try question.ask(damaged)
                        #expect(answer == truth[index], "\(question.name), \(place)")
                        right += 1
                    } catch let error as LedgerError {
                        refused[index] += 1
                        #expect(
                            error.code == .damaged || error.code == .checkpointMismatch,
                            "\(question.name), \(place): \(error)")
                        #expect(
                            error.reason.contains(/\d/), "\(question.name), \(place): \(error)")
                    } catch {
                        Issue.record("\(question.name), \(place): \(error)")
                    }
                }
            }
            // The sweep says both, and every question met damage.
            #expect(right > places.count)
            for (index, question) in questions.enumerated() {
                #expect(refused[index] > 0, "\(question.name) never met the damage")
            }
        }
    }

    @Test("An entry that has changed since its tile was read is refused")
    func changedLater() async throws {
        try await withLedgerPath { path in
            _ = try await Self.makeLedger(at: path)
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
                #expect(throws: LogFault.self) { try entries.entry(at: position) }
                flipped.flip(nil)
                #expect(try entries.entry(at: position)?.entry == entry.entry)
            }
        }
    }

    @Test("A repeated command is answered from an entry that is what was written, or not at all")
    func repeated() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let reader = try LedgerReader.open(at: path)
            let first = try #require(try reader.entry(at: 100))
            let id = try #require(first.commandID)
            reader.close()
            var frame = try #require(try readFrames(at: path).last { $0.0 <= 100 })
            let time = try withBytes(of: frame.1) { value in
                try FrameHeader(value).range(of: Int(100 - frame.0), value).lowerBound + 16
            }
            // What nothing but a hash can tell.
            frame.1[time] ^= 1
            let environment = try Environment(at: path + "/log")
            let table = try environment.integerTable(named: "frames", create: false)
            try environment.write { transaction in
                try withBytes(of: frame.1) { try transaction.put(table, key: frame.0, value: $0) }
            }
            environment.close()
            let ledger = try Ledger.open(at: path)
            defer { ledger.close() }
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

    @Test("A tile that fills up while its entries are read stays right, entry for entry")
    func growing() async throws {
        try await withLedgerPath { path in
            let ledger = try Ledger.open(at: path)
            defer { ledger.close() }
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
