// A clock that moves when a test says so.

public import AuctionDomain
public import Gavel
internal import Synchronization

/// A wall clock and a boot clock that stand still until moved.
///
/// After moving it past an auction's end call `Ledger.tick()`: nothing wakes the engine by itself.
public final class ManualClock: LedgerClock {
    private let times: Mutex<(wall: Int64, uptime: Int64)>

    public init(at time: Timestamp = Timestamp(seconds: 1_700_000_000)) {
        times = Mutex((time.nanoseconds, 0))
    }

    public func now() -> Timestamp { Timestamp(nanoseconds: times.withLock { $0.wall }) }
    public func uptimeNanoseconds() -> Int64 { times.withLock { $0.uptime } }
    public func both() -> (wall: Timestamp, uptimeNanoseconds: Int64) {
        times.withLock { (Timestamp(nanoseconds: $0.wall), $0.uptime) }
    }

    /// It stands still by itself.
    public var passesByItself: Bool { false }

    /// Lets time pass.
    public func advance(nanoseconds: Int64) {
        times.withLock { times in
            times.wall += nanoseconds
            times.uptime += nanoseconds
        }
    }

    /// Lets time pass.
    public func advance(seconds: Int64) { advance(nanoseconds: seconds * 1_000_000_000) }

    /// Lets time pass until a moment; does nothing when it is past.
    public func advance(to time: Timestamp) {
        let rest = time.nanoseconds - now().nanoseconds
        if rest > 0 { advance(nanoseconds: rest) }
    }

    /// Sets the wall clock, as an operator or a broken time server does: the boot clock stays.
    public func jump(seconds: Int64) {
        times.withLock { $0.wall += seconds * 1_000_000_000 }
    }
}
