// Money in the plain model: charges, withdrawals, holds.

internal import AuctionDomain

extension NaiveModel {
    mutating func charge(
        _ user: UserID, _ currency: CurrencyCode, _ amount: Money,
        _ reference: PaymentReference, by actor: LedgerActor
    ) -> Rejection? {
        let name = UsedReference(isCharge: true, user: user, reference: reference)
        let total = sum(currencies[currency]!.charged, amount)
        if actor != .operator && actor != .payment { return Rejection(.notPermitted) }
        if references.contains(name) { return Rejection(.referenceAlreadyUsed) }
        if total > Int128(Int64.max) { return Rejection(.overflowsTotalCharged) }

        references.insert(name)
        currencies[currency]!.charged = money(total)
        changeWallet(user, currency, available: Int128(amount.minorUnits))
        return nil
    }

    mutating func withdraw(
        _ user: UserID, _ currency: CurrencyCode, _ amount: Money,
        _ reference: PaymentReference, by actor: LedgerActor
    ) -> Rejection? {
        let name = UsedReference(isCharge: false, user: user, reference: reference)
        let available = wallet(user, currency).available
        if actor != .operator && actor != .payment && actor != .user(user) {
            return Rejection(.notPermitted)
        }
        if references.contains(name) { return Rejection(.referenceAlreadyUsed) }
        if amount > available { return Rejection(.exceedsAvailable, limit: available) }

        references.insert(name)
        currencies[currency]!.withdrawn = money(sum(currencies[currency]!.withdrawn, amount))
        changeWallet(user, currency, available: -Int128(amount.minorUnits))
        return nil
    }

    func sum(_ left: Money, _ right: Money) -> Int128 {
        Int128(left.minorUnits) + Int128(right.minorUnits)
    }

    /// Traps where a sum does not fit: then a rule above let something pass that it must not.
    func money(_ value: Int128) -> Money {
        precondition(value >= 0 && value <= Int128(Int64.max), "the model's money is in range")
        return Money(minorUnits: Int64(value))
    }

    mutating func changeWallet(
        _ user: UserID, _ currency: CurrencyCode, available: Int128 = 0, locked: Int128 = 0
    ) {
        var balance = wallet(user, currency)
        balance.available = money(Int128(balance.available.minorUnits) + available)
        balance.locked = money(Int128(balance.locked.minorUnits) + locked)
        wallets[user]![currency] = balance
    }

    /// Moves money between available and locked until the user's hold has this size.
    mutating func setHold(of user: UserID, for auction: Auction, to amount: Money) {
        let change =
            Int128(amount.minorUnits)
            - Int128(held(by: user, for: auction.id).minorUnits)
        holds.removeAll { $0.user == user && $0.auction == auction.id }
        if amount > 0 { holds.append(Hold(auction: auction.id, user: user, amount: amount)) }
        changeWallet(user, auction.currency, available: -change, locked: change)
    }
}
