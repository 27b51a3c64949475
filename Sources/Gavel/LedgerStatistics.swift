// What a running ledger says of itself: figures for whoever watches it, never for deciding.
//
// Invariants: what is counted costs something once a frame, nothing once an entry; counts only
// grow while a ledger is open and begin anew with it.

internal import Dispatch
internal import Platform
internal import Synchronization

/// Figures about an open ledger, as of about one moment.
public struct LedgerStatistics: Hashable, Sendable {
    /// How many entries are durable.
    public var durableCount: UInt64
    /// How many entries the read state reflects; it goes ahead of `durableCount` by one frame at
    /// most, for the moment between the two.
    public var reflects: UInt64
    /// How many entries the newest snapshot on disk holds: opening would replay the rest.
    public var snapshotCount: UInt64
    /// How many entries the newest signed checkpoint covers; nil where none is signed.
    public var checkpointCount: UInt64?
    /// Commands waiting to be decided, and how many may.
    public var queuedCommands: Int
    public var queueCommandsMax: Int
    /// Entries of each frame stored.
    public var frameEntries: Histogram
    /// Microseconds from when a frame was handed to the log until the first of its callers can be
    /// answered: waiting for the frame before it, hashing, storing, advancing the read state.
    public var commitMicroseconds: Histogram
    /// Microseconds of a frame's transaction, from its begin until it is durable.
    public var flushMicroseconds: Histogram
    /// Rejections among the entries stored.
    public var rejections: UInt64
    /// Whether nothing closes and bids are refused: an operator said so, or the clock is held.
    public var holdsClosings: Bool
    /// Whether the wall clock and the ledger's time are more than a minute apart (article Time).
    public var isClockHeld: Bool
    /// By how many nanoseconds the wall clock is ahead of the ledger's time; negative where it is
    /// behind.
    public var clockGapNanoseconds: Int64
    /// From when until when the outage was whose auctions wait for an operator; nil where none do.
    public var outage: Outage?
    /// Why the ledger has stopped; nil while it has not.
    public var failure: LedgerError?
    /// Whether it was closed.
    public var isClosed: Bool
    /// The log's file; nil where the log is no file, or closed.
    public var storage: LogStorage?
    /// How many bytes more can be stored, and below how many bids are refused; nil where the store
    /// does not say.
    public var freeBytes: Int?
    public var freeBytesMin: Int

    /// Whether bids and openings are refused for want of space.
    public var isStorageLow: Bool { freeBytes.map { $0 < freeBytesMin } ?? false }
}

/// The size of a log's file, in bytes.
public struct LogStorage: Hashable, Sendable {
    /// Up to the last page in use.
    public var usedBytes: Int
    /// The file's length: it grows in large steps, ahead of use.
    public var fileBytes: Int
    /// How long the file may get.
    public var mapBytes: Int
}

extension Ledger {
    /// Figures about this ledger. Cheap enough for every few seconds: a few locks for moments,
    /// and two questions to the operating system.
    public var statistics: LedgerStatistics {
        let frames = publisher.frameStatistics
        let status = pipeline.status
        return LedgerStatistics(
            durableCount: durableCount, reflects: reflects,
            snapshotCount: publisher.snapshotCount,
            checkpointCount: signer.signed?.checkpoint.size,
            queuedCommands: admission.commandCount, queueCommandsMax: admission.countMax,
            frameEntries: frames.entries, commitMicroseconds: frames.commitMicroseconds,
            flushMicroseconds: frames.flushMicroseconds, rejections: frames.rejections,
            holdsClosings: status.holdsClosings, isClockHeld: status.isClockHeld,
            clockGapNanoseconds: status.clockGap,
            outage: status.outage, failure: failure,
            isClosed: publisher.isClosed, storage: log.storage,
            freeBytes: log.freeBytes,
            freeBytesMin: publisher.freeBytesMin)
    }
}

/// What is counted of frames.
struct FrameStatistics: Sendable {
    // Frames of up to 2¹⁷ entries and times up to 2²³ µs, about eight seconds, one by one.
    var entries = LedgerStatistics.Histogram(powers: 17)
    var commitMicroseconds = LedgerStatistics.Histogram(powers: 23)
    var flushMicroseconds = LedgerStatistics.Histogram(powers: 23)
    var rejections: UInt64 = 0

    /// Counts a frame whose read state is shown.
    mutating func count(_ frame: Frame) {
        entries.record(UInt64(frame.count))
        commitMicroseconds.record((Uptime.nanoseconds - frame.handedOverAt) / 1000)
        flushMicroseconds.record(frame.flushNanoseconds / 1000)
        rejections += UInt64(frame.rejectionCount)
    }
}
