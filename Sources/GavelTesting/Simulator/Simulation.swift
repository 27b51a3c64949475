// A whole house in one thread: real cores on a machine, a store and clients that are simulated,
// with faults at every step, held against the plain model.
//
// Invariants: a seed fixes everything, so a finding is seen again by running its seed; nothing here
// waits, sleeps or reads a clock of the real machine.

internal import AuctionDomain
internal import Gavel
internal import Platform

/// What a simulation may do to the house besides serving it. Each kind can be left out, to see
/// which of them a finding needs.
public enum SimulatedFault: String, CaseIterable, Hashable, Sendable {
    case crash
    case reboot
    case storeFails = "store-fails"
    case slowStore = "slow-store"
    case wallJump = "wall-jump"
    case wrongAtStart = "wrong-at-start"
    case pausedMachine = "paused-machine"
    case silence
    case longClosed = "long-closed"
    case lowStorage = "low-storage"
    case operatorHolds = "operator-holds"
    case rotation
}

/// Faults of the engine and its shell that are planted on purpose, to see that a simulation finds
/// them.
public enum PlantedDefect: String, CaseIterable, Hashable, Sendable {
    /// Entries are stamped by the wall clock, whatever it says.
    case stampsByWallClock = "stamps-by-wall-clock"
    /// An opening believes the wall clock, whatever it says.
    case startsByWallClock = "starts-by-wall-clock"
    /// What a reader would refuse is written.
    case writesUnchecked = "writes-unchecked"
    /// Free space is looked at only as entries are written.
    case storageStaysLow = "storage-stays-low"
    /// Callers are answered before the frame is durable.
    case answersEarly = "answers-early"
    /// The ids of commands are forgotten at an opening.
    case forgetsIDs = "forgets-ids"
    /// The ids that are stored beside a snapshot are those of the frame before it.
    case staleIDs = "stale-ids"
    /// Ids age sixty times too fast.
    case agesIDs = "ages-ids"
    /// Nobody notices that nobody was there.
    case ignoresOutages = "ignores-outages"
    /// A restart forgets which auctions wait.
    case forgetsOutages = "forgets-outages"
    /// A held clock is confirmed by nobody.
    case confirmsAlone = "confirms-alone"
    /// The entry of a repeated command is looked up beside its place.
    case readsBeside = "reads-beside"
    /// A frame that was reported durable is not in the store.
    case losesFrame = "loses-frame"
    /// Auctions close two minutes before their end.
    case closesEarly = "closes-early"
    /// Nothing closes unless somebody comes.
    case closesLate = "closes-late"
}

/// What a simulation found.
public struct SimulationFinding: Error, Hashable, Sendable, CustomStringConvertible {
    public var seed: UInt64
    /// The step at which it was found, from 0.
    public var step: Int
    public var what: String

    public var description: String { "seed \(seed), step \(step): \(what)" }
}

/// How often what is rare happened.
public struct SimulationCoverage: Sendable {
    public private(set) var counts: [String: Int] = [:]

    /// What must happen now and then for a run to mean something.
    public static let marks = [
        "answered after a restart by the first receipt", "bid held by a clock",
        "bid held by an outage", "bid held by storage", "clock agreed by itself",
        "clock believed", "clock held", "clock held at an opening", "closed", "commit lost",
        "commit stored though unknown", "crash lost frames", "crash of 4 s across an end",
        "crash of 4 min across an end", "drift of 150 ppm or more", "entry supplied",
        "frame grew", "id expired", "id in future", "id reused", "ids from a snapshot",
        "moved by an outage", "opening after days", "paused for more than a day", "rejected",
        "replayed", "rotation refused", "silence", "start 1 h behind", "start 2 h ahead",
        "start 1 day ahead", "start 1 year ahead", "storage low", "wall clock went ahead",
        "wall clock went back",
    ]

    mutating func mark(_ what: String) { counts[what, default: 0] += 1 }

    public mutating func add(_ other: SimulationCoverage) {
        counts.merge(other.counts) { $0 + $1 }
    }

    /// The marks that were never reached.
    public var missing: [String] { Self.marks.filter { counts[$0] == nil } }
}

