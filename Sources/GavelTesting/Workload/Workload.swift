// Streams of commands that reach every rule: few names, so that everything collides, and amounts
// and times aimed at the edges (exactly the minimum, one below, the leader's maximum, exactly
// closes_at, one nanosecond before, …).
//
// Invariants: the same seed and configuration give the same steps on every machine; times never
// fall; ids are UUIDs version 7 of the step's time unless the step is meant to be refused. To
// aim, a workload keeps a `NaiveModel` of its own and submits each step to it: its answer is what
// a ledger given the same steps must answer.

public import AuctionDomain

/// One command of a workload, with the time at which it is to be submitted.
public struct WorkloadStep: Hashable, Sendable {
    public var id: CommandID
    public var actor: LedgerActor
    public var command: Command
    public var time: Timestamp

    public init(id: CommandID, actor: LedgerActor, command: Command, time: Timestamp) {
        self.id = id
        self.actor = actor
        self.command = command
        self.time = time
    }
}

/// A deterministic, endless stream of commands.
///
///     var workload = Workload(seed: 7)
///     for _ in 0..<10_000 {
///         let step = workload.nextStep()
///         let answer = …          // submit the step to the ledger under test
///         // compare the answer with `workload.outcome`
///     }
///     // compare the ledger's state with `workload.model`
public struct Workload: IteratorProtocol, Sendable {
    /// What a workload is made of. The defaults reach every rule within some thousand steps.
    public struct Configuration: Hashable, Sendable {
        /// The time of the first step.
        public var start = Timestamp(seconds: 1_700_000_000)
        /// How many user names there are; half of them are registered at the start.
        public var users = 8
        /// How many auctions to keep open at once, scheduled ones included.
        public var openAuctions = 6
        /// How often each kind of command is drawn.
        public var weights = Weights()
        /// How often a step is bent so that it is refused or rejected.
        public var faults = Faults()

        public init() {}
    }

    /// How often each kind of command is drawn, in parts of the sum of all.
    public struct Weights: Hashable, Sendable {
        public var bid = 640
        public var buyNow = 30
        public var charge = 70
        public var withdraw = 50
        /// Used as long as enough auctions are open; three times as much otherwise.
        public var open = 40
        public var close = 40
        public var hammer = 30
        public var extend = 40
        public var cancel = 20
        public var registerUser = 15
        public var registerCurrency = 10

        public init() {}
    }

    /// How many of a thousand steps are bent in each way.
    public struct Faults: Hashable, Sendable {
        /// A name that was never registered.
        public var unknownName = 12
        /// Somebody else than the one the command is for.
        public var wrongActor = 30
        /// A command that `validate` refuses.
        public var malformed = 12
        /// An earlier step again: the answer is the first one.
        public var repeatedStep = 12
        /// The id of an earlier step with another command.
        public var reusedID = 8
        /// An id with a time five minutes ahead, or a little more.
        public var idInFuture = 8
        /// An id that is no UUID version 7.
        public var malformedID = 6

        public init() {}

        /// No fault of command ids: for tests below the engine, which knows the ids.
        public static var withoutIDs: Faults {
            var faults = Faults()
            faults.repeatedStep = 0
            faults.reusedID = 0
            faults.idInFuture = 0
            faults.malformedID = 0
            return faults
        }
    }

    /// How many earlier steps are remembered to be repeated, and how old they may be: an engine
    /// forgets command ids after an hour.
    private static let recentMax = 64
    private static let recentAgeMax: Int64 = 20 * 60 * 1_000_000_000

    public let seed: UInt64
    public let configuration: Configuration
    /// The world as it is after the last step.
    public private(set) var model = NaiveModel()
    /// What the model answered to the last step.
    public private(set) var outcome = ModelOutcome.accepted

