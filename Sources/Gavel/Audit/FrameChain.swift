// How one frame follows the other, whatever the level, and reading them one by one.

internal import AuctionDomain
internal import Platform

/// What the frames so far lead to, by their headers.
struct FrameChain {
    private(set) var entryCount: UInt64 = 0
    private(set) var frames: UInt64 = 0
    private(set) var epoch: UInt32 = 0
    private(set) var ledgerID: LedgerID?
    private(set) var lastTime = Timestamp(nanoseconds: .min)
    /// The root the last frame says.
    private(set) var root = LedgerHash.empty
    /// Up to where command ids had expired by the last frame.
    private(set) var horizon = CommandHorizon()

    /// Goes on to the next frame.
    /// - Throws: `LogFault` when it does not follow; nothing has changed then.
    mutating func follow(_ header: FrameHeader) throws(LogFault) {
        guard header.firstPosition == entryCount else {
            throw LogFault("a frame begins at position \(header.firstPosition), not \(entryCount)")
        }
        guard header.number == frames else {
            throw LogFault("a frame has number \(header.number), not \(frames)")
        }
        guard header.epoch >= epoch else {
            throw LogFault("a frame is of epoch \(header.epoch), after \(epoch)")
        }
        guard header.lastTime >= lastTime else {
            throw LogFault("the time falls after the frame before")
        }
        // A restored ledger goes on under a new id, from the opening after it on.
        guard ledgerID == nil || ledgerID == header.ledgerID || header.epoch > epoch else {
            throw LogFault("the frame belongs to another ledger")
        }
        guard header.horizon.milliseconds >= horizon.milliseconds else {
            throw LogFault("the horizon of command ids falls")
        }
        entryCount = header.endPosition
        frames += 1
        epoch = header.epoch
        ledgerID = header.ledgerID
        lastTime = header.lastTime
        root = header.root
        horizon = header.horizon
    }
}

extension LogReader {
    /// Lends the frames of a log one after the other.
    /// - Parameters:
    ///   - count: ends after so many entries.
    ///   - next: takes a frame and answers how many entries are done.
    /// - Throws: what `next` throws; `LogFault` when the log ends early.
    func readFrames(
        to count: UInt64, _ progress: (UInt64, UInt64) -> Void, next: (RawSpan) throws -> UInt64
    ) throws {
        var done: UInt64 = 0
        var meter = ProgressMeter(count: count)
        if count > 0 {
            try forEachFrame(from: 0) { value in
                done = try next(value)
                if meter.isDue(done) { progress(done, count) }
                return done < count
            }
        }
        try requireAll(done, of: count)
    }

    /// As above, of the headers alone.
    func readHeaders(
        to count: UInt64, _ progress: (UInt64, UInt64) -> Void,
        next: (FrameHeader) throws -> UInt64
    ) throws {
        var done: UInt64 = 0
        var meter = ProgressMeter(count: count)
        if count > 0 {
            try forEachHeader(from: 0) { header in
                done = try next(header)
                if meter.isDue(done) { progress(done, count) }
                return done < count
            }
        }
        try requireAll(done, of: count)
    }

    private func requireAll(_ done: UInt64, of count: UInt64) throws(LogFault) {
        guard done >= count else {
            throw LogFault("the log ends after \(done) entries of \(count)")
        }
    }
}

/// Says when progress is to be told: a hundred times at most.
struct ProgressMeter {
    let count: UInt64
    private var next: UInt64 = 0

    init(count: UInt64) { self.count = count }

    mutating func isDue(_ done: UInt64) -> Bool {
        guard done >= next else { return false }
        next = done + max(1, count / 100)
        return true
    }
}