/// One run of a simulated house.
public struct Simulation {
    public struct Configuration: Sendable {
        public var steps = 240
        public var faults = Set(SimulatedFault.allCases)
        public var defect: PlantedDefect?

        public init() {}
    }

    private static let second: Int64 = 1_000_000_000
    private static let retentionSeconds = 3600
    private static let freeBytesMin = 1 << 20

    private let seed: UInt64
    private let configuration: Configuration
    private var generator: SeededGenerator
    private var machine: SimulatedMachine
    private var auditor: Auditor
    private var process: Process
    private var sealer = FrameSealer(tree: MerkleTree(), engine: .fastest)

    /// Durable frames as they are stored.
    private var stored: [[UInt8]] = []
    /// Frames on their way.
    private var inFlight: [(frame: Frame, identity: Frame.Identity)] = []
    /// The ids of commands as a snapshot has them, and how many entries it reflects.
    private var snapshot: (ids: CommandIDWindow, count: UInt64)?
    private var heartbeat: Heartbeat?
    private var queue: ContiguousArray<CoreItem> = []
    private var nextAsker: UInt64 = 1
    private var isStorageLow = false
    /// How many entries were durable when free space was last looked at.
    private var spaceSeenAt: UInt64?
    private var isLowKnown = false
    /// Until when the wall clock is wrong, by true time.
    private var wallIsRightAt: Int64?
    private var rotations: UInt64 = 0
    private var step = 0
    public private(set) var coverage = SimulationCoverage()

    /// Runs a seed.
    /// - Returns: what was reached.
    /// - Throws: `SimulationFinding`.
    public static func run(
        seed: UInt64, _ configuration: Configuration = Configuration()
    ) throws(SimulationFinding) -> SimulationCoverage {
        var simulation = Simulation(seed: seed, configuration)
        do {
            try simulation.run()
        } catch {
            throw SimulationFinding(seed: seed, step: simulation.step, what: error.what)
        }
        return simulation.coverage
    }

    /// Finds the fewest steps and kinds of faults with which a seed still finds something.
    /// - Returns: the configuration, and what is found with it; nil where nothing is.
    public static func shrink(
        seed: UInt64, _ configuration: Configuration
    ) -> (configuration: Configuration, finding: SimulationFinding)? {
        func finding(_ some: Configuration) -> SimulationFinding? {
            do {
                _ = try run(seed: seed, some)
                return nil
            } catch { return error }
        }
        var least = configuration
        guard var found = finding(least) else { return nil }
        for fault in SimulatedFault.allCases where least.faults.contains(fault) {
            var without = least
            without.faults.remove(fault)
            if let still = finding(without) { (least, found) = (without, still) }
        }
        var fewer = least
        fewer.steps = min(least.steps, found.step + 1)
        while let still = finding(fewer) {
            (least, found) = (fewer, still)
            guard fewer.steps > 1 else { break }
            fewer.steps = min(fewer.steps - 1, found.step + 1)
        }
        return (least, found)
    }

    private init(seed: UInt64, _ configuration: Configuration) {
        self.seed = seed
        self.configuration = configuration
        generator = SeededGenerator(seed: seed)
        let start = 1_700_000_000 * Self.second + Int64(generator.below(1_000_000_000))
        machine = SimulatedMachine(
            startingAt: start, boot: 100_000 * Self.second,
            drift: generator.number(in: -200...200))
        if machine.drift.magnitude >= 150 { coverage.mark("drift of 150 ppm or more") }
        auditor = Auditor(defect: configuration.defect)
        process = Process(beforeTheFirstOpening: machine.reading)
    }

    // MARK: Running

    private mutating func run() throws(Fault) {
        try open(afterDown: 0)
        try prepare()
        while step < configuration.steps {
            try takeStep()
            step += 1
        }
        try heal()
    }

    private mutating func takeStep() throws(Fault) {
        switch generator.below(100) {
        case ..<46: try submit()
        case ..<62: try pass()
        case ..<70: try report()
        case ..<76: try repeatEarlier()
        case ..<80: try operate()
        default: try fault()
        }
        try work()
    }

    /// Faults that this run may have.
    private func may(_ fault: SimulatedFault) -> Bool { configuration.faults.contains(fault) }

