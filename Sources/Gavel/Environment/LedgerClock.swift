// The only place where the engine learns what time it is.

public import AuctionDomain

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Tells the time. Read at admission and by the guard against jumping clocks, never by rules.
public protocol LedgerClock: Sendable {
    /// The wall clock.
    func now() -> Timestamp
    /// Nanoseconds on a clock that nobody sets and that goes on while the machine sleeps; only
    /// differences mean something.
    func uptimeNanoseconds() -> Int64
    /// Both, as of one moment: a clock that is moved between two readings would seem to jump.
    func both() -> (wall: Timestamp, uptimeNanoseconds: Int64)
}

extension LedgerClock {
    public func both() -> (wall: Timestamp, uptimeNanoseconds: Int64) {
        (now(), uptimeNanoseconds())
    }
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

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // The pointer is to a local value and used only within the call.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension CommandID {
    /// A new id: the time and 74 random bits. For callers; the engine itself draws none.
    /// - Parameter time: one before 1970 counts as 1970.
    public static func generate(at time: Timestamp = SystemClock().now()) -> CommandID {
        var generator = SystemRandomNumberGenerator()
        return CommandID(
            milliseconds: UInt64(max(0, time.nanoseconds) / 1_000_000),
            randomHigh: generator.next(), randomLow: generator.next())
    }
}

extension LedgerID {
    static func generate() -> LedgerID {
        var generator = SystemRandomNumberGenerator()
        return LedgerID(high: generator.next(), low: generator.next())
    }
}
