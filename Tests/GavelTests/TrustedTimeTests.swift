// What the ledger takes for the time while people and networks set the wall clock.

import AuctionDomain
import GavelTesting
import Testing

@testable import Gavel

private let second: Int64 = 1_000_000_000
private let start: Int64 = 1_700_000_000

/// Clocks that a test moves, and the time that follows them.
private struct Clocks {
    /// True time, in nanoseconds, by a clock that is never wrong.
    var wall: Int64
    var boot: Int64
    var isSynchronized: Bool?
    var time: TrustedTime
    var changes: [TrustedTime.Change] = []

    init(
        wall: Int64 = start * second, boot: Int64 = 1_000 * second, isSynchronized: Bool? = nil,
        bootID: Heartbeat.BootID? = nil, heartbeat: Heartbeat? = nil, lastEntry: Timestamp? = nil
    ) {
        self.wall = wall
        self.boot = boot
        self.isSynchronized = isSynchronized
        time = TrustedTime(
            ClockReading(
                wall: Timestamp(nanoseconds: wall), boot: boot, isSynchronized: isSynchronized),
            bootID: bootID, heartbeat: heartbeat, lastEntry: lastEntry)
    }

    /// Lets seconds pass, with a reading each.
    /// - Parameter partsPerMillion: how much faster the wall clock runs than the boot clock.
    mutating func pass(seconds: Int, partsPerMillion: Int64 = 0) {
        for _ in 0..<seconds {
            boot += second
            wall += second + second / 1_000_000 * partsPerMillion
            let reading = ClockReading(
                wall: Timestamp(nanoseconds: wall), boot: boot, isSynchronized: isSynchronized)
            if let change = time.advance(to: reading) { changes.append(change) }
        }
    }

    /// Trusted time now, in nanoseconds.
    var now: Int64 { time.at(boot: boot).nanoseconds }
}

@Suite("Trusted time")
struct TrustedTimeTests {
    @Test(
        "It follows a wall clock that runs fast or slow by 200 parts in a million",
        arguments: [200, -200])
    func drift(partsPerMillion: Int64) {
        var clocks = Clocks()
        clocks.pass(seconds: 7_200, partsPerMillion: partsPerMillion)
        #expect((clocks.now - clocks.wall).magnitude < 1_000_000)
        #expect(clocks.changes.isEmpty && !clocks.time.isHeld)
    }

    @Test("A step of less than a minute is followed at 1/1000 of the time that passes")
    func smallStep() {
        var clocks = Clocks()
        clocks.wall += 10 * second
        let before = clocks.now
        clocks.pass(seconds: 1_000)
        #expect(clocks.now - before == 1_001 * second)
        clocks.pass(seconds: 10_000)
        #expect(clocks.now == clocks.wall)
    }

    @Test(
        "A step of more than a minute holds and is not followed, forwards and backwards",
        arguments: [61, 86_400, 31_536_000, -61, -3_600])
    func jump(seconds: Int64) {
        var clocks = Clocks()
        clocks.pass(seconds: 10)
        clocks.wall += seconds * second
        clocks.pass(seconds: 30)
        #expect(clocks.changes == [.held(gap: seconds * second)])
        #expect(clocks.now == clocks.wall - seconds * second)
        clocks.wall -= seconds * second
        clocks.pass(seconds: 1)
        guard case .agreed(let outage) = clocks.changes.last else {
            Issue.record("the clocks did not agree again")
            return
        }
        // It ends with what has passed meanwhile, not with what the wall clock said.
        #expect(outage.nanoseconds == 31 * second && !clocks.time.isHeld)
        #expect(clocks.now == clocks.wall)
    }

    @Test("Many small steps come to a large one: the clocks are compared over all of them")
    func manySteps() {
        var clocks = Clocks()
        for _ in 0..<4 {
            clocks.wall += 20 * second
            clocks.pass(seconds: 1)
        }
        #expect(clocks.time.isHeld)
    }