    private mutating func fault() throws(Fault) {
        let fault = SimulatedFault.allCases[generator.below(SimulatedFault.allCases.count)]
        let draw = generator.below(1_000)
        guard may(fault) else { return }
        switch fault {
        case .crash: try restart(isOrderly: draw < 300, afterDown: shortDown(draw))
        case .reboot:
            // A machine that starts with a wrong clock is `wrongAtStart`.
            guard machine.wallError == 0 else { return }
            try restart(isOrderly: draw < 500, reboots: true, afterDown: shortDown(draw))
        case .wrongAtStart: try startWrong()
        case .storeFails: try failCommit(isStored: draw < 500)
        case .slowStore: break
        case .wallJump: jump()
        case .pausedMachine: try pause()
        case .silence:
            coverage.mark("silence")
            let since = boot + process.core.status.timeOffset
            machine.pass(generator.number(in: 6...2_000) * Self.second)
            auditor.wasSilent(since: since, until: boot + process.core.status.timeOffset)
        case .longClosed:
            coverage.mark("opening after days")
            try restart(
                isOrderly: draw < 800,
                afterDown: generator.number(in: 40_000...400_000) * Self.second)
        case .lowStorage:
            isStorageLow.toggle()
            auditor.note(storageLow: isStorageLow)
        case .operatorHolds:
            ask(.hold(true))
            auditor.operatorHolds()
        case .rotation: rotate()
        }
    }

    private func shortDown(_ draw: Int) -> Int64 {
        [0, 1, 4, 4, 30, 240, 240, 900][draw % 8] * Self.second
    }

    // MARK: The shell

    /// Lets the core work off what is in the queue.
    private mutating func work() throws(Fault) {
        var items = ContiguousArray<CoreItem>()
        swap(&items, &queue)
        let shift: Int64 =
            switch configuration.defect {
            case .closesEarly: 120
            case .closesLate: -100
            default: 0
            }
        process.core.receive(items, at: boot + shift * Self.second)
        auditor.note(trueTime: machine.trueTime)
        deciding: while true {
            if process.core.wantsFreeBytes, looksAtSpace {
                process.core.note(freeBytes: freeBytes)
                spaceSeenAt = auditor.durableCount
                isLowKnown = isStorageLow
            }
            process.core.note(durable: auditor.durableCount)
            let progress = process.core.decide()
            try observe()
            switch progress {
            case .idle: break deciding
            case .frameIsFull: try store()
            case .needs(let position):
                coverage.mark("entry supplied")
                let beside = configuration.defect == .readsBeside && position > 0
                process.core.supply(try read(beside ? position - 1 : position), at: position)
            case .failed(let reason): throw Fault("the core stopped: \(reason)")
            }
        }
        if process.core.isWorthStoring(inFlight: inFlight.count) {
            try store()
        } else if process.core.answerCount > 0 {
            coverage.mark("frame grew")
        }
        if inFlight.isEmpty, process.core.isOpenFrameEmpty { try auditor.checkQuiet() }
    }

    /// Passes on what the core says.
    private mutating func observe() throws(Fault) {
        var wasHeld = false
        for notice in process.core.takeNotices() {
            mark(notice)
            switch notice {
            case .clockHeld, .clocksAgree, .outage: wasHeld = true
            case .storage: break
            }
        }
        try auditor.observe(process.core.status, boot: boot, wasHeldMeanwhile: wasHeld)
    }

    private var looksAtSpace: Bool {
        guard configuration.defect == .storageStaysLow, let last = spaceSeenAt else { return true }
        return auditor.durableCount >= last + (isLowKnown ? 4096 : 16)
    }

    private var freeBytes: Int { isStorageLow ? 0 : 1 << 30 }

    /// The boot clock, as the shell reads it.
    private var boot: Int64 {
        configuration.defect == .stampsByWallClock
            ? machine.reading.wall.nanoseconds : machine.boot
    }

    private var reading: ClockReading {
        var reading = machine.reading
        reading.boot = boot
        return reading
    }

