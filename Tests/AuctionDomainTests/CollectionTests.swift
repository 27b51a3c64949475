// The containers of the state, each against the plainest one that does the same.

import GavelTesting
import Testing

@testable import AuctionDomain

@Suite("Name tables")
struct NameTableTests {
    @Test("The n-th name has number n, over growth and over the runs of 4,096")
    func numbers() {
        var table = NameTable()
        for number in 0..<10_000 {
            #expect(table.number(of: "name-\(number)") == nil)
            #expect(table.insert("name-\(number)") == number)
        }
        #expect(table.count == 10_000)
        for number in 0..<10_000 {
            #expect(table.number(of: "name-\(number)") == number)
            #expect(table.name(number) == "name-\(number)")
        }
        for absent in ["", "name", "name-", "name-10000", "NAME-1", "name-1 "] {
            #expect(table.number(of: absent) == nil)
        }
    }

    @Test("Names of all lengths, and prefixes of each other, are kept apart")
    func lengths() {
        var table = NameTable()
        let names = (1...64).map { String(repeating: "a", count: $0) }
        for name in names { table.insert(name) }
        for (number, name) in names.enumerated() {
            #expect(table.number(of: name) == number && table.name(number) == name)
        }
    }

    @Test("A key built byte by byte is the name's, and a charge's begins as its reference's does")
    func builtKeys() {
        func built(_ name: String, onto start: NameKey = NameKey()) -> NameKey? {
            var key = start
            for byte in name.utf8 where !key.append(byte) { return nil }
            return key
        }
        for count in 0...20 {
            let name = String("abcdefghijklmnopqrst".prefix(count))
            #expect(built(name) == NameKey(name))
        }
        for user: UInt32 in [0, 7, 10, 65_535, 1_000_000, 4_294_967_294] {
            let user = UserHandle(rawValue: user)
            let key = State.referenceKey(user, "x-1", charge: true)
            #expect(built("x-1", onto: State.chargeKey(user)) == NameKey(key))
        }
    }

    @Test("A copy does not see what is inserted later")
    func copies() {
        var table = NameTable()
        table.insert("one")
        let copy = table
        table.insert("two")
        #expect(copy.count == 1 && copy.number(of: "two") == nil)
        #expect(table.number(of: "two") == 1)
    }
}

@Suite("Hash slots")
struct HashSlotsTests {
    @Test("Every number is found under its hash, also where many share one", arguments: [0, 5_000])
    func numbers(capacity: Int) {
        var generator = SeededGenerator(seed: 3)
        var slots = HashSlots(minimumCapacity: capacity)
        // A few hashes are crowded, the last ones of a segment among them.
        let hashes: [UInt64] = (0..<20_000).map { number in
            number % 50 == 0
                ? 0xFFFF_FFFF - UInt64(generator.below(3)) : generator.next() & 0xFFFF_FFFF
        }
        for (number, hash) in hashes.enumerated() {
            #expect(slots.first(hash) { $0 == number } == nil)
            slots.insert(hash, number)
        }
        for (number, hash) in hashes.enumerated() {
            #expect(slots.first(hash) { $0 == number } == number)
        }
        #expect(slots.first(12_345) { _ in false } == nil)
    }

    @Test("A number is asked for under its own hash only")
    func asked() {
        var slots = HashSlots()
        for number in 0..<3_000 { slots.insert(UInt64(number) << 20, number) }
        var asked: [Int] = []
        let found = slots.first(7 << 20) { number in
            asked.append(number)
            return true
        }
        #expect(found == 7 && asked == [7])
    }

    @Test("A copy does not see what is inserted later")
    func copies() {
        var slots = HashSlots()
        slots.insert(1, 1)
        let copy = slots
        slots.insert(2, 2)
        #expect(copy.first(2) { _ in true } == nil && slots.first(2) { _ in true } == 2)
    }
}

@Suite("Chunked arrays")
struct ChunkedArrayTests {
    @Test("It holds what was appended and changed, like an array")
    func likeAnArray() {
        var chunked = ChunkedArray<Int>()
        var plain: [Int] = []
        #expect(chunked.isEmpty && chunked.indices == 0..<0)
        for number in 0..<9_000 {
            chunked.append(number)
            plain.append(number)
        }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<9_000 {
            let index = generator.below(9_000)
            chunked[index] += 7
            plain[index] += 7
        }
        #expect(chunked.count == 9_000 && !chunked.isEmpty)
        #expect(chunked.indices.map { chunked[$0] } == plain)
    }

