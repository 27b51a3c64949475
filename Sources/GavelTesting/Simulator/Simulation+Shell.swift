// A simulated house's shell: it drives the core, stores frames and answers.

internal import AuctionDomain
internal import Gavel
internal import Platform

extension Simulation {
    /// Lets the core work off what is in the queue.
    mutating func work() throws(Fault) {
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
            process.core.note(durable: auditor.durableCount)
            if process.core.wantsFreeBytes, looksAtSpace {
                process.core.note(freeBytes: freeBytes)
                spaceSeenAt = auditor.durableCount
                isLowKnown = isStorageLow
            }
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
    mutating func observe() throws(Fault) {
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

    var looksAtSpace: Bool {
        guard configuration.defect == .storageStaysLow, let last = spaceSeenAt else { return true }
        return auditor.durableCount >= last + (isLowKnown ? 4096 : 16)
    }

    var freeBytes: Int { isStorageLow ? 0 : 1 << 30 }

    /// The boot clock, as the shell reads it.
    var boot: Int64 {
        configuration.defect == .stampsByWallClock
            ? machine.reading.wall.nanoseconds : machine.boot
    }

    var reading: ClockReading {
        var reading = machine.reading
        reading.boot = boot
        return reading
    }

    mutating func mark(_ notice: CoreNotice) {
        switch notice {
        case .clockHeld: coverage.mark("clock held")
        case .clocksAgree: coverage.mark("clock agreed by itself")
        case .outage(_, let held, let moved):
            if moved > 0 { coverage.mark("moved by an outage") }
            if held > 0 { coverage.mark("waits after an outage") }
        case .storage(let isLow, _, _): if isLow { coverage.mark("storage low") }
        }
        if configuration.defect == .confirmsAlone, case .clockHeld = notice {
            queue.append(CoreItem(boot: boot, work: .hold(false), asker: .none))
        }
    }

    /// Takes the open frame and gives it to the store.
    mutating func store() throws(Fault) {
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
    mutating func report() throws(Fault) {
        guard !inFlight.isEmpty else { return }
        let (frame, identity) = inFlight.removeFirst()
        try keep(frame, identity)
        for answer in frame.takeAnswers() { try auditor.answered(answer, &coverage) }
    }

    mutating func keep(_ frame: Frame, _ identity: Frame.Identity) throws(Fault) {
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

    func read(_ position: UInt64) throws(Fault) -> DecodedEntry? {
        try auditor.entry(at: position, in: stored)
    }
}

/// A running engine. A class, since a noncopyable value cannot be read in its optional's place.
final class Process {
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
