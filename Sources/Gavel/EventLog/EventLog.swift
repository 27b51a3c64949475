// The narrow seam between deciding and storing: frames go in, in order, and come back durable,
// in order. The same frames could go to a replicated database that appends by compare-and-set on
// the head, where one machine is not enough.
//
// Invariants a log keeps: `append` does not wait unless it may; frames are stored in the order of
// `append`, each wholly or not at all; reports come in that order, one for each frame; after
// `fenced` or `unknown` nothing is stored any more and every later frame is reported the same way.

internal import AuctionDomain
internal import Platform

/// What became of a frame.
package enum LogReport: Sendable {
    /// The frame, and all before it, survives any crash.
    case durable(Frame)
    /// Someone else writes this ledger now; the frame is not in it.
    case fenced(Frame)
    /// Nobody knows whether the frame was stored.
    case unknown(Frame, reason: String)
}

/// Stored frames, to be read: by whoever has the log, and by many at once.
package protocol ReadableLog: AnyObject, Sendable {
    /// How many entries are stored.
    var entryCount: UInt64 { get throws }

    /// Calls `body` with each stored frame from the one that holds `position` on, until it
    /// answers false. The bytes are valid within the call.
    func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws

    /// Calls `body` with the header of each stored frame from the one that holds `position` on,
    /// until it answers false.
    func forEachHeader(
        from position: UInt64, _ body: (FrameHeader) throws -> Bool
    ) throws

    /// Calls `body` with each entry of a range of positions, as far as there are any, until it
    /// answers false: the header of its frame, bytes, where it lies in them, and its position. The
    /// bytes are valid within the call.
    /// - Throws: `LogFault` where an entry is missing before another, or its frame is none.
    func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws

    /// Whether roots of tiles are stored beside the frames.
    var keepsTileRoots: Bool { get }

    /// The roots that are stored of the tiles of 256, 65,536, … leaves which end with a tile of
    /// 256 leaves.
    /// - Returns: nil when there is no such tile, or the log keeps none.
    func tileRoots(endingWith tile: UInt64) throws -> [Digest]?

    /// The size of the store; nil where it is none, or closed.
    var storage: LogStorage? { get }

    /// The file that the frames are in; nil where there is none that can be copied.
    var file: LogFileReader? { get }

    /// Lets go of the store. Nothing is appended or read any more.
    func close()
}

/// An ordered, durable store of frames.
package protocol EventLog: ReadableLog {
    /// Names whom to tell. Called once, before the first `append`. `handler` is called on a thread
    /// of the log's own, one call at a time.
    func start(reportingTo handler: @escaping @Sendable (LogReport) -> Void)

    /// Hands over a frame whose `seal` has not run; the log runs it on its own thread.
    /// - Parameter atOnce: nothing is under way and the caller has nothing else to do: the log may
    ///   store and report the frame before this returns, which spares whoever waits alone a change
    ///   of threads.
    func append(_ frame: Frame, atOnce: Bool, seal: @escaping @Sendable (Frame) -> Void)

    /// Waits until every appended frame is reported.
    func drain()
}

extension ReadableLog {
    package var keepsTileRoots: Bool { false }
    package var storage: LogStorage? { nil }
    package var file: LogFileReader? { nil }
    package func tileRoots(endingWith tile: UInt64) throws -> [Digest]? { nil }

    package func forEachHeader(
        from position: UInt64, _ body: (FrameHeader) throws -> Bool
    ) throws {
        try forEachFrame(from: position) { try body(try FrameHeader($0)) }
    }

    package func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        guard !positions.isEmpty else { return }
        var next = positions.lowerBound
        try forEachFrame(from: next) { value in
            let header = try FrameHeader(value)
            for index in try header.indices(from: next, to: positions.upperBound) {
                let range = try header.range(of: index, value)
                next += 1
                guard try body(header, value, range, next - 1) else { return false }
            }
            return next < positions.upperBound
        }
    }

    /// Reads one entry as it is stored, without looking at its hash: `CheckedEntries` does.
    /// - Returns: nil when there is none at that position.
    package func entry(at position: UInt64) throws -> DecodedEntry? {
        var decoded: DecodedEntry?
        try forEachEntry(in: position..<position.addingClamped(1)) { _, value, range, _ in
            var entry = DecodedEntry()
            try entry.decode(value, in: range)
            decoded = entry
            return false
        }
        return decoded
    }
}

extension FrameHeader {
    /// Which of the frame's entries lie between two positions, of which there are none before.
    /// - Throws: `LogFault` where the frame begins behind the first of them.
    func indices(from start: UInt64, to end: UInt64) throws(LogFault) -> Range<Int> {
        guard firstPosition <= start else { throw LogFault("entry \(start) is not in the log") }
        // Behind the last entry the last frame is lent.
        guard start < endPosition else { return 0..<0 }
        return Int(start - firstPosition)..<Int(min(end, endPosition) - firstPosition)
    }
}
