// The values that commands are made of: texts and limits.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Command ids")
struct CommandIDTests {
    @Test("An id reads back from its text, in either case")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<1_000 {
            let id = CommandID(high: generator.next(), low: generator.next())
            let read = try CommandID(id.description)
            let readUpper = try CommandID(id.description.uppercased())
            #expect(read == id && readUpper == id)
        }
        // The example of RFC 9562, appendix A.6.
        let text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
        let id = try CommandID(text)
        #expect(id.description == text)
        #expect(id.isVersion7 && id.milliseconds == 0x017F_22E2_79B0)
        #expect(id.high == 0x017F_22E2_79B0_7CC3 && id.low == 0x98C4_DC0C_0C07_398F)
    }

    @Test(
        "What is no UUID of 36 characters is malformed",
        arguments: [
            "", "017f22e2", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f-",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2+79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e279b0-7cc3-98c4-dc0c0c07398f0", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c0739é", " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        ])
    func malformed(text: String) {
        #expect(throws: MalformedValue.self) { try CommandID(text) }
    }

    @Test("Version and variant are those of a UUID version 7, and only those")
    func versions() {
        let id = CommandID(milliseconds: 1_700_000_000_000, randomHigh: .max, randomLow: .max)
        #expect(id.isVersion7 && id.milliseconds == 1_700_000_000_000)
        #expect(CommandID(milliseconds: .max, randomHigh: 0, randomLow: 0).isVersion7)
        #expect(!CommandID.none.isVersion7)
        for version in 0..<16 as Range<UInt64> {
            let high = id.high & ~0xF000 | version << 12
            #expect(CommandID(high: high, low: id.low).isVersion7 == (version == 7))
        }
        for variant in 0..<4 as Range<UInt64> {
            let low = (id.low << 2) >> 2 | variant << 62
            #expect(CommandID(high: id.high, low: low).isVersion7 == (variant == 2))
        }
    }

    @Test("Ids are ordered by time first")
    func order() {
        let early = CommandID(milliseconds: 1, randomHigh: .max, randomLow: .max)
        let late = CommandID(milliseconds: 2, randomHigh: 0, randomLow: 0)
        #expect(early < late && early.description < late.description)
    }
}

@Suite("Money")
struct MoneyTests {
    @Test("A sum that does not fit is nil")
    func checkedSum() {
        #expect(Money.max.adding(1) == nil)
        #expect(Money.max.adding(.max) == nil)
        #expect((Money.max - 1).adding(1) == .max)
        #expect(Money(minorUnits: .min).adding(-1) == nil)
        #expect(Money.zero.adding(0) == .zero)
    }

    @Test("A sum that no rule has bounded traps")
    func uncheckedSum() async {
        await #expect(processExitsWith: .failure) { _ = Money.max + 1 }
        await #expect(processExitsWith: .failure) { _ = Money(minorUnits: .min) - 1 }
    }
}

@Suite("Increment tables")
struct IncrementTableTests {
    @Test("The step is that of the last row not above the price")
    func steps() {
        let table = Increments.table([
            IncrementRow(from: 0, step: 5), IncrementRow(from: 100, step: 25),
            IncrementRow(from: 500, step: 50),
        ])
        let expected: [(Money, Money)] = [
            (0, 5), (1, 5), (99, 5), (100, 25), (101, 25), (499, 25), (500, 50), (.max, 50),
        ]
        for (price, step) in expected { #expect(table.step(at: price) == step) }
        #expect(Increments.basisPoints(1).step(at: 0) == 1)
        #expect(Increments.basisPoints(10_000).step(at: .max) == .max)
        #expect(Increments.one.step(at: 0) == 1 && Increments.one.step(at: .max) == 1)
    }

    @Test("Any table gives the step that a search through all rows gives")
    func againstSearch() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            var froms: Set<Int64> = [0]
            for _ in 0..<generator.below(Limits.incrementRowsMax) {
                froms.insert(Int64(generator.below(1_000)))
            }
            let rows = froms.sorted().map {
                IncrementRow(
                    from: Money(minorUnits: $0), step: Money(minorUnits: $0 * 2 + 1))
            }
            let table = Increments.table(rows)
            for _ in 0..<20 {
                let price = Money(minorUnits: Int64(generator.below(1_100)))
                #expect(table.step(at: price) == rows.filter { $0.from <= price }.last!.step)
            }
        }
    }
}

@Suite("Shapes")
struct ShapeTests {
    /// The sentence with which a command is refused, or nil.
    private static func reason(_ command: Command) -> String? {
        do throws(MalformedValue) {
            try command.validate()
            return nil
        } catch {
            return error.reason
        }
    }

    private static func opening(
        _ change: (inout OpenAuction) -> Void = { _ in }
    ) -> Command {
        var opening = OpenAuction(auction: "lot", seller: "seller", currency: "USD")
        change(&opening)
        return .openAuction(opening)
    }

    private static func increments(_ rows: (from: Money, step: Money)...) -> Command {
        opening {
            $0.rules.increments = Increments.table(
                rows.map { IncrementRow(from: $0.from, step: $0.step) })
        }
    }

