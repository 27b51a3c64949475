// The rules with just enough around them to take commands: what the engine's writer does, but in
// memory and one command at a time.
//
// Invariants: the ledger is created and opened first, as every real one is; what is due is closed
// before a command is judged, at its own end; names are resolved, users before the rest.

import AuctionDomain

/// A ledger of nothing but the domain.
struct TestLedger {
    enum Answer: Hashable {
        case accepted(EventList)
        case rejected(Rejection)
        case refused(Refusal)

        var events: EventList { if case .accepted(let events) = self { events } else { [] } }
        var rejection: Rejection? {
            if case .rejected(let rejection) = self { rejection } else { nil }
        }
        var isAccepted: Bool { if case .accepted = self { true } else { false } }
    }

    /// What the log would hold, as far as tests ask for it.
    struct Entry {
        let position: UInt64
        let time: Timestamp
        let command: CanonicalCommand
        let outcome: Outcome
        let links: ContiguousArray<EntryLink>
    }

    private(set) var state = State()
    /// Every entry, where recording was asked for.
    private(set) var entries: [Entry] = []
    private let isRecording: Bool

    init(at time: Timestamp = TestLedger.start, recording: Bool = false) {
        isRecording = recording
        append(.createLedger(LedgerID(high: 1, low: 2)), by: .system, at: time)
        append(.openEngine(epoch: 1, version: "test"), by: .system, at: time)
    }

    /// The moment at which tests begin to count.
    static let start = Timestamp(seconds: 1_700_000_000)

    /// Closes what is due, then takes a command.
    @discardableResult
    mutating func submit(
        _ command: Command, by actor: LedgerActor = .operator, at time: Timestamp
    ) -> Answer {
        guard (try? command.validate()) != nil else {
            closeDue(at: time)
            return .refused(.malformed)
        }
        closeDue(at: time)
        let canonicalActor: CanonicalActor
        let canonical: CanonicalCommand
        do {
            canonicalActor = try state.resolve(actor, of: command)
            canonical = try state.resolve(command)
        } catch {
            return .refused(error)
        }
        switch append(canonical, by: canonicalActor, at: max(time, state.time)) {
        case .accepted(let events): return .accepted(events)
        case .rejected(let rejection): return .rejected(rejection)
        }
    }

    /// Closes every auction whose end is at or before a time.
    /// - Returns: the events of each closing.
    @discardableResult
    mutating func closeDue(at time: Timestamp) -> [EventList] {
        var closings: [EventList] = []
        while let auction = state.nextDue(at: time) {
            let end = max(state.time, state[auction].closesAt)
            closings.append(append(.closeDue(auction), by: .system, at: end).events)
        }
        return closings
    }

    /// Ends an outage: moves every end that it moves, in order of end, and closes what else is due,
    /// as if the operator had let it.
    /// - Returns: the events of each entry.
    @discardableResult
    mutating func endOutage(since: Timestamp, until: Timestamp) -> [EventList] {
        var outcomes = closeDue(at: since)
        state.sortDeadlines()
        var due: [AuctionHandle] = []
        if let first = state.deadlines.first {
            state.deadlines.forEach(from: first) { key in
                if key.end <= until { due.append(key.auction) }
                return key.end <= until
            }
        }
        let time = max(until, state.time)
        for auction in due
        where state.outageObjection(auction, since: since, until: until, at: time) == nil {
            let command = CanonicalCommand.extendOutage(
                auction: auction, since: since, until: until)
            outcomes.append(append(command, by: .system, at: time).events)
        }
        return outcomes + closeDue(at: until)
    }

    /// Decides, evolves and finishes one entry.
    @discardableResult
    private mutating func append(
        _ command: CanonicalCommand, by actor: CanonicalActor, at time: Timestamp
    ) -> Outcome {
        let outcome = state.decide(command, by: actor, at: time)
        let point = EntryPoint(position: state.entryCount, time: time)
        for event in outcome.events { state.evolve(event, at: point) }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            command, rejected: outcome.rejection != nil, events: outcome.events, at: point,
            links: &links)
        if isRecording {
            entries.append(
                Entry(
                    position: point.position, time: time, command: command, outcome: outcome,
                    links: links))
        }
        return outcome
    }
}

