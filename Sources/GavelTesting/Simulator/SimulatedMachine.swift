// A machine whose clocks a simulation sets, and the true time that nobody on it knows.

internal import AuctionDomain
internal import Gavel

/// Clocks that drift, jump and stand still. Times in nanoseconds.
struct SimulatedMachine {
    /// What a perfect clock shows.
    private(set) var trueTime: Int64
    private(set) var boot: Int64
    private(set) var bootID: Heartbeat.BootID
    /// By how much the wall clock is ahead of true time.
    var wallError: Int64 = 0
    var isSynchronized: Bool? = true
    /// How much faster the boot clock runs than true time.
    let drift: Int64

    init(startingAt time: Int64, boot: Int64, drift: Int64) {
        trueTime = time
        self.boot = boot
        self.drift = drift
        bootID = Heartbeat.BootID(high: 1, low: 0)
    }

    var reading: ClockReading {
        ClockReading(
            wall: Timestamp(nanoseconds: trueTime + wallError), boot: boot,
            isSynchronized: isSynchronized)
    }

    /// Lets time pass on both clocks.
    mutating func pass(_ nanoseconds: Int64) {
        trueTime += nanoseconds
        boot += nanoseconds + nanoseconds / 1_000_000 * drift
    }

    /// Lets time pass that the boot clock does not see: a paused virtual machine.
    mutating func pause(_ nanoseconds: Int64) {
        trueTime += nanoseconds
        wallError -= nanoseconds
    }

    /// Starts the machine anew.
    mutating func restart() {
        bootID.low += 1
        boot = 20_000_000_000
    }
}