    @Test("A copy shares and does not see later changes, on either side")
    func copies() {
        var first = ChunkedArray<Int>()
        for number in 0..<5_000 { first.append(number) }
        var second = first
        first[0] = -1
        first[4_999] = -2
        first.append(5_000)
        second[4_096] = -3
        #expect(first[0] == -1 && second[0] == 0)
        #expect(first[4_999] == -2 && second[4_999] == 4_999)
        #expect(first[4_096] == 4_096 && second[4_096] == -3)
        #expect(first.count == 5_001 && second.count == 5_000)
        second.append(9)
        #expect(first[5_000] == 5_000 && second[5_000] == 9)
    }

    @Test("A copied state is a snapshot: bids placed later are not in it")
    func snapshotOfState() {
        var ledger = TestLedger.prepared()
        ledger.open()
        ledger.bid("alice", 10)
        let snapshot = ledger.state
        ledger.bid("bob", 20)
        #expect(snapshot.invariantViolations() == [])
        #expect(snapshot.digest == snapshot.recomputedDigest())
        #expect(snapshot[snapshot.auction("lot")!].price == 10)
        #expect(ledger.auction().price == 20)
    }
}

/// Reached through events, as the queue's own changes are the state's alone.
@Suite("Deadlines")
struct DeadlineQueueTests {
    /// A state with nothing but auctions, and its deadlines in a sorted array.
    private struct Twin {
        var state = State()
        var plain: [DeadlineQueue.Key] = []
        var generator: SeededGenerator
        let point = EntryPoint(position: 0, time: .zero)
        /// Of which every other auction is: those keep their place in the queue when their end
        /// moves.
        private let softClose = SoftClose(windowMilliseconds: 1, extensionMilliseconds: 1)

        init(seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            state.evolve(.ledgerCreated(LedgerID(high: 0, low: 0)), at: point)
            let currency = Currency(code: "USD", scale: 2)
            state.evolve(.currencyRegistered(CurrencyHandle(rawValue: 0), currency), at: point)
        }

        /// Few distinct ends, so that many are equal.
        private mutating func drawEnd(after: Int64) -> Timestamp {
            Timestamp(nanoseconds: after + 1 + Int64(generator.below(300)))
        }

        mutating func open(after: Int64 = 0) {
            let handle = AuctionHandle(rawValue: UInt32(state.auctionCount))
            let end = drawEnd(after: after)
            let opening = CanonicalOpening(
                auction: AuctionID(unchecked: "lot-\(handle.rawValue)"), title: "",
                seller: .house, currency: CurrencyHandle(rawValue: 0), opensAt: nil,
                closesAt: end,
                rules: AuctionRules(softClose: generator.chance(perMille: 500) ? softClose : nil))
            state.evolve(.auctionOpened(handle, opening, opensAt: .zero), at: point)
            insert(.init(end: end, auction: handle))
        }

        mutating func extend() {
            guard !plain.isEmpty else { return }
            let key = plain.remove(at: generator.below(plain.count))
            let end = drawEnd(after: key.end.nanoseconds)
            state.evolve(
                .auctionExtended(auction: key.auction, closesAt: end, reason: .operator), at: point)
            insert(.init(end: end, auction: key.auction))
        }

        /// Closes whatever is due at a time, which both must agree on.
        mutating func closeDue(at time: Timestamp) -> Bool {
            while let auction = state.nextDue(at: time) {
                guard auction == plain.first?.auction else { return false }
                plain.removeFirst()
                state.evolve(
                    .auctionClosed(
                        auction: auction, outcome: .noBids, winner: nil, price: .zero),
                    at: point)
            }
            return plain.first.map { $0.end > time } ?? true
        }

        mutating func cancel(first: Bool) {
            guard !plain.isEmpty else { return }
            let key = plain.remove(at: first ? 0 : generator.below(plain.count))
            state.evolve(.auctionCancelled(auction: key.auction), at: point)
        }

