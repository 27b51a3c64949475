// The table of effects held against the fold: what it says of an event is what the event does to a
// state, no more and no less.

import AuctionDomain
import GavelTesting
import Testing

@Suite("What an event touches and moves")
struct EffectsTests {
    /// What the table says of an entry, added up.
    private struct Told: EffectVisitor {
        let state: State
        var available: [Account: Int64] = [:]
        var locked: [Account: Int64] = [:]
        var held: [AuctionHandle: Int64] = [:]
        var outside: [CurrencyHandle: Int64] = [:]
        var chains: [EntryLink.Chain] = []
        var registrations: [Registration] = []
        var named: Set<NamedHandle> = []

        mutating func moves(_ movement: MoneyMovement) {
            let currency =
                switch movement.subject {
                case .payment(let currency): currency
                case .auction(let auction): state[auction].currency
                }
            let account = Account(user: movement.user, currency: currency)
            available[account, default: 0] += movement.availableChange.minorUnits
            locked[account, default: 0] += movement.lockedChange.minorUnits
            switch movement.subject {
            case .payment: outside[currency, default: 0] += movement.availableChange.minorUnits
            case .auction(let auction):
                held[auction, default: 0] += movement.lockedChange.minorUnits
            }
        }

        mutating func concerns(_ chain: EntryLink.Chain) {
            if !chains.contains(chain) { chains.append(chain) }
        }
        mutating func registers(_ registration: Registration) { registrations.append(registration) }
        mutating func names(_ handle: NamedHandle) { named.insert(handle) }
    }

    struct Account: Hashable {
        let user: UserHandle
        let currency: CurrencyHandle
    }

    /// Everything in a state that the table speaks of.
    private struct Books: Equatable {
        var available: [Account: Int64] = [:]
        var locked: [Account: Int64] = [:]
        var held: [AuctionHandle: Int64] = [:]
        var outside: [CurrencyHandle: Int64] = [:]
        var userCount = 0

        init(_ state: State) {
            userCount = state.userCount
            for index in 0..<state.userCount {
                let user = UserHandle(rawValue: UInt32(index))
                for record in state.accounts(of: user) {
                    let account = Account(user: user, currency: record.currency)
                    available[account] = record.available.minorUnits
                    locked[account] = record.locked.minorUnits
                }
            }
            for index in 0..<state.auctionCount {
                let auction = AuctionHandle(rawValue: UInt32(index))
                held[auction] = state[auction].held.minorUnits
            }
            for index in 0..<state.currencyCount {
                let currency = CurrencyHandle(rawValue: UInt16(index))
                let record = state[currency]
                outside[currency] = record.charged.minorUnits - record.withdrawn.minorUnits
            }
            dropNothings()
        }

        mutating func add(_ told: Told) {
            available.merge(told.available, uniquingKeysWith: +)
            locked.merge(told.locked, uniquingKeysWith: +)
            held.merge(told.held, uniquingKeysWith: +)
            outside.merge(told.outside, uniquingKeysWith: +)
            for registration in told.registrations {
                switch registration {
                case .user(let handle, _): userCount = max(userCount, handle.index + 1)
                case .currency, .auction: break
                }
            }
            dropNothings()
        }

        private mutating func dropNothings() {
            available = available.filter { $0.value != 0 }
            locked = locked.filter { $0.value != 0 }
            held = held.filter { $0.value != 0 }
            outside = outside.filter { $0.value != 0 }
        }
    }

    /// A number for each kind of event: a new one does not compile without its own.
    private static func number(of event: Event) -> Int {
        switch event {
        case .ledgerCreated: 0
        case .engineOpened: 1
        case .keyRotated: 2
        case .ledgerRestored: 3
        case .currencyRegistered: 4
        case .userRegistered: 5
        case .charged: 6
        case .withdrawn: 7
        case .locked: 8
        case .refunded: 9
        case .settled: 10
        case .auctionOpened: 11
        case .leadTaken: 12
        case .maximumRaised: 13
        case .bidAbsorbed: 14
        case .boughtNow: 15
        case .auctionExtended: 16
        case .auctionClosed: 17
        case .closeConfirmed: 18
        case .auctionCancelled: 19
        }
    }