    var generator: SeededGenerator
    /// The time of the step being made.
    var time: Timestamp
    /// The auction at whose edge the step's time lies; its command should be about that one.
    var focus: AuctionID?
    /// The users who exist, so that a name can be drawn without sorting.
    var registeredUsers: [UserID] = []
    /// Each user's last payment reference, for drawing it again.
    var lastReference: [UserID: PaymentReference] = [:]
    var referencesDrawn = 0
    var auctionsDrawn = 0
    private var pending: [(actor: LedgerActor, command: Command)]
    private var recent: [WorkloadStep] = []

    /// Makes the stream that belongs to a seed.
    public init(seed: UInt64, configuration: Configuration = Configuration()) {
        precondition(configuration.users >= 4, "a workload needs a seller and some bidders")
        self.seed = seed
        self.configuration = configuration
        generator = SeededGenerator(seed: seed)
        time = configuration.start
        pending = Self.preparation(users: configuration.users)
    }

    /// Never nil: the stream has no end.
    public mutating func next() -> WorkloadStep? { nextStep() }

    /// Lets the house be out of reach after the last step, for up to a minute and a half and often
    /// just until an auction's end; then the operator lets what was held go on. The next step comes
    /// at `until` or later.
    /// - Returns: when the house was last there, and when it was there again; `model` reflects it.
    public mutating func nextOutage() -> (since: Timestamp, until: Timestamp) {
        let since = time
        model.closeDue(at: since)
        let ends = model.open.compactMap { model.auctions[$0]!.closesAt }
        let span = generator.number(in: 1...90_000_000_000)
        time = Timestamp(nanoseconds: since.nanoseconds + span)
        if !ends.isEmpty, generator.chance(perMille: 300) {
            let end = generator.pick(ends)
            if end < time { time = end }
        }
        model.endOutage(since: since, until: time)
        model.confirmClosings(at: time)
        return (since, time)
    }

    /// Makes the next step and submits it to the model.
    public mutating func nextStep() -> WorkloadStep {
        passTime()
        let step = makeStep()
        outcome = model.submit(step)
        if outcome == .accepted, case .registerUser(let user) = step.command {
            registeredUsers.append(user)
        }
        recent.append(step)
        if recent.count > Self.recentMax { recent.removeFirst() }
        return step
    }

    private mutating func makeStep() -> WorkloadStep {
        let faults = configuration.faults
        let earlier = recentStep()
        if let earlier, generator.chance(perMille: faults.repeatedStep) {
            var step = earlier
            step.time = time
            return step
        }
        var (actor, command) = pending.isEmpty ? makeCommand() : pending.removeFirst()
        if generator.chance(perMille: faults.malformed) { command = makeMalformed() }
        if generator.chance(perMille: faults.unknownName) { command = withUnknownName(command) }
        if generator.chance(perMille: faults.wrongActor) { actor = makeActor() }
        var id = makeID(millisecondsAhead: 0)
        if let earlier, generator.chance(perMille: faults.reusedID) { id = earlier.id }
        if generator.chance(perMille: faults.idInFuture) {
            // Exactly five minutes ahead is still taken.
            id = makeID(millisecondsAhead: 300_000 + UInt64(generator.below(3)))
        }
        if generator.chance(perMille: faults.malformedID) { id = makeMalformedID() }
        return WorkloadStep(id: id, actor: actor, command: command, time: time)
    }

    /// An earlier step young enough that an engine still knows its id.
    private mutating func recentStep() -> WorkloadStep? {
        guard !recent.isEmpty else { return nil }
        let step = generator.pick(recent)
        let isYoung = time.nanoseconds - step.time.nanoseconds <= Self.recentAgeMax
        return isYoung ? step : nil
    }

    private mutating func makeID(millisecondsAhead: UInt64) -> CommandID {
        CommandID(
            milliseconds: UInt64(time.nanoseconds / 1_000_000) + millisecondsAhead,
            randomHigh: generator.next(), randomLow: generator.next())
    }

