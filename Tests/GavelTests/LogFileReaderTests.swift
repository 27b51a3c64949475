// Reading parts of frames: the same as reading the frames.

import AuctionDomain
import GavelTesting
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
            #expect(try parts.entry(at: count) == nil)
        }
    }
}