    /// Applies an event and reports where the books changed otherwise than the table says.
    private static func evolve(
        _ state: inout State, _ event: Event, at point: EntryPoint, _ place: String
    ) -> Bool {
        var told = Told(state: state)
        told.visit(event)
        var expected = Books(state)
        expected.add(told)
        state.evolve(event, at: point)
        guard Books(state) == expected else {
            Issue.record("\(event) changed other accounts than the table says, \(place)")
            return false
        }
        return true
    }

    @Test(
        "In random ledgers each event changes the accounts, holds and totals that the table says",
        arguments: [1, 2, 3] as [UInt64])
    func randomEvents(seed: UInt64) {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = TestLedger(at: configuration.start, recording: true)
        for _ in 0..<3_000 {
            let step = workload.nextStep()
            ledger.submit(step.command, by: step.actor, at: step.time)
        }
        var state = State()
        var met: Set<Int> = []
        for entry in ledger.entries {
            let point = EntryPoint(position: entry.position, time: entry.time)
            let place = "seed \(seed), entry \(entry.position)"
            for event in entry.outcome.events {
                met.insert(Self.number(of: event))
                guard Self.evolve(&state, event, at: point, place) else { return }
            }
            var links = ContiguousArray<EntryLink>()
            state.finishEntry(
                entry.command, rejected: entry.outcome.rejection != nil,
                events: entry.outcome.events, at: point, links: &links)
            var told = Told(state: state)
            told.visit(entry.command, entry.outcome.events)
            guard told.chains == links.map(\.chain),
                told.chains == entry.command.chains(events: entry.outcome.events)
            else {
                Issue.record("the table does not say the entry's links, \(place)")
                return
            }
            // Whose money moves has the entry in her history.
            let movers = Set(told.available.keys.map(\.user)).union(told.locked.keys.map(\.user))
            for user in movers where !told.chains.contains(.wallet(user)) {
                Issue.record("money of \(user) moves and she is not concerned, \(place)")
                return
            }
        }
        // Keys and restored ledgers are no workload; `everyEvent` has them.
        #expect(met == Set(0..<20).subtracting([2, 3]))
    }

    @Test(
        "An accepted bid as one value does to a state what its events do",
        arguments: [1, 2] as [UInt64])
    func flatBids(seed: UInt64) throws {
        var configuration = Workload.Configuration()
        configuration.faults = .withoutIDs
        var workload = Workload(seed: seed, configuration: configuration)
        var ledger = TestLedger(at: configuration.start)
        var kinds: Set<AcceptedBid.Kind> = []
        for number in 0..<3_000 {
            let step = workload.nextStep()
            ledger.closeDue(at: step.time)
            if case .placeBid = step.command, (try? step.command.validate()) != nil,
                let command = try? ledger.state.resolve(step.command),
                let actor = try? ledger.state.resolve(step.actor, of: step.command),
                case .placeBid(let auction, let bidder, let amount) = command
            {
                var purchase = EventList()
                let bid = try? ledger.state.decideBid(
                    auction, bidder, amount, by: actor, at: step.time, purchase: &purchase)
                if let bid = bid ?? nil {
                    kinds.insert(bid.kind)
                    try Self.expectSame(bid, command, in: ledger.state, "seed \(seed), \(number)")
                }
            }
            ledger.submit(step.command, by: step.actor, at: step.time)
        }
        #expect(kinds == [.leadTaken, .maximumRaised, .bidAbsorbed])
    }

