// The kit's own promises: the model's answers about command ids, which the domain does not know,
// and the workload's determinism.

import AuctionDomain
import GavelTesting
import Testing

@Suite("The naive model")
struct NaiveModelTests {
    private static let start = TestLedger.start
    private static let milliseconds = UInt64(TestLedger.start.nanoseconds / 1_000_000)

    private static func id(_ number: UInt64, ahead: UInt64 = 0) -> CommandID {
        CommandID(milliseconds: milliseconds + ahead, randomHigh: 0, randomLow: number)
    }

    /// A model with alice and bob, 100 USD in alice's wallet, and the auction `lot` by bob.
    private static func prepared() -> NaiveModel {
        var model = NaiveModel()
        let opening = OpenAuction(
            auction: "lot", seller: "bob", currency: "USD", closesAt: start + 60)
        let commands: [Command] = [
            .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("alice"),
            .registerUser("bob"),
            .charge(user: "alice", currency: "USD", amount: 100, reference: "r"),
            .openAuction(opening),
        ]
        for (number, command) in commands.enumerated() {
            let outcome = model.submit(
                command, id: id(UInt64(number)), by: .operator, at: start)
            #expect(outcome == .accepted)
        }
        return model
    }

    @Test("answers the same id with the first outcome, and another content with a refusal")
    func ids() {
        var model = Self.prepared()
        let bid = Command.placeBid(auction: "lot", bidder: "alice", amount: 10)
        let alice = LedgerActor.user("alice")
        let id = Self.id(100)
        #expect(model.submit(bid, id: id, by: alice, at: Self.start) == .accepted)
        let again = model.submit(bid, id: id, by: alice, at: Self.start + 90)
        #expect(again == .replayed(.accepted))
        #expect(model.auction("lot")!.acceptedBids == 1)
        let other = Command.placeBid(auction: "lot", bidder: "alice", amount: 11)
        let reused = ModelOutcome.refused(.commandIDReused)
        #expect(model.submit(other, id: id, by: alice, at: Self.start + 90) == reused)
        #expect(model.submit(bid, id: id, by: .operator, at: Self.start + 90) == reused)
        // A rejection uses the id up as well.
        let rejected = ModelOutcome.rejected(Rejection(.auctionEnded))
        let late = Self.id(101)
        #expect(model.submit(other, id: late, by: alice, at: Self.start + 90) == rejected)
        #expect(
            model.submit(other, id: late, by: alice, at: Self.start + 90) == .replayed(rejected))
    }

    @Test("leaves the id of a refused command free")
    func refusedIDs() {
        var model = Self.prepared()
        let id = Self.id(100)
        let unknown = Command.placeBid(auction: "nothing", bidder: "alice", amount: 10)
        let bid = Command.placeBid(auction: "lot", bidder: "alice", amount: 10)
        #expect(
            model.submit(unknown, id: id, by: .operator, at: Self.start)
                == .refused(.auctionNotFound))
        #expect(model.submit(bid, id: id, by: .operator, at: Self.start) == .accepted)
        // A used id is named before an unknown name, a malformed command before a used id.
        #expect(
            model.submit(unknown, id: id, by: .operator, at: Self.start)
                == .refused(.commandIDReused))
        let malformed = Command.placeBid(auction: "lot", bidder: "alice", amount: 0)
        #expect(
            model.submit(malformed, id: id, by: .operator, at: Self.start)
                == .refused(.malformed))
    }

    @Test("takes ids up to five minutes ahead, and only UUIDs version 7")
    func timesOfIDs() {
        var model = Self.prepared()
        let register = Command.registerUser("carol")
        let justTooFar = Self.id(1, ahead: 300_001)
        #expect(
            model.submit(register, id: justTooFar, by: .operator, at: Self.start)
                == .refused(.commandIDInFuture))
        #expect(
            model.submit(register, id: .none, by: .operator, at: Self.start)
                == .refused(.commandIDMalformed))
        let justRight = Self.id(1, ahead: 300_000)
        #expect(
            model.submit(register, id: justRight, by: .operator, at: Self.start) == .accepted)
    }

    @Test("never lets time fall")
    func timeNeverFalls() {
        var model = Self.prepared()
        let later = Self.start + 70
        model.closeDue(at: later)
        #expect(model.auction("lot")!.outcome == .noBids)
        let bid = Command.placeBid(auction: "lot", bidder: "alice", amount: 10)
        #expect(
            model.submit(bid, id: Self.id(100), by: .operator, at: Self.start)
                == .rejected(Rejection(.auctionEnded)))
        #expect(model.now == later)
    }

    @Test("says what differs from a state, field by field")
    func differences() {
        var ledger = TestLedger.prepared(wallets: [("alice", 100)])
        ledger.open()
        var model = NaiveModel()
        #expect(!model.differences(from: ledger.state).isEmpty)
        var number: UInt64 = 0
        func take(_ command: Command) {
            number += 1
            let outcome = model.submit(
                command, id: Self.id(number), by: .operator, at: Self.start)
            #expect(outcome == .accepted)
        }
        take(.registerCurrency(Currency(code: "USD", scale: 2)))
        for user in ["seller", "alice", "bob", "carol"] as [UserID] { take(.registerUser(user)) }
        take(.charge(user: "alice", currency: "USD", amount: 100, reference: "start"))
        take(
            .openAuction(
                OpenAuction(
                    auction: "lot", seller: "seller", currency: "USD",
                    closesAt: Self.start + 60)))
        #expect(model.differences(from: ledger.state) == [])
        ledger.bid("alice", 7)
        let found = model.differences(from: ledger.state)
        for what in ["alice USD available", "alice USD locked", "lot leader", "lot price", "holds"]
        {
            #expect(found.contains { $0.hasPrefix(what) }, "\(what)")
        }
    }
}

