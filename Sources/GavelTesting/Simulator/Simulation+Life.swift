// How a simulated house opens, ends and is hurt, and how its clocks go.

internal import AuctionDomain
internal import Gavel

extension Simulation {
    mutating func open(afterDown down: Int64) throws(Fault) {
        machine.pass(down)
        correctWall()
        var settings = EngineCore.Settings()
        settings.freeBytesMin = Self.freeBytesMin
        settings.salting = .none
        // In every other process what was written lately is read from the store as well.
        if auditor.state.epoch % 2 == 0 { settings.shortcuts.remove(.recentFrames) }
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
        if auditor.isHeldByOperator { coverage.mark("opening after a hold") }
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
    mutating func restart(
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

    mutating func end(isOrderly: Bool) throws(Fault) {
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
    mutating func failCommit(isStored: Bool) throws(Fault) {
        guard let (frame, identity) = inFlight.first else { return }
        coverage.mark(isStored ? "commit stored though unknown" : "commit lost")
        if isStored { try keep(frame, identity) }
        inFlight = []
        try restart(isOrderly: false, afterDown: Self.second)
    }

    /// The machine starts with a wall clock that is wrong until the network has corrected it.
    mutating func startWrong() throws(Fault) {
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

    mutating func jump() {
        guard wallIsRightAt == nil, machine.wallError == 0 else { return }
        machine.wallError =
            generator.pick([86_400, 31_536_000, 61, -90, -1_800]) * Self.second
        coverage.mark(machine.wallError > 0 ? "wall clock went ahead" : "wall clock went back")
        machine.isSynchronized = generator.chance(perMille: 500) ? false : nil
        wallIsRightAt = machine.trueTime + generator.number(in: 10...400) * Self.second
    }

    /// A virtual machine is paused: afterwards a time server moves the wall clock ahead.
    mutating func pause() throws(Fault) {
        guard wallIsRightAt == nil, machine.wallError == 0 else { return }
        let paused = generator.number(in: 70...172_800) * Self.second
        if paused > 86_400 * Self.second { coverage.mark("paused for more than a day") }
        machine.pause(paused)
        machine.wallError = 0
        machine.isSynchronized = true
        try tick()
    }
}

// MARK: - Time

extension Simulation {
    /// Reads the clocks, as the shell does once a second.
    mutating func tick() throws(Fault) {
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
    mutating func correctWall() {
        guard let rightAt = wallIsRightAt, machine.trueTime >= rightAt else { return }
        machine.wallError = 0
        machine.isSynchronized = true
        wallIsRightAt = nil
    }

    mutating func pass() throws(Fault) {
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
}
