// Which command ids are remembered, for how long, and where they are found.

import AuctionDomain
import Testing

@testable import Gavel

@Suite("The window of command ids")
struct CommandIDWindowTests {
    private static func id(_ milliseconds: UInt64, _ number: UInt64) -> CommandID {
        CommandID(milliseconds: milliseconds, randomHigh: 0, randomLow: number &* 0x9E37_79B9)
    }

    @Test("Each id is found at its position and no other is, over growth and over periods")
    func positions() {
        var window = CommandIDWindow(retentionSeconds: 3600, countMax: 1 << 20)
        let ids = (0..<30_000).map { Self.id(1_000_000 + UInt64($0 % 700), UInt64($0)) }
        for (position, id) in ids.enumerated() { window.insert(id, at: UInt64(position)) }
        for (position, id) in ids.enumerated() {
            let found = window.position(of: id) { $0 == UInt64(position) }
            #expect(found == UInt64(position))
        }
        #expect(window.position(of: Self.id(1_000_000, 99_999)) { _ in true } == nil)
        #expect(window.position(of: Self.id(2_000_000, 1)) { _ in true } == nil)
        #expect(window.count == 30_000)
    }

    @Test("Ids of one period are found also where their positions lie 2³² apart")
    func farApart() {
        var window = CommandIDWindow(retentionSeconds: 3600, countMax: 1 << 20)
        let positions: [UInt64] = [5, 1 << 32, 1 << 33, 1 << 40, (1 << 40) + 7]
        for (number, position) in positions.enumerated() {
            window.insert(Self.id(5_000, UInt64(number)), at: position)
        }
        for (number, position) in positions.enumerated() {
            #expect(window.position(of: Self.id(5_000, UInt64(number))) { _ in true } == position)
        }
    }

    @Test("When it is full the oldest period goes, and its ids are refused from then on")
    func full() {
        var window = CommandIDWindow(retentionSeconds: 3600, countMax: 100)
        for number in 0..<101 { window.insert(Self.id(UInt64(number) * 10, 1), at: UInt64(number)) }
        let horizon = window.horizon
        #expect(horizon.milliseconds == CommandIDWindow.periodMilliseconds)
        #expect(window.count == 101 - 7)
        let time = Timestamp(milliseconds: 1_010)
        #expect(window.refusal(of: Self.id(63, 1), at: time) == .commandIDExpired)
        #expect(window.refusal(of: Self.id(64, 1), at: time) == nil)
        #expect(horizon.position == 7)
    }

    /// Lets the clocks go on together, as far as a moment.
    private static func pass(
        _ window: inout CommandIDWindow, from start: Int64, to end: Int64, wallAhead: Int64 = 0,
        lastEntry: Int64? = nil
    ) {
        for second in stride(from: start, through: end, by: 1) {
            window.advance(
                boot: second * 1_000_000_000, wall: Timestamp(seconds: second + wallAhead),
                trusted: Timestamp(seconds: second),
                lastEntry: Timestamp(seconds: lastEntry ?? second))
        }
    }

    @Test("The horizon rises to what the clocks said a retention ago, and never falls")
    func horizon() {
        var window = CommandIDWindow(retentionSeconds: 10, countMax: 100)
        window.insert(Self.id(1_001_000, 1), at: 1)
        window.insert(Self.id(1_009_000, 2), at: 2)
        Self.pass(&window, from: 1_000, to: 1_011)
        #expect(window.count == 2)
        Self.pass(&window, from: 1_012, to: 1_013)
        #expect(window.count == 1 && window.horizon.milliseconds > 1_002_900)
        #expect(window.horizon.milliseconds <= 1_003_000 && window.horizon.position == 2)
        let before = window.horizon
        Self.pass(&window, from: 1_014, to: 1_030, wallAhead: -500)
        #expect(window.horizon == before)
    }

    @Test("Nothing ages in the first retention after an opening, whatever the log's time")
    func opening() {
        var window = CommandIDWindow(retentionSeconds: 3600, countMax: 100)
        window.insert(Self.id(1_000, 1), at: 1)
        Self.pass(&window, from: 1_000_000, to: 1_003_599)
        #expect(window.count == 1 && window.horizon.milliseconds == 0)
    }

    @Test(
        "A wall clock or a log that is a year ahead makes no id too old",
        arguments: [(31_536_000, nil), (0, 32_536_000)])
    func ahead(wallAhead: Int64, lastEntry: Int64?) {
        var window = CommandIDWindow(retentionSeconds: 60, countMax: 100)
        Self.pass(
            &window, from: 1_000_000, to: 1_000_300, wallAhead: wallAhead, lastEntry: lastEntry)
        let fresh = Self.id(1_000_299_000, 1)
        #expect(window.refusal(of: fresh, at: Timestamp(seconds: 1_000_300)) == nil)
        #expect(window.horizon.milliseconds <= 1_000_240_000)
        #expect(window.horizon.milliseconds >= 1_000_230_000)
    }

    @Test("A retention that does not fit in nanoseconds is for ever")
    func endless() {
        var window = CommandIDWindow(retentionSeconds: .max, countMax: 100)
        window.insert(Self.id(1_000, 1), at: 1)
        Self.pass(&window, from: 1_000_000, to: 1_000_010)
        #expect(window.count == 1)
    }
}