@Suite("Workloads")
struct WorkloadTests {
    @Test("The same seed gives the same steps, another seed others")
    func determinism() {
        var first = Workload(seed: 1)
        var second = Workload(seed: 1)
        var third = Workload(seed: 2)
        var same = 0
        for _ in 0..<2_000 {
            let step = first.nextStep()
            #expect(step == second.nextStep())
            if step == third.nextStep() { same += 1 }
        }
        #expect(same == 0)
    }

    @Test("SplitMix64 gives its published numbers")
    func generator() {
        var generator = SeededGenerator(seed: 1_234_567)
        let numbers = (0..<5).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973,
                9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ])
    }

    @Test("Draws stay within their range and reach its ends")
    func draws() {
        var generator = SeededGenerator(seed: 1)
        var seen: Set<Int64> = []
        for _ in 0..<1_000 { seen.insert(generator.number(in: -2...2)) }
        #expect(seen == [-2, -1, 0, 1, 2])
        for _ in 0..<1_000 { #expect(generator.number(in: 1 ... .max) >= 1) }
        #expect(generator.number(in: .max ... .max) == .max)
        var weighted: Set<String> = []
        for _ in 0..<1_000 {
            weighted.insert(generator.pick(weighted: [(1, "a"), (0, "never"), (3, "b")]))
        }
        #expect(weighted == ["a", "b"])
    }

    @Test("Times never fall, and every way to refuse or replay a command id is reached")
    func commandIDs() {
        var workload = Workload(seed: 11)
        var refusals: Set<Refusal> = []
        var replays: Set<ModelOutcome> = []
        var time = Timestamp.zero
        for _ in 0..<10_000 {
            let step = workload.nextStep()
            #expect(step.time >= time)
            time = step.time
            switch workload.outcome {
            case .refused(let refusal): refusals.insert(refusal)
            case .replayed(let first): replays.insert(first)
            case .accepted, .rejected: break
            }
        }
        #expect(
            refusals == [
                .malformed, .commandIDMalformed, .commandIDInFuture, .commandIDReused,
                .userNotFound, .currencyNotFound, .auctionNotFound,
            ])
        #expect(replays.contains(.accepted) && replays.count > 3)
    }
}
