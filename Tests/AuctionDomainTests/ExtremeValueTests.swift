// Values that do not fit: whatever a public initializer is given, it makes a value or an error.

import AuctionDomain
import GavelTesting
import Testing

/// Numbers at and around every edge of 64 bits, and at random.
func extremes(_ seed: UInt64) -> [Int64] {
    var generator = SeededGenerator(seed: seed)
    var numbers: [Int64] = [0, 1, -1, .min, .min + 1, .max, .max - 1]
    for unit in [Int64(1000), 1_000_000, 1_000_000_000] {
        for edge in [Int64.max / unit, .min / unit] { numbers += [edge - 1, edge, edge + 1] }
    }
    for shift in 0..<64 {
        let number = Int64(bitPattern: generator.next() >> UInt64(shift))
        numbers += [number, 0 &- number]
    }
    return numbers
}

@Suite("Values that do not fit")
struct ExtremeValueTests {
    @Test("A time by seconds or milliseconds is exact, or it is out of range")
    func times() {
        for number in extremes(1) {
            for (time, unit) in [
                (Timestamp(seconds: number), Int64(1_000_000_000)),
                (Timestamp(milliseconds: number), 1_000_000),
            ] {
                let (exact, overflow) = number.multipliedReportingOverflow(by: unit)
                if overflow {
                    #expect(!time.isInRange && (time < .zero) == (number < 0))
                    // It is not taken for an auction without an end.
                    #expect(time.nanoseconds != .max)
                } else {
                    #expect(time.nanoseconds == exact)
                }
            }
        }
    }

    @Test("A command with a time that does not fit is malformed")
    func commands() {
        for time in [
            Timestamp(seconds: .max), Timestamp(seconds: .min), Timestamp(milliseconds: .max),
        ] {
            #expect(throws: MalformedValue.self) {
                try Command.extendAuction("lot-1", closesAt: time).validate()
            }
            for opening in [
                OpenAuction(auction: "lot-1", seller: "bob", currency: "USD", opensAt: time),
                OpenAuction(auction: "lot-1", seller: "bob", currency: "USD", closesAt: time),
            ] {
                #expect(throws: MalformedValue.self) { try Command.openAuction(opening).validate() }
            }
        }
    }

    @Test("Ids, money and rules take any number; what breaks a rule is malformed, never a trap")
    func initializers() {
        let numbers = extremes(2)
        for (index, number) in numbers.enumerated() {
            let bits = UInt64(bitPattern: number)
            let id = CommandID(milliseconds: bits, randomHigh: bits, randomLow: bits)
            #expect(id.isVersion7 && id.milliseconds == bits & 0xFFFF_FFFF_FFFF)
            _ = CommandID(high: bits, low: bits).description
            let other = numbers[numbers.count - 1 - index]
            let (amount, rest) = (Money(minorUnits: number), Money(minorUnits: other))
            #expect(
                (amount.adding(rest) == nil) == number.addingReportingOverflow(other).overflow)
            let small = Int(truncatingIfNeeded: number)
            let rules = AuctionRules(
                openingPrice: amount,
                increments: .table([IncrementRow(from: rest, step: amount)]), reservePrice: rest,
                buyNow: BuyNow(price: rest),
                softClose: SoftClose(
                    windowMilliseconds: number, extensionMilliseconds: other,
                    maxExtensions: UInt32(truncatingIfNeeded: number),
                    latestEnd: Timestamp(seconds: number)),
                durationFromFirstBidMilliseconds: number,
                fees: Fees(
                    seller: Fee(basisPoints: small, fixed: amount, minimum: rest, maximum: amount),
                    buyer: Fee(basisPoints: small)))
            let opening = OpenAuction(
                auction: "lot-1", seller: "bob", currency: "USD",
                opensAt: Timestamp(milliseconds: number), closesAt: Timestamp(milliseconds: other),
                rules: rules)
            // Of rules that nobody has validated.
            for increments: Increments in [rules.increments, .basisPoints(small), .table([])] {
                _ = increments.step(at: amount)
            }
            for fees in [rules.fees, Fees(seller: rules.fees.buyer, buyer: rules.fees.seller)] {
                _ = fees.paid(at: amount)
                _ = fees.proceeds(at: rest)
            }
            // Either answer will do; it is given.
            _ = try? Command.openAuction(opening).validate()
            _ = try? rules.validate(closesAt: Timestamp(nanoseconds: other))
            _ = rules.publicView(isClosed: false)
            _ = try? Command.placeBid(auction: "lot-1", bidder: "alice", amount: amount).validate()
        }
    }

    @Test("Events and records are as small as before they said who is nobody")
    func sizes() {
        #expect(MemoryLayout<Event>.stride <= 40)
        #expect(MemoryLayout<EntryLink>.stride == 16)
        #expect(MemoryLayout<WalletRecord>.stride == 32)
        #expect(MemoryLayout<CanonicalActor>.stride == 8)
        #expect(MemoryLayout<AcceptedBid>.stride <= 80)
    }

    @Test("What is public says that there is nobody, nothing or no end by nil")
    func nobody() throws {
        let link = EntryLink(chain: .wallet(.house), previous: nil)
        #expect(link.previous == nil)
        #expect(EntryLink(chain: .wallet(.house), previous: 0).previous == 0)
        let record = AuctionRecord(
            openingPrice: 1, opensAt: .zero, closesAt: .noEnd, openedPosition: 0, seller: .house,
            termsIndex: 0, currency: CurrencyHandle(rawValue: 0))
        #expect(record.leadingUser == nil && record.endsAt == nil && record.endedPosition == nil)
    }
}