    @Test("Amounts are at least 1")
    func amounts() {
        for amount in [0, -1, Money(minorUnits: .min)] {
            let expected = "amount must be at least 1, not \(amount.minorUnits)"
            #expect(
                Self.reason(.placeBid(auction: "lot", bidder: "bob", amount: amount)) == expected)
            #expect(
                Self.reason(.charge(user: "bob", currency: "USD", amount: amount, reference: "r"))
                    == expected)
            #expect(
                Self.reason(
                    .withdraw(user: "bob", currency: "USD", amount: amount, reference: "r"))
                    == expected)
        }
        #expect(Self.reason(.placeBid(auction: "lot", bidder: "bob", amount: 1)) == nil)
        #expect(Self.reason(.placeBid(auction: "lot", bidder: "bob", amount: .max)) == nil)
    }

    @Test("Rules that make no sense are refused by field and reason")
    func rules() {
        #expect(Self.reason(Self.opening()) == nil)
        #expect(
            Self.reason(Self.opening { $0.rules.openingPrice = 0 })
                == "rules.opening_price must be at least 1, not 0")
        #expect(
            Self.reason(Self.increments()) == "rules.increments must have 1 to 64 rows, not 0")
        #expect(
            Self.reason(Self.increments((1, 1)))
                == "rules.increments must start with from 0, not 1")
        #expect(
            Self.reason(Self.increments((0, 1), (5, 0)))
                == "rules.increments[1].step must be at least 1, not 0")
        #expect(
            Self.reason(Self.increments((0, 1), (5, 1), (5, 2)))
                == "rules.increments[2].from must be above the row before it")
        let many = (0..<65).map { IncrementRow(from: Money(minorUnits: $0), step: 1) }
        #expect(
            Self.reason(Self.opening { $0.rules.increments = Increments.table(many) })
                == "rules.increments must have 1 to 64 rows, not 65")
        #expect(
            Self.reason(
                Self.opening { $0.rules.increments = Increments.table(many.dropLast()) }) == nil)
    }

    @Test("Texts have at most 256 bytes, counted in UTF-8")
    func texts() {
        let fits = String(repeating: "é", count: 128)
        #expect(Self.reason(Self.opening { $0.title = fits }) == nil)
        #expect(
            Self.reason(Self.opening { $0.title = fits + "x" })
                == "title must have at most 256 bytes, not 257")
        #expect(Self.reason(.cancelAuction("lot", reason: fits)) == nil)
        #expect(
            Self.reason(.cancelAuction("lot", reason: fits + "x"))
                == "reason must have at most 256 bytes, not 257")
    }

    @Test("Times lie in the years 1970 to 2261, and closes_at after opens_at")
    func times() {
        let tooLate = Timestamp(nanoseconds: Timestamp.max.nanoseconds + 1)
        let tooEarly = Timestamp(nanoseconds: -1)
        for time in [tooLate, tooEarly, .noEnd] {
            #expect(
                Self.reason(Self.opening { $0.opensAt = time })
                    == "opens_at must lie in the years 1970 to 2261")
            #expect(
                Self.reason(Self.opening { $0.closesAt = time })
                    == "closes_at must lie in the years 1970 to 2261")
            #expect(
                Self.reason(.extendAuction("lot", closesAt: time))
                    == "closes_at must lie in the years 1970 to 2261")
        }
        #expect(Self.reason(.extendAuction("lot", closesAt: .max)) == nil)
        #expect(
            Self.reason(
                Self.opening {
                    $0.opensAt = TestLedger.start
                    $0.closesAt = TestLedger.start
                }) == "closes_at must lie after opens_at")
    }

    @Test("A currency has 0 to 9 digits behind the point")
    func scales() {
        #expect(Self.reason(.registerCurrency(Currency(code: "KRW", scale: 0))) == nil)
        #expect(Self.reason(.registerCurrency(Currency(code: "BTC", scale: 9))) == nil)
        #expect(
            Self.reason(.registerCurrency(Currency(code: "BTC", scale: 10)))
                == "scale must be 0 to 9, not 10")
    }

    @Test("Names have 1 to 64 bytes of A-Z a-z 0-9 . _ : -, references any printable ASCII")
    func names() {
        let all = (0...255).map { UInt8($0) }
        let allowed = all.filter { UserID.allows($0) }
        let expected = "-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
        #expect(String(decoding: allowed, as: UTF8.self) == expected)
        #expect(all.filter { PaymentReference.allows($0) } == (0x21...0x7E).map { UInt8($0) })
        for good in ["a", "bob.K-1_:", String(repeating: "x", count: 64)] {
            #expect((try? UserID(good))?.string == good)
        }
        for bad in ["", "a b", "a/b", "bücher", String(repeating: "x", count: 65)] {
            #expect(throws: MalformedValue.self) { try UserID(bad) }
            #expect(throws: MalformedValue.self) { try AuctionID(bad) }
            #expect(throws: MalformedValue.self) { try CurrencyCode(bad) }
        }
        let (plain, accented, empty, spaced) = ("psp/1#2?", "psp/1#2?é", "", "a b")
        #expect((try? PaymentReference(plain))?.string == plain)
        #expect(throws: MalformedValue.self) { try PaymentReference(accented) }
        #expect(throws: MalformedValue("a user must have 1 to 64 characters, not 0")) {
            try UserID(empty)
        }
        #expect(
            throws: MalformedValue("a currency may hold only A-Z a-z 0-9 . _ : -, not \"a b\"")
        ) { try CurrencyCode(spaced) }
    }

    @Test("A malformed literal is a programmer's error and traps")
    func literals() async {
        await #expect(processExitsWith: .failure) { _ = "no spaces" as UserID }
    }
}