    private static func expectSame(
        _ bid: AcceptedBid, _ command: CanonicalCommand, in state: State, _ place: String
    ) throws {
        var events = EventList()
        bid.appendEvents(to: &events)
        let point = EntryPoint(position: state.entryCount, time: state.time)
        var (flat, listed) = (state, state)
        let bidLinks = flat.evolve(bid, at: point)
        var links = ContiguousArray<EntryLink>()
        for event in events { _ = evolve(&listed, event, at: point, place) }
        listed.finishEntry(command, rejected: false, events: events, at: point, links: &links)
        let previous = links.map(\.storedPrevious)
        let flatPrevious =
            [bidLinks.auction, bidLinks.bidder] + (bidLinks.refunded.map { [$0] } ?? [])
        #expect(previous == flatPrevious, "\(place)")
        #expect(Books(flat) == Books(listed), "\(place)")
        #expect(flat.digest == listed.digest, "\(place)")
        #expect(flat[bid.auction] == listed[bid.auction], "\(place)")
        #expect(flat[bid.bidder] == listed[bid.bidder], "\(place)")
    }

    // MARK: Each kind by hand

    private static let lot = AuctionHandle(rawValue: 0)
    private static let seller = UserHandle(rawValue: 1)
    private static let alice = UserHandle(rawValue: 2)
    private static let bob = UserHandle(rawValue: 3)
    private static let dollar = CurrencyHandle(rawValue: 0)
    private static let newUser = UserHandle(rawValue: 5)

    /// alice leads `lot` with a hold of 100 and has nothing else; bob has 50.
    private static func ledger() -> TestLedger {
        var ledger = TestLedger.prepared(wallets: [("alice", 100), ("bob", 50)])
        ledger.open("lot", rules: .proxy(opening: 10))
        ledger.bid("alice", 100)
        return ledger
    }

    private static func opening() -> CanonicalOpening {
        CanonicalOpening(
            auction: "second", title: "", seller: bob, currency: dollar, opensAt: nil,
            closesAt: nil, rules: AuctionRules())
    }

    private static let key = Bytes32.zero
    private static let rotation = KeyRotation(
        key: key, previous: key, signature: (key, key))
    private static let restoration = Restoration(
        ledger: LedgerID(high: 9, low: 9), checkpointSize: 0, checkpointRoot: key)

    /// What the table says of one event, in words, for each kind of event.
    static let told: [(event: Event, words: String)] = [
        (.ledgerCreated(LedgerID(high: 1, low: 1)), "registers house"),
        (.engineOpened(epoch: 2), ""),
        (.keyRotated(rotation), ""),
        (.ledgerRestored(restoration), ""),
        (
            .currencyRegistered(CurrencyHandle(rawValue: 1), Currency(code: "EUR", scale: 2)),
            "registers EUR"
        ),
        (.userRegistered(newUser, "dora"), "registers dora, concerns 5"),
        (
            .charged(Payment(user: bob, currency: dollar, amount: 7, reference: "x")),
            "3 +7 +0"
        ),
        (
            .withdrawn(Payment(user: bob, currency: dollar, amount: 7, reference: "x")),
            "3 -7 +0"
        ),
        (
            .locked(auction: lot, user: bob, amount: 7, held: 7),
            "3 -7 +7, holds +7"
        ),
        (
            .refunded(auction: lot, user: alice, amount: 100, reason: .outbid),
            "concerns 2, 2 +100 -100, holds -100"
        ),
        (
            .settled(auction: lot, winner: alice, seller: seller, amount: 100, fee: 30),
            "concerns 2 1 0, 0 +30 +0, 1 +70 +0, 2 +0 -100, holds -100"
        ),
        (
            .settled(auction: lot, winner: alice, seller: seller, amount: 100, fee: 100),
            "concerns 2 1 0, 0 +100 +0, 2 +0 -100, holds -100"
        ),
        (
            .settled(auction: lot, winner: alice, seller: seller, amount: 100, fee: 0),
            "concerns 2 1, 1 +100 +0, 2 +0 -100, holds -100"
        ),
        (
            .auctionOpened(AuctionHandle(rawValue: 1), opening(), opensAt: TestLedger.start),
            "registers second, concerns lot 1"
        ),
        (.leadTaken(auction: lot, bidder: bob, maximum: 7, price: 7), ""),
        (.maximumRaised(auction: lot, bidder: alice, maximum: 7, price: 7), ""),
        (.bidAbsorbed(auction: lot, bidder: bob, price: 7), ""),
        (.boughtNow(auction: lot, buyer: bob, price: 7), ""),
        (
            .auctionExtended(
                auction: lot, closesAt: TestLedger.start + 90, reason: .operator), ""
        ),
        (.auctionClosed(auction: lot, outcome: .sold, winner: alice, price: 7), ""),
        (.closeConfirmed(auction: lot, position: 1, outcome: .sold), ""),
        (.auctionCancelled(auction: lot), ""),
    ]