    @Test("A gap ahead is an outage once the kernel has vouched for the clock for a minute")
    func suspended() {
        var clocks = Clocks(isSynchronized: true)
        clocks.pass(seconds: 10)
        let before = clocks.now
        clocks.wall += 172_800 * second
        clocks.isSynchronized = false
        clocks.pass(seconds: 100)
        #expect(clocks.time.isHeld)
        clocks.isSynchronized = true
        clocks.pass(seconds: 60)
        #expect(clocks.time.isHeld)
        clocks.pass(seconds: 1)
        #expect(!clocks.time.isHeld && clocks.now == clocks.wall)
        #expect(
            clocks.changes.last
                == .wentAhead(
                    Outage(
                        since: Timestamp(nanoseconds: before),
                        until: Timestamp(nanoseconds: clocks.wall))))
    }

    @Test("A wall clock that went back is believed by nobody but an operator")
    func wentBack() {
        var clocks = Clocks(isSynchronized: true)
        clocks.wall -= 3_600 * second
        clocks.pass(seconds: 600)
        #expect(clocks.time.isHeld)
        clocks.time.accept()
        clocks.pass(seconds: 1)
        #expect(!clocks.time.isHeld && clocks.now == clocks.wall)
    }

    // MARK: At an opening

    private static let bootID = Heartbeat.BootID(high: 1, low: 2)

    private static func heartbeat(_ wall: Int64, boot: Int64) -> Heartbeat {
        Heartbeat(
            time: Timestamp(nanoseconds: wall), boot: boot, bootID: bootID, outageSince: nil)
    }

    @Test(
        "In the same run of the machine the boot clock says how long nobody was there",
        arguments: [0, 7_200, 86_400, 31_536_000, -3_600])
    func sameRun(wrongBy: Int64) {
        let last = Self.heartbeat(start * second, boot: 500 * second)
        let clocks = Clocks(
            wall: (start + 300 + wrongBy) * second, boot: 800 * second, bootID: Self.bootID,
            heartbeat: last)
        #expect(clocks.now == (start + 300) * second)
        #expect(clocks.time.isHeld == (wrongBy != 0))
    }

    @Test("A clock that was held before a restart and still is has been held since then")
    func heldOverRestarts() {
        var last = Self.heartbeat(start * second, boot: 500 * second)
        let since = Timestamp(nanoseconds: (start - 17) * second)
        last.outageSince = since
        var clocks = Clocks(
            wall: (start + 86_400) * second, boot: 500 * second, bootID: Self.bootID,
            heartbeat: last)
        #expect(clocks.time.heldFrom == since)
        clocks.wall = start * second
        clocks.pass(seconds: 1)
        let until = Timestamp(nanoseconds: clocks.now)
        #expect(clocks.changes == [.agreed(Outage(since: since, until: until))])
    }

    @Test("After a start of the machine a wall clock that went ahead is the time: a weekend")
    func weekend() {
        for isSynchronized in [true, nil] as [Bool?] {
            let clocks = Clocks(
                wall: (start + 200_000) * second, boot: 30 * second,
                isSynchronized: isSynchronized, bootID: Heartbeat.BootID(high: 9, low: 9),
                heartbeat: Self.heartbeat(start * second, boot: 500 * second))
            #expect(clocks.now == clocks.wall && !clocks.time.isHeld)
        }
    }

    @Test("Just after a start, before a time server spoke, a wall clock ahead is not believed")
    func settling() {
        var clocks = Clocks(
            wall: (start + 7_200) * second, boot: 30 * second, isSynchronized: false,
            bootID: Heartbeat.BootID(high: 9, low: 9),
            heartbeat: Self.heartbeat((start - 40) * second, boot: 500 * second))
        #expect(clocks.time.isHeld && clocks.now == (start - 40) * second)
        clocks.pass(seconds: 20)
        // The time server speaks: it was two hours ahead.
        clocks.wall -= 7_200 * second
        clocks.isSynchronized = true
        clocks.pass(seconds: 1)
        #expect(!clocks.time.isHeld && clocks.changes.count == 1)

        // Nobody ever speaks: after ten minutes the wall clock is what there is.
        var alone = Clocks(
            wall: (start + 7_200) * second, boot: 30 * second, isSynchronized: false,
            heartbeat: Self.heartbeat(start * second, boot: 500 * second))
        alone.pass(seconds: 569)
        #expect(alone.time.isHeld)
        alone.pass(seconds: 2)
        #expect(!alone.time.isHeld && alone.now == alone.wall)
        guard case .wentAhead(let outage) = alone.changes.last else {
            Issue.record("there was no outage")
            return
        }
        #expect(outage.since == Timestamp(seconds: start))
    }

    @Test("A wall clock behind what is known is not believed, and the time does not go back")
    func behind() {
        let known = Timestamp(seconds: start)
        let byEntry = Clocks(wall: (start - 3_600) * second, lastEntry: known)
        #expect(byEntry.time.isHeld && byEntry.now == known.nanoseconds)
        let new = Clocks(wall: (start - 3_600) * second)
        #expect(!new.time.isHeld && new.now == new.wall)
    }

    @Test("Behind the last time that an entry can have no time comes, however long it goes on")
    func lastTime() {
        let last = Timestamp.max.nanoseconds
        var clocks = Clocks(wall: last - 2 * second)
        #expect(clocks.time.at(boot: clocks.boot + 1_000 * second) == .max)
        clocks.pass(seconds: 10)
        #expect(clocks.now == last && clocks.time.at(boot: .max) == .max)
    }

    @Test(
        "No opening takes the time back, whatever the clocks say",
        arguments: [-86_400, -61, -60, -59, -23, -1, 0, 1, 59, 61, 86_400])
    func openingNeverGoesBack(wrongBy: Int64) {
        let last = Self.heartbeat(start * second, boot: 500 * second)
        for bootID in [Self.bootID, Heartbeat.BootID(high: 9, low: 9), nil] {
            for isSynchronized in [true, false, nil] {
                for heartbeat in [last, nil] {
                    for boot: Int64 in [30, 500, 800] {
                        let clocks = Clocks(
                            wall: (start + wrongBy) * second, boot: boot * second,
                            isSynchronized: isSynchronized, bootID: bootID, heartbeat: heartbeat,
                            lastEntry: Timestamp(seconds: start))
                        #expect(clocks.now >= start * second)
                        #expect(clocks.time.isHeld || abs(clocks.time.gap) <= 60 * second)
                    }
                }
            }
        }
    }
}
