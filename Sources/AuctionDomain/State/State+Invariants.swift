// The invariants of DESIGN section 5 that a state can be asked about: 1 to 5, and that the
// incremental digest is the digest of the records (7). The others are about logs and are checked
// by `audit verify`. Costs a pass over everything: for tests and audits, not for the writer.

extension State {
    /// Every broken invariant, as a sentence with its number; none when all hold.
    /// - Parameter recomputesDigest: whether the digest is compared with the one of the records,
    ///   which looks at every name too and costs some ten times as much as everything else.
    /// - Complexity: O(size of the state).
    public func invariantViolations(recomputesDigest: Bool = true) -> [String] {
        var violations: [String] = []
        var holds = Holds(
            own: [Int64](repeating: 0, count: wallets.count),
            further: [Int64](repeating: 0, count: furtherAccounts.count))
        for index in auctions.indices { check(auctionAt: index, &holds, &violations) }
        checkDeadlines(&violations)
        var totals = [Int64](repeating: 0, count: currencies.count)
        for index in wallets.indices {
            let wallet = wallets[index]
            guard wallet.currency != .none else { continue }
            let account = Self.account(UserHandle(rawValue: UInt32(index)), wallet)
            Self.check(account, holds: holds.own[index], &totals, &violations)
        }
        for index in furtherAccounts.indices {
            Self.check(
                furtherAccounts[index], holds: holds.further[index], &totals, &violations)
        }
        for (index, record) in currencies.enumerated() {
            // Wrapping: what is checked may be anything, and is reported, not trapped on.
            let expected = record.charged.minorUnits &- record.withdrawn.minorUnits
            if totals[index] != expected {
                violations.append(
                    "1: accounts hold \(totals[index]) \(record.currency.code), but "
                        + "\(expected) were charged and not withdrawn")
            }
        }
        if recomputesDigest, recomputedDigest() != digest {
            violations.append("7: the incremental digest is not the digest of the records")
        }
        return violations
    }

    /// What all accounts of each currency hold, by the currency's handle. Wraps: what is added up
    /// may be anything.
    /// - Complexity: O(users).
    package func sumOfHoldings() -> [CurrencyHoldings] {
        var sums = [CurrencyHoldings](repeating: CurrencyHoldings(), count: currencies.count)
        for index in wallets.indices where wallets[index].currency != .none {
            let wallet = wallets[index]
            sums[wallet.currency.index].add(available: wallet.available, locked: wallet.locked)
        }
        for index in furtherAccounts.indices {
            let account = furtherAccounts[index]
            sums[account.currency.index].add(available: account.available, locked: account.locked)
        }
        return sums
    }

    /// What the holds of each account add up to: of those in the wallets, and of further ones.
    private struct Holds {
        var own: [Int64]
        var further: [Int64]
    }

    private static func check(
        _ account: AccountRecord, holds held: Int64, _ totals: inout [Int64],
        _ violations: inout [String]
    ) {
        if account.available < .zero || account.locked < .zero {
            violations.append("2: user \(account.user.rawValue) has a negative balance")
        }
        if account.locked.minorUnits != held {
            violations.append(
                "3: user \(account.user.rawValue) has \(account.locked.minorUnits) locked but "
                    + "holds of \(held)")
        }
        totals[account.currency.index] &+= account.available.minorUnits
        totals[account.currency.index] &+= account.locked.minorUnits
    }

    private func check(
        auctionAt index: Int, _ holds: inout Holds, _ violations: inout [String]
    ) {
        let record = auctions[index]
        let auction = AuctionHandle(rawValue: UInt32(index))
        let isOpen = record.phase == .open
        if !hasRightHolds(auction) {
            violations.append(
                "\(isOpen ? 4 : 5): auction \(index) has a hold of \(record.held.minorUnits), "
                    + "maximum \(record.maximum.minorUnits), price \(record.price.minorUnits)")
        }
        var sum: Int64 = 0
        forEachHold(on: auction) { hold in
            sum &+= hold.amount.minorUnits
            let wallet = wallets[hold.user.index]
            if wallet.currency == record.currency {
                holds.own[hold.user.index] &+= hold.amount.minorUnits
            } else if let further = furtherAccountIndex(from: wallet.next, in: record.currency) {
                holds.further[further] &+= hold.amount.minorUnits
            } else {
                violations.append("4: a user with a hold on auction \(index) has no account")
            }
        }
        if sum != record.held.minorUnits {
            violations.append("4: the holds on auction \(index) do not add up to its own")
        }
        let isFinished = record.closedPosition != noPosition
        let hadNoBids = record.outcome == .noBids
        if isOpen == isFinished || (record.phase == .closed) != (record.outcome != nil)
            || record.phase == .closed && hadNoBids != (record.leader == .none)
        {
            violations.append("5: auction \(index) is neither open nor finished")
        }
        if let reserve = reserve(of: record), record.phase == .closed, record.leader != .none,
            (record.outcome == .sold) != (record.price >= reserve)
        {
            violations.append("5: auction \(index)'s outcome is not what its reserve asks")
        }
    }

    private func checkDeadlines(_ violations: inout [String]) {
        let open = auctions.indices.lazy.map { self.auctions[$0] }
            .filter { $0.phase == .open && $0.closesAt != .noEnd }
        if open.count != deadlines.count {
            violations.append(
                "5: \(open.count) open auctions have an end, \(deadlines.count) are waited for")
        }
    }
}

/// What all accounts of a currency hold together.
@usableFromInline
package struct CurrencyHoldings: Hashable, Sendable {
    @usableFromInline package internal(set) var available = Money.zero
    @usableFromInline package internal(set) var locked = Money.zero

    package init() {}

    /// Wraps where a sum does not fit, which no log does that these rules wrote.
    @inlinable @inline(__always)
    package mutating func add(available: Money, locked: Money) {
        self.available = Money(
            minorUnits: self.available.minorUnits &+ available.minorUnits)
        self.locked = Money(minorUnits: self.locked.minorUnits &+ locked.minorUnits)
    }

    /// Money moves from available to locked; back where the amount is negative.
    @inlinable @inline(__always)
    package mutating func lock(_ amount: Int64) {
        available = Money(minorUnits: available.minorUnits &- amount)
        locked = Money(minorUnits: locked.minorUnits &+ amount)
    }
}
