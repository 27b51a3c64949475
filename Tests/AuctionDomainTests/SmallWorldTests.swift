// Small worlds, exhausted: every sequence of four steps out of a dozen (five with
// GAVEL_CAMPAIGN), over two bidders and two lots, against the naive model. State and model are
// values, so that each prefix is walked once.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Small worlds")
struct SmallWorldTests {
    /// Something that can happen.
    private struct Step {
        let command: Command
        let actor: LedgerActor
        /// Seconds that pass before it.
        var after: Int64 = 0
    }

    /// The two ledgers side by side.
    private struct World {
        var real: TestLedger
        var model: NaiveModel
        var time: Timestamp
        var steps = 0

        /// Lets a step happen in both.
        /// - Returns: what differs.
        mutating func take(_ step: Step) -> [String] {
            time = time + step.after
            steps += 1
            let id = CommandID(
                milliseconds: UInt64(time.nanoseconds / 1_000_000), randomHigh: 0,
                randomLow: UInt64(steps))
            let answer = real.submit(step.command, by: step.actor, at: time)
            let expected = model.submit(step.command, id: id, by: step.actor, at: time)
            let isSame: Bool =
                switch (answer, expected) {
                case (.accepted, .accepted): true
                case (.rejected(let left), .rejected(let right)): left == right
                case (.refused(let left), .refused(let right)): left == right
                default: false
                }
            if !isSame { return ["the rules answer \(answer), the model \(expected)"] }
            return model.differences(from: real.state) + real.state.invariantViolations()
        }
    }

    private static let stepsMax = Campaign.isLong ? 5 : 4

    /// Eight bids, a hammer, a cancellation, a withdrawal, and the end of the second lot. Wallets
    /// hold 200: the larger bid on one lot leaves too little for the other.
    private static let plainAlphabet: [Step] = {
        var steps: [Step] = []
        for bidder in ["alice", "bob"] as [UserID] {
            for lot in ["lot-1", "lot-2"] as [AuctionID] {
                for amount in [100, 150] as [Money] {
                    steps.append(
                        Step(
                            command: .placeBid(auction: lot, bidder: bidder, amount: amount),
                            actor: .user(bidder)))
                }
            }
        }
        steps.append(Step(command: .closeAuction("lot-1", hammer: true), actor: .user("seller")))
        steps.append(Step(command: .cancelAuction("lot-2"), actor: .operator))
        steps.append(
            Step(
                command: .withdraw(user: "alice", currency: "USD", amount: 60, reference: "out"),
                actor: .user("alice")))
        steps.append(Step(command: .closeAuction("lot-2"), actor: .user("bob"), after: 60))
        return steps
    }()

    /// Bids below and at the reserve, before and within the soft close's window, a purchase, the
    /// ends of both lots and a later one.
    private static let mixedAlphabet: [Step] = {
        func bid(
            _ bidder: UserID, _ lot: AuctionID, _ amount: Money, after seconds: Int64 = 0
        ) -> Step {
            Step(
                command: .placeBid(auction: lot, bidder: bidder, amount: amount),
                actor: .user(bidder), after: seconds)
        }
        return [
            bid("alice", "lot-1", 100), bid("bob", "lot-1", 150),
            bid("alice", "lot-2", 100), bid("alice", "lot-2", 120),
            bid("bob", "lot-2", 100), bid("bob", "lot-2", 130),
            bid("alice", "lot-2", 140, after: 55), bid("bob", "lot-2", 120, after: 55),
            bid("bob", "lot-2", 160, after: 10),
            Step(command: .buyNow(auction: "lot-2", buyer: "alice"), actor: .user("alice")),
            Step(command: .closeAuction("lot-1", hammer: true), actor: .user("seller")),
            Step(command: .closeAuction("lot-2"), actor: .user("bob"), after: 60),
            Step(
                command: .extendAuction("lot-2", closesAt: TestLedger.start + 62),
                actor: .operator),
        ]
    }()

    /// Proxy bidding, a reserve, a buy-now price, a soft close that is capped, and fees.
    private static let mixedRules = AuctionRules(
        openingPrice: 90, proxy: true, increments: .table([IncrementRow(from: 0, step: 20)]),
        reservePrice: 130, buyNow: BuyNow(price: 155, until: .reserveMet),
        softClose: SoftClose(
            windowMilliseconds: 10_000, extensionMilliseconds: 10_000, maxExtensions: 2,
            latestEnd: TestLedger.start + 72),
        fees: Fees(seller: Fee(basisPoints: 1_000), buyer: Fee(basisPoints: 500, minimum: 7)))

    private static func world(rules: AuctionRules) -> World {
        var world = World(
            real: TestLedger(), model: NaiveModel(), time: TestLedger.start)
        var steps = [
            Step(command: .registerCurrency(Currency(code: "USD", scale: 2)), actor: .operator)
        ]
        for user in ["seller", "alice", "bob"] as [UserID] {
            steps.append(Step(command: .registerUser(user), actor: .user(user)))
        }
        for user in ["alice", "bob"] as [UserID] {
            steps.append(
                Step(
                    command: .charge(user: user, currency: "USD", amount: 200, reference: "in"),
                    actor: .payment))
        }
        let firstEnd: Timestamp? = rules.softClose == nil ? nil : TestLedger.start + 60
        let ends: [(AuctionID, Timestamp?)] = [
            ("lot-1", firstEnd), ("lot-2", TestLedger.start + 60),
        ]
        for (lot, end) in ends {
            let opening = OpenAuction(
                auction: lot, seller: "seller", currency: "USD", closesAt: end, rules: rules)
            steps.append(Step(command: .openAuction(opening), actor: .user("seller")))
        }
        for step in steps { #expect(world.take(step) == []) }
        return world
    }

    /// Walks all continuations of a world.
    /// - Returns: how many steps were taken; 0 after the first difference.
    private func walk(_ world: World, _ alphabet: [Step], _ taken: [Step] = []) -> Int {
        if taken.count == Self.stepsMax { return 0 }
        var count = 0
        for step in alphabet {
            var next = world
            let found = next.take(step)
            let path = taken + [step]
            guard found.isEmpty else {
                let names = path.map { "\($0.actor) \($0.command)" }.joined(separator: "\n")
                Issue.record("\(found.joined(separator: "\n")) after\n\(names)")
                return 0
            }
            count += 1
            if path.count < Self.stepsMax {
                let below = walk(next, alphabet, path)
                if below == 0 { return 0 }
                count += below
            }
        }
        return count
    }

    private func expectAllAgree(_ rules: AuctionRules, _ alphabet: [Step]) {
        var all = 0
        for _ in 0..<Self.stepsMax { all = (all + 1) * alphabet.count }
        #expect(walk(Self.world(rules: rules), alphabet) == all)
    }

    @Test(
        "Two bidders, two lots: every sequence of four steps goes as the model says",
        arguments: [true, false])
    func allSequences(isProxy: Bool) {
        let rules =
            isProxy
            ? AuctionRules.proxy(opening: 90, step: 20) : .plain(opening: 90, step: 20)
        expectAllAgree(rules, Self.plainAlphabet)
    }

    @Test("Proxy, reserve and soft close together: every sequence of four steps as well")
    func allSequencesOfMixedRules() { expectAllAgree(Self.mixedRules, Self.mixedAlphabet) }
}
