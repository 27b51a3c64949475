// Registering, charging and withdrawing.

import AuctionDomain
import Testing

@Suite("Payments")
struct PaymentTests {
    private func pay(
        _ amount: Money, _ reference: PaymentReference, charge: Bool = true,
        user: UserID = "alice"
    ) -> Command {
        charge
            ? .charge(user: user, currency: "USD", amount: amount, reference: reference)
            : .withdraw(user: user, currency: "USD", amount: amount, reference: reference)
    }

    @Test("A reference is used once per user and kind of payment, for ever")
    func references() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100), ("bob", 100)])
        let start = TestLedger.start
        let used = Rejection(.referenceAlreadyUsed)
        #expect(ledger.submit(pay(10, "r"), at: start).isAccepted)
        #expect(ledger.submit(pay(10, "r"), at: start).rejection == used)
        #expect(ledger.submit(pay(11, "r"), at: start + 1_000_000).rejection == used)
        // Another kind, another user: another payment.
        #expect(ledger.submit(pay(10, "r", charge: false), at: start + 1_000_000).isAccepted)
        #expect(ledger.submit(pay(10, "r", user: "bob"), at: start + 1_000_000).isAccepted)
        #expect(
            ledger.submit(pay(5, "r", charge: false), at: start + 1_000_000).rejection == used)
        #expect(ledger.available("alice") == 100 && ledger.available("bob") == 110)
    }

    @Test("A rejected payment leaves its reference free")
    func rejectedPaymentFreesReference() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100)])
        let start = TestLedger.start
        let tooMuch = ledger.submit(pay(101, "r", charge: false), at: start)
        #expect(tooMuch.rejection == Rejection(.exceedsAvailable, limit: 100))
        #expect(ledger.submit(pay(100, "r", charge: false), at: start).isAccepted)
        #expect(ledger.available("alice") == 0)
    }

    @Test("What was charged in all in a currency never exceeds the largest amount")
    func overflowsTotalCharged() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100), ("bob", 50)])
        let start = TestLedger.start
        let overflow = Rejection(.overflowsTotalCharged)
        #expect(ledger.submit(pay(.max - 149, "r1"), at: start).rejection == overflow)
        #expect(ledger.submit(pay(.max - 150, "r2"), at: start).isAccepted)
        #expect(ledger.submit(pay(1, "r3", user: "bob"), at: start).rejection == overflow)
        // Money that left does not make room: the bound is on all that ever came in.
        #expect(ledger.submit(pay(1_000, "r4", charge: false), at: start).isAccepted)
        #expect(ledger.submit(pay(1, "r5"), at: start).rejection == overflow)
        #expect(ledger.state.invariantViolations() == [])
    }

    @Test("The thousand and first currency is rejected")
    func overflowsCurrencies() {
        var ledger = TestLedger()
        let start = TestLedger.start
        func register(_ number: Int) -> Command {
            .registerCurrency(Currency(code: CurrencyCode(unchecked: "C\(number)"), scale: 2))
        }
        for number in 0..<Limits.currenciesMax {
            #expect(ledger.submit(register(number), at: start).isAccepted)
        }
        let answer = ledger.submit(register(Limits.currenciesMax), at: start)
        #expect(answer.rejection == Rejection(.overflowsCurrencies))
    }

    @Test("Payment and operator charge; the user, too, may withdraw; nobody else may either")
    func whoMayPay() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100)])
        let start = TestLedger.start
        let forbidden = Rejection(.notPermitted)
        #expect(ledger.submit(pay(1, "c1"), by: .payment, at: start).isAccepted)
        #expect(ledger.submit(pay(1, "c2"), by: .operator, at: start).isAccepted)
        #expect(ledger.submit(pay(1, "c3"), by: .user("alice"), at: start).rejection == forbidden)
        for (number, actor) in [LedgerActor.payment, .operator, .user("alice")].enumerated() {
            let reference = PaymentReference(unchecked: "w\(number)")
            #expect(
                ledger.submit(pay(1, reference, charge: false), by: actor, at: start).isAccepted)
        }
        #expect(
            ledger.submit(pay(1, "w9", charge: false), by: .user("bob"), at: start).rejection
                == forbidden)
    }

    @Test("Wallets hold each currency by itself")
    func currenciesAreSeparate() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100)])
        let start = TestLedger.start
        ledger.submit(.registerCurrency(Currency(code: "KRW", scale: 0)), at: start)
        let won = Command.charge(
            user: "alice", currency: "KRW", amount: 1_000, reference: "won")
        #expect(ledger.submit(won, at: start).isAccepted)
        #expect(ledger.available("alice") == 100)
        let alice = ledger.state.user("alice")!
        #expect(ledger.state.accounts(of: alice).map(\.available) == [100, 1_000])
        let tooMuch = pay(101, "out", charge: false)
        #expect(ledger.submit(tooMuch, at: start).rejection?.code == .exceedsAvailable)
    }
}

@Suite("Registering")
struct RegistrationTests {
    @Test("A user registers herself or is registered by the operator, once")
    func users() {
        var ledger = TestLedger()
        let start = TestLedger.start
        #expect(
            ledger.submit(.registerUser("alice"), by: .user("alice"), at: start).events
                == [.userRegistered(UserHandle(rawValue: 1), "alice")])
        #expect(
            ledger.submit(.registerUser("bob"), by: .user("alice"), at: start).rejection
                == Rejection(.notPermitted))
        #expect(
            ledger.submit(.registerUser("bob"), by: .user("carol"), at: start)
                == .refused(.userNotFound))
        #expect(ledger.submit(.registerUser("bob"), by: .operator, at: start).isAccepted)
        for actor in [LedgerActor.operator, .user("alice")] {
            #expect(
                ledger.submit(.registerUser("alice"), by: actor, at: start).rejection
                    == Rejection(.userAlreadyRegistered))
        }
        #expect(
            ledger.submit(.registerUser("house"), by: .user("house"), at: start).rejection
                == Rejection(.userAlreadyRegistered))
        #expect(ledger.state.userCount == 3)
    }

    @Test("Only the operator registers a currency, once and with one scale")
    func currencies() {
        var ledger = TestLedger()
        let start = TestLedger.start
        let dollar = Command.registerCurrency(Currency(code: "USD", scale: 2))
        #expect(
            ledger.submit(dollar, by: .payment, at: start).rejection == Rejection(.notPermitted))
        #expect(ledger.submit(dollar, by: .operator, at: start).isAccepted)
        let other = Command.registerCurrency(Currency(code: "USD", scale: 3))
        #expect(
            ledger.submit(other, by: .operator, at: start).rejection
                == Rejection(.currencyAlreadyRegistered))
    }

    @Test("A new ledger has its house and nobody else, and the house does not sell")
    func house() {
        var ledger = TestLedger()
        #expect(ledger.state.userCount == 1 && ledger.state.user("house") == .house)
        #expect(ledger.state.epoch == 1)
        ledger.submit(.registerCurrency(Currency(code: "USD", scale: 2)), at: TestLedger.start)
        let opening = Command.openAuction(
            OpenAuction(auction: "lot", seller: "house", currency: "USD"))
        #expect(
            ledger.submit(opening, at: TestLedger.start).rejection == Rejection(.notPermitted))
    }
}