// MARK: - Short ways to set up and to ask

extension TestLedger {
    /// A ledger with USD, the users `seller`, `alice`, `bob` and `carol`, and their money.
    static func prepared(
        wallets: [(UserID, Money)] = [("alice", 10_000), ("bob", 10_000), ("carol", 10_000)],
        recording: Bool = false
    ) -> TestLedger {
        var ledger = TestLedger(recording: recording)
        ledger.submit(.registerCurrency(Currency(code: "USD", scale: 2)), at: start)
        for user in ["seller", "alice", "bob", "carol"] as [UserID] {
            ledger.submit(.registerUser(user), at: start)
        }
        for (user, amount) in wallets where amount > 0 {
            ledger.submit(
                .charge(user: user, currency: "USD", amount: amount, reference: "start"),
                at: start)
        }
        return ledger
    }

    /// Opens an auction of `seller` in USD.
    mutating func open(
        _ auction: AuctionID = "lot", rules: AuctionRules = AuctionRules(),
        opensAt: Timestamp? = nil, closesAt: Timestamp? = TestLedger.start + 60
    ) {
        let opening = OpenAuction(
            auction: auction, seller: "seller", currency: "USD", opensAt: opensAt,
            closesAt: closesAt, rules: rules)
        let answer = submit(.openAuction(opening), at: max(state.time, Self.start))
        precondition(answer.isAccepted, "a test's auction opens")
    }

    /// A bid by the bidder in person.
    @discardableResult
    mutating func bid(
        _ bidder: UserID, _ amount: Money, on auction: AuctionID = "lot",
        at time: Timestamp = TestLedger.start
    ) -> Answer {
        submit(
            .placeBid(auction: auction, bidder: bidder, amount: amount), by: .user(bidder),
            at: time)
    }

    func auction(_ id: AuctionID = "lot") -> AuctionRecord { state[state.auction(id)!] }

    func leader(of id: AuctionID = "lot") -> UserID? {
        let leader = auction(id).leader
        return leader == .none ? nil : state.id(of: leader)
    }

    func available(_ user: UserID) -> Money { account(user)?.available ?? 0 }
    func locked(_ user: UserID) -> Money { account(user)?.locked ?? 0 }

    private func account(_ user: UserID) -> AccountRecord? {
        state.account(of: state.user(user)!, in: state.currency("USD")!)
    }
}

extension Timestamp {
    /// A time so many seconds later.
    static func + (time: Timestamp, seconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds + seconds * 1_000_000_000)
    }

    /// The nanosecond before.
    var justBefore: Timestamp { Timestamp(nanoseconds: nanoseconds - 1) }
}

extension AuctionRules {
    /// Proxy bidding with one step at every price.
    static func proxy(opening: Money = 1, step: Money = 1) -> AuctionRules {
        AuctionRules(
            openingPrice: opening, proxy: true,
            increments: Increments.table([IncrementRow(from: 0, step: step)]))
    }

    /// Bids that are prices, with one step at every price.
    static func plain(opening: Money = 1, step: Money = 1) -> AuctionRules {
        AuctionRules(
            openingPrice: opening,
            increments: Increments.table([IncrementRow(from: 0, step: step)]))
    }
}

extension Increments {
    /// eBay's table for US dollars, in cents.
    static let us = Increments.table([
        IncrementRow(from: 0, step: 5), IncrementRow(from: 1_00, step: 25),
        IncrementRow(from: 5_00, step: 50), IncrementRow(from: 25_00, step: 1_00),
        IncrementRow(from: 100_00, step: 2_50), IncrementRow(from: 250_00, step: 5_00),
        IncrementRow(from: 500_00, step: 10_00), IncrementRow(from: 1_000_00, step: 25_00),
        IncrementRow(from: 2_500_00, step: 50_00), IncrementRow(from: 5_000_00, step: 100_00),
    ])
}