        private mutating func insert(_ key: DeadlineQueue.Key) {
            plain.insert(key, at: plain.firstIndex { key < $0 } ?? plain.count)
        }

        /// The queue's keys from one on, in order.
        mutating func keys(from start: DeadlineQueue.Key) -> [DeadlineQueue.Key] {
            state.sortDeadlines()
            var keys: [DeadlineQueue.Key] = []
            state.deadlines.forEach(from: start) { key in
                keys.append(key)
                return true
            }
            return keys
        }
    }

    @Test(
        "is a sorted array, whatever is inserted, moved and removed",
        arguments: [1, 2, 3] as [UInt64])
    func likeASortedArray(seed: UInt64) {
        var twin = Twin(seed: seed)
        let lowest = DeadlineQueue.Key(end: .zero, auction: AuctionHandle(rawValue: 0))
        for step in 0..<6_000 {
            // Grows to some chunks of 512, then shrinks to nothing.
            let grows = step < 3_500
            switch twin.generator.below(10) {
            case 0..<(grows ? 7 : 1): twin.open()
            case 7: twin.extend()
            default: twin.cancel(first: twin.generator.chance(perMille: 300))
            }
            #expect(twin.state.deadlines.count == twin.plain.count)
            let first = twin.plain.first?.end ?? .noEnd
            #expect(twin.state.nextDeadline ?? .noEnd <= first)
            #expect(twin.state.nextDue(at: first.justBefore) == nil)
            #expect(twin.state.nextDue(at: first) == twin.plain.first?.auction)
            guard step % 50 == 0, twin.keys(from: lowest) != twin.plain else { continue }
            Issue.record("the queue is not the sorted array at step \(step), seed \(seed)")
            return
        }
        let start = DeadlineQueue.Key(
            end: Timestamp(nanoseconds: 150), auction: AuctionHandle(rawValue: 100))
        #expect(twin.keys(from: start) == twin.plain.filter { !($0 < start) })
    }

    @Test(
        "Ends that move on and on close in the order of where they came to",
        arguments: [1, 2, 3] as [UInt64])
    func extensions(seed: UInt64) {
        var twin = Twin(seed: seed)
        for _ in 0..<300 { twin.open() }
        var time: Int64 = 0
        // Far more moves than may be deferred, and nobody asks for the order meanwhile.
        for step in 0..<40_000 where !twin.plain.isEmpty {
            switch twin.generator.below(1_000) {
            case 0..<15: twin.open(after: time)
            case 15..<20: twin.cancel(first: false)
            case 20..<40:
                time += Int64(twin.generator.below(60))
                guard twin.closeDue(at: Timestamp(nanoseconds: time)) else {
                    Issue.record("another auction is due at step \(step), seed \(seed)")
                    return
                }
            default: twin.extend()
            }
        }
        #expect(time > 5_000 && twin.state.auctionCount > 500)
        #expect(twin.state.deadlines.count == twin.plain.count)
        #expect(twin.state.invariantViolations() == [])
        #expect(twin.state.digest == twin.state.recomputedDigest())
        let lowest = DeadlineQueue.Key(end: .zero, auction: AuctionHandle(rawValue: 0))
        #expect(twin.keys(from: lowest) == twin.plain)
    }

    @Test("walks as far as it is asked to")
    func stops() {
        var twin = Twin(seed: 4)
        for _ in 0..<1_200 { twin.open() }
        var walked: [DeadlineQueue.Key] = []
        twin.state.deadlines.forEach(from: twin.plain[3]) { key in
            walked.append(key)
            return walked.count < 700
        }
        #expect(walked == Array(twin.plain[3..<703]))
    }

    @Test("what is due is what ends at or before a time")
    func due() {
        var ledger = TestLedger.prepared()
        let end = TestLedger.start + 60
        ledger.open(closesAt: end)
        var state = ledger.state
        #expect(state.nextDue(at: end.justBefore) == nil)
        #expect(state.nextDue(at: end) == state.auction("lot"))
        ledger.closeDue(at: end)
        state = ledger.state
        #expect(state.nextDue(at: end) == nil && state.deadlines.count == 0)
    }
}