    private mutating func mark(_ notice: CoreNotice) {
        switch notice {
        case .clockHeld: coverage.mark("clock held")
        case .clocksAgree: coverage.mark("clock agreed by itself")
        case .outage(_, let held, let moved):
            if moved > 0 { coverage.mark("moved by an outage") }
            if held > 0 { coverage.mark("waits after an outage") }
        case .storage(let isLow): if isLow { coverage.mark("storage low") }
        }
        if configuration.defect == .confirmsAlone, case .clockHeld = notice {
            queue.append(CoreItem(boot: boot, work: .hold(false), asker: .none))
        }
    }

    /// Takes the open frame and gives it to the store.
    private mutating func store() throws(Fault) {
        while inFlight.count >= EngineCore.Settings().framesInFlightMax { try report() }
        let number = stored.count + inFlight.count
        let taken = process.core.takeFrame(carriesIDs: number % 8 == 7)
        inFlight.append(taken)
        if configuration.defect == .answersEarly {
            for answer in taken.frame.takeAnswers() { try auditor.answered(answer, &coverage) }
        }
        // Mostly a store is quick.
        if !may(.slowStore) || generator.chance(perMille: 700) { try report() }
    }

    /// The oldest frame on its way becomes durable.
    private mutating func report() throws(Fault) {
        guard !inFlight.isEmpty else { return }
        let (frame, identity) = inFlight.removeFirst()
        try keep(frame, identity)
        for answer in frame.takeAnswers() { try auditor.answered(answer, &coverage) }
    }

    private mutating func keep(_ frame: Frame, _ identity: Frame.Identity) throws(Fault) {
        guard !frame.isEmpty else { return }
        if configuration.defect == .losesFrame, stored.count % 16 == 15 { return }
        sealer.seal(frame, identity)
        var bytes: [UInt8] = []
        frame.withParts { bytes += $0.array() }
        stored.append(bytes)
        if let ids = frame.takeIDs() {
            let isStale = configuration.defect == .staleIDs
            snapshot = (isStale ? snapshot?.ids ?? ids : ids, frame.endPosition)
        }
        try auditor.read(bytes, &coverage)
    }

    private func read(_ position: UInt64) throws(Fault) -> DecodedEntry? {
        try auditor.entry(at: position, in: stored)
    }

    // MARK: Life

    private mutating func open(afterDown down: Int64) throws(Fault) {
        machine.pass(down)
        correctWall()
        var settings = EngineCore.Settings()
        settings.freeBytesMin = Self.freeBytesMin
        settings.salting = .none
        settings.checksEntries = configuration.defect != .writesUnchecked
        let state = auditor.state
        var window = CommandIDWindow(
            retentionSeconds: configuration.defect == .agesIDs
                ? Self.retentionSeconds / 60 : Self.retentionSeconds,
            countMax: 1 << 20, horizon: auditor.horizon)
        if configuration.defect != .forgetsIDs {
            // Now and then there is no snapshot, and the ids are read back from the log.
            let snapshot = stored.count % 3 == 0 ? nil : snapshot
            if let snapshot {
                window.takeOver(snapshot.ids)
                coverage.mark("ids from a snapshot")
            }
            for (id, position) in auditor.ids where position >= snapshot?.count ?? 0 {
                window.insert(id, at: position)
            }
        }
        var last = heartbeat
        switch configuration.defect {
        case .ignoresOutages: last?.time = Timestamp(nanoseconds: machine.trueTime)
        case .forgetsOutages: last?.outageSince = nil
        case .startsByWallClock: last = nil
        default: break
        }
        var reading = reading
        if configuration.defect == .startsByWallClock { reading.isSynchronized = true }
        let isNew = state.entryCount == 0
        process = Process(
            EngineCore(
                state: state, window: window, frameNumber: UInt64(stored.count), settings: settings,
                closing: .automatic, reading: reading, bootID: machine.bootID, heartbeat: last))
        if process.core.status.isClockHeld { coverage.mark("clock held at an opening") }
        try auditor.opened(
            lastHeartbeat: heartbeat?.time, trueTime: machine.trueTime, process.core.status,
            boot: boot)
        process.core.open(
            newLedger: isNew ? LedgerID(high: seed, low: 1) : nil, restored: nil,
            version: "simulated", asker: .none)
        if let failure = process.core.failure { throw Fault("an opening failed: \(failure)") }
        let taken = process.core.takeFrame()
        try keep(taken.frame, taken.identity)
        try tick()
    }

