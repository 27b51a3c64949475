// Small worlds, exhausted: every sequence of four steps out of twelve, over two bidders and two
// lots, against the naive model. State and model are values, so that each prefix is walked once.

import AuctionDomain
import GavelTesting
import Testing

@Suite("Small worlds")
struct SmallWorldTests {
    /// Something that can happen.
    private struct Step {
        let command: Command
        let actor: Actor
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

    private static let stepsMax = 4

    /// Eight bids, a hammer, a cancellation, a withdrawal, and the end of the second lot. Wallets
    /// hold 200: the larger bid on one lot leaves too little for the other.
    private static let alphabet: [Step] = {
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
        for (lot, end) in [("lot-1", nil), ("lot-2", TestLedger.start + 60)]
            as [(AuctionID, Timestamp?)]
        {
            let opening = OpenAuction(
                auction: lot, seller: "seller", currency: "USD", closesAt: end, rules: rules)
            steps.append(Step(command: .openAuction(opening), actor: .user("seller")))
        }
        for step in steps { #expect(world.take(step) == []) }
        return world
    }

    /// Walks all continuations of a world.
    /// - Returns: how many steps were taken; 0 after the first difference.
    private func walk(_ world: World, _ taken: [Step]) -> Int {
        if taken.count == Self.stepsMax { return 0 }
        var count = 0
        for step in Self.alphabet {
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
                let below = walk(next, path)
                if below == 0 { return 0 }
                count += below
            }
        }
        return count
    }

    @Test(
        "Two bidders, two lots: every sequence of four steps goes as the model says",
        arguments: [true, false])
    func allSequences(isProxy: Bool) {
        let rules =
            isProxy
            ? AuctionRules.proxy(opening: 90, step: 20) : .plain(opening: 90, step: 20)
        let width = Self.alphabet.count
        let all = width + width * width + width * width * width + width * width * width * width
        #expect(walk(Self.world(rules: rules), []) == all)
    }
}
