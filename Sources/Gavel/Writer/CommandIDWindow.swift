// Exactly once in bounded memory: which command ids are in the log, for as long as an id may still
// be sent again.
//
// Invariants: every id in the log whose time is at or after the horizon is in the window; ids
// before the horizon are refused, so forgetting them cannot let one take effect twice; the
// horizon never falls. Ids are kept as 64 bits of hash and a position, the log holds the rest.

internal import AuctionDomain

/// The ids of recent commands, in buckets of one second of the ids' own time.
struct CommandIDWindow {
    /// Ids of one second. Open addressing, linear probing.
    private struct Bucket {
        let second: UInt64
        let firstPosition: UInt64
        var count = 0
        var slots: ContiguousArray<Slot>

        struct Slot {
            var hash: UInt64
            /// Position + 1; 0 is a free slot.
            var place: UInt64
        }

        init(second: UInt64, firstPosition: UInt64) {
            self.second = second
            self.firstPosition = firstPosition
            slots = ContiguousArray(repeating: Slot(hash: 0, place: 0), count: 8)
        }

        mutating func insert(_ hash: UInt64, _ position: UInt64) {
            if (count + 1) * 3 > slots.count * 2 { grow() }
            place(Slot(hash: hash, place: position + 1))
            count += 1
        }

        private mutating func place(_ slot: Slot) {
            let mask = slots.count - 1
            var index = Int(truncatingIfNeeded: slot.hash) & mask
            while slots[index].place != 0 { index = (index + 1) & mask }
            slots[index] = slot
        }

        private mutating func grow() {
            let old = slots
            slots = ContiguousArray(repeating: Slot(hash: 0, place: 0), count: old.count * 2)
            for slot in old where slot.place != 0 { place(slot) }
        }

        func find(_ hash: UInt64, _ isIt: (UInt64) throws -> Bool) rethrows -> UInt64? {
            let mask = slots.count - 1
            var index = Int(truncatingIfNeeded: hash) & mask
            while slots[index].place != 0 {
                if slots[index].hash == hash, try isIt(slots[index].place - 1) {
                    return slots[index].place - 1
                }
                index = (index + 1) & mask
            }
            return nil
        }
    }

    /// Ids may be this far ahead of the clock: callers' clocks differ.
    static let futureMillisecondsMax: UInt64 = 300_000

    private let retentionMilliseconds: UInt64
    private let countMax: Int
    /// Ascending by second.
    private var buckets: ContiguousArray<Bucket> = []
    private(set) var count = 0
    private(set) var horizon: CommandHorizon

    /// - Parameter horizon: of the last frame in the log, so that no restart lowers it.
    init(retentionSeconds: Int, countMax: Int, horizon: CommandHorizon = CommandHorizon()) {
        retentionMilliseconds = UInt64(max(1, retentionSeconds)) * 1000
        self.countMax = max(1, countMax)
        self.horizon = horizon
    }

    /// Why an id cannot be taken at a time, before asking whether it was seen.
    func refusal(of id: CommandID, at time: Timestamp) -> Refusal? {
        guard id.isVersion7 else { return .commandIDMalformed }
        if id.milliseconds < horizon.milliseconds { return .commandIDExpired }
        let now = UInt64(max(0, time.nanoseconds)) / 1_000_000
        return id.milliseconds > now + Self.futureMillisecondsMax ? .commandIDInFuture : nil
    }

    /// Raises the horizon as time passes.
    mutating func advance(to time: Timestamp) {
        let now = UInt64(max(0, time.nanoseconds)) / 1_000_000
        guard now > retentionMilliseconds else { return }
        let second = (now - retentionMilliseconds) / 1000
        if second * 1000 > horizon.milliseconds { forget(before: second) }
    }

    /// The position of an id's entry, or nil when the id is new.
    /// - Parameter isIt: whether the entry at a position has exactly this id.
    func position(
        of id: CommandID, _ isIt: (UInt64) throws -> Bool
    ) rethrows -> UInt64? {
        guard let index = index(of: id.milliseconds / 1000) else { return nil }
        return try buckets[index].find(Self.hash(id), isIt)
    }

    /// Remembers an id. Does nothing when the id lies before the horizon.
    mutating func insert(_ id: CommandID, at position: UInt64) {
        guard id.milliseconds >= horizon.milliseconds else { return }
        let second = id.milliseconds / 1000
        if let index = index(of: second) {
            buckets[index].insert(Self.hash(id), position)
        } else {
            let place = buckets.firstIndex { $0.second > second } ?? buckets.count
            buckets.insert(Bucket(second: second, firstPosition: position), at: place)
            buckets[place].insert(Self.hash(id), position)
        }
        count += 1
        if count > countMax { forget(before: buckets[0].second + 1) }
    }

    private mutating func forget(before second: UInt64) {
        var gone = 0
        while gone < buckets.count, buckets[gone].second < second {
            count -= buckets[gone].count
            gone += 1
        }
        buckets.removeFirst(gone)
        horizon.milliseconds = max(horizon.milliseconds, second * 1000)
        // Later ids stand later in the log, so between two calls the least can only grow.
        if let least = buckets.lazy.map(\.firstPosition).min() { horizon.position = least }
    }

    /// The bucket of a second: almost always one of the last.
    private func index(of second: UInt64) -> Int? {
        var low = 0
        var high = buckets.count
        if let last = buckets.last, last.second == second { return buckets.count - 1 }
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].second < second { low = middle + 1 } else { high = middle }
        }
        return low < buckets.count && buckets[low].second == second ? low : nil
    }

    private static func hash(_ id: CommandID) -> UInt64 {
        var x = id.low ^ (id.high &* 0x9E37_79B9_7F4A_7C15)
        x = (x ^ (x >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return x ^ (x >> 32)
    }
}