    /// Ends the process, and starts another one.
    private mutating func restart(
        isOrderly: Bool, reboots: Bool = false, afterDown down: Int64
    ) throws(Fault) {
        try end(isOrderly: isOrderly)
        if !isOrderly, !reboots, auditor.hasEnd(within: down) {
            switch down / Self.second {
            case 4: coverage.mark("crash of 4 s across an end")
            case 240: coverage.mark("crash of 4 min across an end")
            default: break
            }
        }
        if reboots { machine.restart() }
        try open(afterDown: down)
    }

    private mutating func end(isOrderly: Bool) throws(Fault) {
        if isOrderly {
            try tick()
            try store()
            while !inFlight.isEmpty { try report() }
            auditor.lostAskers()
        } else {
            // Of what is on its way some is in the store, and nobody was told.
            let kept = generator.below(inFlight.count + 1)
            for (frame, identity) in inFlight.prefix(kept) { try keep(frame, identity) }
            if kept < inFlight.count { coverage.mark("crash lost frames") }
            auditor.lostAskers()
        }
        inFlight = []
        queue = []
    }

    /// A commit whose outcome nobody knows ends the process.
    private mutating func failCommit(isStored: Bool) throws(Fault) {
        guard let (frame, identity) = inFlight.first else { return }
        coverage.mark(isStored ? "commit stored though unknown" : "commit lost")
        if isStored { try keep(frame, identity) }
        inFlight = []
        try restart(isOrderly: false, afterDown: Self.second)
    }

    /// The machine starts with a wall clock that is wrong until the network has corrected it.
    private mutating func startWrong() throws(Fault) {
        guard wallIsRightAt == nil, machine.wallError == 0 else { return }
        try end(isOrderly: generator.chance(perMille: 500))
        machine.restart()
        machine.isSynchronized = false
        let ahead: Int64 = generator.pick([7_200, 86_400, 31_536_000, -3_600])
        switch ahead {
        case 7_200: coverage.mark("start 2 h ahead")
        case 86_400: coverage.mark("start 1 day ahead")
        case 31_536_000: coverage.mark("start 1 year ahead")
        default: coverage.mark("start 1 h behind")
        }
        machine.wallError = ahead * Self.second
        wallIsRightAt = machine.trueTime + generator.number(in: 20...200) * Self.second
        try open(afterDown: 5 * Self.second)
    }

    private mutating func jump() {
        guard wallIsRightAt == nil, machine.wallError == 0 else { return }
        machine.wallError =
            generator.pick([86_400, 31_536_000, 61, -90, -1_800]) * Self.second
        coverage.mark(machine.wallError > 0 ? "wall clock went ahead" : "wall clock went back")
        machine.isSynchronized = generator.chance(perMille: 500) ? false : nil
        wallIsRightAt = machine.trueTime + generator.number(in: 10...400) * Self.second
    }

    /// A virtual machine is paused: afterwards a time server moves the wall clock ahead.
    private mutating func pause() throws(Fault) {
        guard wallIsRightAt == nil, machine.wallError == 0 else { return }
        let paused = generator.number(in: 70...172_800) * Self.second
        if paused > 86_400 * Self.second { coverage.mark("paused for more than a day") }
        machine.pause(paused)
        machine.wallError = 0
        machine.isSynchronized = true
        try tick()
    }

    // MARK: Time

    /// Reads the clocks, as the shell does once a second.
    private mutating func tick() throws(Fault) {
        correctWall()
        queue.append(CoreItem(boot: boot, work: .clocks(reading), asker: .none))
        let before = process.core.status
        auditor.ticked()
        try work()
        let status = process.core.status
        if before.isClockHeld, !status.isClockHeld, status.clockGap == 0 {
            coverage.mark("clock believed")
        }
        heartbeat = Heartbeat(
            time: Timestamp(nanoseconds: boot + status.timeOffset), boot: boot,
            bootID: machine.bootID, outageSince: status.unsettledSince)
    }

