// The only place where the engine learns what time it is.

public import AuctionDomain
internal import Platform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Tells the time, by two clocks. The ledger goes by the one that nobody sets and lets itself be
/// led by the other (article Time); rules read neither.
public protocol LedgerClock: Sendable {
    /// The wall clock.
    func now() -> Timestamp
    /// Nanoseconds, 0 or more, on a clock that nobody sets and that goes on while the machine
    /// sleeps; only differences mean something.
    func uptimeNanoseconds() -> Int64
    /// Both, as of one moment: a clock that is moved between two readings would seem to jump.
    func both() -> (wall: Timestamp, uptimeNanoseconds: Int64)
    /// Whether the kernel says that a time server keeps the wall clock; nil where it does not say.
    var isSynchronized: Bool? { get }
    /// 16 bytes that say which run of the machine `uptimeNanoseconds` counts from; nil where
    /// nothing is known of it.
    var bootID: [UInt8]? { get }
    /// Whether time goes on by itself; a clock that only tests move is never late.
    var passesByItself: Bool { get }
}

extension LedgerClock {
    public func both() -> (wall: Timestamp, uptimeNanoseconds: Int64) {
        (now(), uptimeNanoseconds())
    }
    public var isSynchronized: Bool? { nil }
    public var bootID: [UInt8]? { nil }
    public var passesByItself: Bool { true }
}

/// The operating system's clocks.
public struct SystemClock: LedgerClock {
    public init() {}

    public func now() -> Timestamp {
        Timestamp(nanoseconds: Self.read(CLOCK_REALTIME))
    }

    public func uptimeNanoseconds() -> Int64 {
        #if os(Linux)
            Self.read(CLOCK_BOOTTIME)
        #else
            Self.read(CLOCK_MONOTONIC)
        #endif
    }

    public var isSynchronized: Bool? { MachineClock.isSynchronized }
    public var bootID: [UInt8]? { MachineClock.bootID }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // The pointer is to a local value and used only within the call.
        unsafe clock_gettime(clock, &time)
        // In the year 2262 the nanoseconds of a wall clock come to an end; the ledger's times end
        // the year before.
        let (nanoseconds, isTooFar) = Int64(time.tv_sec).multipliedReportingOverflow(
            by: 1_000_000_000)
        let (sum, isBeyond) = nanoseconds.addingReportingOverflow(Int64(time.tv_nsec))
        return isTooFar || isBeyond ? (time.tv_sec < 0 ? .min : .max) : sum
    }
}
