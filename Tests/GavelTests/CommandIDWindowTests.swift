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

    @Test("As time passes the horizon rises by whole periods and never falls")
    func horizon() {
        var window = CommandIDWindow(retentionSeconds: 10, countMax: 100)
        window.insert(Self.id(1_000, 1), at: 1)
        window.insert(Self.id(9_000, 2), at: 2)
        window.advance(to: Timestamp(milliseconds: 10_999))
        #expect(window.count == 2)
        window.advance(to: Timestamp(milliseconds: 11_100))
        #expect(window.count == 1 && window.horizon.milliseconds == 1_088)
        window.advance(to: Timestamp(milliseconds: 5_000))
        #expect(window.horizon.milliseconds == 1_088 && window.horizon.position == 2)
    }
}
