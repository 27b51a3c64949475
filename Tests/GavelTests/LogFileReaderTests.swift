// Reading parts of frames: the same as reading the frames.

import AuctionDomain
import GavelTesting
import LMDB
import Platform
import Testing

@testable import Gavel

/// A log that has nothing but whole frames.
private final class WholeFrames: LogReader {
    private let log: LogFileReader
    init(_ log: LogFileReader) { self.log = log }

    var entryCount: UInt64 { get throws { try log.entryCount } }
    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try log.forEachFrame(from: position, body)
    }
    func close() {}
}

@Suite("Parts of frames")
struct LogFileReaderTests {
    private struct Entry: Equatable {
        let position: UInt64
        let frame: UInt64
        let bytes: [UInt8]
    }

    private func entries(
        of log: any LogReader, _ positions: Range<UInt64>, most: Int = .max
    ) throws -> [Entry] {
        var found: [Entry] = []
        try log.forEachEntry(in: positions) { header, value, range, position in
            found.append(
                Entry(
                    position: position, frame: header.number, bytes: value.array(in: range)))
            return found.count < most
        }
        return found
    }

    @Test("Entries and headers read in parts are those of the whole frames, from any place on")
    func parts() async throws {
        try await withLedgerPath { path in
            let ledger = try await Ledger.open(at: path)
            // Frames in leaves, of one page, and of many.
            for (round, users) in [1, 2, 7, 30, 1, 400, 3, 2000].enumerated() {
                try register(users, "round-\(round)", in: ledger)
            }
            await ledger.close()
            let parts = try LogFileReader(at: path + "/log")
            let whole = WholeFrames(parts)
            let count = try parts.entryCount
            let all = try entries(of: whole, 0..<count)
            #expect(all.map(\.position) == Array(0..<count))
            #expect(try entries(of: parts, 0..<count) == all)
            #expect(try entries(of: parts, 0..<(.max)) == all)
            #expect(Set(all.map(\.frame)).count >= 8)
            let starts = Array(0..<50) + stride(from: 50, to: count, by: 77) + [count - 1]
            for start in starts {
                for end in [start, start + 1, start + 3, start + 300, count + 10] {
                    let wanted = all[Int(start)..<Int(min(end, count))]
                    #expect(try entries(of: parts, start..<end) == Array(wanted))
                }
                #expect(
                    try entries(of: parts, start..<count, most: 2)
                        == Array(all[Int(start)...].prefix(2)))
                #expect(try parts.entryBytes(in: start..<start + 1) == [all[Int(start)].bytes])
                var headers: [FrameHeader] = []
                var wanted: [FrameHeader] = []
                try parts.forEachHeader(from: start) { header in
                    headers.append(header)
                    return headers.count < 3
                }
                try whole.forEachHeader(from: start) { header in
                    wanted.append(header)
                    return wanted.count < 3
                }
                #expect(headers == wanted && !headers.isEmpty)
            }
            #expect(try entries(of: parts, count..<count + 5) == [])
            #expect(try entries(of: parts, count + 3..<count + 5) == [])
            #expect(try parts.entry(at: count) == nil)
        }
    }

    @Test("A frame under another frame's key is an error, however much of it is read")
    func otherKey() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            var frames = try readFrames(at: path)
            let key = frames[2].0
            frames[2].1 = frames[1].1
            try FileSystem.remove(path + "/log")
            let environment = try Environment(at: path + "/log")
            let table = try environment.integerTable(named: "frames", create: true)
            _ = try environment.integerTable(named: "tiles", create: true)
            try environment.write { transaction in
                for (key, value) in frames[...2] {
                    try withBytes(of: value) { try transaction.append(table, key: key, value: $0) }
                }
            }
            environment.close()
            let log = try LogFileReader(at: path + "/log")
            let words = "the frame at \(key) says it begins at \(frames[1].0)"
            func expectFault(_ body: () throws -> Void) {
                let fault = #expect(throws: LogFault.self) { try body() }
                #expect(fault?.reason == words)
            }
            expectFault { _ = try log.entryCount }
            expectFault { try log.forEachFrame(from: key) { _ in true } }
            expectFault { try log.forEachHeader(from: key) { _ in true } }
            expectFault { _ = try entries(of: log, key..<key + 1) }
        }
    }

    @Test("Where a frame is missing, entries behind the gap are not given for those in it")
    func gap() async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            var frames = try readFrames(at: path)
            // The last but one: it has entries before it and after it.
            let missing = frames.remove(at: frames.count - 2)
            let (start, end) = (missing.0, frames.last!.0)
            let log = FrameList(frames: frames)
            for positions in [start..<end, start..<start + 1, end - 1..<end + 1, start - 1..<end] {
                var last = positions.lowerBound
                let fault = #expect(throws: LogFault.self) {
                    try log.forEachEntry(in: positions) { _, _, _, position in
                        #expect(position == last)
                        last += 1
                        return true
                    }
                }
                #expect(fault?.reason.contains("is not in the log") == true)
            }
        }
    }

    @Test("Roots of a tile that are cut short are an error", arguments: [1, 31, 33, 63])
    func cutRoots(byteCount: Int) async throws {
        try await withTiles { tiles, environment in
            let roots = [UInt8](repeating: 1, count: byteCount)
            try environment.write { transaction in
                try withBytes(of: roots) { try transaction.put(tiles, key: 1, value: $0) }
            }
        } _: { log in
            #expect(throws: LogFault.self) { try log.tileRoots(endingWith: 1) }
            #expect(throws: LogFault.self) { try log.forEachTile(in: 1..<2) { _, _ in } }
            let roots = try log.tileRoots(endingWith: 0)
            #expect(roots?.count == 1)
        }
    }

    @Test("Of tiles in a range none before or behind it is given, whichever are missing")
    func tilesInRange() async throws {
        for missing in [[], [0], [1], [0, 1]] as [[UInt64]] {
            try await withTiles { tiles, environment in
                try environment.write { transaction in
                    for tile in missing { _ = try transaction.delete(tiles, key: tile) }
                }
            } _: { log in
                for start: UInt64 in 0..<4 {
                    for end in start..<5 {
                        var found: [UInt64] = []
                        try log.forEachTile(in: start..<end) { tile, _ in found.append(tile) }
                        #expect(found == (start..<end).filter { $0 < 2 && !missing.contains($0) })
                    }
                }
            }
        }
    }

    /// Changes the roots of the two full tiles of a ledger's log, and reads it.
    private func withTiles(
        _ change: (IntegerTable, Environment) throws -> Void, _ body: (LogFileReader) throws -> Void
    ) async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let environment = try Environment(at: path + "/log")
            try change(try environment.integerTable(named: "tiles", create: false), environment)
            environment.close()
            try body(LogFileReader(at: path + "/log"))
        }
    }
}
