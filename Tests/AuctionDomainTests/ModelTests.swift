// The rules held against the naive model over long seeded workloads.
//
// Every failure names its seed; run that one alone with GAVEL_SEED=n. GAVEL_CAMPAIGN=n runs n
// times as many seeds.

import AuctionDomain
import Foundation
import GavelTesting
import Testing

/// How long model tests run.
enum Campaign {
    static let stepsPerSeed = 10_000
    /// Whether GAVEL_CAMPAIGN asks for more than the short form.
    static let isLong =
        ProcessInfo.processInfo.environment["GAVEL_CAMPAIGN"].flatMap(UInt64.init) ?? 1 > 1
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["GAVEL_SEED"].flatMap(UInt64.init) { return [seed] }
        let factor = environment["GAVEL_CAMPAIGN"].flatMap(UInt64.init) ?? 1
        return Array(1...10 * max(1, factor))
    }()
}

@Suite("The rules against the naive model")
struct ModelTests {
    /// What a run met, to prove that the workload reaches every rule.
    private struct Coverage {
        var rejections: [Rejection.Code: Int] = [:]
        var refusals: [Refusal: Int] = [:]
        var events: Set<String> = []
        /// What a name alone does not say, in words.
        var cases: Set<String> = []

        mutating func count(_ answer: TestLedger.Answer) {
            switch answer {
            case .accepted(let accepted):
                events.formUnion(accepted.map(\.name))
                count(accepted)
            case .rejected(let rejection): rejections[rejection.code, default: 0] += 1
            case .refused(let refusal): refusals[refusal, default: 0] += 1
            }
        }

        private mutating func count(_ accepted: EventList) {
            let names = Set(accepted.map(\.name))
            for event in accepted {
                switch event {
                case .refunded(_, _, _, let reason): cases.insert("refunded: \(reason)")
                case .auctionExtended(_, _, let reason): cases.insert("extended: \(reason)")
                case .auctionClosed(_, let outcome, _, _): cases.insert("closed: \(outcome)")
                case .settled(_, _, _, let amount, let fee):
                    if fee == amount { cases.insert("the house gets all") }
                    if fee == 0 { cases.insert("the house gets nothing") }
                    if fee > 0 && fee < amount { cases.insert("the house gets a part") }
                case .boughtNow:
                    cases.insert(names.contains("lead_taken") ? "a bid buys" : "a buyer buys")
                    if !names.contains("locked") { cases.insert("a leader's hold buys") }
                case .maximumRaised(_, _, let maximum, let price):
                    if price < maximum { cases.insert("a raise below the maximum") }
                default: break
                }
            }
        }

        static let allCases: Set<String> = {
            var cases: Set = [
                "the house gets all", "the house gets nothing", "the house gets a part",
                "a bid buys", "a buyer buys", "a leader's hold buys",
                "a raise below the maximum",
            ]
            for reason in RefundReason.allCases { cases.insert("refunded: \(reason)") }
            for reason in ExtensionReason.allCases { cases.insert("extended: \(reason)") }
            for outcome in AuctionOutcome.allCases { cases.insert("closed: \(outcome)") }
            return cases
        }()
    }

    @Test("Every answer and every balance is the model's", arguments: Campaign.seeds)
    func answersLikeModel(seed: UInt64) {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = TestLedger(at: configuration.start)
        var coverage = Coverage()
        for number in 0..<Campaign.stepsPerSeed {
            if number % 40 == 39 {
                let (since, until) = workload.nextOutage()
                for events in ledger.endOutage(since: since, until: until) {
                    coverage.count(.accepted(events))
                }
            }
            let step = workload.nextStep()
            for events in ledger.closeDue(at: step.time) { coverage.count(.accepted(events)) }
            let digest = ledger.state.digest
            let answer = ledger.submit(step.command, by: step.actor, at: step.time)
            coverage.count(answer)
            let place = "GAVEL_SEED=\(seed), step \(number): \(step)"
            guard Self.isSame(answer, workload.outcome) else {
                Issue.record("the rules answer \(answer), not \(workload.outcome); \(place)")
                return
            }
            if !answer.isAccepted && ledger.state.digest != digest {
                Issue.record("what was not accepted changed the state; \(place)")
                return
            }
            guard number % 200 == 0 || number == Campaign.stepsPerSeed - 1 else { continue }
            let wrong =
                workload.model.differences(from: ledger.state)
                + ledger.state.invariantViolations()
            guard wrong.isEmpty else {
                Issue.record("\(wrong.joined(separator: "\n")); \(place)")
                return
            }
        }
        expectEverythingReached(coverage, seed: seed)
    }

    private static func isSame(_ answer: TestLedger.Answer, _ expected: ModelOutcome) -> Bool {
        switch (answer, expected) {
        case (.accepted, .accepted): true
        case (.rejected(let real), .rejected(let model)): real == model
        case (.refused(let real), .refused(let model)): real == model
        default: false
        }
    }

    private func expectEverythingReached(_ coverage: Coverage, seed: UInt64) {
        let place = Comment(rawValue: "GAVEL_SEED=\(seed)")
        // A thousand currencies are not a workload; PaymentTests reach that limit.
        for code in Rejection.Code.allCases where code != .overflowsCurrencies {
            #expect(coverage.rejections[code] != nil, "\(code.name) not reached, \(place)")
        }
        for refusal in [Refusal.malformed, .userNotFound, .currencyNotFound, .auctionNotFound] {
            #expect(coverage.refusals[refusal] != nil, "\(refusal.name) not reached, \(place)")
        }
        // The two that only creation and opening write are not answers to commands.
        #expect(coverage.events.count == 16, "\(coverage.events.sorted()), \(place)")
        let missing = Coverage.allCases.subtracting(coverage.cases)
        #expect(missing.isEmpty, "not reached: \(missing.sorted()), \(place)")
    }
}