    @Test("Each kind of event has the effects that are written here, and the fold has them too")
    func everyEvent() {
        #expect(Set(Self.told.map { Self.number(of: $0.event) }) == Set(0..<20))
        for (event, words) in Self.told {
            var state = Self.ledger().state
            var told = Told(state: state)
            told.visit(event)
            #expect(Self.words(told) == words, "\(event.name)")
            // The first entry of a log is evolved where there is nothing yet.
            if case .ledgerCreated = event { state = State() }
            let point = EntryPoint(position: state.entryCount, time: state.time)
            #expect(Self.evolve(&state, event, at: point, "by hand"))
        }
    }

    private static func words(_ told: Told) -> String {
        func signed(_ number: Int64) -> String { number < 0 ? "\(number)" : "+\(number)" }
        var parts = told.registrations.map { registration in
            switch registration {
            case .user(_, let id): "registers \(id)"
            case .currency(_, let currency): "registers \(currency.code)"
            case .auction(_, let opening): "registers \(opening.auction)"
            }
        }
        let chains = told.chains.map { chain in
            switch chain {
            case .wallet(let user): String(user.rawValue)
            case .auction(let auction): "lot \(auction.rawValue)"
            }
        }
        if !chains.isEmpty { parts.append("concerns " + chains.joined(separator: " ")) }
        for account in told.available.keys.sorted(by: { $0.user < $1.user }) {
            let halves = (told.available[account] ?? 0, told.locked[account] ?? 0)
            parts.append("\(account.user.rawValue) \(signed(halves.0)) \(signed(halves.1))")
        }
        for (_, change) in told.held where change != 0 { parts.append("holds \(signed(change))") }
        return parts.joined(separator: ", ")
    }

    @Test("Every user, auction and currency that an event names is told")
    func everyName() {
        let lot = NamedHandle.auction(Self.lot)
        let names: [(Event, Set<NamedHandle>)] = [
            (Self.told[13].event, [.user(Self.bob), .currency(Self.dollar)]),
            (
                .leadTaken(auction: Self.lot, bidder: Self.bob, maximum: 7, price: 7),
                [lot, .user(Self.bob)]
            ),
            (.bidAbsorbed(auction: Self.lot, bidder: Self.bob, price: 7), [lot, .user(Self.bob)]),
            (.boughtNow(auction: Self.lot, buyer: Self.bob, price: 7), [lot, .user(Self.bob)]),
            (
                .auctionClosed(auction: Self.lot, outcome: .sold, winner: Self.alice, price: 7),
                [lot, .user(Self.alice)]
            ),
            (.auctionClosed(auction: Self.lot, outcome: .noBids, winner: nil, price: 0), [lot]),
            (.auctionCancelled(auction: Self.lot), [lot]),
            (
                .locked(auction: Self.lot, user: Self.bob, amount: 7, held: 7),
                [lot, .user(Self.bob)]
            ),
        ]
        for (event, expected) in names {
            var told = Told(state: Self.ledger().state)
            told.visit(event)
            #expect(told.named == expected, "\(event.name)")
        }
    }
}
