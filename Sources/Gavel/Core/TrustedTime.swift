// The time that the ledger goes by: a clock that nobody sets, led slowly after the one that people
// do set.
//
// A wall clock is wrong for a moment now and then: a hardware clock in local time before the
// network has corrected it, an operator's slip, a virtual machine that was paused. Entries that are
// stamped in that moment stay in the log for ever, and lots that end by it are sold. So a step of
// the wall clock is never followed by itself.
//
// Invariants: from one reading to the next trusted time never goes back but by an operator's word,
// and runs at most 1/1000 faster or slower than the boot clock; while the clocks are more than a
// minute apart it runs on the boot clock alone; it is a time that an entry can have, whatever
// clocks and heartbeats say.

internal import AuctionDomain

/// Both clocks of a machine, as of one moment.
package struct ClockReading: Hashable, Sendable {
    /// The wall clock: what people and time servers set.
    package var wall: Timestamp
    /// Nanoseconds on a clock that nobody sets and that goes on while the machine sleeps.
    package var boot: Int64
    /// Whether the kernel says that a time server keeps the wall clock; nil where it says nothing.
    package var isSynchronized: Bool?

    package init(wall: Timestamp, boot: Int64, isSynchronized: Bool? = nil) {
        self.wall = wall
        self.boot = boot
        self.isSynchronized = isSynchronized
    }

    /// The wall clock in nanoseconds, or the nearest time that an entry can have.
    fileprivate var wallInRange: Int64 { min(max(.zero, wall), .max).nanoseconds }
}

/// Trusted time: the boot clock, led after the wall clock by at most 1/1000 of what passes.
package struct TrustedTime: Sendable {
    /// Clocks further apart than this do not differ by drift: one of them was set.
    package static let gapMax: Int64 = 60_000_000_000
    /// The time is led by at most this part of what passes: a crystal is wrong by a fifth of it.
    static let slewDivisor: Int64 = 1000
    /// For how long the kernel must have said that the wall clock is kept by a time server before a
    /// wall clock that went ahead is believed.
    static let synchronizedFor: Int64 = 60_000_000_000
    /// How long after the machine's start a time server may take to correct the wall clock.
    static let settlesWithin: Int64 = 600_000_000_000

    /// What a reading changed.
    package enum Change: Hashable, Sendable {
        /// The wall clock is that much ahead of trusted time, behind where it is negative.
        case held(gap: Int64)
        /// The clocks agree again; since they went apart nobody could bid.
        case agreed(Outage)
        /// The wall clock was right: nobody counted the time in between, a suspended machine's.
        case wentAhead(Outage)
    }

    private var time: Int64
    private var boot: Int64
    /// Since when the kernel says "synchronized", by the boot clock.
    private var synchronizedSince: Int64?
    /// Trusted time when the clocks went apart.
    private var heldSince: Int64
    /// Held since the machine has just started and its wall clock may not be right yet.
    private var isSettling = false
    /// By how much the wall clock was ahead at the last reading.
    package private(set) var gap: Int64 = 0
    /// Whether the clocks are too far apart for anything to depend on the time.
    package private(set) var isHeld = false

    /// Trusted time when the clocks went apart; nil while they agree.
    package var heldFrom: Timestamp? { isHeld ? Timestamp(nanoseconds: heldSince) : nil }

    /// Starts from what is known.
    /// - Parameters:
    ///   - heartbeat: of whoever ran the ledger last; nil where nobody wrote one.
    ///   - lastEntry: the time of the last entry; nil where there is none.
    package init(
        _ reading: ClockReading, bootID: Heartbeat.BootID?, heartbeat: Heartbeat?,
        lastEntry: Timestamp?
    ) {
        boot = reading.boot
        let wall = reading.wallInRange
        guard let known = heartbeat?.time ?? lastEntry else {
            time = wall
            heldSince = wall
            return
        }
        // Where the clock was held already, it has been since then, over any number of restarts.
        heldSince = min(heartbeat?.outageSince ?? known, known).nanoseconds
        if let heartbeat, let bootID, heartbeat.bootID == bootID, heartbeat.boot <= reading.boot {
            // The same run of the machine: its boot clock says how long it was.
            let elapsed = reading.boot - heartbeat.boot
            time = Self.time(known.nanoseconds, after: elapsed)
            time += Self.slew(by: wall - time, over: elapsed)
        } else if wall < known.nanoseconds - Self.gapMax {
            time = known.nanoseconds
        } else if wall > known.nanoseconds + Self.gapMax, reading.isSynchronized == false,
            reading.boot < Self.settlesWithin
        {
            time = known.nanoseconds
            isSettling = true
        } else {
            // A wall clock that is a little behind is followed slowly, like any other.
            time = max(wall, known.nanoseconds)
        }
        gap = wall - time
        isHeld = gap.magnitude > UInt64(Self.gapMax)
    }

    /// Trusted time at a moment of the boot clock, near the last reading.
    @inline(__always)
    package func at(boot: Int64) -> Timestamp {
        Timestamp(nanoseconds: Self.time(time, after: boot &- self.boot))
    }

    /// Takes the next reading.
    /// - Returns: what it changed; nil where nothing.
    package mutating func advance(to reading: ClockReading) -> Change? {
        let elapsed = max(0, reading.boot - boot)
        let before = time
        time = Self.time(time, after: elapsed)
        boot = max(boot, reading.boot)
        gap = reading.wallInRange - time
        synchronizedSince =
            reading.isSynchronized == true ? synchronizedSince ?? reading.boot : nil
        let slew = Self.slew(by: gap, over: elapsed)
        time += slew
        gap -= slew
        guard gap.magnitude > UInt64(Self.gapMax) else {
            isSettling = false
            guard isHeld else { return nil }
            isHeld = false
            return .agreed(outage)
        }
        if gap > 0, isWallClockBelieved {
            if !isHeld { heldSince = before }
            accept()
            return .wentAhead(outage)
        }
        if isHeld { return nil }
        isHeld = true
        heldSince = before
        return .held(gap: gap)
    }

    /// A time so much later, which never lies beyond the last one there is.
    @inline(__always)
    private static func time(_ time: Int64, after elapsed: Int64) -> Int64 {
        min(Timestamp.max.nanoseconds, time.addingClamped(elapsed))
    }

    /// How far the time is led after a wall clock that is ahead by a gap: not at all where a drift
    /// cannot have made so much.
    private static func slew(by gap: Int64, over elapsed: Int64) -> Int64 {
        let most = elapsed / slewDivisor
        return gap.magnitude > UInt64(gapMax + most) ? 0 : min(max(gap, -most), most)
    }

    /// From when the clocks went apart until now.
    private var outage: Outage {
        Outage(since: Timestamp(nanoseconds: heldSince), until: Timestamp(nanoseconds: time))
    }

    /// Whether a wall clock that went ahead is right by what the kernel says.
    private var isWallClockBelieved: Bool {
        let since = synchronizedSince
        if isSettling { return since != nil || boot >= Self.settlesWithin }
        return since.map { boot - $0 >= Self.synchronizedFor } ?? false
    }

    /// Goes by the wall clock from here on, since somebody has looked at it.
    package mutating func accept() {
        time += gap
        gap = 0
        isHeld = false
        isSettling = false
    }
}
