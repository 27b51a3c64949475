// What the tests of verification share: a small ledger, its frames as plain bytes, ways to take
// them apart and put them together again, and a log that holds them however wrong they are.

import AuctionDomain
import GavelTesting
import LMDB
import Platform
import Testing

@testable import Gavel

/// A frame as it is stored, under its first position.
typealias StoredFrame = (UInt64, [UInt8])

/// A small ledger of 20 entries in a folder, closed.
/// - Parameter inOneBatch: puts most entries into one frame, instead of one each.
func makeSmallLedger(
    at path: String, step: Int64 = 10, inOneBatch: Bool = false, secondsLater: Int64 = 0
) async throws {
    let clock = ManualClock()
    clock.advance(seconds: secondsLater)
    var configuration = Bench.configuration(clock)
    configuration.ledgerID = LedgerID(high: 1, low: 2)
    let ledger = try await Ledger.open(at: path, configuration: configuration)
    var commands: [Command] = [
        .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
        .registerUser("alice"), .registerUser("carol"),
        .charge(user: "alice", currency: "USD", amount: 900, reference: "a"),
        .charge(user: "carol", currency: "USD", amount: 900, reference: "c"),
        .openAuction(
            OpenAuction(auction: "lot-1", title: "A clock", seller: "bob", currency: "USD")),
    ]
    for amount in 1...9 {
        commands.append(
            .placeBid(
                auction: "lot-1", bidder: amount % 2 == 0 ? "alice" : "carol",
                amount: Money(minorUnits: Int64(amount) * step)))
    }
    commands.append(.placeBid(auction: "lot-1", bidder: "alice", amount: 5))
    commands.append(.closeAuction("lot-1", hammer: true))
    if inOneBatch {
        let batch = commands.map { Submission(id: .generate(at: clock.now()), command: $0) }
        _ = try await ledger.enqueue(batch).value()
    } else {
        for command in commands {
            let receipt = try await ledger.submit(command, id: .generate(at: clock.now()))
            try #require(receipt.status != .refused)
        }
    }
    await ledger.close()
}

/// A ledger of 602 entries, and so of two full tiles, closed.
func makeTiledLedger(at path: String) throws {
    let ledger = try Ledger.openAndWait(at: path)
    for batch in 0..<3 {
        let commands = (0..<200).map { number in
            Submission(
                id: .generate(),
                command: .registerUser(UserID(unchecked: "user-\(batch)-\(number)")))
        }
        _ = try ledger.enqueue(commands).wait()
    }
    ledger.closeAndWait()
}

/// The frames of a ledger's log.
func readFrames(at path: String) throws -> [StoredFrame] {
    let log = try FolderStore(at: path).openForReading()
    defer { log.close() }
    var frames: [StoredFrame] = []
    try log.forEachFrame(from: 0) { value in
        frames.append((try FrameHeader(value).firstPosition, value.array()))
        return true
    }
    return frames
}

/// Gives a ledger another log, with the roots of tiles that follow from its entries.
func replaceLog(at path: String, by frames: [StoredFrame]) throws {
    try FileSystem.remove(path + "/log")
    let environment = try Environment(at: path + "/log")
    let table = try environment.integerTable(named: "frames", create: true)
    _ = try environment.integerTable(named: "tiles", create: true)
    try environment.write { transaction in
        for (key, value) in frames {
            try withBytes(of: value) { try transaction.append(table, key: key, value: $0) }
        }
    }
    environment.close()
    let log = try FolderStore(at: path).openForWriting(StoreOpening())
    defer { log.close() }
    // The roots that the entries give, as far as frames can be taken apart.
    var (tree, roots) = (MerkleTree(), ContiguousArray<TileRoot>())
    for frame in frames {
        let isHashed: Void? = try? withBytes(of: frame.1) { value in
            try FrameHeader(value).hash(value, into: &tree) { roots.append($0) }
        }
        if isHashed == nil { break }
    }
    try log.replaceTiles(by: StoredTiles(roots))
}

/// Verifies a log of these frames, without snapshots, tiles or checkpoints.
/// - Parameter count: how many entries there should be.
func verify(
    _ frames: [StoredFrame], _ level: VerificationLevel, count: UInt64 = 20, cores: Int = 1
) -> VerificationReport {
    let source = VerificationSource(log: FrameList(frames: frames), count: count, evidence: nil)
    let report = VerificationReport(level: level)
    switch level {
    case .heads:
        var run = HeadsVerification(source, report)
        return run.report { _, _ in }
    case .records:
        var run = RecordsVerification(source, report, cores: cores)
        return run.report { _, _ in }
    case .fold, .rules:
        var run = FoldVerification(source, report, snapshots: nil)
        return run.report { _, _ in }
    }
}

/// Frames as given, however wrong.
final class FrameList: LogReader {
    let frames: [StoredFrame]
    let entryCount: UInt64

    init(frames: [StoredFrame], entryCount: UInt64 = 20) {
        self.frames = frames
        self.entryCount = entryCount
    }

    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        let start = frames.lastIndex { $0.0 <= position } ?? 0
        for frame in frames[min(start, frames.count)...] {
            guard try withBytes(of: frame.1, body) else { return }
        }
    }
    func close() {}
}

// MARK: Taking frames apart

/// A frame's header and its entries.
struct FrameParts {
    private static let headerBytes = 120
    var header: [UInt8]
    var entries: [[UInt8]]

    init(_ frame: StoredFrame) {
        let bytes = frame.1
        header = Array(bytes[..<Self.headerBytes])
        func number(_ offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }
        let count = number(12)
        let first = Self.headerBytes + 4 * count
        entries = []
        var start = first
        for index in 0..<count {
            let end = first + number(Self.headerBytes + 4 * index)
            entries.append(Array(bytes[start..<end]))
            start = end
        }
    }

    /// The frame with counts, lengths, offsets and the header's check as they should be.
    /// - Parameter root: nil leaves the one that is there.
    func stored(at key: UInt64, root: LedgerHash? = nil) -> StoredFrame {
        var header = header
        func put(_ number: Int, at offset: Int, of bytes: inout [UInt8]) {
            for byte in 0..<4 { bytes[offset + byte] = UInt8(number >> (8 * byte) & 255) }
        }
        put(entries.count, at: 12, of: &header)
        put(entries.reduce(0) { $0 + $1.count }, at: 36, of: &header)
        if let root { header.replaceSubrange(64..<96, with: root.bytes) }
        let check = withBytes(of: header) { FrameLayout.check(of: $0) }
        for byte in 0..<8 { header[112 + byte] = UInt8(check >> UInt64(8 * byte) & 255) }
        var ends = [UInt8](repeating: 0, count: 4 * entries.count)
        var end = 0
        for (index, entry) in entries.enumerated() {
            end += entry.count
            put(end, at: 4 * index, of: &ends)
        }
        return (key, header + ends + entries.flatMap(\.self))
    }
}

/// The same frames with every root as the entries now give it: what a forger would do.
func rehashed(_ frames: [StoredFrame]) -> [StoredFrame] {
    var tree = MerkleTree()
    return frames.map { frame in
        let parts = FrameParts(frame)
        for entry in parts.entries { withBytes(of: entry) { tree.append($0) } }
        return parts.stored(at: frame.0, root: tree.root)
    }
}