    /// A time server corrects the wall clock when its time has come.
    private mutating func correctWall() {
        guard let rightAt = wallIsRightAt, machine.trueTime >= rightAt else { return }
        machine.wallError = 0
        machine.isSynchronized = true
        wallIsRightAt = nil
    }

    private mutating func pass() throws(Fault) {
        let draw = generator.below(10)
        var left: Int64
        switch draw {
        case ..<4: left = generator.number(in: 1...Self.second)
        case ..<7: left = generator.number(in: 1...30) * Self.second
        case ..<8: left = generator.number(in: 60...1_200) * Self.second
        default:
            // Just before or after an end.
            guard let end = auditor.nextEnd, end > machine.trueTime,
                end - machine.trueTime < 4_000 * Self.second
            else { return }
            left = end - machine.trueTime + generator.pick([-1, 0, 1, Self.second])
        }
        let rhythm = left > 100 * Self.second ? 4 * Self.second : Self.second
        while left > 0 {
            let some = min(left, rhythm)
            machine.pass(some)
            left -= some
            try tick()
        }
    }

    // MARK: Clients

    private mutating func prepare() throws(Fault) {
        ask(.registerCurrency(Currency(code: "USD", scale: 2)), by: .operator)
        for user in 0..<5 {
            ask(.registerUser(Auditor.user(user)), by: .operator)
            ask(
                .charge(
                    user: Auditor.user(user), currency: "USD", amount: 100_000,
                    reference: "first"), by: .operator)
        }
        try work()
        while !inFlight.isEmpty { try report() }
    }

    /// By what a client takes for the time: the true one, a little off.
    private mutating func clientID(ahead: Int64 = 0) -> CommandID {
        let time = machine.trueTime + ahead + generator.number(in: -Self.second...Self.second)
        return CommandID(
            milliseconds: UInt64(time / 1_000_000), randomHigh: generator.next(),
            randomLow: generator.next())
    }

    private mutating func ask(_ command: Command, by actor: Actor, id: CommandID? = nil) {
        let submission = Submission(id: id ?? clientID(), actor: actor, command: command)
        let number = auditor.asks([submission], asker: nextAsker)
        nextAsker += 1
        queue.append(
            CoreItem(boot: boot, work: .one(submission), asker: .number(number)))
    }

    /// Work of the shell's own, which nobody audits the answer of.
    private mutating func ask(_ work: CoreItem.Work) {
        queue.append(CoreItem(boot: boot, work: work, asker: .none))
    }

    private mutating func submit() throws(Fault) {
        if generator.chance(perMille: 150) {
            var batch: [Submission] = []
            for _ in 0..<generator.below(40) + 1 {
                let (command, actor) = draw()
                batch.append(Submission(id: clientID(), actor: actor, command: command))
            }
            let number = auditor.asks(batch, asker: nextAsker)
            nextAsker += 1
            queue.append(
                CoreItem(boot: boot, work: .batch(batch, times: nil), asker: .number(number)))
            return
        }
        for _ in 0..<generator.below(3) + 1 {
            let (command, actor) = draw()
            let ahead =
                generator.chance(perMille: 40)
                ? generator.pick([290, 310, 400, -3_000, -3_700, -9_000]) * Self.second : 0
            ask(command, by: actor, id: clientID(ahead: ahead))
        }
    }

    private mutating func draw() -> (Command, Actor) {
        let user = Auditor.user(generator.below(6))
        let lot = auditor.someLot(&generator)
        switch generator.below(20) {
        case ..<11:
            guard let lot else { break }
            let amount = max(1, auditor.amount(toBeat: lot) + generator.number(in: -2...6))
            return (
                .placeBid(auction: lot, bidder: user, amount: Money(minorUnits: amount)),
                .user(user)
            )
        case 11:
            guard let lot else { break }
            return (.closeAuction(lot, hammer: generator.chance(perMille: 500)), .operator)
        case 12:
            guard let lot else { break }
            let end = machine.trueTime + generator.number(in: -20...900) * Self.second
            return (.extendAuction(lot, closesAt: Timestamp(nanoseconds: end)), .operator)
        case 13:
            return (
                .withdraw(
                    user: user, currency: "USD",
                    amount: Money(minorUnits: generator.number(in: 1...500)),
                    reference: reference()), .user(user)
            )
        case 14, 15:
            return (
                .charge(
                    user: user, currency: "USD",
                    amount: Money(minorUnits: generator.number(in: 1...5_000)),
                    reference: reference()), .payment
            )
        default: break
        }
        return (open(), .operator)
    }

