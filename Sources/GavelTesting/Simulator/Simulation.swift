// A whole house in one thread: real cores on a machine, a store and clients that are simulated,
// with faults at every step, held against the plain model.
//
// Invariants: a seed fixes everything, so a finding is seen again by running its seed; nothing here
// waits, sleeps or reads a clock of the real machine.

internal import AuctionDomain
internal import Gavel
internal import Platform

/// One run of a simulated house.
public struct Simulation {
    public struct Configuration: Sendable {
        public var steps = 240
        public var faults = Set(SimulatedFault.allCases)
        public var defect: PlantedDefect?

        public init() {}
    }

    static let second: Int64 = 1_000_000_000
    static let retentionSeconds = 3600
    static let freeBytesMin = 1 << 20

    let seed: UInt64
    let configuration: Configuration
    var generator: SeededGenerator
    var machine: SimulatedMachine
    var auditor: Auditor
    var process: Process
    var sealer = FrameSealer(tree: MerkleTree(), engine: .fastest)

    /// Durable frames as they are stored.
    var stored: [[UInt8]] = []
    /// Frames on their way.
    var inFlight: [(frame: Frame, identity: Frame.Identity)] = []
    /// The ids of commands as a snapshot has them, and how many entries it reflects.
    var snapshot: (ids: CommandIDWindow, count: UInt64)?
    var heartbeat: Heartbeat?
    var queue: ContiguousArray<CoreItem> = []
    var nextAsker: UInt64 = 1
    var isStorageLow = false
    /// How many entries were durable when free space was last looked at.
    var spaceSeenAt: UInt64?
    var isLowKnown = false
    /// Until when the wall clock is wrong, by true time.
    var wallIsRightAt: Int64?
    var rotations: UInt64 = 0
    var step = 0
    public internal(set) var coverage = SimulationCoverage()

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

    mutating func run() throws(Fault) {
        try open(afterDown: 0)
        try prepare()
        while step < configuration.steps {
            try takeStep()
            step += 1
        }
        try heal()
    }

    mutating func takeStep() throws(Fault) {
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
    func may(_ fault: SimulatedFault) -> Bool { configuration.faults.contains(fault) }

    mutating func fault() throws(Fault) {
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
            try work()
            auditor.operatorHolds()
            // The hold is written down before whoever asked for it is answered.
            try tick()
        case .rotation: rotate()
        }
    }

    func shortDown(_ draw: Int) -> Int64 {
        [0, 1, 4, 4, 30, 240, 240, 900][draw % 8] * Self.second
    }
}
