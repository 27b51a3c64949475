// How a workload draws charges and withdrawals.

internal import AuctionDomain

extension Workload {
    mutating func makeCharge() -> (actor: LedgerActor, command: Command) {
        let user = drawUser()
        let currency = drawCurrency()
        var amount = number(1...3_000)
        if currency == Self.hugeCurrency, let totals = model.currencies[currency] {
            let rest = Money.max - totals.charged
            amount = generator.pick([
                1, .max, number(1...100), max(1, rest), shifted(rest, by: 1),
            ])
        } else if generator.chance(perMille: 5) {
            amount = .max
        }
        let actor = generator.chance(perMille: 700) ? LedgerActor.payment : .operator
        let charge = Command.charge(
            user: user, currency: currency, amount: amount, reference: reference(of: user))
        return (actor, charge)
    }

    mutating func makeWithdrawal() -> (actor: LedgerActor, command: Command) {
        let user = drawUser()
        let currency = drawCurrency()
        let available = model.wallet(user, currency).available
        // The huge amounts stay, or the edge of overflow is soon out of reach.
        let takesAll = generator.chance(perMille: 160) && currency != Self.hugeCurrency
        let takesMore = generator.chance(perMille: 160)
        let amount =
            takesAll
            ? max(1, available) : takesMore ? shifted(available, by: 1) : number(1...400)
        let actor = generator.pick([LedgerActor.user(user), .user(user), .payment, .operator])
        let withdrawal = Command.withdraw(
            user: user, currency: currency, amount: amount, reference: reference(of: user))
        return (actor, withdrawal)
    }

    /// Mostly new; sometimes one that was used before, by this user or by another.
    mutating func reference(of user: UserID) -> PaymentReference {
        if generator.chance(perMille: 60), let own = lastReference[user] { return own }
        if generator.chance(perMille: 60), let other = lastReference[drawUser()] { return other }
        referencesDrawn += 1
        let reference = PaymentReference(unchecked: "psp/\(referencesDrawn)")
        lastReference[user] = reference
        return reference
    }
}
