// The guard that keeps a jumping clock from selling lots: while it holds, nothing closes.

internal import AuctionDomain

/// Decides whether auctions may close. Owned by the writer.
struct ClosingGuard {
    /// A wall clock that moves this much against the boot clock was set, not slewed.
    static let jumpNanosecondsMax: Int64 = 60_000_000_000

    private(set) var isHeld: Bool
    private var wall: Timestamp
    private var uptime: Int64

    /// - Parameter lastEntry: the time of the last entry; a wall clock well before it is wrong.
    init(isHeld: Bool, clock: any LedgerClock, lastEntry: Timestamp) {
        (wall, uptime) = clock.both()
        let isBehind = lastEntry.nanoseconds - wall.nanoseconds > Self.jumpNanosecondsMax
        self.isHeld = isHeld || isBehind
    }

    /// Compares the clocks.
    /// - Returns: by how many nanoseconds the wall clock jumped, when that made the guard hold.
    mutating func check(_ clock: any LedgerClock) -> Int64? {
        let (nextWall, nextUptime) = clock.both()
        let jump = (nextWall.nanoseconds - wall.nanoseconds) - (nextUptime - uptime)
        wall = nextWall
        uptime = nextUptime
        guard jump.magnitude > UInt64(Self.jumpNanosecondsMax) else { return nil }
        isHeld = true
        return jump
    }

    mutating func hold(_ isHeld: Bool) { self.isHeld = isHeld }
}