    private mutating func reference() -> PaymentReference {
        PaymentReference(stringLiteral: "r\(generator.below(1 << 30))")
    }

    private mutating func open() -> Command {
        var rules = AuctionRules()
        rules.openingPrice = 10
        rules.proxy = generator.chance(perMille: 500)
        if generator.chance(perMille: 300) {
            rules.softClose = SoftClose(windowMilliseconds: 20_000, extensionMilliseconds: 20_000)
        }
        if generator.chance(perMille: 400) {
            rules.outage = OutageRule(
                longerThanMilliseconds: generator.pick([1_000, 5_000, 60_000]),
                moveMilliseconds: generator.chance(perMille: 600)
                    ? generator.pick([1_000, 600_000]) : nil)
        }
        let end = machine.trueTime + generator.number(in: 1...600) * Self.second
        return .openAuction(
            OpenAuction(
                auction: auditor.newLot(), seller: Auditor.user(0), currency: "USD",
                closesAt: Timestamp(nanoseconds: end), rules: rules))
    }

    private mutating func repeatEarlier() throws(Fault) {
        guard var earlier = auditor.someAsked(&generator) else { return }
        if generator.chance(perMille: 200) {
            earlier.command = .registerUser("somebody-else")
        }
        ask(earlier.command, by: earlier.actor, id: earlier.id)
    }

    private mutating func operate() throws(Fault) {
        switch generator.below(3) {
        case 0:
            // Whoever confirms has looked at the clock.
            guard machine.wallError == 0 else { return }
            ask(.clocks(reading))
            auditor.operatorConfirms()
            ask(.hold(false))
        default: ask(.tick)
        }
    }

    /// Two at once, now and then, as when two operators do the same: only one may be written.
    private mutating func rotate() {
        let former = auditor.state.signingKey ?? Bytes32(0, 0, 0, 1)
        for _ in 0...generator.below(2) {
            rotations += 1
            let rotation = KeyRotation(
                key: Bytes32(0, 0, rotations, 1), previous: former,
                signature: (Bytes32.zero, Bytes32.zero))
            let asker = auditor.asksRotation(nextAsker)
            nextAsker += 1
            queue.append(CoreItem(boot: boot, work: .rotate(rotation), asker: .number(asker)))
        }
    }

    // MARK: The end

    /// Everything is well again: now everything must work.
    private mutating func heal() throws(Fault) {
        machine.wallError = 0
        machine.isSynchronized = true
        wallIsRightAt = nil
        isStorageLow = false
        auditor.note(storageLow: false)
        try work()
        for _ in 0..<130 {
            machine.pass(Self.second)
            try tick()
        }
        let id = clientID()
        ask(
            .charge(user: Auditor.user(1), currency: "USD", amount: 1, reference: reference()),
            by: .operator, id: id)
        auditor.operatorConfirms()
        ask(.hold(false))
        try work()
        machine.pass(Self.second)
        try tick()
        while !inFlight.isEmpty || !process.core.isOpenFrameEmpty {
            if inFlight.isEmpty { try store() } else { try report() }
        }
        try auditor.finish(id)
    }
}

/// A running engine. A class, since a noncopyable value cannot be read in its optional's place.
private final class Process {
    var core: EngineCore

    init(_ core: consuming EngineCore) { self.core = core }

    /// An engine of an empty ledger, which is given nothing to do.
    convenience init(beforeTheFirstOpening reading: ClockReading) {
        self.init(
            EngineCore(
                state: State(), window: CommandIDWindow(retentionSeconds: 1, countMax: 1),
                frameNumber: 0, settings: EngineCore.Settings(), closing: .automatic,
                reading: reading, bootID: nil, heartbeat: nil))
    }
}

/// Why a simulation stops.
struct Fault: Error {
    let what: String
    init(_ what: String) { self.what = what }
}
