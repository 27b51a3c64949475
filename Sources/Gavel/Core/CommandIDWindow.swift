// Exactly once in bounded memory: which command ids are in the log, for as long as an id may still
// be sent again.
//
// Invariants: every id in the log whose time is at or after the horizon is in the window; ids
// before the horizon are refused, so forgetting them cannot let one take effect twice; the
// horizon never falls. Ids are kept as 32 bits of hash and a position, the log holds the rest.
//
// A copy shares its buckets with the original, so the core can hand one over to be stored beside
// the state; what makes ids old (the marks of the clocks) belongs to the process that saw them and
// is never stored.

package import AuctionDomain

/// The ids of recent commands, in buckets by the ids' own time.
///
/// Ids come with the time of their making, so almost all of a moment fall into one bucket: one
/// that is small enough to stay in the cache, where one table for all would miss it at every bid.
package struct CommandIDWindow {
    /// Ids of one period. Open addressing, linear probing; 8 bytes a slot.
    private struct Bucket {
        let period: UInt64
        let firstPosition: UInt64
        var count = 0
        /// 32 bits of hash above position − `firstPosition` + 1; 0 is a free slot.
        var slots: ContiguousArray<UInt64>

        /// - Parameter expected: how many ids it will probably hold: as many as the one before.
        init(period: UInt64, firstPosition: UInt64, expected: Int) {
            self.period = period
            self.firstPosition = firstPosition
            var size = 8
            while size * 2 < expected * 3 { size *= 2 }
            slots = ContiguousArray(repeating: 0, count: size)
        }

        /// Whether a position can be told from `firstPosition` in 32 bits.
        func reaches(_ position: UInt64) -> Bool {
            position >= firstPosition && position - firstPosition < UInt64(UInt32.max)
        }

        @inline(__always)
        mutating func insert(_ hash: UInt64, _ position: UInt64) {
            if (count + 1) * 3 > slots.count * 2 { grow() }
            place(hash & ~0xFFFF_FFFF | (position - firstPosition + 1), hash)
            count += 1
        }

        /// Takes up slots that were stored: in each 32 bits of hash above the offset of a position,
        /// which is not 0.
        mutating func restore(_ some: ArraySlice<UInt64>) {
            count += some.count
            while count * 3 > slots.count * 2 { grow() }
            for slot in some { place(slot, slot) }
        }

        @inline(__always)
        private mutating func place(_ slot: UInt64, _ hash: UInt64) {
            let mask = slots.count - 1
            var index = Int(truncatingIfNeeded: hash >> 32) & mask
            while slots[index] != 0 { index = (index + 1) & mask }
            slots[index] = slot
        }

        private mutating func grow() {
            let old = slots
            slots = ContiguousArray(repeating: 0, count: old.count * 2)
            for slot in old where slot != 0 { place(slot, slot) }
        }

        @inline(__always)
        func find<E: Error>(
            _ hash: UInt64, _ isIt: (UInt64) throws(E) -> Bool
        ) throws(E) -> UInt64? {
            let mask = slots.count - 1
            var index = Int(truncatingIfNeeded: hash >> 32) & mask
            while slots[index] != 0 {
                if slots[index] >> 32 == hash >> 32 {
                    let position = firstPosition + (slots[index] & 0xFFFF_FFFF) - 1
                    if try isIt(position) { return position }
                }
                index = (index + 1) & mask
            }
            return nil
        }
    }

    /// Ids may be this far ahead of the clock: callers' clocks differ.
    static let futureMillisecondsMax: UInt64 = 300_000
    /// A century: what is longer is for ever.
    static let retentionSecondsMax = 100 * 366 * 86_400
    /// The horizon rises in this many steps a retention.
    private static let marksMax: Int64 = 256
    /// A bucket of a million ids a second is then half a mebibyte.
    package static let periodMilliseconds: UInt64 = 64

    private let periodMilliseconds: UInt64
    /// In nanoseconds.
    private let retention: Int64
    private let countMax: Int
    /// Ascending by period; of two of one period the later ids stand in the second.
    private var buckets: ContiguousArray<Bucket> = []
    private(set) var count = 0
    private(set) var horizon: CommandHorizon

    /// The least of the clocks and the log's time, at a moment of the boot clock.
    private struct Mark {
        let boot: Int64
        let least: Timestamp
    }
    /// Ascending; at most one of them is a retention old.
    private var marks: ContiguousArray<Mark> = []
    private var nextMark = Int64.min

    /// - Parameters:
    ///   - horizon: of the last frame in the log, so that no restart lowers it.
    ///   - periodMilliseconds: how much time a bucket covers.
    package init(
        retentionSeconds: Int, countMax: Int, horizon: CommandHorizon = CommandHorizon(),
        periodMilliseconds: UInt64 = Self.periodMilliseconds
    ) {
        retention = Int64(min(max(1, retentionSeconds), Self.retentionSecondsMax)) * 1_000_000_000
        self.countMax = max(1, countMax)
        self.horizon = horizon
        self.periodMilliseconds = periodMilliseconds
    }

    /// A window that forgets nothing by itself.
    package static func unlimited(from horizon: CommandHorizon) -> CommandIDWindow {
        CommandIDWindow(retentionSeconds: .max, countMax: .max, horizon: horizon)
    }

    /// The periods that ids at or above a horizon can be of: an id has 48 bits of milliseconds.
    static func periods(from horizon: CommandHorizon) -> Range<UInt64> {
        let end = (1 << 48) / periodMilliseconds
        return min(horizon.milliseconds / periodMilliseconds, end)..<end
    }

    /// The period of an id in a window like that of a ledger.
    static func period(of id: CommandID) -> UInt64 { id.milliseconds / periodMilliseconds }

    /// Why an id cannot be taken at a time, before asking whether it was seen.
    @inline(__always)
    func refusal(of id: CommandID, at time: Timestamp) -> Refusal? {
        guard id.isVersion7 else { return .commandIDMalformed }
        if id.milliseconds < horizon.milliseconds { return .commandIDExpired }
        let now = UInt64(max(0, time.nanoseconds)) / 1_000_000
        return id.milliseconds > now + Self.futureMillisecondsMax ? .commandIDInFuture : nil
    }

    /// Takes note of the clocks, and raises the horizon to what they all said a retention ago.
    ///
    /// An id is too old only by a time that this process saw: neither a clock that is wrong for a
    /// moment nor a log that was stamped by one makes anybody's id too old, and nothing ages in the
    /// first retention after an opening.
    /// - Parameters:
    ///   - boot: nanoseconds on a clock that nobody sets.
    ///   - lastEntry: the time of the log's last entry.
    @inline(__always)
    mutating func advance(
        boot: Int64, wall: Timestamp, trusted: Timestamp, lastEntry: Timestamp
    ) {
        if boot >= nextMark { mark(boot, wall, min(wall, trusted, lastEntry)) }
    }

    private mutating func mark(_ boot: Int64, _ wall: Timestamp, _ least: Timestamp) {
        nextMark = boot &+ retention / Self.marksMax
        marks.append(Mark(boot: boot, least: least))
        var last = 0
        while last + 1 < marks.count, marks[last + 1].boot <= boot - retention { last += 1 }
        marks.removeFirst(last)
        guard marks[0].boot <= boot - retention else { return }
        let past = min(marks[0].least.nanoseconds, wall.nanoseconds - retention)
        let milliseconds = UInt64(max(0, past)) / 1_000_000
        guard milliseconds >= horizon.milliseconds + periodMilliseconds else { return }
        forget(before: milliseconds / periodMilliseconds)
    }

    /// The position of an id's entry, or nil when the id is new.
    /// - Parameter isIt: whether the entry at a position has exactly this id.
    @inline(__always)
    func position<E: Error>(
        of id: CommandID, _ isIt: (UInt64) throws(E) -> Bool
    ) throws(E) -> UInt64? {
        let period = id.milliseconds / periodMilliseconds
        guard var index = index(of: period) else { return nil }
        let hash = Self.hash(id)
        while true {
            if let position = try buckets[index].find(hash, isIt) { return position }
            guard index > 0, buckets[index - 1].period == period else { return nil }
            index -= 1
        }
    }

    /// Remembers an id. Does nothing when the id lies before the horizon.
    @inline(__always)
    package mutating func insert(_ id: CommandID, at position: UInt64) {
        guard id.milliseconds >= horizon.milliseconds else { return }
        let period = id.milliseconds / periodMilliseconds
        if let index = index(of: period), buckets[index].reaches(position) {
            buckets[index].insert(Self.hash(id), position)
        } else {
            insertBucket(period, Self.hash(id), position)
        }
        count += 1
        if count > countMax { forget(before: buckets[0].period + 1) }
    }

    private mutating func insertBucket(_ period: UInt64, _ hash: UInt64, _ position: UInt64) {
        let place = buckets.firstIndex { $0.period > period } ?? buckets.count
        let expected = place == 0 ? 0 : buckets[place - 1].count
        buckets.insert(
            Bucket(period: period, firstPosition: position, expected: expected), at: place)
        buckets[place].insert(hash, position)
    }

    /// Takes over the ids of another window, as far as they lie at or above this one's horizon.
    /// Only while this one has none; where they are too many the oldest go.
    package mutating func takeOver(_ other: CommandIDWindow) {
        buckets = other.buckets
        count = other.count
        forget(before: horizon.milliseconds / periodMilliseconds)
        while count > countMax { forget(before: buckets[0].period + 1) }
    }

    // MARK: Storing

    /// Some ids of one period, as they are stored.
    struct Run: Hashable {
        var period: UInt64
        /// What the positions are counted from.
        var firstPosition: UInt64
        /// For each id 32 bits of hash above its position − `firstPosition` + 1.
        var slots: ArraySlice<UInt64>

        static let countMax = 4096
    }

    /// Lends all ids, by ascending periods.
    func forEachRun(_ body: (Run) throws -> Void) rethrows {
        for bucket in buckets {
            var left = bucket.slots.filter { $0 != 0 }[...]
            while !left.isEmpty {
                try body(
                    Run(
                        period: bucket.period, firstPosition: bucket.firstPosition,
                        slots: left.prefix(Run.countMax)))
                left = left.dropFirst(Run.countMax)
            }
        }
    }

    /// Takes up ids that were stored, by ascending periods and none of them 0.
    /// - Returns: false where the run's period lies before one that was taken up.
    mutating func restore(_ run: Run) -> Bool {
        if let last = buckets.last, last.period > run.period { return false }
        let isOfLast =
            buckets.last?.period == run.period && buckets.last?.firstPosition == run.firstPosition
        if !isOfLast {
            buckets.append(
                Bucket(
                    period: run.period, firstPosition: run.firstPosition,
                    expected: run.slots.count))
        }
        buckets[buckets.count - 1].restore(run.slots)
        count += run.slots.count
        return true
    }

    /// Whether an id that stands at a position of the log is remembered there.
    func remembers(_ id: CommandID, at position: UInt64) -> Bool {
        self.position(of: id) { $0 == position } != nil
    }

    private mutating func forget(before period: UInt64) {
        var gone = 0
        while gone < buckets.count, buckets[gone].period < period {
            count -= buckets[gone].count
            gone += 1
        }
        buckets.removeFirst(gone)
        horizon.milliseconds = max(horizon.milliseconds, period * periodMilliseconds)
        // Later ids stand later in the log, so between two calls the least can only grow.
        if let least = buckets.lazy.map(\.firstPosition).min() { horizon.position = least }
    }

    /// The last bucket of a period: almost always one of the last of all.
    @inline(__always)
    private func index(of period: UInt64) -> Int? {
        if let last = buckets.last, last.period == period { return buckets.count - 1 }
        return searched(period)
    }

    private func searched(_ period: UInt64) -> Int? {
        var low = 0
        var high = buckets.count
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].period <= period { low = middle + 1 } else { high = middle }
        }
        return low > 0 && buckets[low - 1].period == period ? low - 1 : nil
    }

    @inline(__always)
    private static func hash(_ id: CommandID) -> UInt64 {
        var x = id.low ^ (id.high &* 0x9E37_79B9_7F4A_7C15)
        x = (x ^ (x >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return x ^ (x >> 32)
    }
}
