// Explanations against the rules: over long workloads every rejection's figures are the ones it
// was refused with, in the order in which the rules are asked, and balances are those of the fold.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Explanations")
struct ExplanationTests {
    /// The figure that a rejection carries as its limit, where it carries one.
    private static func limit(_ figures: RuleFigures) -> Money {
        switch figures {
        case .bidBelowOpening(_, let opening): opening
        case .bidBelowMinimum(_, let minimum, let price, let step):
            minimum == price.adding(step) ? minimum : -1
        case .bidNotAboveOwnMaximum(_, let maximum): maximum
        case .exceedsAvailable(_, _, _, _, let available): available
        default: 0
        }
    }

    /// Whether the figures really forbid what was refused.
    private static func forbid(_ figures: RuleFigures, at time: Timestamp) -> Bool {
        switch figures {
        case .sellerCannotBid, .userAlreadyRegistered, .currencyAlreadyRegistered,
            .auctionAlreadyOpened, .referenceAlreadyUsed, .auctionCancelled,
            .auctionAlreadyClosed, .buyNowNotOffered, .buyNowEnded:
            true
        case .notPermitted(let actor, let allowed): !allowed.contains(actor)
        case .auctionNotOpen(let opensAt): time < opensAt
        case .auctionEnded(let closesAt, let closed):
            closed != nil || (closesAt.map { time >= $0 } ?? false)
        case .auctionNotEnded(let closesAt): closesAt.map { time < $0 } ?? true
        case .auctionHasBids(let count, _): count > 0
        case .closesAtTooEarly(let given, let opensAt, let isExtension, let end):
            given <= time || given <= opensAt || isExtension && end.map { given <= $0 } ?? true
        case .bidBelowOpening(let amount, let opening): amount < opening
        case .bidBelowMinimum(let amount, let minimum, _, _): amount < minimum
        case .bidNotAboveOwnMaximum(let amount, let maximum): amount <= maximum
        case .exceedsAvailable(let amount, let premium, let held, let needed, let available):
            needed.map { $0 > available && $0 == amount + (premium ?? 0) - held } ?? true
        case .overflowsTotalCharged(let amount, let charged): charged.adding(amount) == nil
        case .overflowsPrice(let price, let step): price.adding(step) == nil
        case .overflowsCurrencies(let count): count == Limits.currenciesMax
        }
    }

    /// Explains what is about to be submitted; nil where it will be refused.
    private static func explain(
        _ command: Command, by actor: LedgerActor, at time: Timestamp, _ ledger: TestLedger,
        recorded: Outcome? = nil
    ) throws -> Explanation? {
        let state = ledger.state
        guard (try? command.validate()) != nil,
            let actor = try? state.resolve(actor, of: command),
            let canonical = try? state.resolve(command)
        else { return nil }
        let time = max(time, state.time)
        return try state.explanation(
            of: canonical, by: actor,
            recorded: recorded ?? state.decide(canonical, by: actor, at: time),
            at: EntryPoint(position: state.entryCount, time: time))
    }

    @Test(
        "Every rejection of a workload has its figures, every accepted command its rules and sums",
        arguments: [UInt64(1), 2, 3])
    func workload(seed: UInt64) throws {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = TestLedger(at: configuration.start)
        var codes: Set<Rejection.Code> = []
        for number in 0..<6_000 {
            let step = workload.nextStep()
            ledger.closeDue(at: step.time)
            let explanation = try Self.explain(
                step.command, by: step.actor, at: step.time, ledger)
            // What is recorded has no part in what the rules answer.
            let forged = try Self.explain(
                step.command, by: step.actor, at: step.time, ledger,
                recorded: .rejected(Rejection(.overflowsCurrencies, limit: 1)))
            #expect(forged?.checks == explanation?.checks)
            #expect(forged?.contradiction == explanation.map { .outcome($0.today) })
            let answer = ledger.submit(step.command, by: step.actor, at: step.time)
            guard let explanation else { continue }
            let place = Comment(rawValue: "seed \(seed), step \(number): \(step)")
            #expect(explanation.isSameToday, place)
            #expect(
                explanation.after == explanation.after.map { ledger.state.standing($0.auction) },
                place)
            for change in explanation.events.flatMap(\.accounts) {
                #expect(change.before != change.after, place)
            }
            let last = explanation.events.flatMap(\.accounts).last?.after
            #expect(last == last.map { ledger.state.standing($0.user, $0.currency) }, place)
            guard let rejection = answer.rejection else {
                #expect(!explanation.passed.isEmpty && explanation.notAsked.isEmpty, place)
                continue
            }
            codes.insert(rejection.code)
            let figures = try #require(explanation.refusal, place)
            #expect(figures.code == rejection.code, place)
            #expect(Self.limit(figures) == rejection.limit, place)
            #expect(Self.forbid(figures, at: explanation.point.time), "\(figures) \(place)")
            #expect(!explanation.passed.contains(rejection.code), place)
        }
        let missing = Rejection.Code.allCases.filter { !codes.contains($0) }
        #expect(missing == [.overflowsCurrencies], "seed \(seed)")
    }

    @Test(
        "The rules are listed in the order in which they answer", arguments: PrecedenceTests.cases)
    func order(_ tested: PrecedenceTests.Case) throws {
        for (attempt, code) in [(tested.both, tested.first), (tested.mended, tested.second)] {
            var ledger = TestLedger.prepared()
            ledger.submit(.registerUser("poor"), at: TestLedger.start)
            ledger.open(rules: .plain(opening: 100, step: 10))
            ledger.open(
                "later", rules: .plain(opening: 100, step: 10), opensAt: TestLedger.start + 30)
            tested.setup(&ledger)
            let time = TestLedger.start + attempt.time
            ledger.closeDue(at: time)
            let explanation = try #require(
                try Self.explain(attempt.command, by: attempt.actor, at: time, ledger))
            #expect(explanation.refusal?.code == code)
            if code == tested.first {
                #expect(explanation.notAsked.contains(tested.second))
            } else {
                #expect(explanation.passed.contains(tested.first))
            }
        }
    }

    @Test("The limit of currencies is explained with how many there are")
    func currencies() throws {
        var ledger = TestLedger()
        for number in 0..<Limits.currenciesMax {
            ledger.submit(
                .registerCurrency(
                    Currency(code: CurrencyCode(unchecked: "C\(number)"), scale: 0)),
                at: TestLedger.start)
        }
        let one = Command.registerCurrency(Currency(code: "more", scale: 0))
        let explanation = try Self.explain(one, by: .operator, at: TestLedger.start, ledger)
        #expect(explanation?.refusal == .overflowsCurrencies(count: 1000))
    }

    @Test("The rules answer by themselves: a recorded code that none of them gives changes nothing")
    func foreignCode() throws {
        var ledger = TestLedger.prepared()
        ledger.open()
        let state = ledger.state
        let command = try state.resolve(
            .charge(user: "bob", currency: "USD", amount: 1, reference: "r"))
        let explanation = try state.explanation(
            of: command, by: .operator, recorded: .rejected(Rejection(.auctionEnded)),
            at: EntryPoint(position: state.entryCount, time: state.time))
        #expect(explanation.refusal == nil && explanation.notAsked.isEmpty)
        #expect(
            explanation.passed == [
                .notPermitted, .referenceAlreadyUsed, .overflowsTotalCharged,
            ])
        #expect(explanation.contradiction == .outcome(explanation.today))
        #expect(!explanation.isSameToday)
    }
}
