// What clients and operators of a simulated house do, and the end at which everything must work.

internal import AuctionDomain
internal import Gavel

extension Simulation {
    mutating func prepare() throws(Fault) {
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
    mutating func clientID(ahead: Int64 = 0) -> CommandID {
        let time = machine.trueTime + ahead + generator.number(in: -Self.second...Self.second)
        return CommandID(
            milliseconds: UInt64(time / 1_000_000), randomHigh: generator.next(),
            randomLow: generator.next())
    }

    mutating func ask(_ command: Command, by actor: LedgerActor, id: CommandID? = nil) {
        let submission = Submission(id: id ?? clientID(), actor: actor, command: command)
        let number = auditor.asks([submission], asker: nextAsker)
        nextAsker += 1
        queue.append(
            CoreItem(boot: boot, work: .one(submission), asker: .number(number)))
    }

    /// Work of the shell's own, which nobody audits the answer of.
    mutating func ask(_ work: CoreItem.Work) {
        queue.append(CoreItem(boot: boot, work: work, asker: .none))
    }

    mutating func submit() throws(Fault) {
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

    mutating func draw() -> (Command, LedgerActor) {
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

    mutating func reference() -> PaymentReference {
        PaymentReference(stringLiteral: "r\(generator.below(1 << 30))")
    }

    mutating func open() -> Command {
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

    mutating func repeatEarlier() throws(Fault) {
        guard var earlier = auditor.someAsked(&generator) else { return }
        if generator.chance(perMille: 200) {
            earlier.command = .registerUser("somebody-else")
        }
        ask(earlier.command, by: earlier.actor, id: earlier.id)
    }

    mutating func operate() throws(Fault) {
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
    mutating func rotate() {
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
}

// MARK: - The end

extension Simulation {
    /// Everything is well again: now everything must work.
    mutating func heal() throws(Fault) {
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
