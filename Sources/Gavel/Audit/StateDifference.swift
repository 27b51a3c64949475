// What differs between two states: of one ledger at two moments, or of two ledgers.
//
// Invariants: records are matched by name, so two ledgers that gave their names other handles can
// be compared; what is told is everything queries show of currencies, wallets and auctions, holds
// and maxima included; nothing differs exactly when nothing is told.

package import AuctionDomain
internal import Synchronization

/// What came in and went out of a currency.
package struct CurrencyFigures: Hashable, Sendable {
    package let scale: UInt8
    package let charged: Money
    package let withdrawn: Money
}

/// The two halves of a wallet in one currency.
package struct BalanceFigures: Hashable, Sendable {
    package let available: Money
    package let locked: Money

    package static let zero = BalanceFigures(available: .zero, locked: .zero)

    package init(available: Money, locked: Money) {
        self.available = available
        self.locked = locked
    }
}

/// An auction as an auditor sees it.
package struct AuctionFigures: Hashable, Sendable {
    package let view: AuctionView
    /// What the leader is ready to pay; nil before the first accepted bid.
    package let maximum: Money?
    /// What the leader has locked.
    package let held: Money
}

/// One thing that differs; nil on a side means that it is not there.
package enum StateDifference: Hashable, Sendable {
    /// A number of things: `entries`, `users`, `auctions`, ….
    case count(String, UInt64, UInt64)
    case currency(CurrencyCode, CurrencyFigures?, CurrencyFigures?)
    case user(UserID, isFirst: Bool)
    case balance(UserID, Currency, BalanceFigures?, BalanceFigures?)
    case auction(AuctionID, AuctionFigures?, AuctionFigures?)
}

extension LedgerQueries {
    /// Tells each thing that differs between this and another: counts first, then currencies,
    /// users, wallets and auctions, each in this one's order of registration, and after them what
    /// only the other one has.
    /// - Complexity: O(size of both states). A live ledger goes on meanwhile.
    package func forEachDifference(
        to other: some LedgerQueries, _ body: (StateDifference) throws -> Void
    ) rethrows {
        // Copies share their memory.
        let first = reading.readState.withLock { $0 }
        let second = other.reading.readState.withLock { $0 }
        let comparison = StateComparison(first: first, second: second)
        try comparison.compareCounts(body)
        try comparison.compareCurrencies(body)
        try comparison.compareUsers(body)
        try comparison.compareBalances(body)
        try comparison.compareAuctions(body)
    }
}

private struct StateComparison {
    let first: ReadState
    let second: ReadState

    func compareCounts(_ body: (StateDifference) throws -> Void) rethrows {
        let counts = [first, second].map { side -> [(String, UInt64)] in
            let state = side.state
            return [
                ("entries", state.entryCount), ("currencies", UInt64(state.currencyCount)),
                ("users", UInt64(state.userCount)), ("wallets", UInt64(state.accountCount)),
                ("auctions", UInt64(state.auctionCount)),
                ("payments", UInt64(state.references.count)),
            ]
        }
        for (one, other) in zip(counts[0], counts[1]) where one.1 != other.1 {
            try body(.count(one.0, one.1, other.1))
        }
    }

    func compareCurrencies(_ body: (StateDifference) throws -> Void) rethrows {
        for record in first.state.currencies {
            let code = record.currency.code
            let one = figures(record)
            let other = second.state.currency(code).map { figures(second.state[$0]) }
            if one != other { try body(.currency(code, one, other)) }
        }
        for record in second.state.currencies
        where first.state.currency(record.currency.code) == nil {
            try body(.currency(record.currency.code, nil, figures(record)))
        }
    }

    private func figures(_ record: CurrencyRecord) -> CurrencyFigures {
        CurrencyFigures(
            scale: record.currency.scale, charged: record.charged, withdrawn: record.withdrawn)
    }

    func compareUsers(_ body: (StateDifference) throws -> Void) rethrows {
        try forEachUser(of: first) { user, id in
            if second.state.user(id) == nil { try body(.user(id, isFirst: true)) }
        }
        try forEachUser(of: second) { user, id in
            if first.state.user(id) == nil { try body(.user(id, isFirst: false)) }
        }
    }

    func compareBalances(_ body: (StateDifference) throws -> Void) rethrows {
        try forEachUser(of: first) { user, id in
            let other = second.state.user(id)
            for account in first.state.accounts(of: user) {
                let currency = first.state.currency(of: account.currency)
                let one = figures(account)
                let two = other.flatMap { figures($0, currency.code, second.state) }
                if one != two { try body(.balance(id, currency, one, two)) }
            }
        }
        try forEachUser(of: second) { user, id in
            let other = first.state.user(id)
            for account in second.state.accounts(of: user) {
                let currency = second.state.currency(of: account.currency)
                if other.flatMap({ figures($0, currency.code, first.state) }) == nil {
                    try body(.balance(id, currency, nil, figures(account)))
                }
            }
        }
    }

    private func figures(_ account: AccountRecord) -> BalanceFigures {
        BalanceFigures(available: account.available, locked: account.locked)
    }

    private func figures(
        _ user: UserHandle, _ code: CurrencyCode, _ state: State
    ) -> BalanceFigures? {
        state.currency(code).flatMap { state.account(of: user, in: $0) }.map { figures($0) }
    }

    func compareAuctions(_ body: (StateDifference) throws -> Void) rethrows {
        for index in 0..<first.state.auctionCount {
            let auction = AuctionHandle(rawValue: UInt32(index))
            let id = first.state.id(of: auction)
            let other = second.state.auction(id)
            let one = figures(auction, first)
            let two = other.map { figures($0, second) }
            if one != two { try body(.auction(id, one, two)) }
        }
        for index in 0..<second.state.auctionCount {
            let auction = AuctionHandle(rawValue: UInt32(index))
            let id = second.state.id(of: auction)
            if first.state.auction(id) == nil {
                try body(.auction(id, nil, figures(auction, second)))
            }
        }
    }

    private func figures(_ auction: AuctionHandle, _ side: ReadState) -> AuctionFigures {
        let record = side.state[auction]
        return AuctionFigures(
            view: side.auction(auction), maximum: record.leader == .none ? nil : record.maximum,
            held: record.held)
    }

    private func forEachUser(
        of side: ReadState, _ body: (UserHandle, UserID) throws -> Void
    ) rethrows {
        for index in 0..<side.state.userCount {
            let user = UserHandle(rawValue: UInt32(index))
            try body(user, side.state.id(of: user))
        }
    }
}