    private mutating func makeMalformedID() -> CommandID {
        let good = makeID(millisecondsAhead: 0)
        return switch generator.below(3) {
        case 0: .none
        // Version 4.
        case 1: CommandID(high: good.high & ~0xF000 | 0x4000, low: good.low)
        // The variant of Microsoft's GUIDs.
        default: CommandID(high: good.high, low: good.low | 0xC000_0000_0000_0000)
        }
    }

    /// Who and what must be there before anything can happen.
    private static func preparation(users: Int) -> [(actor: LedgerActor, command: Command)] {
        var steps: [(actor: LedgerActor, command: Command)] = []
        for currency in currencies.dropLast() {
            steps.append((.operator, .registerCurrency(currency)))
        }
        for number in 0..<(users + 1) / 2 {
            let user = userName(number)
            steps.append((.user(user), .registerUser(user)))
            for currency in currencies.dropLast(2) {
                let charge = Command.charge(
                    user: user, currency: currency.code, amount: 5_000,
                    reference: PaymentReference(unchecked: "start-\(currency.code)"))
                steps.append((.payment, charge))
            }
        }
        // Nearly all the money that can ever be: what follows lies at the edge of overflow.
        let rest = Money(minorUnits: .max - 3_000)
        let charge = Command.charge(
            user: userName(0), currency: hugeCurrency, amount: rest, reference: "huge")
        steps.append((.operator, charge))
        return steps
    }
}

// MARK: - Names

extension Workload {
    /// The last one is registered only when it is drawn, the one before takes huge amounts.
    static let currencies = [
        Currency(code: "USD", scale: 2), Currency(code: "KRW", scale: 0),
        Currency(code: "HUGE", scale: 9), Currency(code: "EUR", scale: 2),
    ]
    static let hugeCurrency: CurrencyCode = "HUGE"

    static func userName(_ number: Int) -> UserID { UserID(unchecked: "user-\(number)") }
}

// MARK: - Time

extension Workload {
    /// Moves the clock: mostly a little, often not at all, sometimes exactly onto an edge.
    private mutating func passTime() {
        focus = nil
        let draw = generator.below(1_000)
        let nanoseconds: Int64
        switch draw {
        case ..<300: nanoseconds = 0
        case ..<350: nanoseconds = 1
        case ..<940: nanoseconds = generator.number(in: 0...600_000_000)
        case ..<975:
            if moveToEdge() { return }
            nanoseconds = 1_000
        case ..<995: nanoseconds = generator.number(in: 0...2_000_000_000)
        default: nanoseconds = generator.number(in: 0...40_000_000_000)
        }
        time = Timestamp(nanoseconds: time.nanoseconds + nanoseconds)
    }

    /// Moves the clock to the next end or opening of an auction or to where a soft close's window
    /// begins, or one nanosecond before it.
    /// - Returns: false where no auction has an edge ahead.
    private mutating func moveToEdge() -> Bool {
        let draw = generator.below(10)
        var nearest: (edge: Timestamp, auction: AuctionID)?
        for id in model.open {
            let edge = draw < 3 ? model.auctions[id]!.opensAt : end(of: id, window: draw < 5)
            guard let edge, edge > time else { continue }
            if nearest == nil || edge < nearest!.edge { nearest = (edge, id) }
        }
        guard let nearest else { return false }
        let before: Int64 = generator.chance(perMille: 500) ? 1 : 0
        time = Timestamp(nanoseconds: nearest.edge.nanoseconds - before)
        focus = nearest.auction
        return true
    }

    /// An auction's end, or the first moment at which a bid may move it.
    private func end(of id: AuctionID, window: Bool) -> Timestamp? {
        let auction = model.auctions[id]!
        guard let end = auction.closesAt else { return nil }
        guard window, let rule = auction.rules.softClose else { return end }
        return Timestamp(nanoseconds: end.nanoseconds - rule.windowMilliseconds * 1_000_000)
    }
}
